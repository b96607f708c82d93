//! `ApiKey::parse_pasted` on any text, against the rule of repair carried out on a list of characters.

#![no_main]

use ctx_key::ApiKey;
use ctx_key_fuzz::{assert_parsed, expand, key_out_of_reach};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // The rule says nothing of these characters, so they can stand for what it does say something of.
    let pieces = [
        ('#', &*key_out_of_reach(text.as_bytes())),
        ('@', "Bearer"),
        ('^', "bEARER"),
        ('_', "\u{3000}"),
        ('~', "\u{200b}"),
        ('%', "\u{feff}"),
    ];
    let text = expand(text, &pieces);
    assert_parsed(&ApiKey::parse_pasted(&text), repaired(&text).as_bytes());
});

fn repaired(text: &str) -> String {
    let mut text: Vec<char> = text.chars().collect();
    let (mut quotes_removed, mut scheme_removed) = (false, false);
    loop {
        let before = text.clone();
        while text.first().is_some_and(is_trimmed) {
            text.remove(0);
        }
        while text.last().is_some_and(is_trimmed) {
            text.pop();
        }
        if !quotes_removed && is_quoted(&text) {
            text.remove(0);
            text.pop();
            quotes_removed = true;
        }
        if !scheme_removed && has_scheme(&text) {
            text.drain(..6);
            scheme_removed = true;
        }
        if text == before {
            return text.into_iter().collect();
        }
    }
}

fn is_trimmed(character: &char) -> bool {
    character.is_whitespace() || *character == '\u{feff}' || *character == '\u{200b}'
}

fn is_quoted(text: &[char]) -> bool {
    text.len() >= 2 && text[0] == text[text.len() - 1] && "\"'`".contains(text[0])
}

fn has_scheme(text: &[char]) -> bool {
    text.len() >= 7 && String::from_iter(&text[..6]).to_lowercase() == "bearer" && text[6].is_whitespace()
}
