//! The keys of a company.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use ctx_key::{ApiKey, KeyState, Scope, UnixTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::signed_in::SignedIn;
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, Segment};
use crate::http::iso_time::IsoTime;
use crate::http::open_api::route;
use crate::http::schema::{self, ScopeName};
use crate::http::state::AppState;
use crate::store::api_key::{self, ListedKey, NewKey, ProjectChoice};
use crate::store::id::{CompanyId, ProjectId};
use crate::store::name::Name;
use crate::store::store_error::StoreError;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(list)).routes(route!(create)).routes(route!(revoke))
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
