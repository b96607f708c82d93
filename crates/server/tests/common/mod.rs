//! Starts the server's program for a test, on data of its own: on SQLite in a temporary folder, or, if
//! `CTX_KEY_TEST_POSTGRES` names a PostgreSQL server as `postgres://user@host:port`, on a new database there.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod browser;
pub mod company;
mod html;
pub mod project;
pub mod timed;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;
use ureq::http::Response;

pub const EMAIL: &str = "ada@example.com";
/// The owner of another company.
pub const EVE: &str = "eve@example.com";
pub const PASSWORD: &str = "a long enough password";

/// Time after which a test fails instead of waiting longer. It is far longer than any step of a test takes.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The place of a server's data. Several servers can use it, one after the other or at once.
pub struct Data {
    pub folder: TempDir,
    pub database_url: Option<String>,
}

impl Data {
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let database_url = std::env::var("CTX_KEY_TEST_POSTGRES").ok().map(|server| {
            let name = format!("test_{}", uuid::Uuid::new_v4().simple());
            let mut client = postgres::Client::connect(&format!("{server}/postgres"), postgres::NoTls)
                .expect("PostgreSQL");
            client.batch_execute(&format!("CREATE DATABASE {name}")).expect("a new database");
            format!("{server}/{name}")
        });
        Self { folder, database_url }
    }

    /// Returns the URL of the database for a server. It leads through PgBouncer if `CTX_KEY_TEST_PGBOUNCER` names one.
    pub fn server_url(&self) -> Option<String> {
        let url = self.database_url.clone()?;
        let variable = |name| std::env::var(name).ok();
        let (Some(server), Some(pooler)) =
            (variable("CTX_KEY_TEST_POSTGRES"), variable("CTX_KEY_TEST_PGBOUNCER"))
        else {
            return Some(url);
        };
        Some(url.replacen(&server, &pooler, 1))
    }

    /// Returns the command that runs the program on this data.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_at("127.0.0.1:0", arguments)
    }

    pub fn command_at(&self, address: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"));
        command.args(["--listen", address, "--data"]).arg(self.folder.path()).args(arguments);
        command.env_remove("DATABASE_URL").env("RUST_LOG", "warn");
        // some tests send requests with one key as fast as the machine can; the rate limit has its own tests
        command.env("CTX_KEY_RATE_LIMIT", "0");
        command.envs(self.server_url().map(|url| ("DATABASE_URL", url)));
        command
    }

    /// Runs the program until it ends. If it does not end, it is killed, and has no exit code.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }

    /// Runs the program until it ends, with a text on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        run(&mut self.command(arguments), input)
    }

    /// Runs `invite`, and returns the new set-up link.
    pub fn invite(&self) -> String {
        self.succeed(&["invite"], "").trim().to_owned()
    }

    /// Runs a command that succeeds, and returns what it prints.
    #[track_caller]
    pub fn succeed(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run_with(arguments, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a text")
    }

    /// Runs a command that fails and prints nothing, and returns its error.
    #[track_caller]
    pub fn fail(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run_with(arguments, input);
        assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
        String::from_utf8(output.stderr).expect("a text")
    }

    pub fn is_postgres(&self) -> bool {
        self.database_url.is_some()
    }
}

/// Runs a program until it ends. If it does not end, it is killed, and has no exit code.
pub fn run(command: &mut Command, input: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the program runs");
    // the program may end without reading its input
    let _ = process.stdin.take().expect("its input").write_all(input.as_bytes());
    if !becomes(|| process.try_wait().expect("its state").is_some()) {
        process.kill().expect("it runs");
    }
    process.wait_with_output().expect("its output")
}

/// A running server. It is killed when it is dropped.
pub struct Server {
    pub process: Child,
    pub url: String,
    pub set_up_link: Option<String>,
    pub agent: Agent,
}

impl Server {
    pub fn start(data: &Data) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts a server, and creates the first account.
    pub fn with_account(data: &Data) -> Self {
        let server = Self::start(data);
        server.set_up(data);
        server
    }

    pub fn start_with(data: &Data, arguments: &[&str]) -> Self {
        Self::run(data, data.command(arguments))
    }

    /// Starts a server that logs JSON into a file.
    pub fn start_logged(data: &Data, log: File) -> Self {
        let mut command = data.command(&["--log-json"]);
        command.stderr(log);
        Self::run(data, command)
    }

