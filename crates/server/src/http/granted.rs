//! What a handler of the API takes, so that its signature says which scope it needs.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::Method;
use axum::http::header::ORIGIN;
use axum::middleware::Next;
use axum::response::Response;
use ctx_key::{Grant, Scope};
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

/// The grant of a key that has the scopes with these bits. A handler that takes it runs for no other request.
pub type Granted<const SCOPES: u32> = extractors::Granted<SCOPES, KeySource>;

/// The grant of any valid key.
pub type AnyKey = extractors::AnyKey<KeySource>;

impl VerifierState<KeySource> for AppState {
    type Rejection = ApiError;

    fn verifier(&self) -> Cow<'_, KeyVerifier> {
        Cow::Borrowed(&self.verifier)
    }

    fn observe(&self, outcome: Result<&Grant<Arc<str>>, &VerifyError>) {
        self.metrics.verified(outcome.map(drop));
    }
}

/// Refuses browsers before their key is read.
///
/// A page's script sends `Origin` with every request to another site, and with what changes things.
pub async fn refuse_browsers(request: Request, next: Next) -> Result<Response, ApiError> {
    if request.method() == Method::OPTIONS || request.headers().contains_key(ORIGIN) {
        return Err(ApiError::browser());
    }
    Ok(next.run(request).await)
}
