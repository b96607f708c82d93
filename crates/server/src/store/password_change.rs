//! Changes of a password, by its owner or by the operator.

use ctx_key::UnixTime;

use super::account::{self, Account};
use super::actor::{Act, Actor};
use super::audit_log::{self, Action};
use super::client::Client;
use super::credential::{self, Kind, SignIn};
use super::new_password::NewPassword;
use super::password;
use super::secret::Secret;
use super::store_error::StoreError;
use crate::database::Database;

/// Changes the password of an account that is signed in with `session`, and ends all its sign-ins. Returns the secret
/// of the session that replaces `session`, or `None` if `session` has ended, for example by another change of the
/// password.
pub async fn change(
    database: &Database,
    account: &Account,
    session: &Secret,
    new: NewPassword,
    now: UnixTime,
    client: &Client,
) -> Result<Option<Secret>, StoreError> {
    let hash = password::hash(new).await?;
    let mut transaction = database.begin().await?;
    // this comes first, so that a second change waits here until the first one has ended its session
    account::set_password(&mut transaction, &account.id, hash).await?;
    if credential::take(&mut transaction, Kind::Session, session, now).await?.is_none() {
        return Ok(None);
    }
    credential::end_sign_ins(&mut transaction, &account.id).await?;
    let sign_in = SignIn::new(&account.id, client, now);
    let session = credential::issue(&mut transaction, Kind::Session, Some(&sign_in), now).await?;
    let detail = "all other sessions and tokens ended";
    audit_log::append(
        &mut transaction,
        account.act(now, client.address),
        Action::ChangedPassword,
        None,
        detail,
    )
    .await?;
    transaction.commit().await?;
    Ok(Some(session))
}

/// Gives an account a new password on behalf of the operator, and ends all its sign-ins.
pub async fn reset(
    database: &Database,
    account: &Account,
    new: NewPassword,
    now: UnixTime,
) -> Result<(), StoreError> {
    let hash = password::hash(new).await?;
    let mut transaction = database.begin_without_limits().await?;
    account::set_password(&mut transaction, &account.id, hash).await?;
    credential::end_sign_ins(&mut transaction, &account.id).await?;
    let act = Act { company: &account.company.id, actor: Actor::Operator, now, address: None };
    let detail = "all sessions and tokens ended";
    audit_log::append(&mut transaction, act, Action::ResetPassword, None, detail).await?;
    Ok(transaction.commit().await?)
}
