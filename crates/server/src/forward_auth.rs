//! Endpoints for proxies in front of a service that does not verify keys. A proxy asks here before it passes a
//! request on.
//!
//! | proxy | asks | describes the request in |
//! |---|---|---|
//! | nginx, `auth_request` | `/nginx/check`, then `/nginx/refuse` | `X-Original-Method`, `X-Original-URI` |
//! | Caddy, `forward_auth` | `/caddy` | `X-Forwarded-Method`, `X-Forwarded-Uri` |
//! | Envoy, `ext_authz` over HTTP | `/envoy` and the path | the method and the path |
//!
//! Each proxy has its own path, because it replaces only its own headers: at `/caddy`, the client could have chosen
//! `X-Original-URI`. The response to a granted request is 200, because Envoy treats every other status as a refusal.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use ctx_key::{Grant, Scope};

use crate::http::api_error::ApiError;
use crate::http::granted::require;
use crate::http::state::AppState;

/// Returns the routes below `/forward-auth`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/nginx/check", any(nginx_check))
        .route("/nginx/refuse", any(nginx_refuse))
        .route("/caddy", any(caddy))
        .route("/envoy/", any(envoy))
        .route("/envoy/{*path}", any(envoy))
}

/// Answers 403 to every request that is not granted, because `auth_request` turns most other statuses into 500.
async fn nginx_check(State(state): State<AppState>, headers: HeaderMap) -> Response {
    match check_nginx(&state, &headers).await {
        Ok(identity) => identity.into_response(),
        Err(_) => StatusCode::FORBIDDEN.into_response(),
    }
}

/// Returns the response for the client of a refused request. It is never a success, even if the key has become valid
/// since.
async fn nginx_refuse(State(state): State<AppState>, headers: HeaderMap) -> ApiError {
    check_nginx(&state, &headers).await.err().unwrap_or_else(ApiError::unavailable)
}

async fn check_nginx(state: &AppState, headers: &HeaderMap) -> Result<Identity, ApiError> {
    check_described(state, headers, "x-original-method", "x-original-uri").await
}

async fn caddy(State(state): State<AppState>, headers: HeaderMap) -> Result<Identity, ApiError> {
    check_described(&state, &headers, "x-forwarded-method", "x-forwarded-uri").await
}

async fn envoy(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Identity, ApiError> {
    let path = uri.path().strip_prefix("/envoy").unwrap_or_default();
    check(&state, &method, &headers, path).await
}

/// Checks the request that a proxy describes in two headers. Without exactly one of each, it is refused for every key.
async fn check_described(
    state: &AppState,
    headers: &HeaderMap,
    method: &str,
    target: &str,
) -> Result<Identity, ApiError> {
    let described =
        single(headers, method).and_then(|method| method.parse().ok()).zip(single(headers, target));
    // the default is GET of an empty path, for which `required_scope` is empty
    let (method, target) = described.unwrap_or_default();
    check(state, &method, headers, target).await
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

async fn check(
    state: &AppState,
    method: &Method,
    headers: &HeaderMap,
    target: &str,
) -> Result<Identity, ApiError> {
    Ok(Identity(require(state, method, headers, required_scope(method, target)).await?))
}

/// The response to a granted request. The proxy passes its headers on to the service.
struct Identity(Grant<Arc<str>>);

impl IntoResponse for Identity {
    fn into_response(self) -> Response {
        let (key_id, project) = (self.0.key_id(), self.0.project());
        // Spaces at the ends would be lost on the way, and a line break would start another header.
        if project.is_empty() || !project.bytes().all(|byte| byte.is_ascii_graphic()) {
            return ApiError::internal().into_response();
        }
        [("x-ctx-key-id", key_id.as_str()), ("x-ctx-project", project)].into_response()
    }
}

/// Returns the scope that a request to the platform requires. Outside the three resources it is empty, which refuses
/// every key.
fn required_scope(method: &Method, target: &str) -> Scope {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let mut segments = path.split('/');
    let is_absolute = segments.next() == Some("");
    if !is_absolute || !segments.clone().all(is_canonical) || segments.next() != Some("v1") {
        return Scope::empty();
    }
    let [read, write] = match segments.next() {
        Some("memories") => [Scope::MEMORIES_READ, Scope::MEMORIES_WRITE],
        Some("chats") => [Scope::CHATS_READ, Scope::CHATS_WRITE],
        Some("users") => [Scope::USERS_READ, Scope::USERS_WRITE],
        _ => return Scope::empty(),
    };
    match *method {
        Method::GET | Method::HEAD => read,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE => write,
        _ => Scope::empty(),
    }
}

/// Returns whether all programs read this segment of a path as the same text. Programs differ in when they decode, in
/// what they merge, and in the characters that they treat as separators.
fn is_canonical(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        let read = if byte == b'%' { decode(bytes.next(), bytes.next()) } else { literal(byte) };
        let Some(byte) = read else { return false };
        text.push(byte);
    }
    !matches!(text.as_slice(), b"" | b"." | b"..") && str::from_utf8(&text).is_ok()
}

/// Accepts a byte that stands for itself (RFC 3986 §3.3). It refuses `;`, after which some servers read a parameter.
fn literal(byte: u8) -> Option<u8> {
    (is_unreserved(byte) || b"!$&'()*+,=:@".contains(&byte)).then_some(byte)
}

/// Decodes a byte. Accepts it only if it must be encoded, if its digits are in upper case (RFC 3986 §6.2.2), and if
/// no server could treat it as a separator or decode it twice.
fn decode(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let byte = hex_digit(high?)? << 4 | hex_digit(low?)?;
    let is_risky = is_unreserved(byte) || byte.is_ascii_control() || b"/\\?#%;".contains(&byte);
    (!is_risky).then_some(byte)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use ctx_key::{ApiKey, KeyRecord, UnixTime};

    use super::*;

    /// The server never creates such a project id, but an import or a statement in SQL may.
    #[test]
    fn a_project_that_a_header_changes_is_a_defect() {
        let key = ApiKey::generate();
        let answer = |project: &str| {
            let record = KeyRecord::new(&key, Arc::<str>::from(project), Scope::MEMORIES_READ);
            let grant = record.verify(&key, UnixTime::from_secs(0)).unwrap().cloned();
            Identity(grant).into_response()
        };
        let granted = answer("proj_1");
        assert_eq!(granted.status(), StatusCode::OK);
        assert_eq!(granted.headers()["x-ctx-key-id"], key.id().as_str());
        assert_eq!(granted.headers()["x-ctx-project"], "proj_1");
        for project in ["", " ", "a b", " a", "a ", "a\t", "a\nx: y", "a\r", "a\0", "a\u{7f}", "é"] {
            let refused = answer(project);
            assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR, "{project:?}");
            assert!(!refused.headers().contains_key("x-ctx-project"), "{project:?}");
        }
    }
}
