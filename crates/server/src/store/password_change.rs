//! Changes of a password: by its owner, who is signed in, and by the operator.

use ctx_key::UnixTime;

use super::account::{self, Account};
use super::actor::{Act, Actor};
use super::audit_log::{self, Action};
use super::credential::{self, Kind};
use super::new_password::NewPassword;
use super::password;
use super::secret::Secret;
use crate::database::{Database, DatabaseError};

/// Reason why an owner's password is not changed.
#[derive(Debug)]
pub enum ChangeError {
    Database(DatabaseError),
    /// The current password is another one.
    WrongPassword,
    /// The session has ended.
    SessionEnded,
}

impl From<DatabaseError> for ChangeError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// Changes the password of an account that is signed in with `session`, and ends everything that is signed in to it.
/// Returns the secret of the session that takes the place of this one.
pub async fn change(
    database: &Database,
    account: &Account,
    session: &Secret,
    current: String,
    new: NewPassword,
    now: UnixTime,
) -> Result<Secret, ChangeError> {
    let stored = account::password_hash(&mut database.acquire().await?, &account.id).await?;
    if !password::is_right(current, stored).await {
        return Err(ChangeError::WrongPassword);
    }
    let hash = password::hash(new).await;
    let mut transaction = database.begin().await?;
    // first, so that another change waits here: it ends all sessions, so this one finds that its session has ended
    account::set_password(&mut transaction, &account.id, hash).await?;
    let taken = credential::take(&mut transaction, Kind::Session, session, now).await?;
    taken.ok_or(ChangeError::SessionEnded)?;
    credential::end_sign_ins(&mut transaction, &account.id).await?;
    let session = credential::issue(&mut transaction, Kind::Session, Some(&account.id), now).await?;
    let detail = "all other sessions and tokens ended";
    audit_log::append(&mut transaction, account.act(now), Action::ChangedPassword, None, detail).await?;
    transaction.commit().await?;
    Ok(session)
}

/// Gives an account a new password, for the operator, and ends everything that is signed in to it.
pub async fn reset(
    database: &Database,
    account: &Account,
    new: NewPassword,
    now: UnixTime,
) -> Result<(), DatabaseError> {
    let hash = password::hash(new).await;
    let mut transaction = database.begin_without_limits().await?;
    account::set_password(&mut transaction, &account.id, hash).await?;
    credential::end_sign_ins(&mut transaction, &account.id).await?;
    let act = Act { company: &account.company.id, actor: Actor::Operator, now };
    let detail = "all sessions and tokens ended";
    audit_log::append(&mut transaction, act, Action::ResetPassword, None, detail).await?;
    transaction.commit().await
}
