//! The commands of an operator: `backup` while servers write, `import` of many keys.

mod common;
mod trouble;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Data, Server, wait};
use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use serde_json::{Value, json};
use tempfile::TempDir;
use trouble::{Fixture, database_file, number, sqlite, status};

/// Number of keys in CI. README has the time for a million.
fn imported_keys() -> usize {
    std::env::var("CTX_KEY_TEST_IMPORT").map_or(10_000, |keys| keys.parse().expect("a number of keys"))
}

#[track_caller]
fn assert_succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

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
                // the test does not end before this thread
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

/// The reason for `backup`.
#[test]
fn a_copy_of_the_one_file_lacks_recent_keys() {
    const NAME: &str = "a_copy_of_the_one_file_lacks_recent_keys";
    let fixture = Fixture::new();
    if fixture.data.is_postgres() {
        return trouble::skip_because(NAME, "only SQLite has the file");
    }
    trouble::execute(&fixture.data, "PRAGMA wal_checkpoint(FULL)");
    let stored = format!("SELECT count(*) FROM api_keys WHERE id = '{}'", trouble::id(&fixture.key()));
    let copy = Data { folder: TempDir::new().unwrap(), database_url: None };
    fs::copy(database_file(&fixture.data), database_file(&copy)).unwrap();
    assert_eq!((number(&fixture.data, &stored), number(&copy, &stored)), (Some(1), Some(0)));
}

#[test]
fn a_backup_that_can_t_be_made_leaves_no_file() {
    let mut data = Data::new();
    data.database_url = None;
    let file = data.folder.path().join("copy");
    let path = file.to_str().unwrap();
    let output = data.run(&["backup", path]);
    let message = format!("error: there is no database {}: check --data\n", database_file(&data).display());
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), message));
    fs::write(database_file(&data), "no database, and longer than the header of one".repeat(100)).unwrap();
    let output = data.run(&["backup", path]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!file.exists());
}

fn line(record: &KeyRecord<String>, name: &str) -> String {
    let mut line = serde_json::to_value(record).unwrap();
    line["name"] = json!(name);
    format!("{line}\n")
}

#[test]
fn imported_keys_work_at_once_and_keep_their_times() {
    let fixture = Fixture::new();
    let file = fixture.data.folder.path().join("keys");
    let mut lines = String::new();
    let now = UnixTime::now();
    let keys: Vec<_> = (0..imported_keys()).map(|_| ApiKey::generate()).collect();
    let hour = now.saturating_add(3600);
    for (index, key) in keys.iter().enumerate() {
        let mut record = KeyRecord::new(key, fixture.project.clone(), Scope::MEMORIES_READ);
        match index {
            1 => record.revoke(now),
            2 => record.expires_at = Some(UnixTime::from_secs(1)),
            3 => record.retires_at = Some(UnixTime::from_secs(1)),
            4 => record.not_before = Some(hour),
            5 => record.expires_at = Some(hour),
            _ => {}
        }
        lines.push_str(&line(&record, "ein Schlüssel"));
    }
    fs::write(&file, lines).unwrap();
    // a server that knows that there is no such key
    assert_eq!(status(&fixture.server, keys[0].expose_secret()), 401);
    // a million take longer than `run` waits
    let output = fixture.data.command(&["import", file.to_str().unwrap()]).output().unwrap();
    assert_succeeds(&output);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("imported {} keys\n", keys.len()));
    wait(|| status(&fixture.server, keys[0].expose_secret()) == 200);
    let expected = [200, 401, 401, 401, 401, 200, 200];
    let found: Vec<_> = keys[..7].iter().map(|key| status(&fixture.server, key.expose_secret())).collect();
    assert_eq!(found, expected);
    assert_eq!(status(&fixture.server, keys.last().unwrap().expose_secret()), 200);
    let all = i64::try_from(keys.len()).unwrap();
    let named = "SELECT count(*) FROM api_keys WHERE name = 'ein Schlüssel'";
    assert_eq!(number(&fixture.data, named), Some(all));
    let logged = format!(
        "SELECT count(*) FROM audit_log WHERE actor = 'import' AND action = 'imported' AND company = '{}' \
         AND detail = '{all} keys'",
        fixture.company
    );
    assert_eq!(number(&fixture.data, &logged), Some(1));
}

#[test]
fn a_file_with_a_mistake_imports_nothing_and_names_the_line() {
    let fixture = Fixture::new();
    let file = fixture.data.folder.path().join("keys");
    let record =
        |project: &str| KeyRecord::new(&ApiKey::generate(), project.to_owned(), Scope::MEMORIES_READ);
    let first = record(&fixture.project);
    let good = line(&first, "good");
    let with = |field: &str, value: Value| {
        let mut line = serde_json::to_value(record(&fixture.project)).unwrap();
        line["name"] = json!("a name");
        line[field] = value;
        format!("{line}\n")
    };
    let stored = trouble::id(&fixture.key());
    let secret = ApiKey::generate();
    let taken = "a key with this id is stored already, or stands on an earlier line";
    let name = "not a name: ";
    let project = "there is no such project: create it first";
    for (second, mistake) in [
        ("no JSON\n".to_owned(), "expected"),
        ("\n".to_owned(), "EOF while parsing a value"),
        (good.clone(), taken),
        (with("id", json!(stored)), taken),
        (with("project", json!("proj_other")), project),
        (with("project", json!("a\0")), "NUL"),
        (with("name", json!("")), name),
        (with("name", json!("a\nb")), name),
        (with("name", json!("x".repeat(101))), name),
        (with("name", Value::Null), name),
        (with("name", json!("a\u{202e}b")), "remove character 2"),
        (with("name", json!(secret.expose_secret())), "Revoke that key"),
        (with("id", json!(secret.expose_secret())), ""),
        (with("digest", json!("00")), ""),
        (with("scopes", json!(["nothing"])), ""),
        (with("expires_at", json!(-1)), "expected whole seconds since the Unix epoch, as an integer"),
        (with("owner", json!(secret.expose_secret())), "unknown field"),
        (with(secret.expose_secret(), json!(1)), ""),
    ] {
        fs::write(&file, format!("{good}{second}{}", line(&record(&fixture.project), "third"))).unwrap();
        let output = fixture.data.run(&["import", file.to_str().unwrap()]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{second}");
        assert!(message.starts_with("error: nothing was imported: line 2: "), "{message}");
        assert!(message.contains(mistake), "{message}");
        assert!(!message.contains(&secret.expose_secret()[16..]), "{message}");
    }
    // more lines than one statement stores
    let many = (0..20_001).map(|number| good.replace(first.id.as_str(), &format!("{number:012}")));
    fs::write(&file, format!("{}no JSON\n", many.collect::<String>())).unwrap();
    let output = fixture.data.run(&["import", file.to_str().unwrap()]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("error: nothing was imported: line 20002: "), "{message}");
    assert_eq!(number(&fixture.data, "SELECT count(*) FROM api_keys WHERE name = 'good'"), Some(0));

    let bytes = [good.as_bytes(), b"\xff\n"].concat();
    fs::write(&file, bytes).unwrap();
    let output = fixture.data.run(&["import", file.to_str().unwrap()]);
    let message = "error: nothing was imported: line 2: it is not UTF-8\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
    let stored = format!("SELECT count(*) FROM api_keys WHERE id = '{}'", first.id);
    assert_eq!(number(&fixture.data, &stored), Some(0));
    assert_eq!(number(&fixture.data, "SELECT count(*) FROM audit_log WHERE action = 'imported'"), Some(0));
}
