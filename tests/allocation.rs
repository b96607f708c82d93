//! Verifying a request allocates nothing, and neither does parsing or formatting, for text of any length.
//!
//! Only these allocate: `scan::redact` and `redact_str` for a text with a key, `to_header_value`, `from_env`, and a
//! `RedactingWriter` for its buffers.

mod common;

use core::fmt::{self, Debug, Display, Write};
use core::hint::black_box;
#[cfg(feature = "std")]
use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use allocation_counter::measure;
use common::{KEY, keys, lengths, rng};
use ctx_key::{
    ApiKey, Denied, Grant, KeyDigest, KeyId, KeyRecord, ParseDigestError, ParseKeyError, ParseKeyIdError,
    RotateError, Scope, UnixTime, bearer, scan,
};
#[cfg(feature = "std")]
use ctx_key::{BeforeUnixEpochError, EnvKeyError};

/// Asserts that `act` does not allocate. A second call, with a box around the result, shows that the counter works.
fn assert_no_allocation<T>(item: &str, input: &dyn Debug, act: impl Fn() -> T) {
    assert_eq!(measure(|| used(act())).count_total, 0, "{item}: {input:?}");
    assert_eq!(measure(|| used(Box::new((act(), 1_u8)))).count_total, 1, "{item}: {input:?}");
}

/// Drops a value that the optimizer must compute.
fn used<T>(value: T) {
    drop(black_box(value));
}

/// A writer that only counts its bytes.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// Writes a value with `Display`, also padded, and returns the length.
fn displayed(value: impl Display) -> usize {
    let mut length = Length(0);
    write!(length, "{value} {value:>90}").unwrap();
    length.0
}

/// Writes a value with `Debug`, in both forms, and returns the length.
fn debugged(value: impl Debug) -> usize {
    let mut length = Length(0);
    write!(length, "{value:?} {value:#?}").unwrap();
    length.0
}

// ---- texts

