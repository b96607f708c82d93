//! Calls of the platform that this server does not have. The official clients have methods for them, so the error
//! names the missing call.

use axum::Router;
use axum::routing::any;

use crate::http::api_error::ApiError;
use crate::http::granted::AnyKey;
use crate::http::state::AppState;

/// The path and the purpose of each call.
const CALLS: [(&str, &str); 8] = [
    ("/memories/upload", "uploads of files"),
    ("/memories/{id}/reprocess", "processing of memories, which are ready when they are stored"),
    ("/chats/{id}/messages/stream", "streams of answers"),
    ("/status", "status of a project"),
    ("/feedback", "feedback"),
    ("/webhooks", "webhooks"),
    ("/webhooks/", "webhooks"),
    ("/webhooks/{*rest}", "webhooks"),
];

pub(super) fn routes() -> Router<AppState> {
    CALLS.into_iter().fold(Router::new(), |router, (path, purpose)| {
        let shown = path.trim_end_matches("{*rest}").trim_end_matches('/');
        let answer = async move |_: AnyKey| {
            ApiError::not_found(format!(
                "this server has no {purpose}: `/v1{shown}` is a call of the platform only"
            ))
        };
        router.route(path, any(answer))
    })
}
