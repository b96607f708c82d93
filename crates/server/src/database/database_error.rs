//! Errors of a database: [`DatabaseError`].

use std::error::Error;
use std::fmt;

use ctx_key_verifier::SourceError;

/// An error of a statement, or while acquiring a connection.
///
/// Messages name tables, columns and codes. They never contain data, a URL or a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseError {
    /// There was no connection, lock or result within the time limit. Try again.
    Busy,
    /// The database can't be reached, or can't run the statement at present. The text says what failed.
    Unavailable(String),
    /// This column has a type or value that the server never writes.
    Corrupt(&'static str),
    /// Any other error, such as a missing table.
    Unexpected(String),
}

impl DatabaseError {
    /// Returns whether a retry makes sense, because nothing is wrong with the server or its data.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_))
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the database has no connection, lock or answer within the time limit"),
            Self::Unavailable(cause) | Self::Unexpected(cause) => f.write_str(cause),
            Self::Corrupt(column) => {
                write!(f, "the column {column} holds an unexpected type or value: repair or remove the row")
            }
        }
    }
}

impl Error for DatabaseError {}

impl From<SourceError> for DatabaseError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Busy => Self::Busy,
            SourceError::Unavailable(cause) => Self::Unavailable(cause.to_string()),
            SourceError::Unexpected(cause) => Self::Unexpected(cause.to_string()),
            other => Self::Unexpected(other.to_string()),
        }
    }
}
