//! What the library does with a secret. Each case makes sure that the secret went in and the right result came out.

use std::convert::Infallible;
use std::hint::black_box;

use ctx_key::{ApiKey, Denied, KeyDigest, KeyRecord, ParseKeyError, Reason, Scope, UnixTime, bearer};
use rand_core::{TryCryptoRng, TryRng};

use crate::Case;
use crate::marks::{is_secret, make_public, make_secret};

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

/// With the number of declared results on the way.
pub const CASES: &[Case] = &[
    Case { name: "text to grant", declared: 3, run: text_to_grant },
    Case { name: "header to grant", declared: 3, run: header_to_grant },
    Case { name: "foreign character", declared: 1, run: foreign_character },
    Case { name: "wrong checksum", declared: 2, run: wrong_checksum },
    Case { name: "other digest", declared: 3, run: other_digest },
    Case { name: "generation", declared: 0, run: generation },
    Case { name: "record and rotation", declared: 2, run: record_and_rotation },
    Case { name: "digest == digest", declared: 1, run: equal_digests },
    Case { name: "digest.matches(key)", declared: 1, run: matching_digest },
    Case { name: "key == key", declared: 1, run: equal_keys },
    Case { name: "clone, id, Debug, drop", declared: 2, run: life_of_a_key },
];

fn text_to_grant() {
    let granted = grant(ApiKey::parse(secret_text(KEY)).map_err(Denied::from), &secret_record());
    assert_eq!(make_public(granted), Ok(7));
}

fn header_to_grant() {
    let granted = grant(bearer::parse([secret_text(&format!("Bearer {KEY}"))]), &secret_record());
    assert_eq!(make_public(granted), Ok(7));
}

fn foreign_character() {
    let parsed = ApiKey::parse(secret_text(&changed(40, '-')));
    assert_eq!(make_public(parsed), Err(ParseKeyError::Character { index: 40 }));
}

fn wrong_checksum() {
    let parsed = ApiKey::parse(secret_text(&changed(30, '1')));
    assert_eq!(make_public(parsed), Err(ParseKeyError::Checksum));
}

fn other_digest() {
    let mut record = secret_record();
    record.digest = KeyDigest::from_bytes(secret([7; 32]));
    let granted = grant(ApiKey::parse(secret_text(KEY)).map_err(Denied::from), &record);
    assert_eq!(make_public(granted).map_err(|denied| denied.reason()), Err(Reason::DigestMismatch));
}

fn generation() {
    let key = secret_key();
    assert!(is_secret(key.digest().as_bytes()));
    let key = make_public(key);
    assert_eq!(ApiKey::parse(key.expose_secret()).as_ref(), Ok(&key));
}

fn record_and_rotation() {
    let new_key = ApiKey::parse(secret_text(KEY)).expect("a key");
    let now = UnixTime::from_secs(1);
    let mut old = KeyRecord::new(&secret_key(), 7, Scope::READ);
    // ids are public, and rotation compares them
    old.id = make_public(old.id);
    let new = old.rotate(&new_key, now, 1).expect("a key that has not ended");
    assert!(is_secret(old.digest.as_bytes()) && is_secret(new.digest.as_bytes()));
}

fn equal_digests() {
    let digests = [*public_key().digest().as_bytes(), secret(*public_key().digest().as_bytes())];
    let [one, other] = digests.map(KeyDigest::from_bytes);
    assert!(one == other);
}

fn matching_digest() {
    assert!(secret_record().digest.matches(&public_key()));
}

fn equal_keys() {
    assert!(secret_key() != public_key());
}

fn life_of_a_key() {
    let key = black_box(ApiKey::parse(secret_text(KEY)).expect("a key")).clone();
    assert!(is_secret(key.digest().as_bytes()));
    assert_eq!(key.id().as_str(), "8aspm4G7VmSU");
    assert_eq!(format!("{key:?}"), "ApiKey(ctx_8aspm4G7VmSU***)");
}

/// The path of a request, from what was parsed on.
fn grant(parsed: Result<ApiKey, Denied>, record: &KeyRecord<u32>) -> Result<u32, Denied> {
    let key = parsed?;
    assert!(is_secret(key.digest().as_bytes()) && is_secret(record.digest.as_bytes()));
    let grant = record.verify(&key, UnixTime::from_secs(1))?;
    grant.require(Scope::MEMORIES_READ)?;
    Ok(**grant.project())
}

/// A text whose last 36 characters are secret: those behind the id, if it ends with a key.
fn secret_text(text: &str) -> Vec<u8> {
    let mut text = text.as_bytes().to_vec();
    let secret = text.len() - 36;
    make_secret(&mut text[secret..]);
    black_box(text)
}

fn changed(index: usize, character: char) -> String {
    format!("{}{character}{}", &KEY[..index], &KEY[index + 1..])
}

fn secret<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    make_secret(&mut bytes);
    black_box(bytes)
}

fn public_key() -> ApiKey {
    ApiKey::parse(KEY).expect("a key")
}

/// The record of [`KEY`], with a secret digest.
fn secret_record() -> KeyRecord<u32> {
    let key = public_key();
    let digest = KeyDigest::from_bytes(secret(*key.digest().as_bytes()));
    let mut record = KeyRecord::from_parts(key.id(), digest, 7, Scope::READ);
    // All are set, since the compiler may compare what lies behind a `None`, which memcheck does not know either.
    record.not_before = Some(UnixTime::from_secs(1));
    (record.expires_at, record.retires_at) = (Some(UnixTime::from_secs(2)), Some(UnixTime::from_secs(2)));
    record
}

/// A key from secret bytes, without a declared result.
fn secret_key() -> ApiKey {
    ApiKey::generate_from_rng(&mut SecretTestRng)
}

/// Always the same bytes; memcheck doesn't know them.
struct SecretTestRng;

impl TryRng for SecretTestRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0xa5);
        make_secret(bytes);
        Ok(())
    }
}

/// It is not unpredictable; the library takes no generator that does not say so.
impl TryCryptoRng for SecretTestRng {}
