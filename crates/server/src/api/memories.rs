//! Memories, which are texts that a search finds by their words.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, Type};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::fields::{
    Content, Filter, Id, ObjectChange, OwnObject, Tags, Title, Word, checked, checked_change, checked_id,
    in_either_spelling, named,
};
use super::paging::{Cursor, Limit, List, Listed, Page};
use super::search::SearchParameters;
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, NoParameters, Parameters, Segment};
use crate::http::granted::{Granted, MEMORIES_READ, MEMORIES_WRITE};
use crate::http::iso_time::IsoTime;
use crate::http::open_api::route;
use crate::http::request_id;
use crate::http::state::AppState;
use crate::store::json_object::JsonObject;
use crate::store::memory::{self, MemoryChange, MemoryFilter};
use crate::store::text_search::{FoundMemory, MAX_CANDIDATES, MAX_MEMORIES_OF_WORD, MAX_WORDS, TIME_LIMIT};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(route!(create))
        .routes(route!(list))
        .routes(route!(search))
        .routes(route!(show))
        .routes(route!(change))
        .routes(route!(remove))
}

fn no_memory() -> ApiError {
    ApiError::not_found("there is no such memory")
}

/// Status of a memory. It is completed as soon as it is stored, because nothing processes it later.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MemoryStatus)]
enum Status {
    Completed,
}

const COMPLETED: &str = "completed";

#[derive(Serialize, ToSchema)]
pub(super) struct Memory {
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
pub(super) struct NewMemory {
    pub content: Content,
    pub title: Option<Title>,
    pub r#type: Option<Word>,
    pub tags: Option<Tags>,
    pub metadata: Option<OwnObject>,
    /// Also accepted as `userId`.
    #[serde(default, deserialize_with = "named")]
    pub user_id: Option<Option<Id>>,
    #[serde(default, rename = "userId", deserialize_with = "named")]
    #[schema(ignore)]
    pub user_id_in_camel_case: Option<Option<Id>>,
    pub language: Option<Word>,
    pub format: Option<Word>,
}

impl NewMemory {
    pub fn checked(self) -> Result<memory::NewMemory, ApiError> {
        let user = in_either_spelling("user_id", self.user_id, self.user_id_in_camel_case)?;
        Ok(memory::NewMemory {
            content: self.content.checked()?,
            title: checked("title", self.title)?,
            kind: checked("type", self.r#type)?,
            user: checked_id("user_id", user)?,
            language: checked("language", self.language)?,
            format: checked("format", self.format)?,
            tags: self.tags.unwrap_or_default().checked()?,
            metadata: self.metadata.unwrap_or_default().checked("metadata")?,
        })
    }
}

/// Stores a memory.
#[utoipa::path(
    post,
    path = "/memories",
    operation_id = "createMemory",
    responses((status = ACCEPTED, body = Memory))
)]
async fn create(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    _: NoParameters,
    Json(body): Json<NewMemory>,
) -> Result<(StatusCode, axum::Json<Memory>), ApiError> {
    let new = body.checked()?;
    let mut transaction = state.database.begin().await?;
    let memory = memory::create(&mut transaction, granted.0.project(), new, state.clock.now()).await?;
    transaction.commit().await?;
    Ok((StatusCode::ACCEPTED, axum::Json(memory.into())))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Maximum number of records in the response.
    #[serde(default)]
    #[param(inline)]
    limit: Limit,
    /// The `cursor` of the previous page.
    #[param(inline)]
    cursor: Option<Cursor>,
    /// The id of the last record of the previous page. Also accepted as `startingAfter`.
    #[serde(alias = "startingAfter")]
    #[param(inline)]
    starting_after: Option<Filter>,
    #[param(inline)]
    status: Option<Filter>,
    #[param(inline)]
    r#type: Option<Filter>,
    /// Also accepted as `userId`.
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
    let project = granted.0.project();
    let ListParameters { limit, cursor, starting_after, .. } = parameters;
    let page = Page::new(&state.cursors, (project, ""), limit, cursor, starting_after)?;
    let filter = MemoryFilter {
        kind: parameters.r#type.map(|Filter(kind)| kind),
        user: parameters.user_id.map(|Filter(user)| user),
    };
    let mut connection = state.database.acquire().await?;
    let window = page.window(async |id| memory::seq(&mut connection, project, id).await).await?;
    if parameters.status.is_some_and(|Filter(status)| status != COMPLETED) {
        return Ok(axum::Json(page.list(Vec::new())));
    }
    let rows = memory::list(&mut connection, project, filter, window).await?;
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
    /// Number of memories that were found, including those that the limit left out.
    total_results: usize,
    request_id: String,
}

fn null() -> Object {
    Object::with_type(Type::Null)
}

/// Returns a description of the search.
fn of_search() -> String {
    format!(
        "Memories with the most different words of the query come first. Among these, the most relevant come first: words in \
         the title and rare words count more. Only the first {MAX_WORDS} different words of the query count. For each \
         word, the newest {MAX_MEMORIES_OF_WORD} memories of the project or the user are ranked, and at most \
         {MAX_CANDIDATES} for all words. If a search takes more than {} ms in the database, the response is 503.",
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
    _: NoParameters,
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
    // null is refused, as an empty content is
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Content, required = false)]
    content: Option<Option<Content>>,
    #[serde(default, deserialize_with = "named")]
    tags: Option<Option<Tags>>,
    /// Merged by name: null deletes a name, and any other value replaces the whole value of its name.
    #[serde(default, deserialize_with = "named")]
    metadata: Option<Option<OwnObject>>,
}

impl Change {
    /// Returns the checked change. The change of the metadata is separate, because it is merged with the stored
    /// metadata.
    fn checked(self) -> Result<(MemoryChange, Option<ObjectChange>), ApiError> {
        let metadata = ObjectChange::checked("metadata", self.metadata)?;
        let change = MemoryChange {
            content: self.content.map(|content| content.unwrap_or_default().checked()).transpose()?,
            title: checked_change("title", self.title)?,
            kind: checked_change("type", self.r#type)?,
            tags: self.tags.map(|tags| tags.unwrap_or_default().checked()).transpose()?,
            metadata: None,
        };
        Ok((change, metadata))
    }
}

/// Changes the fields that are sent, and merges `metadata`. Null empties a field.
#[utoipa::path(put, path = "/memories/{id}", operation_id = "changeMemory", responses((status = OK, body = Memory)))]
async fn change(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    _: NoParameters,
    Json(body): Json<Change>,
) -> Result<axum::Json<Memory>, ApiError> {
    let (mut change, metadata) = body.checked()?;
    let (project, now) = (granted.0.project(), state.clock.now());
    let mut transaction = state.database.begin().await?;
    if let Some(metadata) = metadata {
        let stored = memory::metadata_for_change(&mut transaction, project, &id).await?;
        change.metadata = Some(metadata.apply("metadata", stored.ok_or_else(no_memory)?)?);
    }
    let changed = memory::change(&mut transaction, project, &id, change, now).await?;
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
    _: NoParameters,
) -> Result<StatusCode, ApiError> {
    let mut transaction = state.database.begin().await?;
    let is_removed = memory::remove(&mut transaction, granted.0.project(), &id).await?;
    transaction.commit().await?;
    if is_removed { Ok(StatusCode::NO_CONTENT) } else { Err(no_memory()) }
}
