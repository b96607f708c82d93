//! Reasons why a change is not made: [`StoreError`].

use crate::database::DatabaseError;

/// Reason why a key or a project is not created or changed.
#[derive(Debug)]
pub enum StoreError {
    Database(DatabaseError),
    /// No such project or key, or another company's.
    NotFound,
    /// This form has made its key already.
    FormUsed,
    /// The key has ended, so it has no successor.
    NotActive,
    /// The company has as many keys as it may have.
    TooMany,
    /// There is a project of this name.
    NameTaken,
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}
