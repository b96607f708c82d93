//! The last second of everything that expires, and the first after it.
//!
//! The server runs in this process, with a clock that the tests set. Its verifier has a clock of its own, so no test here
//! sends a key.

mod common;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use common::browser::Browser;
use common::{Data, EMAIL, PASSWORD, agent};
use ctx_key::{ApiKey, UnixTime};
use ctx_key_server::clock::Clock;
use ctx_key_server::config::Config;
use ctx_key_server::server::{Server, invite, open};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use ureq::http::Request;

/// 2027-01-15 08:00 UTC.
const START: u64 = 1_800_000_000;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

struct Fixture {
    url: String,
    start_link: String,
    time: Arc<AtomicU64>,
    config: Config,
    runtime: Runtime,
    _data: Data,
}

impl Fixture {
    fn new() -> Self {
        let data = Data::new();
        let folder = data.folder.path().to_str().unwrap();
        let mut arguments = vec!["ctx-key-server", "--listen", "127.0.0.1:0", "--data", folder];
        let url = data.server_url();
        arguments.extend(url.iter().flat_map(|url| ["--database-url", url]));
        let config = Config::parse_from(arguments);
        let (time, runtime) = (Arc::new(AtomicU64::new(START)), Runtime::new().unwrap());
        let (url, start_link) = runtime.block_on(async {
            let server = Server::bind_with_clock(&config, Clock::Set(time.clone())).await.unwrap();
            let url = server.public_url().to_owned();
            let start_link = server.set_up_link().await.unwrap().unwrap();
            tokio::spawn(server.run(async || pending().await, Duration::ZERO));
            (url, start_link)
        });
        Self { url, start_link, time, config, runtime, _data: data }
    }

    /// Sets the clock to so many seconds after the start.
    fn set(&self, seconds: u64) {
        self.time.store(START + seconds, Ordering::Relaxed);
    }

    fn set_up_link(&self) -> String {
        let now = UnixTime::from_secs(self.time.load(Ordering::Relaxed));
        self.runtime.block_on(async { invite(&open(&self.config).await.unwrap(), "", now).await.unwrap() })
    }

    /// A browser that has made an account and is signed in.
    fn set_up(&self) -> Browser {
        let mut browser = Browser::at(&self.url);
        browser.set_up(&self.set_up_link(), EMAIL).leads_to("/keys");
        browser
    }

    fn sign_in(&self) -> Browser {
        let mut browser = Browser::at(&self.url);
        browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
        browser
    }

    fn log_in(&self) -> Value {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        let (status, answer) = self.send("POST", "/auth/login", "", &body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn refresh(&self, tokens: &Value) -> u16 {
        let body = json!({ "refresh_token": tokens["refresh_token"] });
        self.send("POST", "/auth/refresh", "", &body).0
    }

    /// The keys, as a program with these tokens reads them.
    fn keys(&self, tokens: &Value) -> (u16, Value) {
        let path = format!("/companies/{}/api-keys", tokens["companies"][0]["id"].as_str().unwrap());
        self.send("GET", &path, tokens["access_token"].as_str().unwrap(), &json!({}))
    }

    fn send(&self, method: &str, path: &str, bearer: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("{}/api/v1{path}", self.url));
        let request = request.header("authorization", format!("Bearer {bearer}")).body(body.to_string());
        let mut response = agent().run(request.unwrap()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap())
    }

    /// Whether the keys with these ids are active, as a program reads it.
    fn are_active<const N: usize>(&self, ids: [&str; N]) -> [bool; N] {
        let keys = self.keys(&self.log_in()).1;
        let key = |id: &str| keys.as_array().unwrap().iter().find(|key| key["id"] == id).unwrap().clone();
        ids.map(|id| key(id)["is_active"].as_bool().unwrap())
    }
}

fn id(key: &str) -> String {
    ApiKey::parse(key).unwrap().id().to_string()
}

/// The states of keys, as the dashboard shows them.
fn states<const N: usize>(browser: &mut Browser, ids: [&str; N]) -> [String; N] {
    let list = browser.get("/keys").text;
    let state = |id: &str| {
        let row = list.split(&format!("{id}***")).nth(1).expect("a key");
        let state = row.split("class=\"state ").nth(1).and_then(|rest| rest.split(['>', '<']).nth(1));
        state.expect("a state").to_owned()
    };
    ids.map(state)
}

#[test]
fn a_set_up_link_is_valid_for_24_hours() {
    let fixture = Fixture::new();
    let links = [fixture.set_up_link(), fixture.set_up_link()];
    let mut browser = Browser::at(&fixture.url);
    fixture.set(DAY - 1);
    let start_link = fixture.start_link.strip_prefix(&fixture.url).unwrap();
    assert_eq!([&links[0], start_link].map(|link| browser.get(link).status), [200, 200]);
    fixture.set(DAY);
    assert_eq!(browser.get(start_link).status, 400);
    fixture.set(DAY - 1);
    browser.set_up(&links[0], EMAIL).leads_to("/keys");
    fixture.set(DAY);
    let answers = [browser.get(&links[1]), browser.set_up(&links[1], "eve@example.com")];
    for answer in answers {
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains("This set-up link is not valid"), "{}", answer.text);
    }
}

