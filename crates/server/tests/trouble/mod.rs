//! Helpers for tests of trouble: a first account, SQL without the server, and a proxy that disturbs connections to PostgreSQL.
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
pub use crate::common::{id, status};

/// Maximum time between the commit of a revocation and the start of a grant, whichever process revoked the key.
pub const LEASE: Duration = Duration::from_millis(500);

/// A server with an account that is signed in.
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
        let server = Server::with_account(&data);
        let (token, company) = server.log_in();
        let (project, _) = server.key(&token, &company, &["memories:read"]);
        Self { server, token, company, project, data }
    }

    /// Creates the fixture of a test that needs PostgreSQL. On SQLite, prints that the test is skipped, and returns `None`.
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

/// Prints that a test is skipped because there is no PostgreSQL. Prints directly to stderr, which the test harness does not
/// capture.
pub fn skip(test: &str) {
    assert!(std::env::var_os("CTX_KEY_TEST_DEMAND_POSTGRES").is_none(), "CTX_KEY_TEST_POSTGRES is not set");
    skip_because(test, "CTX_KEY_TEST_POSTGRES is not set");
}

pub fn skip_because(test: &str, reason: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED {test}: {reason}");
}

/// Sets a flag when it is dropped. So threads that loop until the flag is set end even if the test fails.
pub struct End<'a>(pub &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Calls `ask` until the answer is `new`, and asserts that no call that begins after `limit` gets `old`. Returns the time that
/// this took.
///
/// The start of a call counts. So a slow machine makes fewer calls and notices less, but never fails.
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

/// Sends a request, or the start of one, and returns the connection after the server has read it.
///
/// Another request precedes it in the same packet. When the server has answered that one, it has read both, and handles the
/// second before it reads from the connection again.
pub fn send_and_see_it_read(server: &Server, request: &str) -> TcpStream {
    let mut stream = server.connect();
    let both = format!("GET /v1/key HTTP/1.1\r\nhost: localhost\r\n\r\n{request}");
    stream.write_all(both.as_bytes()).expect("a server that reads");
    let answer = read_answer(&mut stream).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    stream
}

/// Waits until the server answers from the cache, and will continue to do so.
///
/// A record that was read soon after its change is dropped when the log reports that change. After a lease, the log was read
/// at least once since this function was called.
pub fn wait_for_cache(server: &Server, key: &str) {
    let begin = Instant::now();
    wait(|| {
        let has_read_log = begin.elapsed() > LEASE;
        let before = counts(server);
        status(server, key) == 200 && counts(server) == before && has_read_log
    });
}

/// Returns the number of verifications whose record was not in the cache, and of those that did not use the cache.
pub fn counts(server: &Server) -> (u64, u64) {
    (count(server, "ctx_key_cache_misses_total"), count(server, "ctx_key_cache_bypasses_total"))
}

/// Returns the value of a counter in `/metrics`.
pub fn count(server: &Server, name: &str) -> u64 {
    let mut response = server.get("/metrics", None);
    let text = response.body_mut().read_to_string().expect("a text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect("the counter").parse().expect("a number")
}

/// Returns the resident memory of a server in bytes.
pub fn memory(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.process.id());
    let status = std::fs::read_to_string(path).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

pub fn database_file(data: &Data) -> PathBuf {
    data.folder.path().join("ctx-key.sqlite")
}

/// Returns another data folder with the same PostgreSQL database, for a second server.
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

/// Executes statements without the server.
pub fn execute(data: &Data, sql: &str) {
    if data.is_postgres() {
        postgres(data).batch_execute(sql).expect("a statement");
    } else {
        sqlite(data).execute_batch(sql).expect("a statement");
    }
}

/// Returns a subquery with the numbers `n` from 1 to `last`, under the name `numbers`.
pub fn numbers(last: usize) -> String {
    format!(
        "(WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) \
         SELECT n FROM numbers) AS numbers"
    )
}

/// Returns an expression in SQL for a digest that begins with the number `n`. The first half of a digest is the name of a
/// session, so each number gives another name.
pub fn digest(data: &Data) -> &'static str {
    if data.is_postgres() {
        "decode(lpad(n::text, 8, '0') || repeat('0', 56), 'hex')"
    } else {
        "unhex(printf('%08d%056d', n, 0))"
    }
}

/// Reads a number without the server.
pub fn number(data: &Data, sql: &str) -> Option<i64> {
    if data.is_postgres() {
        postgres(data).query_one(sql, &[]).expect("a row").get(0)
    } else {
        sqlite(data).query_row(sql, [], |row| row.get(0)).expect("a row")
    }
}

/// Stores a key without the server.
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

/// Returns the plan of the database for a statement, with these values for its parameters.
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

/// Runs `work` while another program holds the write lock of SQLite, or a lock of PostgreSQL that prevents writes to `table`.
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
