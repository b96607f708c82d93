//! The events of users.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::fields::{Filter, OwnObject, Word};
use super::paging::{Cursor, Limit, List, Listed, Page};
use super::users::no_user;
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, NoParameters, Parameters, Segment};
use crate::http::granted::{Granted, USERS_READ, USERS_WRITE};
use crate::http::iso_time::IsoTime;
use crate::http::open_api::route;
use crate::http::state::AppState;
use crate::store::json_object::JsonObject;
use crate::store::{event, user};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(create)).routes(route!(list)).routes(route!(remove))
}

#[derive(Serialize, ToSchema)]
struct Event {
    id: String,
    user_id: String,
    r#type: String,
    #[schema(value_type = Object)]
    data: JsonObject,
    created_at: IsoTime,
}

impl From<event::Event> for Event {
    fn from(event: event::Event) -> Self {
        Self {
            id: event.id,
            user_id: event.user,
            r#type: event.kind,
            data: event.data,
            created_at: event.created_at.into(),
        }
    }
}

impl Listed for Event {
    type Row = event::Event;
    const LIST: &'static str = "events";

    fn seq(row: &event::Event) -> i64 {
        row.seq
    }
}

#[derive(Deserialize, ToSchema)]
struct NewEvent {
    r#type: Word,
    data: Option<OwnObject>,
}

/// Stores an event of a user.
#[utoipa::path(
    post,
    path = "/users/{id}/events",
    operation_id = "createEvent",
    responses((status = CREATED, body = Event))
)]
async fn create(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Segment(user): Segment<String>,
    _: NoParameters,
    Json(body): Json<NewEvent>,
) -> Result<(StatusCode, axum::Json<Event>), ApiError> {
    let kind = body.r#type.checked("type")?;
    let data = body.data.unwrap_or_default().checked("data")?;
    let project = granted.0.project();
    let mut transaction = state.database.begin().await?;
    let user = user::find_for_reference(&mut transaction, project, &user).await?.ok_or_else(no_user)?;
    let event = event::create(&mut transaction, project, &user, kind, data, state.clock.now()).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(event.into())))
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
    r#type: Option<Filter>,
}

/// Lists a user's events, the newest first.
#[utoipa::path(
    get,
    path = "/users/{id}/events",
    operation_id = "listEvents",
    responses((status = OK, body = List<Event>))
)]
async fn list(
    granted: Granted<USERS_READ>,
    State(state): State<AppState>,
    Segment(user): Segment<String>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<axum::Json<List<Event>>, ApiError> {
    let project = granted.0.project();
    let ListParameters { limit, cursor, starting_after, r#type } = parameters;
    let page = Page::new(&state.cursors, (project, &user), limit, cursor, starting_after)?;
    let kind = r#type.map(|Filter(kind)| kind);
    let mut connection = state.database.acquire().await?;
    let user = user::find(&mut connection, project, &user).await?.ok_or_else(no_user)?;
    let window = page.window(async |id| event::seq(&mut connection, project, &user, id).await).await?;
    let rows = event::list(&mut connection, project, &user, kind, window).await?;
    Ok(axum::Json(page.list(rows)))
}

/// Removes an event.
#[utoipa::path(
    delete,
    path = "/users/{id}/events/{event}",
    operation_id = "removeEvent",
    responses((status = NO_CONTENT))
)]
async fn remove(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Segment((user, event)): Segment<(String, String)>,
    _: NoParameters,
) -> Result<StatusCode, ApiError> {
    let mut transaction = state.database.begin().await?;
    let is_removed = event::remove(&mut transaction, granted.0.project(), &user, &event).await?;
    transaction.commit().await?;
    if is_removed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::not_found("there is no such event")) }
}
