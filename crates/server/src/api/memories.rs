//! Memories: texts that are found again by their words.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::any;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, Type};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::fields::{Content, Filter, Id, OwnObject, Tags, Title, Word, checked, checked_change, named};
use super::paging::{Cursor, Limit, List, Listed, Page};
use super::search::SearchParameters;
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, Parameters, Segment};
use crate::http::granted::{Granted, MEMORIES_READ, MEMORIES_WRITE};
use crate::http::iso_time::IsoTime;
use crate::http::open_api::route;
use crate::http::request_id;
use crate::http::state::AppState;
use crate::store::column::JsonObject;
use crate::store::memory::{self, MemoryChange, MemoryFilter};
use crate::store::text_search::{FoundMemory, MAX_CANDIDATES, MAX_MEMORIES_OF_WORD, MAX_WORDS, TIME_LIMIT};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(route!(create))
        .routes(route!(list))
        .routes(route!(search))
        // names of calls that no scope covers, and not ids
        .route("/memories/batch", any(super::not_found))
        .route("/memories/upload", any(super::not_found))
        .routes(route!(show))
        .routes(route!(change))
        .routes(route!(remove))
}

fn no_memory() -> ApiError {
    ApiError::not_found("there is no such memory")
}

/// What became of a memory. Nothing works on it once it is stored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MemoryStatus)]
enum Status {
    Completed,
}

const COMPLETED: &str = "completed";

#[derive(Serialize, ToSchema)]
struct Memory {
    id: String,
    #[schema(required)]
    title: Option<String>,
    content: String,
    #[schema(required)]
    r#type: Option<String>,
    tags: Vec<String>,
    #[schema(value_type = Object)]
    metadata: JsonObject,
    #[schema(required)]
    user_id: Option<String>,
    #[schema(required)]
    language: Option<String>,
    #[schema(required)]
    format: Option<String>,
    created_at: IsoTime,
    updated_at: IsoTime,
    status: Status,
}

impl From<memory::Memory> for Memory {
    fn from(memory: memory::Memory) -> Self {
        Self {
            id: memory.id,
            title: memory.title,
            content: memory.content,
            r#type: memory.kind,
            tags: memory.tags,
            metadata: memory.metadata,
            user_id: memory.user,
            language: memory.language,
            format: memory.format,
            created_at: memory.created_at.into(),
            updated_at: memory.updated_at.into(),
            status: Status::Completed,
        }
    }
}

impl Listed for Memory {
    type Row = memory::Memory;
    const LIST: &'static str = "memories";

    fn seq(row: &memory::Memory) -> i64 {
        row.seq
    }
}

#[derive(Deserialize, ToSchema)]
struct NewMemory {
    content: Content,
    title: Option<Title>,
    r#type: Option<Word>,
    tags: Option<Tags>,
    metadata: Option<OwnObject>,
    /// Also as `userId`, but not both.
    #[serde(alias = "userId")]
    user_id: Option<Id>,
    language: Option<Word>,
    format: Option<Word>,
}

impl NewMemory {
    fn checked(self) -> Result<memory::NewMemory, ApiError> {
        Ok(memory::NewMemory {
            content: self.content.checked()?,
            title: checked("title", self.title)?,
            kind: checked("type", self.r#type)?,
            user: checked("user_id", self.user_id)?,
            language: checked("language", self.language)?,
            format: checked("format", self.format)?,
            tags: self.tags.unwrap_or_default().checked()?,
            metadata: self.metadata.unwrap_or_default().checked("metadata")?,
        })
    }
}

#[derive(Serialize, ToSchema)]
struct StoredMemory {
    id: String,
    status: Status,
}

/// Stores a memory.
#[utoipa::path(
    post,
    path = "/memories",
    operation_id = "createMemory",
    responses((status = ACCEPTED, body = StoredMemory))
)]
async fn create(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    Json(body): Json<NewMemory>,
) -> Result<(StatusCode, axum::Json<StoredMemory>), ApiError> {
    let new = body.checked()?;
    let mut transaction = state.database.begin().await?;
    let id = memory::create(&mut transaction, granted.0.project(), new, state.clock.now()).await?;
    transaction.commit().await?;
    Ok((StatusCode::ACCEPTED, axum::Json(StoredMemory { id, status: Status::Completed })))
}

type MemoryCursor = Cursor<Memory>;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// How many at most.
    #[serde(default)]
    #[param(inline)]
    limit: Limit,
    /// The `cursor` of the piece before.
    #[param(inline)]
    cursor: Option<MemoryCursor>,
    #[param(inline)]
    status: Option<Filter>,
    #[param(inline)]
    r#type: Option<Filter>,
    /// Also as `userId`, but not both.
    #[serde(alias = "userId")]
    #[param(inline)]
    user_id: Option<Filter>,
}

