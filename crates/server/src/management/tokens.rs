//! The access tokens of a company's programs.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::signed_in::SignedIn;
use crate::http::api_error::ApiError;
use crate::http::extract::{Json, NoParameters, Segment};
use crate::http::iso_time::{Expiry, IsoTime};
use crate::http::open_api::route;
use crate::http::schema;
use crate::http::state::AppState;
use crate::store::access_token::{self, AccessToken, NewToken};
use crate::store::id::TokenId;
use crate::store::name::Name;
use crate::store::store_error::StoreError;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(route!(list_tokens))
        .routes(route!(create_token))
        .routes(route!(delete_token))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct ShownToken {
    #[schema(value_type = String)]
    id: TokenId,
    #[schema(value_type = String)]
    name: Name,
    created_at: IsoTime,
    #[schema(required)]
    expires_at: Option<IsoTime>,
    #[schema(required)]
    last_used_at: Option<IsoTime>,
}

impl From<AccessToken> for ShownToken {
    fn from(token: AccessToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            created_at: IsoTime::from_seconds(token.created_at),
            expires_at: token.expires_at.map(IsoTime::from_seconds),
            last_used_at: token.last_used_at.map(IsoTime::from_seconds),
        }
    }
}

/// Lists the access tokens of a company's programs.
#[utoipa::path(
    get,
    path = "/companies/{company}/tokens",
    operation_id = "listTokens",
    responses((status = OK, body = Vec<ShownToken>))
)]
async fn list_tokens(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    _: NoParameters,
) -> Result<Answer<Vec<ShownToken>>, ApiError> {
    let company = signed_in.of(&company)?.account.company.id;
    let mut connection = state.database.acquire().await?;
    let tokens = access_token::list(&mut connection, &company).await?;
    Ok(Answer(tokens.into_iter().map(ShownToken::from).collect()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
struct CreateToken {
    #[schema(schema_with = schema::name)]
    name: String,
    expires_at: Option<Expiry>,
}

#[derive(Serialize, ToSchema)]
struct CreatedToken {
    #[serde(flatten)]
    shown: ShownToken,
    #[schema(pattern = "^[0-9a-f]{64}$")]
    token: String,
}

/// Creates an access token for a program. Only this response shows the token.
#[utoipa::path(
    post,
    path = "/companies/{company}/tokens",
    operation_id = "createToken",
    responses((status = CREATED, body = CreatedToken), (status = CONFLICT))
)]
async fn create_token(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    _: NoParameters,
    Json(body): Json<CreateToken>,
) -> Result<(StatusCode, Answer<CreatedToken>), ApiError> {
    let signed_in = signed_in.of(&company)?;
    let now = state.clock.now();
    let name = Name::parse(&body.name)?;
    let expires_at = body.expires_at.map(|expiry| expiry.after(now)).transpose()?;
    let new = NewToken { name, expires_at, idempotency_key: None };
    let mut transaction = state.database.begin().await?;
    let (secret, token) = access_token::create(&mut transaction, signed_in.act(now), new).await?;
    transaction.commit().await?;
    let created = CreatedToken { shown: token.into(), token: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, Answer(created)))
}

/// Ends an access token of a program.
#[utoipa::path(
    delete,
    path = "/companies/{company}/tokens/{id}",
    operation_id = "deleteToken",
    responses((status = NO_CONTENT))
)]
async fn delete_token(
    signed_in: SignedIn,
    State(state): State<AppState>,
    Segment((company, id)): Segment<(String, String)>,
    _: NoParameters,
) -> Result<StatusCode, ApiError> {
    let signed_in = signed_in.of(&company)?;
    let id = TokenId::parse(&id).ok_or(StoreError::NotFound)?;
    let mut transaction = state.database.begin().await?;
    access_token::delete(&mut transaction, signed_in.act(state.clock.now()), &id).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
