//! `ctx-key new` makes a key and its record.

mod common;

#[cfg(unix)]
use std::process::Command;

#[cfg(unix)]
use common::finish;
use common::{run, run_in};
use ctx_key::ApiKey;
use serde_json::{Value, json};

#[test]
fn the_key_goes_to_stdout_and_the_record_to_stderr() {
    let made = run(&["new", "--scopes", "chats:write, memories:read", "--project", "demo"]).exits(0);
    let key = ApiKey::parse(made.stdout.trim_end()).unwrap();
    assert_eq!(made.stdout.len(), 53);
    let record: Value = serde_json::from_str(&made.stderr).unwrap();
    let expected = json!({
        "id": key.id().as_str(),
        "digest": key.digest().to_string(),
        "scopes": ["memories:read", "chats:write"],
        "project": "demo",
    });
    assert_eq!(record, expected);
    assert!(!made.stderr.contains(&key.expose_secret()[16..]));
}

/// The scopes have the order of the library, whatever the order of the list. The project is stored as it was typed.
#[test]
fn a_record_holds_all_scopes_and_the_project() {
    let scopes =
        ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];
    let list = scopes.iter().rev().copied().collect::<Vec<_>>().join(" ");
    let made = run(&["new", "--scopes", &list, "--project", " a \"b\"\n"]).exits(0);
    let record: Value = serde_json::from_str(&made.stderr).unwrap();
    assert_eq!((&record["scopes"], &record["project"]), (&json!(scopes), &json!(" a \"b\"\n")));
    let made = run(&["new", "--scopes", "users:read"]).exits(0);
    let record: Value = serde_json::from_str(&made.stderr).unwrap();
    let fields: Vec<_> = record.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["digest", "id", "scopes"]);
}

#[test]
fn a_key_can_be_written_as_json_and_as_a_variable() {
    let made = run(&["new", "--scopes", "users:read", "--format", "json"]).exits(0);
    let json = made.json();
    assert_eq!(json.as_object().unwrap().len(), 1);
    assert!(ApiKey::parse(json["key"].as_str().unwrap()).is_ok());
    let made = run(&["new", "--scopes", "users:read", "--format", "env"]).exits(0);
    let key = made.stdout.strip_prefix("MEMORYKIT_API_KEY=").and_then(|key| key.strip_suffix('\n'));
    assert!(ApiKey::parse(key.unwrap()).is_ok());
}

#[test]
fn only_the_owner_may_read_a_record_and_it_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["new", "--scopes", "users:read", "--record", "record.json"];
    let made = run_in(directory.path(), &arguments).exits(0);
    let file = directory.path().join("record.json");
    let record = std::fs::read_to_string(&file).unwrap();
    let key = ApiKey::parse(made.stdout.trim_end()).unwrap();
    let expected =
        json!({ "id": key.id().as_str(), "digest": key.digest().to_string(), "scopes": ["users:read"] });
    assert_eq!((record.as_str(), made.stderr.as_str()), (&*format!("{expected}\n"), ""));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let again = run_in(directory.path(), &arguments).exits(2);
    assert_eq!(again.stdout, "");
    assert_eq!(again.stderr, "ctx-key: record.json exists and is not overwritten; name a new file\n");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), record);

    // If the record can't be written, the key is not shown.
    let nowhere =
        run_in(directory.path(), &["new", "--scopes", "users:read", "--record", "none/record"]).exits(2);
    assert_eq!(nowhere.stdout, "");
    let message = "ctx-key: can't write the record to none/record: ";
    assert!(nowhere.stderr.starts_with(message), "{nowhere:?}");
    assert!(nowhere.stderr.ends_with("; no key was shown\n"), "{nowhere:?}");
}

/// A limit on the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn a_record_that_can_not_be_written_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let new = [env!("CARGO_BIN_EXE_ctx-key"), "new", "--scopes", "users:read", "--record", "record.json"];
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]).args(new);
    let full = finish(shell.current_dir(directory.path()), b"").exits(2);
    assert_eq!(full.stdout, "");
    assert!(full.stderr.starts_with("ctx-key: can't write the record to record.json: "), "{full:?}");
    assert!(!directory.path().join("record.json").exists());
    run_in(directory.path(), &new[1..]).exits(0);
}

/// A key is useless without its record, and a record without its key.
#[cfg(target_os = "linux")]
#[test]
fn a_lost_record_or_a_lost_key_is_an_error() {
    let new = ["new", "--scopes", "users:read"];
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let unrecorded = common::command(&new).stderr(full).output().unwrap();
    assert_eq!((unrecorded.status.code(), unrecorded.stdout.as_slice()), (Some(2), &b""[..]));

    for format in ["text", "json", "env"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = common::command(&[&new[..], &["--format", format]].concat());
        let lost = command.stdout(writer).output().unwrap();
        let stderr = String::from_utf8(lost.stderr).unwrap();
        assert_eq!(lost.status.code(), Some(2), "{stderr}");
        let error = stderr.lines().last().unwrap();
        assert!(error.starts_with("ctx-key: can't write to standard output: "), "{stderr}");
        assert!(error.ends_with("; the key is lost: throw its record away"), "{stderr}");
    }
}

#[test]
fn an_error_marks_an_unknown_scope() {
    let made = run(&["new", "--scopes", "users:read, chat:read"]).exits(2);
    assert_eq!(made.stdout, "");
    let expected = "ctx-key: unknown scope at bytes 12..21; did you mean `chats:read`?\n  \
                    users:read, chat:read\n              ^^^^^^^^^\n";
    assert_eq!(made.stderr, expected);
    let none = run(&["new", "--scopes", " , "]).exits(2);
    let expected = "ctx-key: a key without scopes may do nothing; the scopes are: memories:read memories:write \
                    chats:read chats:write users:read users:write\n";
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", expected));
    run(&["new"]).exits(2);
}
