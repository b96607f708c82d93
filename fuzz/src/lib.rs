//! Models of the key format, written to be obviously correct. The targets compare the library with them.

use std::iter::repeat;

use ctx_key::{ApiKey, ParseKeyError};
use sha2::{Digest, Sha256, Sha512};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Returns a well-formed key. The id and the secret repeat `values`, each as one digit.
pub fn key(values: &[u8]) -> String {
    let characters = values.iter().cycle().chain(repeat(&0)).take(42);
    let mut text = String::from("ctx_");
    text.extend(characters.map(|value| char::from(ALPHABET[usize::from(value % 62)])));
    let checksum = checksum(&text);
    text + &six_digits(checksum.into())
}

/// Returns a well-formed key that depends on `input`, but whose characters the fuzzer cannot choose. It would soon choose
/// a word of an error message, and [`assert_secret`] would report that as a leak.
pub fn hashed_key(input: &[u8]) -> String {
    key(&Sha512::digest(input))
}

/// Returns the number that the checksum of a key with these first 46 characters encodes.
pub fn checksum(key: &str) -> u32 {
    let digest = Sha256::digest(&key[..46]);
    u32::from_be_bytes(digest[..4].try_into().unwrap())
}

/// Returns a number as six base-62 digits.
pub fn six_digits(number: u64) -> String {
    format!("{:0>6}", base62::encode(number))
}

/// Asserts that `result` is the result of parsing `text` strictly.
pub fn assert_parsed(result: &Result<ApiKey, ParseKeyError>, text: &[u8]) {
    match (result, error_in(text)) {
        (Ok(key), None) => {
            assert_eq!(key.expose_secret().as_bytes(), text);
            assert_eq!(key.id().as_str().as_bytes(), &text[4..16]);
            assert_eq!(key.digest().as_bytes()[..], Sha256::digest(&text[..46])[..]);
        }
        (result, expected) => assert_eq!(result.as_ref().err(), expected.as_ref()),
    }
}

fn error_in(text: &[u8]) -> Option<ParseKeyError> {
    if text.len() < 4 || &text[..4] != b"ctx_" {
        return Some(ParseKeyError::Prefix);
    }
    if text.len() != 52 {
        return Some(ParseKeyError::Length { found: text.len() });
    }
    if let Some(index) = (4..52).find(|&index| !ALPHABET.contains(&text[index])) {
        return Some(ParseKeyError::Character { index });
    }
    let text = str::from_utf8(text).unwrap();
    (text[46..] != six_digits(checksum(text).into())).then_some(ParseKeyError::Checksum)
}

/// Asserts that `message` contains no eight consecutive characters of the secret and the checksum of `key`.
pub fn assert_secret(key: &str, message: &str) {
    for part in key.as_bytes()[16..].windows(8) {
        let part = str::from_utf8(part).unwrap();
        assert!(!message.contains(part), "{message:?} contains a part of {key}");
    }
}

/// Replaces each character of `text` that stands for a piece. So a mutation of one byte inserts or removes a whole piece.
pub fn expand(text: &str, pieces: &[(char, &str)]) -> String {
    let mut expanded = String::new();
    for character in text.chars() {
        match pieces.iter().find(|(mark, _)| *mark == character) {
            Some((_, piece)) => expanded.push_str(piece),
            None => expanded.push(character),
        }
    }
    expanded
}
