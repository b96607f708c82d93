//! A link to a page of the dashboard leads there, even if the user has to sign in first.

mod common;

use common::browser::{Answer, Browser};
use common::timed::{Fixture, HOUR};
use common::{EMAIL, PASSWORD, id};

/// Opens a page without a session, and follows the redirect to the sign-in. Returns the fields of its form.
fn asked(browser: &mut Browser, page: &str) -> Vec<(&'static str, String)> {
    let answer = browser.get(page);
    let to = answer.header("location").expect("a redirect").to_owned();
    assert!(answer.status == 303 && to.starts_with("/sign-in"), "{} to {to}", answer.status);
    fields(&browser.get(&to))
}

fn fields(form: &Answer) -> Vec<(&'static str, String)> {
    let next = form.attributes("[name=next]", "value").pop().unwrap_or_default();
    vec![("form_token", form.field("form_token")), ("next", next)]
}

fn sign_in(browser: &mut Browser, fields: &[(&'static str, String)], password: &str) -> Answer {
    let mut form: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form.extend([("email", EMAIL), ("password", password)]);
    browser.post("/sign-in", &form)
}

#[test]
fn a_deep_link_survives_the_sign_in_even_after_a_wrong_password() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let id = id(&owner.create("a key"));
    for (minute, page) in (0..).zip([
        &format!("/keys/{id}"),
        &format!("/keys/{id}/revoke?q=web+app&page=2"),
        "/keys/new",
        "/keys?q=web&state=active",
        "/audit?q=%D0%BA%26%22%3C&page=2",
        "/account/password",
    ]) {
        // a minute later, so that no rate limit refuses the sign-in
        server.set(60 * minute);
        let mut browser = Browser::at(&server.url);
        let form = asked(&mut browser, page);
        assert_eq!(form[1].1, page);
        let refused = sign_in(&mut browser, &form, "a wrong password, though long");
        assert_eq!(refused.status, 401);
        assert_eq!(fields(&refused), form, "{page}");
        sign_in(&mut browser, &fields(&refused), PASSWORD).leads_to(page);
        assert_ne!(browser.get(page).status, 303);
    }
}

#[test]
fn each_tab_leads_to_its_own_page_after_the_sign_in() {
    let server = Fixture::new();
    server.set_up();
    let mut browser = Browser::at(&server.url);
    let tabs = ["/audit", "/account/password", "/keys"].map(|page| (page, asked(&mut browser, page)));
    for (page, form) in &tabs {
        let mut browser = browser.clone();
        sign_in(&mut browser, form, PASSWORD).leads_to(page);
    }
}

#[test]
fn the_sign_in_leads_to_no_other_site_and_no_other_page() {
    let server = Fixture::new();
    server.set_up();
    let mut browser = Browser::at(&server.url);
    let token = browser.get("/sign-in").field("form_token");
    for next in [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/keys//evil.example",
        "/%2f%2fevil.example",
        "%2F%2Fevil.example",
        "https://evil.example",
        "https:evil.example",
        "\t//evil.example",
        "/audit\r\nlocation: https://evil.example",
        "/audit\n",
        "/keys/../sign-out",
        "/sign-out",
        "/v1/key",
        "evil.example",
        "javascript:alert(1)",
    ] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        for query in [query.clone(), format!("next={}", query.replace('%', "%25"))] {
            let page = browser.get(&format!("/sign-in?{query}"));
            assert_eq!((page.status, page.has("[name=next]")), (200, false), "{next}");
        }
        let mut browser = browser.clone();
        let form = [("form_token", token.clone()), ("next", next.to_owned())];
        sign_in(&mut browser, &form, PASSWORD).leads_to("/keys");
        // a minute later, so that no rate limit refuses the sign-in
        server.set(server.now().as_secs() - common::timed::START + 60);
    }
}

#[test]
fn a_draft_takes_precedence_over_a_link_and_no_other_form_is_sent_again() {
    let server = Fixture::new();
    let mut browser = server.set_up();
    let mut typed = browser.creation("half done");
    typed.push(("account", browser.get("/keys/new").field("account")));
    let id = id(&browser.create("a key"));
    server.set(12 * HOUR);
    browser.post(&format!("/keys/{id}/revoke"), &[]).leads_to("/sign-in");
    let form = asked(&mut browser, "/audit");
    browser.create_with(&typed).leads_to("/sign-in");
    sign_in(&mut browser, &form, PASSWORD).leads_to("/keys/new");
    assert_eq!(browser.get("/keys/new").field("name"), "half done");
}
