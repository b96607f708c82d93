//! Chats of a project, and their messages.

use ctx_key::UnixTime;

use super::column;
use super::json_object::JsonObject;
use super::new_id;
use super::window::Window;
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError, Row, Transaction};

/// A chat as it is stored.
#[derive(Clone, Debug)]
pub struct Chat {
    pub seq: i64,
    pub id: String,
    pub user: Option<String>,
    pub title: Option<String>,
    pub metadata: JsonObject,
    pub created_at: UnixTime,
    pub updated_at: UnixTime,
}

/// A chat to store.
#[derive(Clone, Debug)]
pub struct NewChat {
    pub user: Option<String>,
    pub title: Option<String>,
    pub metadata: JsonObject,
}

/// A message of a chat.
#[derive(Clone, Debug)]
pub struct Message {
    pub seq: i64,
    pub id: String,
    pub role: Role,
    pub content: String,
    pub created_at: UnixTime,
}

/// Author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

macro_rules! columns {
    () => {
        r#"seq, id, "user", title, metadata, created_at, updated_at"#
    };
}

fn chat(row: &Row) -> Result<Chat, DatabaseError> {
    Ok(Chat {
        seq: row.get("seq")?,
        id: row.get("id")?,
        user: row.get("user")?,
        title: row.get("title")?,
        metadata: column::json(row, "metadata")?,
        created_at: column::time(row, "created_at")?,
        updated_at: column::time(row, "updated_at")?,
    })
}

fn message(row: &Row) -> Result<Message, DatabaseError> {
    let role: String = row.get("role")?;
    let role = [Role::User, Role::Assistant].into_iter().find(|known| known.as_str() == role);
    Ok(Message {
        seq: row.get("seq")?,
        id: row.get("id")?,
        role: role.ok_or(DatabaseError::Corrupt("role"))?,
        content: row.get("content")?,
        created_at: column::time(row, "created_at")?,
    })
}

pub async fn create(
    transaction: &mut Transaction,
    project: &str,
    new: NewChat,
    now: UnixTime,
) -> Result<Chat, DatabaseError> {
    let sql = concat!(
        "INSERT INTO chats (id, project, \"user\", title, metadata, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING ",
        columns!()
    );
    let values = [
        new_id("chat").into(),
        project.into(),
        new.user.into(),
        new.title.into(),
        new.metadata.to_json().into(),
        seconds(now).into(),
    ];
    chat(&transaction.query_one(sql, &values).await?)
}

/// Lists the chats of a project, or of one of its users.
pub async fn list(
    connection: &mut Connection,
    project: &str,
    user: Option<String>,
    window: Window,
) -> Result<Vec<Chat>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM chats WHERE project = $1 AND seq < $2 AND (\"user\" = $3 OR $3 IS NULL) ORDER BY seq DESC LIMIT $4"
    );
    let values = [project.into(), window.before().into(), user.into(), window.rows.into()];
    connection.query(sql, &values).await?.iter().map(chat).collect()
}

pub async fn find(
    connection: &mut Connection,
    project: &str,
    id: &str,
) -> Result<Option<Chat>, DatabaseError> {
    let sql = concat!("SELECT ", columns!(), " FROM chats WHERE project = $1 AND id = $2");
    let row = connection.query_opt(sql, &[project.into(), id.into()]).await?;
    row.as_ref().map(chat).transpose()
}

/// Returns a chat, if the project has it. Others can't change or remove the chat, or append messages, until the end of the
/// transaction.
pub async fn find_for_change(
    transaction: &mut Transaction,
    project: &str,
    id: &str,
) -> Result<Option<Chat>, DatabaseError> {
    let sql = column::for_change!(
        transaction,
        concat!("SELECT ", columns!(), " FROM chats WHERE project = $1 AND id = $2")
    );
    let row = transaction.query_opt(sql, &[project.into(), id.into()]).await?;
    row.as_ref().map(chat).transpose()
}

/// Returns the `seq` of a chat, if the project has it.
pub async fn seq(connection: &mut Connection, project: &str, id: &str) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT seq FROM chats WHERE project = $1 AND id = $2";
    let row = connection.query_opt(sql, &[project.into(), id.into()]).await?;
    row.map(|row| row.get("seq")).transpose()
}

/// Removes a chat with its messages. Returns whether the project had it.
pub async fn remove(transaction: &mut Transaction, project: &str, id: &str) -> Result<bool, DatabaseError> {
    let sql = "DELETE FROM chats WHERE project = $1 AND id = $2";
    Ok(transaction.execute(sql, &[project.into(), id.into()]).await? > 0)
}

/// Removes the chats that name a user.
pub(super) async fn remove_of_user(
    transaction: &mut Transaction,
    project: &str,
    user: &str,
) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM chats WHERE project = $1 AND \"user\" = $2";
    transaction.execute(sql, &[project.into(), user.into()]).await.map(drop)
}

/// Lists the messages of a chat, the oldest first.
pub async fn messages(
    connection: &mut Connection,
    chat: &Chat,
    window: Window,
) -> Result<Vec<Message>, DatabaseError> {
    let sql = "SELECT seq, id, role, content, created_at FROM messages WHERE chat = $1 AND seq > $2 \
               ORDER BY seq LIMIT $3";
    let values = [(&chat.id).into(), window.after().into(), window.rows.into()];
    connection.query(sql, &values).await?.iter().map(message).collect()
}

/// Returns the `seq` of a message, if the chat has it.
pub async fn message_seq(
    connection: &mut Connection,
    chat: &Chat,
    id: &str,
) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT seq FROM messages WHERE chat = $1 AND id = $2";
    let row = connection.query_opt(sql, &[(&chat.id).into(), id.into()]).await?;
    row.map(|row| row.get("seq")).transpose()
}

/// Appends a message to a chat.
pub async fn append(
    transaction: &mut Transaction,
    chat: &Chat,
    role: Role,
    content: String,
    now: UnixTime,
) -> Result<Message, DatabaseError> {
    let sql = "INSERT INTO messages (id, chat, role, content, created_at) VALUES ($1, $2, $3, $4, $5) \
               RETURNING seq, id, role, content, created_at";
    let values =
        [new_id("msg").into(), (&chat.id).into(), role.as_str().into(), content.into(), seconds(now).into()];
    message(&transaction.query_one(sql, &values).await?)
}

/// Sets the time at which a chat was updated.
pub async fn touch(transaction: &mut Transaction, chat: &Chat, now: UnixTime) -> Result<(), DatabaseError> {
    let sql = "UPDATE chats SET updated_at = $2 WHERE id = $1";
    transaction.execute(sql, &[(&chat.id).into(), seconds(now).into()]).await.map(drop)
}
