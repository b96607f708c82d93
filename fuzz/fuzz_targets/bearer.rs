//! `bearer::parse` on any header values, compared with the documentation's table.

#![no_main]

use ctx_key::{Reason, bearer};
use ctx_key_fuzz::{assert_parsed, assert_secret, expand, hashed_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // No key and no rule contains these characters, so they can stand for texts that mutations hardly find.
    let key = hashed_key(text.as_bytes());
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
                other => panic!("{other:?}, although there is exactly one token"),
            });
            assert_parsed(&read, token);
        }
        Err(reason) => assert_eq!(result.map_err(|denied| denied.reason()), Err(reason)),
    }
});

/// Returns the token, or the reason of a refusal that comes before the token is parsed.
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
