//! What ends a request that is too large or takes too long.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use super::api_error::ApiError;
use super::state::AppState;

/// The largest body, in bytes.
pub const LARGEST_BODY: usize = 1 << 20;

/// How long a body may stop on its way.
pub(super) const BODY: Duration = Duration::from_secs(10);

/// How long a request may take, from the end of its head to the begin of its answer; its body is part of that.
const ANSWER: Duration = Duration::from_secs(20);

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
