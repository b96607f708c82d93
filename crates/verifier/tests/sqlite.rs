//! The source over SQLite reports exactly the changes, whichever program makes them, and reads the file at its path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ctx_key::{ApiKey, KeyDigest, KeyId, KeyRecord, Reason, Scope, UnixTime};
use ctx_key_verifier::sqlite::{CHANGE_LOG, Cursor, Options, SCHEMA, SqliteSource};
use ctx_key_verifier::{Changed, Changes, LookedUp, Source, SourceError, Verifier, VerifyError};
use rusqlite::backup::Backup;
use rusqlite::{Connection, params};
use tempfile::TempDir;

/// A table to which the application added columns and constraints. `SCHEMA` does not change a table that exists.
const LARGER_TABLE: &str = "
CREATE TABLE projects (id TEXT PRIMARY KEY) STRICT;
INSERT INTO projects VALUES ('demo'), ('other');
CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 12),
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    project      TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    scopes       INTEGER NOT NULL,
    not_before   INTEGER,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    name         TEXT,
    last_used_at INTEGER,
    form         TEXT    UNIQUE
) STRICT, WITHOUT ROWID;
ALTER TABLE api_keys ADD COLUMN retires_at INTEGER;
";

/// A table that accepts any value.
const LOOSE_TABLE: &str = "
CREATE TABLE api_keys (id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at, last_used_at);
";

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

/// Statements for a file that has the keys 1 to 3, and the keys that each changes, in the order of the log.
const CHANGES: &[(&str, &[usize])] = &[
    ("INSERT INTO api_keys (id, digest, project, scopes) VALUES ('000000000004', zeroblob(32), 'demo', 1)", &[4]),
    ("UPDATE api_keys SET id = '000000000009' WHERE id = '000000000004'", &[4, 9]),
    ("UPDATE api_keys SET digest = zeroblob(32) WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET project = 'other' WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET scopes = 3 WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET not_before = 0 WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET expires_at = 0 WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET retires_at = 0 WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET revoked_at = 0 WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET revoked_at = NULL WHERE id = '000000000001'", &[1]),
    // no change
    ("UPDATE api_keys SET scopes = 3, revoked_at = NULL WHERE id = '000000000001'", &[]),
    ("UPDATE api_keys SET last_used_at = 7", &[]),
    ("UPDATE api_keys SET scopes = 5 WHERE id = '000000000007'", &[]),
    ("CREATE TEMP TABLE elsewhere (a); INSERT INTO elsewhere VALUES (1)", &[]),
    // several, in one statement and in one transaction
    ("UPDATE api_keys SET scopes = 7 WHERE id < '000000000003'", &[1, 2]),
    ("UPDATE api_keys SET scopes = 7", &[3, 9]),
    (
        "BEGIN; UPDATE api_keys SET scopes = 1 WHERE id = '000000000003'; UPDATE api_keys SET scopes = 2, last_used_at = 8;
         DELETE FROM api_keys WHERE id = '000000000009'; COMMIT",
        &[3, 1, 2, 3, 9, 9],
    ),
    (
        "INSERT INTO api_keys (id, digest, project, scopes)
         SELECT '00000000001' || scopes, digest, project, scopes FROM api_keys WHERE id = '000000000003'",
        &[12],
    ),
    // rolled back
    ("BEGIN; DELETE FROM api_keys; ROLLBACK", &[]),
    (
        "BEGIN; UPDATE api_keys SET scopes = 4 WHERE id = '000000000001'; SAVEPOINT a; DELETE FROM api_keys; ROLLBACK TO a;
         UPDATE api_keys SET scopes = 4 WHERE id = '000000000002'; COMMIT",
        &[1, 2],
    ),
    // insertions of ids that exist
    (
        "INSERT OR REPLACE INTO api_keys (id, digest, project, scopes) VALUES ('000000000001', zeroblob(32), 'demo', 1)",
        &[1],
    ),
    (
        "INSERT INTO api_keys (id, digest, project, scopes) VALUES ('000000000001', zeroblob(32), 'demo', 1)
         ON CONFLICT (id) DO UPDATE SET revoked_at = 5",
        &[1],
    ),
    (
        "INSERT OR IGNORE INTO api_keys (id, digest, project, scopes) VALUES ('000000000001', zeroblob(32), 'demo', 9)",
        &[],
    ),
    ("UPDATE OR REPLACE api_keys SET id = '000000000002' WHERE id = '000000000012'", &[12, 2]),
    // an id that no key can have is not reported, because it can't be cached
    (
        "INSERT INTO api_keys (id, digest, project, scopes) VALUES ('not an id!!!', zeroblob(32), 'demo', 1),
         ('000000000005', zeroblob(32), 'demo', 1)",
        &[5],
    ),
    ("DELETE FROM api_keys WHERE id = '000000000005'", &[5]),
    ("DELETE FROM api_keys", &[1, 2, 3]),
];

async fn reports_every_kind_of_change(table: &str, execute: fn(&File, &str)) {
    let file = File::with_table(table);
    (1..4).for_each(|number| insert(&file.connect(), &record(number)));
    let mut reader = Reader::new(file.source().await).await;
    for (sql, changed) in CHANGES {
        execute(&file, sql);
        let before = reader.cursor;
        assert_eq!(reader.changed().await, keys(changed), "{sql}");
        assert_eq!(reader.cursor > before, !changed.is_empty(), "{sql}");
        assert!(reader.cursor >= before, "{sql}");
        assert_eq!(reader.changed().await, keys(&[]), "{sql}");
    }
}

#[tokio::test]
async fn every_kind_of_change_is_reported() {
    reports_every_kind_of_change("", File::execute).await;
}

