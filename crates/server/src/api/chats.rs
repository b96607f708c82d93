//! Chats, in which the server answers each message with the titles of memories.

use axum::extract::State;
use axum::http::StatusCode;
use ctx_key::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::fields::{Filter, Id, OwnObject, Text, Title, checked, checked_id, in_either_spelling, named};
use super::paging::{Cursor, Limit, List, Listed, Page};
use crate::database::{Database, DatabaseError};
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, NoParameters, Parameters, Segment};
use crate::http::granted::{CHATS_READ, CHATS_WRITE, Granted};
use crate::http::iso_time::IsoTime;
use crate::http::open_api::route;
use crate::http::state::AppState;
use crate::store::chat;
use crate::store::json_object::JsonObject;
use crate::store::text_search::TextSearch;

/// Maximum and default number of messages in a response. The official clients request the whole history, without
/// parameters.
const MAX_MESSAGES: i64 = 500;

/// Maximum number of memories that an answer names.
const MAX_NAMED: usize = 5;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(route!(create))
        .routes(route!(list))
        .routes(route!(show))
        .routes(route!(remove))
        .routes(route!(messages))
        .routes(route!(send))
}

fn no_chat() -> ApiError {
    ApiError::not_found("there is no such chat")
}

#[derive(Serialize, ToSchema)]
struct Chat {
    id: String,
    #[schema(required)]
    user_id: Option<String>,
    #[schema(required)]
    title: Option<String>,
    #[schema(value_type = Object)]
    metadata: JsonObject,
    created_at: IsoTime,
    updated_at: IsoTime,
}

impl From<chat::Chat> for Chat {
    fn from(chat: chat::Chat) -> Self {
        Self {
            id: chat.id,
            user_id: chat.user,
            title: chat.title,
            metadata: chat.metadata,
            created_at: chat.created_at.into(),
            updated_at: chat.updated_at.into(),
        }
    }
}

impl Listed for Chat {
    type Row = chat::Chat;
    const LIST: &'static str = "chats";

