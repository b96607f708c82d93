//! What a handler of the API takes, so that its signature says which scope it needs.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Method, request::Parts};
use ctx_key::{ApiKey, Grant, Scope, bearer};
use ctx_key_verifier::VerifyError;
use tracing::info;

use crate::error::ApiError;
use crate::state::AppState;

pub const MEMORIES_READ: u32 = Scope::MEMORIES_READ.bits();
pub const MEMORIES_WRITE: u32 = Scope::MEMORIES_WRITE.bits();
pub const CHATS_READ: u32 = Scope::CHATS_READ.bits();
pub const CHATS_WRITE: u32 = Scope::CHATS_WRITE.bits();
pub const USERS_READ: u32 = Scope::USERS_READ.bits();
pub const USERS_WRITE: u32 = Scope::USERS_WRITE.bits();

/// The grant of a key that has the scopes with these bits. A handler that takes it runs for no other request.
pub struct Granted<const SCOPES: u32>(pub Grant<Arc<str>>);

impl<const SCOPES: u32> Granted<SCOPES> {
    pub fn project(&self) -> &str {
        self.0.project()
    }
}

impl<const SCOPES: u32> FromRequestParts<AppState> for Granted<SCOPES> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        // bits that are no scope, and none at all, don't compile
        let required = const {
            let scopes = Scope::from_bits(SCOPES).expect("bits of scopes");
            assert!(!scopes.is_empty());
            scopes
        };
        require(&parts.method, &parts.headers, state, required).await.map(Self)
    }
}

/// The grant of any valid key.
pub struct AnyKey(pub Grant<Arc<str>>);

impl FromRequestParts<AppState> for AnyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let verify = async |key: &ApiKey| state.verifier.verify_any(key).await;
        admit(&parts.method, &parts.headers, state, verify).await.map(Self)
    }
}

/// Returns the grant of a key in these headers that has the required scopes. No key has the empty set.
pub async fn require(
    method: &Method,
    headers: &HeaderMap,
    state: &AppState,
    required: Scope,
) -> Result<Grant<Arc<str>>, ApiError> {
    admit(method, headers, state, async |key| state.verifier.verify(key, required).await).await
}

/// Logs and counts the reason's label, and logs the key's id: neither is secret.
async fn admit(
    method: &Method,
    headers: &HeaderMap,
    state: &AppState,
    verify: impl AsyncFnOnce(&ApiKey) -> Result<Grant<Arc<str>>, VerifyError>,
) -> Result<Grant<Arc<str>>, ApiError> {
    if is_from_browser(method, headers) {
        return Err(ApiError::browser());
    }
    let key = bearer::parse_headers(headers).inspect_err(|denied| {
        state.metrics.verified(Err(denied));
        info!(reason = denied.reason().as_str(), "refused");
    })?;
    let verified = verify(&key).await;
    match &verified {
        Ok(_) => state.metrics.verified(Ok(())),
        Err(VerifyError::Denied(denied)) => {
            state.metrics.verified(Err(denied));
            info!(reason = denied.reason().as_str(), key = %key.id(), "refused");
        }
        Err(VerifyError::Source(_)) => state.metrics.not_verified(),
    }
    Ok(verified?)
}

/// A page's script sends `Origin` with every request to another site, and with what changes things.
fn is_from_browser(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS || headers.contains_key(ORIGIN)
}
