//! Other sites, other accounts and strangers change and see nothing.

use crate::common::browser::Browser;
use crate::common::{Data, EMAIL, EVE, PASSWORD, id, status};
use crate::{PROJECT, post, signed_in};

/// The paths and fields of all forms that change something. Most are about the key with this id.
fn changes(id: &str) -> Vec<(String, Vec<(&'static str, String)>)> {
    let form = "0".repeat(64);
    vec![
        (
            "/keys".to_owned(),
            vec![
                ("form", form.clone()),
                ("name", "forged".to_owned()),
                ("project", "new".to_owned()),
                ("project_name", "forged".to_owned()),
                ("scopes", "memories:read".to_owned()),
                ("expires", "never".to_owned()),
            ],
        ),
        (format!("/keys/{id}"), vec![("name", "forged".to_owned()), ("scopes", "memories:write".to_owned())]),
        (format!("/keys/{id}/rotate"), vec![("form", form), ("overlap", "0".to_owned())]),
        (format!("/keys/{id}/revoke"), vec![]),
        (format!("/keys/{id}/delete"), vec![]),
        ("/sign-out".to_owned(), vec![]),
    ]
}

#[test]
fn forms_of_others_are_refused() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    let key = browser.create("kept");
    let token = browser.get("/keys").field("form_token");
    let stranger = Browser::new(&server).get("/sign-in").field("form_token");
    let list = browser.get("/keys").without_ages();
    for (path, fields) in changes(&id(&key)) {
        for token in [None, Some(""), Some(stranger.as_str()), Some(&token[1..])] {
            assert_eq!(post(&mut browser, &path, &fields, token).status, 403, "{path} {token:?}");
        }
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "http://127.0.0.1:1"),
            ("origin", "http://"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            browser.headers = vec![(name, value.to_owned())];
            assert_eq!(
                post(&mut browser, &path, &fields, Some(&token)).status,
                403,
                "{path} {name}: {value}"
            );
        }
        browser.headers.clear();
        for other in [
            "text/plain",
            "multipart/form-data",
            "application/json",
            "",
            "application/x-www-form-urlencoded2",
        ] {
            let mut browser = Browser { content_type: other, ..browser.clone() };
            assert_eq!(post(&mut browser, &path, &fields, Some(&token)).status, 415, "{path} {other}");
        }
    }
    assert_eq!(browser.get("/keys").without_ages(), list);
    assert_eq!(status(&server, &key), 200);

    // another site cannot sign in a visitor: the cookie of the form is missing, or differs
    let mut victim = Browser::new(&server);
    let fields = [("form_token", stranger.as_str()), ("email", EMAIL), ("password", PASSWORD)];
    assert_eq!(victim.post("/sign-in", &fields).status, 403);
    victim.get("/sign-in");
    assert_eq!(victim.post("/sign-in", &fields).status, 403);

    // the headers that a browser sends with a form of this server
    browser.content_type = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
    browser.headers = vec![("origin", server.url.clone()), ("sec-fetch-site", "same-origin".to_owned())];
    browser.confirm(&id(&key), "revoke", &[]).leads_to("/keys");
    browser.headers = vec![("origin", "null".to_owned()), ("sec-fetch-site", "same-origin".to_owned())];
    browser.confirm(&id(&key), "delete", &[]).leads_to("/keys");
}

#[test]
fn other_accounts_and_strangers_reach_no_key() {
    let data = Data::new();
    let (server, mut owner) = signed_in(&data);
    let key = owner.create("the owner's key");
    let project = owner.get("/keys/new").attributes(PROJECT, "value").remove(0);
    let mut other = Browser::new(&server);
    other.set_up(&data.invite(), EVE).leads_to("/keys");
    let token = other.get("/keys").field("form_token");
    let (access, _) = server.log_in();
    let (list, log) = (owner.get("/keys").without_ages(), owner.get("/audit").without_ages());
    let nobodys = id(ctx_key::ApiKey::generate().expose_secret());
    for (path, fields) in changes(&id(&key)).iter().filter(|(path, _)| path.contains(&id(&key))) {
        let unknown = path.replace(&id(&key), &nobodys);
        for path in [path, &unknown, &path.replace(&id(&key), "no-id"), &path.replace(&id(&key), "%FF")] {
            assert_eq!(other.get(path).status, 404, "{path}");
            assert_eq!(post(&mut other, path, fields, Some(&token)).status, 404, "{path}");
        }
        assert_eq!(other.get(path).text, other.get(&unknown).text, "{path}");
    }
    let mut fields = other.creation("in the owner's project");
    fields[3].1.clone_from(&project);
    assert_eq!(other.create_with(&fields).status, 400);
    for path in ["/keys", "/keys/new", "/account/password", "/audit"] {
        let page = other.get(path).text;
        for secret in ["the owner's key", "the owner&#39;s key", &id(&key), &project, EMAIL] {
            assert!(!page.contains(secret), "{path} has {secret}");
        }
    }

    let key_as_session =
        Browser { cookies: [("ctx-key-session".to_owned(), key.clone())].into(), ..Browser::new(&server) };
    let token_as_session =
        Browser { cookies: [("ctx-key-session".to_owned(), access)].into(), ..Browser::new(&server) };
    for mut stranger in [Browser::new(&server), key_as_session, token_as_session] {
        stranger.get("/keys").leads_to("/sign-in");
        for page in ["keys/new", "account/password", "audit"] {
            let sign_in = format!("/sign-in?next=%2F{}", page.replace('/', "%2F"));
            stranger.get(&format!("/{page}")).leads_to(&sign_in);
        }
        for (path, fields) in changes(&id(&key)) {
            if path.contains(&id(&key)) {
                let sign_in = format!("/sign-in?next={}", path.replace('/', "%2F"));
                stranger.get(&path).leads_to(&sign_in);
            }
            post(&mut stranger, &path, &fields, Some(&token)).leads_to("/sign-in");
        }
    }
    assert_eq!((owner.get("/keys").without_ages(), owner.get("/audit").without_ages()), (list, log));
    assert_eq!((status(&server, &key), other.count_keys()), (200, 0));
}
