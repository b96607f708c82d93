//! The exact texts of errors and refusals. People search for these texts, and programs log them.

mod common;

use core::error::Error;

use common::keys;
use ctx_key::{
    ApiKey, Denied, KeyDigest, KeyId, KeyRecord, ParseKeyError, Reason, RotateError, Scope, UnixTime,
};

#[test]
fn each_parse_key_error_has_its_text() {
    for (input, text) in [
        ("", "an API key starts with `ctx_`: copy the whole key, without anything around it"),
        (
            "ctx_your_api_key_here",
            "an API key is 52 bytes long, not 21: it was cut off or is a placeholder; copy the whole key",
        ),
        // the last character is missing
        (
            "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n",
            "an API key is 52 bytes long, not 51: it was cut off or is a placeholder; copy the whole key",
        ),
        (
            "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9 ",
            "an API key is 52 bytes long, not 53: something was added, or a character is not plain ASCII; copy the \
             key again, without anything around it",
        ),
        // the Cyrillic letter that looks like an `a`
        (
            "ctx_8аspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9",
            "an API key is 52 bytes long, not 53: something was added, or a character is not plain ASCII; copy the \
             key again, without anything around it",
        ),
        (
            "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6-K111f4cz2n9",
            "the byte at index 40 of the API key is not one of 0-9, A-Z and a-z; copy the key again",
        ),
        (
            "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n8",
            "the checksum of the API key is wrong: a character was changed; copy the key again",
        ),
    ] {
        assert_says(ApiKey::parse(input).unwrap_err(), text);
    }
}

#[test]
fn each_parse_key_id_error_has_its_text() {
    let parse = |text: &str| text.parse::<KeyId>().unwrap_err();
    assert_says(
        parse("8aspm4G7VmS"),
        "a key id is 12 letters and digits, not 11 bytes; copy the 12 characters after `ctx_`",
    );
    assert_says(parse("8aspm4G7_mSU"), "the byte at index 8 of the key id is not a letter or digit");
}

#[test]
fn each_parse_digest_error_has_its_text() {
    let parse = |text: &str| text.parse::<KeyDigest>().unwrap_err();
    assert_says(parse("00"), "a key digest is 64 hexadecimal digits, not 2 bytes");
    assert_says(parse(&"0g".repeat(32)), "the byte at index 1 of the key digest is not a hexadecimal digit");
    assert_says(KeyDigest::try_from(&[0; 31][..]).unwrap_err(), "a key digest is 32 bytes, not 31");
}

#[test]
fn each_parse_scope_error_has_its_text() {
    let parse = |text: &str| text.parse::<Scope>().unwrap_err();
    assert_says(parse("memory:read"), "unknown scope at bytes 0..11; did you mean `memories:read`?");
    assert_says(
        parse("users:read admin"),
        "unknown scope at bytes 11..16; the scopes are: memories:read memories:write chats:read chats:write \
         users:read users:write",
    );
    assert_says(
        parse("users:read "),
        "a scope name is missing at byte 11; separate names by one space, without spaces at the ends",
    );
}

#[test]
fn each_rotate_error_has_its_text() {
    assert_says(RotateError::SameKey, "the new key has the id of the old one; generate another key");
    assert_says(RotateError::Revoked, "a revoked key cannot be rotated; create a new key");
    assert_says(RotateError::Expired, "an expired key cannot be rotated; create a new key");
    assert_says(RotateError::Retired, "a retired key cannot be rotated; rotate its successor");
    assert_says(
        RotateError::UnknownTime,
        "the time is unknown, so the overlap would never end; check the system clock",
    );
}

#[cfg(feature = "std")]
#[test]
fn each_env_key_error_has_its_text() {
    use ctx_key::{BeforeUnixEpochError, EnvKeyError};
    assert_says(
        EnvKeyError::Missing,
        "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard under API Keys, and set the variable to it",
    );
    assert_says(
        EnvKeyError::NotUnicode,
        "MEMORYKIT_API_KEY is not Unicode text; set it to a key from the dashboard",
    );
    assert_says(
        EnvKeyError::Invalid(ParseKeyError::Length { found: 21 }),
        "MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21: it was cut off or is a \
         placeholder; copy the whole key",
    );
    assert_says(
        BeforeUnixEpochError,
        "the time is before the Unix epoch (1970-01-01); check the system clock",
    );
}

#[test]
fn display_returns_the_error_of_a_writer_that_is_full_at_any_byte() {
    use core::fmt::{Display, Error, Write};

    /// A writer with room for this many bytes.
    struct Limited(usize);
    impl Write for Limited {
        fn write_str(&mut self, text: &str) -> Result<(), Error> {
            self.0 = self.0.checked_sub(text.len()).ok_or(Error)?;
            Ok(())
        }
    }

    fn assert_reported(value: impl Display) {
        let text = value.to_string();
        for room in 0..text.len() {
            assert!(write!(Limited(room), "{value}").is_err(), "{room} bytes for {text:?}");
        }
        assert!(write!(Limited(text.len()), "{value}").is_ok(), "{text:?}");
    }

    let key = &keys(1)[0];
    let record = KeyRecord::new(key, (), Scope::READ);
    let grant = record.verify(key, UnixTime::MAX).unwrap();
    let denied = grant.require(Scope::WRITE).unwrap_err();
    let challenge = denied.challenge("a \"realm\" \u{e9}");
    let scope = Scope::from_bits_retain(1 << 20 | 5);
    let error = "users:read admin".parse::<Scope>().unwrap_err();
    assert_reported(challenge);
    assert_reported(scope);
    assert_reported(format_args!("{scope:?}"));
    assert_reported(error);
}

