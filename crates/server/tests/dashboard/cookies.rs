//! Cookies are for this server alone.

use std::process::Stdio;

use crate::common::browser::Browser;
use crate::common::{Data, EMAIL, PASSWORD, Server, agent, wait};

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
    let form = browser.get("/sign-in");
    let answer = browser.sign_in(EMAIL, PASSWORD);
    answer.leads_to("/keys");
    for cookie in form.cookies().iter().chain(&answer.cookies()) {
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{cookie}");
        assert!(cookie.starts_with("__Host-ctx-key-"), "{cookie}");
    }
    let page = browser.get("/keys");
    assert_eq!((page.status, page.header("strict-transport-security")), (200, Some("max-age=31536000")));
}
