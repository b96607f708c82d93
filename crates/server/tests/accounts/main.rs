//! Accounts: the links that make them, and their passwords.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod change;
mod choice;
mod links;
mod names;
mod reset;

use common::browser::{Answer, Browser};
use common::{Data, Server};
use serde_json::{Value, json};
use trouble::number;

fn accounts(data: &Data) -> Option<i64> {
    number(data, "SELECT count(*) FROM accounts")
}

fn sign_in(server: &Server, email: &str, password: &str) -> u16 {
    Browser::new(server).sign_in(email, password).status
}

/// Sends the form of the page.
fn change(browser: &mut Browser, current: &str, new: &str) -> Answer {
    let token = browser.get("/account/password").field("form_token");
    let fields = [("form_token", token.as_str()), ("current_password", current), ("new_password", new)];
    browser.post("/account/password", &fields)
}

const NEW: &str = "five green boats at noon";

/// The statuses that an access and a refresh token get.
fn opens(server: &Server, tokens: &Value) -> [u16; 2] {
    let path = format!("/api/v1/companies/{}/api-keys", tokens["companies"][0]["id"].as_str().unwrap());
    let keys = server.send("GET", &path, tokens["access_token"].as_str(), None).0;
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    [keys, server.send("POST", "/api/v1/auth/refresh", None, Some(&refresh)).0]
}
