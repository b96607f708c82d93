//! Sign-ins and failed sign-ins have lines in the log of their account.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ctx_key_server::store::audit_log::LogLine;
use serde_json::{Value, json};

use crate::common::browser::Browser;
use crate::common::timed::Fixture;
use crate::common::{Data, EMAIL, EVE, PASSWORD, Server, assert_within, becomes, read_answer};
use crate::{addresses, browser_at, lines, send, trouble};

/// Waits for this number of lines about sign-ins. Returns the actor, the action, the detail and the address of each.
fn sign_ins(server: &Fixture, email: &str, number: usize) -> Vec<[String; 4]> {
    let of_sign_ins = || {
        let mut lines = lines(server, email);
        lines.retain(|line| !line.action.contains("project") && line.key.is_none());
        lines
    };
    assert!(becomes(|| of_sign_ins().len() >= number), "{:?}", of_sign_ins());
    let words = |line: LogLine| [line.actor, line.action, line.detail, line.address.unwrap_or_default()];
    of_sign_ins().into_iter().map(words).collect()
}

#[test]
fn sign_ins_and_what_ends_them_are_logged_with_the_address() {
    let server = Fixture::behind_proxy();
    server.set_up();
    let mut browser = browser_at(&server, "192.0.2.1");
    browser.headers.push(("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0".to_owned()));
    assert_eq!(browser.sign_in(EMAIL, "a wrong password, though long").status, 401);
    sign_ins(&server, EMAIL, 1);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let login = "/api/v1/auth/login";
    let wrong = json!({ "email": " ADA@example.com", "password": "wrong" });
    assert_eq!(send(&server, "192.0.2.2", "", "POST", login, &wrong).0, 401);
    sign_ins(&server, EMAIL, 3);
    let right = json!({ "email": EMAIL, "password": PASSWORD });
    let (_, tokens) = send(&server, "192.0.2.3", "", "POST", login, &right);
    let access = tokens["access_token"].as_str().unwrap();
    for status in [204, 401] {
        assert_eq!(send(&server, "192.0.2.4", access, "POST", "/api/v1/auth/logout", &Value::Null).0, status);
    }
    let (_, tokens) = send(&server, "192.0.2.5", "", "POST", login, &right);
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    for status in [200, 401, 401] {
        assert_eq!(send(&server, "192.0.2.6", "", "POST", "/api/v1/auth/refresh", &refresh).0, status);
    }
    let token = browser.get("/account/password").field("form_token");
    let change =
        [("form_token", token.as_str()), ("current_password", "wrong"), ("new_password", "another long one")];
    assert_eq!(browser.post("/account/password", &change).status, 400);
    sign_ins(&server, EMAIL, 8);
    let form = [("form_token", token.as_str())];
    browser.post("/sign-out", &form).leads_to("/sign-in");
    browser.post("/sign-out", &form).leads_to("/sign-in");
    assert_eq!(
        sign_ins(&server, EMAIL, 9),
        [
            ["somebody", "failed to sign in", "wrong password for ada@example.com", "192.0.2.1"],
            [EMAIL, "signed in", "Firefox on Linux", "192.0.2.1"],
            ["somebody", "failed to sign in", "wrong password for ada@example.com", "192.0.2.2"],
            [EMAIL, "signed in", "sdk/1", "192.0.2.3"],
            [EMAIL, "signed out", "", "192.0.2.4"],
            [EMAIL, "signed in", "sdk/1", "192.0.2.5"],
            ["somebody", "ended session", "its refresh token was sent twice", "192.0.2.6"],
            [EMAIL, "failed to change password", "wrong password for ada@example.com", "192.0.2.1"],
            [EMAIL, "signed out", "", "192.0.2.1"],
        ]
        .map(|line| line.map(str::to_owned))
    );
}

/// The server asks for the form of the first request after it has found the session. Then the second request ends the
/// session.
#[test]
fn two_sign_outs_at_once_are_logged_once() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let sign_outs = || {
        let sql = "SELECT count(*) FROM audit_log WHERE action = 'signed out'";
        trouble::number(&data, sql).unwrap()
    };
    // an attempt counts only within ten seconds, because the server waits no longer for a form
    assert_within(Duration::from_secs(10), || {
        let (mut browser, before) = (Browser::signed_in(&server), sign_outs());
        let token = browser.get("/account/password").field("form_token");
        let form = format!("form_token={token}");
        let head = format!(
            "POST /sign-out HTTP/1.1\r\nhost: localhost\r\ncookie: ctx-key-session={}\r\n\
             content-type: application/x-www-form-urlencoded\r\nexpect: 100-continue\r\n\
             content-length: {}\r\n\r\n",
            browser.session(),
            form.len()
        );
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
        let mut asked = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut asked).map_err(|error| error.to_string())?;
        assert_eq!(asked, *b"HTTP/1.1 100 Continue\r\n\r\n");
        browser.post("/sign-out", &[("form_token", &token)]).leads_to("/sign-in");
        stream.write_all(form.as_bytes()).map_err(|error| error.to_string())?;
        let answer = read_answer(&mut stream).map_err(|error| error.to_string())?;
        let logged = sign_outs() - before;
        if answer.starts_with("HTTP/1.1 303 ") && logged == 1 {
            Ok(())
        } else {
            Err(format!("{logged} lines, and {answer}"))
        }
    });
}

