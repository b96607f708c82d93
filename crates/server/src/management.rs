//! The API with which a program makes keys for an account. An API key opens none of it.

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{StatusCode, request::Parts};
use axum::routing::{delete, get, post};
use ctx_key::{ApiKey, KeyId, KeyState, Scope, UnixTime};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::{iso_seconds, seconds};
use crate::database::{DatabaseError, Transaction};
use crate::http::api_error::ApiError;
use crate::http::extract::{ClientAddress, Json, Segment};
use crate::http::state::AppState;
use crate::store::account::{self, Account};
use crate::store::api_key::{self, LONGEST_NAME, ListedKey, NewKey};
use crate::store::credential::{self, Kind};
use crate::store::project;

/// What lies below `/api/v1`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/auth/login", post(log_in))
        .route("/auth/refresh", post(refresh))
        .route("/companies/{company}/api-keys", get(list).post(create))
        .route("/companies/{company}/api-keys/{id}", delete(revoke))
        .route("/companies/{company}/projects", get(projects).post(create_project))
        .fallback(async || ApiError::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
}

/// The account whose access token the request carries.
struct SignedIn(Account);

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        const MISSING: &str = "an access token is required, which POST /api/v1/auth/login gives: send it as \
                               `Authorization: Bearer <token>`";
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(ApiError::unauthenticated(MISSING));
        };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
        let token = token.ok_or(ApiError::unauthenticated(MISSING))?.1.trim().to_owned();
        if token.starts_with("ctx_") {
            return Err(ApiError::unauthenticated(
                "an API key does not open this path: it takes an access token",
            ));
        }
        let mut connection = state.database.acquire().await?;
        let found = account::of_credential(&mut connection, Kind::Access, &token).await?;
        found.map(Self).ok_or(ApiError::unauthenticated("the access token is unknown or has expired"))
    }
}

impl SignedIn {
    /// Whether the company of the path is the account's: another one's is not told from one that isn't there.
    fn own(&self, company: &str) -> Result<(), ApiError> {
        let own = &self.0.company;
        if company == own.id || company == own.slug {
            Ok(())
        } else {
            Err(ApiError::not_found("there is no such company"))
        }
    }
}

#[derive(Deserialize)]
struct LogIn {
    email: String,
    password: String,
}

async fn log_in(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Json(body): Json<LogIn>,
) -> Result<axum::Json<Value>, ApiError> {
    state.sign_ins.check(&body.email, address).map_err(ApiError::too_many)?;
    let account = account::sign_in(&state.database, &body.email, body.password).await?;
    let account = account.ok_or(ApiError::unauthenticated("the e-mail address or the password is wrong"))?;
    let mut transaction = state.database.begin().await?;
    let mut tokens = issue(&mut transaction, &account.id).await?;
    transaction.commit().await?;
    let company = account.company;
    tokens["companies"] =
        json!([{ "id": company.id, "name": company.name, "slug": company.slug, "role": "owner" }]);
    Ok(axum::Json(tokens))
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

async fn refresh(
    State(state): State<AppState>,
    Json(body): Json<Refresh>,
) -> Result<axum::Json<Value>, ApiError> {
    let mut transaction = state.database.begin().await?;
    let taken =
        credential::take(&mut transaction, Kind::Refresh, &body.refresh_token, UnixTime::now()).await?;
    let refused = "the refresh token is unknown, was used or has expired: log in again";
    let account = taken.flatten().ok_or(ApiError::unauthenticated(refused))?;
    let tokens = issue(&mut transaction, &account).await?;
    transaction.commit().await?;
    Ok(axum::Json(tokens))
}

/// An access token, and a refresh token for the next one.
async fn issue(transaction: &mut Transaction, account: &str) -> Result<Value, DatabaseError> {
    let now = UnixTime::now();
    let access = credential::issue(transaction, Kind::Access, Some(account), now).await?;
    let refresh = credential::issue(transaction, Kind::Refresh, Some(account), now).await?;
    Ok(json!({
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "expires_in": Kind::Access.lifetime(),
    }))
}

async fn list(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
) -> Result<axum::Json<Value>, ApiError> {
    signed_in.own(&company)?;
    let company = signed_in.0.company.id;
    let mut connection = state.database.acquire().await?;
    let keys = api_key::list(&mut connection, &company).await?;
    Ok(axum::Json(keys.iter().map(|key| shown(key, &company)).collect()))
}

async fn projects(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
) -> Result<axum::Json<Value>, ApiError> {
    signed_in.own(&company)?;
    let company = signed_in.0.company.id;
    let mut connection = state.database.acquire().await?;
    let projects = project::list(&mut connection, &company).await?;
    Ok(axum::Json(projects.iter().map(|project| json!({ "id": project.id, "name": project.name })).collect()))
}

#[derive(Deserialize)]
struct CreateProject {
    name: String,
}

async fn create_project(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    Json(body): Json<CreateProject>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    signed_in.own(&company)?;
    let name = name(&body.name)?;
    let Account { email, company, .. } = signed_in.0;
    let mut transaction = state.database.begin().await?;
    let project = project::create(&mut transaction, &company.id, &email, &name).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(json!({ "id": project.id, "name": project.name }))))
}

