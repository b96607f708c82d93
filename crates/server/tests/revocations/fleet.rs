//! Several processes of the server on one database.

use std::fs;
use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use postgres::NoTls;
use tempfile::TempDir;

use crate::common::{Data, Server, wait};
use crate::trouble::{LEASE, counts, id, second, sqlite, status};

/// Numbers of processes with which each case runs.
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

/// Returns the numbers of processes for cases that take long. A short run tests only four, which show all that two show.
pub fn sizes() -> &'static [usize] {
    if is_long_run() { &SIZES } else { &SIZES[1..] }
}

/// Settings of one process.
#[derive(Clone, Default)]
pub struct Start {
    /// URL of the database, if it is not the direct one.
    pub url: Option<String>,
    /// URL of the database for the verifier, if it is another one.
    pub verifier_url: Option<String>,
    /// Seconds by which the clock of the process is wrong, and the path of libfaketime.
    pub clock: Option<(i32, String)>,
}

pub struct Fleet {
    pub servers: Vec<Server>,
    token: String,
    company: String,
    project: String,
    data: Data,
    /// Time that a transaction of the tests stays open after its change.
    pub hold: Duration,
    /// URL for statements of the tests. A failover or a restore changes it.
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
                // the first process creates the tables and the account
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

    /// Creates keys, and waits until every process has cached each of them.
    pub fn keys(&self, count: usize) -> Vec<String> {
        let make = |_| self.servers[0].key_in(&self.token, &self.company, &self.project, &["memories:read"]);
        let keys: Vec<String> = (0..count).map(make).collect();
        // the change log reports the new keys, so their records are dropped once more
        thread::sleep(LEASE);
        thread::scope(|scope| {
            for server in &self.servers {
                // one by one, because the lease may end now and then on a slow machine
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

    /// Revokes a key with SQL, and returns the time after the commit. It fails if the database can't be reached.
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

    /// Returns the direct URL of the database, or `None` if it is SQLite.
    pub fn url(&self) -> Option<String> {
        self.url.read().expect("no panic").clone()
    }

    /// Sends later statements of the tests to another database.
    pub fn move_to(&self, url: String) {
        *self.url.write().expect("no panic") = Some(url);
    }
}

impl Start {
    /// Returns the settings of a process whose verifier uses this URL.
    pub fn verifying_through(url: &str) -> Self {
        Self { verifier_url: Some(url.to_owned()), ..Self::default() }
    }

    /// Returns the settings of a process that uses this URL for everything.
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
            // the lease uses the monotonic clock, which does not change when the time is set
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

/// Returns the path of libfaketime, which gives a process a wrong clock.
pub fn libfaketime() -> Option<String> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    files.find(|file| file.exists())?.into_os_string().into_string().ok()
}
