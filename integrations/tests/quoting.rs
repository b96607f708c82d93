//! Errors of toml and clap quote their input, and people paste whole keys where an id belongs. `redact_str` hides the key.

use clap::{Arg, Command, value_parser};
use ctx_key::{ApiKey, KeyId, scan};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Config {
    #[allow(dead_code, reason = "never read: the test is about the error")]
    key_id: KeyId,
}

/// Asserts that a text repeats the key, and that redaction leaves no eight characters of its secret in it.
fn assert_redacted(text: &str, key: &ApiKey) {
    let secret = &key.expose_secret()[16..];
    assert!(text.contains(secret), "the limit is gone: {text}");
    assert_silent(&scan::redact_str(text), key);
}

fn assert_silent(text: &str, key: &ApiKey) {
    let secret = &key.expose_secret()[16..];
    for start in 0..=secret.len() - 8 {
        assert!(!text.contains(&secret[start..start + 8]), "{text}");
    }
}

#[test]
fn toml_quotes_the_source_line() {
    let key = ApiKey::generate();
    let error = toml::from_str::<Config>(&format!("key_id = \"{}\"\n", key.expose_secret())).unwrap_err();
    assert_redacted(&error.to_string(), &key);
    assert_eq!(
        error.message(),
        "a key id is 12 letters and digits, not 52 bytes; copy the 12 characters after `ctx_`"
    );
}

#[test]
fn clap_quotes_the_argument() {
    let key = ApiKey::generate();
    let command = Command::new("revoke").arg(Arg::new("id").value_parser(value_parser!(KeyId)));
    let error = command.try_get_matches_from(["revoke", key.expose_secret()]).unwrap_err();
    assert_redacted(&error.to_string(), &key);
}
