//! The key records of the server's database, for the verifier: [`KeySource`].

use std::sync::Arc;
use std::time::Duration;

use ctx_key::{KeyId, UnixTime};
use ctx_key_verifier::postgres::{self, PostgresSource, Snapshot};
use ctx_key_verifier::sqlite::{self, SqliteSource};
use ctx_key_verifier::{Changes, LookedUp, Options, Source, SourceError, Verifier};

use crate::database::Location;

/// Verifies keys with the records of a [`KeySource`].
pub type KeyVerifier = Verifier<KeySource>;

/// Minimum time between two recorded uses of a key. The dashboard shows the time to the minute.
const USE_GRANULARITY: Duration = Duration::from_secs(60);

/// Settings of verification that the operator chooses.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Maximum number of records in the cache.
    pub cache_size: usize,
    /// Maximum number of connections that look up records.
    pub connections: usize,
    pub lease: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let Options { max_records, max_look_ups, lease, .. } = Options::default();
        Self { cache_size: max_records, connections: max_look_ups, lease }
    }
}

/// Key records in SQLite or PostgreSQL. The source has connections of its own.
#[derive(Debug)]
pub enum KeySource {
    Sqlite(SqliteSource),
    Postgres(PostgresSource),
}

/// A point in the history of either database.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Cursor {
    Sqlite(sqlite::Cursor),
    Postgres(Snapshot),
}

impl KeySource {
    /// Opens the records of a database whose schema is up to date.
    ///
    /// # Errors
    ///
    /// - The file can't be opened, or lacks a table.
    /// - The URL is malformed.
    pub async fn open(location: &Location, settings: &Settings) -> Result<Self, SourceError> {
        let connections = settings.connections;
        match location {
            Location::Sqlite(path) => {
                let options = sqlite::Options { connections, ..sqlite::Options::default() };
                SqliteSource::open(path, options).await.map(Self::Sqlite)
            }
            Location::Postgres(url) => {
                let config = postgres::Config::new(url);
                let mut config = config.map_err(|error| SourceError::Unavailable(error.into()))?;
                if config.postgres.get_application_name().is_none() {
                    config.postgres.application_name("ctx-key-verifier");
                }
                let mut options = postgres::Options::default();
                options.connections = connections;
                Ok(Self::Postgres(PostgresSource::new(&config, &options)))
            }
        }
    }

    /// Starts a verifier that uses these records.
    pub fn verifier(self, settings: &Settings) -> KeyVerifier {
        let options = Options {
            lease: settings.lease,
            max_records: settings.cache_size,
            max_look_ups: settings.connections,
            use_granularity: USE_GRANULARITY,
            ..Options::default()
        };
        Verifier::new(self, options)
    }
}

impl Source for KeySource {
    type Project = Arc<str>;
    type Cursor = Cursor;

    async fn look_up(&self, ids: &[KeyId]) -> Result<LookedUp<Arc<str>, Cursor>, SourceError> {
        fn with<C>(found: LookedUp<Arc<str>, C>, cursor: fn(C) -> Cursor) -> LookedUp<Arc<str>, Cursor> {
            LookedUp { records: found.records, corrupt: found.corrupt, cursor: cursor(found.cursor) }
        }
        match self {
            Self::Sqlite(source) => source.look_up(ids).await.map(|found| with(found, Cursor::Sqlite)),
            Self::Postgres(source) => source.look_up(ids).await.map(|found| with(found, Cursor::Postgres)),
        }
    }

    async fn changes_since(&self, cursor: Option<&Cursor>) -> Result<Changes<Cursor>, SourceError> {
        fn with<C>(read: Changes<C>, cursor: fn(C) -> Cursor) -> Changes<Cursor> {
            Changes { changed: read.changed, cursor: cursor(read.cursor) }
        }
        match self {
            Self::Sqlite(source) => {
                let cursor = match cursor {
                    Some(Cursor::Sqlite(cursor)) => Some(cursor),
                    Some(Cursor::Postgres(_)) => return Err(of_other_database()),
                    None => None,
                };
                source.changes_since(cursor).await.map(|read| with(read, Cursor::Sqlite))
            }
            Self::Postgres(source) => {
                let cursor = match cursor {
                    Some(Cursor::Postgres(cursor)) => Some(cursor),
                    Some(Cursor::Sqlite(_)) => return Err(of_other_database()),
                    None => None,
                };
                source.changes_since(cursor).await.map(|read| with(read, Cursor::Postgres))
            }
        }
    }

    async fn record_uses(&self, uses: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
        match self {
            Self::Sqlite(source) => source.record_uses(uses).await,
            Self::Postgres(source) => source.record_uses(uses).await,
        }
    }
}

