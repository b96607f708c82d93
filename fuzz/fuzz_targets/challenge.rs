//! The challenge of every kind of refusal with any realm, parsed by the grammar of RFC 9110 §11.2.

#![no_main]

use ctx_key::{Denied, KeyRecord, Scope, UnixTime, bearer};
use ctx_key_fuzz::key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u32, u32, &str)| {
    let (kind, granted, required, realm) = input;
    let Some((denied, error, scope)) = refusal(kind, granted, required) else { return };

    let shown = realm.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect();
    let mut expected = vec![("realm".to_owned(), shown)];
    expected.extend(error.map(|error| ("error".to_owned(), error.to_owned())));
    expected.extend(scope.map(|scope| ("scope".to_owned(), scope)));

    let text = denied.challenge(realm).to_string();
    assert_eq!(parameters(&text), expected, "{text:?}");
    assert_eq!(denied.to_header_value(realm), text);
});

type Refusal = (Denied, Option<&'static str>, Option<String>);

/// Returns a refusal and the error and scope of its challenge, or `None` if the scopes suffice.
fn refusal(kind: u8, granted: u32, required: u32) -> Option<Refusal> {
    let own = key(&[kind]).parse().unwrap();
    let header = |value: &str| bearer::parse([value]).unwrap_err();
    let invalid_token = |denied| Some((denied, Some("invalid_token"), None));
    match kind % 6 {
        0 => Some((bearer::parse([""; 0]).unwrap_err(), None, None)),
        1 => Some((header("Basic x"), None, None)),
        2 => Some((header("Bearer"), Some("invalid_request"), None)),
        3 => invalid_token(header("Bearer ctx_your_api_key_here")),
        4 => invalid_token(Denied::unknown_key()),
        _ => {
            let record = KeyRecord::new(&own, (), Scope::from_bits_retain(granted));
            let grant = record.verify(&own, UnixTime::from_secs(0)).unwrap();
            let denied = grant.require(Scope::from_bits_retain(required)).err();
            let suffices = required != 0 && required & !0b11_1111 == 0 && required & !granted == 0;
            assert_eq!(denied.is_none(), suffices);
            let known = Scope::from_bits_truncate(required);
            let names = (!known.is_empty()).then(|| known.to_string());
            denied.map(|denied| (denied, Some("insufficient_scope"), names))
        }
    }
}

/// Parses exactly one challenge of the scheme `Bearer`. Its parameters are quoted strings.
fn parameters(challenge: &str) -> Vec<(String, String)> {
    let mut rest = challenge.strip_prefix("Bearer ").unwrap();
    let mut parameters = Vec::new();
    loop {
        let (name, quoted) = rest.split_once("=\"").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{name:?} is not a token");
        let (mut value, mut characters) = (String::new(), quoted.chars());
        loop {
            match characters.next().expect("a closing quote") {
                '"' => break,
                '\\' => value.push(characters.next().expect("an escaped character")),
                character => {
                    assert!(matches!(character, ' '..='~'));
                    value.push(character);
                }
            }
        }
        parameters.push((name.to_owned(), value));
        match characters.as_str() {
            "" => return parameters,
            more => rest = more.strip_prefix(", ").unwrap(),
        }
    }
}
