//! Cookies are for this server alone.

use std::process::Stdio;

use crate::common::browser::{Answer, Browser};
use crate::common::{Data, EMAIL, PASSWORD, Server, agent, id, wait};

#[test]
fn cookies_are_for_the_server_alone_and_new_at_every_sign_in() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let mut browser = Browser::new(&server);
    let form = browser.get("/sign-in");
    let answer = browser.sign_in(EMAIL, PASSWORD);
    for cookie in form.cookies().iter().chain(&answer.cookies()) {
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/"), "{cookie}");
        assert!(cookie.starts_with("ctx-key-") && !cookie.contains("Secure"), "{cookie}");
    }
    let first = browser.clone();
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    assert_ne!(first.session(), browser.session());
    first.clone().get("/keys").leads_to("/sign-in");
    assert_eq!(browser.get("/keys").status, 200);

    let before = browser.clone();
    let token = browser.get("/keys").field("form_token");
    browser.post("/sign-out", &[("form_token", &token)]).leads_to("/sign-in");
    assert!(browser.cookies.keys().all(|name| !name.ends_with("session")));
    before.clone().get("/keys").leads_to("/sign-in");
}

#[test]
fn behind_tls_cookies_are_secure() {
    let data = Data::new();
    let server = Server::with_account(&data);
    drop(server);
    let address = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    let mut command = data.command_at(&address, &["--public-url", "HTTPS://Keys.Example.COM/"]);
    let process = command.stdout(Stdio::null()).spawn().expect("it starts");
    let url = format!("http://{address}");
    let server = Server { process, url, set_up_link: None, agent: agent() };
    wait(|| std::net::TcpStream::connect(&address).is_ok());
    let mut browser = Browser::new(&server);
    browser.headers.push(("origin", "https://keys.example.com".to_owned()));
    assert_secure(&browser.get("/sign-in"), &["sign-in"]);
    let answer = browser.sign_in(EMAIL, PASSWORD);
    answer.leads_to("/keys");
    assert_secure(&answer, &["device", "session", "sign-in"]);
    let page = browser.get("/keys");
    assert_eq!((page.status, page.header("strict-transport-security")), (200, Some("max-age=31536000")));

    let key = id(&browser.create("a key"));
    assert_secure(&browser.confirm(&key, "revoke", &[]), &["done"]);
    let page = browser.get("/keys");
    assert!(page.texts("[role=status]").concat().contains("is revoked"), "{}", page.text);
    assert_secure(&page, &["done"]);
    assert_secure(&browser.get("/keys"), &[]);

    let token = browser.get("/account/password").field("form_token");
    let new = "five green boats at noon";
    let fields = [("form_token", token.as_str()), ("current_password", PASSWORD), ("new_password", new)];
    let before = browser.session().to_owned();
    assert_secure(&browser.post("/account/password", &fields), &["session"]);
    assert_ne!(before, browser.session());

    let mut typed = browser.creation("half done");
    typed.push(("account", browser.get("/keys/new").field("account")));
    let token = browser.get("/keys").field("form_token");
    assert_secure(&browser.post("/sign-out", &[("form_token", &token)]), &["session"]);
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["__Host-ctx-key-device"]);
    assert_secure(&browser.create_with(&typed), &["draft"]);
    let answer = browser.sign_in(EMAIL, new);
    answer.leads_to("/keys/new");
    assert_secure(&answer, &["session", "sign-in"]);
    let page = browser.get("/keys/new");
    assert_eq!(page.field("name"), "half done");
    assert_secure(&page, &["draft"]);
    let left: Vec<_> = browser.cookies.keys().collect();
    assert_eq!(left, ["__Host-ctx-key-device", "__Host-ctx-key-session"]);

    // a browser that is known has attempts of its own when those of its address are used up
    let guess = |number: u32| server.log_in_as(&format!("{number}@example.com"), "wrong").0;
    assert!((0..60).any(|number| guess(number) == 429));
    browser.sign_in(EMAIL, new).leads_to("/keys");
    let token = browser.get("/account/password").field("form_token");
    let fields = [("form_token", token.as_str()), ("current_password", PASSWORD), ("new_password", PASSWORD)];
    assert_eq!(browser.post("/account/password", &fields).status, 400);
}

/// Asserts that an answer sets or removes the cookies for these purposes, each for its host and for TLS alone.
#[track_caller]
fn assert_secure(answer: &Answer, purposes: &[&str]) {
    let mut names = Vec::new();
    for cookie in answer.cookies() {
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{cookie}");
        let name = cookie.split('=').next().unwrap();
        names.push(name.strip_prefix("__Host-ctx-key-").unwrap_or(name));
    }
    names.sort_unstable();
    assert_eq!(names, purposes, "{}", answer.text);
}
