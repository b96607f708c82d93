//! Chats, in which the service answers with the titles of memories.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use ctx_key::{Scope, UnixTime};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fields::{self, ID, TITLE, check, check_some};
use super::page::{Page, USUAL};
use super::search::Search;
use crate::account::new_id;
use crate::clock::{iso_seconds, seconds};
use crate::database::{Connection, DatabaseError, Row};
use crate::error::ApiError;
use crate::extract::{Json, Parameters, Segment};
use crate::granted::{CHATS_READ, CHATS_WRITE, Granted};
use crate::state::AppState;

/// In characters.
const LONGEST_MESSAGE: usize = 20_000;

/// How many memories an answer names.
const NAMED: i64 = 5;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/chats", post(create).get(list))
        .route("/chats/{id}", delete(remove))
        .route("/chats/{id}/messages", get(messages).post(send))
}

fn no_chat() -> ApiError {
    ApiError::not_found("there is no such chat")
}

fn shown(row: &mut Row) -> Result<Value, DatabaseError> {
    Ok(json!({
        "id": row.get::<String>(1)?,
        "user_id": row.get::<Option<String>>(2)?,
        "title": row.get::<Option<String>>(3)?,
        "metadata": fields::stored(&row.get::<String>(4)?)?,
        "created_at": iso_seconds(row.get(5)?),
        "updated_at": iso_seconds(row.get(6)?),
    }))
}

#[derive(Deserialize)]
struct Create {
    #[serde(alias = "userId")]
    user_id: Option<String>,
    title: Option<String>,
    metadata: Option<Map<String, Value>>,
}

async fn create(
    granted: Granted<CHATS_WRITE>,
    State(state): State<AppState>,
    Json(body): Json<Create>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    check_some("user_id", body.user_id.as_deref(), &ID)?;
    check_some("title", body.title.as_deref(), &TITLE)?;
    let metadata = fields::object("metadata", body.metadata.unwrap_or_default())?;
    let values = [
        new_id("chat").into(),
        granted.project().into(),
        body.user_id.into(),
        body.title.into(),
        metadata.into(),
        seconds(UnixTime::now()).into(),
    ];
    let sql = "INSERT INTO chats (id, project, \"user\", title, metadata, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $6) \
               RETURNING seq, id, \"user\", title, metadata, created_at, updated_at";
    state
        .database
        .write(move |connection| {
            let row = connection.query_one(sql, &values)?;
            let chat = shown(&mut row.ok_or_else(DatabaseError::unexpected)?)?;
            Ok((StatusCode::CREATED, axum::Json(chat)))
        })
        .await
}

#[derive(Deserialize)]
struct List {
    limit: Option<i64>,
    cursor: Option<String>,
    #[serde(alias = "userId")]
    user_id: Option<String>,
}

async fn list(
    granted: Granted<CHATS_READ>,
    State(state): State<AppState>,
    Parameters(list): Parameters<List>,
) -> Result<axum::Json<Value>, ApiError> {
    let page = Page::new("chats", list.limit.unwrap_or(USUAL), list.cursor.as_deref())?;
    let sql = "SELECT seq, id, \"user\", title, metadata, created_at, updated_at FROM chats \
               WHERE project = $1 AND seq < $2 AND (\"user\" = $3 OR $3 IS NULL) ORDER BY seq DESC LIMIT $4";
    let values = [granted.project().into(), page.before().into(), list.user_id.into(), page.rows().into()];
    let listed = state.database.read(move |connection| page.list(connection.query(sql, &values)?, shown));
    Ok(listed.await.map_err(|error: DatabaseError| ApiError::from(error))?.into())
}

/// A chat of the project: its title, and the user whose it is.
struct Chat {
    title: Option<String>,
    user: Option<String>,
}

fn chat(connection: &mut Connection, project: &str, id: &str) -> Result<Chat, ApiError> {
    let sql = "SELECT title, \"user\" FROM chats WHERE project = $1 AND id = $2";
    let mut row = connection.query_one(sql, &[project.into(), id.into()])?.ok_or_else(no_chat)?;
    Ok(Chat { title: row.get(0)?, user: row.get(1)? })
}

#[derive(Deserialize)]
struct Messages {
    limit: Option<i64>,
    cursor: Option<String>,
}