#[tokio::test]
async fn every_kind_of_change_of_another_process_is_reported() {
    reports_every_kind_of_change("", execute_elsewhere).await;
}

#[tokio::test]
async fn a_table_with_more_columns_works() {
    reports_every_kind_of_change(LARGER_TABLE, File::execute).await;

    let file = File::with_table(LARGER_TABLE);
    (1..4).for_each(|number| insert(&file.connect(), &record(number)));
    let mut reader = Reader::new(file.source().await).await;
    file.execute("UPDATE api_keys SET name = 'a name', form = id");
    assert_eq!(reader.changed().await, keys(&[]));
    file.execute("PRAGMA foreign_keys = ON; DELETE FROM projects WHERE id = 'demo'");
    assert_eq!(reader.changed().await, keys(&[1, 2, 3]));
}

#[tokio::test]
async fn a_row_that_a_unique_column_replaces_is_noticed_with_recursive_triggers() {
    let file = File::with_table(LARGER_TABLE);
    (1..3).for_each(|number| insert(&file.connect(), &record(number)));
    file.execute("UPDATE api_keys SET form = id");
    let mut reader = Reader::new(file.source().await).await;
    let replace =
        "UPDATE OR REPLACE api_keys SET form = '000000000002', scopes = 3 WHERE id = '000000000001'";
    file.execute(&format!("PRAGMA recursive_triggers = ON; {replace}"));
    assert_eq!(reader.changed().await, keys(&[2, 1]));
}

#[tokio::test]
async fn a_look_up_returns_records_and_its_cursor() {
    let file = File::new();
    let db = file.connect();
    let (plain, mut full, mut ended) = (record(1), record(2), record(3));
    full.scopes = Scope::all();
    full.project = "a \"project\" — другой".into();
    full.not_before = Some(UnixTime::from_secs(0));
    full.expires_at = Some(UnixTime::from_secs(i64::MAX.unsigned_abs()));
    ended.scopes = Scope::empty();
    ended.retires_at = Some(UnixTime::from_secs(1_700_000_000));
    ended.revoked_at = Some(UnixTime::from_secs(1_800_000_000));
    [&plain, &full, &ended, &record(4)].into_iter().for_each(|record| insert(&db, record));
    let mut reader = Reader::new(file.source().await).await;

    let looked_up = reader.source.look_up(&[id(3), id(7), id(1), id(2)]).await.unwrap();
    let expected = LookedUp { records: vec![ended, plain, full], corrupt: vec![], cursor: reader.cursor };
    assert_eq!(looked_up, expected);

    db.execute_batch("UPDATE api_keys SET project = 'other' WHERE id = '000000000004'").unwrap();
    let mut other = record(4);
    other.project = "other".into();
    let looked_up = reader.source.look_up(&[id(4)]).await.unwrap();
    assert!(looked_up.cursor > reader.cursor);
    assert_eq!(reader.changed().await, keys(&[4]));
    assert_eq!(looked_up, LookedUp { records: vec![other], corrupt: vec![], cursor: reader.cursor });

    let nothing = reader.source.look_up(&[]).await.unwrap();
    assert_eq!(nothing, LookedUp { records: vec![], corrupt: vec![], cursor: reader.cursor });
}

#[tokio::test]
async fn a_look_up_of_many_ids_finds_them_all() {
    let file = File::new();
    let mut db = file.connect();
    let transaction = db.transaction().unwrap();
    (0..3_000).for_each(|number| insert(&transaction, &record(number)));
    transaction.commit().unwrap();
    let source = file.source().await;
    let ids: Vec<KeyId> = (0..6_000).rev().step_by(2).map(id).collect();
    let looked_up = source.look_up(&ids).await.unwrap();
    let expected: Vec<_> = (0..3_000).rev().step_by(2).map(record).collect();
    assert_eq!((looked_up.records, looked_up.corrupt), (expected, vec![]));
}

#[tokio::test]
async fn a_row_that_is_not_a_record_is_corrupt() {
    let file = File::with_table(LOOSE_TABLE);
    let corruptions = [
        "digest = zeroblob(31)",
        "digest = zeroblob(33)",
        "digest = NULL",
        "digest = '00000000000000000000000000000000'",
        "project = NULL",
        "project = 7",
        "project = x'FF'",
        "project = CAST(x'FF' AS TEXT)",
        "scopes = NULL",
        "scopes = 'memories:read'",
        "scopes = 64",
        "scopes = -1",
        "scopes = 4294967297",
        "scopes = 1.0",
        "not_before = -1",
        "not_before = 'now'",
        "expires_at = -1",
        "expires_at = 1e9",
        "retires_at = -1",
        "retires_at = x''",
        "revoked_at = -1",
        "revoked_at = ''",
    ];
    let db = file.connect();
    for (number, corruption) in (1..).zip(corruptions) {
        insert(&db, &record(number));
        db.execute(&format!("UPDATE api_keys SET {corruption} WHERE id = ?1"), [id(number).as_str()])
            .unwrap();
    }
    insert(&db, &record(0));
    let source = file.source().await;
    let ids: Vec<KeyId> = (0..=corruptions.len()).map(id).collect();
    let looked_up = source.look_up(&ids).await.unwrap();
    assert_eq!(looked_up.records, [record(0)]);
    assert_eq!(looked_up.corrupt, ids[1..]);
}

