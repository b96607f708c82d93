//! An import stores each line of a file, or none.

use std::fs;

use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use serde_json::{Value, json};

use crate::common::company::{import_line, record};
use crate::common::{EVE, PASSWORD, id, status, wait};
use crate::trouble::{Fixture, number};
use crate::{assert_succeeds, trouble};

/// Number of keys in CI: one more than a statement stores. README has the time for a million.
fn imported_keys() -> usize {
    std::env::var("CTX_KEY_TEST_IMPORT").map_or(20_001, |keys| keys.parse().expect("a number of keys"))
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
            2 => record.expires_at = Some(UnixTime::from_secs(0)),
            3 => record.retires_at = Some(UnixTime::from_secs(1)),
            4 => record.not_before = Some(hour),
            5 => record.expires_at = Some(hour),
            _ => {}
        }
        lines.push_str(&import_line(&record, "ein Schlüssel"));
    }
    fs::write(&file, lines).unwrap();
    // the server has cached that the key does not exist
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
fn each_company_reads_how_many_of_its_keys_were_imported() {
    let fixture = Fixture::new();
    let add = ["account", "add", "--email", EVE, "--company", "Eve"];
    assert_succeeds(&fixture.data.run_with(&add, PASSWORD));
    let project = "INSERT INTO projects (id, company, name, created_at) \
                   SELECT 'proj_of_eve', id, 'Second', 0 FROM companies WHERE name = 'Eve'";
    trouble::execute(&fixture.data, project);
    let projects = [&fixture.project, "proj_of_eve", &fixture.project];
    let lines = projects.map(|project| import_line(&record(project), "imported"));
    let file = fixture.data.folder.path().join("keys");
    fs::write(&file, lines.concat()).unwrap();
    assert_succeeds(&fixture.data.run(&["import", file.to_str().unwrap()]));
    let company = |is: &str| format!("company {is} '{}'", fixture.company);
    for (company, detail) in [(company("="), "2 keys"), (company("<>"), "1 keys")] {
        let lines = format!("SELECT count(*) FROM audit_log WHERE action = 'imported' AND {company}");
        let expected = format!("{lines} AND detail = '{detail}'");
        let found = [lines, expected].map(|sql| number(&fixture.data, &sql));
        assert_eq!(found, [Some(1), Some(1)], "{company}");
    }
}

#[test]
fn a_file_with_a_mistake_imports_nothing_and_names_the_line() {
    let fixture = Fixture::new();
    let file = fixture.data.folder.path().join("keys");
    let first = record(&fixture.project);
    let good = import_line(&first, "good");
    let with = |field: &str, value: Value| {
        let mut line = serde_json::to_value(record(&fixture.project)).unwrap();
        line["name"] = json!("a name");
        line[field] = value;
        format!("{line}\n")
    };
    let stored = id(&fixture.key());
    let secret = ApiKey::generate();
    let taken = "a key with this id is stored already, or stands on an earlier line";
    let name = "not a name: ";
    let project = "there is no such project: create it first";
    // `fields` come first, before the same fields of a good line
    let twice = |fields: &str| good.replace('{', &format!("{{{fields},"));
    for (second, mistake) in [
        ("no JSON\n".to_owned(), "expected"),
        (twice("\"name\":\"another\""), "duplicate field `name`"),
        (twice("\"scopes\":[]"), "duplicate field"),
        (with("expires_at", json!(1)).replace('{', "{\"expires_at\":null,"), "duplicate field"),
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
        fs::write(&file, format!("{good}{second}{}", import_line(&record(&fixture.project), "third")))
            .unwrap();
        let output = fixture.data.run(&["import", file.to_str().unwrap()]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{second}");
        assert!(message.starts_with("error: nothing was imported: line 2: "), "{message}");
        assert!(message.contains(mistake), "{message}");
        // a position within the one line would look like another line
        assert!(!message.contains(" at line "), "{message}");
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
    let output = fixture.data.run(&["import", fixture.data.folder.path().to_str().unwrap()]);
    let message = "error: nothing was imported: the file can't be read: is a directory\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
    let stored = format!("SELECT count(*) FROM api_keys WHERE id = '{}'", first.id);
    assert_eq!(number(&fixture.data, &stored), Some(0));
    assert_eq!(number(&fixture.data, "SELECT count(*) FROM audit_log WHERE action = 'imported'"), Some(0));
}