    fn seq(row: &chat::Chat) -> i64 {
        row.seq
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

impl From<chat::Role> for Role {
    fn from(role: chat::Role) -> Self {
        match role {
            chat::Role::User => Self::User,
            chat::Role::Assistant => Self::Assistant,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Message {
    id: String,
    role: Role,
    content: String,
    created_at: IsoTime,
}

impl From<chat::Message> for Message {
    fn from(message: chat::Message) -> Self {
        Self {
            id: message.id,
            role: message.role.into(),
            content: message.content,
            created_at: message.created_at.into(),
        }
    }
}

impl Listed for Message {
    type Row = chat::Message;
    const LIST: &'static str = "messages";

    fn seq(row: &chat::Message) -> i64 {
        row.seq
    }
}

#[derive(Deserialize, ToSchema)]
struct NewChat {
    /// Also accepted as `userId`.
    #[serde(default, deserialize_with = "named")]
    user_id: Option<Option<Id>>,
    #[serde(default, rename = "userId", deserialize_with = "named")]
    #[schema(ignore)]
    user_id_in_camel_case: Option<Option<Id>>,
    title: Option<Title>,
    metadata: Option<OwnObject>,
}

/// Creates a chat.
#[utoipa::path(post, path = "/chats", operation_id = "createChat", responses((status = CREATED, body = Chat)))]
async fn create(
    granted: Granted<CHATS_WRITE>,
    State(state): State<AppState>,
    _: NoParameters,
    Json(body): Json<NewChat>,
) -> Result<(StatusCode, axum::Json<Chat>), ApiError> {
    let user = in_either_spelling("user_id", body.user_id, body.user_id_in_camel_case)?;
    let new = chat::NewChat {
        user: checked_id("user_id", user)?,
        title: checked("title", body.title)?,
        metadata: body.metadata.unwrap_or_default().checked("metadata")?,
    };
    let mut transaction = state.database.begin().await?;
    let chat = chat::create(&mut transaction, granted.0.project(), new, state.clock.now()).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(chat.into())))
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
    /// Also accepted as `userId`.
    #[serde(alias = "userId")]
    #[param(inline)]
    user_id: Option<Filter>,
}

/// Lists chats, the newest first.
#[utoipa::path(get, path = "/chats", operation_id = "listChats", responses((status = OK, body = List<Chat>)))]
async fn list(
    granted: Granted<CHATS_READ>,
    State(state): State<AppState>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<axum::Json<List<Chat>>, ApiError> {
    let project = granted.0.project();
    let ListParameters { limit, cursor, starting_after, user_id } = parameters;
    let page = Page::new(&state.cursors, (project, ""), limit, cursor, starting_after)?;
    let user = user_id.map(|Filter(user)| user);
    let mut connection = state.database.acquire().await?;
    let window = page.window(async |id| chat::seq(&mut connection, project, id).await).await?;
    let rows = chat::list(&mut connection, project, user, window).await?;
    Ok(axum::Json(page.list(rows)))
}

/// Shows a chat.
#[utoipa::path(get, path = "/chats/{id}", operation_id = "showChat", responses((status = OK, body = Chat)))]
async fn show(
    granted: Granted<CHATS_READ>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    _: NoParameters,
) -> Result<axum::Json<Chat>, ApiError> {
    let mut connection = state.database.acquire().await?;
    let chat = chat::find(&mut connection, granted.0.project(), &id).await?.ok_or_else(no_chat)?;
    Ok(axum::Json(chat.into()))
}

type MessageLimit = Limit<MAX_MESSAGES, MAX_MESSAGES>;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MessagesParameters {
    /// Maximum number of records in the response.
    #[serde(default)]
    #[param(inline)]
    limit: MessageLimit,
    /// The `cursor` of the previous page.
    #[param(inline)]
    cursor: Option<Cursor>,
    /// The id of the last message of the previous page. Also accepted as `startingAfter`.
    #[serde(alias = "startingAfter")]
    #[param(inline)]
    starting_after: Option<Filter>,
}

#[derive(Serialize, ToSchema)]
struct Messages {
    id: String,
    #[schema(required)]
    title: Option<String>,
    messages: Vec<Message>,
    has_more: bool,
    /// The value of `cursor` in a request for the messages after these.
    #[schema(required)]
    cursor: Option<String>,
}

/// Lists the messages of a chat, in the order in which they were sent.
#[utoipa::path(
    get,
    path = "/chats/{id}/messages",
    operation_id = "listMessages",
    responses((status = OK, body = Messages))
)]
async fn messages(
    granted: Granted<CHATS_READ>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    Parameters(parameters): Parameters<MessagesParameters>,
) -> Result<axum::Json<Messages>, ApiError> {
    let project = granted.0.project();
    let MessagesParameters { limit, cursor, starting_after } = parameters;
    let page = Page::<Message>::new(&state.cursors, (project, &id), limit, cursor, starting_after)?;
    let mut connection = state.database.acquire().await?;
    let chat = chat::find(&mut connection, project, &id).await?.ok_or_else(no_chat)?;
    let window = page.window(async |id| chat::message_seq(&mut connection, &chat, id).await).await?;
    let rows = chat::messages(&mut connection, &chat, window).await?;
    let List { data, has_more, cursor } = page.list(rows);
    Ok(axum::Json(Messages { id: chat.id, title: chat.title, messages: data, has_more, cursor }))
}

#[derive(Deserialize, ToSchema)]
struct NewMessage {
    message: Text<1, 20_000>,
}

#[derive(Serialize, ToSchema)]
struct Answer {
    message: Message,
}

/// Sends a message, and returns the answer. It names memories by their titles or ids, if the key may read memories.
#[utoipa::path(
    post,
    path = "/chats/{id}/messages",
    operation_id = "sendMessage",
    responses((status = OK, body = Answer))
)]
async fn send(
    granted: Granted<CHATS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    _: NoParameters,
    Json(body): Json<NewMessage>,
) -> Result<axum::Json<Answer>, ApiError> {
    let text = body.message.of_length("message")?;
    let (project, now) = (granted.0.project(), state.clock.now());
    let chat = chat::find(&mut state.database.acquire().await?, project, &id).await?.ok_or_else(no_chat)?;
    // this comes before the transaction, during which SQLite lets nobody else write
    let answer = if granted.0.scopes().grants(Scope::MEMORIES_READ) {
        answer(&state.database, project, chat.user, &text).await?
    } else {
        "Your message is stored. Memories were not searched: the key lacks memories:read.".to_owned()
    };
    let mut transaction = state.database.begin().await?;
    // the lock keeps the messages of a chat in the order of their commits, which readers rely on
    let chat = chat::find_for_change(&mut transaction, project, &id).await?.ok_or_else(no_chat)?;
    chat::append(&mut transaction, &chat, chat::Role::User, text, now).await?;
    let message = chat::append(&mut transaction, &chat, chat::Role::Assistant, answer, now).await?;
    chat::touch(&mut transaction, &chat, now).await?;
    transaction.commit().await?;
    Ok(axum::Json(Answer { message: message.into() }))
}

/// Returns an answer. There is no language model, so it only names memories that have words of the message. A memory
/// whose title is missing or blank is named by its id.
async fn answer(
    database: &Database,
    project: &str,
    user: Option<String>,
    message: &str,
) -> Result<String, DatabaseError> {
    let search = TextSearch { user, ..TextSearch::of_words(message, MAX_NAMED) };
    let found = search.run(database, project).await?;
    if found.memories.is_empty() {
        return Ok("No memory has a word of your message.".to_owned());
    }
    let memories = found.memories.into_iter().map(|found| found.memory);
    let names = memories
        .map(|memory| memory.title.filter(|title| !title.trim().is_empty()).unwrap_or(memory.id))
        .collect::<Vec<_>>();
    Ok(format!("Memories with the words of your message: {}.", names.join("; ")))
}

/// Removes a chat with its messages.
#[utoipa::path(delete, path = "/chats/{id}", operation_id = "removeChat", responses((status = NO_CONTENT)))]
async fn remove(
    granted: Granted<CHATS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    _: NoParameters,
) -> Result<StatusCode, ApiError> {
    let mut transaction = state.database.begin().await?;
    let is_removed = chat::remove(&mut transaction, granted.0.project(), &id).await?;
    transaction.commit().await?;
    if is_removed { Ok(StatusCode::NO_CONTENT) } else { Err(no_chat()) }
}
