//! What an operator needs: signals, health, metrics, ids of requests, settings.

mod common;
mod trouble;

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{Data, Server, becomes, rest, wait};
use serde_json::{Value, json};
use trouble::{Conduct, End, Fixture, Proxy, count, number, second, send_and_see_it_read, status};

/// The server stops after what it had begun.
#[track_caller]
fn assert_stops_gracefully(signal: &str) {
    let Fixture { mut server, token, company, data, project } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read"]);
    assert_eq!(status(&server, &key), 200);
    let body = json!({ "name": signal }).to_string();
    let (first, second) = body.split_at(8);
    let begun = format!(
        "POST /api/v1/companies/{company}/projects HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    let mut stream = send_and_see_it_read(&server, &begun);
    let process = server.process.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &process]).status().unwrap().success());
    wait(|| std::net::TcpStream::connect(server.address()).is_err());
    stream.write_all(second.as_bytes()).unwrap();
    let answer = rest(&stream);
    assert!(answer.starts_with("HTTP/1.1 201"), "{signal}: {answer}");
    wait(|| server.process.try_wait().unwrap().is_some());
    assert_eq!(server.process.wait().unwrap().code(), Some(0), "{signal}");
    // the use of the key was less than five seconds ago
    assert_eq!(number(&data, "SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL"), Some(1));
    let made = format!("SELECT count(*) FROM projects WHERE name = '{signal}'");
    assert_eq!(number(&data, &made), Some(1), "{signal}");
}

#[test]
fn sigterm_finishes_what_was_begun() {
    assert_stops_gracefully("TERM");
}

#[test]
fn sigint_finishes_what_was_begun() {
    assert_stops_gracefully("INT");
}

#[test]
fn sighup_finishes_what_was_begun() {
    assert_stops_gracefully("HUP");
}

fn change_log_age(server: &Server) -> f64 {
    let (_, text) = text(server, "/metrics");
    let age = text.lines().find_map(|line| line.strip_prefix("ctx_key_change_log_age_seconds "));
    age.unwrap().parse().unwrap()
}

