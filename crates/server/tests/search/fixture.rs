//! A project for memories and searches.

use serde_json::{Value, json};

use crate::common::{Server, wait};

pub use crate::common::project::Project as Fixture;

impl Fixture {
    pub fn remember(&self, body: &Value) -> String {
        remember(&self.server, &self.key, body)
    }

    /// Stores a memory with this title and this content.
    pub fn note(&self, title: &str, content: &str) -> String {
        self.remember(&json!({ "title": title, "content": content }))
    }

    /// Searches, and returns the whole answer. `more` is appended to the query string.
    pub fn search(&self, query: &str, more: &str) -> Value {
        search(&self.server, &self.key, query, more)
    }

    /// Returns the titles that a search finds, the best first.
    pub fn titles(&self, query: &str) -> Vec<String> {
        self.titles_with(query, "")
    }

    pub fn titles_with(&self, query: &str, more: &str) -> Vec<String> {
        let answer = self.search(query, more);
        let results = answer["results"].as_array().expect("results").iter();
        results.map(|result| result["title"].as_str().expect("a title").to_owned()).collect()
    }
}

pub fn remember(server: &Server, key: &str, body: &Value) -> String {
    let (status, answer) = server.send("POST", "/v1/memories", Some(key), Some(body));
    assert_eq!(status, 202, "{answer}");
    answer["id"].as_str().expect("an id").to_owned()
}

pub fn path(query: &str, more: &str) -> String {
    let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/v1/memories/search?query={query}{more}")
}

/// Searches, and repeats the search while the answer is 503, because the machine may be slow.
pub fn search(server: &Server, key: &str, query: &str, more: &str) -> Value {
    let mut found = Value::Null;
    wait(|| {
        let (status, answer) = server.send("GET", &path(query, more), Some(key), None);
        found = answer;
        assert!([200, 503].contains(&status), "{query}: {status} {found}");
        status == 200
    });
    found
}
