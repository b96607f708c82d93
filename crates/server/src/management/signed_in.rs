//! The account whose access token a request carries: [`SignedIn`].

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use utoipa::openapi::path::Operation;

use crate::http::api_error::ApiError;
use crate::http::open_api::{self, Argument, Schemas};
use crate::http::state::AppState;
use crate::store::account::{self, Account};
use crate::store::credential::Kind;
use crate::store::secret::Secret;

/// The account whose access token the request carries.
pub(super) struct SignedIn(Account);

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
    pub(super) fn of(self, company: &str) -> Result<Account, ApiError> {
        let own = &self.0.company;
        if company == own.id.as_str() || company == own.slug {
            Ok(self.0)
        } else {
            Err(ApiError::not_found("there is no such company"))
        }
    }
}
