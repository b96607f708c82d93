//! Every refusal gives one well-formed challenge, for any realm. An independent parser reads the challenges.

mod common;

use common::{keys, lengths};
use ctx_key::{Denied, KeyRecord, ParseKeyError, Scope, UnixTime, bearer};
use proptest::prelude::*;

/// Returns every kind of refusal, with the parameters that follow the realm.
fn refusals() -> Vec<(Denied, Vec<(&'static str, String)>)> {
    let [key, other] = &keys(2)[..] else { unreachable!() };
    let record = KeyRecord::new(key, (), Scope::READ);
    let now = UnixTime::from_secs(100);
    let invalid = |change: fn(&mut KeyRecord<()>)| {
        let mut record = record.clone();
        change(&mut record);
        record.verify(key, now).unwrap_err()
    };
    let grant = record.verify(key, now).unwrap();
    let error = |code: &str| vec![("error", code.to_owned())];
    let mut all = vec![
        (bearer::parse(None::<&str>).unwrap_err(), vec![]),
        (bearer::parse(["Basic x"]).unwrap_err(), vec![]),
        (bearer::parse(["Bearer"]).unwrap_err(), error("invalid_request")),
        (ParseKeyError::Checksum.into(), error("invalid_token")),
        (Denied::unknown_key(), error("invalid_token")),
        (record.verify(other, now).unwrap_err(), error("invalid_token")),
        (invalid(|record| record.revoke(UnixTime::MAX)), error("invalid_token")),
        (invalid(|record| record.retire_at(UnixTime::from_secs(1))), error("invalid_token")),
        (invalid(|record| record.not_before = Some(UnixTime::MAX)), error("invalid_token")),
        (grant.require(Scope::empty()).unwrap_err(), error("insufficient_scope")),
        (grant.require(Scope::from_bits_retain(64)).unwrap_err(), error("insufficient_scope")),
    ];
    for bits in (1..64).filter(|bits| bits & !Scope::READ.bits() != 0) {
        let required = Scope::from_bits(bits).unwrap();
        let mut parameters = error("insufficient_scope");
        parameters.push(("scope", required.to_string()));
        all.push((grant.require(required).unwrap_err(), parameters));
    }
    all
}

/// Asserts that the text is one challenge with exactly these parameters in this order, of visible ASCII and spaces.
fn assert_well_formed(denied: Denied, realm: &str, parameters: &[(&'static str, String)]) {
    let text = denied.challenge(realm).to_string();
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");

    let challenges = http_auth::parse_challenges(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let [challenge] = &challenges[..] else { panic!("{text:?}") };
    assert_eq!(challenge.scheme, "Bearer");
    let read: Vec<_> = challenge.params.iter().map(|(name, value)| (*name, value.to_unescaped())).collect();
    let shown = realm.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect();
    let expected: Vec<_> = [("realm", shown)].into_iter().chain(parameters.iter().cloned()).collect();
    assert_eq!(read, expected, "{text:?}");
}

#[test]
fn a_realm_of_any_length_is_written_in_full() {
    for length in lengths(1) {
        let realm: String = ('a'..='z').cycle().take(length).collect();
        assert_eq!(
            Denied::unknown_key().challenge(&realm).to_string(),
            format!("Bearer realm=\"{realm}\", error=\"invalid_token\"")
        );
    }
}

#[cfg(feature = "http")]
#[test]
fn the_header_value_is_the_text_of_the_challenge() {
    for (denied, _) in refusals() {
        for realm in ["", "MemoryKit", "\"\\\n\u{e9}"] {
            let value = denied.to_header_value(realm);
            assert_eq!(value.to_str().unwrap(), denied.challenge(realm).to_string());
            assert!(!value.is_sensitive());
        }
    }
}

#[test]
fn a_hostile_realm_cannot_change_the_challenge() {
    for (denied, parameters) in refusals() {
        for realm in [
            "MemoryKit",
            "",
            " ",
            "\"",
            "\\",
            "\\\"",
            "a\", error=\"none",
            "\", Basic realm=\"",
            "\r\nSet-Cookie: session=1",
            "\n",
            "\u{0}\u{1}\u{1b}[31m\u{7f}",
            "é 漢字 \u{1f511} \u{2028}",
            "tab\there",
        ] {
            assert_well_formed(denied, realm, &parameters);
        }
    }
}

#[test]
fn the_parameters_are_realm_error_and_scope_in_this_order() {
    let [key] = &keys(1)[..] else { unreachable!() };
    let record = KeyRecord::new(key, (), Scope::empty());
    let required = Scope::USERS_WRITE | Scope::MEMORIES_READ;
    let denied = record.verify(key, UnixTime::MAX).unwrap().require(required).unwrap_err();
    assert_eq!(
        denied.challenge("a \"b\"").to_string(),
        r#"Bearer realm="a \"b\"", error="insufficient_scope", scope="memories:read users:write""#
    );
}

proptest! {
    #[test]
    fn any_realm_gives_a_well_formed_challenge(realm in any::<String>()) {
        for (denied, parameters) in refusals() {
            assert_well_formed(denied, &realm, &parameters);
        }
    }

    #[test]
    fn any_realm_of_special_characters_gives_a_well_formed_challenge(realm in "[\"\\\\,= a\r\n\t\u{e9}]{0,20}") {
        for (denied, parameters) in refusals() {
            assert_well_formed(denied, &realm, &parameters);
        }
    }
}