    pub fn run(data: &Data, mut command: Command) -> Self {
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let url = lines.next().expect("its URL").expect("its URL");
        let mut server = Self { process, url, set_up_link: None, agent: agent() };
        if !server.has_accounts(data) {
            server.set_up_link = lines.nth(1).map(|line| line.expect("a link"));
        }
        // reads the output, because the server would wait if the pipe were full
        thread::spawn(move || lines.for_each(drop));
        server
    }

    /// Returns the host and port.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// A connection on which a test that waits too long fails.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
        stream.set_write_timeout(Some(DEADLINE)).expect("a time limit");
        stream
    }

    fn has_accounts(&self, data: &Data) -> bool {
        data.folder.path().join("has-accounts").exists()
    }

    /// Creates the first account.
    pub fn set_up(&self, data: &Data) {
        let link = self.set_up_link.as_ref().expect("a first start");
        let secret = link.split("link=").nth(1).expect("a secret in it");
        let form = [("link", secret), ("email", EMAIL), ("password", PASSWORD), ("company", "Example, Inc.")];
        let response = self.agent.post(format!("{}/set-up", self.url)).send_form(form).expect("an answer");
        assert!(response.status().is_redirection() || response.status().is_success(), "{response:?}");
        std::fs::write(data.folder.path().join("has-accounts"), "").expect("a mark");
    }

    /// Returns an access token of the account, and the id of its company.
    pub fn log_in(&self) -> (String, String) {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        let (status, answer) = self.send_until_available("POST", "/api/v1/auth/login", None, Some(&body));
        assert_eq!(status, 200, "{answer}");
        (text(&answer["access_token"]), text(&answer["companies"][0]["id"]))
    }

    /// The answer of the API to an address and a password.
    pub fn log_in_as(&self, email: &str, password: &str) -> (u16, Value) {
        let body = json!({ "email": email, "password": password });
        self.send("POST", "/api/v1/auth/login", None, Some(&body))
    }

    /// Creates a project and a key with these scopes. Returns the id of the project, and the key.
    pub fn key(&self, token: &str, company: &str, scopes: &[&str]) -> (String, String) {
        let name = format!("project {}", uuid::Uuid::new_v4().simple());
        let path = format!("/api/v1/companies/{company}/projects");
        let body = json!({ "name": name });
        let (status, project) = self.send_until_available("POST", &path, Some(token), Some(&body));
        assert_eq!(status, 201, "{project}");
        let project = project["id"].as_str().expect("an id").to_owned();
        let key = self.key_in(token, company, &project, scopes);
        (project, key)
    }

    pub fn key_in(&self, token: &str, company: &str, project: &str, scopes: &[&str]) -> String {
        let body = json!({ "project_id": project, "name": "a key", "scopes": scopes });
        let path = format!("/api/v1/companies/{company}/api-keys");
        let (status, key) = self.send_until_available("POST", &path, Some(token), Some(&body));
        assert_eq!(status, 201, "{key}");
        key["api_key"].as_str().expect("a key").to_owned()
    }

    /// Sends a request. Returns the status and the JSON of the answer, which is null if there is no body.
    pub fn send(&self, method: &str, path: &str, bearer: Option<&str>, body: Option<&Value>) -> (u16, Value) {
        let mut response = self.request(method, path, bearer, body);
        let text = response.body_mut().read_to_string().expect("a body");
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") };
        (response.status().as_u16(), value)
    }

    /// Sends a request again while it gets 503: on a busy machine, the database may take longer than the server waits.
    pub fn send_until_available(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let start = Instant::now();
        loop {
            let answer = self.send(method, path, bearer, body);
            if answer.0 != 503 || start.elapsed() > DEADLINE {
                return answer;
            }
            eprintln!("{method} {path} got 503 and is sent again");
            thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn get(&self, path: &str, bearer: Option<&str>) -> Response<ureq::Body> {
        self.request("GET", path, bearer, None)
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> Response<ureq::Body> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(bearer) = bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json");
            let request = request.body(body.to_string()).expect("a request");
            return self.agent.run(request).expect("an answer");
        }
        self.agent.run(request.body(()).expect("a request")).expect("an answer")
    }

    /// Sends SIGTERM.
    pub fn ask_to_stop(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    }

    /// Asks the server to stop, and waits until it has.
    pub fn stop(mut self) {
        self.ask_to_stop();
        assert!(self.process.wait().expect("its end").success());
    }

    /// The largest memory that the process has had, in MiB.
    pub fn peak_memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("its end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The id of a key.
pub fn id(key: &str) -> String {
    ctx_key::ApiKey::parse(key).expect("a key").id().to_string()
}

/// The status that a key gets.
pub fn status(server: &Server, key: &str) -> u16 {
    server.get("/v1/key", Some(key)).status().as_u16()
}

/// The text of a JSON string.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

/// Returns a client that follows no redirects, and treats no status as an error.
pub fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .allow_non_standard_methods(true)
        .timeout_global(Some(DEADLINE))
        .build()
        .into()
}

/// Reads exactly one answer, which must have a `content-length`.
pub fn read_answer(stream: &mut impl Read) -> io::Result<String> {
    let (mut answer, mut length) = (Vec::new(), None);
    while length != Some(answer.len()) {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.extend(byte);
        if answer.ends_with(b"\r\n\r\n") && length.is_none() {
            let head = str::from_utf8(&answer).expect("UTF-8");
            let rest = head.split("\r\ncontent-length: ").nth(1).expect("a length");
            let body: usize = rest.lines().next().and_then(|length| length.parse().ok()).expect("a number");
            length = Some(answer.len() + body);
        }
    }
    Ok(String::from_utf8(answer).expect("UTF-8"))
}

/// Reads the rest of a stream.
pub fn rest(mut stream: impl Read) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text
}

