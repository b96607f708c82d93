//! The source over SQLite reports exactly the changes, whichever program makes them, and reads the file at its path.

mod changes;
mod connections;
mod history;
mod look_ups;
mod opening;
mod pruning;
mod revocation;
#[cfg(target_os = "linux")]
mod threads;
mod uses;
mod visibility;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use ctx_key::{KeyDigest, KeyId, KeyRecord, Scope};
use ctx_key_verifier::sqlite::{CHANGE_LOG, Cursor, Options, SCHEMA, SqliteSource};
use ctx_key_verifier::{Changed, Changes, Source, SourceError};
use rusqlite::{Connection, params};
use tempfile::TempDir;

/// A file with keys, in a folder of its own.
struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        Self::with_table("")
    }

    fn with_table(table: &str) -> Self {
        let file = Self { folder: tempfile::tempdir().unwrap() };
        file.connect().execute_batch(&format!("{table} {SCHEMA} {CHANGE_LOG}")).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.sqlite")
    }

    /// Connects as the application does.
    fn connect(&self) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.pragma_update(None, "synchronous", "OFF").unwrap();
        db
    }

    fn execute(&self, sql: &str) {
        self.connect().execute_batch(sql).unwrap();
    }

    fn number(&self, sql: &str) -> i64 {
        self.connect().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    async fn source(&self) -> SqliteSource {
        self.source_with(Options::default()).await
    }

    async fn source_with(&self, options: Options) -> SqliteSource {
        SqliteSource::open(self.path(), options).await.unwrap()
    }

    /// Opens the file and returns the error's text.
    async fn open_error(&self) -> String {
        text(SqliteSource::open(self.path(), Options::default()).await.unwrap_err())
    }
}

fn text(error: SourceError) -> String {
    error.to_string()
}

/// Returns an id with this number.
fn id(number: usize) -> KeyId {
    format!("{number:012}").parse().unwrap()
}

fn record(number: usize) -> KeyRecord<Arc<str>> {
    let digest = KeyDigest::from_bytes([number.to_le_bytes()[0]; 32]);
    KeyRecord::from_parts(id(number), digest, "demo".into(), Scope::READ)
}

fn insert(db: &Connection, record: &KeyRecord<Arc<str>>) {
    let sql =
        "INSERT INTO api_keys (id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let [not_before, expires_at, retires_at, revoked_at] =
        [record.not_before, record.expires_at, record.retires_at, record.revoked_at]
            .map(|time| time.map(|time| i64::try_from(time.as_secs()).unwrap()));
    let (digest, project) = (record.digest.as_bytes(), &*record.project);
    let id = record.id.as_str();
    db.execute(
        sql,
        params![id, digest, project, record.scopes.bits(), not_before, expires_at, retires_at, revoked_at],
    )
    .unwrap();
}

/// Reads the log as a verifier does: each read starts from the cursor of the last one.
struct Reader {
    source: SqliteSource,
    cursor: Cursor,
}

impl Reader {
    async fn new(source: SqliteSource) -> Self {
        let Changes { changed, cursor } = source.changes_since(None).await.unwrap();
        assert_eq!(changed, Changed::Keys(vec![]));
        Self { source, cursor }
    }

    async fn read(&mut self) -> Result<Changed, SourceError> {
        let changes = self.source.changes_since(Some(&self.cursor)).await?;
        self.cursor = changes.cursor;
        Ok(changes.changed)
    }

    async fn changed(&mut self) -> Changed {
        self.read().await.unwrap()
    }

    /// Expects another history, and no change at the next read.
    async fn expect_history(&mut self) {
        assert_eq!(self.changed().await, Changed::History);
        assert_eq!(self.changed().await, Changed::Keys(vec![]));
    }
}

fn keys(numbers: &[usize]) -> Changed {
    Changed::Keys(numbers.iter().map(|&number| id(number)).collect())
}

/// Executes statements in another process, which runs only the test `another_process` of this program.
fn execute_elsewhere(file: &File, sql: &str) {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", "another_process", "--ignored"]);
    let output = command.env("TEST_FILE", file.path()).env("TEST_SQL", sql).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

#[test]
#[ignore = "other tests run it in a process of its own"]
fn another_process() {
    if let (Ok(file), Ok(sql)) = (std::env::var("TEST_FILE"), std::env::var("TEST_SQL")) {
        Connection::open(file).unwrap().execute_batch(&sql).unwrap();
    }
}

fn last_used(file: &File) -> Vec<Option<i64>> {
    let db = file.connect();
    let mut statement = db.prepare("SELECT last_used_at FROM api_keys ORDER BY id").unwrap();
    let times = statement.query_map([], |row| row.get(0)).unwrap();
    times.collect::<Result<_, _>>().unwrap()
}

fn insert_range(file: &File, range: std::ops::Range<usize>) {
    let mut db = file.connect();
    let transaction = db.transaction().unwrap();
    range.for_each(|number| insert(&transaction, &record(number)));
    transaction.commit().unwrap();
}
