//! The forward_auth example requires the scope of each route, and answers each proxy as it expects.

#[allow(dead_code, reason = "only the example calls main")]
#[path = "../examples/forward_auth.rs"]
mod forward_auth;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use ctx_key::Scope;
use ctx_key_integrations::Store;
use forward_auth::{app, required_scope};
use tower::ServiceExt;

const INVALID_REQUEST: &str = r#"Bearer realm="MemoryKit", error="invalid_request""#;

/// Paths that some server reads as another path. No key may pass with any of them.
const AMBIGUOUS_PATHS: [&str; 49] = [
    "/v1/users/../memories",
    "/v1/memories/../users/u1",
    "/v1/memories/..",
    "/v1/memories/.",
    "/v1/./memories",
    "/./v1/memories",
    "/../v1/memories",
    "/v1/memories/%2e%2e/users/u1",
    "/v1/memories/%2E%2E/users/u1",
    "/v1/memories/.%2e/users/u1",
    "/v1/memories/%2e",
    "/v1/memories/%252e%252e/users/u1",
    "/v1/memories/..%2fusers%2fu1",
    "/v1/memories/..%2Fusers%2Fu1",
    "/v1/memories/m1%2F..%2F..%2Fusers",
    "/v1/memories/..%5Cusers",
    "/v1/memories/..\\users",
    "/v1/memories/..;/users/u1",
    "/v1/memories/..;",
    "/v1/memories;x=y",
    "/v1/memories/m1%3Bx",
    "/v1/memories/%C0%AE%C0%AE",
    "/v1/memories/%C0%AF",
    "//v1/memories",
    "/v1//memories",
    "/v1/memories//m1",
    "/v1/memories/",
    "/v1/memories/m1/",
    "/v1/memories/?limit=1",
    "/V1/memories",
    "/v1/Memories",
    "/v1/MEMORIES/m1",
    "/v1/%6Demories",
    "/v1/memories/%73earch",
    "/v1/memories/a%2Eb",
    "/v1/memories/%7Em1",
    "/v1/%6demories",
    "/v1/memories/m1%00",
    "/v1/memories/m1%0d%0ax-ctx-project:%20other",
    "/v1/memories/m1%0D%0Ax-ctx-project:%20other",
    "/v1/memories/m1%3Fx",
    "/v1/memories/m1%23x",
    "/v1/memories#/../users/u1",
    "/v1/memories/m1%",
    "/v1/memories/m1%4",
    "/v1/memories/m1%zz",
    "/v1/users/u1?/../../memories",
    "/?/v1/memories",
    "/",
];

// ---- the table of routes

#[test]
fn each_route_of_the_platform_requires_its_scope() {
    for (method, path, scope) in [
        ("POST", "/v1/memories", "memories:write"),
        ("POST", "/v1/memories/batch", "memories:write"),
        ("GET", "/v1/memories", "memories:read"),
        ("GET", "/v1/memories/search", "memories:read"),
        ("GET", "/v1/memories/m1", "memories:read"),
        ("PUT", "/v1/memories/m1", "memories:write"),
        ("DELETE", "/v1/memories/m1", "memories:write"),
        ("POST", "/v1/users", "users:write"),
        ("GET", "/v1/users/u1", "users:read"),
        ("PUT", "/v1/users/u1", "users:write"),
        ("DELETE", "/v1/users/u1", "users:write"),
        ("POST", "/v1/users/u1/events", "users:write"),
        ("GET", "/v1/users/u1/events", "users:read"),
        ("DELETE", "/v1/users/u1/events/e1", "users:write"),
        ("POST", "/v1/chats", "chats:write"),
        ("GET", "/v1/chats", "chats:read"),
        ("GET", "/v1/chats/c1", "chats:read"),
        ("GET", "/v1/chats/c1/messages", "chats:read"),
        ("POST", "/v1/chats/c1/messages", "chats:write"),
        ("DELETE", "/v1/chats/c1", "chats:write"),
    ] {
        assert_eq!(required_scope(method, path).to_string(), scope, "{method} {path}");
        assert_eq!(
            required_scope(method, &format!("{path}?cascade=/..//%2e")).to_string(),
            scope,
            "{method} {path}"
        );
    }
}

#[test]
fn an_unknown_route_has_the_empty_requirement() {
    for (method, path) in [
        ("POST", "/v1/memories/upload"),
        ("GET", "/v1/status"),
        ("GET", "/v1/users"),
        ("GET", "/api/v1/companies/c/api-keys"),
        ("PATCH", "/v1/memories/m1"),
        ("OPTIONS", "/v1/memories"),
        ("TRACE", "/v1/memories"),
        ("get", "/v1/memories"),
        ("", "/v1/memories"),
        ("GET", ""),
        ("GET", "*"),
        ("GET", "v1/memories"),
        ("GET", "x/v1/memories"),
        ("GET", "http://localhost/v1/memories"),
    ] {
        assert_eq!(required_scope(method, path), Scope::empty(), "{method} {path}");
    }
}

#[test]
fn an_ambiguous_path_has_the_empty_requirement() {
    for path in AMBIGUOUS_PATHS.iter().filter(|path| !path.starts_with("/v1/users/u1?")) {
        assert_eq!(required_scope("GET", path), Scope::empty(), "{path}");
    }
}

