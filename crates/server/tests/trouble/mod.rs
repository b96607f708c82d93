//! What tests of trouble share: a first account, SQL past the server, and a way to PostgreSQL that can be disturbed.
#![allow(dead_code, unused_imports, reason = "each test program uses a part")]

mod proxy;

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ctx_key::{ApiKey, KeyRecord, Scope};
use tempfile::TempDir;

pub use proxy::{Conduct, Proxy};

use crate::common::{DEADLINE, Data, Server, read_answer, wait};

/// No grant begins later than this after the commit of a revocation, whichever process made it.
pub const LEASE: Duration = Duration::from_millis(500);

/// A server with an account, signed in.
pub struct Fixture {
    pub server: Server,
    pub token: String,
    pub company: String,
    pub project: String,
    pub data: Data,
}

impl Fixture {
    pub fn new() -> Self {
        let data = Data::new();
        let server = Server::start(&data);
        server.set_up(&data);
        let (token, company) = server.log_in();
        let (project, _) = server.key(&token, &company, &["memories:read"]);
        Self { server, token, company, project, data }
    }

    /// For tests of what PostgreSQL alone can do.
    pub fn on_postgres(test: &str) -> Option<Self> {
        if std::env::var_os("CTX_KEY_TEST_POSTGRES").is_none() {
            skip(test);
            return None;
        }
        Some(Self::new())
    }

    pub fn key(&self) -> String {
        self.server.key_in(&self.token, &self.company, &self.project, &["memories:read"])
    }

    pub fn keys_path(&self) -> String {
        format!("/api/v1/companies/{}/api-keys", self.company)
    }

    pub fn revoke(&self, key: &str) -> u16 {
        let path = format!("{}/{}", self.keys_path(), id(key));
        self.server.send("DELETE", &path, Some(&self.token), None).0
    }
}

/// Says past the capture of the test harness that a test did nothing.
pub fn skip(test: &str) {
    assert!(std::env::var_os("CTX_KEY_TEST_DEMAND_POSTGRES").is_none(), "CTX_KEY_TEST_POSTGRES is not set");
    skip_because(test, "CTX_KEY_TEST_POSTGRES is not set");
}

pub fn skip_because(test: &str, reason: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {reason}");
}

/// Sets a mark when it is dropped, so that threads which loop until then end also if a test fails.
pub struct End<'a>(pub &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The status that a key gets.
pub fn status(server: &Server, key: &str) -> u16 {
    server.get("/v1/key", Some(key)).status().as_u16()
}

pub fn id(key: &str) -> String {
    ApiKey::parse(key).expect("a key").id().as_str().to_owned()
}

/// Asks until the answer is `new`, and asserts that no request that begins later than `limit` is answered with `old`.
/// Returns how long it took.
///
/// Requests are judged by when they begin. A slow machine sends fewer of them, and finds less, but never fails.
#[track_caller]
pub fn assert_changes_within(
    limit: Duration,
    [old, new]: [u16; 2],
    mut ask: impl FnMut() -> u16,
) -> Duration {
    let begin = Instant::now();
    wait(|| {
        let asked_after = begin.elapsed();
        let answer = ask();
        assert!(answer != old || asked_after <= limit, "{old} to a request that began {asked_after:?} later");
        answer == new
    });
    begin.elapsed()
}

/// Sends a request, or its begin, and returns the connection when the server has read it.
///
/// Another request goes before it in the same packet. When the server has answered that one, it has read both, and handles
/// the second before it looks at the connection again.
pub fn send_and_see_it_read(server: &Server, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
    let both = format!("GET /v1/key HTTP/1.1\r\nhost: localhost\r\n\r\n{request}");
    stream.write_all(both.as_bytes()).expect("a server that reads");
    let answer = read_answer(&mut stream).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    stream
}

/// Until the server answers without the database, and goes on to do so.
///
/// A record that was read soon after its change leaves the cache when the change is read from the log. After a lease, the
/// log has been read since now.
pub fn wait_for_cache(server: &Server, key: &str) {
    let begin = Instant::now();
    wait(|| {
        let has_read_log = begin.elapsed() > LEASE;
        let before = counts(server);
        status(server, key) == 200 && counts(server) == before && has_read_log
    });
}

