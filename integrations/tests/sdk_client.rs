//! The sdk_client example explains each failure, and sends the key only where it may.

#[allow(dead_code, reason = "only the example calls main")]
#[path = "../examples/sdk_client.rs"]
mod sdk_client;

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ctx_key::{ApiKey, Denied, Scope, UnixTime, bearer};
use ctx_key_integrations::{ErrorBody, Store};
use tokio::runtime::Runtime;

/// Variable with the base URL for the example. It is set only in child processes.
const BASE_URL_VARIABLE: &str = "SDK_CLIENT_TEST_BASE_URL";

#[test]
fn a_wrong_key_is_explained_and_nothing_is_sent() {
    let server = Server::start();
    let key = server.store.issue("demo", Scope::READ);
    let text = key.expose_secret();
    let typo = format!("{}{}{}", &text[..20], if &text[20..21] == "a" { "b" } else { "a" }, &text[21..]);
    let hole = format!("{}-{}", &text[..30], &text[31..]);
    let (empty, blank) = (String::new(), " \n\t".to_owned());
    for (value, message) in [
        (None, "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard"),
        (Some(empty), "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard"),
        (Some(blank), "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard"),
        (
            Some("ctx_your_api_key_here".to_owned()),
            "an API key is 52 bytes long, not 21: it was cut off or is a placeholder",
        ),
        (Some("YOUR_API_KEY".to_owned()), "an API key starts with `ctx_`"),
        (
            Some(text[..51].to_owned()),
            "an API key is 52 bytes long, not 51: it was cut off or is a placeholder",
        ),
        (Some(text.repeat(2)), "an API key is 52 bytes long, not 104: something was added"),
        (
            Some(text.replace("ctx_", "ctx_\u{430}")),
            "not 54: something was added, or a character is not plain ASCII",
        ),
        (Some(hole), "the byte at index 30 of the API key is not one of 0-9, A-Z and a-z"),
        (Some(typo), "the checksum of the API key is wrong: a character was changed"),
    ] {
        let output = start(&server.base_url, value.as_deref().map(OsStr::new));
        assert_eq!(output.exit_code, 1, "{output:?}");
        assert!(output.err.contains(message), "{output:?}");
        output.assert_holds_no_secret_of(&key);
    }
    assert_eq!(server.connections(), 0);
}

