//! The API with which a program creates keys for an account. An API key gives no access to it.

mod api_keys;
mod companies;
mod key_list;
mod projects;
mod sign_ins;
mod signed_in;
mod token_use;
mod tokens;

use axum::Router;
use axum::middleware;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::api_error::ApiError;
use crate::http::state::AppState;

/// Returns the routes below `/api/v1`, and their document.
pub fn routes(state: AppState) -> (Router<AppState>, OpenApi) {
    let (router, document) = OpenApiRouter::default()
        .merge(sign_ins::routes())
        .merge(companies::routes())
        .merge(key_list::routes())
        .merge(api_keys::routes())
        .merge(projects::routes())
        .merge(tokens::routes())
        .split_for_parts();
    let router = router
        .fallback(async || ApiError::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(middleware::from_fn_with_state(state, token_use::record));
    (router, document)
}
