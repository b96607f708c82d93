//! The kinds of failure that errors of the store cause: [`Failure`].

use tracing::{error, warn};

use crate::store::store_error::StoreError;

/// Seconds after which a client may try again when the service is not available.
pub const RETRY_AFTER_SECS: u64 = 2;

/// A kind of failure of a request. The API and the dashboard answer each kind with the same status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The database or the hashing of passwords is busy, or the database can't be reached. A change may have been
    /// made all the same.
    Unavailable,
    /// A defect of the server or its data.
    Internal,
    NotFound,
    Conflict,
}

impl Failure {
    /// Classifies an error, and logs it if it comes from the database.
    pub fn of(failure: &StoreError) -> Self {
        match failure {
            StoreError::Database(failure) if failure.is_temporary() => {
                warn!(%failure, "the database is not available");
                Self::Unavailable
            }
            StoreError::Database(failure) => {
                error!(%failure, "database error");
                Self::Internal
            }
            StoreError::Busy => Self::Unavailable,
            StoreError::NotFound => Self::NotFound,
            StoreError::Repeated
            | StoreError::HasEnded
            | StoreError::HasNotEnded
            | StoreError::TooManyKeys(_)
            | StoreError::TooManyTokens(_)
            | StoreError::NameTaken
            | StoreError::Archived => Self::Conflict,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::DatabaseError;

    #[test]
    fn each_error_of_the_store_has_its_failure() {
        for (error, expected) in [
            (StoreError::Database(DatabaseError::Busy), Failure::Unavailable),
            (StoreError::Database(DatabaseError::Unavailable("lost".into())), Failure::Unavailable),
            (StoreError::Database(DatabaseError::Corrupt("id")), Failure::Internal),
            (StoreError::Database(DatabaseError::Unexpected("no table".into())), Failure::Internal),
            (StoreError::Busy, Failure::Unavailable),
            (StoreError::NotFound, Failure::NotFound),
            (StoreError::Repeated, Failure::Conflict),
            (StoreError::HasEnded, Failure::Conflict),
            (StoreError::HasNotEnded, Failure::Conflict),
            (StoreError::TooManyKeys(1), Failure::Conflict),
            (StoreError::TooManyTokens(1), Failure::Conflict),
            (StoreError::NameTaken, Failure::Conflict),
            (StoreError::Archived, Failure::Conflict),
        ] {
            assert_eq!(Failure::of(&error), expected, "{error:?}");
        }
    }
}
