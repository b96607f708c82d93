//! The platform's error response: [`ErrorBody`].

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ctx_key::Denied;
use ctx_key_verifier::VerifyError;
use serde_json::json;
use uuid::Uuid;

/// Realm of the challenge: the name of the protected space (RFC 9110 §11.5).
const REALM: &str = "MemoryKit";

/// An error response of the platform: the body `{"error":{"type","code","message","request_id"},"request_id"}`, the
/// `x-request-id` header, and for a refused key the challenge.
#[derive(Clone, Debug)]
pub struct ErrorBody {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: &'static str,
    header: Option<(HeaderName, HeaderValue)>,
}

impl ErrorBody {
    /// Creates the response to a request that a handler refuses.
    pub const fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        message: &'static str,
    ) -> Self {
        Self { status, kind, code, message, header: None }
    }
}

/// The response shows only the status and the public message. Its code reveals no more than the challenge.
impl From<VerifyError> for ErrorBody {
    fn from(error: VerifyError) -> Self {
        let (kind, code, message) = error.body_fields();
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let header = match &error {
            VerifyError::Denied(denied) => Some((WWW_AUTHENTICATE, denied.to_header_value(REALM))),
            VerifyError::Source(_) if status == StatusCode::SERVICE_UNAVAILABLE => {
                Some((RETRY_AFTER, VerifyError::RETRY_AFTER_SECS.into()))
            }
            VerifyError::Source(_) => None,
        };
        Self { header, ..Self::new(status, kind, code, message) }
    }
}

impl From<Denied> for ErrorBody {
    fn from(denied: Denied) -> Self {
        VerifyError::from(denied).into()
    }
}

impl IntoResponse for ErrorBody {
    fn into_response(self) -> Response {
        let request_id = format!("req_{}", Uuid::new_v4().simple());
        let error = json!({ "type": self.kind, "code": self.code, "message": self.message, "request_id": request_id });
        let body = Json(json!({ "error": error, "request_id": request_id }));
        let mut response = (self.status, [("x-request-id", request_id)], body).into_response();
        response.headers_mut().extend(self.header);
        response
    }
}
