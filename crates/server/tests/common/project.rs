//! A server with a project, and a key of the project that has every scope.

use std::io::Write;

use serde_json::Value;

use super::{Data, Server, rest};

pub const ALL_SCOPES: [&str; 6] =
    ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];

pub struct Project {
    pub server: Server,
    pub token: String,
    pub company: String,
    pub id: String,
    pub key: String,
    pub data: Data,
}

impl Project {
    pub fn new() -> Self {
        let data = Data::new();
        let server = Server::with_account(&data);
        let (token, company) = server.log_in();
        let (id, key) = server.key(&token, &company, &ALL_SCOPES);
        Self { server, token, company, id, key, data }
    }

    /// The path of the company's keys in the management API.
    pub fn keys_path(&self) -> String {
        format!("/api/v1/companies/{}/api-keys", self.company)
    }

    /// Creates a key of another project.
    pub fn other_key(&self) -> String {
        self.server.key(&self.token, &self.company, &ALL_SCOPES).1
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.server.send(method, path, Some(&self.key), body)
    }

    /// Sends a body as text, and returns the answer as text, because a `Value` has no integers of more than 64 bits.
    pub fn send_text(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.server.url));
        let request = request.header("authorization", format!("Bearer {}", self.key));
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let mut response = self.server.agent.run(request.unwrap()).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    /// Sends a request to a path that is not normalized, and returns the whole answer.
    pub fn raw(&self, method: &str, path: &str) -> String {
        let mut stream = self.server.connect();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}", self.key);
        write!(stream, "{head}\r\nconnection: close\r\n\r\n").unwrap();
        rest(stream)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.server.send_until_available("GET", path, Some(&self.key), None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.server.send_until_available("POST", path, Some(&self.key), Some(body));
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// Posts a record, and returns its id.
    #[track_caller]
    pub fn make(&self, path: &str, body: &Value) -> String {
        self.post(path, body)["id"].as_str().unwrap().to_owned()
    }

    /// Asserts that a request is refused with 400, and returns the message.
    #[track_caller]
    pub fn refused(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let (status, answer) = self.send(method, path, body);
        assert_eq!((status, &answer["error"]["type"]), (400, &"bad_request".into()), "{path}: {answer}");
        answer["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// Returns the ids of the records in a list.
pub fn ids(records: &Value) -> Vec<String> {
    let records = records.as_array().expect("a list");
    records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}
