//! Several memories in one request, each stored or refused on its own.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::fields::{Id, OwnObject, Tags, Title, Word, in_either_spelling, named};
use super::memories::{Memory, NewMemory};
use crate::http::api_error::ApiError;
use crate::http::extract::{Items, NoParameters, object};
use crate::http::granted::{Granted, MEMORIES_WRITE};
use crate::http::open_api::route;
use crate::http::state::AppState;
use crate::store::memory;

const MAX_ITEMS: usize = 100;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(create_all))
}

/// The schema of the body. [`Items`] reads the body itself.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is the schema of a body that is read item by item")]
struct NewMemories {
    #[schema(min_items = 1, max_items = 100)]
    items: Vec<NewMemory>,
    defaults: Option<MemoryDefaults>,
}

/// Default values for fields that an item does not have.
#[derive(Default, Deserialize, ToSchema)]
struct MemoryDefaults {
    title: Option<Title>,
    r#type: Option<Word>,
    tags: Option<Tags>,
    metadata: Option<OwnObject>,
    /// Also accepted as `userId`.
    #[serde(default, deserialize_with = "named")]
    user_id: Option<Option<Id>>,
    #[serde(default, rename = "userId", deserialize_with = "named")]
    #[schema(ignore)]
    user_id_in_camel_case: Option<Option<Id>>,
    language: Option<Word>,
    format: Option<Word>,
}

impl MemoryDefaults {
    fn fill(&self, item: &RawValue) -> Result<memory::NewMemory, ApiError> {
        let item: NewMemory = object("the item", item.get().as_bytes())?;
        let own = in_either_spelling("user_id", item.user_id, item.user_id_in_camel_case)?;
        let default =
            in_either_spelling("user_id", self.user_id.clone(), self.user_id_in_camel_case.clone())?;
        let filled = NewMemory {
            content: item.content,
            title: item.title.or_else(|| self.title.clone()),
            r#type: item.r#type.or_else(|| self.r#type.clone()),
            tags: item.tags.or_else(|| self.tags.clone()),
            metadata: item.metadata.or_else(|| self.metadata.clone()),
            user_id: Some(own.or(default)),
            user_id_in_camel_case: None,
            language: item.language.or_else(|| self.language.clone()),
            format: item.format.or_else(|| self.format.clone()),
        };
        filled.checked()
    }
}

#[derive(Serialize, ToSchema)]
struct StoredMemories {
    /// The memories that are stored, in the order of the request.
    items: Vec<Memory>,
    /// Number of items in the request.
    total: usize,
    /// Number of items that are not stored.
    failed: usize,
    errors: Vec<ItemError>,
}

/// Reason why an item is not stored.
#[derive(Serialize, ToSchema)]
struct ItemError {
    /// Position of the item in the request, from 0.
    index: usize,
    code: &'static str,
    message: String,
    /// The same as `message`, because the platform's documentation and its TypeScript client use different names.
    error: String,
}

impl ItemError {
    fn new(index: usize, error: &ApiError) -> Self {
        let message = error.message().to_owned();
        Self { index, code: error.code(), error: message.clone(), message }
    }
}

/// Stores memories. An item that `POST /v1/memories` would refuse is left out, and has an error in the response.
#[utoipa::path(
    post,
    path = "/memories/batch",
    operation_id = "createMemories",
    responses((status = ACCEPTED, body = StoredMemories))
)]
async fn create_all(
    granted: Granted<MEMORIES_WRITE>,
    State(state): State<AppState>,
    _: NoParameters,
    body: Items<NewMemories>,
) -> Result<(StatusCode, axum::Json<StoredMemories>), ApiError> {
    let total = body.items.len();
    if !(1..=MAX_ITEMS).contains(&total) {
        return Err(ApiError::invalid(format!(
            "`items` has {total} entries: send 1 to {MAX_ITEMS} in a request"
        )));
    }
    let defaults =
        body.defaults.map(|defaults| object("`defaults`", defaults.get().as_bytes())).transpose()?;
    let defaults: MemoryDefaults = defaults.unwrap_or_default();
    let (mut checked, mut errors) = (Vec::new(), Vec::new());
    for (index, item) in body.items.iter().enumerate() {
        match defaults.fill(item) {
            Ok(memory) => checked.push(memory),
            Err(error) => errors.push(ItemError::new(index, &error)),
        }
    }
    let (mut items, now) = (Vec::new(), state.clock.now());
    let mut transaction = state.database.begin().await?;
    for new in checked {
        items.push(memory::create(&mut transaction, granted.0.project(), new, now).await?.into());
    }
    transaction.commit().await?;
    Ok((StatusCode::ACCEPTED, axum::Json(StoredMemories { items, total, failed: errors.len(), errors })))
}
