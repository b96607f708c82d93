//! If a request is refused before its body was read, the client gets the answer, whatever it sends.
//!
//! The tests also run Node, curl and Python, which differ in how they send a body. If one of them is not installed, a line that
//! begins with SKIPPED names it. With `CI` set, that is a failure.

mod common;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{DEADLINE, Data, Server, assert_within, becomes, read_answer, run, wait};

const MIB: usize = 1 << 20;

/// Maximum time of a connection whose request was refused: 10 seconds for the rest of the body, and 30 after the answer.
const LONGEST: Duration = Duration::from_secs(40);

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunks,
}

use Framing::{Chunks, Length};

struct Fixture {
    server: Server,
    data: Data,
    /// A key that may write memories.
    writer: String,
    /// A key that may only read memories.
    reader: String,
}

impl Fixture {
    fn new() -> Self {
        let data = Data::new();
        let server = Server::start(&data);
        server.set_up(&data);
        let (token, company) = server.log_in();
        let (project, writer) = server.key(&token, &company, &["memories:write"]);
        let reader = server.key_in(&token, &company, &project, &["memories:read"]);
        Self { server, data, writer, reader }
    }

    fn connect(&self) -> TcpStream {
        self.server.connect()
    }

    /// Returns the heads of requests that are refused, each with its status and a word of the answer.
    fn refused(&self) -> [(String, u16, &'static str); 10] {
        let bearer = |key| format!("authorization: Bearer {key}\r\n");
        let (writer, reader) = (bearer(&self.writer), bearer(&self.reader));
        let json = "content-type: application/json\r\n";
        let head = |line: &str, headers: &str| format!("{line} HTTP/1.1\r\nhost: localhost\r\n{headers}");
        let form = "content-type: application/x-www-form-urlencoded\r\n";
        [
            (head("POST /v1/memories", ""), 401, "missing_credentials"),
            (head("POST /v1/memories", &format!("{writer}{writer}")), 400, "invalid_request"),
            (head("POST /v1/memories", &reader), 403, "insufficient_scope"),
            (head("POST /v1/memories", &writer), 413, "too_large"),
            (head("POST /v1/nothing", &writer), 404, "not_found"),
            (head("PATCH /v1/memories", &writer), 405, "method_not_allowed"),
            (head("POST /api/v1/auth/login", json), 413, "too_large"),
            (head("POST /api/v1/auth/login", ""), 415, "unsupported_media_type"),
            (head("POST /api/v1/companies/org_1/projects", json), 401, "missing_credentials"),
            (head("POST /sign-in", form), 413, "</html>"),
        ]
    }
}

/// Sends a whole request, without reading anything.
fn send(stream: &mut TcpStream, head: &str, length: usize, framing: Framing) -> io::Result<()> {
    static PIECE: [u8; 1 << 16] = [b' '; 1 << 16];
    let header = match framing {
        Length => format!("content-length: {length}"),
        Chunks => "transfer-encoding: chunked".to_owned(),
    };
    stream.write_all(format!("{head}{header}\r\n\r\n").as_bytes())?;
    for begin in (0..length).step_by(PIECE.len()) {
        let piece = &PIECE[..PIECE.len().min(length - begin)];
        match framing {
            Length => stream.write_all(piece)?,
            Chunks => {
                stream.write_all(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())?;
            }
        }
    }
    if let Chunks = framing { stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
}

/// Asserts that the answer arrives, and that the connection can be used again or is closed in an orderly way.
fn assert_answered(
    mut stream: TcpStream,
    (head, status, word): &(String, u16, &str),
    length: usize,
    framing: Framing,
) {
    let case = format!("{length} bytes by {framing:?}: {head}");
    send(&mut stream, head, length, framing).unwrap_or_else(|error| panic!("{error}: {case}"));
    let answer = read_answer(&mut stream).unwrap_or_else(|error| panic!("{error}: {case}"));
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(word), "{case}: {answer}");
    if answer.contains("connection: close") {
        assert_eq!(stream.read(&mut [0]).map_err(|error| format!("{error}: {case}")), Ok(0));
    } else {
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let next = read_answer(&mut stream).unwrap_or_else(|error| panic!("{error}: {case}"));
        assert!(next.starts_with("HTTP/1.1 200 "), "{case}: {next}");
    }
}

#[test]
fn every_refusal_arrives() {
    let fixture = Fixture::new();
    // this client sends the third header, but does not wait for `100 Continue`
    for header in ["", "connection: close\r\n", "expect: 100-continue\r\n"] {
        for (head, status, word) in fixture.refused() {
            let case = (head + header, status, word);
            for length in [3 * MIB / 2, 10 * MIB] {
                for framing in [Length, Chunks] {
                    // the server sends `100 Continue` before the answer, which this test does not expect
                    let is_asked_for =
                        status == 413 && header.starts_with("expect") && matches!(framing, Chunks);
                    if !is_asked_for {
                        assert_answered(fixture.connect(), &case, length, framing);
                    }
                }
            }
        }
    }
}

#[test]
fn an_invalid_head_is_answered_whatever_follows() {
    let fixture = Fixture::new();
    let begin = "POST /v1/memories HTTP/1.1\r\nhost: localhost\r\n";
    for (head, status) in [
        (format!("{begin}a b: c\r\n"), 400),
        (format!("{begin}content-length: -1\r\n"), 400),
        (format!("{begin}x: {}\r\n", "x".repeat(64 * 1024)), 431),
        ("what\r\n".to_owned(), 400),
    ] {
        assert_answered(fixture.connect(), &(head, status, "connection: close"), 10 * MIB, Length);
    }
}

#[test]
fn many_refusals_of_64_mib_arrive_at_once_in_little_memory() {
    let fixture = Fixture::new();
    let before = fixture.server.peak_memory();
    thread::scope(|scope| {
        for (index, case) in fixture.refused().into_iter().chain(fixture.refused()).enumerate() {
            let framing = if index < 10 { Length } else { Chunks };
            let stream = fixture.connect();
            scope.spawn(move || assert_answered(stream, &case, 64 * MIB, framing));
        }
    });
    // The clients sent 1,280 MiB. Of a body that is too large, the server holds up to 1 MiB before it refuses the body, and the
    // allocator keeps some memory. The kernel counts for each processor, so a later peak may seem to be slightly smaller.
    let grown = fixture.server.peak_memory().saturating_sub(before);
    assert!(grown < 128, "the memory grew by {grown} MiB");
}

/// The server answers at once, and says that the connection ends, if the body has more than 64 MiB or if the client waits for
/// `100 Continue`.
#[test]
fn a_body_that_is_not_read_is_answered_at_once() {
    let fixture = Fixture::new();
    let [(head, ..), ..] = fixture.refused();
    for header in ["content-length: 67108865", "expect: 100-continue\r\ncontent-length: 100"] {
        assert_within(Duration::from_secs(1), || {
            let mut stream = fixture.connect();
            stream.write_all(format!("{head}{header}\r\n\r\n").as_bytes()).unwrap();
            let answer = read_answer(&mut stream).map_err(|error| error.to_string())?;
            let is_last = answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close");
            // the server still reads these bytes, so the connection is not reset
            stream.write_all(&[b' '; 100]).unwrap();
            let end = stream.read(&mut [0]).map_err(|error| error.to_string())?;
            if is_last && end == 0 { Ok(()) } else { Err(answer) }
        });
    }
}

#[test]
fn a_client_that_asks_first_may_send_a_body_of_the_maximum_length() {
    let fixture = Fixture::new();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    for (length, expected) in
        [(MIB, "HTTP/1.1 100 Continue\r\n"), (MIB + 1, "HTTP/1.1 413 Payload Too Large\r\n")]
    {
        let mut stream = fixture.connect();
        write!(stream, "{head}expect: 100-continue\r\ncontent-length: {length}\r\n\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert_eq!(line, expected, "{length}");
    }
}

#[test]
fn a_connection_can_be_used_again_after_64_mib_that_no_handler_read() {
    let fixture = Fixture::new();
    let [(head, ..), ..] = fixture.refused();
    for framing in [Length, Chunks] {
        // the server reads a body for at most ten seconds
        assert_within(Duration::from_secs(10), || {
            let mut stream = fixture.connect();
            send(&mut stream, &head, 64 * MIB, framing).map_err(|error| error.to_string())?;
            let answer = read_answer(&mut stream).map_err(|error| error.to_string())?;
            if answer.contains("connection: close") { Err(answer) } else { Ok(()) }
        });
    }
}

#[test]
fn a_client_that_pauses_loses_no_answer() {
    let fixture = Fixture::new();
    let [(head, ..), ..] = fixture.refused();
    // after its answer, the server waits at most five seconds for the next bytes
    assert_within(Duration::from_secs(5), || {
        let mut stream = fixture.connect();
        let mut send_and_read = || {
            // a body of more than 64 MiB, so that the answer comes at once
            write!(stream, "{head}content-length: 67108865\r\n\r\n")?;
            for _ in 0..3 {
                thread::sleep(Duration::from_millis(300));
                stream.write_all(&[b' '; 1 << 16])?;
            }
            read_answer(&mut stream)
        };
        let answer = send_and_read().map_err(|error| error.to_string())?;
        if answer.starts_with("HTTP/1.1 401 ") { Ok(()) } else { Err(answer) }
    });
}

#[test]
fn a_client_that_goes_on_sending_loses_no_answer() {
    const PAUSE: Duration = Duration::from_millis(500);
    const PAUSES: u32 = 14;
    let fixture = Fixture::new();
    if fixture.data.is_postgres() {
        // this takes seven seconds, and does not depend on the database
        return;
    }
    let [(head, ..), ..] = fixture.refused();
    // The server waits at most five seconds for the next byte, and the client sends for seven seconds in all. An attempt of
    // less than eleven seconds has no pause of five seconds.
    assert_within(PAUSE * PAUSES + Duration::from_secs(4), || {
        let mut stream = fixture.connect();
        let mut send_and_read = || {
            write!(stream, "{head}content-length: 67108865\r\n\r\n")?;
            for _ in 0..PAUSES {
                thread::sleep(PAUSE);
                stream.write_all(b" ")?;
            }
            read_answer(&mut stream)
        };
        let answer = send_and_read().map_err(|error| error.to_string())?;
        if answer.starts_with("HTTP/1.1 401 ") { Ok(()) } else { Err(answer) }
    });
}

/// The limit also holds for a body in chunks, whose length is not known before its end.
#[test]
fn more_than_64_mib_end_the_connection() {
    let fixture = Fixture::new();
    let [case, ..] = fixture.refused();
    for framing in [Length, Chunks] {
        let mut stream = fixture.connect();
        send(&mut stream, &case.0, 96 * MIB, framing).unwrap();
        let answer = read_answer(&mut stream).unwrap();
        let is_last = answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close");
        assert!(is_last, "{framing:?}: {answer}");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{framing:?}");
    }
}

/// The server reads a part of a body of 4 GiB, and then closes the connection.
#[test]
fn a_larger_body_ends() {
    let fixture = Fixture::new();
    let [(head, ..), ..] = fixture.refused();
    for framing in [Length, Chunks] {
        let mut stream = fixture.connect();
        // the server closes the connection before all is sent
        assert!(send(&mut stream, &head, 1 << 32, framing).is_err());
    }
    assert_eq!(fixture.server.get("/livez", None).status(), 200);
}

/// Sends a byte after each `pause`, whatever the answer is, until the connection ends. Returns the answer and the time.
fn trickle(mut stream: TcpStream, pause: Duration) -> (String, Duration) {
    let begin = Instant::now();
    stream.set_read_timeout(Some(pause)).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while begin.elapsed() < 2 * DEADLINE && stream.write_all(b" ").is_ok() {
        if let Ok(length) = stream.read(&mut buffer) {
            answer.extend(&buffer[..length]);
        }
        if answer.ends_with(b"}") {
            thread::sleep(pause);
        }
    }
    (String::from_utf8(answer).unwrap(), begin.elapsed())
}

#[test]
fn a_slow_sender_is_answered_and_ended() {
    let fixture = Fixture::new();
    if fixture.data.is_postgres() {
        // this takes forty seconds, and does not depend on the database
        return;
    }
    let [(head, ..), ..] = fixture.refused();
    let begin = || {
        let mut stream = fixture.connect();
        stream.write_all(format!("{head}content-length: 1000\r\n\r\n").as_bytes()).unwrap();
        stream
    };
    // one pause is shorter and the other longer than the second that the server waits for the next bytes
    thread::scope(|scope| {
        for pause in [200, 1500].map(Duration::from_millis) {
            let stream = begin();
            scope.spawn(move || {
                let (answer, time) = trickle(stream, pause);
                let is_last = answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close");
                assert!(is_last, "{answer}");
                assert!(time < LONGEST + DEADLINE / 2, "{time:?}");
            });
        }
    });
}

/// The server reads the rest of at most 256 bodies at the same time. It answers all other requests at once.
#[test]
fn the_number_of_bodies_that_are_read_at_the_same_time_is_bounded() {
    const A_SECOND: Duration = Duration::from_secs(1);
    let fixture = Fixture::new();
    let [(head, ..), ..] = fixture.refused();
    let begin = || {
        let mut stream = fixture.connect();
        stream.write_all(format!("{head}content-length: 1000\r\n\r\n").as_bytes()).unwrap();
        stream
    };
    assert_within(A_SECOND, || {
        let begin_of_all = Instant::now();
        let slow: Vec<_> = (0..300).map(|_| begin()).collect();
        let is_answered = |mut stream: &TcpStream| {
            stream.set_nonblocking(true).unwrap();
            let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                answer.extend(&buffer[..length]);
            }
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.is_empty() || answer.contains("connection: close"), "{answer}");
            !answer.is_empty()
        };
        let (mut answered, mut sights) = (0, 0);
        // waits until 44 requests are answered, and a little longer, to see that no others are
        while sights < 5 && begin_of_all.elapsed() < A_SECOND {
            thread::sleep(Duration::from_millis(10));
            answered += slow.iter().filter(|stream| is_answered(stream)).count();
            sights += u32::from(answered >= 300 - 256);
        }
        if answered == 300 - 256 { Ok(()) } else { Err(format!("{answered} were answered at once")) }
    });
}

