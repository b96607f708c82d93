//! README.md contains the program of the example, and a transcript of the program's answers.

#[allow(dead_code, reason = "its main is for the command line")]
#[path = "../examples/axum_sqlite.rs"]
mod axum_sqlite;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ctx_key::{ApiKey, KeyRecord, Scope};
use rusqlite::Connection;

const README: &str = include_str!("../README.md");

/// Returns the fenced block of this language.
fn block(language: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```\n").unwrap().0
}

#[test]
fn the_program_is_the_example() {
    assert_eq!(block("rust"), include_str!("../examples/axum_sqlite.rs").replace("pub(crate) ", ""));
}

/// Stores a key in the file of the program, once that exists.
fn store(key: &ApiKey) {
    let deadline = Instant::now() + Duration::from_secs(300);
    let KeyRecord { id, digest, project, scopes, .. } = KeyRecord::new(key, "demo", Scope::READ);
    let sql = "INSERT INTO api_keys (id, digest, project, scopes) VALUES (?1, ?2, ?3, ?4)";
    let columns = (id.as_str(), digest.as_bytes(), project, scopes.bits());
    while let Err(error) = Connection::open("keys.sqlite").and_then(|db| db.execute(sql, columns)) {
        assert!(Instant::now() < deadline, "{error}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends what curl sends for a line of the transcript, and returns the response without its date.
fn send(port: u16, command: &str, key: &ApiKey) -> String {
    let path = command.split_once("localhost:8080").unwrap().1;
    let method = if command.contains("-X DELETE") { "DELETE" } else { "GET" };
    let header = command.split('"').nth(1).unwrap_or("accept: */*").replace("$KEY", key.expose_secret());
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n\r\n");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let lines = response.replace("\r\n", "\n");
    lines
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("date: ") && *line != "connection: close\n")
        .collect()
}

#[test]
fn the_program_answers_as_in_the_transcript() {
    // the program's file is in the current directory
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(&folder).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(async { axum_sqlite::serve(listener).await.map_err(|error| error.to_string()) });
    let key = ApiKey::generate();
    store(&key);

    let answers = block("console").split("$ curl ").skip(1).map(|answer| answer.split_once('\n').unwrap());
    for (command, expected) in answers {
        let answer = send(port, command, &key);
        assert_eq!(answer.trim_end(), expected.trim_end(), "{command}");
    }

    // if the database refuses the revocation, the program does not say that the key is revoked
    let key = ApiKey::generate();
    store(&key);
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF revoked_at ON api_keys \
         BEGIN SELECT RAISE(ABORT, 'no'); END";
    Connection::open("keys.sqlite").unwrap().execute_batch(refuse).unwrap();
    // the log begins a new history after a change of the schema
    let list = r#"-H "Authorization: Bearer $KEY" localhost:8080/v1/memories"#;
    let deadline = Instant::now() + Duration::from_secs(300);
    while !send(port, list, &key).starts_with("HTTP/1.1 200 OK\n") {
        assert!(Instant::now() < deadline, "the key is not accepted");
        std::thread::sleep(Duration::from_millis(10));
    }
    let revoke = r#"-X DELETE -H "Authorization: Bearer $KEY" localhost:8080/v1/key"#;
    let answer = send(port, revoke, &key);
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\n"), "{answer}");
}

#[test]
fn the_features_are_those_of_the_package() {
    let table = README.split_once("| feature | adds |\n|---|---|\n").unwrap().1;
    let documented: BTreeSet<_> =
        table.lines().map_while(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    let manifest = include_str!("../Cargo.toml").split_once("[features]\n").unwrap().1;
    let declared: BTreeSet<_> = manifest
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with(char::is_alphabetic))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    assert_eq!(documented, declared);
}
