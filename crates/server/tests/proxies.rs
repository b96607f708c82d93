//! The configurations in `integrations/`: each real proxy asks the real server, before a platform that keeps what it got.
//!
//! A proxy that is not installed is named on a line that begins with SKIPPED. Where `CI` is set, that is a failure.

mod common;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::{DEADLINE, Data, Server};
use ctx_key::ApiKey;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const REALM: &str = r#"Bearer realm="MemoryKit""#;
const INVALID_REQUEST: &str = r#"Bearer realm="MemoryKit", error="invalid_request""#;
const INVALID_TOKEN: &str = r#"Bearer realm="MemoryKit", error="invalid_token""#;
const NEEDS_WRITE: &str = r#"Bearer realm="MemoryKit", error="insufficient_scope", scope="memories:write""#;
const NEEDS_USERS: &str = r#"Bearer realm="MemoryKit", error="insufficient_scope", scope="users:read""#;
const NEVER_GRANTED: &str = r#"Bearer realm="MemoryKit", error="insufficient_scope""#;

/// A word that must reach no log.
const QUERY: &str = "words-of-a-query";

/// Paths that some program reads as another path. A key that may read and write memories must open nothing with them.
const AMBIGUOUS_PATHS: [&str; 42] = [
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
    "//v1/memories",
    "/v1//memories",
    "/v1/memories//m1",
    "/v1/memories/",
    "/v1/memories/?limit=1",
    "/V1/memories",
    "/v1/Memories",
    "/v1/%6Demories",
    "/v1/memories/a%2Eb",
    "/v1/%6demories",
    "/v1/memories/m1%00",
    "/v1/memories/m1%0d%0ax-ctx-project:%20other",
    "/v1/memories/m1%0D%0Ax-ctx-project:%20other",
    "/v1/memories/m1%3Fx",
    "/v1/memories/m1%23x",
    "/v1/memories#/../users/u1",
    "/v1/memories/m1%zz",
    "/v1/users/u1?/../../memories",
    "/?/v1/memories",
    "/",
];

/// A request, and what must come of it.
struct Case {
    name: &'static str,
    method: &'static str,
    target: String,
    headers: Vec<String>,
    body: Vec<u8>,
    expected: Expected,
}