fn text(server: &Server, path: &str) -> (u16, String) {
    let mut response = server.get(path, None);
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

#[test]
fn a_server_that_drains_is_alive_and_not_ready() {
    let data = Data::new();
    let mut server = Server::start_with(&data, &["--drain", "3600"]);
    assert_eq!(text(&server, "/readyz"), (200, "ok\n".to_owned()));
    let signal = || {
        let process = server.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    };
    signal();
    wait(|| text(&server, "/readyz") == (503, "not ready: the server is about to stop\n".to_owned()));
    assert_eq!(text(&server, "/livez"), (200, "ok\n".to_owned()));
    assert_eq!(server.get("/v1/key", None).status(), 401, "others are answered");
    signal();
    wait(|| server.process.try_wait().unwrap().is_some());
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

#[test]
fn an_outage_of_the_database_ends_no_process() {
    let Some(fixture) = Fixture::on_postgres("an_outage_of_the_database_ends_no_process") else { return };
    let (proxy, data) = Proxy::before(&fixture.data);
    let other = Server::start(&data);
    wait(|| text(&other, "/readyz").0 == 200);
    let freeze = |proxy: &Proxy, is_frozen| {
        proxy.set(if is_frozen { Conduct::Freeze } else { Conduct::Forward });
    };
    for outage in [freeze as fn(&Proxy, bool), Proxy::close] {
        outage(&proxy, true);
        wait(|| text(&other, "/readyz").0 == 503);
        wait(|| change_log_age(&other) > 0.5);
        for _ in 0..3 {
            assert_eq!(text(&other, "/livez"), (200, "ok\n".to_owned()));
            let (status, missing) = text(&other, "/readyz");
            let expected = [
                "not ready: the database does not answer in time\n",
                "not ready: records of keys can't be read: the log has the reason\n",
            ];
            assert!(status == 503 && expected.contains(&missing.as_str()), "{status} {missing}");
        }
        outage(&proxy, false);
        wait(|| text(&other, "/readyz") == (200, "ok\n".to_owned()));
    }
}

#[test]
fn metrics_have_the_format_that_is_asked_for() {
    let data = Data::new();
    let server = Server::start(&data);
    let get = |accept: &str| {
        let request = server.agent.get(format!("{}/metrics", server.url)).header("accept", accept);
        let mut response = request.call().unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, response.body_mut().read_to_string().unwrap())
    };
    let (kind, text) = get("*/*");
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let described = "# HELP ctx_key_look_ups_total Statements that looked up records.\n\
                     # TYPE ctx_key_look_ups_total counter\nctx_key_look_ups_total 0\n";
    assert!(text.contains(described) && !text.contains("# EOF"), "{text}");
    let (kind, text) = get("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let described = "# HELP ctx_key_look_ups Statements that looked up records.\n\
                     # TYPE ctx_key_look_ups counter\nctx_key_look_ups_total 0\n";
    assert!(text.contains(described) && text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn metrics_show_the_cache_the_pools_and_the_age_of_the_log() {
    let Fixture { server, token, company, project, data } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read"]);
    server.stop();
    let sizes = ["--connections", "3", "--verifier-connections", "2", "--cache-size", "1000"];
    let server = Server::start_with(&data, &sizes);
    wait(|| status(&server, &key) == 200 && count(&server, "ctx_key_cache_records") == 1);
    let hits = count(&server, "ctx_key_cache_hits_total");
    wait(|| status(&server, &key) == 200 && count(&server, "ctx_key_cache_hits_total") > hits);
    for (name, value) in [
        ("ctx_key_pool_max_connections", 3),
        ("ctx_key_pool_connections_in_use", 0),
        ("ctx_key_pool_waiting", 0),
        ("ctx_key_look_ups_max", 2),
        ("ctx_key_look_up_queue_ids", 0),
        ("ctx_key_cache_max_records", 1000),
        ("ctx_key_grace_grants_total", 0),
    ] {
        // work in the background takes a connection for a moment
        assert!(becomes(|| count(&server, name) == value), "{name}: {}", count(&server, name));
    }
    wait(|| {
        let age = change_log_age(&server);
        age > 0.0 && age < 0.5
    });
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&is_over);
        scope.spawn(|| {
            let (path, body) = (format!("/api/v1/companies/{company}/projects"), json!({ "name": "a name" }));
            while !is_over.load(Ordering::Relaxed) {
                server.send("POST", &path, Some(&token), Some(&body));
            }
        });
        wait(|| count(&server, "ctx_key_pool_connections_in_use") > 0);
    });
}

/// The answer's id, and the log's last line of a request.
fn ids(server: &Server, log: &std::path::Path, headers: &[(&str, &str)]) -> (String, Value) {
    let mut request = server.agent.get(format!("{}/v1/key", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.call().unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(body["request_id"], id);
    let mut span = Value::Null;
    wait(|| {
        let text = fs::read_to_string(log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.map(|line| line["span"].clone()).find(|span| span["id"] == id);
        span = found.unwrap_or_default();
        span != Value::Null
    });
    (id, span)
}

#[test]
fn ids_of_a_trusted_proxy_are_kept_and_those_of_a_client_are_not() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let valid = [("x-request-id", "edge-1.2:3"), ("traceparent", traceparent.as_str())];
    let is_own = |id: &str| id.len() == 36 && id.starts_with("req_");
    for is_trusted in [true, false] {
        let data = Data::new();
        let log = data.folder.path().join("log");
        let mut command = data.command(&["--log-json"]);
        command.args(is_trusted.then_some("--behind-proxy")).env("RUST_LOG", "info");
        command.stderr(File::create(&log).unwrap());
        let server = Server::run(&data, command);
        let (id, span) = ids(&server, &log, &valid);
        if is_trusted {
            assert_eq!((id.as_str(), &span["trace"]), ("edge-1.2:3", &json!(TRACE)));
        } else {
            assert!(is_own(&id), "{id}");
            assert_eq!(span["trace"], Value::Null);
        }
        let twice = [("x-request-id", "one"), ("x-request-id", "two")];
        for invalid in [&[("x-request-id", "a b"), ("traceparent", "00-0-0-0")][..], &twice, &[]] {
            let (id, span) = ids(&server, &log, invalid);
            assert!(is_own(&id), "{id}");
            assert_eq!(span["trace"], Value::Null);
        }
    }
}

#[track_caller]
fn assert_refused(data: &Data, arguments: &[&str], words: &[&str]) {
    let output = data.run(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_wrong_setting_is_an_error_that_says_what_to_do() {
    let mut data = Data::new();
    data.database_url = None;
    let connections = ["expected a whole number from 1 to 1000"];
    let lease = ["expected 200 to 60000 milliseconds: the change log is read each 100 ms"];
    for (arguments, words) in [
        (["--connections", "0"], &connections[..]),
        (["--verifier-connections", "many"], &connections),
        (["--cache-size", "0"], &["expected a whole number from 1 to 1000000000"]),
        (["--max-connections", "15"], &["expected a whole number from 16 to 100000"]),
        (["--rate-limit", "-1"], &["unexpected argument"]),
        (["--rate-limit", "1000001"], &["expected a whole number from 0 to 1000000"]),
        (["--public-url", "foo"], &["expected http:// or https://, a host and perhaps a port"]),
        (["--lease", "100"], &lease),
        (["--lease", "60001"], &lease),
        (["--lease", "1s"], &lease),
        (["--drain", "3601"], &["3601 is not in"]),
        (["--database-url-file", "/nowhere/url"], &["/nowhere/url", "can't be read: entity not found"]),
        (["--database-url", "postgres://u:hunter2@127.0.0.1:x/d"], &[]),
        (
            ["--database-url", "postgres://u:hunter2@127.0.0.1:1/d"],
            &["the host can't be reached: Connection refused"],
        ),
    ] {
        assert_refused(&data, &arguments, words);
    }
    let file = data.folder.path().join("url");
    fs::write(&file, " \n").unwrap();
    let file = file.to_str().unwrap();
    assert_refused(&data, &["--database-url-file", file], &["is empty: write the URL"]);
    fs::write(file, "postgres://u:hunter2@127.0.0.1:1/d\n").unwrap();
    assert_refused(&data, &["--database-url-file", file], &["the host can't be reached: Connection refused"]);
    let url = "postgres://u:hunter2@127.0.0.1:1/d";
    let both = ["--database-url-file", file, "--database-url", url];
    assert_refused(
        &data,
        &both,
        &["'--database-url-file <FILE>'", "cannot be used with", "'--database-url <URL>'"],
    );
    let verifier = ["--verifier-database-url", url];
    assert_refused(&data, &verifier, &["required arguments were not provided"]);
}

#[test]
fn the_url_of_the_database_is_read_from_a_file() {
    const NAME: &str = "the_url_of_the_database_is_read_from_a_file";
    let Some(fixture) = Fixture::on_postgres(NAME) else { return };
    let key = fixture.key();
    let url = fixture.data.server_url().unwrap();
    let mut data = second(url.clone());
    data.database_url = None;
    let file = data.folder.path().join("url");
    fs::write(&file, format!("{url}\n")).unwrap();
    let mut command = data.command(&[]);
    command.env("DATABASE_URL_FILE", &file).env("CTX_KEY_VERIFIER_DATABASE_URL_FILE", &file);
    let server = Server::run(&data, command);
    assert_eq!(status(&server, &key), 200);
}
