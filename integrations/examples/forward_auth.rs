//! An endpoint for proxies that check the key of each request before they forward it.
//!
//! ```text
//! cargo run -p ctx-key-integrations --example forward_auth
//! ```
//!
//! | proxy | calls | describes the request in |
//! |---|---|---|
//! | nginx, `auth_request` | `/nginx/check`, `/nginx/refuse` | `X-Original-Method`, `X-Original-URI` (set in the configuration) |
//! | Traefik, ForwardAuth | `/traefik` | `X-Forwarded-Method`, `X-Forwarded-Uri` (leave `trustForwardHeader` off) |
//! | Envoy, ext_authz over HTTP | `path_prefix: /envoy` | the method, and the path after the prefix |
//!
//! Each proxy has its own path, because a proxy replaces only its own headers. In a request of Traefik, for example,
//! an `X-Original-URI` comes from the client.
//!
//! For a granted request, the endpoint answers 200 with `x-ctx-key-id` and `x-ctx-project`. (Envoy treats 204 as a
//! refusal.) The proxy must replace the client's headers of the same names by these: with nginx's `proxy_set_header`,
//! Traefik's `authResponseHeaders` or Envoy's `allowed_upstream_headers`.

use std::io;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use ctx_key::{Grant, Scope, bearer};
use ctx_key_integrations::{ErrorBody, Store};
use ctx_key_verifier::VerifyError;
use tokio::net::TcpListener;

const KEY_ID: &str = "x-ctx-key-id";
const PROJECT: &str = "x-ctx-project";

/// The response if a project cannot be written into a header unchanged, or if a key becomes valid between the two
/// calls of nginx. Neither is the client's fault.
const FAULT: ErrorBody = ErrorBody::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "service_unavailable",
    "unavailable",
    "the request could not be checked: try again later",
);

#[tokio::main]
async fn main() -> io::Result<()> {
    let store = Store::default();
    let reader = store.issue("demo", Scope::READ);
    let writer = store.issue("demo", Scope::READ | Scope::WRITE);
    println!("reads            {}", reader.expose_secret());
    println!("reads and writes {}", writer.expose_secret());
    println!("forward_auth on 127.0.0.1:9001, a platform that returns each request on 127.0.0.1:9002");

    let platform = TcpListener::bind("127.0.0.1:9002").await?;
    tokio::spawn(axum::serve(platform, Router::new().fallback(echo)).into_future());
    axum::serve(TcpListener::bind("127.0.0.1:9001").await?, app(store)).await
}

/// Returns the routes for the proxies.
pub fn app(store: Store) -> Router {
    Router::new()
        .route("/nginx/check", any(nginx_check))
        .route("/nginx/refuse", any(nginx_refuse))
        .route("/traefik", any(traefik))
        .route("/envoy/{*path}", any(envoy))
        .with_state(store)
}

/// Stands in for the platform: returns the request.
pub async fn echo(request: Request) -> String {
    format!("{} {}\n{:#?}\n", request.method(), request.uri(), request.headers())
}

/// Answers whether nginx may forward a request. On 403, nginx calls [`nginx_refuse`] for the response to the client.
async fn nginx_check(State(store): State<Store>, headers: HeaderMap) -> Response {
    match check(&store, &headers, nginx_scope(&headers)).await {
        Ok(grant) => granted(&grant),
        Err(_) => StatusCode::FORBIDDEN.into_response(),
    }
}

/// Returns the response to the client of a refused request. It is never a success, because the platform did nothing.
async fn nginx_refuse(State(store): State<Store>, headers: HeaderMap) -> ErrorBody {
    check(&store, &headers, nginx_scope(&headers)).await.map_or_else(ErrorBody::from, |_| FAULT)
}

fn nginx_scope(headers: &HeaderMap) -> Scope {
    forwarded_scope(headers, "x-original-method", "x-original-uri")
}

async fn traefik(State(store): State<Store>, headers: HeaderMap) -> Response {
    answer(&store, &headers, forwarded_scope(&headers, "x-forwarded-method", "x-forwarded-uri")).await
}

async fn envoy(State(store): State<Store>, request: Request) -> Response {
    let path = request.uri().path().strip_prefix("/envoy").unwrap_or_default();
    answer(&store, request.headers(), required_scope(request.method().as_str(), path)).await
}