#[test]
fn an_id_in_a_path_may_have_any_safe_characters() {
    for id in ["a..b", "...", "a.b", "a%40b.c", "a@b.c", "auth0%7C12", "Jos%C3%A9", "a:b", "a%20b", "~a_-"] {
        assert_eq!(required_scope("GET", &format!("/v1/users/{id}")), Scope::USERS_READ, "{id}");
    }
}

// ---- requests of each proxy

#[tokio::test]
async fn the_decision_is_about_the_request_that_the_proxy_describes() {
    let store = Store::default();
    let key = store.issue("demo", Scope::MEMORIES_READ);
    for (asked, status) in [
        (traefik("GET", "/v1/memories?limit=1"), 200),
        (traefik("POST", "/v1/memories"), 403),
        (traefik("GET", "/v1/users/../memories"), 403),
        (nginx("GET", "/v1/memories"), 200),
        (nginx("HEAD", "/v1/memories"), 200),
        (nginx("POST", "/v1/memories"), 403),
        (Request::get("/envoy/v1/memories?limit=1"), 200),
        (Request::post("/envoy/v1/memories"), 403),
        (Request::get("/envoy/v1/users/../memories"), 403),
        (Request::get("/envoy//v1/memories"), 403),
        (Request::get("/envoy/envoy/v1/memories"), 403),
        (Request::get("/envoy"), 404),
        (Request::get("/v1/memories"), 404),
    ] {
        let (answered, headers) = ask(&store, asked, &[key.expose_secret()]).await;
        assert_eq!(answered, status, "{headers:?}");
        let identity = (headers.get("x-ctx-key-id"), headers.get("x-ctx-project"));
        if status == 200 {
            assert_eq!(identity, (Some(&key.id().as_str().parse().unwrap()), Some(&"demo".parse().unwrap())));
        } else {
            assert_eq!(identity, (None, None));
        }
    }
}

#[tokio::test]
async fn a_request_that_is_not_described_exactly_once_is_refused() {
    let store = Store::default();
    let key = store.issue("demo", Scope::READ);
    for asked in [
        Request::get("/nginx/check"),
        Request::get("/nginx/check").header("x-original-method", "GET"),
        Request::get("/nginx/check").header("x-original-uri", "/v1/memories"),
        nginx("GET", "/v1/memories").header("x-original-uri", "/v1/memories"),
        nginx("GET", "/v1/memories").header("x-original-method", "GET"),
        // The headers of another proxy come from the client.
        traefik("GET", "/v1/users/u1").uri("/nginx/check"),
        nginx("GET", "/v1/users/u1").uri("/traefik"),
        Request::get("/traefik").header("x-forwarded-uri", "/v1/memories"),
        Request::get("/traefik").header("x-forwarded-method", "GET"),
    ] {
        let (status, headers) = ask(&store, asked, &[key.expose_secret()]).await;
        assert_eq!((status, headers.get("x-ctx-key-id")), (403, None));
    }
}

#[tokio::test]
async fn two_authorization_headers_are_malformed() {
    let store = Store::default();
    let key = store.issue("demo", Scope::READ);
    let twice = [key.expose_secret(), key.expose_secret()];
    let (status, headers) = ask(&store, traefik("GET", "/v1/memories"), &twice).await;
    assert_eq!((status, headers["www-authenticate"].to_str().unwrap()), (400, INVALID_REQUEST));
    let (status, _) = ask(&store, nginx("GET", "/v1/memories"), &twice).await;
    assert_eq!(status, 403);
    let (status, headers) = ask(&store, nginx("GET", "/v1/memories").uri("/nginx/refuse"), &twice).await;
    assert_eq!((status, headers["www-authenticate"].to_str().unwrap()), (400, INVALID_REQUEST));
}

#[tokio::test]
async fn the_endpoint_for_refusals_never_answers_success() {
    let store = Store::default();
    let key = store.issue("demo", Scope::READ);
    let asked = nginx("GET", "/v1/memories").uri("/nginx/refuse");
    let (status, headers) = ask(&store, asked, &[key.expose_secret()]).await;
    assert_eq!((status, headers.get("x-ctx-key-id")), (503, None));
}

#[tokio::test]
async fn a_project_that_cannot_be_a_header_value_is_unavailable() {
    let store = Store::default();
    for project in
        ["", " ", " demo", "demo ", "a b", "a\r\nx-ctx-key-id: 1", "a\tb", "a\0b", "démo", "\u{7f}"]
    {
        let key = store.issue(project, Scope::READ);
        let (status, headers) = ask(&store, traefik("GET", "/v1/memories"), &[key.expose_secret()]).await;
        assert_eq!((status, headers.get("x-ctx-key-id")), (503, None), "{project:?}");
    }
}

fn nginx(method: &str, target: &str) -> axum::http::request::Builder {
    Request::get("/nginx/check").header("x-original-method", method).header("x-original-uri", target)
}

fn traefik(method: &str, target: &str) -> axum::http::request::Builder {
    Request::get("/traefik").header("x-forwarded-method", method).header("x-forwarded-uri", target)
}

/// Sends a request with these keys, and returns the status and the headers. Asserts that the body contains no secret.
async fn ask(store: &Store, mut asked: axum::http::request::Builder, keys: &[&str]) -> (u16, HeaderMap) {
    for key in keys {
        asked = asked.header("authorization", format!("Bearer {key}"));
    }
    let response = app(store.clone()).oneshot(asked.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    assert!(keys.iter().all(|key| !String::from_utf8_lossy(&body).contains(&key[16..])));
    (parts.status.as_u16(), parts.headers)
}
