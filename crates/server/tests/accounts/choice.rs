//! A weak password is refused, and a password is the same however it is typed.

use crate::common::browser::{Answer, Browser};
use crate::common::{Data, EMAIL, PASSWORD, Server};
use crate::{accounts, change, sign_in};

/// Passwords that ada@example.com of Example, Inc. may not choose, each with the start of the error.
const REFUSED: [(&str, &str); 10] = [
    ("fourteen chars", "he password needs at least 15 characters: choose a longer one"),
    ("scho\u{308}ner Abend!", "he password needs at least 15"),
    ("passwordpassword", "he password is one of the commonest"),
    ("PASSWORDpassword1", "he password is one of the commonest"),
    ("123456789012345", "he password is one of the commonest"),
    ("abcdefghijklmno", "he password is one of the commonest"),
    ("zzzzzzzzzzzzzzzz", "he password is one of the commonest"),
    ("momsanaladventure", "he password is one of the commonest"),
    ("Ada@Example.com!", "he password is made of the e-mail address or the company"),
    ("example-inc-2026-ada", "he password is made of the e-mail address or the company"),
];

#[test]
fn a_weak_password_is_refused_wherever_it_is_chosen() {
    let data = Data::new();
    let server = Server::start(&data);
    let link = server.set_up_link.clone().unwrap();
    let long = "x".repeat(900) + &"ÄÖ".repeat(32);
    let refused = || {
        REFUSED
            .into_iter()
            .chain([(long.as_str(), "he password may have at most 1024 bytes: choose a shorter one")])
    };
    let add = ["account", "add", "--email", EMAIL, "--company", "Example, Inc."];
    for (password, message) in refused() {
        let answer = Browser::new(&server).set_up_as(&link, EMAIL, password, "Example, Inc.");
        assert_refused(&answer, "password", password, message);
        let error = data.fail(&add, &format!("{password}\n"));
        assert!(error.contains(message) && !error.contains(password), "{error}");
    }
    assert_eq!(accounts(&data), Some(0));
    server.set_up(&data);
    let mut browser = Browser::signed_in(&server);
    for (password, message) in refused() {
        let answer = change(&mut browser, PASSWORD, password);
        assert_refused(&answer, "new_password", password, message);
        let error = data.fail(&["account", "reset-password", "--email", EMAIL], password);
        assert!(error.contains(message) && !error.contains(password), "{error}");
    }
    assert_eq!((browser.get("/keys").status, server.log_in_as(EMAIL, PASSWORD).0), (200, 200));
}

#[test]
fn the_name_of_the_company_is_no_password_wherever_it_is_chosen() {
    const COMPANY: &str = "Harbour Lantern Violins";
    let (password, message) =
        ("harbour-lantern-violins 1", "he password is made of the e-mail address or the company");
    let data = Data::new();
    let server = Server::start(&data);
    let link = server.set_up_link.clone().unwrap();
    let answer = Browser::new(&server).set_up_as(&link, EMAIL, password, COMPANY);
    assert_refused(&answer, "password", password, message);
    let add = ["account", "add", "--email", EMAIL, "--company", COMPANY];
    assert!(data.fail(&add, &format!("{password}\n")).contains(message));
    data.succeed(&add, &format!("{PASSWORD}\n"));
    let mut browser = Browser::new(&server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    assert_refused(&change(&mut browser, PASSWORD, password), "new_password", password, message);
    assert!(data.fail(&["account", "reset-password", "--email", EMAIL], password).contains(message));
}

#[track_caller]
fn assert_refused(answer: &Answer, field: &str, password: &str, message: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    let mistake = answer.text_of(&format!("#mistakes a[href=\"#{field}\"]"));
    assert!(mistake.starts_with(&format!("T{message}")), "{mistake}");
    let text = answer.text.replace(EMAIL, "");
    assert!(!text.to_lowercase().contains(&password.to_lowercase()), "{text}");
}

/// One password with composed letters, as most systems type it, and with decomposed letters.
const COMPOSED: &str = "Brücken über Ströme 42";
const DECOMPOSED: &str = "Bru\u{308}cken u\u{308}ber Stro\u{308}me 42";

#[test]
fn a_password_is_the_same_however_its_letters_are_composed() {
    let data = Data::new();
    let server = Server::start(&data);
    let signs_in = |email: &str, password| {
        let statuses = (sign_in(&server, email, password), server.log_in_as(email, password).0);
        assert_eq!(statuses, (303, 200), "{email}");
    };
    Browser::new(&server)
        .set_up_as(server.set_up_link.as_ref().unwrap(), EMAIL, COMPOSED, "A")
        .leads_to("/keys");
    signs_in(EMAIL, DECOMPOSED);
    let add = ["account", "add", "--email", "zoe\u{308}@example.org", "--company", "B"];
    data.succeed(&add, DECOMPOSED);
    signs_in("zoë@example.org", COMPOSED);
    let mut browser = Browser::new(&server);
    browser.sign_in("zoë@example.org", COMPOSED).leads_to("/keys");
    assert_eq!(change(&mut browser, DECOMPOSED, &format!("{COMPOSED}!")).status, 200);
    assert_eq!(sign_in(&server, "zoe\u{308}@example.org", &format!("{DECOMPOSED}!")), 303);
    data.succeed(&["account", "reset-password", "--email", EMAIL], &format!("{COMPOSED}?\n"));
    signs_in(EMAIL, &format!("{DECOMPOSED}?"));
}