/// A server that stops still answers a client that is sending a body.
#[test]
fn a_refusal_arrives_while_the_server_stops() {
    let fixture = Fixture::new();
    let [(head, ..), ..] = fixture.refused();
    let mut stream = fixture.connect();
    stream.write_all(format!("{head}content-length: {}\r\n\r\n", 32 * MIB).as_bytes()).unwrap();
    // this is more than the buffers of both sockets hold, so the server has begun to handle the request
    stream.write_all(&vec![b' '; 24 * MIB]).unwrap();
    fixture.server.ask_to_stop();
    wait(|| TcpStream::connect(fixture.server.address()).is_err());
    stream.write_all(&vec![b' '; 8 * MIB]).unwrap();
    let answer = read_answer(&mut stream).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let mut server = fixture.server;
    assert!(becomes(|| server.process.try_wait().unwrap().is_some()));
}

/// Returns whether a program is installed. If it is not, prints that the test is skipped.
fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(found.is_ok() || std::env::var_os("CI").is_none(), "{program} is not installed");
    if found.is_err() {
        // not with `eprintln!`, because the harness hides the output of a test that passes
        let _ = writeln!(
            io::stderr(),
            "SKIPPED refused_bodies: {program} is not installed: see cargo xtask tools"
        );
    }
    found.is_ok()
}

