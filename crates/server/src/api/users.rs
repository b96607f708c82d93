//! The users of a project, and what happened to them.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use ctx_key::UnixTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fields::{self, ID, TITLE, WORD, check, check_some};
use super::paging::{Page, USUAL};
use super::{chats, memories};
use crate::clock::{iso_seconds, seconds};
use crate::database::{Connection, DatabaseError, Row, Transaction};
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, Parameters, Segment};
use crate::http::granted::{Granted, USERS_READ, USERS_WRITE};
use crate::http::state::AppState;
use crate::store::new_id;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/users", post(upsert))
        .route("/users/{id}", get(show).put(change).delete(remove))
        .route("/users/{id}/events", post(create_event).get(events))
        .route("/users/{id}/events/{event}", delete(remove_event))
}

fn no_user() -> ApiError {
    ApiError::not_found("there is no such user")
}

fn shown(row: &Row) -> Result<Value, DatabaseError> {
    Ok(json!({
        "id": row.get::<String>("id")?,
        "email": row.get::<Option<String>>("email")?,
        "name": row.get::<Option<String>>("name")?,
        "metadata": fields::stored(row, "metadata")?,
        "created_at": iso_seconds(row.get("created_at")?),
        "updated_at": iso_seconds(row.get("updated_at")?),
    }))
}

/// What is to be changed of a user: null empties a field.
#[derive(Deserialize)]
struct Change {
    #[serde(default, deserialize_with = "fields::named")]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::named")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::named")]
    metadata: Option<Option<Map<String, Value>>>,
}

impl Change {
    /// Changes a user of the project, if it has this one.
    async fn run(
        self,
        transaction: &mut Transaction,
        project: &str,
        id: &str,
    ) -> Result<Option<Value>, ApiError> {
        check_some("email", self.email.as_ref().and_then(Option::as_deref), &TITLE)?;
        check_some("name", self.name.as_ref().and_then(Option::as_deref), &TITLE)?;
        let metadata = self.metadata.map(|object| fields::object("metadata", object.unwrap_or_default()));
        let row = transaction.query_opt(
            "UPDATE users SET email = CASE WHEN $3 = 1 THEN $4 ELSE email END, \
             name = CASE WHEN $5 = 1 THEN $6 ELSE name END, metadata = coalesce($7, metadata), updated_at = $8 \
             WHERE project = $1 AND id = $2 RETURNING id, email, name, metadata, created_at, updated_at",
            &[
                project.into(),
                id.into(),
                self.email.is_some().into(),
                self.email.flatten().into(),
                self.name.is_some().into(),
                self.name.flatten().into(),
                metadata.transpose()?.into(),
                seconds(UnixTime::now()).into(),
            ],
        ).await?;
        Ok(row.as_ref().map(shown).transpose()?)
    }
}

#[derive(Deserialize)]
struct Upsert {
    id: String,
    // no flattened `Change`: serde would copy what it doesn't know
    #[serde(default, deserialize_with = "fields::named")]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::named")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "fields::named")]
    metadata: Option<Option<Map<String, Value>>>,
}

/// Makes a user, or changes the fields that are named of the one who has the id.
async fn upsert(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Json(body): Json<Upsert>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    check("id", &body.id, &ID)?;
    let project = granted.0.project();
    let Upsert { id, email, name, metadata } = body;
    let change = Change { email, name, metadata };
    let mut transaction = state.database.begin().await?;
    let inserted = transaction
        .execute(
            "INSERT INTO users (project, id, metadata, created_at, updated_at) VALUES ($1, $2, '{}', $3, $3) \
             ON CONFLICT DO NOTHING",
            &[project.into(), (&id).into(), seconds(UnixTime::now()).into()],
        )
        .await?;
    let user = change.run(&mut transaction, project, &id).await?.ok_or_else(no_user)?;
    transaction.commit().await?;
    let status = if inserted == 0 { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, axum::Json(user)))
}

