//! Access tokens: given for a password, and for a refresh token.

use axum::Json as Answer;
use axum::extract::State;
use ctx_key::UnixTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa_axum::router::OpenApiRouter;

use crate::database::{DatabaseError, Transaction};
use crate::http::api_error::ApiError;
use crate::http::extract::{ClientAddress, Json};
use crate::http::open_api::route;
use crate::http::state::AppState;
use crate::store::account;
use crate::store::company::Company;
use crate::store::credential::{self, Kind};
use crate::store::email::Email;
use crate::store::id::{AccountId, CompanyId};
use crate::store::name::Name;
use crate::store::secret::Secret;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(log_in)).routes(route!(refresh))
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
