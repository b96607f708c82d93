//! A server, and a client that writes HTTP itself, because libraries refuse to send many of these requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::runtime::Runtime;

/// Time-out of the sockets, far longer than any response takes. Without it, a failing test would hang.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server on a free port of the loopback. It stops when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start(app: Router) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async { axum::serve(listener, app).await });
        Self { address, _runtime: runtime }
    }

    /// Sends these bytes on a new connection and returns the response.
    pub(crate) fn send(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect_timeout(&self.address, TIMEOUT).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::read(&answer)
    }

    /// Sends `GET /v1/memories` with these header lines and returns the response.
    pub(crate) fn get(&self, lines: &[Vec<u8>]) -> Answer {
        self.send(&head("GET", "/v1/memories", lines))
    }
}

/// Returns the head of a request with exactly these header lines, after which the server closes the connection.
pub(crate) fn head(method: &str, target: &str, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for line in lines {
        head.extend([line, &b"\r\n"[..]].concat());
    }
    head.extend(b"Host: localhost\r\nConnection: close\r\n\r\n");
    head
}

/// A response.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Self { status, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    /// Returns the value of a header, if there is one. Asserts that there are not several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice: {self:?}");
        value.map(|(_, value)| value.as_str())
    }

    pub(crate) fn challenge(&self) -> Option<&str> {
        self.header("www-authenticate")
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns whether hyper answered by itself. Every response of the application has a body.
    pub(crate) fn is_from_hyper(&self) -> bool {
        self.body.is_empty() && self.header("x-request-id").is_none() && self.challenge().is_none()
    }
}
