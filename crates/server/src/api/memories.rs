//! Memories: texts that are found again by their words.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use ctx_key::UnixTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fields::{self, ID, TITLE, WORD, check_content, check_some};
use super::paging::{Page, USUAL};
use super::search::Search;
use crate::clock::{iso_seconds, seconds};
use crate::database::{DatabaseError, Row, Transaction};
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, Parameters, Segment};
use crate::http::granted::{Granted, MEMORIES_READ, MEMORIES_WRITE};
use crate::http::request_id;
use crate::http::state::AppState;
use crate::store::new_id;

/// Nothing works on a memory once it is stored.
const STATUS: &str = "completed";

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/memories", post(create).get(list))
        .route("/memories/search", get(search))
        // names of calls that no scope covers, and not ids
        .route("/memories/batch", any(super::not_found))
        .route("/memories/upload", any(super::not_found))
        .route("/memories/{id}", get(show).put(change).delete(remove))
}

fn no_memory() -> ApiError {
    ApiError::not_found("there is no such memory")
}

macro_rules! columns {
    () => {
        r#"seq, id, title, content, type, tags, metadata, "user", language, format, created_at, updated_at"#
    };
}

fn shown(row: &Row) -> Result<Value, DatabaseError> {
    Ok(json!({
        "id": row.get::<String>("id")?,
        "title": row.get::<Option<String>>("title")?,
        "content": row.get::<String>("content")?,
        "type": row.get::<Option<String>>("type")?,
        "tags": fields::stored(row, "tags")?,
        "metadata": fields::stored(row, "metadata")?,
        "user_id": row.get::<Option<String>>("user")?,
        "language": row.get::<Option<String>>("language")?,
        "format": row.get::<Option<String>>("format")?,
        "created_at": iso_seconds(row.get("created_at")?),
        "updated_at": iso_seconds(row.get("updated_at")?),
        "status": STATUS,
    }))
}

#[derive(Deserialize)]
struct Create {
    content: String,
    title: Option<String>,
    r#type: Option<String>,
    tags: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
    #[serde(alias = "userId")]
    user_id: Option<String>,
    language: Option<String>,
    format: Option<String>,
}

impl Create {
    fn check(&self) -> Result<(), ApiError> {
        check_content(&self.content)?;
        check_some("title", self.title.as_deref(), &TITLE)?;
        check_some("type", self.r#type.as_deref(), &WORD)?;
        check_some("user_id", self.user_id.as_deref(), &ID)?;
        check_some("language", self.language.as_deref(), &WORD)?;
        check_some("format", self.format.as_deref(), &WORD)
    }
}

async fn create(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    Json(body): Json<Create>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    body.check()?;
    let tags = fields::tags(&body.tags.unwrap_or_default())?;
    let metadata = fields::object("metadata", body.metadata.unwrap_or_default())?;
    let id = new_id("mem");
    let now = seconds(UnixTime::now());
    let values = [
        (&id).into(),
        granted.0.project().into(),
        body.title.into(),
        body.content.into(),
        body.r#type.into(),
        tags.into(),
        metadata.into(),
        body.user_id.into(),
        body.language.into(),
        body.format.into(),
        now.into(),
    ];
    let sql = "INSERT INTO memories (id, project, title, content, type, tags, metadata, \"user\", language, format, \
               created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)";
    let mut transaction = state.database.begin().await?;
    transaction.execute(sql, &values).await?;
    transaction.commit().await?;
    Ok((StatusCode::ACCEPTED, axum::Json(json!({ "id": id, "status": STATUS }))))
}

#[derive(Deserialize)]
struct List {
    limit: Option<i64>,
    cursor: Option<String>,
    status: Option<String>,
    r#type: Option<String>,
    #[serde(alias = "userId")]
    user_id: Option<String>,
}

async fn list(
    granted: Granted<MEMORIES_READ>,
    State(state): State<AppState>,
    Parameters(list): Parameters<List>,
) -> Result<axum::Json<Value>, ApiError> {
    let page = Page::new("memories", list.limit.unwrap_or(USUAL), list.cursor.as_deref())?;
    if list.status.is_some_and(|status| status != STATUS) {
        return Ok(page.list(Vec::new(), shown)?.into());
    }
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM memories WHERE project = $1 AND seq < $2 AND (type = $3 OR $3 IS NULL) \
         AND (\"user\" = $4 OR $4 IS NULL) ORDER BY seq DESC LIMIT $5"
    );
    let values = [
        granted.0.project().into(),
        page.before().into(),
        list.r#type.into(),
        list.user_id.into(),
        page.rows().into(),
    ];
    let rows = state.database.acquire().await?.query(sql, &values).await?;
    Ok(page.list(rows, shown)?.into())
}

async fn search(
    granted: Granted<MEMORIES_READ>,
    State(state): State<AppState>,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
) -> Result<axum::Json<Value>, ApiError> {
    let search = Search::from_parameters(parameters)?;
    let mut connection = state.database.acquire().await?;
    let found = search.run(&mut connection, granted.0.project()).await?;
    let results: Vec<Value> = found
        .memories
        .into_iter()
        .map(|memory| {
            json!({
                "memory_id": memory.id,
                "id": memory.id,
                "title": memory.title,
                "content": memory.content,
                "score": memory.score,
            })
        })
        .collect();
    Ok(axum::Json(json!({
        "results": results,
        "graph": null,
        "total_results": found.total,
        "request_id": request_id::current(),
    })))
}

async fn show(
    granted: Granted<MEMORIES_READ>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<axum::Json<Value>, ApiError> {
    let sql = concat!("SELECT ", columns!(), " FROM memories WHERE project = $1 AND id = $2");
    let values = [granted.0.project().into(), id.into()];
    let row = state.database.acquire().await?.query_opt(sql, &values).await?.ok_or_else(no_memory)?;
    Ok(axum::Json(shown(&row)?))
}

#[derive(Deserialize)]
struct Change {
    #[serde(default, deserialize_with = "fields::named")]
    title: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::named")]
    r#type: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::named")]
    content: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::named")]
    tags: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "fields::named")]
    metadata: Option<Option<Map<String, Value>>>,
}

