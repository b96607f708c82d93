//! Calls of every public function that receives a secret or a digest. Each case asserts that its input is secret and that
//! the result is correct.

use ctx_key::{
    ApiKey, Denied, KeyDigest, KeyRecord, KeyState, ParseKeyError, Reason, Scope, UnixTime, bearer,
};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::Case;
use crate::inputs::{Input, OTHER};
use crate::marks::{is_secret, mark_public, public};

const NOW: UnixTime = UnixTime::from_secs(1);

/// Functions that branch on declared results only. `reports` is the number of those results.
pub const CASES: &[Case] = &[
    Case {
        name: "text to grant",
        reports: 3,
        run: |input| assert_granted(ApiKey::parse(input.text()).map_err(Denied::from), input),
    },
    Case {
        name: "header to grant",
        reports: 3,
        run: |input| assert_granted(bearer::parse([input.header()]), input),
    },
    Case {
        name: "an invalid character",
        reports: 1,
        run: |input| {
            let parsed = ApiKey::parse(input.changed(40, '-'));
            assert_eq!(public(parsed), Err(ParseKeyError::Character { index: 40 }));
        },
    },
    Case {
        name: "a wrong checksum",
        reports: 2,
        run: |input| {
            let parsed = ApiKey::parse(input.changed(46, 'z'));
            assert_eq!(public(parsed), Err(ParseKeyError::Checksum));
        },
    },
    Case {
        name: "a record outside its validity",
        reports: 3,
        run: |input| {
            let mut record = input.record();
            assert_eq!(refusal(&record, UnixTime::from_secs(0), input), Reason::NotYetValid);
            assert_eq!(refusal(&record, UnixTime::from_secs(2), input), Reason::Expired);
            record.revoke(NOW);
            assert_eq!(refusal(&record, NOW, input), Reason::Revoked);
        },
    },
    Case {
        name: "pub fn ctx_key::bearer::parse(impl core::iter::traits::collect::IntoIterator<Item = impl core::convert::AsRef<[u8]>>) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>",
        reports: 2,
        run: |input| assert_parsed(bearer::parse([input.header()]), input),
    },
    Case {
        name: "pub fn ctx_key::bearer::parse_headers(&http::header::map::HeaderMap) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>",
        reports: 2,
        run: |input| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, input.header())]);
            assert_parsed(bearer::parse_headers(&headers), input);
        },
    },
    Case {
        name: "pub fn ctx_key::ApiKey::parse(impl core::convert::AsRef<[u8]>) -> core::result::Result<Self, ctx_key::ParseKeyError>",
        reports: 2,
        run: |input| assert_parsed(ApiKey::parse(input.text()), input),
    },
    Case {
        name: "impl core::convert::TryFrom<&[u8]> for ctx_key::ApiKey",
        reports: 2,
        run: |input| assert_parsed(ApiKey::try_from(input.text().as_bytes()), input),
    },
    Case {
        name: "impl core::convert::TryFrom<&str> for ctx_key::ApiKey",
        reports: 2,
        run: |input| assert_parsed(ApiKey::try_from(input.text().as_str()), input),
    },
    Case {
        name: "impl core::str::traits::FromStr for ctx_key::ApiKey",
        reports: 2,
        run: |input| assert_parsed(input.text().parse::<ApiKey>(), input),
    },
    Case {
        name: "impl<'de> serde_core::de::Deserialize<'de> for ctx_key::ApiKey",
        reports: 2,
        run: |input| assert_parsed(serde_json::from_value::<ApiKey>(input.text().into()), input),
    },
    Case {
        name: "pub fn ctx_key::ApiKey::generate() -> Self",
        reports: 0,
        run: |input| {
            input.set_os_random();
            assert_key(ApiKey::generate(), input);
        },
    },
    Case {
        name: "pub fn ctx_key::ApiKey::try_generate() -> core::result::Result<Self, ctx_key::OsRngError>",
        reports: 0,
        run: |input| {
            input.set_os_random();
            assert_parsed(ApiKey::try_generate(), input);
        },
    },
    Case {
        name: "pub fn ctx_key::ApiKey::generate_from_rng<R: rand_core::CryptoRng + ?core::marker::Sized>(&mut R) -> Self",
        reports: 0,
        run: |input| assert_key(ApiKey::generate_from_rng(&mut input.rng()), input),
    },
    Case {
        name: "pub fn ctx_key::ApiKey::try_generate_from_rng<R: rand_core::TryCryptoRng + ?core::marker::Sized>(&mut R) -> core::result::Result<Self, <R as rand_core::TryRng>::Error>",
        reports: 0,
        run: |input| assert_parsed(ApiKey::try_generate_from_rng(&mut input.rng()), input),
    },
    Case {
        name: "pub fn ctx_key::ApiKey::id(&self) -> ctx_key::KeyId",
        reports: 0,
        run: |input| assert_eq!(input.api_key().id().as_str(), &input.key[4..16]),
    },
    Case {
        name: "pub fn ctx_key::ApiKey::digest(&self) -> &ctx_key::KeyDigest",
        reports: 0,
        run: |input| assert!(is_secret(input.api_key().digest().as_bytes())),
    },
    Case {
        name: "impl core::clone::Clone for ctx_key::ApiKey",
        reports: 0,
        run: |input| assert_key(input.api_key().clone(), input),
    },
    Case {
        name: "impl core::cmp::PartialEq for ctx_key::ApiKey",
        reports: 2,
        run: |input| {
            assert!(input.api_key() == input.api_key());
            assert!(input.api_key() != OTHER.api_key());
        },
    },
    Case {
        name: "impl core::fmt::Debug for ctx_key::ApiKey",
        reports: 0,
        run: |input| {
            let text = format!("{:?}", input.api_key());
            assert_eq!(text, format!("ApiKey({}***)", &input.key[..16]));
        },
    },
    Case {
        name: "impl core::ops::drop::Drop for ctx_key::ApiKey",
        reports: 0,
        run: |input| drop(input.api_key()),
    },
    Case {
        name: "pub const fn ctx_key::KeyDigest::as_bytes(&self) -> &[u8; 32]",
        reports: 0,
        run: |input| assert_digest(KeyDigest::from_bytes(*input.digest().as_bytes()), input),
    },
    Case {
        name: "pub const fn ctx_key::KeyDigest::from_bytes([u8; 32]) -> Self",
        reports: 0,
        run: |input| assert_digest(KeyDigest::from_bytes(*input.digest().as_bytes()), input),
    },
    Case {
        name: "impl core::convert::TryFrom<&[u8]> for ctx_key::KeyDigest",
        reports: 0,
        run: |input| {
            let digest = input.digest();
            assert_digest(KeyDigest::try_from(digest.as_bytes().as_slice()).expect("32 bytes"), input);
        },
    },
    Case {
        name: "pub fn ctx_key::KeyDigest::matches(&self, &ctx_key::ApiKey) -> bool",
        reports: 2,
        run: |input| {
            assert!(input.digest().matches(&input.api_key()));
            assert!(!OTHER.digest().matches(&input.api_key()));
        },
    },
    Case {
        name: "impl core::clone::Clone for ctx_key::KeyDigest",
        reports: 0,
        run: |input| assert_digest(Clone::clone(&input.digest()), input),
    },
    Case {
        name: "impl core::cmp::PartialEq for ctx_key::KeyDigest",
        reports: 2,
        run: |input| {
            assert!(input.digest() == input.digest());
            assert!(input.digest() != OTHER.digest());
        },
    },
    Case {
        name: "pub fn ctx_key::KeyRecord<P>::new(&ctx_key::ApiKey, P, ctx_key::Scope) -> Self",
        reports: 0,
        run: |input| assert_digest(KeyRecord::new(&input.api_key(), 7, Scope::READ).digest, input),
    },
    Case {
        name: "pub const fn ctx_key::KeyRecord<P>::from_parts(ctx_key::KeyId, ctx_key::KeyDigest, P, ctx_key::Scope) -> Self",
        reports: 0,
        run: |input| {
            let id = input.api_key().id();
            assert_digest(KeyRecord::from_parts(id, input.digest(), 7, Scope::READ).digest, input);
        },
    },
    Case {
        name: "pub fn ctx_key::KeyRecord<P>::verify(&self, &ctx_key::ApiKey, ctx_key::UnixTime) -> core::result::Result<ctx_key::Grant<&P>, ctx_key::Denied>",
        reports: 2,
        run: |input| {
            assert_eq!(input.record().verify(&input.api_key(), NOW).map(|grant| **grant.project()), Ok(7));
            let mut other = input.record();
            other.digest = OTHER.digest();
            assert_eq!(refusal(&other, NOW, input), Reason::DigestMismatch);
        },
    },
    Case {
        name: "pub fn ctx_key::KeyRecord<P>::state(&self, ctx_key::UnixTime) -> ctx_key::KeyState",
        reports: 0,
        run: |input| assert_eq!(input.record().state(NOW), KeyState::Active),
    },
    Case {
        name: "pub fn ctx_key::KeyRecord<P>::rotate(&mut self, &ctx_key::ApiKey, ctx_key::UnixTime, u64) -> core::result::Result<Self, ctx_key::RotateError> where P: core::clone::Clone",
        reports: 0,
        run: |input| {
            let mut record = OTHER.record();
            let new = record.rotate(&input.api_key(), NOW, 0).expect("an active record");
            assert_digest(record.digest, &OTHER);
            assert_digest(new.digest, input);
        },
    },
    Case {
        name: "pub fn ctx_key::KeyRecord<P>::retire_at(&mut self, ctx_key::UnixTime)",
        reports: 0,
        run: |input| {
            let mut record = input.record();
            record.retire_at(NOW);
            assert_eq!(record.retires_at, Some(NOW));
            assert_digest(record.digest, input);
        },
    },
    Case {
        name: "pub fn ctx_key::KeyRecord<P>::revoke(&mut self, ctx_key::UnixTime)",
        reports: 0,
        run: |input| {
            let mut record = input.record();
            record.revoke(NOW);
            assert_eq!(record.revoked_at, Some(NOW));
            assert_digest(record.digest, input);
        },
    },
    Case {
        name: "impl<P: core::clone::Clone> core::clone::Clone for ctx_key::KeyRecord<P>",
        reports: 0,
        run: |input| assert_digest(input.record().clone().digest, input),
    },
    Case {
        name: "impl<P: core::cmp::PartialEq> core::cmp::PartialEq for ctx_key::KeyRecord<P>",
        reports: 2,
        run: |input| {
            let mut other = input.record();
            assert!(input.record() == other);
            other.digest = OTHER.digest();
            assert!(input.record() != other);
        },
    },
];

