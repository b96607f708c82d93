//! The API with which a program creates keys for an account. An API key gives no access to it.

use axum::extract::{FromRequestParts, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{StatusCode, request::Parts};
use axum::{Json as Answer, Router};
use ctx_key::{ApiKey, KeyState, Scope, UnixTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa_axum::router::OpenApiRouter;

use crate::database::{DatabaseError, Transaction};
use crate::http::api_error::ApiError;
use crate::http::extract::{ClientAddress, Json, Segment};
use crate::http::iso_time::IsoTime;
use crate::http::open_api::{self, Argument, Schemas, route};
use crate::http::schema::{self, ScopeName};
use crate::http::state::AppState;
use crate::store::account::{self, Account, Company};
use crate::store::api_key::{self, ListedKey, NewKey, ProjectChoice};
use crate::store::credential::{self, Kind};
use crate::store::email::Email;
use crate::store::id::{AccountId, CompanyId, ProjectId};
use crate::store::name::Name;
use crate::store::project::{self, Project};
use crate::store::secret::Secret;
use crate::store::store_error::StoreError;

/// Returns the routes below `/api/v1`, and their document.
pub fn routes() -> (Router<AppState>, OpenApi) {
    let (router, document) = OpenApiRouter::default()
        .routes(route!(log_in))
        .routes(route!(refresh))
        .routes(route!(list))
        .routes(route!(create))
        .routes(route!(revoke))
        .routes(route!(projects))
        .routes(route!(create_project))
        .split_for_parts();
    let router = router
        .fallback(async || ApiError::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed());
    (router, document)
}

/// The account whose access token the request carries.
struct SignedIn(Account);

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        const MISSING: &str = "an access token is required, which POST /api/v1/auth/login gives: send it as \
                               `Authorization: Bearer <token>`";
        const UNKNOWN: &str = "the access token is unknown or has expired: log in again";
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(ApiError::unauthenticated(MISSING));
        };
        let token = value.to_str().ok().and_then(|value| value.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
        let token = token.ok_or(ApiError::unauthenticated(MISSING))?.1.trim();
        if token.starts_with("ctx_") {
            return Err(ApiError::unauthenticated(
                "an API key gives no access to this path: send an access token",
            ));
        }
        let token = Secret::parse(token).ok_or(ApiError::unauthenticated(UNKNOWN))?;
        let mut connection = state.database.acquire().await?;
        let now = state.clock.now();
        let found = account::of_credential(&mut connection, Kind::Access, &token, now).await?;
        found.map(Self).ok_or(ApiError::unauthenticated(UNKNOWN))
    }
}

impl Argument for SignedIn {
    fn document(operation: &mut Operation, _: &mut Schemas) {
        open_api::takes_access_token(operation);
    }
}

impl SignedIn {
    /// Returns the account if the company of the path is its own. Another company is answered like one that does not
    /// exist.
    fn of(self, company: &str) -> Result<Account, ApiError> {
        let own = &self.0.company;
        if company == own.id.as_str() || company == own.slug {
            Ok(self.0)
        } else {
            Err(ApiError::not_found("there is no such company"))
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct LogIn {
    #[schema(max_length = 1000, pattern = r"^[^\u0000]*$")]
    email: String,
    #[schema(max_length = 1024, pattern = r"^[^\u0000]*$")]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct LoggedIn {
    #[serde(flatten)]
    tokens: Tokens,
    #[schema(value_type = Vec<ShownCompany>)]
    companies: [ShownCompany; 1],
}

#[derive(Serialize, ToSchema)]
struct Tokens {
    access_token: String,
    refresh_token: String,
    #[schema(schema_with = bearer)]
    token_type: &'static str,
    expires_in: u64,
}

#[derive(Serialize, ToSchema)]
struct ShownCompany {
    #[schema(value_type = String)]
    id: CompanyId,
    #[schema(value_type = String)]
    name: Name,
    slug: String,
    #[schema(schema_with = owner)]
    role: &'static str,
}

fn bearer() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["Bearer"]))
}

