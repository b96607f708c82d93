//! A database of its own for each test.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use ctx_key::KeyId;
use ctx_key_verifier::postgres::{CHANGE_LOG, Config, Options, PostgresSource, SCHEMA, Snapshot};
use ctx_key_verifier::{Changed, Source};
use tokio_postgres::Client;

use crate::cluster::{Cluster, connect};

/// A step of a test that takes longer has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Database {
    /// URL of the server, without a database.
    pub(crate) server: String,
    pub(crate) name: String,
}

impl Database {
    /// Creates a database with the tables. If there is no server, it prints that the test is skipped.
    pub(crate) async fn new(test: &str) -> Option<Self> {
        Some(Self::with_tables(&server(test)?).await)
    }

    pub(crate) async fn in_cluster(cluster: &Cluster) -> Self {
        Self::with_tables(&cluster.server()).await
    }

    async fn with_tables(server: &str) -> Self {
        let database = Self::empty(server).await;
        database.client().await.batch_execute(&format!("{SCHEMA}{CHANGE_LOG}")).await.expect("the tables");
        database
    }

    /// Creates a database without tables.
    pub(crate) async fn empty(server: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let start = SystemTime::UNIX_EPOCH.elapsed().expect("a time").as_nanos();
        let name = format!("verifier_{start}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let client = connect(&format!("{server}/postgres")).await;
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
        Self { server: server.to_owned(), name }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// Returns the pooler's URL if there is one.
    pub(crate) fn pooled_url(&self) -> String {
        let server = std::env::var("CTX_KEY_TEST_PGBOUNCER").unwrap_or_else(|_| self.server.clone());
        format!("{server}/{}", self.name)
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.url()).await
    }

    pub(crate) fn source(&self) -> PostgresSource {
        self.source_with(&Options::default())
    }

    /// Returns a source that does not use the pooler.
    pub(crate) fn direct(&self, options: &Options) -> PostgresSource {
        PostgresSource::new(&Config::new(&self.url()).expect("a URL"), options)
    }

    pub(crate) fn source_with(&self, options: &Options) -> PostgresSource {
        PostgresSource::new(&Config::new(&self.pooled_url()).expect("a URL"), options)
    }
}

/// Returns the URL of the server. If there is none, it prints that the test is skipped.
fn server(test: &str) -> Option<String> {
    let server = std::env::var("CTX_KEY_TEST_POSTGRES").ok();
    if server.is_none() {
        assert!(std::env::var_os("CTX_KEY_TEST_DEMAND_POSTGRES").is_none(), "no CTX_KEY_TEST_POSTGRES");
        // not with `eprintln!`, because the output of a test that passes is not shown
        let _ = writeln!(io::stderr(), "SKIPPED {test}: CTX_KEY_TEST_POSTGRES is not set");
    }
    server
}

/// Starts a cluster for one test. If there is no server, it prints that the test is skipped.
pub(crate) async fn own_cluster(test: &str, settings: &str) -> Option<Cluster> {
    Some(Cluster::new(&server(test)?, settings).await)
}

/// Reads the log, one read after the other.
pub(crate) struct Reader {
    pub(crate) source: PostgresSource,
    pub(crate) cursor: Snapshot,
}

impl Reader {
    pub(crate) async fn new(source: PostgresSource) -> Self {
        let first = source.changes_since(None).await.expect("the log");
        assert_eq!(first.changed, Changed::Keys(vec![]));
        Self { source, cursor: first.cursor }
    }

    /// Returns the changes since the last read, with sorted ids.
    pub(crate) async fn read(&mut self) -> Changed {
        let changes = self.source.changes_since(Some(&self.cursor)).await.expect("the log");
        self.cursor = changes.cursor;
        match changes.changed {
            Changed::Keys(mut ids) => {
                ids.sort_unstable();
                Changed::Keys(ids)
            }
            changed => changed,
        }
    }

    /// Repeats the read until the server can be reached.
    pub(crate) async fn read_after_outage(&mut self) -> Changed {
        for _ in 0..600 {
            if let Ok(changes) = self.source.changes_since(Some(&self.cursor)).await {
                self.cursor = changes.cursor;
                return changes.changed;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server does not come back");
    }
}

/// Returns the id `…000number`.
pub(crate) fn id(number: u32) -> KeyId {
    format!("key{number:09}").parse().expect("an id")
}

pub(crate) fn keys(numbers: &[u32]) -> Changed {
    Changed::Keys(numbers.iter().copied().map(id).collect())
}

/// Returns the statement that inserts keys `first` to `last`, of a project each.
pub(crate) fn insert(first: u32, last: u32) -> String {
    format!(
        "INSERT INTO api_keys (id, digest, project, scopes) \
         SELECT 'key' || lpad(n::text, 9, '0'), decode(repeat('ab', 32), 'hex'), 'project ' || n, 5 \
         FROM generate_series({first}, {last}) AS n"
    )
}
