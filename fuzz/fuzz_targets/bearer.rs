//! `bearer::parse` on any header values, against the table of the documentation written as splits and searches.

#![no_main]

use ctx_key::{Reason, bearer};
use ctx_key_fuzz::{assert_parsed, assert_secret, expand, key_out_of_reach};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // No key has these characters, and no rule names them, so they can stand for what is hard to mutate into.
    let key = key_out_of_reach(text.as_bytes());
    let pieces = [
        ('#', &*key),
        ('@', "Bearer"),
        ('^', "bEARER"),
        ('%', &*" ".repeat(4096)),
        ('~', &*"x".repeat(4096)),
        ('_', "\u{a0}"),
    ];
    let text = expand(text, &pieces);
    let values: Vec<&[u8]> =
        if text.is_empty() { Vec::new() } else { text.split('|').map(str::as_bytes).collect() };

    let result = bearer::parse(&values);
    if let Err(denied) = &result {
        assert_secret(&key, &format!("{denied} {denied:?} {}", denied.challenge("realm")));
    }
    match token(&values) {
        Ok(token) => {
            let read = result.map_err(|denied| match denied.reason() {
                Reason::Key(error) => error,
                other => panic!("{other:?} in place of what the token is"),
            });
            assert_parsed(&read, token);
        }
        Err(reason) => assert_eq!(result.map_err(|denied| denied.reason()), Err(reason)),
    }
});

/// The one token of the one value, if that is so.
fn token<'v>(values: &[&'v [u8]]) -> Result<&'v [u8], Reason> {
    let &[value] = values else {
        let several = !values.is_empty();
        return Err(if several { Reason::MalformedHeader } else { Reason::MissingCredentials });
    };
    let text: &[u8] = trimmed(value);
    let parts: Vec<&[u8]> = text.splitn(2, |byte| b" \t,".contains(byte)).collect();
    if parts[0].to_ascii_lowercase() != b"bearer" {
        return Err(Reason::MissingCredentials);
    }
    let rest = &text[parts[0].len()..];
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = &rest[spaces..];
    let is_one = spaces > 0 && !token.is_empty() && !token.iter().any(|byte| b" \t,".contains(byte));
    if text.len() > 8192 || !is_one {
        return Err(Reason::MalformedHeader);
    }
    Ok(token)
}

fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
