//! A server in this process, with a clock that the test sets.
//!
//! The server's verifier uses another clock: that of the system, which is earlier than the start of the test's clock.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use ctx_key::UnixTime;
use ctx_key_server::clock::Clock;
use ctx_key_server::config::Config;
use ctx_key_server::database::Database;
use ctx_key_server::server::{Server, invite, open};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use ureq::http::Request;

use super::browser::Browser;
use super::{Data, EMAIL, PASSWORD, agent, text};

/// 2027-01-15 08:00 UTC.
pub const START: u64 = 1_800_000_000;

pub const HOUR: u64 = 3600;
pub const DAY: u64 = 24 * HOUR;

pub struct Fixture {
    pub url: String,
    pub data: Data,
    time: Arc<AtomicU64>,
    config: Config,
    pub runtime: Runtime,
}

/// The tokens and the company of an account that is signed in.
pub struct Account {
    pub token: String,
    pub refresh: String,
    pub company: String,
}

impl Fixture {
    pub fn new() -> Self {
        Self::on(Data::new(), &[])
    }

    pub fn on(data: Data, flags: &[&str]) -> Self {
        let folder = data.folder.path().to_str().unwrap();
        let mut arguments = vec!["ctx-key-server", "--listen", "127.0.0.1:0", "--data", folder];
        let url = data.server_url();
        arguments.extend(url.iter().flat_map(|url| ["--database-url", url]));
        arguments.extend(flags);
        let config = Config::parse_from(arguments);
        let (time, runtime) = (Arc::new(AtomicU64::new(START)), Runtime::new().unwrap());
        let url = runtime.block_on(async {
            let server = Server::bind_with_clock(&config, Clock::Set(time.clone())).await.unwrap();
            let url = server.public_url().to_owned();
            tokio::spawn(server.run(async || pending().await, Duration::ZERO));
            url
        });
        Self { url, data, time, config, runtime }
    }

    /// Starts a server behind a proxy, so that a test can choose the addresses of the clients.
    pub fn behind_proxy() -> Self {
        Self::on(Data::new(), &["--behind-proxy"])
    }

    /// Sets the clock to this number of seconds after [`START`].
    pub fn set(&self, seconds: u64) {
        self.time.store(START + seconds, Ordering::Relaxed);
    }

    pub fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.time.load(Ordering::Relaxed))
    }

    /// Opens a pool of connections to the server's database.
    pub fn database(&self) -> Database {
        self.runtime.block_on(async { open(&self.config).await.unwrap() })
    }

    pub fn set_up_link(&self) -> String {
        self.runtime
            .block_on(async { invite(&open(&self.config).await.unwrap(), "", self.now()).await.unwrap() })
    }

    /// Returns a browser that has created an account and is signed in.
    pub fn set_up(&self) -> Browser {
        self.set_up_as(EMAIL)
    }

    pub fn set_up_as(&self, email: &str) -> Browser {
        let mut browser = Browser::at(&self.url);
        browser.set_up(&self.set_up_link(), email).leads_to("/keys");
        browser
    }

    pub fn sign_in(&self) -> Browser {
        let mut browser = Browser::at(&self.url);
        browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
        browser
    }

    pub fn log_in(&self) -> Value {
        self.log_in_as(EMAIL)
    }

    pub fn log_in_as(&self, email: &str) -> Value {
        let body = json!({ "email": email, "password": PASSWORD });
        let (status, answer) = self.send("POST", "/auth/login", "", &body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Creates an account, and logs in.
    pub fn account(&self, email: &str) -> Account {
        self.set_up_as(email);
        let tokens = self.log_in_as(email);
        Account {
            token: text(&tokens["access_token"]),
            refresh: text(&tokens["refresh_token"]),
            company: text(&tokens["companies"][0]["id"]),
        }
    }

    pub fn refresh(&self, tokens: &Value) -> u16 {
        self.refreshed(tokens["refresh_token"].as_str().unwrap()).0
    }

    /// Sends a refresh token, and returns the status and the answer.
    pub fn refreshed(&self, token: &str) -> (u16, Value) {
        self.send("POST", "/auth/refresh", "", &json!({ "refresh_token": token }))
    }

    /// Lists the keys with these tokens, through the management API.
    pub fn keys(&self, tokens: &Value) -> (u16, Value) {
        let path = format!("/companies/{}/api-keys", tokens["companies"][0]["id"].as_str().unwrap());
        self.send("GET", &path, tokens["access_token"].as_str().unwrap(), &json!({}))
    }

    /// Sends a request to the management API. Returns the status and the JSON of the answer, which is null if there is no
    /// body.
    pub fn send(&self, method: &str, path: &str, bearer: &str, body: &Value) -> (u16, Value) {
        let (status, _, answer) = self.exchange(method, &format!("/api/v1{path}"), bearer, &body.to_string());
        (status, answer)
    }

    /// Does the same for any path and body. Returns the status, the headers and the body.
    pub fn exchange(
        &self,
        method: &str,
        path: &str,
        bearer: &str,
        body: &str,
    ) -> (u16, ureq::http::HeaderMap, Value) {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {bearer}"));
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let mut response = agent().run(request.unwrap()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        (response.status().as_u16(), response.headers().clone(), body)
    }

    /// Returns whether the keys with these ids are active, by the management API.
    pub fn are_active<const N: usize>(&self, ids: [&str; N]) -> [bool; N] {
        let keys = self.keys(&self.log_in()).1;
        let key = |id: &str| keys.as_array().unwrap().iter().find(|key| key["id"] == id).unwrap().clone();
        ids.map(|id| key(id)["is_active"].as_bool().unwrap())
    }
}