fn last_used(file: &File) -> Vec<Option<i64>> {
    let db = file.connect();
    let mut statement = db.prepare("SELECT last_used_at FROM api_keys ORDER BY id").unwrap();
    let times = statement.query_map([], |row| row.get(0)).unwrap();
    times.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn the_latest_use_of_a_key_is_kept() {
    let file = File::new();
    (1..4).for_each(|number| insert(&file.connect(), &record(number)));
    let mut reader = Reader::new(file.source().await).await;
    let uses = |uses: &[(usize, u64)]| -> Vec<(KeyId, UnixTime)> {
        uses.iter().map(|&(number, at)| (id(number), UnixTime::from_secs(at))).collect()
    };
    let first = uses(&[(1, 1_000), (2, 1_000), (7, 1_000)]);
    assert_eq!(reader.source.record_uses(&first).await.unwrap(), []);
    assert_eq!(last_used(&file), [Some(1_000), Some(1_000), None]);
    let second = uses(&[(1, 999), (2, 1_001), (3, u64::MAX)]);
    assert_eq!(reader.source.record_uses(&second).await.unwrap(), []);
    assert_eq!(last_used(&file), [Some(1_000), Some(1_001), Some(i64::MAX)]);
    assert_eq!(reader.changed().await, keys(&[]));
}

#[tokio::test]
async fn a_locked_file_is_read_and_uses_are_refused_as_busy() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let options = Options { busy_timeout: Duration::from_millis(20), ..Options::default() };
    let mut reader = Reader::new(file.source_with(options).await).await;
    let used = [(id(1), UnixTime::from_secs(5))];

    let other = file.connect();
    other.execute_batch("BEGIN EXCLUSIVE; DELETE FROM api_keys").unwrap();
    assert_eq!(reader.source.look_up(&[id(1)]).await.unwrap().records, [record(1)]);
    assert_eq!(reader.changed().await, keys(&[]));
    let error = reader.source.record_uses(&used).await.unwrap_err();
    assert!(matches!(error, SourceError::Busy), "{error:?}");

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(reader.source.record_uses(&used).await.unwrap(), []);
    assert_eq!(last_used(&file), [Some(5)]);
}

/// Uses and pruning wait for the lock, but reads of the log wait for neither.
#[tokio::test]
async fn the_log_is_read_while_writes_wait() {
    let file = File::new();
    insert_range(&file, 0..5);
    let options =
        Options { busy_timeout: Duration::from_secs(600), retention: Duration::ZERO, ..Options::default() };
    let source = Arc::new(file.source_with(options).await);
    let other = file.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let uses = tokio::spawn({
        let source = source.clone();
        async move { source.record_uses(&[(id(1), UnixTime::from_secs(5))]).await }
    });
    let reads = async {
        for _ in 0..3 {
            source.changes_since(None).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reads).await.expect("no wait for the lock");
    assert!(!uses.is_finished());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(uses.await.unwrap().unwrap(), []);
    assert_eq!(last_used(&file)[1], Some(5));
}

#[tokio::test]
async fn a_write_waits_for_a_short_lock() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let options = Options { busy_timeout: Duration::from_secs(600), ..Options::default() };
    let source = file.source_with(options).await;
    let other = file.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unlock = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        other.execute_batch("COMMIT").unwrap();
    });
    assert_eq!(source.record_uses(&[(id(1), UnixTime::from_secs(5))]).await.unwrap(), []);
    assert_eq!(last_used(&file), [Some(5)]);
    unlock.join().unwrap();
}

/// Writes a copy of the file beside it. Both have the same bytes.
fn copy(file: &File) -> PathBuf {
    let copy = file.folder.path().join("copy.sqlite");
    assert_eq!(file.number("PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    std::fs::copy(file.path(), &copy).unwrap();
    copy
}

/// Moves a file over the open one as the documentation says.
fn move_over(file: &File, other: &Path) {
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(format!("{}{suffix}", file.path().display())).unwrap();
    }
    std::fs::rename(other, file.path()).unwrap();
}

#[tokio::test]
async fn a_file_that_was_moved_over_the_open_one_is_read() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let mut reader = Reader::new(file.source().await).await;
    let copy = copy(&file);
    file.execute("UPDATE api_keys SET revoked_at = 1");
    assert_eq!(reader.changed().await, keys(&[1]));
    let mut revoked = record(1);
    revoked.revoked_at = Some(UnixTime::from_secs(1));
    let looked_up = reader.source.look_up(&[id(1)]).await.unwrap();
    assert_eq!(looked_up, LookedUp { records: vec![revoked], corrupt: vec![], cursor: reader.cursor });

    // the copy has the same history in its log, and then more changes than the old file
    move_over(&file, &copy);
    insert(&file.connect(), &record(2));
    insert(&file.connect(), &record(3));
    let after = reader.source.look_up(&[id(1)]).await.unwrap();
    assert_eq!(after.records, [record(1)]);
    assert_eq!(after.cursor.partial_cmp(&looked_up.cursor), None);
    reader.expect_history().await;
    assert_eq!(reader.cursor, after.cursor);

    // uses and later changes reach that file too
    reader.source.record_uses(&[(id(3), UnixTime::from_secs(9))]).await.unwrap();
    assert_eq!(last_used(&file), [None, None, Some(9)]);
    file.execute("DELETE FROM api_keys WHERE id = '000000000002'");
    assert_eq!(reader.changed().await, keys(&[2]));
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_followed_to_the_file_that_is_there_now() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let copy = copy(&file);
    let link = file.folder.path().join("link.sqlite");
    std::os::unix::fs::symlink(file.path(), &link).unwrap();
    let mut reader = Reader::new(SqliteSource::open(&link, Options::default()).await.unwrap()).await;
    file.execute("UPDATE api_keys SET revoked_at = 1");
    assert_eq!(reader.changed().await, keys(&[1]));
    move_over(&file, &copy);
    reader.expect_history().await;
    assert_eq!(reader.source.look_up(&[id(1)]).await.unwrap().records, [record(1)]);
}