fn owner() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["owner"]))
}

/// Gives an access token.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "logIn",
    responses((status = OK, body = LoggedIn), (status = UNAUTHORIZED), (status = TOO_MANY_REQUESTS))
)]
async fn log_in(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Json(body): Json<LogIn>,
) -> Result<Answer<LoggedIn>, ApiError> {
    let email = Email::new(&body.email);
    state.sign_ins.check(&email, address).map_err(ApiError::too_many)?;
    let account = account::sign_in(&state.database, &email, body.password).await?;
    let account = account.ok_or(ApiError::unauthenticated("the e-mail address or the password is wrong"))?;
    let mut transaction = state.database.begin().await?;
    let tokens = issue(&mut transaction, &account.id, state.clock.now()).await?;
    transaction.commit().await?;
    let Company { id, name, slug } = account.company;
    Ok(Answer(LoggedIn { tokens, companies: [ShownCompany { id, name, slug, role: "owner" }] }))
}

#[derive(Deserialize, ToSchema)]
struct Refresh {
    #[schema(max_length = 1000, pattern = r"^[^\u0000]*$")]
    refresh_token: String,
}

/// Gives the next access token.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    operation_id = "refresh",
    responses((status = OK, body = Tokens), (status = UNAUTHORIZED))
)]
async fn refresh(
    State(state): State<AppState>,
    Json(body): Json<Refresh>,
) -> Result<Answer<Tokens>, ApiError> {
    const REFUSED: &str = "the refresh token is unknown, was used or has expired: log in again";
    let now = state.clock.now();
    let token = Secret::parse(&body.refresh_token).ok_or(ApiError::unauthenticated(REFUSED))?;
    let mut transaction = state.database.begin().await?;
    let taken = credential::take(&mut transaction, Kind::Refresh, &token, now).await?;
    let account = taken.flatten().ok_or(ApiError::unauthenticated(REFUSED))?;
    let tokens = issue(&mut transaction, &account, now).await?;
    transaction.commit().await?;
    Ok(Answer(tokens))
}

/// Issues an access token, and a refresh token for the next one.
async fn issue(
    transaction: &mut Transaction,
    account: &AccountId,
    now: UnixTime,
) -> Result<Tokens, DatabaseError> {
    let access = credential::issue(transaction, Kind::Access, Some(account), now).await?;
    let refresh = credential::issue(transaction, Kind::Refresh, Some(account), now).await?;
    Ok(Tokens {
        access_token: access.expose().to_owned(),
        refresh_token: refresh.expose().to_owned(),
        token_type: "Bearer",
        expires_in: Kind::Access.lifetime(),
    })
}

/// Lists the keys of a company.
#[utoipa::path(
    get,
    path = "/companies/{company}/api-keys",
    operation_id = "listKeys",
    responses((status = OK, body = Vec<ShownKey>))
)]
async fn list(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
) -> Result<Answer<Vec<ShownKey>>, ApiError> {
    let company = signed_in.of(&company)?.company.id;
    let now = state.clock.now();
    let mut connection = state.database.acquire().await?;
    let keys = api_key::list(&mut connection, &company).await?;
    Ok(Answer(keys.into_iter().map(|key| ShownKey::new(key, company.clone(), now)).collect()))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Project)]
struct ShownProject {
    #[schema(value_type = String)]
    id: ProjectId,
    #[schema(value_type = String)]
    name: Name,
}

impl From<Project> for ShownProject {
    fn from(project: Project) -> Self {
        Self { id: project.id, name: project.name }
    }
}