/// Returns an error that never occurs in practice, because a verifier gets all its cursors from one source.
fn of_other_database() -> SourceError {
    SourceError::Unexpected("the cursor belongs to another kind of database".into())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    use tempfile::TempDir;

    use super::*;
    use crate::database::{Database, STATEMENT_TIMEOUT};
    use crate::store::migration::{STEPS, prepare};

    /// Returns the location of a database in this folder, with all its tables.
    async fn prepared(folder: &TempDir) -> Location {
        let location = Location::Sqlite(folder.path().join("database"));
        let database = Database::open(location.clone()).unwrap();
        prepare(&database, STEPS, STATEMENT_TIMEOUT).await.unwrap();
        location
    }

    #[tokio::test]
    async fn a_verifier_has_the_settings_of_the_operator() {
        let folder = TempDir::new().unwrap();
        let location = prepared(&folder).await;
        let settings = Settings { cache_size: 3, connections: 2, lease: Duration::from_millis(300) };
        let verifier = KeySource::open(&location, &settings).await.unwrap().verifier(&settings);
        let expected = Options {
            max_records: 3,
            max_look_ups: 2,
            lease: Duration::from_millis(300),
            use_granularity: Duration::from_secs(60),
            ..Options::default()
        };
        assert_eq!(*verifier.options(), expected);
    }

    #[tokio::test]
    async fn a_source_in_postgresql_has_the_connections_of_the_operator() {
        // it connects when it is first used
        let location = Location::Postgres("postgres://nobody@localhost/none".to_owned());
        let settings = Settings { connections: 3, ..Settings::default() };
        let source = format!("{:?}", KeySource::open(&location, &settings).await.unwrap());
        assert!(source.contains("max_size: 3,"), "{source}");
    }

    /// Each connection has a thread. The test needs a process of its own, because other tests of this program have
    /// sources, too.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_source_in_sqlite_has_the_connections_of_the_operator() {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "key_source::tests::a_source_has_its_threads", "--ignored"]);
        let output = command.env("TEST_CONNECTIONS", "6").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    #[ignore = "another test runs it in a process of its own"]
    async fn a_source_has_its_threads() {
        let Ok(connections) = std::env::var("TEST_CONNECTIONS") else { return };
        let settings = Settings { connections: connections.parse().unwrap(), ..Settings::default() };
        let folder = TempDir::new().unwrap();
        let _source = KeySource::open(&prepared(&folder).await, &settings).await.unwrap();
        let count = || {
            let tasks = std::fs::read_dir("/proc/self/task").unwrap();
            let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
            names.filter(|name| name.trim_end() == "ctx-key-read").count()
        };
        // a thread gets its name after it has started
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while count() != settings.connections {
            assert!(std::time::Instant::now() < deadline, "{}, not {}", count(), settings.connections);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The operator finds the name in the server's list of connections.
    #[tokio::test]
    async fn a_source_in_postgresql_has_a_name_unless_the_url_has_one() {
        for (parameter, name) in [("", "ctx-key-verifier"), ("&application_name=ops", "ops")] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let url = format!("postgres://nobody@127.0.0.1:{port}/none?sslmode=disable{parameter}");
            // it reads the start-up message, and hangs up
            let server = thread::spawn(move || {
                let (mut client, _) = listener.accept().unwrap();
                let mut message = [0; 1024];
                let length = client.read(&mut message).unwrap();
                String::from_utf8_lossy(&message[..length]).into_owned()
            });
            let source = KeySource::open(&Location::Postgres(url), &Settings::default()).await.unwrap();
            assert!(source.changes_since(None).await.is_err());
            let message = server.join().unwrap();
            assert!(message.contains(&format!("application_name\0{name}\0")), "{message:?}");
        }
    }

    /// If it counted as no cursor, changes would be missed.
    #[tokio::test]
    async fn a_cursor_of_another_kind_of_database_is_refused() {
        let folder = TempDir::new().unwrap();
        let settings = Settings::default();
        let source = KeySource::open(&prepared(&folder).await, &settings).await.unwrap();
        let cursor = source.changes_since(None).await.unwrap().cursor;
        let location = Location::Postgres("postgres://nobody@127.0.0.1:1/none".to_owned());
        let other = KeySource::open(&location, &settings).await.unwrap();
        let error = other.changes_since(Some(&cursor)).await.unwrap_err();
        let expected = "unexpected answer of the database: the cursor belongs to another kind of database";
        assert_eq!(error.to_string(), expected);
    }
}