/// Functions in which std or `http` validates text that is always valid. Their branches on a secret always go one way, and
/// `reports` is the number of these branches.
pub const ONE_WAY: &[Case] = &[
    Case {
        name: "pub fn ctx_key::ApiKey::expose_secret(&self) -> &str",
        reports: 6,
        run: |input| assert_text(input.api_key().expose_secret(), &input.key[..16], &input.key[16..]),
    },
    Case {
        name: "pub fn ctx_key::ApiKey::to_header_value(&self) -> http::header::value::HeaderValue",
        reports: 7,
        run: |input| {
            let start = format!("Bearer {}", &input.key[..16]);
            assert_text(input.api_key().to_header_value(), &start, &input.key[16..]);
        },
    },
    Case {
        name: "impl core::fmt::Display for ctx_key::KeyDigest",
        reports: 5,
        run: |input| assert_text(input.digest().to_string(), "", &input.hex()),
    },
    Case {
        name: "impl core::fmt::Debug for ctx_key::KeyDigest",
        reports: 5,
        run: |input| assert_text(format!("{:?}", input.digest()), "KeyDigest(", &input.hex()),
    },
    Case {
        name: "impl<P: core::fmt::Debug> core::fmt::Debug for ctx_key::KeyRecord<P>",
        reports: 5,
        run: |input| {
            let start = format!("KeyRecord {{ id: KeyId({}), digest: KeyDigest(", &input.key[4..16]);
            assert_text(format!("{:?}", input.record()), &start, &input.hex());
        },
    },
    Case {
        name: "impl serde_core::ser::Serialize for ctx_key::KeyDigest",
        reports: 5,
        run: |input| {
            let json = serde_json::to_value(input.digest()).expect("a string");
            assert_text(json.as_str().expect("a string"), "", &input.hex());
        },
    },
    Case {
        name: "impl<P: serde_core::ser::Serialize> serde_core::ser::Serialize for ctx_key::KeyRecord<P>",
        reports: 5,
        run: |input| {
            let json = serde_json::to_value(input.record()).expect("a map");
            assert_text(json["digest"].as_str().expect("a string"), "", &input.hex());
        },
    },
];

