//! What stands around each route: limits, headers, a log line, an id.

use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::Response;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tracing::{Instrument, error_span, info};

use super::limits::{BODY_READ_TIMEOUT, LARGEST_BODY};
use super::request_id;
use super::state::AppState;

/// Puts all of it around the routes.
pub fn surround(routes: Router<AppState>, state: AppState) -> Router {
    routes
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(RequestBodyTimeoutLayer::new(BODY_READ_TIMEOUT))
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(middleware::from_fn_with_state(state.clone(), observe))
        .layer(middleware::from_fn_with_state(state.clone(), request_id::assign))
        .layer(middleware::from_fn(finish))
        .with_state(state)
}

/// Finishes a request that may change something, even if the client hangs up: it may have been a revocation.
async fn finish(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(failure) => std::panic::resume_unwind(failure.into_panic()),
    }
}

/// One log line and one count for each request: the route, and not the path, which could be anything.
async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = match request.method().as_str() {
        method @ ("GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH") => method.to_owned(),
        _ => "other".to_owned(),
    };
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    // of the level of an error, so that an error has it however little is logged
    let span = error_span!("request", id = request_id::current(), trace = request_id::trace());
    let response = next.run(request).instrument(span.clone()).await;
    let (status, after) = (response.status().as_u16(), begin.elapsed());
    state.metrics.responded(&method, &route, status, after);
    span.in_scope(|| info!(method, route, status, microseconds = after.as_micros(), "answered"));
    response
}
