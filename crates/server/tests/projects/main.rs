//! Projects: listed, created, renamed and archived, by their owner alone.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod archive;
mod forms;
mod list;
mod names;
mod owner;
mod races;

use common::browser::{Answer, Browser};

/// The names that a form suggests to a company with few projects.
const ENVIRONMENTS: [&str; 3] = ["my-app production", "my-app staging", "my-app development"];

/// The rows of the list: the name, the keys that have not ended, all keys, when it was created, and its state.
fn rows(page: &Answer) -> Vec<String> {
    let rows = page.rows(["Name", "Living keys", "All keys", "Created", "State"]);
    rows.iter().map(|row| row.join(" ")).collect()
}

fn post(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let token = browser.get("/projects").field("form_token");
    let fields: Vec<_> = [("form_token", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
    browser.post(path, &fields)
}

/// The lines of the audit log from a place on: actor, action, key and detail.
fn log_from(browser: &mut Browser, first: usize) -> Vec<[String; 4]> {
    browser.audit_log().split_off(first)
}
