//! Times in answers: [`IsoTime`].

use std::borrow::Cow;

use ctx_key::UnixTime;
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::{iso_seconds, seconds};

/// A time that is written in ISO 8601, with a zone.
#[derive(Clone, Copy, Debug)]
pub struct IsoTime(i64);

impl IsoTime {
    /// The time of a column.
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