fn shown_message(row: &mut Row) -> Result<Value, DatabaseError> {
    Ok(json!({
        "id": row.get::<String>(1)?,
        "role": row.get::<String>(2)?,
        "content": row.get::<String>(3)?,
        "created_at": iso_seconds(row.get(4)?),
    }))
}

/// The last messages, in the order in which they were sent; the cursor leads to those before.
async fn messages(
    granted: Granted<CHATS_READ>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    Parameters(messages): Parameters<Messages>,
) -> Result<axum::Json<Value>, ApiError> {
    let page = Page::new("messages", messages.limit.unwrap_or(100), messages.cursor.as_deref())?;
    let project = granted.project().to_owned();
    state
        .database
        .read(move |connection| {
            let chat = chat(connection, &project, &id)?;
            let sql = "SELECT seq, id, role, content, created_at FROM messages WHERE chat = $1 AND seq < $2 \
                       ORDER BY seq DESC LIMIT $3";
            let rows = connection.query(sql, &[(&id).into(), page.before().into(), page.rows().into()])?;
            let mut listed = page.list(rows, shown_message)?;
            listed.data.reverse();
            Ok(axum::Json(json!({
                "id": id,
                "title": chat.title,
                "messages": listed.data,
                "has_more": listed.has_more,
                "cursor": listed.cursor,
            })))
        })
        .await
}

#[derive(Deserialize)]
struct Send {
    message: String,
}

/// Stores a message, and the answer to it. A key that may not read memories is told of none.
async fn send(
    granted: Granted<CHATS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    Json(body): Json<Send>,
) -> Result<axum::Json<Value>, ApiError> {
    check("message", &body.message, &(1..=LONGEST_MESSAGE))?;
    let project = granted.project().to_owned();
    let may_read = granted.0.scopes().grants(Scope::MEMORIES_READ);
    state
        .database
        .write(move |connection| {
            let chat = chat(connection, &project, &id)?;
            insert(connection, &id, "user", &body.message)?;
            let answer = if may_read {
                answer(connection, &project, chat.user, &body.message)?
            } else {
                "Your message is stored. Memories were not searched: the key lacks memories:read.".to_owned()
            };
            let message = insert(connection, &id, "assistant", &answer)?;
            let sql = "UPDATE chats SET updated_at = $2 WHERE id = $1";
            connection.execute(sql, &[id.into(), seconds(UnixTime::now()).into()])?;
            Ok(axum::Json(json!({ "message": message })))
        })
        .await
}

/// What can be said without a model: which memories have all words of the message.
fn answer(
    connection: &mut Connection,
    project: &str,
    user: Option<String>,
    message: &str,
) -> Result<String, DatabaseError> {
    let found = Search::of_words(message, user, NAMED).run(connection, project)?;
    if found.memories.is_empty() {
        return Ok("No memory has all words of your message.".to_owned());
    }
    let titles = found.memories.into_iter().map(|memory| memory.title.unwrap_or(memory.id));
    Ok(format!("Memories with the words of your message: {}.", titles.collect::<Vec<_>>().join("; ")))
}

fn insert(
    connection: &mut Connection,
    chat: &str,
    role: &str,
    content: &str,
) -> Result<Value, DatabaseError> {
    let row = connection.query_one(
        "INSERT INTO messages (id, chat, role, content, created_at) VALUES ($1, $2, $3, $4, $5) \
         RETURNING seq, id, role, content, created_at",
        &[new_id("msg").into(), chat.into(), role.into(), content.into(), seconds(UnixTime::now()).into()],
    )?;
    shown_message(&mut row.ok_or_else(DatabaseError::unexpected)?)
}

async fn remove(
    granted: Granted<CHATS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    let values = [granted.project().into(), id.into()];
    let sql = "DELETE FROM chats WHERE project = $1 AND id = $2";
    match state.database.write(move |connection| connection.execute(sql, &values)).await {
        Ok(0) => Err(no_chat()),
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(DatabaseError::into(error)),
    }
}

/// Removes what a user had.
pub(super) fn remove_of_user(
    connection: &mut Connection,
    project: &str,
    user: &str,
) -> Result<u64, DatabaseError> {
    let sql = "DELETE FROM chats WHERE project = $1 AND \"user\" = $2";
    connection.execute(sql, &[project.into(), user.into()])
}