fn script(name: &str) -> String {
    format!("{}/tests/refused_bodies/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program, and returns the lines that it prints.
fn lines(command: &mut Command) -> Vec<String> {
    let output = run(command, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

const KINDS: [&str; 3] = ["401 missing_credentials", "413 too_large", "404 not_found"];

#[test]
fn nodes_fetch_gets_the_answer() {
    if !is_installed("node") {
        return;
    }
    let fixture = Fixture::new();
    let printed =
        lines(Command::new("node").args([&script("fetch.mjs"), &fixture.server.url, &fixture.writer]));
    assert_eq!(printed, KINDS.repeat(8));
}

#[test]
fn pythons_clients_get_the_answer() {
    if !is_installed("python3") {
        return;
    }
    let fixture = Fixture::new();
    let (host, port) = fixture.server.address().split_once(':').unwrap();
    let printed =
        lines(Command::new("python3").args([&script("urllib.py"), host, port, fixture.writer.as_str()]));
    let thrice: Vec<_> = KINDS.iter().flat_map(|kind| [kind; 3]).collect();
    assert_eq!(printed, [&thrice[..], &thrice[..]].concat().into_iter().copied().collect::<Vec<_>>());
}

#[test]
fn curl_gets_the_answer() {
    if !is_installed("curl") {
        return;
    }
    let fixture = Fixture::new();
    let body = tempfile::NamedTempFile::new().unwrap();
    body.as_file().set_len(10 * MIB as u64).unwrap();
    for headers in [&[][..], &["Expect:"], &["Expect: 100-continue"], &["Transfer-Encoding: chunked"]] {
        for (path, key, expected) in [
            ("/v1/memories", None, "401"),
            ("/v1/memories", Some(&fixture.writer), "413"),
            ("/v1/nothing", Some(&fixture.writer), "404"),
        ] {
            let mut command = Command::new("curl");
            command.args(["--silent", "--show-error", "--output", "/dev/null", "--data-binary"]);
            command.arg(format!("@{}", body.path().display()));
            command.args([
                "--write-out",
                "%{http_code} %{size_upload}",
                "--header",
                "content-type: application/json",
            ]);
            command.args(headers.iter().flat_map(|header| ["--header", header]));
            let authorization = key.map(|key| format!("authorization: Bearer {key}"));
            command.args(authorization.iter().flat_map(|header| ["--header", header]));
            let printed = lines(command.arg(format!("{}{path}", fixture.server.url)));
            let [printed] = &printed[..] else { panic!("{printed:?}") };
            let (status, sent) = printed.split_once(' ').unwrap();
            assert_eq!(status, expected, "{path} {headers:?}");
            if headers == ["Expect: 100-continue"] {
                assert_eq!(sent, "0", "the server asked for a body that it refuses: {path}");
            }
        }
    }
}
