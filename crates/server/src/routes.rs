//! All routes.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use ctx_key_verifier::{Source, VerifyError};
use tracing::warn;

use crate::http::api_error::ApiError;
use crate::http::layers::surround;
use crate::http::limits::in_json;
use crate::http::open_api;
use crate::http::state::AppState;
use crate::{api, dashboard, forward_auth, management};

/// Maximum time of a health check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

pub fn routes(state: AppState) -> Router {
    let (for_keys, keys_document) = api::routes();
    let (for_accounts, accounts_document) = management::routes();
    let document = open_api::document().nest("/v1", keys_document).nest("/api/v1", accounts_document);
    let document = Bytes::from(document.to_json().expect("a document is JSON"));
    let for_programs = Router::new()
        .nest("/v1", for_keys)
        // a nest leaves this one out
        .route("/v1/", any(api::not_found))
        .nest("/api/v1", for_accounts)
        .nest("/forward-auth", forward_auth::routes())
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, "application/json")], document)));
    let for_people = dashboard::routes(state.clone());
    surround(in_json(for_programs).merge(for_people), state)
}

/// Answers whether keys can be verified. No search makes it wait for a connection.
async fn health(State(state): State<AppState>) -> Result<&'static str, ApiError> {
    if !state.verifier.is_current() {
        let read = tokio::time::timeout(HEALTH_TIMEOUT, state.verifier.source().look_up(&[]));
        let read = read.await.map_err(|_| ApiError::unavailable())?;
        read.inspect_err(|error| warn!(%error, "keys can't be verified")).map_err(VerifyError::from)?;
    }
    Ok("ok\n")
}

async fn metrics(State(state): State<AppState>) -> Response {
    let version = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, version)], state.metrics.encode()).into_response()
}