async fn show(
    granted: Granted<USERS_READ>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<axum::Json<Value>, ApiError> {
    let sql =
        "SELECT id, email, name, metadata, created_at, updated_at FROM users WHERE project = $1 AND id = $2";
    let values = [granted.0.project().into(), id.into()];
    let row = state.database.acquire().await?.query_opt(sql, &values).await?.ok_or_else(no_user)?;
    Ok(axum::Json(shown(&row)?))
}

async fn change(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    Json(change): Json<Change>,
) -> Result<axum::Json<Value>, ApiError> {
    let mut transaction = state.database.begin().await?;
    let user = change.run(&mut transaction, granted.0.project(), &id).await?.ok_or_else(no_user)?;
    transaction.commit().await?;
    Ok(axum::Json(user))
}

#[derive(Deserialize)]
struct Remove {
    #[serde(default)]
    cascade: bool,
}

/// Removes a user with all events, and, if `cascade` is true, with the memories and chats that name the user. Otherwise
/// those stay, and still name the id: it may be another system's, and become a user again.
async fn remove(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Segment(id): Segment<String>,
    Parameters(parameters): Parameters<Remove>,
) -> Result<StatusCode, ApiError> {
    let project = granted.0.project();
    let mut transaction = state.database.begin().await?;
    let sql = "DELETE FROM users WHERE project = $1 AND id = $2";
    if transaction.execute(sql, &[project.into(), (&id).into()]).await? == 0 {
        return Err(no_user());
    }
    if parameters.cascade {
        memories::remove_of_user(&mut transaction, project, &id).await?;
        chats::remove_of_user(&mut transaction, project, &id).await?;
    }
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown_event(row: &Row) -> Result<Value, DatabaseError> {
    Ok(json!({
        "id": row.get::<String>("id")?,
        "user_id": row.get::<String>("user")?,
        "type": row.get::<String>("type")?,
        "data": fields::stored(row, "data")?,
        "created_at": iso_seconds(row.get("created_at")?),
    }))
}

async fn require_user(connection: &mut Connection, project: &str, id: &str) -> Result<(), ApiError> {
    let sql = "SELECT id FROM users WHERE project = $1 AND id = $2";
    connection.query_opt(sql, &[project.into(), id.into()]).await?.map(drop).ok_or_else(no_user)
}

#[derive(Deserialize)]
struct CreateEvent {
    r#type: String,
    data: Option<Map<String, Value>>,
}

async fn create_event(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Segment(user): Segment<String>,
    Json(body): Json<CreateEvent>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    check("type", &body.r#type, &WORD)?;
    let data = fields::object("data", body.data.unwrap_or_default())?;
    let mut transaction = state.database.begin().await?;
    require_user(&mut transaction, granted.0.project(), &user).await?;
    let values = [
        new_id("evt").into(),
        granted.0.project().into(),
        user.into(),
        body.r#type.into(),
        data.into(),
        seconds(UnixTime::now()).into(),
    ];
    let sql = "INSERT INTO events (id, project, \"user\", type, data, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
               RETURNING seq, id, \"user\", type, data, created_at";
    let event = shown_event(&transaction.query_one(sql, &values).await?)?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(event)))
}

#[derive(Deserialize)]
struct Events {
    limit: Option<i64>,
    cursor: Option<String>,
    r#type: Option<String>,
}

async fn events(
    granted: Granted<USERS_READ>,
    State(state): State<AppState>,
    Segment(user): Segment<String>,
    Parameters(events): Parameters<Events>,
) -> Result<axum::Json<Value>, ApiError> {
    let page = Page::new("events", events.limit.unwrap_or(USUAL), events.cursor.as_deref())?;
    let project = granted.0.project();
    let mut connection = state.database.acquire().await?;
    require_user(&mut connection, project, &user).await?;
    let values =
        [project.into(), user.into(), page.before().into(), events.r#type.into(), page.rows().into()];
    let sql = "SELECT seq, id, \"user\", type, data, created_at FROM events WHERE project = $1 AND \"user\" = $2 \
               AND seq < $3 AND (type = $4 OR $4 IS NULL) ORDER BY seq DESC LIMIT $5";
    Ok(page.list(connection.query(sql, &values).await?, shown_event)?.into())
}

async fn remove_event(
    granted: Granted<USERS_WRITE>,
    State(state): State<AppState>,
    Segment((user, event)): Segment<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let values = [granted.0.project().into(), user.into(), event.into()];
    let sql = "DELETE FROM events WHERE project = $1 AND \"user\" = $2 AND id = $3";
    let mut transaction = state.database.begin().await?;
    let removed = transaction.execute(sql, &values).await?;
    transaction.commit().await?;
    if removed == 0 { Err(ApiError::not_found("there is no such event")) } else { Ok(StatusCode::NO_CONTENT) }
}
