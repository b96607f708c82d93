//! A company with an account that is signed in, and a program with a token that does not expire.

use ctx_key::{ApiKey, KeyRecord, Scope};
use ctx_key_server::store::import::{ImportError, import};
use serde_json::{Value, json};

use super::browser::Browser;
use super::text;
use super::timed::Fixture;

pub struct Company {
    pub server: Fixture,
    pub token: String,
    pub id: String,
}

impl Company {
    pub fn new() -> (Self, Browser) {
        let server = Fixture::new();
        let browser = server.set_up();
        let tokens = server.log_in();
        let id = text(&tokens["companies"][0]["id"]);
        let body = json!({ "name": "deploy", "expires_at": null });
        let access = text(&tokens["access_token"]);
        let (_, made) = server.send("POST", &format!("/companies/{id}/tokens"), &access, &body);
        (Self { server, token: text(&made["token"]), id }, browser)
    }

    /// Sends a request of the program to a path below the company's.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.server.send(method, &format!("/companies/{}{path}", self.id), &self.token, body)
    }

    /// Returns the id of a new project.
    pub fn project(&self, name: &str) -> String {
        let (status, project) = self.send("POST", "/projects", &json!({ "name": name }));
        assert_eq!(status, 201, "{project}");
        text(&project["id"])
    }

    /// Returns a project as programs see it.
    pub fn shown(&self, id: &str) -> Value {
        let (_, projects) = self.send("GET", "/projects", &json!({}));
        projects.as_array().unwrap().iter().find(|project| project["id"] == id).expect("a project").clone()
    }

    pub fn create(
        &self,
        project: &str,
        name: &str,
        scopes: &[&str],
        expires_at: Option<&str>,
    ) -> (u16, Value) {
        let body = json!({ "project_id": project, "name": name, "scopes": scopes, "expires_at": expires_at });
        self.send("POST", "/api-keys", &body)
    }

    /// Returns the id of a new key that reads memories.
    pub fn key(&self, project: &str, name: &str, expires_at: Option<&str>) -> String {
        self.key_with(project, name, &["memories:read"], expires_at)
    }

    pub fn key_with(&self, project: &str, name: &str, scopes: &[&str], expires_at: Option<&str>) -> String {
        let (status, key) = self.create(project, name, scopes, expires_at);
        assert_eq!(status, 201, "{key}");
        text(&key["id"])
    }

    /// Sends a request of the program about a key.
    pub fn send_about(&self, method: &str, key: &str, body: &Value) -> (u16, Value) {
        self.send(method, &format!("/api-keys/{key}"), body)
    }

    /// Rotates a key, and returns the id of its successor.
    pub fn rotate(&self, key: &str, overlap_seconds: u64) -> String {
        let body = json!({ "overlap_seconds": overlap_seconds });
        let (status, new) = self.send("POST", &format!("/api-keys/{key}/rotate"), &body);
        assert_eq!(status, 201, "{new}");
        text(&new["id"])
    }

    pub fn revoke(&self, key: &str) {
        assert_eq!(self.send("DELETE", &format!("/api-keys/{key}"), &json!({})).0, 204);
    }

    /// Returns the states of keys as programs see them.
    pub fn states(&self, keys: &[&str]) -> Vec<String> {
        let state = |key: &&str| text(&self.send_about("GET", key, &json!({})).1["state"]);
        keys.iter().map(state).collect()
    }

    pub fn import(&self, records: &[(KeyRecord<String>, &str)]) -> Result<u64, ImportError> {
        let lines: String = records.iter().map(|(record, name)| import_line(record, name)).collect();
        let database = self.server.database();
        self.server.runtime.block_on(import(&database, lines.as_bytes(), self.server.now()))
    }
}

/// A record of a new key, which no server has stored.
pub fn record(project: &str) -> KeyRecord<String> {
    KeyRecord::new(&ApiKey::generate(), project.to_owned(), Scope::MEMORIES_READ)
}

/// A line of a file for the import.
pub fn import_line(record: &KeyRecord<String>, name: &str) -> String {
    let mut line = serde_json::to_value(record).unwrap();
    line["name"] = json!(name);
    format!("{line}\n")
}
