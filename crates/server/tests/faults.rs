//! After a crash, every change that was answered is still there. While the disk is full, or the database is locked or lost,
//! changes are refused, and no key is granted unless its record can be read.

mod common;
mod trouble;

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{Data, Server, agent, assert_within, becomes, wait};
use ctx_key::Scope;
use ctx_key_server::clock::Clock;
use ctx_key_server::database::{Database, Location};
use ctx_key_server::store::actor::{Act, Actor};
use ctx_key_server::store::api_key::{self, NewKey, ProjectChoice, Rotation};
use ctx_key_server::store::email::Email;
use ctx_key_server::store::id::{CompanyId, ProjectId};
use ctx_key_server::store::idempotency_key::IdempotencyKey;
use ctx_key_server::store::name::Name;
use ctx_key_server::store::secret::Secret;
use serde_json::{Value, json};
use trouble::{
    End, Fixture, LEASE, Proxy, assert_changes_within, database_file, execute, id, number, postgres,
    send_and_see_it_read, sqlite, status, wait_for_cache, while_locked,
};

fn rounds() -> usize {
    std::env::var("CTX_KEY_TEST_ROUNDS").map_or(20, |rounds| rounds.parse().expect("a number of rounds"))
}

/// Keys whose creation or revocation the server confirmed before it was killed.
#[derive(Default)]
struct Confirmed {
    made: Mutex<Vec<String>>,
    revoked: Mutex<Vec<String>>,
}

#[test]
fn nothing_that_was_answered_is_lost_when_the_server_is_killed() {
    let mut fixture = Fixture::new();
    let (mut living, mut work) = (Vec::new(), 0);
    for round in 0..rounds() {
        let confirmed = Confirmed::default();
        let patience = Duration::from_millis(40 + (round as u64 * 37) % 200);
        work_until_killed(&mut fixture, &living, &confirmed, patience);
        let rotated = rotate_until_killed(&fixture, patience);
        assert_clean(&fixture.data);

        fixture.server = Server::start(&fixture.data);
        let revoked = confirmed.revoked.into_inner().unwrap();
        for key in revoked.iter().chain(rotated.iter().map(|(old, _)| old)) {
            assert_eq!(status(&fixture.server, key), 401, "round {round}: a key that was ended is granted");
        }
        let made = confirmed.made.into_inner().unwrap();
        for key in &made {
            assert_eq!(status(&fixture.server, key), 200, "round {round}: a key that was shown is missing");
        }
        work += [revoked.len(), rotated.len(), made.len()].iter().min().unwrap();
        if let Some((_, last)) = rotated.last() {
            let sql = format!("SELECT retires_at FROM api_keys WHERE id = '{}'", id(last));
            let is_rotated_in_turn = number(&fixture.data, &sql).is_some();
            let expected = if is_rotated_in_turn { 401 } else { 200 };
            assert_eq!(status(&fixture.server, last), expected, "round {round}: a successor is missing");
        }
        // a company may have a thousand keys
        living = made.into_iter().take(60).collect();
        forget_all_but(&fixture.data, &living);
    }
    assert!(work > 0, "in no round were keys created, revoked and rotated");
}