/// Functions that may branch on a secret or a digest.
pub const EXEMPT: &[&str] = &[
    // The text that they read is already exposed.
    "pub mod ctx_key::scan",
    "pub fn ctx_key::ApiKey::parse_pasted(&str) -> core::result::Result<Self, ctx_key::ParseKeyError>",
    "pub fn ctx_key::ApiKey::from_env() -> core::result::Result<Self, ctx_key::EnvKeyError>",
    // A stored digest is not secret. Only its comparison takes constant time.
    "impl core::str::traits::FromStr for ctx_key::KeyDigest",
    "impl<'de> serde_core::de::Deserialize<'de> for ctx_key::KeyDigest",
    "impl<'de, P: serde_core::de::Deserialize<'de>> serde_core::de::Deserialize<'de> for ctx_key::KeyRecord<P>",
];

#[track_caller]
fn assert_parsed<E: std::fmt::Debug>(parsed: Result<ApiKey, E>, input: &Input) {
    assert_key(parsed.expect("a key"), input);
}

#[track_caller]
fn assert_granted(parsed: Result<ApiKey, Denied>, input: &Input) {
    let (key, record) = (parsed.expect("a key"), input.record());
    assert!(is_secret(key.digest().as_bytes()) && is_secret(record.digest.as_bytes()));
    let grant = record.verify(&key, NOW).expect("an active record");
    assert_eq!((**grant.project(), grant.require(Scope::MEMORIES_READ)), (7, Ok(())));
}

#[track_caller]
fn refusal(record: &KeyRecord<u32>, now: UnixTime, input: &Input) -> Reason {
    public(record.verify(&input.api_key(), now)).expect_err("a refusal").reason()
}

#[track_caller]
fn assert_key(key: ApiKey, input: &Input) {
    assert!(is_secret(key.digest().as_bytes()));
    assert_eq!(public(key).expose_secret(), input.key);
}

#[track_caller]
fn assert_digest(digest: KeyDigest, input: &Input) {
    assert!(is_secret(digest.as_bytes()));
    assert_eq!(public(digest), public(input.digest()));
}

/// Asserts that a text starts with a public and a secret part.
#[track_caller]
fn assert_text(text: impl AsRef<[u8]>, start: &str, secret: &str) {
    let text = text.as_ref();
    let (found_start, rest) = text.split_at(start.len());
    let found_secret = &rest[..secret.len()];
    assert!(is_secret(found_secret));
    mark_public(found_secret);
    assert_eq!((found_start, found_secret), (start.as_bytes(), secret.as_bytes()));
}
