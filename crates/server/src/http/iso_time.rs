//! Times in responses, [`IsoTime`], and in requests, [`Expiry`].

use std::borrow::Cow;

use ctx_key::UnixTime;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::{LAST_SECOND, iso_seconds, parse_iso, seconds};
use crate::http::api_error::ApiError;

/// A time that is written in ISO 8601, with a zone.
#[derive(Clone, Copy, Debug)]
pub struct IsoTime(i64);

impl IsoTime {
    /// Returns the time that a column holds, in seconds.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }
}

impl From<UnixTime> for IsoTime {
    fn from(time: UnixTime) -> Self {
        Self(seconds(time))
    }
}

impl Serialize for IsoTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&iso_seconds(self.0))
    }
}

impl PartialSchema for IsoTime {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for IsoTime {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// The end of a credential, as a client sent it.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Expiry(String);

impl Expiry {
    /// Returns the time, if it is later than `now`.
    pub fn after(&self, now: UnixTime) -> Result<UnixTime, ApiError> {
        const UNREADABLE: &str =
            "`expires_at` is not a time: send one in ISO 8601 with its zone, such as 2030-01-31T12:00:00Z";
        let seconds = parse_iso(&self.0).ok_or(ApiError::invalid(UNREADABLE))?;
        if seconds > LAST_SECOND {
            return Err(ApiError::invalid("`expires_at` is too late: the last time is 9999-12-31T23:59:59Z"));
        }
        let time = u64::try_from(seconds).ok().map(UnixTime::from_secs).filter(|time| *time > now);
        time.ok_or(ApiError::invalid("`expires_at` is not in the future: send a later time, or null"))
    }
}

impl PartialSchema for Expiry {
    fn schema() -> RefOr<Schema> {
        let description = "A time in the future, in RFC 3339 with a zone. A fraction of a second is dropped.";
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let schema = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        schema.description(Some(description)).into()
    }
}

impl ToSchema for Expiry {
    fn name() -> Cow<'static, str> {
        "Expiry".into()
    }
}
