//! Fields of requests: each type knows its limits, says them in the OpenAPI document, and gives its content only after
//! a check.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::api_error::ApiError;
use crate::http::schema::{any_text, text};
use crate::store::column::JsonObject;
use crate::store::free_text::contains_key;

/// Maximum length of the content of a memory, in bytes: what a search needs of it has to fit in 1 MiB, and may be four
/// times as large, if it is made of many short words.
const MAX_CONTENT_LENGTH: usize = 100_000;

const MAX_TAGS: usize = 50;

/// Maximum length of an object, in bytes of JSON.
const MAX_OBJECT_LENGTH: usize = 16 * 1024;

const MAX_OBJECT_DEPTH: usize = 16;

/// A text of `MIN` to `MAX` characters.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// A title, a name or an address.
pub type Title = Text<0, 500>;

/// An id that the client chose.
pub type Id = Text<1, 128>;

/// The kind of something, a language or a format.
pub type Word = Text<1, 64>;

type Tag = Text<1, 100>;

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Returns a text that is no content, and so contains no API key.
    pub fn checked(self, field: &str) -> Result<String, ApiError> {
        let text = self.of_length(field)?;
        refuse_key(field, &text)?;
        Ok(text)
    }

    /// Returns a text that may contain anything.
    pub fn of_length(self, field: &str) -> Result<String, ApiError> {
        let Self(text) = self;
        // a text of more bytes has too many characters, and those need no counting
        if text.len() <= MAX * 4 && (MIN..=MAX).contains(&text.chars().count()) {
            return Ok(text);
        }
        Err(ApiError::invalid(format!("`{field}` needs {MIN} to {MAX} characters")))
    }
}

impl<const MIN: usize, const MAX: usize> From<String> for Text<MIN, MAX> {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        text(MIN..=MAX).into()
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for Text<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        format!("Text{MIN}To{MAX}").into()
    }
}

/// Refuses a text with an API key, unless it is the content of a memory or a message: it would be shown to everybody who
/// reads the record.
fn refuse_key(field: &str, text: &str) -> Result<(), ApiError> {
    if contains_key(text) {
        return Err(ApiError::invalid(format!(
            "`{field}` contains an API key: revoke that key, since others may have read it, and send the text without it"
        )));
    }
    Ok(())
}

/// Checks a text that may be missing.
pub fn checked<const MIN: usize, const MAX: usize>(
    field: &str,
    text: Option<Text<MIN, MAX>>,
) -> Result<Option<String>, ApiError> {
    text.map(|text| text.checked(field)).transpose()
}

/// Checks a text that may be missing, or null.
pub fn checked_change<const MIN: usize, const MAX: usize>(
    field: &str,
    text: Option<Option<Text<MIN, MAX>>>,
) -> Result<Option<Option<String>>, ApiError> {
    text.map(|text| checked(field, text)).transpose()
}

/// The content of a memory.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct Content(String);

impl Content {
    pub fn checked(self) -> Result<String, ApiError> {
        if self.0.is_empty() || self.0.len() > MAX_CONTENT_LENGTH {
            return Err(ApiError::invalid(format!("`content` needs 1 to {MAX_CONTENT_LENGTH} bytes")));
        }
        Ok(self.0)
    }
}

impl PartialSchema for Content {
    fn schema() -> RefOr<Schema> {
        let description = format!("At most {MAX_CONTENT_LENGTH} bytes in UTF-8.");
        text(1..=MAX_CONTENT_LENGTH).description(Some(description)).into()
    }
}

impl ToSchema for Content {}

/// The tags of a memory.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct Tags(Vec<Tag>);

impl Tags {
    pub fn checked(self) -> Result<Vec<String>, ApiError> {
        if self.0.len() > MAX_TAGS {
            return Err(ApiError::invalid(format!("`tags` may have {MAX_TAGS} entries")));
        }
        self.0.into_iter().map(|tag| tag.checked("tags")).collect()
    }
}

impl PartialSchema for Tags {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(Tag::schema()).max_items(Some(MAX_TAGS)).into()
    }
}

impl ToSchema for Tags {}

/// An object of the client's own.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub struct OwnObject(JsonObject);

impl OwnObject {
    pub fn checked(self, field: &str) -> Result<JsonObject, ApiError> {
        // the parser has refused what is deeper than 128 levels
        let depth = 1 + self.0.values().map(depth).max().unwrap_or(0);
        if depth > MAX_OBJECT_DEPTH {
            return Err(ApiError::invalid(format!("`{field}` may be {MAX_OBJECT_DEPTH} levels deep")));
        }
        let json = serde_json::to_string(&self.0).map_err(|_| ApiError::internal())?;
        if json.len() > MAX_OBJECT_LENGTH {
            return Err(ApiError::invalid(format!("`{field}` may have {MAX_OBJECT_LENGTH} bytes of JSON")));
        }
        refuse_key(field, &json)?;
        Ok(self.0)
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

impl PartialSchema for OwnObject {
    fn schema() -> RefOr<Schema> {
        let description =
            format!("At most {MAX_OBJECT_DEPTH} levels deep, and {} KiB of JSON.", MAX_OBJECT_LENGTH / 1024);
        ObjectBuilder::new().description(Some(description)).into()
    }
}

impl ToSchema for OwnObject {}

/// A text to compare a field with.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Filter(pub String);

impl PartialSchema for Filter {
    fn schema() -> RefOr<Schema> {
        any_text().into()
    }
}

impl ToSchema for Filter {}

/// Reads a field that is named, also with null, as `Some`.
pub fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
