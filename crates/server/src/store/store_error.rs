//! Reasons why a change is not made: [`StoreError`].

use std::fmt;

use super::hash_queue::Busy;
use crate::database::DatabaseError;

/// Reason why a key, a project or a token is not created or changed, or a password is not checked.
#[derive(Debug)]
pub enum StoreError {
    Database(DatabaseError),
    /// Too many passwords wait to be hashed.
    Busy,
    /// The company has no such project, key or token.
    NotFound,
    /// A change with this idempotency key was made before.
    Repeated,
    /// The key has ended, so it can't be replaced or changed.
    HasEnded,
    /// The key has not ended, so it can't be purged.
    HasNotEnded,
    /// The company has the maximum number of keys that have not ended, which is this.
    TooManyKeys(i64),
    /// The company has the maximum number of tokens that have not expired, which is this.
    TooManyTokens(i64),
    /// There is a project of this name.
    NameTaken,
    /// The project is archived, so it gets no new keys.
    Archived,
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<Busy> for StoreError {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => error.fmt(f),
            Self::Busy => f.write_str("too many passwords are being checked: try again in a few seconds"),
            Self::NotFound => f.write_str("there is no such project, key or token"),
            Self::Repeated => f.write_str("this change was made before: look at the list of keys"),
            Self::HasEnded => {
                f.write_str("the key was revoked, replaced or has expired: create a new one instead")
            }
            Self::HasNotEnded => f.write_str("the key has not ended: revoke it first"),
            Self::TooManyKeys(max) => {
                write!(f, "too many keys: a company has at most {max} that have not ended; revoke some first")
            }
            Self::TooManyTokens(max) => {
                write!(
                    f,
                    "too many access tokens: a company has at most {max} that have not expired; delete some first"
                )
            }
            Self::NameTaken => f.write_str("there is a project of this name: choose another name"),
            Self::Archived => {
                f.write_str("the project is archived, so it gets no new keys: use another project")
            }
        }
    }
}

impl std::error::Error for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_to_do() {
        for (error, words) in [
            (StoreError::Database(DatabaseError::Busy), "within the time limit"),
            (StoreError::Busy, "try again in a few seconds"),
            (StoreError::NotFound, "there is no such project, key or token"),
            (StoreError::Repeated, "was made before: look at the list of keys"),
            (StoreError::HasEnded, "create a new one instead"),
            (StoreError::HasNotEnded, "revoke it first"),
            (StoreError::TooManyKeys(7), "at most 7 that have not ended"),
            (StoreError::TooManyTokens(7), "at most 7 that have not expired"),
            (StoreError::NameTaken, "choose another name"),
            (StoreError::Archived, "use another project"),
        ] {
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
