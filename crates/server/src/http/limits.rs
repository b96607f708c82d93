//! Limits on the size and the time of a request.

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

/// Maximum number of bytes of a body.
pub const LARGEST_BODY: usize = 1 << 20;

/// Maximum time between two parts of a body.
pub(super) const BODY_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time from the end of a request's headers, its body included, to the start of the response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Returns routes for programs, which answer in JSON even if a handler takes too long or panics.
pub fn in_json(routes: Router<AppState>) -> Router<AppState> {
    end_all(routes, ApiError::timeout, ApiError::internal)
}

/// Ends handlers that take too long, and answers with `timeout` for them and with `internal` for those that panic.
pub fn end_all<T: IntoResponse + 'static>(
    routes: Router<AppState>,
    timeout: fn() -> T,
    internal: fn() -> T,
) -> Router<AppState> {
    let give_up = move |request: Request, next: Next| async move {
        match tokio::time::timeout(RESPONSE_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => timeout().into_response(),
        }
    };
    // the message of the panic goes to the log only
    let panicked = move |_: Box<dyn Any + Send>| {
        error!("a handler panicked");
        internal().into_response()
    };
    routes.layer(middleware::from_fn(give_up)).layer(CatchPanicLayer::custom(panicked))
}
