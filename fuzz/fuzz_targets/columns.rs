//! `KeyId` and `KeyDigest` from any text and bytes, as a database returns them.

#![no_main]

use ctx_key::{KeyDigest, KeyId, ParseDigestError, ParseKeyIdError};
use ctx_key_fuzz::{assert_secret, expand, hashed_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    check_id(data);
    check_digest_from_bytes(data);
    if let Ok(text) = str::from_utf8(data) {
        // Ids and digests do not contain these characters, so they can stand for half a digest, an id and a key.
        let secret = hashed_key(data);
        let text = expand(text, &[('%', &*"0a".repeat(16)), ('@', "8aspm4G7VmSU"), ('#', &*secret)]);
        check_id(text.as_bytes());
        assert_error_holds_no_secret(&text.parse::<KeyId>(), &secret);
        check_digest_from_text(&text);
        assert_error_holds_no_secret(&text.parse::<KeyDigest>(), &secret);
    }
});

fn assert_error_holds_no_secret<T, E: core::error::Error>(result: &Result<T, E>, secret: &str) {
    if let Err(error) = result {
        assert_secret(secret, &format!("{error} {error:?}"));
    }
}

fn check_id(bytes: &[u8]) {
    let expected = match bytes.iter().position(|byte| !byte.is_ascii_alphanumeric()) {
        _ if bytes.len() != 12 => Err(ParseKeyIdError::Length { found: bytes.len() }),
        Some(index) => Err(ParseKeyIdError::Character { index }),
        None => Ok(bytes),
    };
    let result = KeyId::try_from(bytes);
    assert_eq!(result.as_ref().map(|id| id.as_str().as_bytes()), expected.as_ref().map(|id| *id));
    if let Ok(bytes) = bytes.try_into() {
        assert_eq!(KeyId::from_bytes(bytes), result);
    }
    if let Ok(text) = str::from_utf8(bytes) {
        assert_eq!(text.parse(), result);
        if let Ok(id) = result {
            assert_eq!(id.to_string(), text);
            assert_eq!(id.masked().to_string(), format!("ctx_{text}***"));
        }
    }
}

fn check_digest_from_bytes(bytes: &[u8]) {
    let result = KeyDigest::try_from(bytes);
    let Ok(bytes) = <[u8; 32]>::try_from(bytes) else {
        return assert_eq!(result, Err(ParseDigestError::Size { found: bytes.len() }));
    };
    let digest = KeyDigest::from_bytes(bytes);
    assert_eq!(result, Ok(digest));
    assert_eq!(digest.as_bytes(), &bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest.to_string(), hex);
    assert_eq!(hex.to_uppercase().parse(), Ok(digest));
}

fn check_digest_from_text(text: &str) {
    let result = text.parse::<KeyDigest>();
    match text.bytes().position(|byte| !byte.is_ascii_hexdigit()) {
        _ if text.len() != 64 => assert_eq!(result, Err(ParseDigestError::Length { found: text.len() })),
        Some(index) => assert_eq!(result, Err(ParseDigestError::Character { index })),
        None => assert_eq!(result.unwrap().to_string(), text.to_lowercase()),
    }
}
