//! The history of a file ends when another file or another log takes its place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ctx_key::UnixTime;
use ctx_key_verifier::sqlite::{CHANGE_LOG, Options, SCHEMA, SqliteSource};
use ctx_key_verifier::{LookedUp, Source};
use rusqlite::Connection;
use rusqlite::backup::Backup;

use crate::{File, Reader, id, insert, keys, last_used, record, text};

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
