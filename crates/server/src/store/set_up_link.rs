//! Links that create one account each. A server issues one if it starts without an account, and `invite` issues any
//! number.

use ctx_key::UnixTime;

use super::credential::{self, Kind};
use super::secret::Secret;
use crate::database::{Connection, DatabaseError, Transaction};

/// Issues a link at the start of a server, and ends the links of earlier starts. Returns `None` if there is an account.
pub async fn issue_at_start(
    transaction: &mut Transaction,
    now: UnixTime,
) -> Result<Option<Secret>, DatabaseError> {
    lock_accounts(transaction).await?;
    if transaction.query_opt("SELECT id FROM accounts LIMIT 1", &[]).await?.is_some() {
        return Ok(None);
    }
    end_of_starts(transaction).await?;
    credential::issue(transaction, Kind::SetUp, None, now).await.map(Some)
}

/// Issues a link for one more account. It ends no other link.
pub async fn invite(transaction: &mut Transaction, now: UnixTime) -> Result<Secret, DatabaseError> {
    credential::issue(transaction, Kind::Invitation, None, now).await
}

/// Returns whether a link is known, unused and not expired.
pub async fn is_valid(
    connection: &mut Connection,
    link: &Secret,
    now: UnixTime,
) -> Result<bool, DatabaseError> {
    for kind in [Kind::SetUp, Kind::Invitation] {
        if credential::find(connection, kind, link, now).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the same as [`is_valid`], and ends the link.
pub(super) async fn take(
    transaction: &mut Transaction,
    link: &Secret,
    now: UnixTime,
) -> Result<bool, DatabaseError> {
    for kind in [Kind::SetUp, Kind::Invitation] {
        if credential::take(transaction, kind, link, now).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends the unused links of all starts.
pub(super) async fn end_of_starts(transaction: &mut Transaction) -> Result<(), DatabaseError> {
    credential::end_all(transaction, Kind::SetUp).await
}

/// Serializes transactions that depend on the accounts that exist. SQLite needs no lock, because it has one writer at a
/// time.
pub(super) async fn lock_accounts(transaction: &mut Transaction) -> Result<(), DatabaseError> {
    if transaction.is_postgres() {
        transaction.query("SELECT pg_advisory_xact_lock(4127064)::text", &[]).await?;
    }
    Ok(())
}