impl Change {
    fn check(&self) -> Result<(), ApiError> {
        if let Some(content) = &self.content {
            check_content(content.as_deref().unwrap_or_default())?;
        }
        check_some("title", self.title.as_ref().and_then(Option::as_deref), &TITLE)?;
        check_some("type", self.r#type.as_ref().and_then(Option::as_deref), &WORD)
    }
}

/// Changes the fields that are named: null empties one.
async fn change(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    Json(body): Json<Change>,
) -> Result<axum::Json<Value>, ApiError> {
    body.check()?;
    let tags = body.tags.map(|tags| fields::tags(&tags.unwrap_or_default())).transpose()?;
    let metadata = body.metadata.map(|object| fields::object("metadata", object.unwrap_or_default()));
    let sql = concat!(
        "UPDATE memories SET title = CASE WHEN $3 = 1 THEN $4 ELSE title END, \
         type = CASE WHEN $5 = 1 THEN $6 ELSE type END, content = coalesce($7, content), \
         tags = coalesce($8, tags), metadata = coalesce($9, metadata), updated_at = $10 \
         WHERE project = $1 AND id = $2 RETURNING ",
        columns!()
    );
    let values = [
        granted.0.project().into(),
        id.into(),
        body.title.is_some().into(),
        body.title.flatten().into(),
        body.r#type.is_some().into(),
        body.r#type.flatten().into(),
        body.content.flatten().into(),
        tags.into(),
        metadata.transpose()?.into(),
        seconds(UnixTime::now()).into(),
    ];
    let mut transaction = state.database.begin().await?;
    let row = transaction.query_opt(sql, &values).await?.ok_or_else(no_memory)?;
    let memory = shown(&row)?;
    transaction.commit().await?;
    Ok(axum::Json(memory))
}

async fn remove(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    let values = [granted.0.project().into(), id.into()];
    let sql = "DELETE FROM memories WHERE project = $1 AND id = $2";
    let mut transaction = state.database.begin().await?;
    let removed = transaction.execute(sql, &values).await?;
    transaction.commit().await?;
    if removed == 0 { Err(no_memory()) } else { Ok(StatusCode::NO_CONTENT) }
}

/// Removes what a user had.
pub(super) async fn remove_of_user(
    transaction: &mut Transaction,
    project: &str,
    user: &str,
) -> Result<u64, DatabaseError> {
    let sql = "DELETE FROM memories WHERE project = $1 AND \"user\" = $2";
    transaction.execute(sql, &[project.into(), user.into()]).await
}
