//! The log reports every kind of change, whichever program makes it.

use ctx_key_verifier::sqlite::SCHEMA;
use ctx_key_verifier::{Changed, Source};

use crate::{File, Reader, execute_elsewhere, id, insert, insert_range, keys, record};

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
    ("UPDATE api_keys SET not_before = 1, expires_at = 1, retires_at = 1 WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET not_before = NULL WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET expires_at = NULL WHERE id = '000000000001'", &[1]),
    ("UPDATE api_keys SET retires_at = NULL WHERE id = '000000000001'", &[1]),
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
        "REPLACE INTO api_keys (id, digest, project, scopes, not_before, expires_at, retires_at, revoked_at)
         VALUES ('000000000001', zeroblob(32), 'demo', 1, 2, 3, 4, 5)",
        &[1],
    ),
    (
        "INSERT INTO api_keys (id, digest, project, scopes) VALUES ('000000000001', zeroblob(32), 'demo', 1)
         ON CONFLICT (id) DO UPDATE SET revoked_at = 6",
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

/// SQLite's names have no case.
#[tokio::test]
async fn a_table_with_names_in_upper_case_works() {
    let columns = "ID TEXT PRIMARY KEY, DIGEST BLOB, PROJECT TEXT, SCOPES INTEGER, NOT_BEFORE INTEGER, EXPIRES_AT INTEGER, \
         RETIRES_AT INTEGER, REVOKED_AT INTEGER, LAST_USED_AT INTEGER";
    let table = format!("CREATE TABLE API_KEYS ({columns}) WITHOUT ROWID;");
    reports_every_kind_of_change(&table, File::execute).await;

    let file = File::with_table(&table);
    insert(&file.connect(), &record(1));
    let found = file.source().await.look_up(&[id(1)]).await.unwrap();
    assert_eq!((found.records, found.corrupt), (vec![record(1)], vec![]));

    // the triggers of a table that is renamed have its new name
    let file = File::new();
    let mut reader = Reader::new(file.source().await).await;
    file.execute("ALTER TABLE api_keys RENAME TO elsewhere; ALTER TABLE elsewhere RENAME TO API_KEYS");
    reader.expect_history().await;
    insert(&file.connect(), &record(1));
    assert_eq!(reader.changed().await, keys(&[1]));
}

/// The ids and projects of two cases are different ones, even if a column compares them as equal.
#[tokio::test]
async fn a_change_of_case_is_reported_if_the_column_ignores_case() {
    let columns = SCHEMA.replace("NOT NULL PRIMARY KEY", "COLLATE NOCASE PRIMARY KEY");
    let file = File::with_table(&columns.replace("project      TEXT", "project TEXT COLLATE NOCASE"));
    insert(&file.connect(), &record(1));
    file.execute("UPDATE api_keys SET id = 'abcdefghijkl'");
    let mut reader = Reader::new(file.source().await).await;
    let ids = |ids: &[&str]| Changed::Keys(ids.iter().map(|id| id.parse().unwrap()).collect());
    for (sql, changed) in [
        ("UPDATE api_keys SET project = 'Demo'", ids(&["abcdefghijkl"])),
        ("UPDATE api_keys SET project = 'Demo'", ids(&[])),
        ("UPDATE api_keys SET id = 'ABCDEFGHIJKL'", ids(&["abcdefghijkl", "ABCDEFGHIJKL"])),
    ] {
        file.execute(sql);
        assert_eq!(reader.changed().await, changed, "{sql}");
    }
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
