//! A form that was sent after the end of its session is not lost.

use ctx_key::ApiKey;

use crate::common::browser::Browser;
use crate::common::company::Company;
use crate::common::{EMAIL, EVE, PASSWORD, id};
use crate::trouble::execute;

#[test]
fn a_form_that_is_sent_after_the_session_is_kept_for_its_account() {
    let (company, mut browser) = Company::new();
    company.server.set_up_as(EVE);
    let key = ApiKey::generate();
    let fields = |browser: &mut Browser, name: &str| {
        let mut fields = browser.creation(name);
        let account = browser.get("/keys/new").field("account");
        fields.push(("account", account));
        fields
    };
    let typed = fields(&mut browser, "a name; with \"all\", & 東京");
    let with_key = fields(&mut browser, key.expose_secret());
    let sent_with = |fields: &[(&'static str, String)]| {
        let mut browser = Browser::at(&company.server.url);
        browser.create_with(fields).leads_to("/sign-in");
        browser
    };
    let mut browser = sent_with(&typed);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys/new");
    let form = browser.get("/keys/new");
    assert_eq!(form.field("name"), "a name; with \"all\", & 東京");
    assert_eq!(form.checked("scopes"), ["memories:read", "chats:write"]);
    assert_eq!(form.field("project_name"), "project of a name; with \"all\", & 東京");
    let chosen =
        ["#project", "#expires"].map(|field| form.attribute(&format!("{field} option[selected]"), "value"));
    assert_eq!(chosen, ["new", "30"]);
    assert_ne!(form.field("form"), typed[1].1, "the form has a token of its own");
    assert!(!browser.get("/keys/new").text.contains("東京"), "the draft is used only once");

    // another account in the same browser does not see it
    let mut browser = sent_with(&typed);
    browser.sign_in(EVE, PASSWORD).leads_to("/keys/new");
    assert!(!browser.get("/keys/new").text.contains("東京"));
    browser.sign_in(EVE, PASSWORD).leads_to("/keys");
    // a draft with a key in it is not kept
    let mut browser = sent_with(&with_key);
    assert!(
        browser.cookies.values().all(|value| !value.contains(&key.expose_secret()[16..])),
        "{:?}",
        browser.cookies
    );
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys/new");
    // a draft from another site, or one too large for a cookie, is not kept either
    let mut browser = Browser::at(&company.server.url);
    browser.headers = vec![("origin", "https://evil.example".to_owned())];
    browser.create_with(&typed).leads_to("/sign-in");
    assert!(browser.cookies.is_empty());
    let long = "\u{1f512}".repeat(100);
    let mut huge = vec![("name", long.clone()), ("project_name", long), ("project", "n".repeat(60_000))];
    huge.extend((0..100).map(|_| ("scopes", "users:read".to_owned())));
    let length: usize = sent_with(&huge).cookies.values().map(String::len).sum();
    assert!((2_400..4_000).contains(&length), "{length}");
}

/// Otherwise each later sign-in would lead to an error. An error that passes keeps the form.
#[test]
fn a_form_whose_page_does_not_exist_is_not_kept() {
    let (company, mut browser) = Company::new();
    let account = browser.get("/keys/new").field("account");
    let [deleted, kept] = ["deleted", "kept"].map(|name| id(&browser.create(name)));
    browser.confirm(&deleted, "delete", &[]).leads_to("/keys");
    let project = company.project("Web");
    let sent_to = |path: &str| {
        let mut browser = Browser::at(&company.server.url);
        browser.post(path, &[("account", &account), ("name", "typed")]).leads_to("/sign-in");
        browser.sign_in(EMAIL, PASSWORD).leads_to(path);
        browser
    };
    for path in [format!("/keys/{deleted}"), "/projects/proj_0/rename".to_owned()] {
        let mut browser = sent_to(&path);
        assert_eq!(browser.get(&path).status, 404, "{path}");
        browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    }
    for path in [format!("/keys/{kept}"), format!("/projects/{project}/rename")] {
        let mut browser = sent_to(&path);
        execute(&company.server.data, "ALTER TABLE projects RENAME TO lost");
        assert_eq!(browser.get(&path).status, 500, "{path}");
        execute(&company.server.data, "ALTER TABLE lost RENAME TO projects");
        assert_eq!(browser.get(&path).field("name"), "typed", "{path}");
        browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    }
}
