//! A backup has every key that was shown before the backup began.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use crate::common::{Data, Server, id, status, wait};
use crate::trouble::{Fixture, database_file, number, sqlite};
use crate::{assert_no_database, assert_succeeds, trouble};

#[test]
fn a_backup_under_writes_has_every_key_that_was_shown() {
    let fixture = Fixture::new();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ctx-key.sqlite");
    let path = file.to_str().unwrap();
    if fixture.data.is_postgres() {
        let output = fixture.data.run(&["backup", path]);
        let message =
            "error: backup copies an SQLite database: use pg_dump or pg_basebackup for PostgreSQL\n";
        assert_eq!((output.status.code(), output.stderr), (Some(1), message.into()));
        return assert!(!file.exists());
    }
    let (shown, is_over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let before = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // no assertion may fail here before the thread ends
                let key = fixture.key();
                shown.lock().unwrap().push(key);
            }
        });
        wait(|| shown.lock().unwrap().len() > 5);
        let before = shown.lock().unwrap().clone();
        let output = fixture.data.run(&["backup", path]);
        is_over.store(true, Ordering::Relaxed);
        assert_succeeds(&output);
        before
    });
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = fixture.data.run(&["backup", path]);
    let message = format!("error: the file {path} exists: choose another name\n");
    assert_eq!((again.status.code(), String::from_utf8(again.stderr).unwrap()), (Some(1), message));

    fs::write(folder.path().join("has-accounts"), "").unwrap();
    let copy = Data { folder, database_url: None };
    let check: String = sqlite(&copy).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let server = Server::start(&copy);
    for key in &before {
        assert_eq!(status(&server, key), 200);
    }
}

/// The command `backup` exists because recent keys are in the file `-wal`, and not in the file of the database.
#[test]
fn a_copy_of_the_one_file_lacks_recent_keys() {
    const NAME: &str = "a_copy_of_the_one_file_lacks_recent_keys";
    let fixture = Fixture::new();
    if fixture.data.is_postgres() {
        return trouble::skip_because(NAME, "only SQLite has the file");
    }
    trouble::execute(&fixture.data, "PRAGMA wal_checkpoint(FULL)");
    let stored = format!("SELECT count(*) FROM api_keys WHERE id = '{}'", id(&fixture.key()));
    let copy = Data { folder: TempDir::new().unwrap(), database_url: None };
    fs::copy(database_file(&fixture.data), database_file(&copy)).unwrap();
    assert_eq!((number(&fixture.data, &stored), number(&copy, &stored)), (Some(1), Some(0)));
}

/// SQLite reads such a name as a URL.
#[test]
fn a_backup_may_have_a_name_that_looks_like_a_url() {
    const NAME: &str = "a_backup_may_have_a_name_that_looks_like_a_url";
    let fixture = Fixture::new();
    if fixture.data.is_postgres() {
        return trouble::skip_because(NAME, "only SQLite has a file");
    }
    let folder = TempDir::new().unwrap();
    let mut command = fixture.data.command(&["backup", "file:copy?mode=rwc"]);
    assert_succeeds(&command.current_dir(folder.path()).output().unwrap());
    let copy = Data { folder: TempDir::new().unwrap(), database_url: None };
    fs::copy(folder.path().join("file:copy?mode=rwc"), database_file(&copy)).unwrap();
    assert!(!folder.path().join("copy").exists());
    assert_eq!(number(&copy, "SELECT count(*) FROM accounts"), Some(1));
}

#[test]
fn a_backup_that_fails_leaves_no_file() {
    let mut data = Data::new();
    data.database_url = None;
    let file = data.folder.path().join("copy");
    let path = file.to_str().unwrap();
    let output = data.run(&["backup", path]);
    assert_no_database(&output, data.folder.path());
    fs::write(database_file(&data), "no database, and longer than the header of one".repeat(100)).unwrap();
    let output = data.run(&["backup", path]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!file.exists());
}