/// Lists memories, the newest first.
#[utoipa::path(
    get,
    path = "/memories",
    operation_id = "listMemories",
    responses((status = OK, body = List<Memory>))
)]
async fn list(
    granted: Granted<MEMORIES_READ>,
    State(state): State<AppState>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<axum::Json<List<Memory>>, ApiError> {
    let page = Page::new(parameters.limit, parameters.cursor.as_ref())?;
    if parameters.status.is_some_and(|Filter(status)| status != COMPLETED) {
        return Ok(axum::Json(page.list(Vec::new())));
    }
    let filter = MemoryFilter {
        kind: parameters.r#type.map(|Filter(kind)| kind),
        user: parameters.user_id.map(|Filter(user)| user),
    };
    let mut connection = state.database.acquire().await?;
    let rows = memory::list(&mut connection, granted.0.project(), filter, page.window()).await?;
    Ok(axum::Json(page.list(rows)))
}

#[derive(Serialize, ToSchema)]
struct SearchResult {
    memory_id: String,
    id: String,
    #[schema(required)]
    title: Option<String>,
    content: String,
    #[schema(minimum = 0, maximum = 1)]
    score: f64,
    tags: Vec<String>,
    #[schema(value_type = Object)]
    metadata: JsonObject,
    #[schema(required)]
    r#type: Option<String>,
    #[schema(required)]
    user_id: Option<String>,
    created_at: IsoTime,
}

impl From<FoundMemory> for SearchResult {
    fn from(FoundMemory { memory, score }: FoundMemory) -> Self {
        Self {
            memory_id: memory.id.clone(),
            id: memory.id,
            title: memory.title,
            content: memory.content,
            score,
            tags: memory.tags,
            metadata: memory.metadata,
            r#type: memory.kind,
            user_id: memory.user,
            created_at: memory.created_at.into(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct SearchResults {
    results: Vec<SearchResult>,
    #[schema(schema_with = null)]
    graph: (),
    /// Number of memories that were found, those that the limit left out included.
    total_results: usize,
    request_id: String,
}

fn null() -> Object {
    Object::with_type(Type::Null)
}

/// Returns how a search works.
fn of_search() -> String {
    format!(
        "First come the memories that have the most different words of the query, and of these the most relevant: words in the \
         title and rare words count more. The first {MAX_WORDS} words count. Of each, the newest {MAX_MEMORIES_OF_WORD} memories \
         of the project or the user are ranked, and at most {MAX_CANDIDATES} for all words. A search that takes more than \
         {} ms of the database is answered with 503.",
        TIME_LIMIT.as_millis()
    )
}

/// Finds memories that have words of a query, the best first.
#[utoipa::path(
    get,
    path = "/memories/search",
    operation_id = "searchMemories",
    description = of_search(),
    responses((status = OK, body = SearchResults))
)]
async fn search(
    granted: Granted<MEMORIES_READ>,
    State(state): State<AppState>,
    Parameters(parameters): Parameters<SearchParameters>,
) -> Result<axum::Json<SearchResults>, ApiError> {
    let search = parameters.checked()?;
    let found = search.run(&state.database, granted.0.project()).await?;
    Ok(axum::Json(SearchResults {
        results: found.memories.into_iter().map(SearchResult::from).collect(),
        graph: (),
        total_results: found.total,
        request_id: request_id::current(),
    }))
}

/// Shows a memory.
#[utoipa::path(get, path = "/memories/{id}", operation_id = "showMemory", responses((status = OK, body = Memory)))]
async fn show(
    granted: Granted<MEMORIES_READ>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<axum::Json<Memory>, ApiError> {
    let mut connection = state.database.acquire().await?;
    let memory = memory::find(&mut connection, granted.0.project(), &id).await?.ok_or_else(no_memory)?;
    Ok(axum::Json(memory.into()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = MemoryChange)]
struct Change {
    #[serde(default, deserialize_with = "named")]
    title: Option<Option<Title>>,
    #[serde(default, deserialize_with = "named")]
    r#type: Option<Option<Word>>,
    // null is refused as an empty content is
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Content, required = false)]
    content: Option<Option<Content>>,
    #[serde(default, deserialize_with = "named")]
    tags: Option<Option<Tags>>,
    #[serde(default, deserialize_with = "named")]
    metadata: Option<Option<OwnObject>>,
}

impl Change {
    fn checked(self) -> Result<MemoryChange, ApiError> {
        Ok(MemoryChange {
            content: self.content.map(|content| content.unwrap_or_default().checked()).transpose()?,
            title: checked_change("title", self.title)?,
            kind: checked_change("type", self.r#type)?,
            tags: self.tags.map(|tags| tags.unwrap_or_default().checked()).transpose()?,
            metadata: self
                .metadata
                .map(|object| object.unwrap_or_default().checked("metadata"))
                .transpose()?,
        })
    }
}

/// Changes the fields that are named; null empties one.
#[utoipa::path(put, path = "/memories/{id}", operation_id = "changeMemory", responses((status = OK, body = Memory)))]
async fn change(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    Json(body): Json<Change>,
) -> Result<axum::Json<Memory>, ApiError> {
    let change = body.checked()?;
    let mut transaction = state.database.begin().await?;
    let changed =
        memory::change(&mut transaction, granted.0.project(), &id, change, state.clock.now()).await?;
    let memory = changed.ok_or_else(no_memory)?;
    transaction.commit().await?;
    Ok(axum::Json(memory.into()))
}

/// Removes a memory.
#[utoipa::path(delete, path = "/memories/{id}", operation_id = "removeMemory", responses((status = NO_CONTENT)))]
async fn remove(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    let mut transaction = state.database.begin().await?;
    let is_removed = memory::remove(&mut transaction, granted.0.project(), &id).await?;
    transaction.commit().await?;
    if is_removed { Ok(StatusCode::NO_CONTENT) } else { Err(no_memory()) }
}
