//! The server's interface for its operator: signals, health, metrics, ids of requests and settings.

mod common;
mod trouble;

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Data, Server, becomes, read_answer, rest, wait};
use ctx_key::ApiKey;
use serde_json::{Value, json};
use trouble::{
    Conduct, End, Fixture, Proxy, count, execute, number, second, send_and_see_it_read, skip_because, status,
};

/// Asserts that the server finishes an open request after this signal, writes the uses of keys, and stops.
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
    wait(|| TcpStream::connect(server.address()).is_err());
    stream.write_all(second.as_bytes()).unwrap();
    let answer = rest(&stream);
    assert!(answer.starts_with("HTTP/1.1 201"), "{signal}: {answer}");
    wait(|| server.process.try_wait().unwrap().is_some());
    assert_eq!(server.process.wait().unwrap().code(), Some(0), "{signal}");
    // the server writes uses every five seconds, and once more when it stops
    assert_eq!(number(&data, "SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL"), Some(1));
    let made = format!("SELECT count(*) FROM projects WHERE name = '{signal}'");
    assert_eq!(number(&data, &made), Some(1), "{signal}");
}

#[test]
fn sigterm_finishes_open_requests() {
    assert_stops_gracefully("TERM");
}

#[test]
fn sigint_finishes_open_requests() {
    assert_stops_gracefully("INT");
}

#[test]
fn sighup_finishes_open_requests() {
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
    server.ask_to_stop();
    wait(|| text(&server, "/readyz") == (503, "not ready: the server is about to stop\n".to_owned()));
    assert_eq!(text(&server, "/livez"), (200, "ok\n".to_owned()));
    assert_eq!(server.get("/v1/key", None).status(), 401, "other requests are answered");
    server.ask_to_stop();
    wait(|| server.process.try_wait().unwrap().is_some());
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_silent_connection_does_not_delay_the_end() {
    let data = Data::new();
    let log = data.folder.path().join("log");
    let mut server = Server::start_logged(&data, File::create(&log).unwrap());
    let mut silent = TcpStream::connect(server.address()).unwrap();
    silent.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(read_answer(&mut silent).unwrap().starts_with("HTTP/1.1 200 "));
    server.ask_to_stop();
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    assert_eq!(rest(silent), "", "the connection is closed");
    assert_eq!(fs::read_to_string(&log).unwrap(), "", "no request was cut off");
}

/// A load balancer that asks every second notices that the server is not ready.
#[test]
fn a_server_drains_for_the_configured_seconds() {
    let data = Data::new();
    let mut server = Server::start_with(&data, &["--drain", "1"]);
    let begin = Instant::now();
    server.ask_to_stop();
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
}

/// The system remembers the closed connections of the earlier server for a minute.
#[test]
fn a_server_starts_again_at_its_address_at_once() {
    let data = Data::new();
    let server = Server::start(&data);
    let address = server.address().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    assert!(rest(&stream).starts_with("HTTP/1.1 200"));
    drop(stream);
    server.stop();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"));
    command.args(["--listen", &address, "--data"]).arg(data.folder.path()).env_remove("DATABASE_URL");
    command.envs(data.server_url().map(|url| ("DATABASE_URL", url)));
    assert_eq!(Server::run(&data, command).address(), address);
}

#[test]
fn a_server_listens_at_an_address_of_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skip_because("a_server_listens_at_an_address_of_ipv6", "the machine has no IPv6");
    }
    let data = Data::new();
    let server = Server::run(&data, data.command_at("[::1]:0", &[]));
    assert!(server.url.starts_with("http://[::1]:"), "{}", server.url);
    assert_eq!(text(&server, "/livez"), (200, "ok\n".to_owned()));
}

/// Starts a server with a soft and a hard limit on open files: `files` is `SOFT:HARD`.
fn start_with_files(data: &Data, files: &str, arguments: &[&str], log: &Path) -> Server {
    let program = data.command(arguments);
    let mut command = Command::new("prlimit");
    command.arg(format!("--nofile={files}")).arg(program.get_program()).args(program.get_args());
    command.env_remove("DATABASE_URL");
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stderr(File::create(log).unwrap());
    Server::run(data, command)
}

