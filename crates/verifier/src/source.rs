//! Where records come from: [`Source`].

use std::error::Error;
use std::fmt;
use std::future::Future;

use ctx_key::{KeyId, KeyRecord, UnixTime};

/// A database of key records, with a log of their changes.
///
/// A source never runs these statements inside a transaction that began earlier: in an older snapshot, a read of the log
/// sees nothing, and would renew the lease all the same.
pub trait Source: Send + Sync + 'static {
    /// What a record's project is. A grant clones it, so an `Arc` is a good choice.
    type Project: Clone + Send + Sync + 'static;

    /// A point in the history of the database. One cursor is less than or equal to another if everything that was
    /// visible at the first is visible at the second. Cursors of different histories are not comparable.
    type Cursor: Clone + PartialOrd + fmt::Debug + Send + Sync + 'static;

    /// Looks up records, all with one statement. An id without a record is left out.
    fn look_up(
        &self,
        ids: &[KeyId],
    ) -> impl Future<Output = Result<LookedUp<Self::Project, Self::Cursor>, SourceError>> + Send;

    /// Reads the changes that became visible since `cursor`, or only the present cursor if there is none.
    ///
    /// The answer comes from the primary. A read that can't tell that is an error.
    fn changes_since(
        &self,
        cursor: Option<&Self::Cursor>,
    ) -> impl Future<Output = Result<Changes<Self::Cursor>, SourceError>> + Send;

    /// Writes down when keys were last used. An older time never replaces a newer one.
    ///
    /// Returns the ids of rows that are locked elsewhere. They were skipped, and come again with a later call.
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
    /// What the statement saw.
    pub cursor: C,
}

/// Answer of [`Source::changes_since`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<C> {
    /// What changed since the given cursor.
    pub changed: Changed,
    /// Where the next read begins.
    pub cursor: C,
}

/// What changed between two cursors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The records with these ids, some of them perhaps several times.
    Keys(Vec<KeyId>),
    /// Perhaps all: the log says so, too many changed, or the log was pruned.
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
    /// A row is not a record. The id says which.
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