#[derive(Deserialize)]
struct Create {
    project_id: String,
    name: String,
    scopes: Vec<String>,
}

async fn create(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    Json(body): Json<Create>,
) -> Result<(StatusCode, axum::Json<Value>), ApiError> {
    signed_in.own(&company)?;
    let new = NewKey {
        name: name(&body.name)?,
        project: body.project_id,
        scopes: scopes(&body.scopes)?,
        expires_at: None,
        form: None,
    };
    let Account { email, company, .. } = signed_in.0;
    let mut transaction = state.database.begin().await?;
    let (key, listed) = api_key::create(&mut transaction, &company.id, &email, &new).await?;
    transaction.commit().await?;
    let mut body = shown(&listed, &company.id);
    body["api_key"] = expose(&key);
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// The one time that a key leaves the server.
fn expose(key: &ApiKey) -> Value {
    key.expose_secret().into()
}

/// A name that a person can tell from others. `openapi.json` says the same as a pattern, of the text as it was sent.
pub fn name(text: &str) -> Result<String, ApiError> {
    let name = text.trim();
    if name.is_empty() || text.chars().count() > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err(ApiError::invalid(format!(
            "a name of 1 to {LONGEST_NAME} characters is required, on one line"
        )));
    }
    Ok(name.to_owned())
}

fn scopes(names: &[String]) -> Result<Scope, ApiError> {
    let all: Vec<String> = Scope::all().iter().map(|scope| scope.to_string()).collect();
    let all = all.join(", ");
    let mut scopes = Scope::empty();
    for name in names {
        let scope: Scope = name.parse().map_err(|error| {
            ApiError::invalid(format!("{error}; the scopes are {all}; name one or more of them"))
        })?;
        scopes |= scope;
    }
    if scopes.is_empty() {
        return Err(ApiError::invalid(format!("a key needs at least one scope; the scopes are {all}")));
    }
    Ok(scopes)
}

async fn revoke(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment((company, id)): Segment<(String, String)>,
) -> Result<StatusCode, ApiError> {
    signed_in.own(&company)?;
    let id: KeyId = id.parse().map_err(|_| ApiError::not_found("there is no such key"))?;
    let Account { email, company, .. } = signed_in.0;
    let mut transaction = state.database.begin().await?;
    api_key::revoke(&mut transaction, &company.id, &email, id).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A record as the platform's clients read it.
fn shown(key: &ListedKey, company: &str) -> Value {
    let record = &key.record;
    let scopes: Vec<String> = record.scopes.iter().map(|scope| scope.to_string()).collect();
    let is_active = record.state(UnixTime::now()) == KeyState::Active;
    json!({
        "id": record.id.as_str(),
        "company_id": company,
        "project_id": record.project,
        "name": key.name,
        "scopes": scopes,
        "is_active": is_active,
        "expires_at": record.expires_at.map(|at| iso_seconds(seconds(at))),
        "created_at": iso_seconds(key.created_at),
        "updated_at": iso_seconds(key.updated_at),
    })
}
