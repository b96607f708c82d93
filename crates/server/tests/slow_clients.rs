//! The server closes the connections of clients that are slow or send too much, and they do not delay other clients.

mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::{DEADLINE, Data, Server, assert_within, read_answer, wait};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

const LOG_IN: &str =
    "POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

const CLOSE: &str = "connection: close\r\n";

/// Time-out of the server for the head of a request, and for more of its body.
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// Sends a text, and returns the answer after the server has closed the connection.
fn end_of(server: &Server, text: &str) -> String {
    let mut stream = server.connect();
    let _ = stream.write_all(text.as_bytes());
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "the connection is still open");
    }
    String::from_utf8(answer).unwrap()
}

fn assert_cut_after_ten_seconds(server: &Server, text: &str) {
    let begin = Instant::now();
    let answer = end_of(server, text);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(begin.elapsed() >= TEN_SECONDS, "{:?}", begin.elapsed());
}

/// Sends a byte every half second, and asserts that the server ends the request.
fn assert_a_trickle_ends(server: &Server, path: &str, content_type: &str, answered_with: &str) {
    let begin = Instant::now();
    let mut stream = server.connect();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: 100000\r\n\r\n"
    )
    .unwrap();
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
            Err(_) => assert!(begin.elapsed() < DEADLINE, "the server still reads the body"),
        }
    }
}

#[test]
fn slow_connections_are_closed() {
    let data = Data::new();
    if data.is_postgres() {
        // this takes half a minute, and does not depend on the database
        return;
    }
    let server = Server::start(&data);
    let begun = format!("{LOG_IN}content-length: 1000\r\n\r\n{{");
    let server = &server;
    thread::scope(|scope| {
        scope.spawn(|| assert_cut_after_ten_seconds(server, ""));
        scope.spawn(|| assert_cut_after_ten_seconds(server, "GET /v1/key HTTP/1.1\r\nhost: loc"));
        scope.spawn(|| assert_cut_after_ten_seconds(server, &begun));
        const JSON: &str = "application/json";
        scope.spawn(|| assert_a_trickle_ends(server, "/api/v1/auth/login", JSON, JSON));
        let form = "application/x-www-form-urlencoded";
        scope.spawn(move || assert_a_trickle_ends(server, "/sign-in", form, "text/html"));
    });
    assert_eq!(server.get("/readyz", None).status(), 200);
}

#[test]
fn many_half_open_connections_do_not_delay_others() {
    let data = Data::new();
    let server = Server::start(&data);
    // an attempt counts only within ten seconds, because the server closes such connections then
    assert_within(TEN_SECONDS, || {
        let mut half_open: Vec<_> = (0..200).map(|_| server.connect()).collect();
        for stream in &mut half_open {
            stream.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
        }
        for _ in 0..10 {
            assert_eq!(server.get("/readyz", None).status(), 200);
        }
        let ended = half_open.iter().filter(|stream| !is_open(stream)).count();
        if ended == 0 { Ok(()) } else { Err(format!("{ended} had ended before others were answered")) }
    });
}

fn is_open(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    stream.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn requests_that_are_too_large_are_refused() {
    let data = Data::new();
    let server = Server::start(&data);
    let get = "GET /v1/key HTTP/1.1\r\nhost: localhost\r\n";
    let headers = |number| (0..number).map(|index| format!("x-{index}: 1\r\n")).collect::<String>();
    const HEAD: usize =
        32 * 1024 - "GET /v1/key HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: \r\n\r\n".len();
    for (text, status) in [
        (format!("{LOG_IN}{CLOSE}content-length: 1048577\r\n\r\n{}", " ".repeat(1_048_577)), "413"),
        (
            format!("{LOG_IN}{CLOSE}transfer-encoding: chunked\r\n\r\n110000\r\n{}", " ".repeat(0x11_0000)),
            "413",
        ),
        (format!("{get}x: {}\r\n\r\n", "x".repeat(100 * 1024)), "431"),
        (format!("{get}{}\r\n", headers(64)), "431"),
        (format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(100 * 1024)), "431"),
        // together with `host` and `connection`, 64 headers and 65 headers
        (format!("{get}{}connection: close\r\n\r\n", headers(62)), "401"),
        (format!("{get}{}connection: close\r\n\r\n", headers(63)), "431"),
        // a head that is not complete after 32 KiB, and a complete head of one byte less
        (format!("{get}connection: close\r\nx: {}", "x".repeat(HEAD + 4)), "431"),
        (format!("{get}connection: close\r\nx: {}\r\n\r\n", "x".repeat(HEAD - 1)), "401"),
    ] {
        let answer = end_of(&server, &text);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "not {status}: {answer}");
    }
    let largest =
        format!("{LOG_IN}connection: close\r\ncontent-length: 1048576\r\n\r\n{}", " ".repeat(1 << 20));
    assert!(end_of(&server, &largest).starts_with("HTTP/1.1 400"), "the largest body is read");
}

const WRITE: &str = "POST /v1/memories HTTP/1.1\r\nhost: localhost\r\n";