#[cfg(unix)]
#[test]
fn a_key_that_is_not_utf_8_is_explained_and_nothing_is_sent() {
    use std::os::unix::ffi::OsStringExt;

    let server = Server::start();
    let key = server.store.issue("demo", Scope::READ);
    let value = OsString::from_vec([key.expose_secret().as_bytes(), b"\xff"].concat());
    let output = start(&server.base_url, Some(&value));
    assert_eq!(output.exit_code, 1);
    assert!(output.err.contains("MEMORYKIT_API_KEY is not Unicode text; set it to a key"), "{output:?}");
    output.assert_holds_no_secret_of(&key);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_key_is_sent_once_however_it_was_pasted() {
    let server = Server::start();
    let key = server.store.issue("demo", Scope::READ);
    let text = key.expose_secret();
    for value in [
        text.to_owned(),
        format!("\"{text}\"\n"),
        format!("Authorization: Bearer {text}"),
        format!("export MEMORYKIT_API_KEY=“{text}”;\u{200b}"),
        format!("\u{feff}{text}\r\n"),
    ] {
        let before = server.connections();
        let output = start(&server.base_url, Some(OsStr::new(&value)));
        assert_eq!((output.exit_code, server.connections() - before), (0, 1), "{output:?}");
        assert!(
            output.out.contains(&format!("the API accepted the key {}", key.id().masked())),
            "{output:?}"
        );
        output.assert_holds_no_secret_of(&key);
    }
}

#[test]
fn a_refused_key_is_not_sent_again() {
    let server = Server::start();
    let (unknown, revoked) = (ApiKey::generate(), server.store.issue("demo", Scope::READ));
    let mut record = server.store.find(revoked.id()).unwrap();
    record.revoke(UnixTime::now());
    server.store.put(record);
    for (sent, key) in [unknown, revoked].iter().enumerate() {
        let output = start(&server.base_url, Some(OsStr::new(key.expose_secret())));
        assert_eq!((output.exit_code, server.connections()), (2, sent + 1));
        assert!(
            output.err.contains(&format!("the API refused the key {}: create a new one", key.id().masked())),
            "{output:?}"
        );
        assert!(output.err.contains("(request req_"), "{output:?}");
        output.assert_holds_no_secret_of(key);
    }
}

#[test]
fn a_missing_scope_is_named() {
    let server = Server::start();
    let key = server.store.issue("demo", Scope::CHATS_READ);
    let output = start(&server.base_url, Some(OsStr::new(key.expose_secret())));
    assert_eq!((output.exit_code, server.connections()), (2, 1));
    let message =
        format!("the key {} may not do this: it needs memories:read; create a key", key.id().masked());
    assert!(output.err.contains(&message), "{output:?}");
    output.assert_holds_no_secret_of(&key);
}

#[test]
fn each_response_leads_to_its_advice() {
    let key = ApiKey::generate();
    let refused = "the API refused the key";
    let in_front = "something in front of the API answered";
    let html = "Content-Type: text/html; charset=utf-8";
    for (response, advice) in [
        ("400 Bad Request\r\nWWW-Authenticate: Bearer error=\"invalid_request\"", "not the key"),
        ("400 Bad Request", in_front),
        ("401 Unauthorized", in_front),
        ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"proxy\"", in_front),
        ("401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"invalid_token\"", refused),
        ("401 Unauthorized\r\nWWW-Authenticate: Bearer error=\"interaction_required\"", in_front),
        ("401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"MemoryKit\"", "the server saw no key"),
        (
            "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\", Bearer realm=\"y\"",
            "the server saw no key",
        ),
        ("403 Forbidden", in_front),
        (&format!("403 Forbidden\r\n{html}"), in_front),
        ("403 Forbidden\r\nWWW-Authenticate: Bearer realm=\"MemoryKit\"", in_front),
        ("403 Forbidden\r\nWWW-Authenticate: Bearer error=\"insufficient_scope\"", "no scope allows it"),
        (
            "403 Forbidden\r\nWWW-Authenticate: bearer realm=\"a\\\", scope=\\\"b\", error=\"insufficient_scope\", \
             SCOPE=\"chats:write chats:read\"",
            "it needs chats:read chats:write;",
        ),
        (
            "403 Forbidden\r\nWWW-Authenticate: Bearer error=\"insufficient_scope\", scope=\"teams:read\"",
            "does not know; update the program",
        ),
        ("404 Not Found\r\nContent-Type: application/json", "the server answered 404"),
        (&format!("404 Not Found\r\n{html}"), in_front),
        ("407 Proxy Authentication Required", in_front),
        (&format!("200 OK\r\n{html}"), in_front),
        ("200 OK", in_front),
        ("429 Too Many Requests", "try again later"),
        ("500 Internal Server Error", "try again later"),
        ("503 Service Unavailable\r\nRetry-After: 0", "try again later"),
        ("nonsense", "the request failed on the way"),
    ] {
        let (base_url, requests) = responding(response);
        let output = start(&base_url, Some(OsStr::new(key.expose_secret())));
        assert_eq!((output.exit_code, requests.load(Ordering::SeqCst)), (2, 1), "{response}");
        assert!(output.err.contains(advice), "{response}: {output:?}");
        assert_eq!(output.err.contains("create a new one"), advice == refused, "{response}: {output:?}");
        output.assert_holds_no_secret_of(&key);
    }
}