/// Creates and revokes keys, and kills the server `patience` after it has confirmed the first changes.
fn work_until_killed(fixture: &mut Fixture, living: &[String], confirmed: &Confirmed, patience: Duration) {
    let (url, token) = (fixture.server.url.clone(), fixture.token.clone());
    let (path, project) = (fixture.keys_path(), fixture.project.clone());
    let send = |method: &str, path: &str, body: &str| -> Option<(u16, Value)> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{url}{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let mut response = agent().run(request.body(body.to_owned()).unwrap()).ok()?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    };
    let create = || {
        let body = json!({ "project_id": project, "name": "a key", "scopes": ["memories:read"] }).to_string();
        while let Some((status, made)) = send("POST", &path, &body) {
            if status == 201 {
                confirmed.made.lock().unwrap().push(made["api_key"].as_str().unwrap().to_owned());
            } else {
                assert!(matches!(status, 409 | 503), "{status} {made}");
            }
        }
    };
    let revoke = |keys: &[String]| {
        for key in keys {
            match send("DELETE", &format!("{path}/{}", id(key)), "") {
                Some((204, _)) => confirmed.revoked.lock().unwrap().push(key.clone()),
                Some((status, body)) => assert_eq!(status, 503, "{body}"),
                None => break,
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(create);
        scope.spawn(create);
        let (first, second) = living.split_at(living.len() / 2);
        scope.spawn(|| revoke(first));
        scope.spawn(|| revoke(second));
        let has_any = |keys: &Mutex<Vec<String>>| !keys.lock().unwrap().is_empty();
        let has_begun =
            becomes(|| has_any(&confirmed.made) && (living.is_empty() || has_any(&confirmed.revoked)));
        thread::sleep(patience);
        fixture.server.kill();
        assert!(has_begun, "the server has confirmed no change");
    });
}

/// Rotates keys in a process of its own, and kills the process. Returns the pairs of keys that the process had printed.
fn rotate_until_killed(fixture: &Fixture, patience: Duration) -> Vec<(String, String)> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "rotates_until_it_is_killed", "--nocapture"])
        .env("TEST_DATABASE", database_of(&fixture.data))
        .env("TEST_COMPANY", &fixture.company)
        .env("TEST_PROJECT", &fixture.project)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut text = String::new();
    // the process prints this line before its first rotation
    while !text.ends_with("BEGINS\n") {
        assert_ne!(output.read_line(&mut text).unwrap(), 0, "{text}");
    }
    text.clear();
    output.read_line(&mut text).unwrap();
    thread::sleep(patience);
    process.kill().unwrap();
    process.wait().unwrap();
    let _ = output.read_to_string(&mut text);
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let pairs = whole.filter_map(|line| line.trim().strip_prefix("ROTATED ")?.split_once(' '));
    pairs.map(|(old, new)| (old.to_owned(), new.to_owned())).collect()
}

fn database_of(data: &Data) -> String {
    data.server_url().unwrap_or_else(|| database_file(data).to_str().unwrap().to_owned())
}

/// Rotates keys in a process that another test starts and kills. Does nothing if `TEST_DATABASE` is not set.
#[tokio::test]
async fn rotates_until_it_is_killed() {
    let Ok(location) = std::env::var("TEST_DATABASE") else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let company = CompanyId::parse(&variable("TEST_COMPANY")).unwrap();
    let actor = Email::new("ada@example.com");
    let act =
        Act { company: &company, actor: Actor::Account(&actor), now: Clock::System.now(), address: None };
    let is_postgres = location.starts_with("postgres:");
    let location = if is_postgres { Location::Postgres(location) } else { Location::Sqlite(location.into()) };
    let database = Database::open(location).unwrap();
    let new = NewKey {
        name: Name::parse("a key").unwrap(),
        project: ProjectChoice::Existing(ProjectId::parse(&variable("TEST_PROJECT")).unwrap()),
        scopes: Scope::MEMORIES_READ,
        expires_at: None,
        idempotency_key: None,
    };
    let mut transaction = database.begin().await.unwrap();
    let (mut key, _) = api_key::create(&mut transaction, act, &new).await.unwrap();
    transaction.commit().await.unwrap();
    println!("\nBEGINS");
    for _ in 0..500 {
        let mut transaction = database.begin().await.unwrap();
        let idempotency_key = Some(IdempotencyKey::new(&Secret::generate(), &Secret::generate()));
        let rotation = Rotation { overlap: 0, expires_at: None, idempotency_key };
        let rotated = api_key::rotate(&mut transaction, act, key.id(), &rotation).await;
        let next = rotated.unwrap().key;
        transaction.commit().await.unwrap();
        println!("ROTATED {} {}", key.expose_secret(), next.expose_secret());
        key = next;
    }
    thread::sleep(Duration::from_secs(60));
}

