//! The layers around all routes: limits, headers, a log line and a request id.

use std::net::Ipv6Addr;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::Version;
use axum::http::header::{CACHE_CONTROL, HOST, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use tracing::{Instrument, error_span, info};

use super::api_error::ApiError;
use super::limits::{BODY_READ_TIMEOUT, LARGEST_BODY};
use super::state::AppState;
use super::{rate_limit, request_id};

/// Adds the layers to the routes.
pub fn surround(routes: Router<AppState>, state: AppState) -> Router {
    routes
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(RequestBodyTimeoutLayer::new(BODY_READ_TIMEOUT))
        .layer(middleware::from_fn(require_host))
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(middleware::from_fn_with_state(state.clone(), observe))
        .layer(middleware::from_fn_with_state(state.clone(), request_id::assign))
        .with_state(state)
}

/// Refuses a request that does not have exactly one valid `Host` line (RFC 9112 §3.2). If there are several, this server
/// may read another one than a proxy in front of it has read.
async fn require_host(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(HOST).iter();
    let is_valid = match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        (None, None) => request.version() < Version::HTTP_11,
        _ => false,
    };
    if is_valid {
        return next.run(request).await;
    }
    ApiError::invalid("the request needs exactly one `Host` header, with a host and perhaps a port")
        .into_response()
}

/// Returns whether a value is `uri-host [ ":" port ]`, whose host may be empty (RFC 9110 §7.2).
fn is_host(value: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(value) else { return value.is_empty() };
    let host = authority.host();
    let rest = authority.as_str().strip_prefix(host);
    let is_address = || host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).is_some_and(is_ipv6);
    (!host.contains(['[', ']']) || is_address())
        && rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

fn is_ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

/// Returns whether a text is a port, which may be empty (RFC 3986 §3.2.3).
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && (text.is_empty() || text.parse::<u16>().is_ok())
}

/// Logs and counts each request by its route. The path could be any text, so it is not logged.
async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = match request.method().as_str() {
        method @ ("GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH") => method.to_owned(),
        _ => "other".to_owned(),
    };
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    // at the level `error`, so that the log line of an error has the ids at every log level
    let span = error_span!("request", id = request_id::current(), trace = request_id::trace());
    let response = rate_limit::add_headers(next.run(request).instrument(span.clone())).await;
    let (status, elapsed) = (response.status().as_u16(), start.elapsed());
    state.metrics.responded(&method, &route, status, elapsed);
    span.in_scope(|| info!(method, route, status, microseconds = elapsed.as_micros(), "answered"));
    response
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in [
            "",
            "localhost",
            "localhost:",
            "127.0.0.1:8080",
            "[::1]",
            "[2001:db8::1]:443",
            "keys.example.com.",
            "a:65535",
        ] {
            assert!(is_host(host.as_bytes()), "{host:?}");
        }
        for host in [
            "a b",
            "a/b",
            "user@localhost",
            "http://localhost",
            "a:b:c",
            "a:b",
            "a:+80",
            "a:65536",
            "[b]",
            "a[b]c",
            "[::1]a",
            "[::1]80",
            "[::1]:a",
            "[::1",
            "::1",
            "a?b",
            "a#b",
            "a\\b",
            "é",
        ] {
            assert!(!is_host(host.as_bytes()), "{host:?}");
        }
    }
}
