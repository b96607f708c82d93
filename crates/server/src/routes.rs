//! All routes, and what stands around each.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use ctx_key_verifier::{Source, VerifyError};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tracing::{Instrument, error, error_span, info};

use crate::error::ApiError;
use crate::state::AppState;
use crate::{api, dashboard, forward_auth, management, request_id};

/// The largest body, in bytes.
pub const LARGEST_BODY: usize = 1 << 20;

/// How long a body may stop on its way.
const BODY: Duration = Duration::from_secs(10);

/// How long a request may take, from the end of its head to the begin of its answer; its body is part of that.
const ANSWER: Duration = Duration::from_secs(20);

/// Maximum time of a health check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

pub fn routes(state: AppState) -> Router {
    let for_programs = Router::new()
        .nest("/v1", api::routes())
        // a nest leaves this one out
        .route("/v1/", any(api::not_found))
        .nest("/api/v1", management::routes())
        .nest("/forward-auth", forward_auth::routes())
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi));
    let for_people = dashboard::routes(state.clone());
    surround(in_json(for_programs).merge(for_people), state)
}

/// Routes for programs, which are told in JSON also of what no handler says.
pub fn in_json(routes: Router<AppState>) -> Router<AppState> {
    end_all(routes, ApiError::timeout, ApiError::internal)
}

/// Ends handlers that take too long or panic, with an answer all the same.
pub fn end_all<T: IntoResponse + 'static>(
    routes: Router<AppState>,
    timeout: fn() -> T,
    internal: fn() -> T,
) -> Router<AppState> {
    let give_up = move |request: Request, next: Next| async move {
        match tokio::time::timeout(ANSWER, next.run(request)).await {
            Ok(response) => response,
            Err(_) => timeout().into_response(),
        }
    };
    // a panic's message stays in the log of the process
    let panicked = move |_: Box<dyn Any + Send>| {
        error!("a handler panicked");
        internal().into_response()
    };
    routes.layer(middleware::from_fn(give_up)).layer(CatchPanicLayer::custom(panicked))
}

/// What stands around each route: limits, headers, a log line, an id.
pub fn surround(routes: Router<AppState>, state: AppState) -> Router {
    routes
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(RequestBodyTimeoutLayer::new(BODY))
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(middleware::from_fn_with_state(state.clone(), observe))
        .layer(middleware::from_fn(request_id::assign))
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

/// Answers whether keys can be verified. No search makes it wait for a connection.
async fn health(State(state): State<AppState>) -> Result<&'static str, ApiError> {
    if !state.verifier.is_current() {
        let read = tokio::time::timeout(HEALTH_TIMEOUT, state.verifier.source().look_up(&[]));
        read.await.map_err(|_| ApiError::unavailable())?.map_err(VerifyError::from)?;
    }
    Ok("ok\n")
}

async fn metrics(State(state): State<AppState>) -> Response {
    let version = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, version)], state.metrics.encode()).into_response()
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], include_str!("../openapi.json")).into_response()
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
    let span = error_span!("request", id = request_id::current());
    let response = next.run(request).instrument(span.clone()).await;
    let (status, after) = (response.status().as_u16(), begin.elapsed());
    state.metrics.responded(&method, &route, status, after);
    span.in_scope(|| info!(method, route, status, microseconds = after.as_micros(), "answered"));
    response
}
