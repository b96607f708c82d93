//! Values of parameters and columns.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{ToSql, Type};

use super::DatabaseError;

/// The value of a parameter or a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// Returns the value with its type, so that no round trip to PostgreSQL is needed for the type.
    pub(super) fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            // PostgreSQL infers the type from the first use in the statement
            Self::Null => (&None::<&str>, Type::UNKNOWN),
            Self::Int(number) => (number, Type::INT8),
            Self::Real(number) => (number, Type::FLOAT8),
            Self::Text(text) => (text, Type::TEXT),
            Self::Bytes(bytes) => (bytes, Type::BYTEA),
        }
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Int(number),
            ValueRef::Real(number) => Self::Real(number),
            // a text that is not UTF-8 becomes bytes, which can't be read as a text
            ValueRef::Text(text) => {
                str::from_utf8(text).map_or_else(|_| Self::Bytes(text.to_vec()), Self::from)
            }
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(flag.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&Arc<str>> for Value {
    fn from(text: &Arc<str>) -> Self {
        Self::from(&**text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<[u8; 32]> for Value {
    fn from(bytes: [u8; 32]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A type that a column can be read as.
pub trait FromValue: Sized {
    /// Returns `None` if the value has another type.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($variant:ident => $type:ty),*) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value),
                    _ => None,
                }
            }
        }
    )*};
}

from_value!(Int => i64, Real => f64, Text => String, Bytes => Vec<u8>);

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A row, read by the names of its columns.
#[derive(Debug)]
pub struct Row(Columns);

#[derive(Debug)]
enum Columns {
    Sqlite(Arc<[String]>, Vec<Value>),
    Postgres(tokio_postgres::Row),
}

impl Row {
    pub(super) fn new(names: Arc<[String]>, values: Vec<Value>) -> Self {
        Self(Columns::Sqlite(names, values))
    }

    /// Reads a column as a value of type `T`.
    pub fn get<T: FromValue>(&self, column: &'static str) -> Result<T, DatabaseError> {
        let value = match &self.0 {
            Columns::Sqlite(names, values) => {
                let index = names.iter().position(|name| name == column);
                index.map(|index| values.get(index).cloned())
            }
            Columns::Postgres(row) => {
                let index = row.columns().iter().position(|found| found.name() == column);
                index.map(|index| decode(row, index).ok())
            }
        };
        let missing = || DatabaseError::Unexpected(format!("the statement selects no column {column}"));
        value.ok_or_else(missing)?.and_then(T::from_value).ok_or(DatabaseError::Corrupt(column))
    }
}

fn decode(row: &tokio_postgres::Row, index: usize) -> Result<Value, tokio_postgres::Error> {
    Ok(match *row.columns()[index].type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(index)?.into(),
        Type::INT4 => row.try_get::<_, Option<i32>>(index)?.map(i64::from).into(),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index)?.into(),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(index)?.into(),
        _ => row.try_get::<_, Option<String>>(index)?.into(),
    })
}

impl From<tokio_postgres::Row> for Row {
    fn from(row: tokio_postgres::Row) -> Self {
        Self(Columns::Postgres(row))
    }
}