#[test]
fn each_connection_may_be_an_open_file() {
    let warning = "fewer open files are allowed than --max-connections needs: raise the limit (ulimit -n)";
    for (files, connections, allowed) in [
        ("100:4096", "1000", "1256 4096"),
        ("1255:4096", "1000", "1256 4096"),
        ("1256:1256", "1000", "1256 1256"),
        ("2000:4096", "1000", "2000 4096"),
        ("100:1255", "1000", "1255 1255"),
        ("100:272", "16", "272 272"),
    ] {
        let data = Data::new();
        let log = data.folder.path().join("log");
        let server = start_with_files(&data, files, &["--max-connections", connections], &log);
        let limits = fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
        let found = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let found: Vec<_> = found.split_whitespace().take(2).collect();
        assert_eq!(found.join(" "), allowed, "{files} {connections}");
        let is_warned = fs::read_to_string(&log).unwrap().contains(warning);
        assert_eq!(is_warned, files == "100:1255", "{files} {connections}");
    }
}

#[test]
fn connections_beyond_the_open_files_wait_and_the_server_goes_on() {
    let data = Data::new();
    let log = data.folder.path().join("log");
    let server = start_with_files(&data, "64:64", &[], &log);
    let connections: Vec<_> = (0..100).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    wait(|| fs::read_to_string(&log).unwrap().contains("can't accept a connection"));
    drop(connections);
    wait(|| {
        server.agent.get(format!("{}/livez", server.url)).call().is_ok_and(|answer| answer.status() == 200)
    });
    // the server pauses between two attempts to accept a connection
    let lines = fs::read_to_string(&log).unwrap().lines().count();
    assert!(lines < 1000, "{lines}");
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
fn a_server_that_is_not_ready_logs_the_reason_and_says_when_to_ask_again() {
    let data = Data::new();
    let log = data.folder.path().join("log");
    let server = Server::start_logged(&data, File::create(&log).unwrap());
    wait(|| text(&server, "/readyz") == (200, "ok\n".to_owned()));
    execute(&data, "ALTER TABLE api_key_log RENAME TO lost");
    wait(|| text(&server, "/readyz").0 == 503);
    let mut response = server.get("/readyz", None);
    assert_eq!(response.headers()["retry-after"], "2");
    let body = response.body_mut().read_to_string().unwrap();
    assert_eq!(body, "not ready: records of keys can't be read: the log has the reason\n");
    let log = fs::read_to_string(&log).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let reasons: Vec<_> = lines.filter(|line| line["fields"]["message"] == "not ready").collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|line| line["fields"]["error"].is_string()), "{log}");
}

