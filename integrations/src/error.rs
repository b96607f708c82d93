//! How the platform says no: [`ErrorBody`].

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use ctx_key::{Denied, Reason};
use serde_json::json;
use uuid::Uuid;

/// What the challenge calls the protected space (RFC 9110 §11.5).
const REALM: &str = "MemoryKit";

/// The platform's error body, `{"error":{"type","code","message"},"request_id"}`, its `x-request-id` header, and for
/// a refused key the challenge.
#[derive(Clone, Debug)]
pub struct ErrorBody {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: &'static str,
    challenge: Option<HeaderValue>,
}

impl ErrorBody {
    /// What a handler found to be wrong with a request.
    pub const fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        message: &'static str,
    ) -> Self {
        Self { status, kind, code, message, challenge: None }
    }
}

/// A stranger is told the status and the public message. The code says no more than the challenge does.
impl From<Denied> for ErrorBody {
    fn from(denied: Denied) -> Self {
        let (kind, code) = match denied.reason() {
            Reason::MissingCredentials => ("authentication_error", "missing_credentials"),
            Reason::MalformedHeader => ("invalid_request_error", "invalid_request"),
            Reason::MissingScope { .. } => ("permission_error", "insufficient_scope"),
            _ => ("authentication_error", "invalid_token"),
        };
        let status = StatusCode::from_u16(denied.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let challenge = Some(denied.to_header_value(REALM));
        Self { challenge, ..Self::new(status, kind, code, denied.message()) }
    }
}

impl IntoResponse for ErrorBody {
    fn into_response(self) -> Response {
        let request_id = format!("req_{}", Uuid::new_v4().simple());
        let error = json!({ "type": self.kind, "code": self.code, "message": self.message });
        let body = Json(json!({ "error": error, "request_id": request_id }));
        let mut response = (self.status, [("x-request-id", request_id)], body).into_response();
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