async fn answer(store: &Store, headers: &HeaderMap, required: Scope) -> Response {
    match check(store, headers, required).await {
        Ok(grant) => granted(&grant),
        Err(error) => ErrorBody::from(error).into_response(),
    }
}

async fn check(store: &Store, headers: &HeaderMap, required: Scope) -> Result<Grant<String>, VerifyError> {
    let key = bearer::parse_headers(headers)?;
    store.verifier().verify(&key, required).await
}

fn granted(grant: &Grant<String>) -> Response {
    let (key_id, project) = (grant.key_id(), grant.project().as_str());
    // HTTP does not preserve spaces at the ends, and a line break would begin another header.
    if project.is_empty() || !project.bytes().all(|byte| byte.is_ascii_graphic()) {
        return FAULT.into_response();
    }
    [(KEY_ID, key_id.as_str()), (PROJECT, project)].map(owned).into_response()
}

fn owned((name, value): (&'static str, &str)) -> (&'static str, String) {
    (name, value.to_owned())
}

/// Returns the scope for the request that a proxy describes in two headers. It is empty unless each occurs once.
fn forwarded_scope(headers: &HeaderMap, method: &str, target: &str) -> Scope {
    match (single(headers, method), single(headers, target)) {
        (Some(method), Some(target)) => required_scope(method, target),
        _ => Scope::empty(),
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Returns the scope that a request to the platform requires. For a request that is not in the table it is empty, and
/// an empty requirement is never granted.
///
/// HEAD requires the same as GET, because the platform treats both alike.
pub fn required_scope(method: &str, target: &str) -> Scope {
    let (path, _query) = target.split_once('?').unwrap_or((target, ""));
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if !path.starts_with('/') || !segments.iter().all(|segment| is_canonical(segment)) {
        return Scope::empty();
    }
    match (method, segments.as_slice()) {
        ("GET" | "HEAD", ["v1", "memories"] | ["v1", "memories", _]) => Scope::MEMORIES_READ,
        ("POST", ["v1", "memories"] | ["v1", "memories", "batch"]) => Scope::MEMORIES_WRITE,
        ("PUT" | "DELETE", ["v1", "memories", _]) => Scope::MEMORIES_WRITE,
        ("GET" | "HEAD", ["v1", "users", _] | ["v1", "users", _, "events"]) => Scope::USERS_READ,
        ("POST", ["v1", "users"] | ["v1", "users", _, "events"]) => Scope::USERS_WRITE,
        ("PUT" | "DELETE", ["v1", "users", _]) => Scope::USERS_WRITE,
        ("DELETE", ["v1", "users", _, "events", _]) => Scope::USERS_WRITE,
        ("GET" | "HEAD", ["v1", "chats"] | ["v1", "chats", _] | ["v1", "chats", _, "messages"]) => {
            Scope::CHATS_READ
        }
        ("POST", ["v1", "chats"] | ["v1", "chats", _, "messages"]) => Scope::CHATS_WRITE,
        ("DELETE", ["v1", "chats", _]) => Scope::CHATS_WRITE,
        _ => Scope::empty(),
    }
}

/// Returns whether all servers read this path segment as the same text. Proxies and servers differ in when they
/// decode, in what they merge, and in which characters are separators.
fn is_canonical(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        let read = if byte == b'%' { encoded(bytes.next(), bytes.next()) } else { plain(byte) };
        let Some(byte) = read else { return false };
        text.push(byte);
    }
    !matches!(text.as_slice(), b"" | b"." | b"..") && str::from_utf8(&text).is_ok()
}

/// Reads a byte that represents itself (RFC 3986 §3.3). `;` is refused, because some servers read parameters there.
fn plain(byte: u8) -> Option<u8> {
    (is_unreserved(byte) || b"!$&'()*+,=:@".contains(&byte)).then_some(byte)
}

/// Reads a percent-encoded byte. It must need the encoding, be written in upper case (RFC 3986 §6.2.2), and be one
/// that no server could treat as a separator or decode twice.
fn encoded(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let byte = hex(high?)? << 4 | hex(low?)?;
    let is_risky = is_unreserved(byte) || byte.is_ascii_control() || b"/\\?#%;".contains(&byte);
    (!is_risky).then_some(byte)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
