//! The life of a key through the management API, second by second.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod change;
mod creation;
mod end;
mod limit;
mod owner;
mod pages;
mod record;
mod rotation;

use common::timed::{Account, Fixture};
use common::{EMAIL, id, text};
use serde_json::{Value, json};
use trouble::{execute, numbers};

/// The start of the clock, and later times.
const START: &str = "2027-01-15T08:00:00Z";
const AN_HOUR_LATER: &str = "2027-01-15T09:00:00Z";
const A_DAY_LATER: &str = "2027-01-16T08:00:00Z";

/// An account with a project.
struct Keys {
    server: Fixture,
    account: Account,
    project: String,
}

impl Keys {
    fn new() -> Self {
        let server = Fixture::new();
        let account = server.account(EMAIL);
        let project = first_project(&server, &account);
        Self { server, account, project }
    }

    fn path(&self) -> String {
        format!("/companies/{}/api-keys", self.account.company)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.server.send(method, &format!("{}{path}", self.path()), &self.account.token, body)
    }

    /// Sends a text that need not be JSON.
    fn send_text(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let path = format!("/api/v1{}{path}", self.path());
        let (status, _, answer) = self.server.exchange(method, &path, &self.account.token, body);
        (status, answer)
    }

    fn create_with(&self, more: Value) -> (u16, Value) {
        let mut body = json!({ "project_id": self.project, "name": "a key", "scopes": ["memories:read"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send("POST", "", &body)
    }

    /// Creates a key. Returns the key and the path of its record.
    fn create(&self) -> (String, String) {
        let (status, made) = self.create_with(json!({}));
        assert_eq!(status, 201, "{made}");
        let key = text(&made["api_key"]);
        (key.clone(), format!("/{}", id(&key)))
    }

    fn record(&self, path: &str) -> Value {
        let (status, record) = self.send("GET", path, &json!({}));
        assert_eq!(status, 200, "{record}");
        record
    }

    /// Sends a request with a key to the data plane, and returns the answer.
    fn use_key(&self, key: &str, path: &str) -> (u16, Value) {
        let (status, _, answer) = self.server.exchange("GET", path, key, "");
        (status, answer)
    }

    /// Stores keys without the server, with these values for `expires_at`, `retires_at` and `revoked_at`.
    fn store(&self, keys: i64, prefix: &str, ends: &str) {
        let digest =
            if self.server.data.is_postgres() { "decode(repeat('00', 32), 'hex')" } else { "zeroblob(32)" };
        let id = if self.server.data.is_postgres() { "lpad(n::text, 8, '0')" } else { "printf('%08d', n)" };
        execute(
            &self.server.data,
            &format!(
                "INSERT INTO api_keys (id, digest, project, scopes, name, created_at, updated_at, expires_at, \
                 retires_at, revoked_at) SELECT '{prefix}' || {id}, {digest}, '{}', 1, 'stored', 1700000000, \
                 1700000000, {ends} FROM {}",
                self.project,
                numbers(keys.try_into().unwrap())
            ),
        );
    }

    fn log(&self) -> Vec<[String; 4]> {
        self.server.sign_in().audit_log()
    }
}

fn first_project(server: &Fixture, account: &Account) -> String {
    let path = format!("/companies/{}/projects", account.company);
    let (_, projects) = server.send("GET", &path, &account.token, &json!({}));
    text(&projects[0]["id"])
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}
