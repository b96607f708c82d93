//! Clients that are slow, or send too much, are ended, and keep nobody else waiting.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use common::{Data, Server};

const LOG_IN: &str = "POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\n";

const CLOSE: &str = "connection: close\r\n";

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(24))).unwrap();
    stream
}

/// What the server says to a text, and after how long the connection was ended.
fn end_of(server: &Server, text: &str) -> (String, Duration) {
    let mut stream = connect(server);
    let begin = Instant::now();
    let _ = stream.write_all(text.as_bytes());
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the connection is still open");
    }
    (String::from_utf8(answer).unwrap(), begin.elapsed())
}

fn assert_cut_after_ten_seconds(server: &Server, text: &str) {
    let (answer, after) = end_of(server, text);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(after > Duration::from_secs(8) && after < Duration::from_secs(14), "{after:?}");
}

/// Sends a byte each half second, and is ended all the same.
fn assert_a_trickle_ends(server: &Server, path: &str, answered_with: &str) {
    let mut stream = connect(server);
    let begin = Instant::now();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut buffer = [0; 4096];
    loop {
        let is_sent = stream.write_all(b" ").is_ok();
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
                assert!(answer.starts_with("HTTP/1.1 408") && answer.contains(answered_with), "{answer}");
                break;
            }
            Err(_) if !is_sent => break,
            Err(_) => assert!(begin.elapsed() < Duration::from_secs(23), "it is still read"),
        }
    }
}

#[test]
fn whoever_is_slow_is_ended() {
    let data = Data::new();
    let server = Server::start(&data);
    let begun = format!("{LOG_IN}content-length: 1000\r\n\r\n{{");
    thread::scope(|scope| {
        scope.spawn(|| assert_cut_after_ten_seconds(&server, ""));
        scope.spawn(|| assert_cut_after_ten_seconds(&server, "GET /v1/key HTTP/1.1\r\nhost: loc"));
        scope.spawn(|| assert_cut_after_ten_seconds(&server, &begun));
        scope.spawn(|| assert_a_trickle_ends(&server, "/api/v1/auth/login", "application/json"));
        scope.spawn(|| assert_a_trickle_ends(&server, "/sign-in", "text/html"));
    });
    assert_eq!(server.get("/healthz", None).status(), 200);
}

#[test]
fn many_half_open_connections_keep_nobody_waiting() {
    let data = Data::new();
    let server = Server::start(&data);
    let half_open: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect(&server);
            stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    let begin = Instant::now();
    for _ in 0..10 {
        assert_eq!(server.get("/healthz", None).status(), 200);
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    drop(half_open);
}

#[test]
fn what_is_too_large_is_refused() {
    let data = Data::new();
    let server = Server::start(&data);
    let get = "GET /v1/key HTTP/1.1\r\nhost: localhost\r\n";
    let headers = |number| (0..number).map(|index| format!("x-{index}: 1\r\n")).collect::<String>();
    for (text, status) in [
        (format!("{LOG_IN}{CLOSE}content-length: 1048577\r\n\r\n{}", " ".repeat(1_048_577)), "413"),
        (
            format!("{LOG_IN}{CLOSE}transfer-encoding: chunked\r\n\r\n110000\r\n{}", " ".repeat(0x11_0000)),
            "413",
        ),
        (format!("{get}x: {}\r\n\r\n", "x".repeat(100 * 1024)), "431"),
        (format!("{get}{}\r\n", headers(64)), "431"),
        (format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(100 * 1024)), "431"),
        (format!("{get}{}connection: close\r\n\r\n", headers(60)), "401"),
    ] {
        let (answer, _) = end_of(&server, &text);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "not {status}: {answer}");
    }
    let largest =
        format!("{LOG_IN}connection: close\r\ncontent-length: 1048576\r\n\r\n{}", " ".repeat(1 << 20));
    assert!(end_of(&server, &largest).0.starts_with("HTTP/1.1 400"), "the largest body is read");
}

/// The head of an answer, and as much of its body as came with it.
fn answer(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn a_body_that_nobody_reads_does_not_end_the_connection() {
    const WRITE: &str = "POST /v1/memories HTTP/1.1\r\nhost: localhost\r\n";
    let data = Data::new();
    let server = Server::start(&data);
    let mut stream = connect(&server);
    for length in [1, 100, 100_000] {
        // the answer is known before the body comes
        write!(stream, "{WRITE}content-length: {length}\r\n\r\n").unwrap();
        thread::sleep(Duration::from_millis(50));
        stream.write_all(" ".repeat(length).as_bytes()).unwrap();
        let answer = answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains("connection:"), "{answer}");
    }
    write!(stream, "{WRITE}transfer-encoding: chunked\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(50));
    stream.write_all(b"2\r\n{}\r\n0\r\n\r\n").unwrap();
    assert!(answer(&mut stream).starts_with("HTTP/1.1 401"));
    write!(stream, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(answer(&mut stream).starts_with("HTTP/1.1 200"));
    drop(stream);

    // nobody waits for long for one that doesn't come, or asks for one that is held back
    for header in ["", "expect: 100-continue\r\n"] {
        let (answer, after) = end_of(&server, &format!("{WRITE}{header}content-length: 100\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains(CLOSE), "{answer}");
        assert!(after < Duration::from_secs(8), "{after:?}");
    }
}
