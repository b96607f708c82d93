//! Each request's id, which its answer, its errors and its log lines carry.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request that this task answers.
pub fn current() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Gives the request an id of ours: one that the client chose could be anything.
pub async fn assign(request: Request, next: Next) -> Response {
    let id = format!("req_{}", uuid::Uuid::new_v4().simple());
    let value = HeaderValue::try_from(&id);
    let mut response = REQUEST_ID.scope(id, next.run(request)).await;
    response.headers_mut().extend(value.map(|value| (X_REQUEST_ID, value)));
    response
}
