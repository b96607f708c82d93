//! Errors of toml and clap quote their input, and people paste whole keys where an id belongs. `redact_str` redacts the
//! errors.

use clap::{Arg, Command, value_parser};
use ctx_key::{ApiKey, KeyId, scan};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Config {
    #[allow(dead_code, reason = "the test reads only the error")]
    key_id: KeyId,
}

/// Asserts that a text contains the key, and that eight characters of its secret are nowhere in the redacted text.
fn assert_redacted(text: &str, key: &ApiKey) {
    let secret = &key.expose_secret()[16..];
    assert!(text.contains(secret), "the error no longer quotes its input: {text}");
    let redacted = scan::redact_str(text);
    for start in 0..=secret.len() - 8 {
        assert!(!redacted.contains(&secret[start..start + 8]), "{redacted}");
    }
}

#[test]
fn the_source_line_in_an_error_of_toml_can_be_redacted() {
    let key = ApiKey::generate();
    let error = toml::from_str::<Config>(&format!("key_id = \"{}\"\n", key.expose_secret())).unwrap_err();
    assert_redacted(&error.to_string(), &key);
    assert_eq!(
        error.message(),
        "a key id is 12 letters and digits, not 52 bytes; copy the 12 characters after `ctx_`"
    );
}

#[test]
fn the_argument_in_an_error_of_clap_can_be_redacted() {
    let key = ApiKey::generate();
    let command = Command::new("revoke").arg(Arg::new("id").value_parser(value_parser!(KeyId)));
    let error = command.try_get_matches_from(["revoke", key.expose_secret()]).unwrap_err();
    assert_redacted(&error.to_string(), &key);
}
