//! Lists, piece by piece, the newest first.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::database::{DatabaseError, Row};
use crate::http::api_error::ApiError;

const LIMIT: RangeInclusive<i64> = 1..=100;

/// How many records there are in an answer, if the client doesn't say.
pub const USUAL: i64 = 20;

/// Which piece of a list is asked for.
pub struct Page {
    list: &'static str,
    limit: i64,
    before: i64,
}

/// A piece of a list.
pub struct Listed {
    pub data: Vec<Value>,
    pub has_more: bool,
    /// With what the client asks for the next piece.
    pub cursor: Option<String>,
}

impl Page {
    /// A cursor that was not given by this list is refused.
    pub fn new(list: &'static str, limit: i64, cursor: Option<&str>) -> Result<Self, ApiError> {
        let before = match cursor {
            None => i64::MAX,
            Some(cursor) => {
                position(list, cursor).ok_or(ApiError::invalid("`cursor` is none of this list"))?
            }
        };
        Ok(Self { list, limit: checked(limit)?, before })
    }

    /// Only rows whose `seq` is below it are asked for.
    pub fn before(&self) -> i64 {
        self.before
    }

    /// How many rows to ask for: one more than are shown, which tells whether there are more.
    pub fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// What is shown of the rows, which have a column `seq`.
    pub fn list(
        &self,
        rows: Vec<Row>,
        shown: impl Fn(&Row) -> Result<Value, DatabaseError>,
    ) -> Result<Listed, DatabaseError> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        let mut last = 0;
        let mut data = Vec::new();
        for row in rows.into_iter().take(limit) {
            last = row.get("seq")?;
            data.push(shown(&row)?);
        }
        Ok(Listed { data, has_more, cursor: has_more.then(|| cursor(self.list, last)) })
    }
}

impl From<Listed> for axum::Json<Value> {
    fn from(listed: Listed) -> Self {
        Self(json!({ "data": listed.data, "has_more": listed.has_more, "cursor": listed.cursor }))
    }
}

/// A number of records that may be asked for.
pub fn checked(limit: i64) -> Result<i64, ApiError> {
    if LIMIT.contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::invalid(format!("`limit` is a number from {} to {}", LIMIT.start(), LIMIT.end())))
}

fn cursor(list: &str, seq: i64) -> String {
    format!("{list}-{seq:x}")
}

fn position(list: &str, text: &str) -> Option<i64> {
    let (_, digits) = text.rsplit_once('-')?;
    let seq = i64::from_str_radix(digits, 16).ok()?;
    (cursor(list, seq) == text).then_some(seq)
}
