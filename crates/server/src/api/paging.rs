//! Lists, piece by piece, the newest first.

use std::marker::PhantomData;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::api_error::ApiError;
use crate::store::window::Window;

const LIMIT: RangeInclusive<i64> = 1..=100;

/// Number of records in an answer, if the client names none.
pub const DEFAULT_LIMIT: i64 = 20;

/// A record that is listed.
pub trait Listed: From<Self::Row> {
    /// What the store has of it.
    type Row;
    /// The list's name, with which its cursors begin.
    const LIST: &'static str;

    /// The list is sorted by this.
    fn seq(row: &Self::Row) -> i64;
}

/// Maximum number of records that the client asks for.
#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
pub struct Limit<const DEFAULT: i64 = DEFAULT_LIMIT>(i64);

impl<const DEFAULT: i64> Limit<DEFAULT> {
    pub fn checked(self) -> Result<i64, ApiError> {
        if LIMIT.contains(&self.0) {
            return Ok(self.0);
        }
        Err(ApiError::invalid(format!("`limit` is a number from {} to {}", LIMIT.start(), LIMIT.end())))
    }
}

impl<const DEFAULT: i64> From<i64> for Limit<DEFAULT> {
    fn from(limit: i64) -> Self {
        Self(limit)
    }
}

impl<const DEFAULT: i64> Default for Limit<DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<const DEFAULT: i64> PartialSchema for Limit<DEFAULT> {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).default(Some(DEFAULT.into()));
        schema.minimum(Some(*LIMIT.start())).maximum(Some(*LIMIT.end())).into()
    }
}

impl<const DEFAULT: i64> ToSchema for Limit<DEFAULT> {}

/// A place in a list.
#[derive(Deserialize)]
#[serde(transparent, bound = "")]
pub struct Cursor<T> {
    text: String,
    #[serde(skip)]
    list: PhantomData<T>,
}

impl<T: Listed> Cursor<T> {
    fn text(seq: i64) -> String {
        format!("{}-{seq:x}", T::LIST)
    }

    /// Returns the `seq` of the last record before this place.
    fn seq(&self) -> Result<i64, ApiError> {
        let digits = self.text.rsplit_once('-').map(|(_, digits)| i64::from_str_radix(digits, 16));
        let seq = digits.and_then(Result::ok).filter(|&seq| Self::text(seq) == self.text);
        seq.ok_or(ApiError::invalid("`cursor` is none of this list"))
    }
}

impl<T: Listed> PartialSchema for Cursor<T> {
    fn schema() -> RefOr<Schema> {
        let pattern = format!("^{}-[1-9a-f][0-9a-f]{{0,14}}$", T::LIST);
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
    }
}

impl<T: Listed> ToSchema for Cursor<T> {}

/// A piece of a list that a client asks for.
pub struct Page<T> {
    limit: i64,
    before: i64,
    list: PhantomData<T>,
}

impl<T: Listed> Page<T> {
    /// Refuses a cursor that this list did not give.
    pub fn new<const DEFAULT: i64>(
        limit: Limit<DEFAULT>,
        cursor: Option<&Cursor<T>>,
    ) -> Result<Self, ApiError> {
        let before = cursor.map_or(Ok(i64::MAX), Cursor::seq)?;
        Ok(Self { limit: limit.checked()?, before, list: PhantomData })
    }

    /// Returns what to read: one row more than the client sees, which tells whether there are more.
    pub fn window(&self) -> Window {
        Window { before: self.before, rows: self.limit + 1 }
    }

    /// Makes the answer of the rows of the window.
    pub fn list(&self, mut rows: Vec<T::Row>) -> List<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| has_more);
        let cursor = last.map(|row| Cursor::<T>::text(T::seq(row)));
        List { data: rows.into_iter().map(T::from).collect(), has_more, cursor }
    }
}

/// A piece of a list.
#[derive(Serialize, ToSchema)]
pub struct List<T> {
    pub data: Vec<T>,
    pub has_more: bool,
    /// With it, the client asks for the next piece.
    #[schema(required)]
    pub cursor: Option<String>,
}
