//! A change of the password ends all sign-ins of the account, except the session that made the change.

use std::thread;

use crate::common::browser::Browser;
use crate::common::{Attempts, Data, EMAIL, EVE, PASSWORD, Server, status};
use crate::trouble::number;
use crate::{NEW, change, opens, sign_in};

#[test]
fn a_changed_password_ends_all_but_this_session() {
    let data = Data::new();
    let server = Server::start(&data);
    // the browsers use set-up links instead of signing in, because an account has only five attempts
    let links = [server.set_up_link.clone().unwrap(), data.invite()];
    let mut browsers = [(&links[0], EMAIL), (&links[1], EVE)].map(|(link, email)| {
        let mut browser = Browser::new(&server);
        browser.set_up(link, email).leads_to("/keys");
        browser
    });
    let mut third = Browser::new(&server);
    third.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let tokens = [EMAIL, EVE].map(|email| server.log_in_as(email, PASSWORD).1);
    let key = browsers[0].create("kept");
    let page = browsers[0].get("/account/password");
    for purpose in ["current-password", "new-password", "username"] {
        page.assert_has(&format!("input[autocomplete={purpose}]"));
    }
    assert_eq!(browsers[0].get("/keys").text_of("a[href=\"/account/password\"]"), "Password");

    let before = browsers[0].clone();
    let answer = change(&mut browsers[0], PASSWORD, NEW);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("Your password is changed"), "{}", answer.text);
    assert!(!answer.text.contains(NEW) && !answer.text.contains(PASSWORD), "{}", answer.text);
    assert_ne!(before.session(), browsers[0].session());
    assert!(answer.cookies()[0].contains("; HttpOnly; SameSite=Lax; Path=/"), "{:?}", answer.cookies());
    // the form on the page belongs to the new session
    let token = answer.field("form_token");
    let again = [("form_token", token.as_str()), ("current_password", PASSWORD), ("new_password", NEW)];
    assert!(browsers[0].post("/account/password", &again).text.contains("The current password is wrong."));
    before.clone().get("/keys").leads_to("/sign-in");
    third.get("/keys").leads_to("/sign-in");
    assert_eq!(browsers.each_mut().map(|browser| browser.get("/keys").status), [200, 200]);
    assert_eq!(tokens.each_ref().map(|tokens| opens(&server, tokens)), [[401, 401], [200, 200]]);
    assert_eq!(status(&server, &key), 200);
    assert_eq!(
        [(EMAIL, NEW), (EVE, PASSWORD)].map(|(email, password)| sign_in(&server, email, password)),
        [303, 303]
    );
    // a browser that signed in before needs no new cookie of its device
    let answer = third.sign_in(EMAIL, NEW);
    answer.leads_to("/keys");
    assert!(answer.cookies().iter().all(|cookie| !cookie.contains("device")), "{:?}", answer.cookies());
    let log = browsers[0].get("/audit").text;
    assert_eq!(log.matches("changed password").count(), 1, "{log}");
    assert!(!log.contains(NEW) && !browsers[1].get("/audit").text.contains("changed password"));
    let by = format!(
        "SELECT count(*) FROM audit_log WHERE action = 'changed password' AND actor = '{EMAIL}' \
         AND detail = 'all other sessions and tokens ended'"
    );
    assert_eq!(number(&data, &by), Some(1));
}

#[test]
fn a_wrong_current_password_changes_nothing() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let mut browser = Browser::signed_in(&server);
    let other = browser.clone();
    for wrong in ["", "another long password", NEW] {
        let answer = change(&mut browser, wrong, NEW);
        assert_eq!(answer.status, 400, "{}", answer.text);
        let mistake = answer.text_of("#mistakes a[href=\"#current_password\"]");
        assert_eq!(mistake, "The current password is wrong.");
        assert!(wrong.is_empty() || !answer.text.contains(wrong), "{}", answer.text);
    }
    assert_eq!(other.clone().get("/keys").status, 200);
    assert_eq!(number(&data, "SELECT count(*) FROM audit_log WHERE action = 'changed password'"), Some(0));
    assert_eq!(server.log_in_as(EMAIL, PASSWORD).0, 200);
}