#[tokio::test]
async fn a_file_that_is_gone_is_unavailable_until_it_is_back() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let mut reader = Reader::new(file.source().await).await;
    let elsewhere = file.folder.path().join("elsewhere.sqlite");
    std::fs::rename(file.path(), &elsewhere).unwrap();

    let missing = "the database is unavailable: there is no file at the path of the database";
    assert_eq!(text(reader.read().await.unwrap_err()), missing);
    assert_eq!(text(reader.source.look_up(&[id(1)]).await.unwrap_err()), missing);
    assert_eq!(text(reader.source.record_uses(&[]).await.unwrap_err()), missing);
    assert!(!file.path().exists());

    std::fs::rename(&elsewhere, file.path()).unwrap();
    assert_eq!(reader.changed().await, keys(&[]));
    file.execute("DELETE FROM api_keys");
    assert_eq!(reader.changed().await, keys(&[1]));
}

#[tokio::test]
async fn a_copy_that_is_written_into_the_open_file_is_another_history() {
    let file = File::new();
    (1..4).for_each(|number| insert(&file.connect(), &record(number)));
    let mut reader = Reader::new(file.source().await).await;
    let copy = Connection::open(copy(&file)).unwrap();
    file.execute("DELETE FROM api_keys WHERE id = '000000000001'");
    assert_eq!(reader.changed().await, keys(&[1]));
    let looked_up = reader.source.look_up(&[id(1)]).await.unwrap();
    assert_eq!(looked_up.records, []);

    let mut db = file.connect();
    let restore = Backup::new(&copy, &mut db).unwrap();
    restore.run_to_completion(100, Duration::ZERO, None).unwrap();
    drop(restore);
    // the log is again longer than at the last read
    db.execute_batch("UPDATE api_keys SET scopes = 1").unwrap();
    let after = reader.source.look_up(&[id(2)]).await.unwrap();
    assert_eq!(after.cursor.partial_cmp(&looked_up.cursor), None);
    reader.expect_history().await;
    assert_eq!(reader.cursor, after.cursor);
}

#[tokio::test]
async fn rows_of_the_log_that_are_not_pruned_can_not_be_deleted() {
    let file = File::new();
    (1..4).for_each(|number| insert(&file.connect(), &record(number)));
    let mut reader = Reader::new(file.source().await).await;
    file.execute("UPDATE api_key_log SET pruned_below = 2");
    for range in ["TRUE", "seq = 2", "seq > 2"] {
        let delete = format!("DELETE FROM api_key_changes WHERE {range}");
        let error = file.connect().execute_batch(&delete).unwrap_err();
        let expected = "api_key_changes is pruned by the verifier: raise api_key_log.pruned_below first";
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(file.number(LOG_LENGTH), 3);
    }
    file.execute("DELETE FROM api_key_changes WHERE seq = 1");

    // numbers keep ascending, because the last one is in the log
    file.execute("DELETE FROM sqlite_sequence; DELETE FROM api_keys WHERE id = '000000000003'");
    assert_eq!(reader.changed().await, keys(&[3]));

    // a log that was emptied nevertheless
    file.execute(
        "UPDATE api_key_log SET pruned_below = 100; DELETE FROM api_key_changes; DELETE FROM sqlite_sequence",
    );
    reader.expect_history().await;
    file.execute("DELETE FROM api_keys WHERE id = '000000000002'");
    assert_eq!(reader.changed().await, Changed::Everything);
}

#[tokio::test]
async fn a_new_log_is_another_history() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let mut reader = Reader::new(file.source().await).await;
    let changes = [
        "UPDATE api_key_log SET history = randomblob(16)",
        "DELETE FROM api_key_log; INSERT INTO api_key_log (one) VALUES (1)",
        "VACUUM",
        "CREATE TABLE something_else (a)",
        "DROP TRIGGER api_key_updated; UPDATE api_keys SET scopes = 2",
    ];
    for sql in changes {
        file.execute(&format!("{sql}; {CHANGE_LOG}"));
        reader.expect_history().await;
    }
}

#[tokio::test]
async fn a_log_without_its_triggers_is_an_error() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let mut reader = Reader::new(file.source().await).await;
    let missing =
        "unexpected answer of the database: the change log or a trigger of it is missing: apply CHANGE_LOG";
    let broken = [
        "DROP TRIGGER api_key_inserted",
        "DROP TRIGGER api_key_updated",
        "DROP TRIGGER api_key_deleted",
        "DROP TRIGGER api_key_change_kept",
        // the triggers are dropped with the old table
        "CREATE TABLE new AS SELECT * FROM api_keys; DROP TABLE api_keys; ALTER TABLE new RENAME TO api_keys",
    ];
    for sql in broken {
        file.execute(sql);
        for _ in 0..2 {
            assert_eq!(text(reader.read().await.unwrap_err()), missing, "{sql}");
        }
        file.execute(CHANGE_LOG);
        reader.expect_history().await;
    }
    // the triggers stay at the old table, which has another name
    file.execute("ALTER TABLE api_keys RENAME TO old_keys; CREATE TABLE api_keys AS SELECT * FROM old_keys");
    assert_eq!(text(reader.read().await.unwrap_err()), missing);
    file.execute(&format!("DROP TABLE old_keys; {CHANGE_LOG}"));
    reader.expect_history().await;

    file.execute("DROP TABLE api_keys");
    let error = text(reader.read().await.unwrap_err());
    let expected = "the table api_keys is missing: apply SCHEMA, then CHANGE_LOG";
    assert_eq!(error, format!("unexpected answer of the database: {expected}"));

    file.execute(&format!("{SCHEMA} {CHANGE_LOG} DELETE FROM api_key_log"));
    let error = text(reader.read().await.unwrap_err());
    let expected = "api_key_log has no row: apply CHANGE_LOG";
    assert_eq!(error, format!("unexpected answer of the database: {expected}"));

    let loose = "DROP TRIGGER api_key_change_kept; DROP TABLE api_key_log; \
         CREATE TABLE api_key_log (one, pruned_below, history); INSERT INTO api_key_log VALUES (1, 0, 'none')";
    file.execute(&format!("{loose}; {CHANGE_LOG}"));
    let error = text(reader.read().await.unwrap_err());
    let expected = "SQLite: a row has an unexpected type or number of columns";
    assert_eq!(error, format!("unexpected answer of the database: {expected}"));
}

