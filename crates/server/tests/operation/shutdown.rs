//! A server that is told to stop finishes open requests first.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{Data, Server, read_answer, rest, wait};
use crate::text;
use crate::trouble::{Fixture, number, send_and_see_it_read, status};

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