/// Verifications whose record was not in the cache, and those without the cache.
pub fn counts(server: &Server) -> (u64, u64) {
    (count(server, "ctx_key_cache_misses_total"), count(server, "ctx_key_cache_bypasses_total"))
}

/// A counter of `/metrics`.
pub fn count(server: &Server, name: &str) -> u64 {
    let mut response = server.get("/metrics", None);
    let text = response.body_mut().read_to_string().expect("a text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect("the counter").parse().expect("a number")
}

/// Resident memory of a process, in bytes.
pub fn memory(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.process.id());
    let status = std::fs::read_to_string(path).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

pub fn database_file(data: &Data) -> PathBuf {
    data.folder.path().join("ctx-key.sqlite")
}

/// Another data folder of the same PostgreSQL database, for a second server.
pub fn second(url: String) -> Data {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("has-accounts"), "").expect("a mark");
    Data { folder, database_url: Some(url) }
}

pub fn sqlite(data: &Data) -> rusqlite::Connection {
    let client = rusqlite::Connection::open(database_file(data)).expect("the database");
    client.busy_timeout(DEADLINE).expect("a time limit");
    client
}

pub fn postgres(data: &Data) -> postgres::Client {
    let url = data.database_url.as_ref().expect("PostgreSQL");
    postgres::Client::connect(url, postgres::NoTls).expect("PostgreSQL")
}

/// Statements, past the server.
pub fn execute(data: &Data, sql: &str) {
    if data.is_postgres() {
        postgres(data).batch_execute(sql).expect("a statement");
    } else {
        sqlite(data).execute_batch(sql).expect("a statement");
    }
}

/// A number of 64 bits, past the server.
pub fn number(data: &Data, sql: &str) -> Option<i64> {
    if data.is_postgres() {
        postgres(data).query_one(sql, &[]).expect("a row").get(0)
    } else {
        sqlite(data).query_row(sql, [], |row| row.get(0)).expect("a row")
    }
}

/// Stores a key that no server made.
pub fn insert(data: &Data, project: &str, key: &ApiKey) {
    let record = KeyRecord::new(key, project, Scope::MEMORIES_READ);
    let digest = hex::encode(record.digest.as_bytes());
    let digest = if data.is_postgres() { format!(r"'\x{digest}'") } else { format!("x'{digest}'") };
    execute(
        data,
        &format!(
            "INSERT INTO api_keys (id, digest, project, scopes, name, created_at, updated_at) \
             VALUES ('{}', {digest}, '{project}', {}, 'by hand', 0, 0)",
            record.id,
            record.scopes.bits()
        ),
    );
}

/// How the database finds the rows of a statement, with these values for its parameters.
pub fn plan(data: &Data, sql: &str, values: &[&str]) -> String {
    let mut sql = sql.to_owned();
    for (number, value) in (1..).zip(values) {
        sql = sql.replace(&format!("${number}"), value);
    }
    if data.is_postgres() {
        let rows = postgres(data).query(&format!("EXPLAIN {sql}"), &[]).expect("a plan");
        rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
    } else {
        let client = sqlite(data);
        let mut statement = client.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
        let rows = statement.query_map([], |row| row.get::<_, String>("detail")).expect("a plan");
        rows.map(|row| row.expect("a line") + "\n").collect()
    }
}

/// Runs `work` while another program holds the lock of SQLite's writer, or keeps PostgreSQL from writing to a table.
pub fn while_locked<T>(data: &Data, table: &str, work: impl FnOnce() -> T) -> T {
    if data.is_postgres() {
        let mut client = postgres(data);
        let lock = format!("BEGIN; LOCK TABLE {table} IN SHARE MODE");
        client.batch_execute(&lock).expect("a lock");
        let done = work();
        client.batch_execute("ROLLBACK").expect("its end");
        done
    } else {
        let client = sqlite(data);
        client.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        let done = work();
        client.execute_batch("ROLLBACK").expect("its end");
        done
    }
}
