//! The lines of the audit log about sign-ins. The line of a sign-in is written in a transaction of its own, so that the
//! sign-in does not fail if the line can't be written.

use std::net::IpAddr;

use ctx_key::UnixTime;

use super::account::{self, Account};
use super::actor::{Act, Actor};
use super::audit_log::{self, Action};
use super::client::Client;
use super::email::Email;
use crate::database::{Database, DatabaseError, Transaction};

/// An attempt whose password was wrong.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    pub email: Email,
    pub address: IpAddr,
    pub at: UnixTime,
    /// True if the attempt was to change the password of an account that was signed in.
    pub is_password_change: bool,
}

/// Logs a sign-in.
pub async fn succeeded(
    database: &Database,
    account: &Account,
    client: &Client,
    now: UnixTime,
) -> Result<(), DatabaseError> {
    let mut transaction = database.begin().await?;
    let act = account.act(now, client.address);
    let detail = client.agent.as_deref().unwrap_or_default();
    audit_log::append(&mut transaction, act, Action::SignedIn, None, detail).await?;
    transaction.commit().await
}

/// Logs that somebody signed out.
pub async fn signed_out(transaction: &mut Transaction, act: Act<'_>) -> Result<(), DatabaseError> {
    audit_log::append(transaction, act, Action::SignedOut, None, "").await
}

/// Logs a failed attempt in the company of its account, if there is one.
pub async fn failed(database: &Database, attempt: &FailedAttempt) -> Result<(), DatabaseError> {
    let found = account::of_email(&mut database.acquire().await?, &attempt.email).await?;
    let Some(account) = found else { return Ok(()) };
    let (action, actor) = if attempt.is_password_change {
        (Action::FailedToChangePassword, Actor::Account(&account.email))
    } else {
        (Action::FailedToSignIn, Actor::Stranger)
    };
    let act = Act { company: &account.company.id, actor, now: attempt.at, address: Some(attempt.address) };
    let mut transaction = database.begin().await?;
    let detail = format!("wrong password for {}", account.email);
    audit_log::append(&mut transaction, act, action, None, &detail).await?;
    transaction.commit().await
}
