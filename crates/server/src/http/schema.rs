//! Schemas of texts, for several types.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use ctx_key::Scope;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::store::free_text::RESTRICTED;
use crate::store::name::Name;

/// Returns the schema of a text whose number of characters is in a range.
pub fn text(length: RangeInclusive<usize>) -> ObjectBuilder {
    let (min, max) = length.into_inner();
    any_text().min_length((min > 0).then_some(min)).max_length(Some(max))
}

/// Returns the schema of a text of any length. U+0000 is excluded, because PostgreSQL can't store it.
pub fn any_text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^[^\u0000]*$"))
}

/// Returns the schema of a name as it is sent. [`Name::parse`] accepts more: joiners and variation selectors beside
/// visible characters, and spaces of other widths around the name.
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