/// The public text is the same for a key that is unknown, wrong, revoked, expired, retired or not yet valid.
#[test]
fn each_refusal_has_its_status_text_and_label() {
    let [key, other] = &keys(2)[..] else { unreachable!() };
    let now = UnixTime::from_secs(100);
    let record = |change: fn(&mut KeyRecord<()>)| {
        let mut record = KeyRecord::new(key, (), Scope::READ);
        change(&mut record);
        record
    };
    let denied = |record: KeyRecord<()>, key| record.verify(key, now).unwrap_err();

    let invalid = "the API key is not valid: it is unknown, revoked or outside its validity period";
    for (denied, label) in [
        (Denied::unknown_key(), "unknown_key"),
        (denied(record(|_| ()), other), "digest_mismatch"),
        (denied(record(|record| record.revoke(UnixTime::MAX)), key), "revoked"),
        (denied(record(|record| record.expires_at = Some(UnixTime::from_secs(100))), key), "expired"),
        (denied(record(|record| record.retire_at(UnixTime::from_secs(100))), key), "retired"),
        (denied(record(|record| record.not_before = Some(UnixTime::from_secs(101))), key), "not_yet_valid"),
    ] {
        assert_says(denied, invalid);
        assert_eq!((denied.status(), denied.message(), denied.missing()), (401, invalid, Scope::empty()));
        assert_eq!(denied.reason().as_str(), label);
    }

    for (values, status, label, text) in [
        (
            &[][..],
            401,
            "missing_credentials",
            "an API key is required: send it as `Authorization: Bearer <key>`",
        ),
        (
            &["Bearer a", "Bearer b"],
            400,
            "malformed_header",
            "the Authorization header is malformed: send one, as `Bearer <key>`",
        ),
    ] {
        let denied = ctx_key::bearer::parse(values).unwrap_err();
        assert_says(denied, text);
        assert_eq!((denied.status(), denied.missing()), (status, Scope::empty()));
        assert_eq!(denied.reason().as_str(), label);
    }

    for (error, label) in [
        (ParseKeyError::Prefix, "key_prefix"),
        (ParseKeyError::Length { found: 1 }, "key_length"),
        (ParseKeyError::Character { index: 4 }, "key_character"),
        (ParseKeyError::Checksum, "key_checksum"),
    ] {
        let denied = Denied::from(error);
        assert_says(denied, "the API key is not well-formed: copy the whole key, and nothing else");
        assert_eq!(
            (denied.status(), denied.missing(), denied.reason()),
            (401, Scope::empty(), Reason::Key(error))
        );
        assert_eq!(denied.reason().as_str(), label);
    }

    let grant = record(|_| ()).verify(key, now).map(|grant| grant.cloned()).unwrap();
    let denied = grant.require(Scope::CHATS_READ | Scope::CHATS_WRITE).unwrap_err();
    assert_says(denied, "the API key lacks a scope that this request requires");
    assert_eq!((denied.status(), denied.missing()), (403, Scope::CHATS_WRITE));
    assert_eq!(denied.reason().as_str(), "missing_scope");
}

/// Asserts that the error has this text and no source, which could repeat the text or reveal the reason.
fn assert_says(error: impl Error, text: &str) {
    assert_eq!(error.to_string(), text);
    assert!(error.source().is_none());
}

/// Returns each implementation of `Display`: its line in `tests/contract/api.txt`, a text, and the alternate form of it.
fn displayed() -> Vec<(&'static str, [String; 2])> {
    fn both(value: impl core::fmt::Display) -> [String; 2] {
        [format!("{value}"), format!("{value:#}")]
    }
    let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9").unwrap();
    let mut record = KeyRecord::new(&key, (), Scope::READ);
    record.revoke(UnixTime::from_secs(0));
    let denied = record.verify(&key, UnixTime::from_secs(1)).unwrap_err();
    vec![
        ("impl core::fmt::Display for ctx_key::ParseDigestError", both("".parse::<KeyDigest>().unwrap_err())),
        ("impl core::fmt::Display for ctx_key::ParseKeyError", both(ParseKeyError::Checksum)),
        ("impl core::fmt::Display for ctx_key::ParseKeyIdError", both("".parse::<KeyId>().unwrap_err())),
        ("impl core::fmt::Display for ctx_key::RotateError", both(RotateError::Expired)),
        ("impl core::fmt::Display for ctx_key::Challenge<'_>", both(denied.challenge("realm"))),
        ("impl core::fmt::Display for ctx_key::Denied", both(denied)),
        ("impl core::fmt::Display for ctx_key::KeyDigest", both(key.digest())),
        ("impl core::fmt::Display for ctx_key::KeyId", both(key.id())),
        ("impl core::fmt::Display for ctx_key::MaskedId", both(key.id().masked())),
        (
            "impl core::fmt::Display for ctx_key::ParseScopeError",
            both("memory:read".parse::<Scope>().unwrap_err()),
        ),
        ("impl core::fmt::Display for ctx_key::Scope", both(Scope::all())),
        #[cfg(feature = "std")]
        ("impl core::fmt::Display for ctx_key::EnvKeyError", both(ctx_key::EnvKeyError::NotUnicode)),
        #[cfg(feature = "std")]
        ("impl core::fmt::Display for ctx_key::BeforeUnixEpochError", both(ctx_key::BeforeUnixEpochError)),
    ]
}

#[test]
fn the_alternate_form_is_the_same_text() {
    for (item, [text, alternate]) in displayed() {
        assert_eq!(text, alternate, "{item}");
    }
}
