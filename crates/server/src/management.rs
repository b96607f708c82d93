//! The API with which a program creates keys for an account. An API key gives no access to it.

mod api_keys;
mod projects;
mod sign_ins;
mod signed_in;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::api_error::ApiError;
use crate::http::state::AppState;

/// Returns the routes below `/api/v1`, and their document.
pub fn routes() -> (Router<AppState>, OpenApi) {
    let (router, document) = OpenApiRouter::default()
        .merge(sign_ins::routes())
        .merge(api_keys::routes())
        .merge(projects::routes())
        .split_for_parts();
    let router = router
        .fallback(async || ApiError::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed());
    (router, document)
}
