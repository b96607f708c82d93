//! Columns that hold more than a number or a text.

use ctx_key::UnixTime;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::database::{DatabaseError, Row};

/// An object of the client's own.
pub type JsonObject = Map<String, Value>;

pub(super) fn json<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, DatabaseError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| DatabaseError::Corrupt(column))
}

/// Returns an object as its column has it.
pub(super) fn object(object: JsonObject) -> String {
    Value::Object(object).to_string()
}

/// Returns texts as their column has them.
pub(super) fn texts(texts: Vec<String>) -> String {
    Value::from(texts).to_string()
}

pub(super) fn time(row: &Row, column: &'static str) -> Result<UnixTime, DatabaseError> {
    let seconds: i64 = row.get(column)?;
    u64::try_from(seconds).map(UnixTime::from_secs).map_err(|_| DatabaseError::Corrupt(column))
}