/// An account has five attempts, and they are for the current password.
#[test]
fn a_new_password_that_is_too_weak_is_no_attempt() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let mut browser = Browser::signed_in(&server);
    for _ in 0..6 {
        let answer = change(&mut browser, "another long password", "short");
        assert!(answer.status == 400 && answer.has("#mistakes a[href=\"#new_password\"]"), "{}", answer.text);
    }
    let answer = change(&mut browser, "another long password", NEW);
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(number(&data, "SELECT count(*) FROM audit_log WHERE action = 'changed password'"), Some(0));
}

#[test]
fn the_current_password_cannot_be_guessed_without_limit() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let browser = Browser::signed_in(&server);
    let attempt = || {
        let answer = change(&mut browser.clone(), "another long password", NEW);
        (answer.status, answer.header("retry-after").map(str::to_owned))
    };
    Attempts::new(5).until_refused(400, attempt);
}

#[test]
fn only_the_owner_changes_the_password_and_only_with_the_form() {
    let data = Data::new();
    let server = Server::with_account(&data);
    Browser::new(&server).set_up(&data.invite(), EVE).leads_to("/keys");
    let [mut owner, mut other] = [EMAIL, EVE].map(|email| {
        let mut browser = Browser::new(&server);
        browser.sign_in(email, PASSWORD).leads_to("/keys");
        browser
    });
    let [token, others] = [&mut owner, &mut other].map(|browser| browser.get("/keys").field("form_token"));
    let stranger = Browser::new(&server).get("/sign-in").field("form_token");
    let fields = |token: &str| {
        let fields = [("form_token", token), ("current_password", PASSWORD), ("new_password", NEW)];
        fields.map(|(name, value)| (name, value.to_owned()))
    };
    let send =
        |browser: &mut Browser, fields: &[(&str, String)]| browser.send_form("/account/password", fields);
    for forged in ["", &others, &stranger, &token[1..]] {
        assert_eq!(send(&mut owner, &fields(forged)).status, 403, "{forged}");
    }
    assert_eq!(send(&mut owner, &fields(&token)[1..]).status, 403);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        owner.headers = vec![(name, value.to_owned())];
        assert_eq!(send(&mut owner, &fields(&token)).status, 403, "{name}: {value}");
    }
    owner.headers.clear();
    let mut nobody = Browser::new(&server);
    nobody.get("/account/password").leads_to("/sign-in?next=%2Faccount%2Fpassword");
    send(&mut nobody, &fields(&token)).leads_to("/sign-in");
    // the server ignores the fields that name an account for password managers
    let mut named = fields(&others).to_vec();
    named.extend([("username", EMAIL.to_owned()), ("email", EMAIL.to_owned())]);
    assert_eq!(send(&mut other, &named).status, 200);
    assert_eq!([EMAIL, EVE].map(|email| sign_in(&server, email, PASSWORD)), [303, 401]);
    assert_eq!(owner.get("/keys").status, 200);
}

#[test]
fn of_two_changes_at_once_one_counts() {
    let data = Data::new();
    let server = Server::start(&data);
    let mut first = Browser::new(&server);
    first.set_up(server.set_up_link.as_ref().unwrap(), EMAIL).leads_to("/keys");
    let mut second = Browser::new(&server);
    second.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let passwords = ["five green boats at noon", "seven red ships at dawn"];
    let statuses: Vec<u16> = thread::scope(|scope| {
        let mut send = |(browser, new): (Browser, &'static str)| {
            let mut browser = browser;
            let token = browser.get("/account/password").field("form_token");
            scope.spawn(move || {
                let fields =
                    [("form_token", token.as_str()), ("current_password", PASSWORD), ("new_password", new)];
                browser.post("/account/password", &fields).status
            })
        };
        let sent = [(first, passwords[0]), (second, passwords[1])].map(&mut send);
        sent.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 303, 400].contains(status)), "{statuses:?}");
    // only the password of the request that succeeded is right
    let right: Vec<u16> = passwords.iter().map(|password| server.log_in_as(EMAIL, password).0).collect();
    let expected: Vec<u16> = statuses.iter().map(|status| if *status == 200 { 200 } else { 401 }).collect();
    assert_eq!(right, expected, "{statuses:?}");
    assert_eq!(number(&data, "SELECT count(*) FROM audit_log WHERE action = 'changed password'"), Some(1));
}