fn insert_range(file: &File, range: std::ops::Range<usize>) {
    let mut db = file.connect();
    let transaction = db.transaction().unwrap();
    range.for_each(|number| insert(&transaction, &record(number)));
    transaction.commit().unwrap();
}

#[tokio::test]
async fn too_many_changes_are_reported_as_everything() {
    let file = File::new();
    let mut reader = Reader::new(file.source().await).await;
    insert_range(&file, 0..20_000);
    assert_eq!(reader.changed().await, keys(&(0..20_000).collect::<Vec<_>>()));
    file.execute("UPDATE api_keys SET scopes = 2; DELETE FROM api_keys WHERE id = '000000000007'");
    assert_eq!(reader.changed().await, Changed::Everything);
    assert_eq!(reader.changed().await, keys(&[]));
}

/// Rows with ids that no key can have count towards the maximum too.
#[tokio::test]
async fn rows_without_a_valid_id_count_as_changes() {
    let file = File::new();
    let mut reader = Reader::new(file.source().await).await;
    let row = "INSERT INTO api_key_changes (id) VALUES ('not an id!!!');";
    file.execute(row);
    insert_range(&file, 0..20_000);
    assert_eq!(reader.changed().await, Changed::Everything);
    file.execute(&format!("{row} UPDATE api_keys SET scopes = 2 WHERE id < '000000019999'"));
    assert_eq!(reader.changed().await, keys(&(0..19_999).collect::<Vec<_>>()));
}

#[tokio::test]
async fn a_row_without_an_id_is_reported_as_everything() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let mut reader = Reader::new(file.source().await).await;
    file.execute("DELETE FROM api_keys; INSERT INTO api_key_changes (id) VALUES (NULL)");
    assert_eq!(reader.changed().await, Changed::Everything);
    assert_eq!(reader.changed().await, keys(&[]));
}

const LOG_LENGTH: &str = "SELECT count(*) FROM api_key_changes";