#[test]
fn a_session_and_its_forms_are_valid_for_12_hours() {
    let fixture = Fixture::new();
    let mut browser = fixture.set_up();
    let sent_at_once = browser.creation("at once");
    assert_eq!(browser.create_with(&sent_at_once).status, 200);
    let sent_late = browser.creation("late");
    fixture.set(12 * HOUR - 1);
    assert_eq!(browser.create_with(&sent_late).status, 200);
    assert_eq!([&sent_at_once, &sent_late].map(|form| browser.create_with(form).status), [409, 409]);
    fixture.set(12 * HOUR);
    browser.get("/keys").leads_to("/sign-in");
    browser.create_with(&sent_late).leads_to("/sign-in");
    let mut browser = fixture.sign_in();
    assert_eq!([&sent_at_once, &sent_late].map(|form| browser.create_with(form).status), [403, 403]);
    // the fields of the old form in one of the new session
    let mut fields = browser.creation("again");
    fields[1] = sent_late[1].clone();
    assert_eq!((browser.create_with(&fields).status, browser.count_keys()), (200, 3));
}

#[test]
fn tokens_are_valid_for_an_hour_and_for_30_days() {
    let fixture = Fixture::new();
    fixture.set_up();
    let (first, second) = (fixture.log_in(), fixture.log_in());
    assert_eq!(first["expires_in"], HOUR);
    fixture.set(HOUR - 1);
    assert_eq!(fixture.keys(&first), (200, json!([])));
    fixture.set(HOUR);
    assert_eq!(fixture.keys(&first).0, 401);
    fixture.set(30 * DAY - 1);
    assert_eq!(fixture.refresh(&first), 200);
    fixture.set(30 * DAY);
    assert_eq!(fixture.refresh(&second), 401);
}

#[test]
fn an_old_key_retires_at_the_end_of_the_overlap() {
    let fixture = Fixture::new();
    let mut browser = fixture.set_up();
    let old = id(&browser.create("a key"));
    let page = browser.confirm(&old, "rotate", &[("overlap", "3600")]);
    assert!(page.text.contains("works until 2027-01-15 09:00 UTC"), "{}", page.text);
    let new = id(&page.new_key());
    fixture.set(HOUR - 1);
    assert_eq!(states(&mut browser, [&old, &new]), ["Ending soon", "Active"]);
    assert_eq!(fixture.are_active([&old, &new]), [true, true]);
    fixture.set(HOUR);
    assert_eq!(states(&mut browser, [&old, &new]), ["Retired", "Active"]);
    assert_eq!(fixture.are_active([&old, &new]), [false, true]);
}

#[test]
fn a_key_for_30_days_ends_soon_after_23_and_expires_after_30() {
    let fixture = Fixture::new();
    let mut browser = fixture.set_up();
    let key = id(&browser.create("a key"));
    let list = browser.get("/keys").text;
    assert!(list.contains(r#"2027-02-14 <span class="quiet">08:00 UTC</span>"#), "{list}");
    fixture.set(23 * DAY - 1);
    let mut browser = fixture.sign_in();
    assert_eq!(states(&mut browser, [&key]), ["Active"]);
    fixture.set(23 * DAY);
    assert_eq!(states(&mut browser, [&key]), ["Ending soon"]);
    fixture.set(30 * DAY - 1);
    let mut browser = fixture.sign_in();
    assert_eq!((states(&mut browser, [&key]), fixture.are_active([&key])), (["Ending soon".into()], [true]));
    fixture.set(30 * DAY);
    assert_eq!((states(&mut browser, [&key]), fixture.are_active([&key])), (["Expired".into()], [false]));
}
