//! Links that make an account, once: one from a server that starts without an account, and any number from `invite`.

use ctx_key::UnixTime;

use super::credential::{self, Kind};
use super::secret::Secret;
use crate::database::{Connection, DatabaseError, Transaction};

/// Issues the link of a server that starts, and ends those of earlier starts. Returns nothing if there is an account.
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

/// Makes transactions that depend on which accounts there are wait for each other. SQLite has one writer anyway.
pub(super) async fn lock_accounts(transaction: &mut Transaction) -> Result<(), DatabaseError> {
    if transaction.is_postgres() {
        transaction.query("SELECT pg_advisory_xact_lock(4127064)::text", &[]).await?;
    }
    Ok(())
}
