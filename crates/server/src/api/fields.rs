//! Types for the fields of requests. Each type has limits, documents them in its OpenAPI schema, and gives access to
//! its content only through a check.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::api_error::ApiError;
use crate::http::extract::{is_step, unreadable};
use crate::http::schema::{any_text, text};
use crate::store::free_text::contains_key;
use crate::store::json_object::JsonObject;

/// Maximum length of the content of a memory, in bytes. PostgreSQL's index `memories_text` stores it as a `tsvector`,
/// which has at most 1 MiB, and can be four times as large as a content with many short words.
const MAX_CONTENT_LENGTH: usize = 100_000;

const MAX_TAGS: usize = 50;

/// Maximum length of an object, in bytes of JSON.
const MAX_OBJECT_LENGTH: usize = 16 * 1024;

const MAX_OBJECT_DEPTH: usize = 16;

/// A text of `MIN` to `MAX` characters.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// A title, a name or an address.
pub type Title = Text<0, 500>;

/// An id that the client chooses.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Id(Text<1, 128>);

impl Id {
    pub fn checked(self, field: &str) -> Result<String, ApiError> {
        let id = self.0.checked(field)?;
        if is_step(&id) {
            return Err(ApiError::invalid(format!(
                "`{field}` can't be `.` or `..`, which are steps in a path: choose another id"
            )));
        }
        Ok(id)
    }
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        text(1..=128).pattern(Some(r"^(?!\.{1,2}$)[^\u0000]*$")).into()
    }
}

impl ToSchema for Id {}

/// Returns a field that a client may send in snake_case, in camelCase, or in both with the same value.
///
/// # Errors
///
/// - Both spellings are sent with different values, one of which would be ignored.
pub fn in_either_spelling<T: PartialEq>(
    field: &str,
    snake: Option<Option<T>>,
    camel: Option<Option<T>>,
) -> Result<Option<T>, ApiError> {
    match (snake, camel) {
        (Some(snake), Some(camel)) if snake != camel => Err(ApiError::invalid(format!(
            "`{field}` is sent in two spellings with two values: send it once"
        ))),
        (Some(value), _) | (None, Some(value)) => Ok(value),
        (None, None) => Ok(None),
    }
}

/// The kind of something, a language or a format.
pub type Word = Text<1, 64>;

type Tag = Text<1, 100>;

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Returns the text if its length is allowed and it contains no API key. Content is checked by
    /// [`of_length`](Self::of_length) instead.
    pub fn checked(self, field: &str) -> Result<String, ApiError> {
        let text = self.of_length(field)?;
        refuse_key(field, &text)?;
        Ok(text)
    }

    /// Returns the text if its length is allowed. It may contain anything.
    pub fn of_length(self, field: &str) -> Result<String, ApiError> {
        let Self(text) = self;
        // a text with more bytes certainly has too many characters, so it is refused without counting them
        if text.len() <= MAX * 4 && (MIN..=MAX).contains(&text.chars().count()) {
            return Ok(text);
        }
        Err(ApiError::invalid(format!("`{field}` has a wrong length: send {MIN} to {MAX} characters")))
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

/// Refuses a text that contains an API key, which everybody who reads the record would see. It is not called for the
/// content of memories and messages.
fn refuse_key(field: &str, text: &str) -> Result<(), ApiError> {
    if contains_key(text) {
        return Err(ApiError::invalid(format!(
            "`{field}` contains an API key: revoke that key, since others may have read it, and send the text without it"
        )));
    }
    Ok(())
}

/// Checks an id that may be missing.
pub fn checked_id(field: &str, id: Option<Id>) -> Result<Option<String>, ApiError> {
    id.map(|id| id.checked(field)).transpose()
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
            let message = format!("`content` has a wrong length: send 1 to {MAX_CONTENT_LENGTH} bytes");
            return Err(ApiError::invalid(message));
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
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Tags(Vec<Tag>);

impl Tags {
    pub fn checked(self) -> Result<Vec<String>, ApiError> {
        if self.0.len() > MAX_TAGS {
            return Err(ApiError::invalid(format!("`tags` has too many entries: send at most {MAX_TAGS}")));
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

/// A JSON object that the client defines.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct OwnObject(JsonObject);

impl OwnObject {
    pub fn checked(self, field: &str) -> Result<JsonObject, ApiError> {
        check_length(field, &self.0)?;
        check_entries(field, &self.0, 1)?;
        Ok(self.0)
    }
}

fn check_length(field: &str, object: &JsonObject) -> Result<(), ApiError> {
    if object.to_json().len() <= MAX_OBJECT_LENGTH {
        return Ok(());
    }
    Err(ApiError::invalid(format!("`{field}` is too large: at most {MAX_OBJECT_LENGTH} bytes of JSON")))
}

/// Checks the entries of an object at a level of nesting. The parser has checked only the syntax of the values.
fn check_entries(field: &str, object: &JsonObject, level: usize) -> Result<(), ApiError> {
    for (name, value) in object.entries() {
        refuse_key(field, name)?;
        check_value(field, value, level)?;
    }
    Ok(())
}

fn check_value(field: &str, value: &RawValue, level: usize) -> Result<(), ApiError> {
    let is_nested = value.get().starts_with(['{', '[']);
    if is_nested && level == MAX_OBJECT_DEPTH {
        return Err(ApiError::invalid(format!("`{field}` is too deep: at most {MAX_OBJECT_DEPTH} levels")));
    }
    match value.get().as_bytes().first() {
        Some(b'{') => check_entries(field, &parse(field, value)?, level + 1),
        Some(b'[') => {
            let values: Vec<Box<RawValue>> = parse(field, value)?;
            values.iter().try_for_each(|value| check_value(field, value, level + 1))
        }
        Some(b'"') => refuse_key(field, &parse::<String>(field, value)?),
        _ => Ok(()),
    }
}

fn parse<T: DeserializeOwned>(field: &str, value: &RawValue) -> Result<T, ApiError> {
    serde_json::from_str(value.get())
        .map_err(|error| ApiError::invalid(unreadable(&format!("`{field}`"), &error)))
}

/// A change of a stored object.
pub enum ObjectChange {
    Empty,
    Merge(JsonObject),
}

impl ObjectChange {
    /// Checks a change that may be missing. Null empties the object.
    pub fn checked(field: &str, change: Option<Option<OwnObject>>) -> Result<Option<Self>, ApiError> {
        let change =
            change.map(|object| object.map(|object| object.checked(field)).transpose()).transpose()?;
        Ok(change.map(|object| object.map_or(Self::Empty, Self::Merge)))
    }

    /// Returns the object after the change, or an error if it would be too large.
    pub fn apply(self, field: &str, mut object: JsonObject) -> Result<JsonObject, ApiError> {
        match self {
            Self::Empty => Ok(JsonObject::default()),
            Self::Merge(change) => {
                object.merge(change);
                check_length(field, &object)?;
                Ok(object)
            }
        }
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

/// Reads a field that is present as `Some`, even if it is null.
pub fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
