//! Calls that issue access tokens for a password or a refresh token, and end them.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa_axum::router::OpenApiRouter;

use super::companies::ShownCompany;
use super::signed_in::SignedIn;
use crate::http::api_error::ApiError;
use crate::http::attempt::{Attempt, Refused, log_success};
use crate::http::extract::{ClientAddress, Json};
use crate::http::open_api::route;
use crate::http::state::AppState;
use crate::store::client::Client;
use crate::store::credential::{Kind, SignIn};
use crate::store::email::Email;
use crate::store::family::{self, Pair, Refreshed};
use crate::store::secret::Secret;
use crate::store::sign_in_log;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(log_in)).routes(route!(refresh)).routes(route!(log_out))
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

fn bearer() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["Bearer"]))
}

/// Issues an access token for a password.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "logIn",
    responses((status = OK, body = LoggedIn), (status = UNAUTHORIZED), (status = TOO_MANY_REQUESTS))
)]
async fn log_in(
    State(state): State<AppState>,
    client: Client,
    Json(body): Json<LogIn>,
) -> Result<Answer<LoggedIn>, ApiError> {
    let email = Email::new(&body.email);
    // programs keep no cookies
    let attempt = Attempt {
        email: &email,
        password: body.password,
        address: client.address,
        device: None,
        is_password_change: false,
    };
    let wrong = || ApiError::refused_grant("the e-mail address or the password is wrong");
    let verified = attempt.check(&state).await.map_err(|refused| match refused {
        Refused::Wrong => wrong(),
        Refused::TooMany(seconds) => ApiError::too_many(seconds),
        Refused::Failed(error) => error.into(),
    })?;
    let mut transaction = state.database.begin().await?;
    let now = state.clock.now();
    let sign_in = SignIn::new(verified.id(), &client, now);
    let tokens = family::begin(&mut transaction, sign_in, now).await?.into();
    let account = verified.confirm(&mut transaction).await?.ok_or_else(wrong)?;
    transaction.commit().await?;
    log_success(&state, &account, &client).await;
    Ok(Answer(LoggedIn { tokens, companies: [account.company.into()] }))
}

#[derive(Deserialize, ToSchema)]
struct Refresh {
    #[schema(max_length = 1000, pattern = r"^[^\u0000]*$")]
    refresh_token: String,
}

/// Issues the next access token for a refresh token.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    operation_id = "refresh",
    responses((status = OK, body = Tokens), (status = UNAUTHORIZED), (status = TOO_MANY_REQUESTS))
)]
async fn refresh(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Json(body): Json<Refresh>,
) -> Result<Answer<Tokens>, ApiError> {
    const REFUSED: &str = "the refresh token is unknown, was used or has expired: log in again";
    let token = Secret::parse(&body.refresh_token).ok_or(ApiError::refused_grant(REFUSED))?;
    match family::refresh(&state.database, &token, address, state.clock.now()).await? {
        Refreshed::Pair(pair) => Ok(Answer(pair.into())),
        Refreshed::Refused => Err(ApiError::refused_grant(REFUSED)),
        Refreshed::TooMany(wait) => Err(ApiError::too_many(wait)),
    }
}

/// Ends the sign-in of this access token, with all its access tokens and its refresh token.
#[utoipa::path(post, path = "/auth/logout", operation_id = "logOut", responses((status = NO_CONTENT)))]
async fn log_out(signed_in: SignedIn, State(state): State<AppState>) -> Result<StatusCode, ApiError> {
    let act = signed_in.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    if family::end(&mut transaction, &signed_in.account.id, &signed_in.token, act.now).await? {
        sign_in_log::signed_out(&mut transaction, act).await?;
    }
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Pair> for Tokens {
    fn from(pair: Pair) -> Self {
        Self {
            access_token: pair.access.expose().to_owned(),
            refresh_token: pair.refresh.expose().to_owned(),
            token_type: "Bearer",
            expires_in: Kind::Access.lifetime(),
        }
    }
}