/// Lists the projects of a company.
#[utoipa::path(
    get,
    path = "/companies/{company}/projects",
    operation_id = "listProjects",
    responses((status = OK, body = Vec<ShownProject>))
)]
async fn projects(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
) -> Result<Answer<Vec<ShownProject>>, ApiError> {
    let company = signed_in.of(&company)?.company.id;
    let mut connection = state.database.acquire().await?;
    let projects = project::list(&mut connection, &company).await?;
    Ok(Answer(projects.into_iter().map(ShownProject::from).collect()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewProject)]
struct CreateProject {
    #[schema(schema_with = schema::name)]
    name: String,
}

/// Makes a project.
#[utoipa::path(
    post,
    path = "/companies/{company}/projects",
    operation_id = "createProject",
    responses((status = CREATED, body = ShownProject), (status = CONFLICT))
)]
async fn create_project(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    Json(body): Json<CreateProject>,
) -> Result<(StatusCode, Answer<ShownProject>), ApiError> {
    let account = signed_in.of(&company)?;
    let name = Name::parse(&body.name)?;
    let mut transaction = state.database.begin().await?;
    let project = project::create(&mut transaction, account.act(state.clock.now()), &name).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Answer(project.into())))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewKey)]
struct Create {
    #[schema(min_length = 1, max_length = 128, pattern = r"^[^\u0000]*$")]
    project_id: String,
    #[schema(schema_with = schema::name)]
    name: String,
    #[schema(value_type = Vec<ScopeName>, min_items = 1)]
    scopes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
struct Created {
    #[serde(flatten)]
    shown: ShownKey,
    #[schema(pattern = "^ctx_[0-9A-Za-z]{48}$")]
    api_key: String,
}

/// Makes a key, which is shown here once.
#[utoipa::path(
    post,
    path = "/companies/{company}/api-keys",
    operation_id = "createKey",
    responses((status = CREATED, body = Created), (status = CONFLICT))
)]
async fn create(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    Json(body): Json<Create>,
) -> Result<(StatusCode, Answer<Created>), ApiError> {
    let account = signed_in.of(&company)?;
    let new = NewKey {
        name: Name::parse(&body.name)?,
        project: ProjectChoice::Existing(ProjectId::parse(&body.project_id).ok_or(StoreError::NotFound)?),
        scopes: scopes(&body.scopes)?,
        expires_at: None,
        idempotency_key: None,
    };
    let now = state.clock.now();
    let mut transaction = state.database.begin().await?;
    let (key, listed) = api_key::create(&mut transaction, account.act(now), &new).await?;
    transaction.commit().await?;
    let shown = ShownKey::new(listed, account.company.id, now);
    Ok((StatusCode::CREATED, Answer(Created { shown, api_key: expose(&key) })))
}

/// The one time that a key leaves the server.
fn expose(key: &ApiKey) -> String {
    key.expose_secret().to_owned()
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

/// Revokes a key.
#[utoipa::path(
    delete,
    path = "/companies/{company}/api-keys/{id}",
    operation_id = "revokeListedKey",
    responses((status = NO_CONTENT))
)]
async fn revoke(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment((company, id)): Segment<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let account = signed_in.of(&company)?;
    let id = id.parse().map_err(|_| ApiError::not_found("there is no such key"))?;
    let mut transaction = state.database.begin().await?;
    api_key::revoke(&mut transaction, account.act(state.clock.now()), id).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A key as the platform's clients read it.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedKey)]
struct ShownKey {
    id: String,
    #[schema(value_type = String)]
    company_id: CompanyId,
    #[schema(value_type = String)]
    project_id: ProjectId,
    #[schema(value_type = String)]
    name: Name,
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Scope,
    is_active: bool,
    #[schema(required)]
    expires_at: Option<IsoTime>,
    created_at: IsoTime,
    updated_at: IsoTime,
}

impl ShownKey {
    fn new(key: ListedKey, company_id: CompanyId, now: UnixTime) -> Self {
        let record = key.record;
        Self {
            id: record.id.to_string(),
            company_id,
            scopes: record.scopes,
            is_active: record.state(now) == KeyState::Active,
            expires_at: record.expires_at.map(IsoTime::from),
            project_id: record.project,
            name: key.name,
            created_at: IsoTime::from_seconds(key.created_at),
            updated_at: IsoTime::from_seconds(key.updated_at),
        }
    }
}
