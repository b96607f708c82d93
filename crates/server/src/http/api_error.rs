//! Errors of the API: [`ApiError`].

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ctx_key::Reason;
use ctx_key_verifier::VerifyError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::database::DatabaseError;
use crate::http::failure::{Failure, RETRY_AFTER_SECS};
use crate::http::{request_id, schema};
use crate::store::name::NameError;
use crate::store::store_error::StoreError;

/// Name of the protected space in a challenge (RFC 9110 §11.5).
const REALM: &str = "MemoryKit";

/// The body of an error, as the platform sends it. The Python client reads the outer `request_id`, and the platform's
/// documentation shows the inner one.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    #[schema(inline)]
    error: ErrorFields,
    #[schema(schema_with = schema::request_id)]
    request_id: String,
}

#[derive(Serialize, ToSchema)]
struct ErrorFields {
    r#type: &'static str,
    code: &'static str,
    message: Cow<'static, str>,
    #[schema(schema_with = schema::request_id)]
    request_id: String,
}

/// A status and an [`ErrorBody`], with the header that this status needs.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: Cow<'static, str>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl ApiError {
    const fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        message: Cow<'static, str>,
    ) -> Self {
        Self { status, kind, code, message, header: None }
    }

    /// The request is malformed, or a value in it is not allowed. The official clients expect 400 for it, and not 422.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "invalid_request", message.into())
    }

    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "not_found", message.into())
    }

    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "conflict", message.into())
    }

    pub fn method_not_allowed() -> Self {
        let message = Cow::Borrowed("the path has no such method");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "bad_request", "method_not_allowed", message)
    }

    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(status, "bad_request", "too_large", message.into())
    }

    /// A browser sent the request, for a script of a page.
    pub fn browser() -> Self {
        let message = "API keys don't belong in browsers, where every visitor can read them: send this request from \
                       your server";
        Self::new(StatusCode::FORBIDDEN, "forbidden", "browser_request", message.into())
    }

    /// A page of another site sent a change.
    pub fn foreign_page() -> Self {
        let message = "a page of another site sent this request, and nothing was changed: send it from a program, or from a \
                       page of this server";
        Self::new(StatusCode::FORBIDDEN, "forbidden", "foreign_origin", message.into())
    }

    /// The header `Content-Type` does not say JSON.
    pub fn not_json() -> Self {
        let message = "the `Content-Type` of the body is not JSON: send `Content-Type: application/json`";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "bad_request", "unsupported_media_type", message.into())
    }

    /// No bearer token was sent, so the challenge names no error (RFC 6750 §3).
    pub fn unauthenticated(message: &'static str) -> Self {
        let kind = ("authentication_error", "missing_credentials");
        Self::challenging(StatusCode::UNAUTHORIZED, kind, None, message)
    }

    /// The password or the refresh token is refused (`invalid_grant` of RFC 6749 §5.2). Neither is a bearer token, so the
    /// challenge names no error.
    pub fn refused_grant(message: &'static str) -> Self {
        let kind = ("authentication_error", "invalid_grant");
        Self::challenging(StatusCode::UNAUTHORIZED, kind, None, message)
    }

    /// The `Authorization` header of a request for an account is malformed.
    pub fn malformed_token() -> Self {
        let message = "the Authorization header is malformed: send one, as `Bearer <token>`";
        let kind = ("bad_request", "invalid_request");
        Self::challenging(StatusCode::BAD_REQUEST, kind, Some("invalid_request"), message)
    }

    /// The token that was sent is not a valid access token. An API key is not an access token.
    pub fn refused_token(message: &'static str) -> Self {
        let kind = ("authentication_error", "invalid_token");
        Self::challenging(StatusCode::UNAUTHORIZED, kind, Some("invalid_token"), message)
    }

    /// The token of a program is valid, but gives no access to this path.
    pub fn narrow_token() -> Self {
        let message =
            "a program's access token gives access to keys and projects only: log in with the password";
        let kind = ("forbidden", "insufficient_scope");
        Self::challenging(StatusCode::FORBIDDEN, kind, Some("insufficient_scope"), message)
    }

    fn challenging(
        status: StatusCode,
        (kind, code): (&'static str, &'static str),
        error: Option<&str>,
        message: &'static str,
    ) -> Self {
        let error = error.map(|error| format!(r#", error="{error}""#)).unwrap_or_default();
        let challenge = HeaderValue::try_from(format!(r#"Bearer realm="MemoryKit accounts"{error}"#));
        let header = challenge.ok().map(|challenge| Box::new((WWW_AUTHENTICATE, challenge)));
        Self { header, ..Self::new(status, kind, code, message.into()) }
    }

    pub fn too_many(seconds: u64) -> Self {
        let message = format!("too many attempts: try again in {seconds} s");
        Self {
            header: Some(Box::new((RETRY_AFTER, seconds.into()))),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "too_many_requests",
                message.into(),
            )
        }
    }

    /// The database is busy or unavailable. A change may have been made all the same. The client tries again.
    pub fn unavailable() -> Self {
        let message = Cow::Borrowed("the service is not available at the moment: try again");
        Self {
            header: Some(Box::new((RETRY_AFTER, RETRY_AFTER_SECS.into()))),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "unavailable", message)
        }
    }

    /// The body came too slowly, or the handler took too long. A change may have been made all the same.
    pub fn timeout() -> Self {
        let message = "the request took too long to arrive or to be answered: check whether a change was made before you \
                       try again";
        Self::new(StatusCode::REQUEST_TIMEOUT, "bad_request", "timeout", message.into())
    }

    /// A defect of the server.
    pub fn internal() -> Self {
        let message = Cow::Borrowed("something went wrong here: tell us the request_id");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal", message)
    }

    /// Returns the same error with another message.
    pub fn saying(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        StoreError::from(error).into()
    }
}

/// The client gets the status and the public message. The code tells it no more than the challenge does.
impl From<VerifyError> for ApiError {
    fn from(error: VerifyError) -> Self {
        let denied = match &error {
            VerifyError::Denied(denied) => denied,
            VerifyError::Source(_) if error.status() == 503 => return Self::unavailable(),
            VerifyError::Source(_) => return Self::internal(),
        };
        let (kind, code, message) = error.body_fields();
        let message = match denied.reason() {
            Reason::MissingScope { missing, .. } => format!("{message}: {missing}").into(),
            _ => message.into(),
        };
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let header = Some(Box::new((WWW_AUTHENTICATE, denied.to_header_value(REALM))));
        Self { header, ..Self::new(status, kind, code, message) }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match Failure::of(&error) {
            Failure::Unavailable => Self::unavailable(),
            Failure::Internal => Self::internal(),
            Failure::NotFound => Self::not_found(error.to_string()),
            Failure::Conflict => Self::conflict(error.to_string()),
        }
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = request_id::current();
        let error = ErrorFields {
            r#type: self.kind,
            code: self.code,
            message: self.message,
            request_id: request_id.clone(),
        };
        let body = ErrorBody { error, request_id };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.header.map(|header| *header));
        response
    }
}