/// Sends requests on one connection, each with a body that follows late, and returns the answers.
fn answers_without_a_body(server: &Server) -> io::Result<Vec<String>> {
    let with_length = |length| (format!("content-length: {length}\r\n"), " ".repeat(length));
    let chunked = ("transfer-encoding: chunked\r\n".to_owned(), "2\r\n{}\r\n0\r\n\r\n".to_owned());
    let mut stream = server.connect();
    let mut answers = Vec::new();
    for (head, body) in [with_length(1), with_length(100), with_length(100_000), chunked] {
        write!(stream, "{WRITE}{head}\r\n")?;
        thread::sleep(Duration::from_millis(50));
        stream.write_all(body.as_bytes())?;
        answers.push(read_answer(&mut stream)?);
    }
    write!(stream, "GET /v1/key HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    answers.push(read_answer(&mut stream)?);
    Ok(answers)
}

#[test]
fn an_unread_body_does_not_close_the_connection() {
    let data = Data::new();
    let server = Server::start(&data);
    // the server waits at most a second for the next bytes of a body that no handler reads
    assert_within(Duration::from_secs(1), || {
        let answers = answers_without_a_body(&server).map_err(|error| error.to_string())?;
        let is_kept = |answer: &String| answer.starts_with("HTTP/1.1 401") && !answer.contains("connection:");
        if answers.iter().all(is_kept) { Ok(()) } else { Err(format!("{answers:?}")) }
    });

    // the server does not wait longer for a body that does not come, and does not ask for one that is held back
    for header in ["", "expect: 100-continue\r\n"] {
        // the server closes this connection after ten seconds; so if it is still open, the server waited less for the body
        let mut earlier = server.connect();
        earlier.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
        let answer = end_of(&server, &format!("{WRITE}{header}content-length: 100\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains(CLOSE), "{answer}");
        assert!(is_open(&earlier), "the server waited for the body for as long as for a head");
    }
}

/// Connects from another address of the loopback.
fn connect_from(server: &Server, last_byte: u8) -> TcpStream {
    let to: SocketAddr = server.address().parse().unwrap();
    let stream = Runtime::new().unwrap().block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, last_byte), 0).into()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn ask(stream: &mut TcpStream) -> String {
    write!(stream, "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    read_answer(stream).unwrap()
}

#[test]
fn an_address_has_a_quarter_of_the_connections() {
    let data = Data::new();
    // a quarter is rounded up: eleven
    let server = Server::start_with(&data, &["--max-connections", "41"]);
    // an attempt counts only within ten seconds, because the server closes silent connections then
    assert_within(TEN_SECONDS, || {
        let mut other = connect_from(&server, 2);
        assert!(ask(&mut other).starts_with("HTTP/1.1 200"));
        let mut silent: Vec<_> = (0..11).map(|_| connect_from(&server, 3)).collect();
        // the start of a request counts as silence too
        silent[1].write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
        let mut used = connect_from(&server, 3);
        wait(|| !is_open(&silent[0]));
        assert!(ask(&mut used).starts_with("HTTP/1.1 200"));
        let ended = silent.iter().filter(|stream| !is_open(stream)).count();
        if ended != 1 {
            return Err(format!("{ended} were ended"));
        }
        let mut more: Vec<_> = (0..10).map(|_| connect_from(&server, 3)).collect();
        wait(|| silent.iter().all(|stream| !is_open(stream)));
        assert!(ask(&mut used).starts_with("HTTP/1.1 200"), "used later than the others");
        assert!(more.iter_mut().all(|stream| ask(stream).starts_with("HTTP/1.1 200")));
        if is_open(&other) { Ok(()) } else { Err("the other address lost its connection".into()) }
    });
}

#[test]
fn the_oldest_silent_connection_is_closed_for_a_new_one() {
    let data = Data::new();
    let server = Server::start_with(&data, &["--max-connections", "16"]);
    assert_within(TEN_SECONDS, || {
        let silent: Vec<_> = (0..16).map(|index| connect_from(&server, 10 + index / 4)).collect();
        let mut newest = connect_from(&server, 20);
        wait(|| !is_open(&silent[0]));
        assert!(ask(&mut newest).starts_with("HTTP/1.1 200"));
        let ended = silent.iter().filter(|stream| !is_open(stream)).count();
        if ended == 1 { Ok(()) } else { Err(format!("{ended} were ended")) }
    });
}

/// Behind a proxy, all connections come from the address of the proxy.
#[test]
fn behind_a_proxy_one_address_may_have_all_connections() {
    let data = Data::new();
    let server = Server::start_with(&data, &["--max-connections", "16", "--behind-proxy"]);
    assert_within(TEN_SECONDS, || {
        let mut all: Vec<_> = (0..16).map(|_| connect_from(&server, 2)).collect();
        let is_answered = |stream: &mut TcpStream| ask(stream).starts_with("HTTP/1.1 200");
        if all.iter_mut().all(is_answered) { Ok(()) } else { Err("a connection has ended".into()) }
    });
}

#[test]
fn a_request_must_have_exactly_one_host() {
    let data = Data::new();
    let server = Server::start(&data);
    for (path, answer) in [("/livez", "200"), ("/v1/key", "401"), ("/sign-in", "200"), ("/nothing", "404")] {
        for (hosts, status) in [
            ("host: localhost\r\n", answer),
            ("HOST:127.0.0.1:80\r\n", answer),
            ("host:\r\n", answer),
            ("", "400"),
            ("host: localhost\r\nhost: localhost\r\n", "400"),
            ("host: localhost\r\nHost: other\r\n", "400"),
            ("host: localhost\r\nhost:\r\n", "400"),
            ("host: localhost, other\r\n", "400"),
            ("host: user@localhost\r\n", "400"),
            ("host: localhost:x\r\n", "400"),
        ] {
            let answer = end_of(&server, &format!("GET {path} HTTP/1.1\r\n{hosts}{CLOSE}\r\n"));
            if status == "400" {
                assert!(answer.contains("\r\ncache-control: no-store\r\n"), "{path} {hosts:?}: {answer}");
                assert!(answer.contains("\r\nx-content-type-options: nosniff\r\n"), "{answer}");
            }
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {hosts:?}: {answer}");
        }
        let answer_without = end_of(&server, &format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert!(answer_without.starts_with(&format!("HTTP/1.0 {answer}")), "{answer_without}");
    }
}
