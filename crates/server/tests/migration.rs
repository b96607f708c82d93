//! A database goes forward only: from an older version, once, and from no newer one.

mod common;
mod trouble;

use std::process::{Command, Output};
use std::thread;

use common::{Data, Server};
use ctx_key::ApiKey;
use ctx_key_server::database::{Database, Location};
use ctx_key_server::store::migration::{LATEST, migrate};
use trouble::{database_file, execute, insert, number, second, skip, status};

fn migrate_to(data: &Data, version: usize) {
    let location = match data.server_url() {
        Some(url) => Location::Postgres(url),
        None => Location::Sqlite(database_file(data)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { migrate(&Database::open(location).expect("a location"), version).await })
        .expect("a migration");
}

fn version(data: &Data) -> Option<i64> {
    number(data, "SELECT max(version) FROM schema_version")
}

/// Counts what writes or wrote changes of keys: the change log's function or trigger, and that of notifications.
fn change_logs(data: &Data) -> Option<i64> {
    let sql = if data.is_postgres() {
        "SELECT count(DISTINCT tgfoid) FROM pg_trigger WHERE tgrelid = 'api_keys'::regclass AND NOT tgisinternal"
    } else {
        "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name = 'api_key_updated'"
    };
    number(data, sql)
}

#[test]
fn a_key_of_the_first_version_works_in_the_latest() {
    let data = Data::new();
    migrate_to(&data, 1);
    assert_eq!(version(&data), Some(1));
    let key = ApiKey::generate();
    execute(
        &data,
        "INSERT INTO accounts (id, email, password, created_at) VALUES ('acc', 'a@example.com', '', 0); \
         INSERT INTO companies (id, account, name, slug, created_at) VALUES ('org', 'acc', 'A', 'a', 0); \
         INSERT INTO projects (id, company, name, created_at) VALUES ('proj', 'org', 'P', 0)",
    );
    insert(&data, "proj", &key);
    std::fs::write(data.folder.path().join("has-accounts"), "").unwrap();
    // and once more, where nothing is left to do
    for _ in 0..2 {
        let server = Server::start(&data);
        assert_eq!(status(&server, key.expose_secret()), 200);
        assert_eq!(version(&data), i64::try_from(LATEST).ok());
        assert_eq!(number(&data, "SELECT count(*) FROM memories"), Some(0));
        assert_eq!(change_logs(&data), Some(1));
        server.stop();
    }
}

/// All that the schema says of itself, and how much there is in it.
fn schema(data: &Data) -> Vec<Option<i64>> {
    let parts: &[&str] = if data.is_postgres() {
        &[
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'",
        ]
    } else {
        &["PRAGMA schema_version", "SELECT count(*) FROM sqlite_master"]
    };
    parts.iter().chain(&["SELECT count(*) FROM schema_version"]).map(|sql| number(data, sql)).collect()
}

/// The program until its end.
fn run(data: &Data, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data.folder.path()).env_remove("DATABASE_URL");
    if let Some(url) = data.server_url() {
        command.env("DATABASE_URL", url);
    }
    command.args(arguments).output().unwrap()
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let data = Data::new();
    Server::start(&data).stop();
    let newer = LATEST + 1;
    execute(&data, &format!("INSERT INTO schema_version (version) VALUES ({newer})"));
    let before = schema(&data);
    let output = run(&data, &[]);
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    let words = [format!("version {newer}"), format!("knows {LATEST} at most")];
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
    assert_eq!(schema(&data), before);
}

#[test]
fn servers_that_start_at_once_migrate_once() {
    let data = Data::new();
    let Some(url) = &data.database_url else { return skip("servers_that_start_at_once_migrate_once") };
    let started: Vec<_> = (0..4)
        .map(|_| {
            let data = second(url.clone());
            thread::spawn(move || Server::start(&data).get("/healthz", None).status())
        })
        .collect();
    for server in started {
        assert_eq!(server.join().unwrap(), 200);
    }
    let steps = number(&data, "SELECT count(*) FROM schema_version");
    assert_eq!(steps, i64::try_from(LATEST).ok());
}

/// An invitation is printed by a process that opens the database and ends.
#[test]
fn an_invitation_ends_in_peace() {
    let data = Data::new();
    let output = run(&data, &["invite"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && message.is_empty(), "{message}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("/set-up?link="));
}
