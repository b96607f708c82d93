//! What the fields of a record may hold.

use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::database::{DatabaseError, Row};
use crate::http::api_error::ApiError;

/// The longest content of a memory, in bytes: what a search needs of it has to fit in 1 MiB, and may be four times as
/// large, if it is made of many short words.
const LONGEST_CONTENT: usize = 100_000;

const MOST_TAGS: usize = 50;

/// Bytes of JSON.
const LARGEST_OBJECT: usize = 16 * 1024;

const DEEPEST_OBJECT: usize = 16;

/// The length of a title or a name, in characters.
pub const TITLE: RangeInclusive<usize> = 0..=500;

/// The length of an id that the client chose.
pub const ID: RangeInclusive<usize> = 1..=128;

/// The length of a word that says of which kind something is.
pub const WORD: RangeInclusive<usize> = 1..=64;

/// The length of a tag.
const TAG: RangeInclusive<usize> = 1..=100;

/// Refuses a text that has too many characters, or too few.
pub fn check(field: &str, text: &str, length: &RangeInclusive<usize>) -> Result<(), ApiError> {
    // a text of so many bytes has too many characters, and those need no counting
    if text.len() <= length.end() * 4 && length.contains(&text.chars().count()) {
        return Ok(());
    }
    let (least, most) = (length.start(), length.end());
    Err(ApiError::invalid(format!("`{field}` needs {least} to {most} characters")))
}

/// The same for a text that may be missing.
pub fn check_some(field: &str, text: Option<&str>, length: &RangeInclusive<usize>) -> Result<(), ApiError> {
    text.map_or(Ok(()), |text| check(field, text, length))
}

pub fn check_content(text: &str) -> Result<(), ApiError> {
    if text.is_empty() || text.len() > LONGEST_CONTENT {
        return Err(ApiError::invalid(format!("`content` needs 1 to {LONGEST_CONTENT} bytes")));
    }
    Ok(())
}

/// Tags, as their column has them.
pub fn tags(tags: &[String]) -> Result<String, ApiError> {
    if tags.len() > MOST_TAGS {
        return Err(ApiError::invalid(format!("`tags` may have {MOST_TAGS} entries")));
    }
    tags.iter().try_for_each(|tag| check("tags", tag, &TAG))?;
    Ok(Value::from(tags).to_string())
}

/// An object of the client's own, as its column has it.
pub fn object(field: &str, object: Map<String, Value>) -> Result<String, ApiError> {
    let object = Value::Object(object);
    if depth(&object) > DEEPEST_OBJECT {
        return Err(ApiError::invalid(format!("`{field}` may be {DEEPEST_OBJECT} levels deep")));
    }
    let text = object.to_string();
    if text.len() > LARGEST_OBJECT {
        return Err(ApiError::invalid(format!("`{field}` may have {LARGEST_OBJECT} bytes of JSON")));
    }
    Ok(text)
}

/// The parser has refused what is deeper than 128 levels.
fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Reads what [`tags`] and [`object`] wrote.
pub fn stored(row: &Row, column: &'static str) -> Result<Value, DatabaseError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| DatabaseError::Corrupt(column))
}

/// A field that is named, also with null, is `Some`.
pub fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