/// Asserts that the database is intact, and that each change of a key has its line in the audit log.
fn assert_clean(data: &Data) {
    if !data.is_postgres() {
        let check = "PRAGMA integrity_check";
        let answer: String = sqlite(data).query_row(check, [], |row| row.get(0)).unwrap();
        assert_eq!(answer, "ok");
    }
    let log = "FROM audit_log l WHERE l.key = k.id AND l.action";
    let of_log = "FROM api_keys k WHERE k.id = l.key";
    let half = [
        format!(
            "SELECT count(*) FROM api_keys k WHERE form IS NULL AND NOT EXISTS (SELECT 1 {log} = 'created')"
        ),
        format!(
            "SELECT count(*) FROM audit_log l WHERE action = 'created' AND NOT EXISTS (SELECT 1 {of_log})"
        ),
        format!(
            "SELECT count(*) FROM api_keys k WHERE (revoked_at IS NULL) = EXISTS (SELECT 1 {log} = 'revoked')"
        ),
        format!(
            "SELECT count(*) FROM api_keys k WHERE (retires_at IS NULL) = EXISTS (SELECT 1 {log} = 'rotated')"
        ),
    ];
    for sql in half {
        assert_eq!(number(data, &sql), Some(0), "{sql}");
    }
    let successors = number(data, "SELECT count(*) FROM api_keys WHERE form IS NOT NULL");
    assert_eq!(successors, number(data, "SELECT count(*) FROM audit_log WHERE action = 'rotated'"));
}

fn forget_all_but(data: &Data, living: &[String]) {
    let ids: HashSet<String> = living.iter().map(|key| format!("'{}'", id(key))).collect();
    let ids = if ids.is_empty() { "''".into() } else { ids.into_iter().collect::<Vec<_>>().join(", ") };
    execute(
        data,
        &format!(
            "DELETE FROM audit_log WHERE key IS NOT NULL AND key NOT IN ({ids}); \
             DELETE FROM api_keys WHERE id NOT IN ({ids})"
        ),
    );
}

/// Asserts that the answer is 503 with `Retry-After`, and does not name the cause.
fn assert_unavailable(server: &Server, method: &str, path: &str, bearer: &str, body: Option<&Value>) {
    let mut response = server.request(method, path, Some(bearer), body);
    let text = response.body_mut().read_to_string().unwrap();
    assert_eq!(response.status(), 503, "{text}");
    assert!(response.headers().contains_key("retry-after"));
    let lower = text.to_lowercase();
    for word in ["sql", "disk", "full", "lock", "connection", "53100", "api_keys", "ctx_"] {
        assert!(!lower.contains(word), "{text}");
    }
}

fn assert_no_key_can_be_created(fixture: &Fixture) {
    let body = json!({ "project_id": fixture.project, "name": "a key", "scopes": ["memories:read"] });
    assert_unavailable(&fixture.server, "POST", &fixture.keys_path(), &fixture.token, Some(&body));
}

fn keys(data: &Data) -> i64 {
    number(data, "SELECT count(*) FROM api_keys").unwrap()
}

#[test]
fn a_full_disk_stops_writes_and_no_grants() {
    let mut fixture = Fixture::new();
    let (cached, other) = (fixture.key(), fixture.key());
    let is_postgres = fixture.data.is_postgres();
    let log = fixture.data.folder.path().join("log");
    if is_postgres {
        execute(
            &fixture.data,
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$; \
             CREATE TRIGGER full_disk BEFORE INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION full_disk()",
        );
    } else {
        // if a process ignores the signal, a write beyond the limit on the size of a file is an error
        fixture.server.kill();
        fixture.server = start_without_signal(&fixture.data, &log);
        assert_eq!(status(&fixture.server, &cached), 200);
        limit_files(&fixture.server.process, "4096");
    }
    let before = keys(&fixture.data);
    assert_no_key_can_be_created(&fixture);
    assert_eq!(status(&fixture.server, &cached), 200);
    assert_eq!(status(&fixture.server, &other), 200);
    assert_no_key_can_be_created(&fixture);
    if is_postgres {
        execute(&fixture.data, "DROP TRIGGER full_disk ON api_keys");
    } else {
        limit_files(&fixture.server.process, "unlimited");
    }
    assert_eq!(status(&fixture.server, &fixture.key()), 200);
    assert_eq!(keys(&fixture.data), before + 1, "a key was half made");
    assert_clean(&fixture.data);
}