/// Reads the log until it has one row.
async fn wait_for_pruning(file: &File, readers: &mut [Reader]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while file.number(LOG_LENGTH) > 1 {
        assert!(Instant::now() < deadline, "{} rows are left", file.number(LOG_LENGTH));
        for reader in &mut *readers {
            reader.changed().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn old_changes_are_pruned() {
    let file = File::new();
    insert_range(&file, 0..25_000);
    let options = Options { retention: Duration::ZERO, ..Options::default() };
    let lagging = Reader::new(file.source().await).await;
    let last = file.number("SELECT max(seq) FROM api_key_changes");
    file.execute("UPDATE api_keys SET scopes = 2 WHERE id < '000000000005'");
    // two processes prune
    let mut readers = [
        Reader::new(file.source_with(options.clone()).await).await,
        Reader::new(file.source_with(options).await).await,
    ];
    wait_for_pruning(&file, &mut readers).await;
    assert_eq!(file.number("SELECT min(seq) FROM api_key_changes"), last + 5);
    assert_eq!(file.number("SELECT pruned_below FROM api_key_log"), last + 5);

    for reader in &mut readers {
        assert_eq!(reader.changed().await, keys(&[]));
    }
    // rows that this reader has not read are deleted
    let changes = lagging.source.changes_since(Some(&lagging.cursor)).await.unwrap();
    assert_eq!(changes, Changes { changed: Changed::Everything, cursor: readers[0].cursor });
    // this reader had read all deleted rows
    let mut reader = readers.into_iter().next().unwrap();
    file.execute("DELETE FROM api_keys WHERE id = '000000000001'");
    assert_eq!(reader.changed().await, keys(&[1]));
}

#[tokio::test]
async fn a_cursor_that_has_missed_no_row_is_valid() {
    let file = File::new();
    (0..3).for_each(|number| insert(&file.connect(), &record(number)));
    let two_behind = Reader::new(file.source().await).await;
    file.execute("DELETE FROM api_keys WHERE id = '000000000000'");
    let one_behind = Reader::new(file.source().await).await;
    file.execute("DELETE FROM api_keys WHERE id = '000000000001'");
    let options = Options { retention: Duration::ZERO, ..Options::default() };
    let mut readers = [Reader::new(file.source_with(options).await).await];
    wait_for_pruning(&file, &mut readers).await;
    let cursor = readers[0].cursor;
    let changes = one_behind.source.changes_since(Some(&one_behind.cursor)).await.unwrap();
    assert_eq!(changes, Changes { changed: keys(&[1]), cursor });
    let changes = two_behind.source.changes_since(Some(&two_behind.cursor)).await.unwrap();
    assert_eq!(changes, Changes { changed: Changed::Everything, cursor });
}

#[tokio::test]
async fn one_read_of_the_log_prunes_all_that_is_old() {
    let file = File::new();
    insert_range(&file, 0..25_000);
    let options = Options { retention: Duration::ZERO, ..Options::default() };
    let reader = Reader::new(file.source_with(options).await).await;
    // the writer runs this after the pruning
    reader.source.record_uses(&[]).await.unwrap();
    assert_eq!(file.number(LOG_LENGTH), 1);
}

#[tokio::test]
async fn changes_stay_in_the_log_for_the_retention() {
    let file = File::new();
    insert_range(&file, 0..10);
    let mut reader = Reader::new(file.source().await).await;
    for _ in 0..10 {
        reader.changed().await;
    }
    // less than the default of five minutes, but more than 300 ms, in case the unit is wrong
    tokio::time::sleep(Duration::from_millis(350)).await;
    reader.changed().await;
    // the writer would prune before it runs this
    reader.source.record_uses(&[]).await.unwrap();
    assert_eq!(file.number(LOG_LENGTH), 10);
}

/// A generator of numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

type Records = BTreeMap<usize, KeyRecord<Arc<str>>>;

/// A transaction that is not committed yet.
struct Transaction {
    writer: usize,
    /// The records that the transaction sees.
    records: Records,
    /// Numbers of the keys that the transaction changed.
    changed: Vec<usize>,
}

impl Transaction {
    /// Inserts, changes or deletes a key.
    fn change(&mut self, db: &Connection, number: usize, time: u32, is_deletion: bool) {
        match self.records.get_mut(&number) {
            None => {
                insert(db, &record(number));
                self.records.insert(number, record(number));
            }
            Some(_) if is_deletion => {
                db.execute("DELETE FROM api_keys WHERE id = ?1", [id(number).as_str()]).unwrap();
                self.records.remove(&number);
            }
            Some(known) => {
                let sql = "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1";
                db.execute(sql, params![id(number).as_str(), time]).unwrap();
                known.revoked_at = Some(UnixTime::from_secs(time.into()));
            }
        }
        self.changed.push(number);
    }
}

/// Four connections write, in transactions that stay open while the log and records are read.
#[tokio::test]
async fn exactly_the_committed_changes_are_read() {
    for seed in 0..20 {
        let file = File::new();
        let mut random = Random(seed);
        let connections: Vec<Connection> = (0..4).map(|_| file.connect()).collect();
        let mut reader = Reader::new(file.source().await).await;
        let (mut committed, mut unread) = (Records::new(), Vec::new());
        let mut open: Option<Transaction> = None;
        for step in 0..400 {
            match (random.below(10), &mut open) {
                (0..2, None) => {
                    let writer = random.below(4);
                    connections[writer].execute_batch("BEGIN IMMEDIATE").unwrap();
                    open = Some(Transaction { writer, records: committed.clone(), changed: Vec::new() });
                }
                (0..5, Some(transaction)) => {
                    let db = &connections[transaction.writer];
                    transaction.change(db, random.below(12), step, random.below(2) == 0);
                }
                (5, Some(_)) => {
                    let Transaction { writer, records, changed } = open.take().unwrap();
                    connections[writer].execute_batch("COMMIT").unwrap();
                    committed = records;
                    unread.extend(changed);
                }
                (6, Some(_)) => {
                    let writer = open.take().unwrap().writer;
                    connections[writer].execute_batch("ROLLBACK").unwrap();
                }
                (7..9, _) => {
                    assert_eq!(reader.changed().await, keys(&unread), "seed {seed}, step {step}");
                    unread.clear();
                }
                _ => {
                    let looked_up =
                        reader.source.look_up(&(0..12).map(id).collect::<Vec<_>>()).await.unwrap();
                    let expected: Vec<_> = committed.values().cloned().collect();
                    assert_eq!(looked_up.records, expected, "seed {seed}, step {step}");
                    assert_eq!(looked_up.cursor > reader.cursor, !unread.is_empty());
                    assert!(looked_up.cursor >= reader.cursor);
                }
            }
        }
    }
}

/// Threads write at once. A copy that looks up each reported id again ends up the same as the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_follows_the_log_equals_the_table() {
    let file = File::new();
    let mut reader = Reader::new(file.source().await).await;
    let writers: Vec<_> = (0..4)
        .map(|seed| {
            let db = file.connect();
            thread::spawn(move || {
                let mut random = Random(seed);
                let mut count = 0;
                for _ in 0..150 {
                    db.execute_batch("BEGIN IMMEDIATE").unwrap();
                    let mut changes = 0;
                    for _ in 0..=random.below(5) {
                        let number = random.below(50);
                        let put = "INSERT INTO api_keys (id, digest, project, scopes) VALUES (?1, zeroblob(32), 'demo', 1)
                                   ON CONFLICT (id) DO UPDATE SET scopes = (scopes + 1) % 64";
                        let delete = "DELETE FROM api_keys WHERE id = ?1";
                        let sql = if random.below(4) == 0 { delete } else { put };
                        changes += db.execute(sql, [id(number).as_str()]).unwrap();
                    }
                    let is_undone = random.below(4) == 0;
                    db.execute_batch(if is_undone { "ROLLBACK" } else { "COMMIT" }).unwrap();
                    count += if is_undone { 0 } else { changes };
                }
                count
            })
        })
        .collect();
    let mut copy: BTreeMap<KeyId, KeyRecord<Arc<str>>> = BTreeMap::new();
    let mut reported = 0;
    let is_running =
        |writers: &[thread::JoinHandle<usize>]| writers.iter().any(|writer| !writer.is_finished());
    loop {
        let was_running = is_running(&writers);
        let Changed::Keys(ids) = reader.changed().await else { panic!("the log is short") };
        reported += ids.len();
        let looked_up = reader.source.look_up(&ids).await.unwrap();
        assert!(looked_up.cursor >= reader.cursor);
        ids.iter().for_each(|id| _ = copy.remove(id));
        copy.extend(looked_up.records.into_iter().map(|record| (record.id, record)));
        if !was_running {
            break;
        }
    }
    let changed: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert_eq!(reported, changed);
    let all = reader.source.look_up(&(0..50).map(id).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(copy.into_values().collect::<Vec<_>>(), all.records);
}

/// The n-th change of the key sets `revoked_at` to n, so a record shows which changes its look-up saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_up_and_its_cursor_are_of_one_moment() {
    const CHANGES: u64 = 2_000;
    let file = File::new();
    insert(&file.connect(), &record(1));
    let source = Arc::new(file.source().await);
    let db = file.connect();
    let writer = Arc::new(thread::spawn(move || {
        for number in 1..=CHANGES {
            db.execute("UPDATE api_keys SET revoked_at = ?1", [i64::try_from(number).unwrap()]).unwrap();
        }
    }));
    let readers = [(); 4].map(|()| {
        let (source, writer) = (source.clone(), writer.clone());
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while !writer.is_finished() {
                let LookedUp { records, cursor, .. } = source.look_up(&[id(1)]).await.unwrap();
                seen.push((records[0].revoked_at.map_or(0, UnixTime::as_secs), cursor));
            }
            seen
        })
    });
    for reader in readers {
        let mut seen = reader.await.unwrap();
        seen.dedup();
        for (number, cursor) in seen {
            let later = usize::try_from(CHANGES - number).unwrap();
            let Changes { changed, .. } = source.changes_since(Some(&cursor)).await.unwrap();
            assert_eq!(changed, keys(&vec![1; later]), "after change {number}");
        }
    }
}

