//! The API for API keys. The signature of each handler says which scope it requires.

mod absent;
mod batch;
mod chats;
mod events;
mod fields;
mod memories;
mod own_key;
mod paging;
mod search;
mod users;

use std::convert::Infallible;

use axum::Router;
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::api_error::ApiError;
use crate::http::granted::AnyKey;
use crate::http::state::AppState;

/// Returns the routes below `/v1` and their OpenAPI document. Without a valid key, all paths give the same response,
/// whether they exist or not.
pub fn routes() -> (Router<AppState>, OpenApi) {
    let (router, document) = OpenApiRouter::default()
        .merge(own_key::routes())
        .merge(memories::routes())
        .merge(batch::routes())
        .merge(users::routes())
        .merge(events::routes())
        .merge(chats::routes())
        .split_for_parts();
    let router = router.merge(absent::routes());
    (router.fallback(not_found).method_not_allowed_fallback(method_not_allowed), document)
}

/// Removes the matched pattern from a request, so that all paths that don't exist share one rate limit.
pub struct NoRoute;

impl FromRequestParts<AppState> for NoRoute {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        parts.extensions.remove::<MatchedPath>();
        Ok(Self)
    }
}

pub async fn not_found(_: NoRoute, _: AnyKey) -> ApiError {
    ApiError::not_found("there is nothing at this path")
}

async fn method_not_allowed(_: AnyKey) -> ApiError {
    ApiError::method_not_allowed()
}