/// A function that takes a text: its line in `tests/contract/api.txt`, and a call of it.
type TextFunction = (&'static str, fn(&str));

#[rustfmt::skip] // a line for each
const TEXT_FUNCTIONS: &[TextFunction] = &[
    ("pub fn ctx_key::bearer::parse(impl core::iter::traits::collect::IntoIterator<Item = impl core::convert::AsRef<[u8]>>) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>", |text| used((bearer::parse([text]), bearer::parse([text, text])))),
    ("pub fn ctx_key::scan::find_iter(&[u8]) -> ctx_key::scan::Finds<'_>", |text| scan::find_iter(text.as_bytes()).for_each(|found| used((found.key(), found.id(), found.range(), found.as_bytes())))),
    ("pub fn ctx_key::ApiKey::parse(impl core::convert::AsRef<[u8]>) -> core::result::Result<Self, ctx_key::ParseKeyError>", |text| used(ApiKey::parse(text))),
    ("pub fn ctx_key::ApiKey::parse_pasted(&str) -> core::result::Result<Self, ctx_key::ParseKeyError>", |text| used(ApiKey::parse_pasted(text))),
    ("impl core::convert::TryFrom<&[u8]> for ctx_key::ApiKey", |text| used(ApiKey::try_from(text.as_bytes()))),
    ("impl core::convert::TryFrom<&str> for ctx_key::ApiKey", |text| used(ApiKey::try_from(text))),
    ("impl core::str::traits::FromStr for ctx_key::ApiKey", |text| used(text.parse::<ApiKey>())),
    ("pub const fn ctx_key::Denied::challenge<'r>(&self, &'r str) -> ctx_key::Challenge<'r>", |text| used(displayed(Denied::unknown_key().challenge(text)))),
    ("impl core::convert::TryFrom<&[u8]> for ctx_key::KeyDigest", |text| used(KeyDigest::try_from(text.as_bytes()))),
    ("impl core::str::traits::FromStr for ctx_key::KeyDigest", |text| used(text.parse::<KeyDigest>())),
    ("impl core::convert::TryFrom<&[u8]> for ctx_key::KeyId", |text| used(KeyId::try_from(text.as_bytes()))),
    ("impl core::str::traits::FromStr for ctx_key::KeyId", |text| used(text.parse::<KeyId>())),
    ("pub fn ctx_key::Scope::from_name(&str) -> core::option::Option<Self>", |text| used(Scope::from_name(text))),
    ("pub fn ctx_key::Scope::parse_list(&str) -> core::result::Result<Self, ctx_key::ParseScopeError>", |text| used(Scope::parse_list(text))),
    ("impl core::str::traits::FromStr for ctx_key::Scope", |text| used(text.parse::<Scope>())),
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::ApiKey", |json| used(read::<ApiKey>(json))),
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::KeyDigest", |json| used(read::<KeyDigest>(json))),
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::KeyId", |json| used(read::<KeyId>(json))),
    #[cfg(feature = "serde")]
    ("impl<'de, P: serde_core::de::Deserialize<'de>> serde_core::de::Deserialize<'de> for ctx_key::KeyRecord<P>", |json| used(read::<KeyRecord<u64>>(json))),
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::Scope", |json| used(read::<Scope>(json))),
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::UnixTime", |json| used(read::<UnixTime>(json))),
];

#[cfg(feature = "serde")]
fn read<T: for<'de> serde::Deserialize<'de>>(json: &str) -> Option<T> {
    serde_json_core::from_str(json).ok().map(|(value, _)| value)
}

#[cfg(feature = "serde")]
fn written(value: &impl serde::Serialize) -> ([u8; 512], usize) {
    let mut json = [0; 512];
    let length = serde_json_core::to_slice(value, &mut json).unwrap();
    (json, length)
}

/// Returns texts of this many characters, which resemble what the functions accept.
fn texts(length: usize) -> impl Iterator<Item = String> {
    let starts = [
        "",
        KEY,
        " 'Bearer ctx_",
        "Bearer ",
        "Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9",
        "\"",
        "{\"id\":\"8aspm4G7VmSU\",\"scopes\":[\"memories:read\"],\"",
    ];
    let repeated =
        ["a", "0", " ", "\t", ",", "\u{e9}", "\"", "ctx_", "memories:read ", "memories:read\",\"", KEY];
    starts.into_iter().flat_map(move |start| {
        repeated.into_iter().map(move |repeated| {
            let text = start.to_owned() + &repeated.repeat(length / repeated.len() + 1);
            text.chars().take(length).collect()
        })
    })
}

#[test]
fn no_function_allocates_for_a_text_of_any_length() {
    for text in lengths(1).flat_map(texts) {
        for (item, act) in TEXT_FUNCTIONS {
            assert_no_allocation(item, &text, || act(&text));
        }
    }
}

// ---- values

/// A request's key, the record that was found for it, and the time.
#[derive(Debug)]
struct Request {
    key: ApiKey,
    record: KeyRecord<u64>,
    now: UnixTime,
}

impl Request {
    fn verify(&self) -> Result<Grant<&u64>, Denied> {
        self.record.verify(&self.key, self.now)
    }

    fn denied(&self) -> Denied {
        self.verify().and_then(|grant| grant.require(Scope::WRITE)).unwrap_err()
    }
}

/// Returns requests with the key of the record and with another key, for each combination of times that are set,
/// verified just before, at and after these times.
fn requests() -> Vec<Request> {
    let [key, other] = &keys(2)[..] else { unreachable!() };
    let mut requests = Vec::new();
    for times in 0..1 << 4 {
        let time = |field: u8| (times >> field & 1 == 1).then_some(UnixTime::from_secs(50));
        let mut record = KeyRecord::new(key, 17, Scope::READ);
        [record.not_before, record.expires_at, record.retires_at, record.revoked_at] = [0, 1, 2, 3].map(time);
        for now in [49, 50, u64::MAX].map(UnixTime::from_secs) {
            for key in [key, other] {
                requests.push(Request { key: key.clone(), record: record.clone(), now });
            }
        }
    }
    requests
}

/// Lengths and indices in errors.
const EDGES: [usize; 4] = [0, 51, 52, usize::MAX];

/// A function that a request may need: its line in `tests/contract/api.txt`, and a call of it.
type RequestFunction = (&'static str, fn(&Request));

#[rustfmt::skip] // a line for each
const REQUEST_FUNCTIONS: &[RequestFunction] = &[
    ("pub const fn ctx_key::Grant<P>::expires_at(&self) -> core::option::Option<ctx_key::UnixTime>", |request| used(request.verify().map(|grant| grant.expires_at()))),
    ("pub const fn ctx_key::Grant<P>::key_id(&self) -> ctx_key::KeyId", |request| used(request.verify().map(|grant| grant.key_id()))),
    ("pub const fn ctx_key::Grant<P>::project(&self) -> &P", |request| used(request.verify().map(|grant| *grant.project()))),
    ("pub const fn ctx_key::Grant<P>::require(&self, ctx_key::Scope) -> core::result::Result<(), ctx_key::Denied>", |request| used(request.verify().map(|grant| [Scope::CHATS_READ, Scope::WRITE, Scope::empty()].map(|scope| grant.require(scope))))),
    ("pub const fn ctx_key::Grant<P>::scopes(&self) -> ctx_key::Scope", |request| used(request.verify().map(|grant| grant.scopes()))),
    ("pub fn ctx_key::Grant<&P>::cloned(self) -> ctx_key::Grant<P>", |request| used(request.verify().map(Grant::cloned))),
    ("impl<P: core::clone::Clone> core::clone::Clone for ctx_key::Grant<P>", |request| used(request.verify().clone())),
    ("pub const fn ctx_key::KeyRecord<P>::from_parts(ctx_key::KeyId, ctx_key::KeyDigest, P, ctx_key::Scope) -> Self", |request| used(KeyRecord::from_parts(request.key.id(), *request.key.digest(), 17, Scope::READ))),
    ("pub fn ctx_key::KeyRecord<P>::new(&ctx_key::ApiKey, P, ctx_key::Scope) -> Self", |request| used(KeyRecord::new(&request.key, 17, Scope::READ))),
    ("pub fn ctx_key::KeyRecord<P>::retire_at(&mut self, ctx_key::UnixTime)", |request| request.record.clone().retire_at(request.now)),
    ("pub fn ctx_key::KeyRecord<P>::revoke(&mut self, ctx_key::UnixTime)", |request| request.record.clone().revoke(request.now)),
    ("pub fn ctx_key::KeyRecord<P>::rotate(&mut self, &ctx_key::ApiKey, ctx_key::UnixTime, u64) -> core::result::Result<Self, ctx_key::RotateError> where P: core::clone::Clone", |request| used(request.record.clone().rotate(&request.key, request.now, 60))),
    ("pub fn ctx_key::KeyRecord<P>::state(&self, ctx_key::UnixTime) -> ctx_key::KeyState", |request| used(request.record.state(request.now))),
    ("pub fn ctx_key::KeyRecord<P>::verify(&self, &ctx_key::ApiKey, ctx_key::UnixTime) -> core::result::Result<ctx_key::Grant<&P>, ctx_key::Denied>", |request| used(request.verify())),
    ("impl<P: core::clone::Clone> core::clone::Clone for ctx_key::KeyRecord<P>", |request| used(request.record.clone())),
    ("impl<P: core::cmp::PartialEq> core::cmp::PartialEq for ctx_key::KeyRecord<P>", |request| used(request.record == request.record.clone())),
    ("pub fn ctx_key::ApiKey::digest(&self) -> &ctx_key::KeyDigest", |request| used(request.key.digest())),
    ("pub fn ctx_key::ApiKey::expose_secret(&self) -> &str", |request| used(request.key.expose_secret())),
    ("pub fn ctx_key::ApiKey::generate_from_rng<R: rand_core::CryptoRng + ?core::marker::Sized>(&mut R) -> Self", |_| used(ApiKey::generate_from_rng(&mut rng(1)))),
    ("pub fn ctx_key::ApiKey::try_generate_from_rng<R: rand_core::TryCryptoRng + ?core::marker::Sized>(&mut R) -> core::result::Result<Self, <R as rand_core::TryRng>::Error>", |_| used(ApiKey::try_generate_from_rng(&mut rng(1)))),
    ("pub fn ctx_key::ApiKey::id(&self) -> ctx_key::KeyId", |request| used(request.key.id())),
    ("impl core::clone::Clone for ctx_key::ApiKey", |request| used(request.key.clone())),
    ("impl core::cmp::PartialEq for ctx_key::ApiKey", |request| used(request.key == request.key.clone())),
    ("pub const fn ctx_key::KeyDigest::as_bytes(&self) -> &[u8; 32]", |request| used(request.key.digest().as_bytes())),
    ("pub const fn ctx_key::KeyDigest::from_bytes([u8; 32]) -> Self", |_| used(KeyDigest::from_bytes([7; 32]))),
    ("pub fn ctx_key::KeyDigest::matches(&self, &ctx_key::ApiKey) -> bool", |request| used(request.record.digest.matches(&request.key))),
    ("impl core::cmp::PartialEq for ctx_key::KeyDigest", |request| used(request.record.digest == *request.key.digest())),
    ("pub fn ctx_key::KeyId::as_str(&self) -> &str", |request| used(request.record.id.as_str())),
    ("pub fn ctx_key::KeyId::from_bytes([u8; 12]) -> core::result::Result<Self, ctx_key::ParseKeyIdError>", |_| used([KeyId::from_bytes([b'a'; 12]), KeyId::from_bytes([b'-'; 12])])),
    ("pub const fn ctx_key::KeyId::masked(self) -> ctx_key::MaskedId", |request| used(request.record.id.masked())),
    #[cfg(feature = "getrandom")]
    ("pub fn ctx_key::ApiKey::generate() -> Self", |_| used(ApiKey::generate())),
    #[cfg(feature = "getrandom")]
    ("pub fn ctx_key::ApiKey::try_generate() -> core::result::Result<Self, ctx_key::OsRngError>", |_| used(ApiKey::try_generate())),
    ("pub const fn ctx_key::Denied::message(&self) -> &'static str", |request| used(request.denied().message())),
    ("pub const fn ctx_key::Denied::missing(&self) -> ctx_key::Scope", |request| used(request.denied().missing())),
    ("pub const fn ctx_key::Denied::reason(&self) -> ctx_key::Reason", |request| used(request.denied().reason())),
    ("pub const fn ctx_key::Denied::status(&self) -> u16", |request| used(request.denied().status())),
    ("pub const fn ctx_key::Denied::unknown_key() -> Self", |_| used(Denied::unknown_key())),
    ("impl core::convert::From<ctx_key::ParseKeyError> for ctx_key::Denied", |_| used(Denied::from(ParseKeyError::Checksum))),
    ("pub const fn ctx_key::Reason::as_str(&self) -> &'static str", |request| used(request.denied().reason().as_str())),
    ("pub fn ctx_key::Scope::description(self) -> core::option::Option<&'static str>", |request| used(request.record.scopes.description())),
    ("pub const fn ctx_key::Scope::grants(self, Self) -> bool", |request| used(request.record.scopes.grants(Scope::WRITE))),
    ("pub const fn ctx_key::Scope::missing(self, Self) -> Self", |request| used(request.record.scopes.missing(Scope::WRITE))),
    ("pub fn ctx_key::Scope::name(self) -> core::option::Option<&'static str>", |request| used(request.record.scopes.name())),
    ("pub const fn ctx_key::Scope::iter(&self) -> bitflags::iter::Iter<ctx_key::Scope>", |request| used(request.record.scopes.iter().count())),
    ("pub const fn ctx_key::UnixTime::saturating_add(self, u64) -> Self", |request| used(request.now.saturating_add(60))),
    #[cfg(feature = "std")]
    ("pub fn ctx_key::UnixTime::now() -> Self", |_| used(UnixTime::now())),
    #[cfg(feature = "std")]
    ("impl core::convert::TryFrom<std::time::SystemTime> for ctx_key::UnixTime", |_| used([SystemTime::now(), SystemTime::UNIX_EPOCH - Duration::from_secs(1)].map(UnixTime::try_from))),
    #[cfg(feature = "serde")]
    ("impl serde_core::ser::Serialize for ctx_key::KeyDigest", |request| used(written(&request.record.digest))),
    #[cfg(feature = "serde")]
    ("impl serde_core::ser::Serialize for ctx_key::KeyId", |request| used(written(&request.record.id))),
    #[cfg(feature = "serde")]
    ("impl<P: serde_core::ser::Serialize> serde_core::ser::Serialize for ctx_key::KeyRecord<P>", |request| used(written(&request.record))),
    #[cfg(feature = "serde")]
    ("impl serde_core::ser::Serialize for ctx_key::Scope", |request| used(written(&request.record.scopes))),
    #[cfg(feature = "serde")]
    ("impl serde_core::ser::Serialize for ctx_key::UnixTime", |request| used(written(&request.now))),
    ("impl core::fmt::Display for ctx_key::Challenge<'_>", |request| used(displayed(request.denied().challenge("a \"realm\"")))),
    ("impl core::fmt::Display for ctx_key::Denied", |request| used(displayed(request.denied()))),
    ("impl core::fmt::Display for ctx_key::KeyDigest", |request| used(displayed(request.record.digest))),
    ("impl core::fmt::Display for ctx_key::KeyId", |request| used(displayed(request.record.id))),
    ("impl core::fmt::Display for ctx_key::MaskedId", |request| used(displayed(request.record.id.masked()))),
    ("impl core::fmt::Display for ctx_key::Scope", |request| used([request.record.scopes, Scope::all(), Scope::empty()].map(displayed))),
    #[cfg(feature = "std")]
    ("impl core::fmt::Display for ctx_key::BeforeUnixEpochError", |_| used(displayed(BeforeUnixEpochError))),
    #[cfg(feature = "std")]
    ("impl core::fmt::Display for ctx_key::EnvKeyError", |_| used([EnvKeyError::Missing, EnvKeyError::NotUnicode, EnvKeyError::Invalid(ParseKeyError::Length { found: usize::MAX })].map(displayed))),
    ("impl core::fmt::Display for ctx_key::ParseDigestError", |_| used(EDGES.map(|found| [ParseDigestError::Length { found }, ParseDigestError::Character { index: found }, ParseDigestError::Size { found }].map(displayed)))),
    ("impl core::fmt::Display for ctx_key::ParseKeyError", |_| used(EDGES.map(|found| [ParseKeyError::Prefix, ParseKeyError::Length { found }, ParseKeyError::Character { index: found }, ParseKeyError::Checksum].map(displayed)))),
    ("impl core::fmt::Display for ctx_key::ParseKeyIdError", |_| used(EDGES.map(|found| [ParseKeyIdError::Length { found }, ParseKeyIdError::Character { index: found }].map(displayed)))),
    ("impl core::fmt::Display for ctx_key::ParseScopeError", |_| used(["user:read", "admin", " "].map(|text| displayed(text.parse::<Scope>().unwrap_err())))),
    ("impl core::fmt::Display for ctx_key::RotateError", |_| used([RotateError::SameKey, RotateError::Revoked, RotateError::Expired, RotateError::Retired, RotateError::UnknownTime].map(displayed))),
    ("impl core::fmt::Debug for ctx_key::ApiKey", |request| used(debugged(&request.key))),
    ("impl core::fmt::Debug for ctx_key::Denied", |request| used(debugged(request.denied()))),
    ("impl<P: core::fmt::Debug> core::fmt::Debug for ctx_key::Grant<P>", |request| used(request.verify().map(debugged))),
    ("impl<P: core::fmt::Debug> core::fmt::Debug for ctx_key::KeyRecord<P>", |request| used(debugged(&request.record))),
    ("impl core::fmt::Debug for ctx_key::Reason", |request| used(debugged(request.denied().reason()))),
];

#[test]
fn no_function_allocates_for_a_request_in_any_state() {
    for request in requests() {
        for (item, act) in REQUEST_FUNCTIONS {
            assert_no_allocation(item, &request, || act(&request));
        }
    }
}

#[test]
fn the_whole_check_of_a_request_does_not_allocate() {
    let key = ApiKey::parse(KEY).unwrap();
    let record = KeyRecord::new(&key, 17, Scope::READ);
    let header = format!("Bearer {KEY}");
    assert_no_allocation("header to grant", &header, || {
        let key = bearer::parse([&header])?;
        let grant = record.verify(&key, UnixTime::MAX)?;
        grant.require(Scope::CHATS_READ).map(|()| grant.key_id())
    });
}

#[cfg(feature = "http")]
#[test]
fn reading_headers_of_any_length_does_not_allocate() {
    use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

    let item = "pub fn ctx_key::bearer::parse_headers(&http::header::map::HeaderMap) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>";
    for text in lengths(1).flat_map(texts) {
        let Ok(value) = HeaderValue::from_str(&text) else { continue };
        let mut headers = HeaderMap::new();
        for _ in 0..2 {
            headers.append(AUTHORIZATION, value.clone());
            assert_no_allocation(item, &headers, || bearer::parse_headers(&headers));
        }
    }
}

/// A text without a key is borrowed, and a writer allocates its buffers when it is created.
#[cfg(feature = "std")]
#[test]
fn redacting_a_log_without_keys_does_not_allocate() {
    use std::io::Write;

    let mut writer = scan::RedactingWriter::new(std::io::sink());
    for text in lengths(1).flat_map(texts) {
        let count = measure(|| writer.write_all(text.as_bytes()).unwrap()).count_total;
        assert_eq!(count, 0, "{text}");
        let item = "pub fn ctx_key::scan::redacted_ranges(&[u8]) -> impl core::iter::traits::iterator::Iterator<Item = core::ops::range::Range<usize>>";
        assert_no_allocation(item, &text, || scan::redacted_ranges(text.as_bytes()).count());
        if matches!(scan::redact_str(&text), Cow::Borrowed(_)) {
            assert_no_allocation(
                "pub fn ctx_key::scan::redact(&[u8]) -> alloc::borrow::Cow<'_, [u8]>",
                &text,
                || scan::redact(text.as_bytes()),
            );
            assert_no_allocation(
                "pub fn ctx_key::scan::redact_str(&str) -> alloc::borrow::Cow<'_, str>",
                &text,
                || scan::redact_str(&text),
            );
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn reading_a_record_that_is_cut_off_anywhere_does_not_allocate() {
    for request in requests() {
        let json = serde_json::to_string(&request.record).unwrap();
        for end in 0..=json.len() {
            for (item, act) in TEXT_FUNCTIONS {
                assert_no_allocation(item, &&json[..end], || act(&json[..end]));
            }
        }
    }
}

/// A header value allocates a text, which is erased, and a copy of it.
#[cfg(feature = "http")]
#[test]
fn the_allocations_for_a_header_value_do_not_depend_on_the_key() {
    let count = |key: &ApiKey| measure(|| used(key.to_header_value())).count_total;
    let keys = keys(100);
    assert!(keys.iter().all(|key| count(key) == count(&keys[0]) && count(key) <= 4));
}