#[tokio::test]
async fn opening_says_what_is_missing() {
    let file = File { folder: tempfile::tempdir().unwrap() };
    let error = file.open_error().await;
    assert_eq!(error, "the database is unavailable: there is no file at the path of the database");
    assert!(!file.path().exists());

    let unexpected = |text: &str| format!("unexpected answer of the database: {text}");
    let missing = "the table api_keys is missing: apply SCHEMA, then CHANGE_LOG";
    let not_a_database = "SQLite: Error code 26: file is not a database";
    for (content, expected) in [("", missing), ("some text, and not a database", not_a_database)] {
        std::fs::write(file.path(), content).unwrap();
        assert_eq!(file.open_error().await, unexpected(expected));
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), content);
    }
    std::fs::remove_file(file.path()).unwrap();

    let columns = "id digest project scopes not_before expires_at retires_at revoked_at last_used_at";
    for missing in columns.split(' ') {
        let others: Vec<_> = columns.split(' ').filter(|column| *column != missing).collect();
        file.execute(&format!("CREATE TABLE api_keys ({})", others.join(", ")));
        let expected = format!("the table api_keys has no column {missing}: add it as SCHEMA has it");
        assert_eq!(file.open_error().await, unexpected(&expected));
        file.execute("DROP TABLE api_keys");
    }
    file.execute(SCHEMA);
    let missing = "the change log or a trigger of it is missing: apply CHANGE_LOG";
    assert_eq!(file.open_error().await, unexpected(missing));

    file.execute(CHANGE_LOG);
    file.source().await;

    let error = SqliteSource::open(file.path().join("keys"), Options::default()).await.unwrap_err();
    let expected = "the file of the database can't be examined: Not a directory (os error 20)";
    assert_eq!(text(error), format!("the database is unavailable: {expected}"));

    std::fs::remove_file(file.path()).unwrap();
    std::fs::create_dir(file.path()).unwrap();
    let error = file.open_error().await;
    assert_eq!(error, "the database is unavailable: SQLite: Error code 14: unable to open database file");
}

#[tokio::test]
async fn missing_tables_are_created_if_the_option_says_so() {
    let file = File { folder: tempfile::tempdir().unwrap() };
    let options = Options { create: true, ..Options::default() };
    let mut reader = Reader::new(file.source_with(options.clone()).await).await;
    insert(&file.connect(), &record(1));
    assert_eq!(reader.changed().await, keys(&[1]));
    // tables that exist are not changed
    let other = Reader::new(file.source_with(options.clone()).await).await;
    assert_eq!(other.cursor, reader.cursor);
    assert_eq!(reader.changed().await, keys(&[]));
    // no lock is needed if all tables exist
    let writer = file.connect();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let impatient = Options { busy_timeout: Duration::ZERO, ..options.clone() };
    Reader::new(file.source_with(impatient).await).await;
    writer.execute_batch("COMMIT").unwrap();
    // a file that is removed later is not created again
    std::fs::remove_file(file.path()).unwrap();
    reader.read().await.unwrap_err();
    assert!(!file.path().exists());
}

#[tokio::test]
async fn missing_tables_are_created_all_or_none() {
    let file = File { folder: tempfile::tempdir().unwrap() };
    file.execute("CREATE TABLE api_key_log (another)");
    let options = Options { create: true, ..Options::default() };
    SqliteSource::open(file.path(), options).await.unwrap_err();
    assert_eq!(file.number("SELECT count(*) FROM sqlite_schema"), 1);
}

#[tokio::test]
async fn at_least_one_connection_looks_up() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let source = file.source_with(Options { connections: 0, ..Options::default() }).await;
    assert_eq!(source.look_up(&[id(1)]).await.unwrap().records, [record(1)]);
}

/// The source is in a process of its own, because the other tests of this program have sources, too.
#[cfg(target_os = "linux")]
#[test]
fn each_connection_has_a_thread() {
    for connections in ["1", "3"] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "a_source_has_its_threads", "--ignored"]);
        let output = command.env("TEST_CONNECTIONS", connections).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "another test runs it in a process of its own"]
