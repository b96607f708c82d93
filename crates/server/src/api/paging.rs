//! Lists, page by page.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::fields::Filter;
use crate::database::DatabaseError;
use crate::http::api_error::ApiError;
use crate::http::list_cursor::{CURSOR_LENGTH, CursorKey, ListName};
use crate::store::window::Window;

/// Maximum number of records on a page.
const MAX_LIMIT: i64 = 100;

/// Default number of records on a page.
pub const DEFAULT_LIMIT: i64 = 20;

/// A record that is listed.
pub trait Listed: From<Self::Row> {
    /// The record as the store returns it.
    type Row;
    /// The name of the list.
    const LIST: &'static str;

    /// Returns the number that the list is sorted by.
    fn seq(row: &Self::Row) -> i64;
}

/// Maximum number of records that the client asks for.
#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
pub struct Limit<const DEFAULT: i64 = DEFAULT_LIMIT, const MAX: i64 = MAX_LIMIT>(i64);

impl<const DEFAULT: i64, const MAX: i64> Limit<DEFAULT, MAX> {
    pub fn checked(self) -> Result<i64, ApiError> {
        if (1..=MAX).contains(&self.0) {
            return Ok(self.0);
        }
        Err(ApiError::invalid(format!("`limit` is out of range: send a number from 1 to {MAX}")))
    }
}

impl<const DEFAULT: i64, const MAX: i64> From<i64> for Limit<DEFAULT, MAX> {
    fn from(limit: i64) -> Self {
        Self(limit)
    }
}

impl<const DEFAULT: i64, const MAX: i64> Default for Limit<DEFAULT, MAX> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<const DEFAULT: i64, const MAX: i64> PartialSchema for Limit<DEFAULT, MAX> {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).default(Some(DEFAULT.into()));
        schema.minimum(Some(1)).maximum(Some(MAX)).into()
    }
}

impl<const DEFAULT: i64, const MAX: i64> ToSchema for Limit<DEFAULT, MAX> {}

/// A place in a list, as a response gives it.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl PartialSchema for Cursor {
    fn schema() -> RefOr<Schema> {
        let pattern = format!("^[0-9a-f]{{{CURSOR_LENGTH}}}$");
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
    }
}

impl ToSchema for Cursor {}

/// A place in a list, as a request gives it.
enum Place {
    Start,
    /// After the record with this `seq`, which may have been removed since.
    Seq(i64),
    /// After the record with this id.
    Id(String),
}

/// A page of a list, as a client requests it.
pub struct Page<'a, T> {
    key: &'a CursorKey,
    list: ListName<'a>,
    limit: i64,
    place: Place,
    records: PhantomData<T>,
}

impl<'a, T: Listed> Page<'a, T> {
    /// Returns the page that a request asks for. Refuses a cursor of another list. The `parent` of a list is its user
    /// or its chat.
    pub fn new<const DEFAULT: i64, const MAX: i64>(
        key: &'a CursorKey,
        (project, parent): (&'a str, &'a str),
        limit: Limit<DEFAULT, MAX>,
        cursor: Option<Cursor>,
        starting_after: Option<Filter>,
    ) -> Result<Self, ApiError> {
        let list = ListName { name: T::LIST, project, parent };
        let place = match (cursor, starting_after) {
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid("`cursor` and `starting_after` name two places: send only one of them"));
            }
            (Some(Cursor(cursor)), None) => Place::Seq(key.decrypt(list, &cursor).ok_or(ApiError::invalid(
                "`cursor` does not belong to this list: send the `cursor` of the page before, or start again without it",
            ))?),
            (None, Some(Filter(id))) => Place::Id(id),
            (None, None) => Place::Start,
        };
        Ok(Self { key, list, limit: limit.checked()?, place, records: PhantomData })
    }

    /// Returns the rows to read: one more than the client gets, which shows whether there are more. `seq_of` looks up
    /// the `seq` of a record of this list.
    pub async fn window(
        &self,
        seq_of: impl AsyncFnOnce(&str) -> Result<Option<i64>, DatabaseError>,
    ) -> Result<Window, ApiError> {
        let last = match &self.place {
            Place::Start => None,
            Place::Seq(seq) => Some(*seq),
            Place::Id(id) => Some(seq_of(id).await?.ok_or(ApiError::invalid(
                "`starting_after` is not the id of a record of this list: send the last id of the page before, or its `cursor` \
                 if that record may be removed",
            ))?),
        };
        Ok(Window { last, rows: self.limit + 1 })
    }

    /// Returns the page with the rows of the window.
    pub fn list(&self, mut rows: Vec<T::Row>) -> List<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| has_more);
        let cursor = last.map(|row| self.key.encrypt(self.list, T::seq(row)));
        List { data: rows.into_iter().map(T::from).collect(), has_more, cursor }
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct List<T> {
    pub data: Vec<T>,
    pub has_more: bool,
    /// The value of `cursor` in a request for the next page.
    #[schema(required)]
    pub cursor: Option<String>,
}