#[test]
fn the_base_url_is_trimmed_and_an_empty_one_is_the_default() {
    let default = "http://127.0.0.1:8080";
    let given = |text: &str| Some(text.to_owned());
    for (argument, variable, expected) in [
        (None, None, default),
        (None, given(""), default),
        (given(" "), given("\"\""), default),
        (None, given(" 'https://api.example/'\r\n"), "https://api.example/"),
        (given("https://a.example"), given("https://b.example"), "https://a.example"),
        (given(""), given("`https://b.example`"), "https://b.example"),
    ] {
        assert_eq!(sdk_client::base_url([argument, variable]), expected);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let key = ApiKey::generate();
    for status in [301, 302, 303, 307, 308] {
        let (elsewhere, followed) = responding("200 OK");
        let (base_url, sent) =
            responding(&format!("{status} Elsewhere\r\nLocation: {elsewhere}/v1/memories"));
        let output = start(&base_url, Some(OsStr::new(key.expose_secret())));
        assert_eq!((output.exit_code, sent.load(Ordering::SeqCst)), (2, 1));
        assert!(output.err.contains("the server redirects, and the key is not sent there"), "{output:?}");
        assert_eq!(followed.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_key_in_the_response_is_not_printed() {
    let key = ApiKey::generate();
    let text = key.expose_secret();
    for status in
        ["200 OK", "400 Bad Request", "401 Unauthorized", "403 Forbidden", "500 Internal Server Error"]
    {
        let (base_url, _) = responding(&format!(
            "{status}\r\nX-Request-Id: req_{}\r\nWWW-Authenticate: Bearer realm=\"{text}\", error=\"{text}\", \
             error_description=\"{text}\", scope=\"{text}\"\r\nX-Echo: {text}",
            &text[16..48]
        ));
        start(&base_url, Some(OsStr::new(text))).assert_holds_no_secret_of(&key);
    }
}

#[test]
fn a_key_is_not_sent_over_the_network_without_tls() {
    let key = ApiKey::generate();
    for base_url in [
        "http://memorykit.example",
        "http://127.0.0.1.memorykit.example",
        "http://127.0.0.1@memorykit.example",
        "http://localhost:80@memorykit.example",
        "http://memorykit.example#@127.0.0.1",
        "http://192.0.2.1",
        "ftp://127.0.0.1",
        "127.0.0.1:8080",
        "",
        key.expose_secret(),
    ] {
        let output = start(base_url, Some(OsStr::new(key.expose_secret())));
        assert_eq!(output.exit_code, 2);
        assert!(
            output.err.contains("over http the key is sent to this machine only"),
            "{base_url}: {output:?}"
        );
        output.assert_holds_no_secret_of(&key);
    }
}

#[test]
fn an_unreachable_server_is_not_blamed_on_the_key() {
    let key = ApiKey::generate();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = start(&format!("http://127.0.0.1:{port}"), Some(OsStr::new(key.expose_secret())));
    assert_eq!(output.exit_code, 2);
    assert!(output.err.contains("the server could not be reached: connection refused"), "{output:?}");
}

/// Runs the example in a process that another test starts, and does nothing otherwise. The example's own program does not
/// exist if only this test is built.
#[test]
fn child() {
    let Ok(base_url) = std::env::var(BASE_URL_VARIABLE) else { return };
    std::process::exit(match sdk_client::run(&base_url) {
        Ok(message) => {
            println!("{message}");
            0
        }
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{}", failure.message);
            failure.exit_code.into()
        }
    });
}

/// Runs the example with this key in a child process.
fn start(base_url: &str, key: Option<&OsStr>) -> ChildOutput {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture"]);
    command.env(BASE_URL_VARIABLE, base_url).env_remove("MEMORYKIT_API_KEY");
    // If the example used this proxy, the server would get no request.
    command
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .env_remove("NO_PROXY");
    if let Some(key) = key {
        command.env("MEMORYKIT_API_KEY", key);
    }
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    ChildOutput { exit_code: output.status.code().unwrap(), out, err }
}

#[derive(Debug)]
struct ChildOutput {
    exit_code: i32,
    out: String,
    err: String,
}

impl ChildOutput {
    /// Asserts that six consecutive characters of the secret are nowhere in the output.
    fn assert_holds_no_secret_of(&self, key: &ApiKey) {
        let secret = &key.expose_secret()[16..];
        let is_printed =
            |from: usize| [&self.out, &self.err].iter().any(|text| text.contains(&secret[from..from + 6]));
        assert!(!(0..=secret.len() - 6).any(is_printed), "a piece of the key is printed");
    }
}

/// A server with the route that the example requests. It counts its connections.
struct Server {
    store: Store,
    base_url: String,
    connections: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Server {
    fn start() -> Self {
        let (connections, runtime) = (Arc::default(), Runtime::new().unwrap());
        let store = runtime.block_on(async { Store::default() });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().route("/v1/memories", get(memories)).with_state(store.clone());
        let counted = Counted { listener, connections: Arc::clone(&connections) };
        runtime.spawn(axum::serve(counted, app).into_future());
        Self { store, base_url, connections, _runtime: runtime }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

struct Counted {
    listener: tokio::net::TcpListener,
    connections: Arc<AtomicUsize>,
}

impl axum::serve::Listener for Counted {
    type Io = tokio::net::TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let accepted = axum::serve::Listener::accept(&mut self.listener).await;
        self.connections.fetch_add(1, Ordering::SeqCst);
        accepted
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn memories(State(store): State<Store>, request: Request) -> Response {
    match check(&store, &request) {
        Ok(()) => {
            let json = [(CONTENT_TYPE, "application/json")];
            (StatusCode::OK, json, "{\"data\":[],\"has_more\":false}").into_response()
        }
        Err(denied) => ErrorBody::from(denied).into_response(),
    }
}

fn check(store: &Store, request: &Request) -> Result<(), Denied> {
    let key = bearer::parse_headers(request.headers())?;
    let record = store.find(key.id()).ok_or(Denied::unknown_key())?;
    record.verify(&key, UnixTime::now())?.require(Scope::MEMORIES_READ)
}

/// Starts a server that sends the same response to each request. Returns its base URL and the count of its requests.
fn responding(response: &str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let response = format!("HTTP/1.1 {response}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _ = stream.write_all(response.as_bytes());
        }
    });
    (base_url, requests)
}
