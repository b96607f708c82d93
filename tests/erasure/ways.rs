//! The public functions that return a key.

use ctx_key::{ApiKey, bearer, scan};

use crate::common::{KEY, rng};

/// Texts that contain the example key.
const HEADER: &str = "Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const PASTED: &str = " 'Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9'\n";
#[cfg(feature = "serde")]
const JSON: &str = "\"ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9\"";

/// A function that returns a key: its line in `tests/contract/api.txt`, and a call of it.
pub(crate) type Way = (&'static str, fn() -> ApiKey);

/// All of them but `from_env`, which `process.rs` calls. No text in these calls is on the heap.
#[rustfmt::skip] // a line for each
pub(crate) const WAYS: &[Way] = &[
    ("pub fn ctx_key::ApiKey::parse(impl core::convert::AsRef<[u8]>) -> core::result::Result<Self, ctx_key::ParseKeyError>", || ApiKey::parse(KEY).unwrap()),
    ("impl core::str::traits::FromStr for ctx_key::ApiKey", || KEY.parse().unwrap()),
    ("impl core::convert::TryFrom<&str> for ctx_key::ApiKey", || ApiKey::try_from(KEY).unwrap()),
    ("impl core::convert::TryFrom<&[u8]> for ctx_key::ApiKey", || ApiKey::try_from(KEY.as_bytes()).unwrap()),
    ("pub fn ctx_key::ApiKey::parse_pasted(&str) -> core::result::Result<Self, ctx_key::ParseKeyError>", || ApiKey::parse_pasted(PASTED).unwrap()),
    ("pub fn ctx_key::bearer::parse(impl core::iter::traits::collect::IntoIterator<Item = impl core::convert::AsRef<[u8]>>) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>", || bearer::parse([HEADER]).unwrap()),
    ("impl core::clone::Clone for ctx_key::ApiKey", || ApiKey::parse(KEY).unwrap().clone()),
    ("pub fn ctx_key::scan::Match<'h>::key(&self) -> ctx_key::ApiKey", || scan::find_iter(KEY.as_bytes()).next().unwrap().key()),
    ("impl<'h> core::clone::Clone for ctx_key::scan::Match<'h>", || scan::find_iter(KEY.as_bytes()).next().unwrap().clone().key()),
    ("pub fn ctx_key::ApiKey::generate_from_rng<R: rand_core::CryptoRng + ?core::marker::Sized>(&mut R) -> Self", || ApiKey::generate_from_rng(&mut rng(1))),
    ("pub fn ctx_key::ApiKey::try_generate_from_rng<R: rand_core::TryCryptoRng + ?core::marker::Sized>(&mut R) -> core::result::Result<Self, <R as rand_core::TryRng>::Error>", || ApiKey::try_generate_from_rng(&mut rng(1)).unwrap()),
    #[cfg(feature = "getrandom")]
    ("pub fn ctx_key::ApiKey::generate() -> Self", ApiKey::generate),
    #[cfg(feature = "getrandom")]
    ("pub fn ctx_key::ApiKey::try_generate() -> core::result::Result<Self, ctx_key::OsRngError>", || ApiKey::try_generate().unwrap()),
    #[cfg(feature = "http")]
    ("pub fn ctx_key::bearer::parse_headers(&http::header::map::HeaderMap) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>", || {
        let value = http::HeaderValue::from_static(HEADER);
        bearer::parse_headers(&http::HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])).unwrap()
    }),
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::ApiKey", || serde_json::from_str(JSON).unwrap()),
];

/// A call with a text on the heap. The library does not own this text, and so does not erase it.
#[rustfmt::skip] // a line for each
pub(crate) const WAYS_FROM_OWNED: &[Way] = &[
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::ApiKey", || serde_json::from_value(KEY.into()).unwrap()),
];