enum Expected {
    /// The platform gets the request as it is, with the identity of the reader's or the writer's key.
    Passed(Whose),
    /// The client gets this status and challenge, with the error body of the API. The platform gets nothing.
    Refused(u16, Option<&'static str>),
    /// The same. A proxy may answer by itself, without a challenge.
    RefusedBySome(u16, &'static str),
}

#[derive(Clone, Copy)]
enum Whose {
    Reader,
    Writer,
}

use Expected::{Passed, Refused, RefusedBySome};
use Whose::{Reader, Writer};

fn cases(keys: &Keys) -> Vec<Case> {
    let case = |name, method, target: &str, headers: &[&str], body: &[u8], expected| Case {
        name,
        method,
        target: target.to_owned(),
        headers: headers.iter().map(|&header| header.to_owned()).collect(),
        body: body.to_vec(),
        expected,
    };
    let [reader, writer, revoked, unknown] =
        [&keys.reader, &keys.writer, &keys.revoked, &keys.unknown].map(|key| authorization(key));
    let [reader, writer, revoked, unknown] = [&*reader, &*writer, &*revoked, &*unknown];
    let cut_off = &reader[..reader.len() - 1];
    let two_words = &format!("{reader} again");
    let list = "/v1/memories";
    let search = &format!("/v1/memories/search?query={QUERY}");
    let referer = &format!("Referer: http://localhost/?{QUERY}");
    let large: Vec<u8> = (0..8 << 20).map(|number: u32| (number % 251) as u8).collect();
    vec![
        case("read", "GET", search, &[reader, referer], b"", Passed(Reader)),
        case(
            "path as it was written",
            "GET",
            "/v1/memories/a%40b%7C%20c?q=/../%2e//",
            &[reader],
            b"",
            Passed(Reader),
        ),
        case("head", "HEAD", list, &[reader], b"", Passed(Reader)),
        case(
            "write",
            "POST",
            list,
            &[writer, "Content-Type: application/json"],
            b"{\"content\":\"a\"}",
            Passed(Writer),
        ),
        case("delete", "DELETE", "/v1/memories/m1", &[writer], b"", Passed(Writer)),
        case("large body", "PUT", "/v1/memories/m1", &[writer], &large, Passed(Writer)),
        case("no key", "GET", list, &[], b"", Refused(401, Some(REALM))),
        case("no key, head", "HEAD", list, &[], b"", Refused(401, Some(REALM))),
        case(
            "another scheme",
            "GET",
            list,
            &["Authorization: Basic dXNlcjpwYXNz"],
            b"",
            Refused(401, Some(REALM)),
        ),
        case("no token", "GET", list, &["Authorization: Bearer"], b"", Refused(400, Some(INVALID_REQUEST))),
        case("two words", "GET", list, &[two_words], b"", Refused(400, Some(INVALID_REQUEST))),
        case("two headers", "GET", list, &[reader, writer], b"", RefusedBySome(400, INVALID_REQUEST)),
        case("cut off", "GET", list, &[cut_off], b"", Refused(401, Some(INVALID_TOKEN))),
        case("unknown key", "GET", list, &[unknown], b"", Refused(401, Some(INVALID_TOKEN))),
        case("revoked key", "GET", list, &[revoked], b"", Refused(401, Some(INVALID_TOKEN))),
        case("missing scope", "POST", list, &[reader], b"{}", Refused(403, Some(NEEDS_WRITE))),
        case("no such resource", "GET", "/v1/other", &[reader], b"", Refused(403, Some(NEVER_GRANTED))),
        case("browser", "GET", list, &[reader, "Origin: http://localhost"], b"", Refused(403, None)),
        case(
            "own names",
            "GET",
            list,
            &[reader, "X-Ctx-Key-Id: spoofed", "X-Ctx-Project: spoofed"],
            b"",
            Passed(Reader),
        ),
        case(
            "own names in other cases, repeated",
            "GET",
            list,
            &["x-ctx-project: spoofed", "X-CTX-PROJECT: spoofed", reader, "x-CTX-key-ID: spoofed"],
            b"",
            Passed(Reader),
        ),
        case(
            "own names with underscores",
            "GET",
            list,
            &[
                reader,
                "X_Ctx_Key_Id: spoofed",
                "x_ctx_project: spoofed",
                "X-Ctx_Project: spoofed",
                "X_Ctx-Project: spoofed",
            ],
            b"",
            Passed(Reader),
        ),
        case(
            "own names, empty",
            "GET",
            list,
            &[reader, "X-Ctx-Key-Id:", "X-Ctx-Project: "],
            b"",
            Passed(Reader),
        ),
        case(
            "own names in Connection",
            "GET",
            list,
            &[reader, "Connection: x-ctx-project, X-Ctx-Key-Id"],
            b"",
            Passed(Reader),
        ),
        case(
            "own names without a key",
            "GET",
            list,
            &["X-Ctx-Key-Id: spoofed", "X-Ctx-Project: spoofed"],
            b"",
            Refused(401, Some(REALM)),
        ),
        case(
            "another request described",
            "GET",
            "/v1/users/u1",
            &[
                reader,
                "X-Original-Method: GET",
                "X-Original-URI: /v1/memories",
                "X-Forwarded-Method: GET",
                "X-Forwarded-Uri: /v1/memories",
                "X-Envoy-Original-Path: /v1/memories",
                "X-HTTP-Method-Override: POST",
            ],
            b"",
            Refused(403, Some(NEEDS_USERS)),
        ),
    ]
}

#[test]
fn nginx() {
    all_through(&NGINX);
}

#[test]
fn caddy() {
    all_through(&CADDY);
}

#[test]
fn envoy() {
    all_through(&ENVOY);
}

fn all_through(kind: &'static Kind) {
    let Some(program) = kind.program() else { return };
    let runtime = Runtime::new().unwrap();
    let platform = Platform::start(&runtime);
    let data = Data::new();
    let server = Server::start(&data);
    let keys = Keys::new(&server, &data);
    let port = server.address().rsplit(':').next().unwrap().parse().unwrap();
    let proxy = Proxy::start(kind, &program, port, platform.port);
    for case in cases(&keys) {
        let answer = proxy.send(case.method, &case.target, &case.headers, &case.body);
        let received = platform.take();
        let name = format!("{}: {}: {answer:?}", kind.name, case.name);
        match case.expected {
            Passed(whose) => {
                let identity = match whose {
                    Reader => &keys.reader,
                    Writer => &keys.writer,
                };
                let body = if case.method == "HEAD" { "" } else { "from the platform" };
                assert_eq!((answer.status, &*answer.body, received.len()), (200, body, 1), "{name}");
                received[0].assert_is(&case, identity, &keys.project, &name);
            }
            Refused(status, challenge) => {
                assert_eq!((answer.status, received.len()), (status, 0), "{name}");
                assert_eq!(answer.all("www-authenticate"), Vec::from_iter(challenge), "{name}");
                if case.method != "HEAD" {
                    let body: Value = serde_json::from_str(&answer.body).expect(&name);
                    assert_eq!(answer.all("x-request-id"), [body["request_id"].as_str().unwrap()], "{name}");
                }
            }
            RefusedBySome(status, challenge) => {
                assert_eq!((answer.status, received.len()), (status, 0), "{name}");
                assert!(answer.all("www-authenticate").iter().all(|&sent| sent == challenge), "{name}");
            }
        }
    }
    for path in AMBIGUOUS_PATHS {
        let answer = proxy.send("GET", path, &[authorization(&keys.memories)], b"");
        let is_refused = [400, 403, 404].contains(&answer.status);
        assert!(is_refused && platform.take().is_empty(), "{}: {path}: {answer:?}", kind.name);
    }
    for method in ["get", "TRACE", "CONNECT", "OPTIONS", "PROPFIND"] {
        let answer = proxy.send(method, "/v1/memories", &[authorization(&keys.memories)], b"");
        let is_refused = [400, 403, 405].contains(&answer.status);
        assert!(is_refused && platform.take().is_empty(), "{}: {method}: {answer:?}", kind.name);
    }
    // a grant is for one request of a connection
    let get = "GET /v1/memories HTTP/1.1\r\nHost: localhost\r\n";
    let first = format!("{get}{}\r\n\r\n", authorization(&keys.reader));
    let answers = proxy.exchange(&[first.as_bytes(), get.as_bytes(), b"Connection: close\r\n\r\n"].concat());
    let count = |status: &str| answers.matches(&format!("HTTP/1.1 {status} ")).count();
    assert_eq!((count("200"), count("401"), platform.take().len()), (1, 1, 1), "{}: {answers}", kind.name);
    // what the platform itself answers is not taken for the check's answer
    for status in [204, 302, 401, 403, 404, 500, 503] {
        let target = format!("/v1/memories/{status}");
        let answer = proxy.send("GET", &target, &[authorization(&keys.memories)], b"");
        let body = if status == 204 { "" } else { "from the platform" };
        assert_eq!((answer.status, &*answer.body), (status, body), "{}: {answer:?}", kind.name);
        assert_eq!(answer.all("www-authenticate"), [] as [&str; 0]);
    }
    let logs = proxy.stop();
    assert!(logs.contains("/v1/memories/search"), "{}: the requests are not logged: {logs}", kind.name);
    keys.assert_not_in(&logs);
    assert!(!logs.contains(QUERY), "{}: a query is logged: {logs}", kind.name);
}

#[test]
fn nothing_passes_while_keys_cannot_be_checked() {
    thread::scope(|scope| {
        for kind in [&NGINX, &CADDY, &ENVOY] {
            scope.spawn(|| {
                if let Some(program) = kind.program() {
                    nothing_passes(kind, &program);
                }
            });
        }
    });
}

fn nothing_passes(kind: &'static Kind, program: &Path) {
    let runtime = Runtime::new().unwrap();
    let platform = Platform::start(&runtime);
    let key = [authorization(ApiKey::generate().expose_secret())];
    // nobody listens
    let proxy = Proxy::start(kind, program, free_port(), platform.port);
    let answer = proxy.send("GET", "/v1/memories", &key, b"");
    assert_eq!((answer.status, platform.take().len()), (503, 0), "{}: {answer:?}", kind.name);
    assert_eq!(answer.all("www-authenticate"), [] as [&str; 0]);
    drop(proxy);
    // a check that accepts connections and does not answer
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(kind, program, silent.local_addr().unwrap().port(), platform.port);
    let begin = Instant::now();
    let answer = proxy.send("GET", "/v1/memories", &key, b"");
    assert_eq!((answer.status, platform.take().len()), (503, 0), "{}: {answer:?}", kind.name);
    assert!(begin.elapsed() < DEADLINE / 2, "{}: no time-out of its own", kind.name);
    drop(proxy);
    // a check that answers in other ways
    for status in [302, 400, 404, 408, 429, 500, 502, 503] {
        let check = Router::new().fallback(move || async move { StatusCode::from_u16(status).unwrap() });
        let proxy = Proxy::start(kind, program, serve(&runtime, check), platform.port);
        let answer = proxy.send("GET", "/v1/memories", &key, b"");
        assert!(answer.status >= 300 && platform.take().is_empty(), "{}: {status}: {answer:?}", kind.name);
        if status >= 500 {
            assert!([status, 503].contains(&answer.status), "{}: {status}: {answer:?}", kind.name);
        }
    }
}

/// The headers of the identity never come from the client, even if the check answers without them.
#[test]
fn a_grant_without_an_identity_gives_none() {
    for kind in [&NGINX, &CADDY, &ENVOY] {
        let Some(program) = kind.program() else { continue };
        let runtime = Runtime::new().unwrap();
        let platform = Platform::start(&runtime);
        let check = Router::new().fallback(|| async {});
        let proxy = Proxy::start(kind, &program, serve(&runtime, check), platform.port);
        let spoofed = ["X-Ctx-Key-Id: spoofed", "X-Ctx-Project: spoofed"].map(str::to_owned);
        let answer = proxy.send("GET", "/v1/memories", &spoofed, b"");
        let received = platform.take();
        assert_eq!((answer.status, received.len()), (200, 1), "{}: {answer:?}", kind.name);
        assert!(!format!("{received:?}").contains("spoofed"), "{}: {received:?}", kind.name);
    }
}

/// A platform that is away is no fault of the check's.
#[test]
fn a_platform_that_is_away_is_not_a_refusal() {
    for kind in [&NGINX, &CADDY, &ENVOY] {
        let Some(program) = kind.program() else { continue };
        let runtime = Runtime::new().unwrap();
        let check = Router::new().fallback(|| async { [("x-ctx-key-id", "k"), ("x-ctx-project", "p")] });
        let proxy = Proxy::start(kind, &program, serve(&runtime, check), free_port());
        let answer = proxy.send("GET", "/v1/memories", &[], b"");
        let is_said =
            [502, 503].contains(&answer.status) && !answer.body.contains("the key could not be checked");
        assert!(is_said, "{}: {answer:?}", kind.name);
    }
}

fn authorization(key: &str) -> String {
    format!("Authorization: Bearer {key}")
}

struct Keys {
    project: String,
    reader: String,
    writer: String,
    memories: String,
    revoked: String,
    unknown: String,
}

impl Keys {
    fn new(server: &Server, data: &Data) -> Self {
        server.set_up(data);
        let (token, company) = server.log_in();
        let (project, reader) = server.key(&token, &company, &["memories:read"]);
        let key = |scopes: &[&str]| server.key_in(&token, &company, &project, scopes);
        let writer = key(&["memories:write"]);
        let memories = key(&["memories:read", "memories:write"]);
        let revoked = key(&["memories:read"]);
        let (status, _) = server.send("POST", "/v1/key/revoke", Some(&revoked), None);
        assert_eq!(status, 200);
        let unknown = ApiKey::generate().expose_secret().to_owned();
        Self { project, reader, writer, memories, revoked, unknown }
    }

    fn assert_not_in(&self, text: &str) {
        for key in [&self.reader, &self.writer, &self.memories, &self.revoked, &self.unknown] {
            assert!(!text.contains(&key[16..]), "a key is in: {text}");
        }
    }
}

/// What stands behind the proxy: it keeps the requests that reach it.
struct Platform {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

#[derive(Debug)]
struct Received {
    method: String,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Platform {
    fn start(runtime: &Runtime) -> Self {
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let kept = received.clone();
        let router = Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let (method, target) = (parts.method.to_string(), parts.uri.to_string());
            let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
            let status = target.rsplit('/').next().and_then(|last| last.parse().ok());
            kept.lock().unwrap().push(Received { method, target, headers: parts.headers, body });
            answer(status.unwrap_or(200))
        });
        Self { port: serve(runtime, router), received }
    }

    fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

fn answer(status: u16) -> Response {
    let body = if status == 204 { Body::empty() } else { "from the platform".into() };
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

impl Received {
    fn assert_is(&self, sent: &Case, key: &str, project: &str, name: &str) {
        assert_eq!((&*self.method, &*self.target), (sent.method, &*sent.target), "{name}");
        assert!(self.body == sent.body, "{name}: {} bytes, not {}", self.body.len(), sent.body.len());
        let key_id = key.parse::<ApiKey>().unwrap().id().to_string();
        assert_eq!(self.all("x-ctx-key-id"), [&*key_id], "{name}: {self:?}");
        assert_eq!(self.all("x-ctx-project"), [project], "{name}: {self:?}");
        let headers = format!("{:?}", self.headers);
        assert!(!headers.contains("spoofed"), "{name}: {headers}");
        assert!(!headers.contains(&key[16..]), "{name}: {headers}");
        let is_alike = |header: &&str| header.starts_with("x_ctx") || header.starts_with("x-ctx");
        assert_eq!(
            self.headers.keys().map(|header| header.as_str()).filter(is_alike).count(),
            2,
            "{name}: {headers}"
        );
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

fn serve(runtime: &Runtime, router: Router) -> u16 {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(axum::serve(listener, router).into_future());
    port
}

/// A program, and its configuration in `integrations/`.
struct Kind {
    name: &'static str,
    file: &'static str,
    /// What stands before a port.
    before_port: &'static str,
    /// Its place where it is not on the search path; relative to cargo's target folder.
    place: &'static str,
    /// Arguments, with FILE and FOLDER to be replaced.
    arguments: &'static [&'static str],
}

static NGINX: Kind = Kind {
    name: "nginx",
    file: "nginx.conf",
    place: "/usr/sbin/nginx",
    before_port: ":",
    arguments: &["-e", "stderr", "-g", "daemon off; master_process off;", "-p", "FOLDER", "-c", "FILE"],
};

static CADDY: Kind = Kind {
    name: "caddy",
    file: "Caddyfile",
    place: "/usr/bin/caddy",
    before_port: ":",
    arguments: &["run", "--adapter", "caddyfile", "--config", "FILE"],
};

static ENVOY: Kind = Kind {
    name: "envoy",
    file: "envoy.yaml",
    place: "envoy/envoy/_bin/envoy",
    before_port: "port_value: ",
    arguments: &["--config-path", "FILE", "--disable-hot-restart", "--concurrency", "1"],
};

impl Kind {
    /// Returns the program. `cargo xtask tools` installs it.
    fn program(&self) -> Option<PathBuf> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let is_there = |program: &PathBuf| {
            Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        };
        let found = [PathBuf::from(self.name), target.join(self.place)].into_iter().find(is_there);
        assert!(found.is_some() || std::env::var_os("CI").is_none(), "{} is not installed", self.name);
        if found.is_none() {
            // past the harness, which hides what a test prints that passes
            let _ = writeln!(
                io::stderr(),
                "SKIPPED proxies: {} is not installed: see cargo xtask tools",
                self.name
            );
        }
        found
    }

    /// Returns the configuration with these ports in the place of its own.
    fn configuration(&self, ports: [(u16, u16); 3]) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../integrations").join(self.file);
        let replace = |text: String, (from, to): (u16, u16)| {
            let [from, to] = [from, to].map(|port| format!("{}{port}", self.before_port));
            assert_eq!(text.matches(&from).count(), 1, "{from} in {text}");
            text.replace(&from, &to)
        };
        ports.into_iter().fold(fs::read_to_string(file).unwrap(), replace)
    }
}

/// A running proxy, in a folder of its own.
struct Proxy {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Proxy {
    fn start(kind: &Kind, program: &Path, check: u16, platform: u16) -> Self {
        // another process may take the port after it was found free
        let start = || Self::try_start(kind, program, [(9000, free_port()), (8080, check), (9002, platform)]);
        (0..5).find_map(|_| start()).unwrap_or_else(|| panic!("{} does not start", kind.name))
    }

    fn try_start(kind: &Kind, program: &Path, ports: [(u16, u16); 3]) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join(kind.file);
        fs::write(&file, kind.configuration(ports)).unwrap();
        let arguments = kind.arguments.iter().map(|&argument| match argument {
            "FILE" => file.as_os_str(),
            "FOLDER" => folder.path().as_os_str(),
            other => other.as_ref(),
        });
        let output = File::create(folder.path().join("output.log")).unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let port = ports[0].1;
        let mut has_ended = false;
        let is_up = common::becomes(|| {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended || TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        (is_up && !has_ended).then_some(Self { child, port, folder })
    }

    /// Sends exactly these bytes: a client library would tidy the path and the headers.
    fn send(&self, method: &str, target: &str, headers: &[String], body: &[u8]) -> Answer {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let close = "Host: localhost\r\nConnection: close\r\n";
        let head = format!("{method} {target} HTTP/1.1\r\n{close}{length}{headers}\r\n");
        Answer::read(&self.exchange(&[head.as_bytes(), body].concat()))
    }

    fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Stops the program, and returns all that it logged.
    fn stop(mut self) -> String {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap();
        let logs = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        logs.filter(|path| path.extension().is_some_and(|end| end == "log"))
            .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned())
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|header| header.0 == name).map(|header| header.1.as_str()).collect()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
