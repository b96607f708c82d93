//! Chats, in which the service answers with the titles of memories.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use ctx_key::{Scope, UnixTime};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fields::{self, ID, TITLE, check, check_some};
use super::paging::{Page, USUAL};
use super::search::Search;
use crate::clock::{iso_seconds, seconds};
use crate::database::{Connection, DatabaseError, Row, Transaction};
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, Parameters, Segment};
use crate::http::granted::{CHATS_READ, CHATS_WRITE, Granted};
use crate::http::state::AppState;
use crate::store::new_id;

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

fn shown(row: &Row) -> Result<Value, DatabaseError> {
    Ok(json!({
        "id": row.get::<String>("id")?,
        "user_id": row.get::<Option<String>>("user")?,
        "title": row.get::<Option<String>>("title")?,
        "metadata": fields::stored(row, "metadata")?,
        "created_at": iso_seconds(row.get("created_at")?),
        "updated_at": iso_seconds(row.get("updated_at")?),
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
        granted.0.project().into(),
        body.user_id.into(),
        body.title.into(),
        metadata.into(),
        seconds(UnixTime::now()).into(),
    ];
    let sql = "INSERT INTO chats (id, project, \"user\", title, metadata, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $6) \
               RETURNING seq, id, \"user\", title, metadata, created_at, updated_at";
    let mut transaction = state.database.begin().await?;
    let chat = shown(&transaction.query_one(sql, &values).await?)?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(chat)))
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
    let values = [granted.0.project().into(), page.before().into(), list.user_id.into(), page.rows().into()];
    let rows = state.database.acquire().await?.query(sql, &values).await?;
    Ok(page.list(rows, shown)?.into())
}

/// A chat of the project: its title, and the user whose it is.
struct Chat {
    title: Option<String>,
    user: Option<String>,
}

async fn chat(connection: &mut Connection, project: &str, id: &str) -> Result<Chat, ApiError> {
    let sql = "SELECT title, \"user\" FROM chats WHERE project = $1 AND id = $2";
    let row = connection.query_opt(sql, &[project.into(), id.into()]).await?.ok_or_else(no_chat)?;
    Ok(Chat { title: row.get("title")?, user: row.get("user")? })
}

#[derive(Deserialize)]
struct Messages {
    limit: Option<i64>,
    cursor: Option<String>,
}

fn shown_message(row: &Row) -> Result<Value, DatabaseError> {
    Ok(json!({
        "id": row.get::<String>("id")?,
        "role": row.get::<String>("role")?,
        "content": row.get::<String>("content")?,
        "created_at": iso_seconds(row.get("created_at")?),
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
    let mut connection = state.database.acquire().await?;
    let chat = chat(&mut connection, granted.0.project(), &id).await?;
    let sql = "SELECT seq, id, role, content, created_at FROM messages WHERE chat = $1 AND seq < $2 \
               ORDER BY seq DESC LIMIT $3";
    let values = [(&id).into(), page.before().into(), page.rows().into()];
    let mut listed = page.list(connection.query(sql, &values).await?, shown_message)?;
    listed.data.reverse();
    Ok(axum::Json(json!({
        "id": id,
        "title": chat.title,
        "messages": listed.data,
        "has_more": listed.has_more,
        "cursor": listed.cursor,
    })))
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
    let project = granted.0.project();
    let mut transaction = state.database.begin().await?;
    let chat = chat(&mut transaction, project, &id).await?;
    insert(&mut transaction, &id, "user", &body.message).await?;
    let answer = if granted.0.scopes().grants(Scope::MEMORIES_READ) {
        answer(&mut transaction, project, chat.user, &body.message).await?
    } else {
        "Your message is stored. Memories were not searched: the key lacks memories:read.".to_owned()
    };
    let message = insert(&mut transaction, &id, "assistant", &answer).await?;
    let sql = "UPDATE chats SET updated_at = $2 WHERE id = $1";
    transaction.execute(sql, &[id.into(), seconds(UnixTime::now()).into()]).await?;
    transaction.commit().await?;
    Ok(axum::Json(json!({ "message": message })))
}

/// What can be said without a model: which memories have all words of the message.
async fn answer(
    connection: &mut Connection,
    project: &str,
    user: Option<String>,
    message: &str,
) -> Result<String, DatabaseError> {
    let found = Search::of_words(message, user, NAMED).run(connection, project).await?;
    if found.memories.is_empty() {
        return Ok("No memory has all words of your message.".to_owned());
    }
    let titles = found.memories.into_iter().map(|memory| memory.title.unwrap_or(memory.id));
    Ok(format!("Memories with the words of your message: {}.", titles.collect::<Vec<_>>().join("; ")))
}

async fn insert(
    transaction: &mut Transaction,
    chat: &str,
    role: &str,
    content: &str,
) -> Result<Value, DatabaseError> {
    let row = transaction
        .query_one(
            "INSERT INTO messages (id, chat, role, content, created_at) VALUES ($1, $2, $3, $4, $5) \
         RETURNING seq, id, role, content, created_at",
            &[
                new_id("msg").into(),
                chat.into(),
                role.into(),
                content.into(),
                seconds(UnixTime::now()).into(),
            ],
        )
        .await?;
    shown_message(&row)
}

async fn remove(
    granted: Granted<CHATS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    let values = [granted.0.project().into(), id.into()];
    let sql = "DELETE FROM chats WHERE project = $1 AND id = $2";
    let mut transaction = state.database.begin().await?;
    let removed = transaction.execute(sql, &values).await?;
    transaction.commit().await?;
    if removed == 0 { Err(no_chat()) } else { Ok(StatusCode::NO_CONTENT) }
}

/// Removes what a user had.
pub(super) async fn remove_of_user(
    transaction: &mut Transaction,
    project: &str,
    user: &str,
) -> Result<u64, DatabaseError> {
    let sql = "DELETE FROM chats WHERE project = $1 AND \"user\" = $2";
    transaction.execute(sql, &[project.into(), user.into()]).await
}
