//! The dashboard over HTTP: accounts, sessions, keys and forms, and protection from other sites and accounts.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod accounts;
mod cookies;
mod forms;
mod headers;
mod keys;
mod pages;
mod secrets;
mod strangers;

use common::browser::{Answer, Browser};
use common::{Data, Server};

/// The projects in the form of a new key.
const PROJECT: &str = "option[value^=proj_]";

/// A server with an account, and a browser that is signed in to it.
fn signed_in(data: &Data) -> (Server, Browser) {
    let server = Server::with_account(data);
    let browser = Browser::signed_in(&server);
    (server, browser)
}

fn post(browser: &mut Browser, path: &str, fields: &[(&'static str, String)], token: Option<&str>) -> Answer {
    let token = token.map(|token| ("form_token", token.to_owned()));
    browser.send_form(path, &fields.iter().cloned().chain(token).collect::<Vec<_>>())
}
