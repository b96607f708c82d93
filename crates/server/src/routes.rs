//! All routes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use ctx_key_verifier::Source;
use tokio::time::timeout;
use tracing::warn;

use crate::http::layers::surround;
use crate::http::limits::in_json;
use crate::http::metrics::Format;
use crate::http::open_api;
use crate::http::state::AppState;
use crate::{api, dashboard, forward_auth, management};

/// Maximum time to find out whether keys can be verified.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

pub fn routes(state: AppState) -> Router {
    let (for_keys, keys_document) = api::routes();
    let (for_accounts, accounts_document) = management::routes(state.clone());
    let document = open_api::document().nest("/v1", keys_document).nest("/api/v1", accounts_document);
    let document = Bytes::from(document.to_json().expect("the document can be written as JSON"));
    let for_programs = Router::new()
        .nest("/v1", for_keys)
        // a nested router does not match this path
        .route("/v1/", any(api::not_found))
        .nest("/api/v1", for_accounts)
        .nest("/forward-auth", forward_auth::routes())
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(async move || ([(CONTENT_TYPE, "application/json")], document)));
    let for_people = dashboard::routes(state.clone());
    surround(in_json(for_programs).merge(for_people), state)
}

/// Reports that the process is running. This does not depend on the database, because restarting all servers would
/// not end an outage of the database.
async fn live() -> &'static str {
    "ok\n"
}

/// Reports whether keys can be verified. It uses the connections of the verifier, so a search can't delay it.
async fn ready(State(state): State<AppState>) -> Response {
    let unready = |missing: &'static str| {
        (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")], format!("not ready: {missing}\n"))
            .into_response()
    };
    if state.is_draining.load(Ordering::Relaxed) {
        return unready("the server is about to stop");
    }
    if state.verifier.is_current() {
        return "ok\n".into_response();
    }
    match timeout(READY_TIMEOUT, state.verifier.source().look_up(&[])).await {
        Ok(Ok(_)) => "ok\n".into_response(),
        Ok(Err(error)) => {
            warn!(%error, "not ready");
            unready("records of keys can't be read: the log has the reason")
        }
        Err(_) => unready("the database does not answer in time"),
    }
}

/// Returns the metrics in OpenMetrics if the client accepts it, and otherwise in the older text format of Prometheus.
async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::accepted(accepts);
    ([(CONTENT_TYPE, format.content_type())], state.metrics.encode(format)).into_response()
}
