//! Several processes of the server on one database.

use std::fs;
use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use postgres::NoTls;
use tempfile::TempDir;

use crate::common::{Data, Server, wait};
use crate::trouble::{LEASE, counts, id, second, sqlite, status};

/// Numbers of processes that a case is tried with.
pub const SIZES: [usize; 2] = [2, 4];

/// Number of revocations in each case.
pub fn revocations() -> usize {
    std::env::var("CTX_KEY_TEST_REVOCATIONS")
        .map_or(5, |count| count.parse().expect("a number of revocations"))
}

/// Returns whether the cases may take minutes.
pub fn is_long_run() -> bool {
    revocations() >= 50
}

/// The same for cases that wait for long. In a short run, two processes would show nothing that four don't.
pub fn sizes() -> &'static [usize] {
    if is_long_run() { &SIZES } else { &SIZES[1..] }
}

/// How one process starts.
#[derive(Clone, Default)]
pub struct Start {
    /// The way to the database, if it is not the direct one.
    pub url: Option<String>,
    /// The way of the verification, if it is another one.
    pub verifier_url: Option<String>,
    /// Seconds by which the clock of the process is wrong, and the library that makes it so.
    pub clock: Option<(i32, String)>,
}

pub struct Fleet {
    pub servers: Vec<Server>,
    token: String,
    company: String,
    project: String,
    data: Data,
    /// How long a transaction of the tests stays open after its change.
    pub hold: Duration,
    /// Where statements of the tests go, since a database can move.
    url: RwLock<Option<String>>,
    /// Folders of the processes.
    _folders: Vec<TempDir>,
}

impl Fleet {
    /// Starts processes on a new database. `starts` has one element for each.
    pub fn new(data: Data, starts: &[Start]) -> Self {
        let url = data.database_url.clone();
        let mut folders = Vec::new();
        let mut servers: Vec<Server> = Vec::new();
        let (mut token, mut company) = (String::new(), String::new());
        for start in starts {
            let server = match start.url.clone().or(data.server_url()) {
                // the first one makes the tables and the account
                None => start.run(&data),
                Some(url) if servers.is_empty() => {
                    let own = Data { folder: TempDir::new().expect("a folder"), database_url: Some(url) };
                    let server = start.run(&own);
                    folders.push(own.folder);
                    server
                }
                Some(url) => {
                    let own = second(url);
                    let server = start.run(&own);
                    folders.push(own.folder);
                    server
                }
            };
            if servers.is_empty() {
                server.set_up(&data);
                (token, company) = server.log_in();
            }
            servers.push(server);
        }
        let (project, _) = servers[0].key(&token, &company, &["memories:read"]);
        let (hold, url) = (Duration::ZERO, RwLock::new(url));
        Self { servers, token, company, project, data, hold, url, _folders: folders }
    }

    /// Makes keys, each of them in the cache of every process.
    pub fn keys(&self, count: usize) -> Vec<String> {
        let make = |_| self.servers[0].key_in(&self.token, &self.company, &self.project, &["memories:read"]);
        let keys: Vec<String> = (0..count).map(make).collect();
        // the change log has the new keys, so their records are dropped once more
        thread::sleep(LEASE);
        thread::scope(|scope| {
            for server in &self.servers {
                // one by one: on a slow machine, the lease ends now and then
                scope.spawn(|| keys.iter().for_each(|key| wait(|| is_cached(server, key))));
            }
        });
        keys
    }

    /// Asks one process to revoke a key for the account. Returns the status.
    pub fn revoke(&self, process: usize, key: &str) -> u16 {
        let path = format!("/api/v1/companies/{}/api-keys/{}", self.company, id(key));
        self.servers[process].send("DELETE", &path, Some(&self.token), None).0
    }

    /// Revokes a key past all processes, and returns when it was committed. Fails if there is no database.
    pub fn revoke_by_sql(&self, key: &str) -> Result<Instant, postgres::Error> {
        let statement = format!("UPDATE api_keys SET revoked_at = 1 WHERE id = '{}'", id(key));
        let Some(url) = self.url() else {
            sqlite(&self.data).execute_batch(&statement).expect("a statement");
            return Ok(Instant::now());
        };
        let mut client = postgres::Client::connect(&url, NoTls)?;
        let mut transaction = client.transaction()?;
        transaction.batch_execute(&statement)?;
        thread::sleep(self.hold);
        transaction.commit()?;
        Ok(Instant::now())
    }

    /// The direct way to the database, unless it is SQLite.
    pub fn url(&self) -> Option<String> {
        self.url.read().expect("no panic").clone()
    }

    /// Statements of tests go to another database from now on.
    pub fn move_to(&self, url: String) {
        *self.url.write().expect("no panic") = Some(url);
    }
}

impl Start {
    /// A process with this way of the verification.
    pub fn verifying_through(url: &str) -> Self {
        Self { verifier_url: Some(url.to_owned()), ..Self::default() }
    }

    /// A process whose whole way to the database is this.
    pub fn through(url: &str) -> Self {
        Self { url: Some(url.to_owned()), ..Self::default() }
    }

    fn run(&self, data: &Data) -> Server {
        let mut command = data.command(&[]);
        // each outage would log hundreds of warnings
        command.env("RUST_LOG", "error");
        if let Some(url) = &self.verifier_url {
            command.args(["--verifier-database-url", url]);
        }
        if let Some((seconds, library)) = &self.clock {
            command.env("LD_PRELOAD", library).env("FAKETIME", format!("{seconds:+}"));
            // the lease is measured by the monotonic clock, which no setting of the time changes
            command.env("DONT_FAKE_MONOTONIC", "1");
        }
        Server::run(data, command)
    }
}

/// Returns whether a server grants a key without the database.
fn is_cached(server: &Server, key: &str) -> bool {
    let before = counts(server);
    status(server, key) == 200 && counts(server) == before
}

/// Finds the library that gives a process a wrong clock.
pub fn libfaketime() -> Option<String> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    files.find(|file| file.exists())?.into_os_string().into_string().ok()
}
