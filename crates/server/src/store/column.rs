//! Conversions of columns that are neither plain numbers nor plain texts.

use ctx_key::UnixTime;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::database::{DatabaseError, Row};

/// Adds `FOR NO KEY UPDATE` to a statement that selects rows to change, if the database is PostgreSQL. Others can't
/// change or remove the rows until the end of the transaction, and can still refer to them. SQLite has locked the whole
/// database already.
macro_rules! for_change {
    ($transaction:ident, $sql:expr) => {
        if $transaction.is_postgres() { concat!($sql, " FOR NO KEY UPDATE") } else { $sql }
    };
}
pub(super) use for_change;

/// Adds `FOR KEY SHARE` to a statement that selects rows to refer to, if the database is PostgreSQL. Others can't remove
/// the rows until the end of the transaction, and can still refer to them. SQLite has locked the whole database already.
macro_rules! for_reference {
    ($transaction:ident, $sql:expr) => {
        if $transaction.is_postgres() { concat!($sql, " FOR KEY SHARE") } else { $sql }
    };
}
pub(super) use for_reference;

pub(super) fn json<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, DatabaseError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| DatabaseError::Corrupt(column))
}

/// Returns the value of a column for a list of texts.
pub(super) fn texts(texts: Vec<String>) -> String {
    Value::from(texts).to_string()
}

pub(super) fn time(row: &Row, column: &'static str) -> Result<UnixTime, DatabaseError> {
    let seconds: i64 = row.get(column)?;
    u64::try_from(seconds).map(UnixTime::from_secs).map_err(|_| DatabaseError::Corrupt(column))
}
