//! Users of a project.

use ctx_key::UnixTime;

use super::column;
use super::json_object::JsonObject;
use super::{chat, memory};
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction};

/// A user as it is stored.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub email: Option<String>,
    pub name: Option<String>,
    pub metadata: JsonObject,
    pub created_at: UnixTime,
    pub updated_at: UnixTime,
}

/// New values of a user's fields. A field that is `None` stays as it is.
#[derive(Clone, Debug)]
pub struct UserChange {
    pub email: Option<Option<String>>,
    pub name: Option<Option<String>>,
    pub metadata: Option<JsonObject>,
}

/// Treatment of the memories and chats that name a user who is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// They stay, and name the id, which may become a user again.
    Keep,
    /// They are removed too.
    Remove,
}

macro_rules! columns {
    () => {
        "id, email, name, metadata, created_at, updated_at"
    };
}

fn user(row: &Row) -> Result<User, DatabaseError> {
    Ok(User {
        id: row.get("id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        metadata: column::json(row, "metadata")?,
        created_at: column::time(row, "created_at")?,
        updated_at: column::time(row, "updated_at")?,
    })
}

/// Creates a user without an address and a name, unless the project has the user. Returns the user's metadata, and whether
/// the user was created. Others can't change or remove the user until the end of the transaction.
pub async fn find_or_create(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
    now: UnixTime,
) -> Result<(JsonObject, bool), DatabaseError> {
    loop {
        if create(transaction, project, id, now).await? {
            return Ok((JsonObject::default(), true));
        }
        if let Some(metadata) = metadata_for_change(transaction, project, id).await? {
            return Ok((metadata, false));
        }
        // somebody removed the user between the two statements, which is possible in PostgreSQL only
    }
}

/// Creates a user, unless there is one with this id. Returns whether it was created.
async fn create(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
    now: UnixTime,
) -> Result<bool, DatabaseError> {
    let sql = "INSERT INTO users (project, id, metadata, created_at, updated_at) VALUES ($1, $2, '{}', $3, $3) \
               ON CONFLICT DO NOTHING";
    Ok(transaction.execute(sql, &[project.into(), id.into(), seconds(now).into()]).await? > 0)
}

pub async fn find(
    connection: &mut Connection,
    project: &str,
    id: &str,
) -> Result<Option<User>, DatabaseError> {
    let sql = concat!("SELECT ", columns!(), " FROM users WHERE project = $1 AND id = $2");
    let row = connection.query_opt(sql, &[project.into(), id.into()]).await?;
    row.as_ref().map(user).transpose()
}

/// Returns a user, if the project has it. Others can't remove the user until the end of the transaction.
pub async fn find_for_reference(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
) -> Result<Option<User>, DatabaseError> {
    let sql = column::for_reference!(
        transaction,
        concat!("SELECT ", columns!(), " FROM users WHERE project = $1 AND id = $2")
    );
    let row = transaction.query_opt(sql, &[project.into(), id.into()]).await?;
    row.as_ref().map(user).transpose()
}

/// Returns the metadata of a user, if the project has the user. Others can't change the user until the end of the
/// transaction.
async fn metadata_for_change(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
) -> Result<Option<JsonObject>, DatabaseError> {
    let sql = column::for_change!(transaction, "SELECT metadata FROM users WHERE project = $1 AND id = $2");
    let row = transaction.query_opt(sql, &[project.into(), id.into()]).await?;
    row.map(|row| column::json(&row, "metadata")).transpose()
}

/// Changes a user and returns it, if the project has the user.
pub async fn change(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
    change: UserChange,
    now: UnixTime,
) -> Result<Option<User>, DatabaseError> {
    let sql = concat!(
        "UPDATE users SET email = CASE WHEN $3 = 1 THEN $4 ELSE email END, \
         name = CASE WHEN $5 = 1 THEN $6 ELSE name END, metadata = coalesce($7, metadata), updated_at = $8 \
         WHERE project = $1 AND id = $2 RETURNING ",
        columns!()
    );
    let values = [
        project.into(),
        id.into(),
        change.email.is_some().into(),
        change.email.flatten().into(),
        change.name.is_some().into(),
        change.name.flatten().into(),
        change.metadata.map(|object| object.to_json()).into(),
        seconds(now).into(),
    ];
    transaction.query_opt(sql, &values).await?.as_ref().map(user).transpose()
}

/// Removes a user with all events. Returns whether the project had the user.
pub async fn remove(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
    named: Named,
) -> Result<bool, DatabaseError> {
    let sql = "DELETE FROM users WHERE project = $1 AND id = $2";
    if transaction.execute(sql, &[project.into(), id.into()]).await? == 0 {
        return Ok(false);
    }
    if named == Named::Remove {
        memory::remove_of_user(transaction, project, id).await?;
        chat::remove_of_user(transaction, project, id).await?;
    }
    Ok(true)
}
