//! Events of users.

use ctx_key::UnixTime;

use super::column;
use super::json_object::JsonObject;
use super::new_id;
use super::user::User;
use super::window::Window;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction};

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct Event {
    pub seq: i64,
    pub id: String,
    pub user: String,
    pub kind: String,
    pub data: JsonObject,
    pub created_at: UnixTime,
}

fn event(row: &Row) -> Result<Event, DatabaseError> {
    Ok(Event {
        seq: row.get("seq")?,
        id: row.get("id")?,
        user: row.get("user")?,
        kind: row.get("type")?,
        data: column::json(row, "data")?,
        created_at: column::time(row, "created_at")?,
    })
}

pub async fn create(
    transaction: &mut Transaction,
    project: &str,
    user: &User,
    kind: String,
    data: JsonObject,
    now: UnixTime,
) -> Result<Event, DatabaseError> {
    let sql = "INSERT INTO events (id, project, \"user\", type, data, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
               RETURNING seq, id, \"user\", type, data, created_at";
    let values = [
        new_id("evt").into(),
        project.into(),
        (&user.id).into(),
        kind.into(),
        data.to_json().into(),
        seconds(now).into(),
    ];
    event(&transaction.query_one(sql, &values).await?)
}

/// Lists the events of a user, all or only those of one kind.
pub async fn list(
    connection: &mut Connection,
    project: &str,
    user: &User,
    kind: Option<String>,
    window: Window,
) -> Result<Vec<Event>, DatabaseError> {
    let sql = "SELECT seq, id, \"user\", type, data, created_at FROM events WHERE project = $1 AND \"user\" = $2 \
               AND seq < $3 AND (type = $4 OR $4 IS NULL) ORDER BY seq DESC LIMIT $5";
    let values = [project.into(), (&user.id).into(), window.before().into(), kind.into(), window.rows.into()];
    connection.query(sql, &values).await?.iter().map(event).collect()
}

/// Returns the `seq` of an event, if the user has it.
pub async fn seq(
    connection: &mut Connection,
    project: &str,
    user: &User,
    id: &str,
) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT seq FROM events WHERE project = $1 AND \"user\" = $2 AND id = $3";
    let row = connection.query_opt(sql, &[project.into(), (&user.id).into(), id.into()]).await?;
    row.map(|row| row.get("seq")).transpose()
}

/// Removes an event of a user. Returns whether the user had it.
pub async fn remove(
    transaction: &mut Transaction,
    project: &str,
    user: &str,
    id: &str,
) -> Result<bool, DatabaseError> {
    let sql = "DELETE FROM events WHERE project = $1 AND \"user\" = $2 AND id = $3";
    Ok(transaction.execute(sql, &[project.into(), user.into(), id.into()]).await? > 0)
}