/// Starts a server that ignores the signal SIGXFSZ. Its log is already longer than the limit that the test sets later.
fn start_without_signal(data: &Data, log: &Path) -> Server {
    File::create(log).unwrap().write_all(&[b'\n'; 8192]).unwrap();
    let log = OpenOptions::new().append(true).open(log).unwrap();
    let mut process = Command::new("env")
        .args([
            "--ignore-signal=XFSZ",
            env!("CARGO_BIN_EXE_ctx-key-server"),
            "--listen",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(data.folder.path())
        .env_remove("DATABASE_URL")
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
    Server { process, url: url.trim().to_owned(), set_up_link: None, agent: agent() }
}

fn limit_files(process: &Child, limit: &str) {
    // only the soft limit, because only root can raise the hard limit again
    let arguments = [format!("--fsize={limit}:"), "--pid".into(), process.id().to_string()];
    assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
}

#[test]
fn a_locked_database_gives_an_error_and_no_grant() {
    let fixture = Fixture::new();
    let (cached, other) = (fixture.key(), fixture.key());
    wait_for_cache(&fixture.server, &cached);
    let locked = || {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_no_key_can_be_created(&fixture));
            }
            scope.spawn(|| {
                let path = format!("{}/{}", fixture.keys_path(), id(&other));
                assert_unavailable(&fixture.server, "DELETE", &path, &fixture.token, None);
            });
            // the cache needs no lock, as long as the log is read in time
            wait(|| status(&fixture.server, &cached) == 200);
        });
    };
    if fixture.data.is_postgres() {
        let mut client = postgres(&fixture.data);
        let mut transaction = client.transaction().unwrap();
        transaction.batch_execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE").unwrap();
        locked();
        assert_unavailable(&fixture.server, "GET", "/v1/key", &other, None);
    } else {
        let client = sqlite(&fixture.data);
        client.execute_batch("BEGIN EXCLUSIVE").unwrap();
        locked();
        assert_eq!(status(&fixture.server, &other), 200, "readers wait for no writer");
    }
    wait(|| status(&fixture.server, &other) == 200);
    assert_eq!(fixture.revoke(&other), 204);
    assert_eq!(status(&fixture.server, &other), 401);
    assert_eq!(status(&fixture.server, &fixture.key()), 200);
}

#[test]
fn a_lost_database_gives_an_error_and_no_grant() {
    let Some(fixture) = Fixture::on_postgres("a_lost_database_gives_an_error_and_no_grant") else { return };
    let (proxy, data) = Proxy::before(&fixture.data);
    let other = Server::start(&data);
    let (known, unknown) = (fixture.key(), fixture.key());
    assert_eq!(status(&other, &known), 200);
    proxy.close(true);
    assert_unavailable(&other, "GET", "/v1/key", &unknown, None);
    thread::sleep(2 * LEASE);
    assert_unavailable(&other, "GET", "/v1/key", &known, None);
    assert_unavailable(&other, "GET", "/readyz", "", None);
    // a server that can't reach the database is alive, because a restart would not end the outage
    assert_eq!(other.get("/livez", None).status(), 200);
    proxy.close(false);
    wait(|| status(&other, &unknown) == 200);
    wait(|| other.get("/readyz", None).status() == 200);
    assert_eq!(fixture.revoke(&known), 204);
    assert_changes_within(LEASE, [200, 401], || status(&other, &known));
}

/// Sixteen clients search with one key at the same time, and all searches wait for a lock.
#[test]
fn slow_searches_keep_neither_the_health_check_nor_other_keys_waiting() {
    const NAME: &str = "slow_searches_keep_neither_the_health_check_nor_other_keys_waiting";
    let Some(fixture) = Fixture::on_postgres(NAME) else { return };
    let (searching, other) = (fixture.key(), fixture.key());
    let mut client = postgres(&fixture.data);
    let mut transaction = client.transaction().unwrap();
    transaction.batch_execute("LOCK TABLE memory_words IN ACCESS EXCLUSIVE MODE").unwrap();
    let held = || {
        let sql = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
                   WHERE datname = current_database() AND NOT granted";
        number(&fixture.data, sql)
    };
    let search = || fixture.server.get("/v1/memories/search?query=word", Some(&searching)).status();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&is_over);
        for _ in 0..16 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(search(), 503);
                }
            });
        }
        for _ in 0..3 {
            // searches have a quarter of the eight connections
            wait(|| held() == Some(2));
            assert_eq!(fixture.server.get("/readyz", None).status(), 200);
            let key = fixture.key();
            assert_eq!(status(&fixture.server, &key), 200, "its record is not in the cache");
            assert_eq!(fixture.server.get("/v1/memories", Some(&other)).status(), 200);
            assert!(held() <= Some(2), "searches have more than a quarter of the connections");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    transaction.rollback().unwrap();
    assert_eq!(search(), 200);
}

