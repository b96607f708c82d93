//! Extractors of grants. With them, the signature of a handler says which scope it requires.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use ctx_key::{Grant, KeyId, Scope};
use ctx_key_verifier::VerifyError;
use ctx_key_verifier::axum::{self as extractors, VerifierState};

use crate::http::api_error::ApiError;
use crate::http::state::AppState;
use crate::key_source::{KeySource, KeyVerifier};

pub const MEMORIES_READ: u32 = Scope::MEMORIES_READ.bits();
pub const MEMORIES_WRITE: u32 = Scope::MEMORIES_WRITE.bits();
pub const CHATS_READ: u32 = Scope::CHATS_READ.bits();
pub const CHATS_WRITE: u32 = Scope::CHATS_WRITE.bits();
pub const USERS_READ: u32 = Scope::USERS_READ.bits();
pub const USERS_WRITE: u32 = Scope::USERS_WRITE.bits();

/// The grant of a key that has the scopes with these bits. A handler with this argument runs only for a request with
/// such a key.
pub type Granted<const SCOPES: u32> = extractors::Granted<SCOPES, KeySource>;

/// The grant of any valid key.
pub type AnyKey = extractors::AnyKey<KeySource>;

impl VerifierState<KeySource> for AppState {
    type Rejection = ApiError;

    fn verifier(&self) -> Cow<'_, KeyVerifier> {
        Cow::Borrowed(&self.verifier)
    }

    fn admit(&self, request: &Parts) -> Result<(), ApiError> {
        refuse_browser(&request.method, &request.headers)
    }

    fn observe(&self, outcome: Result<&Grant<Arc<str>>, &VerifyError>) {
        self.metrics.verified(outcome.map(drop));
    }

    fn limit(&self, key: KeyId, request: &Parts) -> Result<(), ApiError> {
        self.rate_limit.count(key, request).map_err(ApiError::too_many)
    }
}

/// Returns the grant of the key in these headers, if it has the required scopes. The empty set refuses every key.
pub async fn require(
    state: &AppState,
    method: &Method,
    headers: &HeaderMap,
    required: Scope,
) -> Result<Grant<Arc<str>>, ApiError> {
    refuse_browser(method, headers)?;
    let outcome = state.verifier.verify_headers(headers, required).await;
    state.observe(outcome.as_ref());
    Ok(outcome?)
}

/// Refuses a request of a page's script. A browser sends `Origin` with each request to another site, and with each that
/// may change something.
fn refuse_browser(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let is_browser = method == Method::OPTIONS || headers.contains_key(ORIGIN);
    if is_browser { Err(ApiError::browser()) } else { Ok(()) }
}
