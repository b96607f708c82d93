//! The users of a project.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::fields::{Id, ObjectChange, OwnObject, Title, checked_change, named};
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, NoParameters, Parameters, Segment};
use crate::http::granted::{Granted, USERS_READ, USERS_WRITE};
use crate::http::iso_time::IsoTime;
use crate::http::open_api::route;
use crate::http::state::AppState;
use crate::store::json_object::JsonObject;
use crate::store::user::{self, Named, UserChange};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(route!(upsert))
        .routes(route!(show))
        .routes(route!(change))
        .routes(route!(remove))
}

pub(super) fn no_user() -> ApiError {
    ApiError::not_found("there is no such user")
}

#[derive(Serialize, ToSchema)]
struct User {
    id: String,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    name: Option<String>,
    #[schema(value_type = Object)]
    metadata: JsonObject,
    created_at: IsoTime,
    updated_at: IsoTime,
}

impl From<user::User> for User {
    fn from(user: user::User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            metadata: user.metadata,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = UserChange)]
struct Change {
    #[serde(default, deserialize_with = "named")]
    email: Option<Option<Title>>,
    #[serde(default, deserialize_with = "named")]
    name: Option<Option<Title>>,
    #[serde(default, deserialize_with = "named")]
    metadata: Option<Option<OwnObject>>,
}

impl Change {
    fn checked(self) -> Result<UserChange, ApiError> {
        Ok(UserChange {
            email: checked_change("email", self.email)?,
            name: checked_change("name", self.name)?,
            metadata: self
                .metadata
                .map(|object| object.unwrap_or_default().checked("metadata"))
                .transpose()?,
        })
    }
}

#[derive(Deserialize, ToSchema)]
struct NewUser {
    id: Id,
    // not a flattened `Change`, because serde would then copy unknown fields
    #[serde(default, deserialize_with = "named")]
    email: Option<Option<Title>>,
    #[serde(default, deserialize_with = "named")]
    name: Option<Option<Title>>,
    /// Merged by name: null deletes a name, and any other value replaces the whole value of its name.
    #[serde(default, deserialize_with = "named")]
    metadata: Option<Option<OwnObject>>,
}

/// Creates a user, or changes the user who has the id: the fields that are sent are changed, and `metadata` is
/// merged. Null empties a field.
#[utoipa::path(
    post,
    path = "/users",
    operation_id = "upsertUser",
    responses((status = OK, body = User), (status = CREATED, body = User))
)]
async fn upsert(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    _: NoParameters,
    Json(body): Json<NewUser>,
) -> Result<(StatusCode, axum::Json<User>), ApiError> {
    let NewUser { id, email, name, metadata } = body;
    let id = id.checked("id")?;
    let metadata = ObjectChange::checked("metadata", metadata)?;
    let mut change = Change { email, name, metadata: None }.checked()?;
    let (project, now) = (granted.0.project(), state.clock.now());
    let mut transaction = state.database.begin().await?;
    let (stored, is_new) = user::find_or_create(&mut transaction, project, &id, now).await?;
    change.metadata = metadata.map(|metadata| metadata.apply("metadata", stored)).transpose()?;
    let user = user::change(&mut transaction, project, &id, change, now).await?.ok_or_else(no_user)?;
    transaction.commit().await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(user.into())))
}

/// Shows a user.
#[utoipa::path(get, path = "/users/{id}", operation_id = "showUser", responses((status = OK, body = User)))]
async fn show(
    granted: Granted<USERS_READ>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    _: NoParameters,
) -> Result<axum::Json<User>, ApiError> {
    let mut connection = state.database.acquire().await?;
    let user = user::find(&mut connection, granted.0.project(), &id).await?.ok_or_else(no_user)?;
    Ok(axum::Json(user.into()))
}

/// Changes the fields that are sent, and replaces `metadata`. Null empties a field.
#[utoipa::path(put, path = "/users/{id}", operation_id = "changeUser", responses((status = OK, body = User)))]
async fn change(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    _: NoParameters,
    Json(body): Json<Change>,
) -> Result<axum::Json<User>, ApiError> {
    let change = body.checked()?;
    let mut transaction = state.database.begin().await?;
    let changed = user::change(&mut transaction, granted.0.project(), &id, change, state.clock.now()).await?;
    let user = changed.ok_or_else(no_user)?;
    transaction.commit().await?;
    Ok(axum::Json(user.into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RemoveParameters {
    /// If true, the memories and chats that name the user are removed too.
    #[serde(default)]
    cascade: bool,
}

/// Removes a user with all events.
///
/// Memories and chats that name the user stay, unless `cascade` is true. They keep the id of the user, because another
/// system may have assigned it, and it may become a user again.
#[utoipa::path(delete, path = "/users/{id}", operation_id = "removeUser", responses((status = NO_CONTENT)))]
async fn remove(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    Parameters(parameters): Parameters<RemoveParameters>,
) -> Result<StatusCode, ApiError> {
    let named = if parameters.cascade { Named::Remove } else { Named::Keep };
    let mut transaction = state.database.begin().await?;
    let is_removed = user::remove(&mut transaction, granted.0.project(), &id, named).await?;
    transaction.commit().await?;
    if is_removed { Ok(StatusCode::NO_CONTENT) } else { Err(no_user()) }
}
