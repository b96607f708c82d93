//! A source of records: [`Source`].

use std::error::Error;
use std::fmt;
use std::future::Future;

use ctx_key::{KeyId, KeyRecord, UnixTime};

/// A database of key records, with a log of their changes.
///
/// A source must not run these statements inside a transaction that began earlier: a read of the log in its older
/// snapshot would miss changes, and still renew the lease.
pub trait Source: Send + Sync + 'static {
    /// The type of a record's project. A grant clones it, so an `Arc` is a good choice.
    type Project: Clone + Send + Sync + 'static;

    /// A point in the history of the database. A cursor is less than or equal to another if everything that was visible
    /// at the first is visible at the second. Cursors of different histories are not comparable.
    type Cursor: Clone + PartialOrd + fmt::Debug + Send + Sync + 'static;

    /// Looks up records, all with one statement. An id without a record is left out.
    fn look_up(
        &self,
        ids: &[KeyId],
    ) -> impl Future<Output = Result<LookedUp<Self::Project, Self::Cursor>, SourceError>> + Send;

    /// Reads the changes that became visible since `cursor`, or only the current cursor if `cursor` is `None`.
    ///
    /// The answer has to come from the primary. A source that can't tell whether it does returns an error.
    fn changes_since(
        &self,
        cursor: Option<&Self::Cursor>,
    ) -> impl Future<Output = Result<Changes<Self::Cursor>, SourceError>> + Send;

    /// Records when keys were last used. An older time never replaces a newer one.
    ///
    /// Returns the ids of rows that were skipped because they are locked elsewhere. The verifier passes them again later.
    fn record_uses(
        &self,
        uses: &[(KeyId, UnixTime)],
    ) -> impl Future<Output = Result<Vec<KeyId>, SourceError>> + Send;
}

/// Answer of [`Source::look_up`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp<P, C> {
    /// The records that were found, in any order.
    pub records: Vec<KeyRecord<P>>,
    /// Ids whose rows are not records: a column has an unexpected type or value.
    pub corrupt: Vec<KeyId>,
    /// The point in the history that the statement saw.
    pub cursor: C,
}

/// Answer of [`Source::changes_since`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<C> {
    /// The changes since the given cursor.
    pub changed: Changed,
    /// Point in the log at which the next read starts.
    pub cursor: C,
}

/// The changes between two cursors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The records with these ids. An id may occur several times.
    Keys(Vec<KeyId>),
    /// Any record may have changed: the log says so, too many changed, or the log was pruned.
    Everything,
    /// The cursor belongs to another history: after a failover, a crash recovery or a restore.
    History,
}

/// Error of a [`Source`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SourceError {
    /// No connection or lock could be acquired in time. Try again.
    Busy,
    /// The database can't be reached or can't answer. The cause says what failed: the host, the password, the
    /// database, TLS, or that it is not the primary.
    Unavailable(Box<dyn Error + Send + Sync>),
    /// The row with this id is not a record.
    Corrupt(KeyId),
    /// Anything else, such as a table that is missing.
    Unexpected(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the database is busy: try again"),
            Self::Unavailable(cause) => write!(f, "the database is unavailable: {cause}"),
            Self::Corrupt(id) => write!(f, "the row of key {id} is not a record: repair or delete it"),
            Self::Unexpected(cause) => write!(f, "unexpected answer of the database: {cause}"),
        }
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(cause) | Self::Unexpected(cause) => Some(cause.as_ref()),
            Self::Busy | Self::Corrupt(_) => None,
        }
    }
}
