//! Schemas of texts that several types share.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use ctx_key::Scope;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::store::free_text::RESTRICTED;
use crate::store::name::Name;

/// Returns the schema of a text of a length in characters.
pub fn text(length: RangeInclusive<usize>) -> ObjectBuilder {
    let (least, most) = length.into_inner();
    any_text().min_length((least > 0).then_some(least)).max_length(Some(most))
}

/// Returns the schema of a text of any length. PostgreSQL stores no U+0000.
pub fn any_text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^[^\u0000]*$"))
}

/// Returns the schema of a name as it is sent. [`Name::parse`] also takes joiners and variation selectors beside visible
/// characters, and spaces of other widths around the name.
pub fn name() -> ObjectBuilder {
    let pattern = format!(r"^[^{RESTRICTED}]*[^{RESTRICTED} \u2800][^{RESTRICTED}]*$");
    let description =
        "On one line, with visible characters; spaces around it are dropped. It contains no API key.";
    text(1..=Name::MAX_LENGTH).pattern(Some(pattern)).description(Some(description))
}

/// Returns the schema of a request's id.
pub fn request_id() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9._~:/+=@-]{1,128}$"))
}

/// The schema of a scope's name.
pub struct ScopeName;

impl PartialSchema for ScopeName {
    fn schema() -> RefOr<Schema> {
        let names = Scope::all().iter().map(|scope| scope.to_string());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for ScopeName {
    fn name() -> Cow<'static, str> {
        "Scope".into()
    }
}