/// Waits until `is_true` returns true, for at most [`DEADLINE`].
#[track_caller]
pub fn wait(is_true: impl FnMut() -> bool) {
    assert!(becomes(is_true), "not within {DEADLINE:?}");
}

/// Waits until `is_true` returns true, and returns whether it did within [`DEADLINE`].
pub fn becomes(mut is_true: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while !is_true() {
        if begin.elapsed() > DEADLINE {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Asserts that an attempt succeeds if it takes less than `limit`. An attempt that fails after more time is repeated, because
/// the machine was slow.
#[track_caller]
pub fn assert_within(limit: Duration, mut attempt: impl FnMut() -> Result<(), String>) {
    for attempts_left in (0..10).rev() {
        let begin = Instant::now();
        let Err(failure) = attempt() else { return };
        assert!(begin.elapsed() >= limit && attempts_left > 0, "after {:?}: {failure}", begin.elapsed());
    }
}

/// Attempts to sign in that count for the same account or address.
pub struct Attempts {
    /// Maximum number of attempts at once, and number of attempts that are refilled in each minute.
    quota: u64,
    passed: u64,
    begin: Instant,
}

impl Attempts {
    /// Returns the state for an account or address without an attempt.
    pub fn new(quota: u64) -> Self {
        Self { quota, passed: 0, begin: Instant::now() }
    }

    /// Sends attempts until one is refused with 429. Asserts that the others get the status `passed`, and that their number
    /// is at most the quota and what is refilled meanwhile, because the machine may be slow.
    ///
    /// `attempt` returns the status of an answer and its `Retry-After`.
    #[track_caller]
    pub fn until_refused(&mut self, passed: u16, attempt: impl Fn() -> (u16, Option<String>) + Sync) {
        loop {
            // all at once, because hashing a password takes time
            let answers: Vec<_> = thread::scope(|scope| {
                let sent: Vec<_> = (0..self.quota + 5).map(|_| scope.spawn(&attempt)).collect();
                sent.into_iter().map(|answer| answer.join().expect("an answer")).collect()
            });
            let (refused, others): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, _)| *status == 429);
            assert!(others.iter().all(|answer| **answer == (passed, None)), "{others:?}");
            self.passed += others.len() as u64;
            let refilled = self.begin.elapsed().as_secs() * self.quota / 60;
            assert!(self.passed <= self.quota + refilled, "{} attempts passed", self.passed);
            let is_time = |seconds: u64| (1..=60 / self.quota + 1).contains(&seconds);
            for (_, retry_after) in &refused {
                let seconds = retry_after.as_ref().and_then(|seconds| seconds.parse().ok());
                assert!(seconds.is_some_and(is_time), "{retry_after:?}");
            }
            if !refused.is_empty() {
                break;
            }
        }
        assert!(self.passed >= self.quota, "{} attempts passed", self.passed);
    }
}
