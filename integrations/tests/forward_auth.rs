//! The forward_auth example: asked directly, and behind a real nginx with integrations/nginx.conf.

#[allow(dead_code, reason = "main is the example's own")]
#[path = "../examples/forward_auth.rs"]
mod forward_auth;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::thread::sleep;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use ctx_key_integrations::Store;
use forward_auth::{app, required_scope, tell};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const CONFIG: &str = include_str!("../nginx.conf");

/// Far longer than anything takes: a test fails, instead of hanging.
const DEADLINE: Duration = Duration::from_secs(60);

/// Paths that some server reads as another path. A key that may read and write memories must not pass with any.
const TRICKS: [&str; 49] = [
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

// The table.

#[test]
fn each_route_of_the_platform_requires_its_scope() {
    for (method, path, scope) in [
        ("POST", "/v1/memories", "memories:write"),
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
fn what_is_not_in_the_table_requires_nothing() {
    for (method, path) in [
        ("POST", "/v1/memories/batch"),
        ("GET", "/v1/status"),
        ("GET", "/v1/users"),
        ("GET", "/v1/chats/c1"),
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
fn a_path_that_two_servers_could_read_differently_requires_nothing() {
    for path in TRICKS.iter().filter(|path| !path.starts_with("/v1/users/u1?")) {
        assert_eq!(required_scope("GET", path), Scope::empty(), "{path}");
    }
}

#[test]
fn ids_of_every_kind_can_be_asked_for() {
    for id in ["a..b", "...", "a.b", "a%40b.c", "a@b.c", "auth0%7C12", "Jos%C3%A9", "a:b", "a%20b", "~a_-"] {
        assert_eq!(required_scope("GET", &format!("/v1/users/{id}")), Scope::USERS_READ, "{id}");
    }
}

// The endpoint, asked as each proxy does.

#[tokio::test]
async fn each_proxy_is_answered_for_the_request_that_it_describes() {
    let store = Store::default();
    let key = store.issue("demo", Scope::MEMORIES_READ);
    for (asked, status) in [
        (traefik("GET", "/v1/memories?limit=1"), 204),
        (traefik("POST", "/v1/memories"), 403),
        (traefik("GET", "/v1/users/../memories"), 403),
        (nginx("GET", "/v1/memories"), 204),
        (nginx("HEAD", "/v1/memories"), 204),
        (nginx("POST", "/v1/memories"), 403),
        (Request::get("/envoy/v1/memories?limit=1"), 204),
        (Request::post("/envoy/v1/memories"), 403),
        (Request::get("/envoy/v1/users/../memories"), 403),
        (Request::get("/envoy//v1/memories"), 403),
        (Request::get("/envoy/envoy/v1/memories"), 403),
        (Request::get("/envoy"), 404),
        (Request::get("/v1/memories"), 404),
    ] {
        let (answer, headers) = ask(&store, asked, &[key.expose_secret()]).await;
        assert_eq!(answer, status, "{headers:?}");
        let told = (headers.get("x-ctx-key-id"), headers.get("x-ctx-project"));
        if status == 204 {
            assert_eq!(told, (Some(&key.id().as_str().parse().unwrap()), Some(&"demo".parse().unwrap())));
        } else {
            assert_eq!(told, (None, None));
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
        // Another proxy's headers are the client's word.
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
async fn two_headers_are_malformed() {
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
async fn what_refuses_never_answers_success() {
    let store = Store::default();
    let key = store.issue("demo", Scope::READ);
    let asked = nginx("GET", "/v1/memories").uri("/nginx/refuse");
    let (status, headers) = ask(&store, asked, &[key.expose_secret()]).await;
    assert_eq!((status, headers.get("x-ctx-key-id")), (503, None));
}

#[tokio::test]
async fn a_project_that_is_no_header_value_is_a_fault_of_ours() {
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

// Behind nginx.

const REALM: &str = r#"Bearer realm="MemoryKit""#;
const INVALID_REQUEST: &str = r#"Bearer realm="MemoryKit", error="invalid_request""#;
const INVALID_TOKEN: &str = r#"Bearer realm="MemoryKit", error="invalid_token""#;

#[test]
fn nginx_tells_the_platform_whose_key_it_is() {
    let Some(front) = Front::start() else { return };
    let key = front.store.issue("demo", Scope::READ);
    let response = front.get("/v1/memories?limit=3", &[&bearer(&key)]);
    assert_eq!(response.status, 200);
    assert!(response.body.starts_with("GET /v1/memories?limit=3\n"), "{}", response.body);
    assert!(response.body.contains(&format!("\"x-ctx-key-id\": \"{}\"", key.id())), "{}", response.body);
    assert!(response.body.contains("\"x-ctx-project\": \"demo\""), "{}", response.body);
    assert!(!response.body.contains("authorization"), "the platform gets the key");

    // What was checked is what the platform gets, to the letter.
    let response = front.get("/v1/memories/a%40b%7C%20c?q=/../%2e//", &[&bearer(&key)]);
    assert!(response.body.starts_with("GET /v1/memories/a%40b%7C%20c?q=/../%2e//\n"), "{}", response.body);

    let writer = front.store.issue("demo", Scope::WRITE);
    let posted = front.send("POST", "/v1/memories", &[&bearer(&writer), "Content-Length: 3"], "{ }");
    assert_eq!((posted.status, front.hits()), (200, 3));
    assert!(posted.body.contains("\"content-length\": \"3\""), "{}", posted.body);
    front.assert_logs_hold_no(&[&key, &writer]);
}

#[test]
fn nginx_refuses_with_the_challenge_and_the_platforms_error_body() {
    let Some(front) = Front::start() else { return };
    let reader = front.store.issue("demo", Scope::READ);
    let revoked = front.store.issue("demo", Scope::READ);
    let mut record = front.store.find(revoked.id()).unwrap();
    record.revoke(UnixTime::now());
    front.store.put(record);
    let expired = ApiKey::generate();
    let mut record = KeyRecord::new(&expired, "demo".to_owned(), Scope::READ);
    record.expires_at = Some(UnixTime::from_secs(1));
    front.store.put(record);

    let unknown = ApiKey::generate();
    let cut_off = format!("Authorization: Bearer {}", &reader.expose_secret()[..51]);
    let two_words = format!("{} again", bearer(&reader));
    let needs = |scope| format!("{REALM}, error=\"insufficient_scope\", scope=\"{scope}\"");
    let nothing_granted = format!("{REALM}, error=\"insufficient_scope\"");
    for (method, path, authorization, status, challenge) in [
        ("GET", "/v1/memories", "X-Other: 1", 401, REALM),
        ("GET", "/v1/unknown", "X-Other: 1", 401, REALM),
        ("OPTIONS", "/v1/memories", "X-Other: 1", 401, REALM),
        ("GET", "/v1/memories", "Authorization: Basic dXNlcjpwYXNz", 401, REALM),
        ("GET", "/v1/memories", "Authorization: Bearer", 400, INVALID_REQUEST),
        ("GET", "/v1/memories", &two_words, 400, INVALID_REQUEST),
        ("GET", "/v1/memories", "Authorization: Bearer caf\u{e9}", 401, INVALID_TOKEN),
        ("GET", "/v1/memories", &cut_off, 401, INVALID_TOKEN),
        ("GET", "/v1/memories", &bearer(&unknown), 401, INVALID_TOKEN),
        ("GET", "/v1/memories", &bearer(&revoked), 401, INVALID_TOKEN),
        ("GET", "/v1/memories", &bearer(&expired), 401, INVALID_TOKEN),
        ("POST", "/v1/memories", &bearer(&reader), 403, &needs("memories:write")),
        ("DELETE", "/v1/users/u1?cascade=true", &bearer(&reader), 403, &needs("users:write")),
        ("GET", "/v1/unknown", &bearer(&reader), 403, &nothing_granted),
        ("OPTIONS", "/v1/memories", &bearer(&reader), 403, &nothing_granted),
    ] {
        let response = front.send(method, path, &[authorization, "Content-Length: 3"], "{ }");
        assert_eq!(response.status, status, "{method} {path} {challenge}");
        assert_eq!(response.all("www-authenticate"), [challenge]);
        let body: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        assert!(body["error"]["message"].is_string(), "{body}");
        assert_eq!(response.all("x-request-id"), [body["request_id"].as_str().unwrap()]);
    }
    assert_eq!(front.hits(), 0);
    front.assert_logs_hold_no(&[&reader, &unknown, &revoked, &expired]);
}

#[test]
fn a_clients_own_headers_reach_nobody_as_ours() {
    let Some(front) = Front::start() else { return };
    let key = front.store.issue("demo", Scope::MEMORIES_READ);
    let spoofed = [
        "X-Ctx-Key-Id: spoofed",
        "x-ctx-project: spoofed",
        "X-CTX-PROJECT: spoofed",
        "X_Ctx_Key_Id: spoofed",
        "X_Ctx_Project: spoofed",
        "X-Original-Method: GET",
        "X-Original-URI: /v1/memories",
        "X-Forwarded-Method: GET",
        "X-Forwarded-Uri: /v1/memories",
        "X-HTTP-Method-Override: GET",
    ];
    let response = front.get("/v1/memories", &[&[bearer(&key).as_str()], &spoofed[..]].concat());
    assert_eq!(response.status, 200);
    assert!(!response.body.contains("spoofed"), "{}", response.body);
    assert_eq!(response.body.matches("x-ctx-project").count(), 1);

    assert_eq!(front.get("/v1/memories", &spoofed).status, 401);
    for (method, path) in [("POST", "/v1/memories"), ("GET", "/v1/users/u1")] {
        let response = front.send(method, path, &[&[bearer(&key).as_str()], &spoofed[..]].concat(), "");
        assert_eq!(response.status, 403, "{method} {path}");
    }
    assert_eq!(front.hits(), 1);
}

#[test]
fn no_way_of_writing_a_path_opens_another() {
    let Some(front) = Front::start() else { return };
    let key = front.store.issue("demo", Scope::MEMORIES_READ | Scope::MEMORIES_WRITE);
    for path in TRICKS {
        let response = front.get(path, &[&bearer(&key)]);
        // 400 and 404 are nginx's own answers
        assert!([400, 403, 404].contains(&response.status), "{path} {}", response.status);
    }
    for (target, status) in [
        ("http://localhost/v1/users/u1", 403),
        ("http://localhost", 403),
        ("/@refused", 403),
        ("/nginx/check", 403),
        ("/_check", 404),
        ("/%5Fcheck", 404),
        ("/x/../_check", 404),
    ] {
        assert_eq!(front.get(target, &[&bearer(&key)]).status, status, "{target}");
    }
    for method in ["get", "PATCH", "TRACE", "CONNECT", "OPTIONS", "PROPFIND"] {
        let response = front.send(method, "/v1/memories", &[&bearer(&key)], "");
        assert!([400, 403, 405].contains(&response.status), "{method} {}", response.status);
    }
    assert_eq!(front.hits(), 0);
}

#[test]
fn head_is_get_without_a_body() {
    let Some(front) = Front::start() else { return };
    let key = front.store.issue("demo", Scope::MEMORIES_READ);
    let response = front.send("HEAD", "/v1/memories", &[&bearer(&key)], "");
    assert_eq!((response.status, response.body.as_str(), front.hits()), (200, "", 1));
    let response = front.send("HEAD", "/v1/users/u1", &[&bearer(&key)], "");
    assert_eq!((response.status, response.body.as_str(), front.hits()), (403, "", 1));
}

/// nginx refuses them by itself, before it asks anybody: the first one alone never decides.
#[test]
fn two_authorization_headers_are_answered_with_400() {
    let Some(front) = Front::start() else { return };
    let (key, other) = (front.store.issue("demo", Scope::READ), ApiKey::generate());
    for pair in [[&key, &key], [&key, &other], [&other, &key]] {
        let response = front.get("/v1/memories", &pair.map(bearer).each_ref().map(String::as_str));
        assert_eq!(response.status, 400);
    }
    let response = front.get("/v1/memories", &[&bearer(&key), "Authorization: "]);
    assert_eq!((response.status, front.hits()), (400, 0));
    front.assert_logs_hold_no(&[&key, &other]);
}

#[test]
fn nothing_passes_while_the_endpoint_is_away() {
    let Some(front) = Front::with_endpoint(false) else { return };
    let key = front.store.issue("demo", Scope::READ);
    assert_eq!(front.get("/v1/memories", &[&bearer(&key)]).status, 500);
    assert_eq!(front.hits(), 0);
}

fn bearer(key: &ApiKey) -> String {
    format!("Authorization: Bearer {}", key.expose_secret())
}

/// nginx, the endpoint that it asks, and a platform that counts what reaches it. All end with it.
struct Front {
    store: Store,
    nginx: Nginx,
    hits: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Front {
    fn start() -> Option<Self> {
        Self::with_endpoint(true)
    }

    fn with_endpoint(is_there: bool) -> Option<Self> {
        let program = nginx_program()?;
        let (hits, runtime) = (Arc::default(), Runtime::new().unwrap());
        let store = runtime.block_on(async { Store::default() });
        let endpoint = if is_there { serve(&runtime, app(store.clone())) } else { free_port() };
        let platform = serve(&runtime, platform(Arc::clone(&hits)));
        let nginx = Nginx::start(program, endpoint, platform);
        Some(Self { store, nginx, hits, _runtime: runtime })
    }

    fn get(&self, target: &str, headers: &[&str]) -> Response {
        self.send("GET", target, headers, "")
    }

    /// Sends exactly these bytes: a client library would tidy the path.
    fn send(&self, method: &str, target: &str, headers: &[&str], body: &str) -> Response {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n{body}"
        );
        // One byte for each character: é is E9, as a client sends that has not encoded it.
        let bytes: Vec<u8> = head.chars().map(|character| u8::try_from(character).unwrap()).collect();
        let mut stream = TcpStream::connect(("127.0.0.1", self.nginx.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(&bytes).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        Response::read(&text)
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    fn assert_logs_hold_no(&self, keys: &[&ApiKey]) {
        for log in ["error.log", "access.log"] {
            let log = fs::read_to_string(self.nginx.prefix.join(log)).unwrap();
            assert!(keys.iter().all(|key| !log.contains(&key.expose_secret()[16..])));
        }
    }
}

fn platform(hits: Arc<AtomicUsize>) -> Router {
    Router::new().fallback(move |request: Request| {
        hits.fetch_add(1, Ordering::SeqCst);
        tell(request)
    })
}

fn serve(runtime: &Runtime, app: Router) -> u16 {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(axum::serve(listener, app).into_future());
    port
}

struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Response {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        assert!(StatusCode::from_bytes(status.as_bytes()).is_ok());
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status: status.parse().unwrap(), headers, body: body.to_owned() }
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|header| header.0 == name).map(|header| header.1.as_str()).collect()
    }
}

/// One process, in a directory of its own. Both are gone when it is dropped.
struct Nginx {
    child: Child,
    port: u16,
    prefix: PathBuf,
}

impl Nginx {
    fn start(program: &str, endpoint: u16, platform: u16) -> Self {
        // Another process may take the port between the moment that it was free and nginx's start.
        (0..5)
            .find_map(|_| Self::try_start(program, free_port(), endpoint, platform))
            .expect("nginx does not start")
    }

    fn try_start(program: &str, port: u16, endpoint: u16, platform: u16) -> Option<Self> {
        let prefix = std::env::temp_dir().join(format!("ctx-key-nginx-{}-{port}", std::process::id()));
        fs::create_dir(&prefix).unwrap();
        let config = prefix.join("nginx.conf");
        fs::write(&config, config_with([("9000", port), ("9001", endpoint), ("9002", platform)])).unwrap();
        let child = Command::new(program)
            .args(["-e", "stderr", "-g", "daemon off; master_process off;", "-p"])
            .args([&prefix, &PathBuf::from("-c"), &config])
            .stderr(File::create(prefix.join("error.log")).unwrap())
            .spawn()
            .unwrap();
        let mut nginx = Self { child, port, prefix };
        nginx.is_up().then_some(nginx)
    }

    fn is_up(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            // Written when the port is nginx's.
            if self.prefix.join("nginx.pid").exists() {
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.prefix);
    }
}

/// The configuration as it is, but for the ports.
fn config_with(ports: [(&str, u16); 3]) -> String {
    let replace = |config: String, (from, to): (&str, u16)| {
        let from = format!("127.0.0.1:{from};");
        assert_eq!(config.matches(&from).count(), 1, "{from}");
        config.replace(&from, &format!("127.0.0.1:{to};"))
    };
    ports.into_iter().fold(CONFIG.to_owned(), replace)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The program, or one line that it is missing: written past the harness, which shows nothing of a test that passes.
fn nginx_program() -> Option<&'static str> {
    static SKIPPED: Once = Once::new();
    // Debian's place is not in everyone's PATH.
    let programs = ["nginx", "/usr/sbin/nginx"];
    let found = programs.into_iter().find(|program| Command::new(program).arg("-v").output().is_ok());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "nginx is not installed");
    if found.is_none() {
        SKIPPED.call_once(|| {
            let _ = writeln!(io::stderr(), "SKIPPED tests/forward_auth.rs: nginx is not installed");
        });
    }
    found
}