/// The log of a company has lines about its own account only, and no text that somebody typed for another one.
#[test]
fn a_failed_sign_in_is_in_the_log_of_its_account_alone() {
    let server = Fixture::behind_proxy();
    for email in [EMAIL, EVE] {
        server.set_up_as(email);
    }
    let long = format!("{}@example.com", "x".repeat(300));
    server.set(60);
    for email in ["nobody@example.com", "a secret typed here", "", &long, EVE] {
        assert_eq!(
            browser_at(&server, "192.0.2.1").sign_in(email, "typed by mistake").status,
            401,
            "{email}"
        );
    }
    // the line has the time of the attempt, however late it is written
    server.set(120);
    assert_eq!(
        sign_ins(&server, EVE, 1),
        [["somebody", "failed to sign in", "wrong password for eve@example.com", "192.0.2.1"]
            .map(str::to_owned)]
    );
    assert_eq!(lines(&server, EVE).pop().unwrap().at, 1_800_000_060);
    assert_eq!(sign_ins(&server, EMAIL, 0), Vec::<[String; 4]>::new());
    let all = "SELECT count(*) FROM audit_log";
    assert_eq!(trouble::number(&server.data, all), Some(3));
    for text in ["typed", "nobody", "xxx"] {
        let found =
            format!("{all} WHERE detail LIKE '%{text}%' OR actor LIKE '%{text}%' OR search LIKE '%{text}%'");
        assert_eq!(trouble::number(&server.data, &found), Some(0), "{text}");
    }
}

/// The rate limit of an account allows five wrong attempts a minute. It refuses more, and no line is written for them.
#[test]
fn a_flood_of_wrong_attempts_writes_five_lines_a_minute() {
    let server = Fixture::behind_proxy();
    server.set_up();
    for minute in 0..2 {
        server.set(60 * minute);
        let statuses = (0..40).map(|number| {
            let body = json!({ "email": EMAIL, "password": "wrong" });
            send(&server, &format!("192.0.2.{number}"), "", "POST", "/api/v1/auth/login", &body).0
        });
        let statuses: Vec<_> = statuses.collect();
        assert_eq!(statuses, [vec![401; 5], vec![429; 35]].concat());
        let expected = 5 * (usize::try_from(minute).unwrap() + 1);
        assert_eq!(sign_ins(&server, EMAIL, expected).len(), expected);
    }
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    assert_eq!(send(&server, "192.0.2.1", "", "POST", "/api/v1/auth/login", &body).0, 200);
    // a surplus line would have been written by now
    assert_eq!(sign_ins(&server, EMAIL, 11).len(), 11);
}

#[test]
fn a_sign_in_whose_line_cannot_be_written_succeeds() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    let break_log = |is_broken: bool| {
        let [from, to] = if is_broken { ["audit_log", "away"] } else { ["away", "audit_log"] };
        trouble::execute(&server.data, &format!("ALTER TABLE {from} RENAME TO {to}"));
    };
    break_log(true);
    browser_at(&server, "192.0.2.1").sign_in(EMAIL, PASSWORD).leads_to("/keys");
    assert_eq!(browser_at(&server, "192.0.2.1").sign_in(EMAIL, "wrong").status, 401);
    let body = json!({ "email": EMAIL, "password": PASSWORD });
    assert_eq!(send(&server, "192.0.2.1", "", "POST", "/api/v1/auth/login", &body).0, 200);
    break_log(false);
    assert_eq!(browser_at(&server, "192.0.2.2").sign_in(EMAIL, "wrong").status, 401);
    // with SQLite, a lock of the log is a lock of the sessions
    if server.data.is_postgres() {
        trouble::while_locked(&server.data, "audit_log", || {
            browser_at(&server, "192.0.2.1").sign_in(EMAIL, PASSWORD).leads_to("/keys");
        });
    }
    // the failed sign-in while the log was away may be written before it was back, or after
    let has_second = || addresses(&lines(&server, EMAIL)).contains(&("failed to sign in", "192.0.2.2"));
    assert!(becomes(has_second));
    assert!(lines(&server, EMAIL).iter().all(|line| line.action != "signed in"));
    assert_eq!(owner.get("/audit").status, 200);
}

#[test]
fn the_last_failed_sign_ins_are_written_at_the_end() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let body = json!({ "email": EMAIL, "password": "wrong" });
    assert_eq!(server.send("POST", "/api/v1/auth/login", None, Some(&body)).0, 401);
    server.stop();
    assert_eq!(trouble::number(&data, FAILED), Some(1));
}

/// The server gets the signal while it waits for a lock, before which it has taken the attempt out of the queue.
#[test]
fn a_failed_sign_in_that_is_being_written_at_the_end_is_kept() {
    let is_kept = || {
        let data = Data::new();
        let server = Server::with_account(&data);
        let start = trouble::while_locked(&data, "audit_log", || {
            let start = Instant::now();
            let body = json!({ "email": EMAIL, "password": "wrong" });
            assert_eq!(server.send("POST", "/api/v1/auth/login", None, Some(&body)).0, 401);
            sleep(Duration::from_millis(400));
            server.ask_to_stop();
            sleep(Duration::from_millis(200));
            start
        });
        // the server waits for a lock for two seconds: then the attempt is lost, as it should be
        let was_in_time = start.elapsed() < Duration::from_millis(1500);
        server.stop();
        was_in_time.then(|| trouble::number(&data, FAILED) == Some(1))
    };
    let first = (0..20).find_map(|_| is_kept());
    assert_eq!(first, Some(true));
}

/// Counts the failed sign-ins.
const FAILED: &str = "SELECT count(*) FROM audit_log WHERE action = 'failed to sign in'";