#[test]
fn metrics_have_the_requested_format() {
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
        // a background task may use a connection for a moment
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

/// Returns the lines of a counter, without those of the requests for `/metrics`.
fn lines_of(server: &Server, counter: &str) -> Vec<String> {
    let (_, text) = text(server, "/metrics");
    let lines =
        text.lines().filter_map(|line| line.strip_prefix(counter)).filter(|line| !line.contains("/metrics"));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Unknown methods and paths share one label each, so a client can't create labels.
#[test]
fn each_answer_is_counted_by_its_method_route_and_status() {
    let Fixture { server, token, company, project, data } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read"]);
    server.stop();
    let server = Server::start(&data);
    assert_eq!(lines_of(&server, "ctx_key_responses_total"), [""; 0]);
    for (method, path, bearer) in [
        ("GET", "/livez", None),
        ("HEAD", "/livez", None),
        ("PATCH", "/livez", None),
        ("BREW", "/livez", None),
        ("MAKE", "/livez", None),
        ("BREW", "/nothing", None),
        ("GET", "/nothing?a=b", None),
        ("GET", "/nothing/else", None),
        ("OPTIONS", "/v1/memories/a", Some(&key)),
        ("GET", "/v1/memories/a", Some(&key)),
        ("GET", "/v1/memories/b", Some(&key)),
        ("DELETE", "/v1/memories/a", Some(&key)),
        ("GET", "/v1/memories/a", None),
        ("PUT", "/v1/nothing", Some(&key)),
    ] {
        server.request(method, path, bearer.map(String::as_str), None);
    }
    let memory = "/v1/memories/{id}";
    let mut expected = [
        ("GET", "/livez", 200, 1),
        ("HEAD", "/livez", 200, 1),
        ("PATCH", "/livez", 405, 1),
        ("other", "/livez", 405, 2),
        ("other", "none", 404, 1),
        ("GET", "none", 404, 2),
        ("OPTIONS", memory, 403, 1),
        ("GET", memory, 404, 2),
        ("DELETE", memory, 403, 1),
        ("GET", memory, 401, 1),
        ("PUT", "none", 404, 1),
    ]
    .map(|(method, route, status, number)| {
        format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {number}")
    });
    expected.sort();
    assert_eq!(lines_of(&server, "ctx_key_responses_total"), expected);
}

/// The requests that a proxy asks about count, too.
#[test]
fn each_verification_is_counted_by_its_outcome() {
    let Fixture { server, token, company, project, data } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read"]);
    server.stop();
    let server = Server::start(&data);
    for path in ["/v1/key", "/forward-auth/envoy/v1/memories", "/forward-auth/envoy/v1/users", "/v1/nothing"]
    {
        for bearer in [None, Some("ctx_a"), Some(key.as_str())] {
            server.get(path, bearer);
        }
    }
    execute(&data, "ALTER TABLE api_keys RENAME TO lost");
    assert_eq!(status(&server, ApiKey::generate().expose_secret()), 500);
    let mut expected = [
        ("granted", 3),
        ("key_length", 4),
        ("missing_credentials", 4),
        ("missing_scope", 1),
        ("unavailable", 1),
    ]
    .map(|(outcome, number)| format!("{{outcome=\"{outcome}\"}} {number}"));
    expected.sort();
    assert_eq!(lines_of(&server, "ctx_key_verifications_total"), expected);
}

#[test]
fn durations_are_in_seconds() {
    let data = Data::new();
    let server = Server::start(&data);
    let begin = Instant::now();
    for _ in 0..50 {
        server.get("/readyz", None);
    }
    let most = begin.elapsed().as_secs_f64();
    let (_, text) = text(&server, "/metrics");
    let value = |name: &str| {
        let name = format!("ctx_key_request_duration_seconds_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
        value.parse::<f64>().unwrap()
    };
    // the requests were sent one after the other, so the sum of their durations is less than the whole time
    let (count, sum) = (value("count"), value("sum"));
    assert!(count == 50.0 && sum > 0.0 && sum < most, "{count} {sum} {most}");
    let bound = |line: &str| {
        let bound = line.strip_prefix("ctx_key_request_duration_seconds_bucket{le=\"")?.split('"').next()?;
        bound.parse().ok()
    };
    let bounds: Vec<f64> = text.lines().filter_map(bound).collect();
    let expected = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, f64::INFINITY];
    assert_eq!(bounds, expected);
}

/// Sends a request. Returns the id in the answer, and the span of a line in the log that has this id.
fn ids(server: &Server, log: &Path, headers: &[(&str, &str)]) -> (String, Value) {
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

/// Without a setting of the log. A path could be any text, and so could the id that a proxy passes on.
#[test]
fn each_answer_is_logged_by_its_route_and_never_with_a_key() {
    let (data, key) = (Data::new(), ApiKey::generate());
    let log = data.folder.path().join("log");
    let mut command = data.command(&["--log-json", "--behind-proxy"]);
    command.env_remove("RUST_LOG").stderr(File::create(&log).unwrap());
    let server = Server::run(&data, command);
    for path in ["/v1/memories/private?and=more", "/private", "/livez"] {
        let request = server.agent.get(format!("{}{path}", server.url));
        request.header("x-request-id", key.expose_secret()).call().unwrap();
    }
    let answered = || {
        let text = fs::read_to_string(&log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["fields"]["message"] == "answered").collect::<Vec<_>>()
    };
    wait(|| answered().len() == 3);
    let shown = |line: &Value| {
        let fields = &line["fields"];
        assert!(!fields["microseconds"].is_null() && line["span"]["id"].is_string(), "{line}");
        json!([line["level"], fields["method"], fields["route"], fields["status"]])
    };
    assert_eq!(
        answered().iter().map(shown).collect::<Vec<_>>(),
        [
            json!(["INFO", "GET", "/v1/memories/{id}", 401]),
            json!(["INFO", "GET", "none", 404]),
            json!(["INFO", "GET", "/livez", 200])
        ]
    );
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains("private") && !text.contains(&key.expose_secret()[16..]), "{text}");
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