/// A user who revokes a key may close the window at once.
#[test]
fn a_revocation_counts_even_if_its_client_hangs_up() {
    let fixture = Fixture::new();
    for key in std::iter::repeat_with(|| fixture.key()).take(10) {
        let answer = while_locked(&fixture.data, "api_keys", || send_revocation_and_hang_up(&fixture, &key));
        assert_eq!(answer, "", "the server answered while the change waited");
        wait(|| status(&fixture.server, &key) == 401);
    }
}

/// Sends the revocation of a key, and closes the connection while the change waits for a lock. Returns the answer, which
/// is empty unless the client was too slow.
fn send_revocation_and_hang_up(fixture: &Fixture, key: &str) -> String {
    let request = format!(
        "DELETE {}/{} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n",
        fixture.keys_path(),
        id(key),
        fixture.token
    );
    let stream = send_and_see_it_read(&fixture.server, &request);
    stream.shutdown(Shutdown::Write).unwrap();
    common::rest(&stream)
}

#[test]
fn a_revocation_counts_even_if_its_client_hangs_up_and_the_server_stops() {
    // a change waits two seconds for a lock
    assert_within(Duration::from_secs(2), || {
        let mut fixture = Fixture::new();
        let key = fixture.key();
        let answer = while_locked(&fixture.data, "api_keys", || {
            let answer = send_revocation_and_hang_up(&fixture, &key);
            fixture.server.ask_to_stop();
            wait(|| TcpStream::connect(fixture.server.address()).is_err());
            // a server that does not wait for the change ends in this time
            thread::sleep(Duration::from_millis(500));
            answer
        });
        wait(|| fixture.server.process.try_wait().unwrap().is_some());
        assert_eq!(fixture.server.process.wait().unwrap().code(), Some(0));
        let sql =
            format!("SELECT count(*) FROM api_keys WHERE id = '{}' AND revoked_at IS NOT NULL", id(&key));
        let revoked = number(&fixture.data, &sql);
        let is_kept = revoked == Some(1) && answer.is_empty();
        if is_kept { Ok(()) } else { Err(format!("{revoked:?} keys are revoked; {answer}")) }
    });
}

#[test]
fn a_server_that_stops_finishes_open_requests() {
    // the server waits ten seconds for an open request
    assert_within(Duration::from_secs(10), || {
        let Fixture { mut server, token, company, data, .. } = Fixture::new();
        let body = json!({ "name": "made at the end" }).to_string();
        let (first, second) = body.split_at(8);
        let idle = TcpStream::connect(server.address()).unwrap();
        let begun = format!(
            "POST /api/v1/companies/{company}/projects HTTP/1.1\r\nhost: localhost\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
            body.len()
        );
        let mut stream = send_and_see_it_read(&server, &begun);
        server.ask_to_stop();
        wait(|| TcpStream::connect(server.address()).is_err());
        thread::sleep(Duration::from_millis(500));
        let _ = stream.write_all(second.as_bytes());
        let answer = common::rest(&stream);
        wait(|| server.process.try_wait().unwrap().is_some());
        assert_eq!(server.process.wait().unwrap().code(), Some(0));
        drop(idle);
        let made = number(&data, "SELECT count(*) FROM projects WHERE name = 'made at the end'");
        if answer.starts_with("HTTP/1.1 201") && made == Some(1) {
            Ok(())
        } else {
            Err(format!("{made:?} {answer}"))
        }
    });
}
