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

/// Maximum number of bytes of a body.
pub const LARGEST_BODY: usize = 1 << 20;

/// Maximum time between two parts of a body.
pub(super) const BODY_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time from the end of a request's headers, its body included, to the start of the response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Returns routes for programs, which answer in JSON even if a handler takes too long or panics.
pub fn in_json<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    end_all(routes, ApiError::timeout, ApiError::internal)
}

/// Ends handlers that take too long, and answers with `timeout` for them and with `internal` for those that panic.
pub fn end_all<S: Clone + Send + Sync + 'static, T: IntoResponse + 'static>(
    routes: Router<S>,
    timeout: fn() -> T,
    internal: fn() -> T,
) -> Router<S> {
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use serde_json::Value;
    use tower::Service;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_does_not_end_or_panics_is_answered_in_json() {
        let panics = async || -> () { panic!("a message for the log") };
        let mut routes =
            in_json(Router::new().route("/slow", get(pending::<()>)).route("/defect", get(panics)));
        for (path, status, code, message) in [
            (
                "/slow",
                408,
                "timeout",
                "the request took too long to arrive or to be answered: check whether a change was made before you try again",
            ),
            ("/defect", 500, "internal", "something went wrong here: tell us the request_id"),
        ] {
            let response = routes.call(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            let body = to_bytes(response.into_body(), 1000).await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["code"], code, "{body}");
            assert_eq!(body["error"]["message"], message, "{body}");
            assert!(!body.to_string().contains("for the log"), "{body}");
        }
    }
}
