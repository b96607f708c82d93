//! An account begins with a set-up link, and its password cannot be guessed.

use crate::common::browser::Browser;
use crate::common::{Attempts, Data, EMAIL, EVE, PASSWORD, Server};

#[test]
fn a_set_up_link_makes_one_account_and_signs_in() {
    let data = Data::new();
    let server = Server::start(&data);
    let link = server.set_up_link.clone().expect("a first start");
    let mut browser = Browser::new(&server);
    browser.get("/").leads_to("/keys");
    browser.get("/keys").leads_to("/sign-in");
    let page = browser.get(link.strip_prefix(&server.url).expect("an address here"));
    assert_eq!(page.status, 200);
    assert_eq!(page.field("link"), link.split("link=").nth(1).unwrap());

    let secret = page.field("link");
    let wrong =
        [("link", secret.as_str()), ("email", "no address"), ("password", "too short"), ("company", "<b>")];
    let answer = browser.post("/set-up", &wrong);
    assert_eq!(answer.status, 400);
    let mistakes = answer.text_of("[role=alert]");
    for part in ["at least 15 characters", "email address"] {
        assert!(mistakes.contains(part), "{part} in {mistakes}");
    }
    assert_eq!((answer.field("email").as_str(), answer.field("company").as_str()), ("no address", "<b>"));
    assert!(!answer.text.contains("too short"), "the password is not shown again");

    browser.set_up(&link, EMAIL).leads_to("/keys");
    assert_eq!(browser.get("/keys").text_of(".empty h2"), "There are no API keys yet");
    let mut other = Browser::new(&server);
    let again = other.set_up(&link, EVE);
    assert_eq!((again.status, other.cookies.len()), (400, 0), "{}", again.text);
    assert_eq!(other.get(&format!("/set-up?link={secret}")).status, 400);
    for query in ["", "?link=", "?link=a&link=b", "?link=%FF"] {
        let page = other.get(&format!("/set-up{query}"));
        assert_eq!((page.status, page.header("x-frame-options")), (400, Some("DENY")));
        assert!(page.text.contains("This set-up link is not valid"), "{query}");
    }
    let taken = data.invite();
    let answer = other.set_up(&taken, &EMAIL.to_uppercase());
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("There is an account with this email address"), "{}", answer.text);
    other.set_up(&taken, EVE).leads_to("/keys");
}

#[test]
fn an_unknown_address_is_answered_like_a_wrong_password() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let mut browser = Browser::new(&server);
    let wrong = browser.sign_in(EMAIL, "another long password");
    assert_eq!(wrong.text_of("[role=alert]"), "The e-mail address or the password is wrong.");
    for address in [EVE, "no address"] {
        let unknown = browser.sign_in(address, "another long password");
        assert_eq!((wrong.status, unknown.status), (401, 401));
        assert_eq!(wrong.text.replace(EMAIL, ""), unknown.text.replace(address, ""));
    }
}

#[test]
fn a_password_cannot_be_guessed_without_limit() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let sign_in = |password| {
        let mut browser = Browser::new(&server);
        let answer = browser.sign_in(EMAIL, password);
        let has_session = browser.cookies.keys().any(|name| name.ends_with("session"));
        assert_eq!(has_session, answer.status == 303, "{}", answer.text);
        (answer.status, answer.header("retry-after").map(str::to_owned))
    };
    let mut attempts = Attempts::new(20);
    attempts.until_refused(303, || sign_in(PASSWORD));
    attempts.until_refused(303, || sign_in(PASSWORD));
}
