//! The API for programs that manage the keys of an account. API keys give no access to it.

mod api_keys;
mod companies;
mod key_list;
mod projects;
mod sign_ins;
mod signed_in;
mod tokens;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::api_error::ApiError;
use crate::http::attempt::{Reason, log_refusal};
use crate::http::extract::{ClientAddress, has_content_type};
use crate::http::last_use;
use crate::http::open_api::guard_changes;
use crate::http::origin::{self, NullOrigin};
use crate::http::state::AppState;

/// The message for the platform's calls to register, which this server does not have.
const NO_REGISTRATION: &str = "this server has no registration: its operator invites people with `ctx-key-server \
     invite`, and the invitation creates the account and its company";

/// Returns the routes below `/api/v1` and their OpenAPI document.
pub fn routes(state: AppState) -> (Router<AppState>, OpenApi) {
    let (router, mut document) = OpenApiRouter::default()
        .merge(sign_ins::routes())
        .merge(companies::routes())
        .merge(key_list::routes())
        .merge(api_keys::routes())
        .merge(projects::routes())
        .merge(tokens::routes())
        .split_for_parts();
    let router = router
        .route("/auth/register", post(async || ApiError::not_found(NO_REGISTRATION)))
        .route("/auth/verify", post(async || ApiError::not_found(NO_REGISTRATION)))
        .fallback(async || ApiError::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(state.clone(), last_use::record))
        .layer(middleware::from_fn_with_state(state, refuse_foreign_changes));
    guard_changes(&mut document);
    (router, document)
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let error = ApiError::method_not_allowed();
    if (method.as_str(), uri.path()) == ("POST", "/companies") {
        error.saying(NO_REGISTRATION)
    } else {
        error
    }
}

/// Refuses a change that a page of another site may have sent. Such a change has the origin of that site, or a body of
/// a type that a page may send to another site without permission.
async fn refuse_foreign_changes(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    if !origin::is_own(request.headers(), &state.public_url, NullOrigin::Refused) {
        let path = request.extensions().get::<MatchedPath>();
        if path.is_some_and(|path| path.as_str() == "/api/v1/auth/login") {
            log_refusal(address, Reason::Forged);
        }
        return ApiError::foreign_page().into_response();
    }
    if has_body(request.headers()) && !has_content_type(request.headers(), "application/json") {
        return ApiError::not_json().into_response();
    }
    next.run(request).await
}

/// Returns whether a request has a body (RFC 9112 §6.3).
fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
}
