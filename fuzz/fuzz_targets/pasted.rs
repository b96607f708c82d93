//! `ApiKey::parse_pasted` on any text, compared with the rules of repair on a list of characters.

#![no_main]

use ctx_key::ApiKey;
use ctx_key_fuzz::{assert_parsed, expand, hashed_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // No rule contains these characters, so they can stand for texts of the rules.
    let pieces = [
        ('#', &*hashed_key(text.as_bytes())),
        ('@', "Bearer"),
        ('^', "bEARER"),
        ('$', "MEMORYKIT_API_KEY"),
        ('!', "export"),
        ('&', "authoriZation"),
        ('_', "\u{3000}"),
        ('~', "\u{200b}"),
        ('%', "\u{feff}"),
        ('(', "“"),
        (')', "”"),
        ('[', "‘"),
        (']', "’"),
    ];
    let text = expand(text, &pieces);
    assert_parsed(&ApiKey::parse_pasted(&text), repaired(&text).as_bytes());
});

/// Repairs a text by the specification.
fn repaired(text: &str) -> String {
    let mut text: Vec<char> = text.chars().collect();
    let mut applied = [false; 4];
    loop {
        while text.first().is_some_and(is_trimmed) {
            text.remove(0);
        }
        while text.last().is_some_and(is_trimmed) {
            text.pop();
        }
        let removed = [quotes(&text), end(&text), name(&text), scheme(&text)];
        let Some(rule) = (0..4).find(|&rule| !applied[rule] && removed[rule].is_some()) else {
            return text.into_iter().collect();
        };
        let (front, back) = removed[rule].unwrap();
        text = text[front..text.len() - back].to_vec();
        applied[rule] = true;
    }
}

fn is_trimmed(character: &char) -> bool {
    const FORMAT: [(u32, u32); 9] = [
        (0xad, 0xad),
        (0x61c, 0x61c),
        (0x180e, 0x180e),
        (0x200b, 0x200f),
        (0x202a, 0x202e),
        (0x2060, 0x2064),
        (0x2066, 0x2069),
        (0x206a, 0x206f),
        (0xfeff, 0xfeff),
    ];
    let code = u32::from(*character);
    character.is_whitespace() || FORMAT.iter().any(|&(first, last)| first <= code && code <= last)
}

/// Numbers of characters that a rule removes at the front and at the back.
type Removed = Option<(usize, usize)>;

fn quotes(text: &[char]) -> Removed {
    let pair = [*text.first()?, *text.last()?];
    let pairs = ["\"\"", "''", "``", "“”", "‘’", "<>"];
    (text.len() >= 2 && pairs.contains(&&*String::from_iter(pair))).then_some((1, 1))
}

fn end(text: &[char]) -> Removed {
    matches!(text.last(), Some(',' | ';')).then_some((0, 1))
}

fn name(text: &[char]) -> Removed {
    let spaces = |from: usize| text[from..].iter().take_while(|character| character.is_whitespace()).count();
    let starts = |from: usize, word: &str| text[from..].starts_with(&word.chars().collect::<Vec<_>>());
    let mut at = 0;
    if starts(0, "export") && spaces(6) > 0 {
        at = 6 + spaces(6);
    }
    if starts(at, "MEMORYKIT_API_KEY") {
        at += 17;
        at += spaces(at);
        return matches!(text.get(at), Some('=' | ':')).then_some((at + 1, 0));
    }
    let word = String::from_iter(text.iter().take(13));
    let at = 13 + text.get(13..).map_or(0, |_| spaces(13));
    (word.to_ascii_lowercase() == "authorization" && text.get(at) == Some(&':')).then_some((at + 1, 0))
}

fn scheme(text: &[char]) -> Removed {
    let word = String::from_iter(text.iter().take(6));
    let space = text.get(6).is_some_and(|character| character.is_whitespace());
    (word.to_ascii_lowercase() == "bearer" && space).then_some((6, 0))
}
