//! HTTP by hand: libraries refuse to send much of what the tests send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::runtime::Runtime;

/// Far longer than any answer takes: a test fails, instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a free port of the loopback, for as long as it is held.
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

    /// The answer to these bytes, in a connection of their own.
    pub(crate) fn send(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::read(&answer)
    }

    /// The answer to `GET /v1/memories` with these header lines.
    pub(crate) fn get(&self, lines: &[Vec<u8>]) -> Answer {
        self.send(&head("GET", "/v1/memories", lines))
    }
}

/// The head of a request that ends the connection, with these header lines as they are.
pub(crate) fn head(method: &str, target: &str, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for line in lines {
        head.extend([line, &b"\r\n"[..]].concat());
    }
    head.extend(b"Host: localhost\r\nConnection: close\r\n\r\n");
    head
}

/// What came back.
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

    /// The value of a header that stands there once, if it does.
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

    /// The HTTP library answered by itself: the application writes a body whatever it says.
    pub(crate) fn is_of_hyper(&self) -> bool {
        self.body.is_empty() && self.header("x-request-id").is_none() && self.challenge().is_none()
    }
}