async fn a_source_has_its_threads() {
    let Ok(connections) = std::env::var("TEST_CONNECTIONS") else { return };
    let connections = connections.parse().unwrap();
    let _source = File::new().source_with(Options { connections, ..Options::default() }).await;
    let count = |name: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        names.filter(|comm| comm.trim_end() == name).count()
    };
    let expected = [connections, 1, 1];
    let counts = || ["ctx-key-read", "ctx-key-poll", "ctx-key-write"].map(count);
    // a thread gets its name after it has started
    let deadline = Instant::now() + Duration::from_secs(10);
    while counts() != expected {
        assert!(Instant::now() < deadline, "{:?}, not {expected:?}", counts());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let expected = Options {
        create: false,
        connections: 4,
        busy_timeout: Duration::from_secs(2),
        retention: Duration::from_secs(300),
    };
    assert_eq!(Options::default(), expected);
}

#[tokio::test]
async fn several_sources_can_open_a_new_file_at_once() {
    let file = File { folder: tempfile::tempdir().unwrap() };
    let options = Options { create: true, ..Options::default() };
    let opened: Vec<_> =
        (0..8).map(|_| tokio::spawn(SqliteSource::open(file.path(), options.clone()))).collect();
    for source in opened {
        Reader::new(source.await.unwrap().unwrap()).await;
    }
}

/// The switch to the WAL mode needs exclusive access. SQLite itself waits for readers, but not for a writer.
#[tokio::test]
async fn opening_waits_for_others_that_use_the_file() {
    for begin in ["BEGIN; SELECT * FROM api_keys", "BEGIN IMMEDIATE"] {
        let file = File::new();
        let user = file.connect();
        user.execute_batch(begin).unwrap();
        let open =
            |busy_timeout| SqliteSource::open(file.path(), Options { busy_timeout, ..Options::default() });
        let error = open(Duration::from_millis(20)).await.unwrap_err();
        assert!(matches!(error, SourceError::Busy), "{begin}: {error:?}");
        let end = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            user.execute_batch("COMMIT").unwrap();
        });
        open(Duration::from_secs(600)).await.expect(begin);
        end.join().unwrap();
    }
}

#[test]
fn a_source_does_not_wait_for_other_work_of_the_program() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || ended.recv());
    runtime.block_on(async {
        let file = File::new();
        let mut reader = Reader::new(file.source().await).await;
        assert_eq!(reader.changed().await, keys(&[]));
    });
    end.send(()).unwrap();
}

#[tokio::test]
async fn a_cancelled_call_does_not_affect_the_next() {
    let file = File::new();
    insert(&file.connect(), &record(1));
    let mut reader = Reader::new(file.source().await).await;
    for number in 2..50 {
        insert(&file.connect(), &record(number));
        // the call is polled once, and then dropped
        let call = reader.source.changes_since(Some(&reader.cursor));
        let _ = tokio::time::timeout(Duration::ZERO, call).await;
        assert_eq!(reader.changed().await, keys(&[number]));
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_it_starts_does_nothing() {
    let file = File::new();
    (1..3).for_each(|number| insert(&file.connect(), &record(number)));
    let options = Options { busy_timeout: Duration::from_secs(600), ..Options::default() };
    let source = file.source_with(options).await;
    let other = file.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let uses = [1, 2].map(|number| [(id(number), UnixTime::from_secs(5))]);
    let [mut first, second] = uses.each_ref().map(|uses| Box::pin(source.record_uses(uses)));
    tokio::time::timeout(Duration::from_millis(50), &mut first).await.unwrap_err();
    tokio::time::timeout(Duration::from_millis(50), second).await.unwrap_err();
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(first.await.unwrap(), []);
    // the writer runs this after the second call
    source.record_uses(&[]).await.unwrap();
    assert_eq!(last_used(&file), [Some(5), None]);
}

#[tokio::test]
async fn a_connection_that_failed_is_opened_again() {
    let file = File::new();
    let options = Options { connections: 1, ..Options::default() };
    let source = file.source_with(options).await;
    source.look_up(&[id(1)]).await.unwrap();
    file.execute("ALTER TABLE api_keys RENAME TO old_keys");
    let unexpected = |text: &str| format!("unexpected answer of the database: {text}");
    let error = source.look_up(&[id(1)]).await.unwrap_err();
    assert_eq!(text(error), unexpected("SQLite: Error code 1: SQL logic error"));
    let error = source.look_up(&[id(1)]).await.unwrap_err();
    assert_eq!(text(error), unexpected("the table api_keys is missing: apply SCHEMA, then CHANGE_LOG"));
    file.execute("ALTER TABLE old_keys RENAME TO api_keys");
    assert_eq!(source.look_up(&[id(1)]).await.unwrap().records, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_grant_begins_later_than_the_lease_after_a_revocation_elsewhere() {
    let file = File::new();
    let db = file.connect();
    let options = ctx_key_verifier::Options::default();
    let lease = options.lease;
    let verifier = Verifier::new(file.source().await, options);
    for _ in 0..5 {
        let key = ApiKey::generate();
        insert(&db, &KeyRecord::new(&key, "demo".into(), Scope::READ));
        for _ in 0..3 {
            verifier.verify(&key, Scope::CHATS_READ).await.unwrap();
        }
        execute_elsewhere(&file, &format!("UPDATE api_keys SET revoked_at = 1 WHERE id = '{}'", key.id()));
        let revoked = Instant::now();
        let (begun, denied) = loop {
            let begun = Instant::now();
            match verifier.verify(&key, Scope::CHATS_READ).await {
                Ok(_) => assert!(begun < revoked + lease, "{:?} after it", begun - revoked),
                Err(VerifyError::Denied(denied)) => break (begun, denied),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(denied.reason(), Reason::Revoked, "{:?} after it", begun - revoked);
    }
}
