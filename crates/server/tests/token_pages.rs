//! The dashboard's pages for the access tokens of programs.

mod common;
mod trouble;

use common::browser::{Answer, Browser};
use common::timed::{DAY, Fixture, HOUR, START};
use common::{EMAIL, EVE, PASSWORD, text};
use ctx_key_server::store::access_token::MAX_TOKENS;
use serde_json::Value;
use trouble::{digest, execute, number, numbers};

type Fields = Vec<(&'static str, String)>;

/// Returns the fields of a new form.
fn fields(browser: &mut Browser, name: &str, expires: &str) -> Fields {
    let form = browser.get("/tokens/new");
    assert_eq!(form.status, 200, "{}", form.text);
    vec![
        ("form_token", form.field("form_token")),
        ("form", form.field("form")),
        ("account", form.field("account")),
        ("name", name.to_owned()),
        ("expires", expires.to_owned()),
        ("expires_on", String::new()),
    ]
}

fn post(browser: &mut Browser, fields: &Fields) -> Answer {
    browser.send_form("/tokens", fields)
}

/// The chosen expiry, or nothing where none is chosen.
fn chosen(page: &Answer) -> String {
    page.attributes("#expires option[selected]", "value").concat()
}

fn with(fields: &Fields, name: &str, value: &str) -> Fields {
    let changed = |(field, old): &(&'static str, String)| {
        (*field, if *field == name { value.to_owned() } else { old.clone() })
    };
    fields.iter().map(changed).collect()
}

fn secret(page: &Answer) -> String {
    page.attribute("#new-token", "value")
}

/// The names, starts, last uses and ends of the tokens in a list.
fn rows(page: &Answer) -> Vec<[String; 4]> {
    page.rows(["Name", "Created", "Last used", "Expires"])
}

/// Creates a token, and returns it and its id.
fn create(browser: &mut Browser, name: &str, expires: &str) -> (String, String) {
    let fields = fields(browser, name, expires);
    let page = post(browser, &fields);
    assert_eq!(page.status, 200, "{}", page.text);
    let list = browser.get("/tokens");
    let place = rows(&list).iter().position(|[listed, ..]| listed == name).expect("a row");
    let end = &list.attributes("td a", "href")[place];
    let id = end.strip_prefix("/tokens/").and_then(|end| end.strip_suffix("/end")).expect("an id");
    (secret(&page), id.to_owned())
}

/// Returns the status of a program's request for the keys of Ada's company with this token.
fn status(server: &Fixture, token: &str) -> u16 {
    let company = text(&server.log_in()["companies"][0]["id"]);
    server.send("GET", &format!("/companies/{company}/api-keys"), token, &Value::Null).0
}

fn tokens(server: &Fixture) -> Option<i64> {
    number(&server.data, "SELECT count(*) FROM access_tokens")
}

fn end(browser: &mut Browser, id: &str) -> Answer {
    let path = format!("/tokens/{id}/end");
    let dialog = browser.get(&path);
    assert_eq!(dialog.status, 200, "{}", dialog.text);
    browser.post(&path, &[("form_token", &dialog.field("form_token"))])
}

#[test]
fn a_token_is_shown_once_listed_and_ended() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    assert_eq!(owner.get("/tokens").text_of(".empty h2"), "There are no access tokens yet");
    let (token, id) = create(&mut owner, "Déploiement <b>", "30");
    assert_eq!((token.len(), status(&server, &token)), (64, 200));
    let list = owner.get("/tokens");
    assert!(!list.text.contains(&token) && !list.text.contains("<b>"), "{}", list.text);
    let used = ["Déploiement <b>", "just now", "just now", "in 30 days"];
    assert_eq!(rows(&list), [used]);
    let times = ["2027-01-15 08:00 UTC", "2027-01-15 08:00 UTC", "2027-02-14 08:00 UTC"];
    assert_eq!(list.attributes("td time", "title"), times);
    let (_, unused) = create(&mut owner, "unused", "never");
    let new = ["unused", "just now", "Never", "Never"];
    let mut found = rows(&owner.get("/tokens"));
    found.sort();
    assert_eq!(found, [used, new]);
    let dialog = owner.get(&format!("/tokens/{id}/end"));
    assert_eq!(dialog.text_of("dialog h2"), "End “Déploiement <b>”?");
    assert_eq!(dialog.text_of("dialog h2 bdi"), "Déploiement <b>");
    for path in ["/tokens/%FF/end", "/tokens/none/end"] {
        assert_eq!(owner.get(path).status, 404, "{path}");
        assert_eq!(owner.post(path, &[("form_token", &dialog.field("form_token"))]).status, 404, "{path}");
    }
    end(&mut owner, &id).leads_to("/tokens");
    assert_eq!(
        owner.get("/tokens").text_of("[role=status]"),
        "The access token is ended. Whatever uses it is refused from now on."
    );
    assert_eq!(status(&server, &token), 401);
    assert_eq!(owner.get(&format!("/tokens/{id}/end")).status, 404);
    assert_eq!(end(&mut owner, &unused).status, 303);
    let log: Vec<_> = owner.audit_log().into_iter().filter(|[_, what, ..]| what.contains("token")).collect();
    let line = |what: &str, name: &str| [EMAIL, what, "none", name].map(str::to_owned);
    assert_eq!(
        log,
        [
            line("created token", "Déploiement <b>"),
            line("created token", "unused"),
            line("deleted token", "Déploiement <b>"),
            line("deleted token", "unused"),
        ]
    );
}

#[test]
fn a_form_that_is_sent_twice_makes_one_token_and_shows_it_once() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let form = fields(&mut owner, "CI", "never");
    let token = secret(&post(&mut owner, &form));
    for again in [form.clone(), with(&form, "name", "another")] {
        let answer = post(&mut owner, &again);
        assert_eq!((answer.status, answer.text.contains(&token)), (409, false), "{}", answer.text);
        assert!(answer.text.contains("No second access token was made."), "{}", answer.text);
    }
    let at_once: Vec<u16> = std::thread::scope(|scope| {
        let form = fields(&mut owner, "twice", "never");
        let send = |mut browser: Browser| {
            let form = form.clone();
            scope.spawn(move || post(&mut browser, &form).status)
        };
        let sent: Vec<_> = (0..6).map(|_| send(owner.clone())).collect();
        sent.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    assert_eq!(at_once.iter().filter(|status| **status == 200).count(), 1, "{at_once:?}");
    assert!(at_once.iter().all(|status| [200, 409].contains(status)), "{at_once:?}");
    assert_eq!(tokens(&server), Some(2));
}

#[test]
fn an_invalid_form_keeps_what_was_typed() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let form = with(&fields(&mut owner, "CI", "date"), "expires_on", "2028-02-29");
    let key = ctx_key::ApiKey::generate();
    for (name, value, message) in [
        ("name", " ", "Enter a name for the token, of at most 100 characters."),
        (
            "name",
            key.expose_secret(),
            "Enter a name for the token that contains no API key. Revoke the key that you entered, since others may have read it.",
        ),
        ("expires", "31", "Choose when the token expires."),
        ("expires", "", "Choose when the token expires."),
        ("expires_on", "2027-01-14", "Choose a day from today on, up to the year 9999."),
        ("expires_on", "2027-02-30", "Choose a day from today on, up to the year 9999."),
        ("expires_on", key.expose_secret(), "Choose a day from today on, up to the year 9999."),
    ] {
        let answer = post(&mut owner, &with(&form, name, value));
        assert_eq!(answer.status, 400, "{name} {value}");
        assert_eq!(answer.texts("[role=alert] a"), [message]);
        assert!(!answer.text.contains(key.expose_secret()), "{}", answer.text);
        assert_eq!(answer.field("form"), form[1].1);
        for (field, kept, shown) in [
            ("name", "CI", answer.field("name")),
            ("expires", "date", chosen(&answer)),
            ("expires_on", "2028-02-29", answer.field("expires_on")),
        ] {
            assert!(field == name || shown == kept, "{field}: {shown}");
        }
    }
    assert_eq!(tokens(&server), Some(0));
    let page = post(&mut owner, &form);
    assert_eq!(page.attribute("main time", "datetime"), "2028-02-29T23:59:59Z");
    assert!(page.texts("p").contains(&"CI: it expires on 2028-02-29 23:59 UTC.".to_owned()), "{}", page.text);
    let last = with(&fields(&mut owner, "long", "date"), "expires_on", "9999-12-31");
    assert_eq!(post(&mut owner, &last).attribute("main time", "datetime"), "9999-12-31T23:59:59Z");
}

#[test]
fn a_form_survives_the_end_of_the_session() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let form = with(&fields(&mut owner, "CI", "date"), "expires_on", "2028-02-29");
    server.set(12 * HOUR);
    post(&mut owner, &form).leads_to("/sign-in");
    let mut eve = Browser { cookies: owner.cookies.clone(), ..Browser::at(&server.url) };
    eve.cookies.remove("ctx-key-session");
    let token = owner.get("/sign-in?next=%2Faudit").field("form_token");
    let form = [("form_token", token.as_str()), ("next", "/audit"), ("email", EMAIL), ("password", PASSWORD)];
    owner.post("/sign-in", &form).leads_to("/tokens/new");
    let page = owner.get("/tokens/new");
    let kept = [page.field("name"), chosen(&page), page.field("expires_on")];
    assert_eq!(kept, ["CI", "date", "2028-02-29"]);
    assert_eq!(owner.get("/tokens/new").field("name"), "", "the draft is used only once");
    // another account does not see it
    eve.set_up(&server.set_up_link(), EVE).leads_to("/tokens/new");
    assert_eq!(eve.get("/tokens/new").field("name"), "");
    assert_eq!(tokens(&server), Some(0));
}

#[test]
fn the_limit_says_what_to_do_and_keeps_the_form() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let name = "w".repeat(100);
    execute(
        &server.data,
        &format!(
            "INSERT INTO access_tokens (id, digest, company, name, created_at, expires_at) SELECT 'tok_' || n, {}, \
             (SELECT id FROM companies), '{name}', n, {} FROM {}",
            digest(&server.data),
            START + DAY,
            numbers(MAX_TOKENS.try_into().unwrap())
        ),
    );
    let form = fields(&mut owner, "one more", "90");
    let answer = post(&mut owner, &form);
    assert_eq!(answer.status, 409);
    let limit = "Your company has 100 access tokens that have not expired, and may have no more. End one in the list first.";
    assert_eq!(answer.text_of("[role=alert]"), limit);
    assert_eq!((answer.field("name"), chosen(&answer)), ("one more".to_owned(), "90".to_owned()));
    let list = owner.get("/tokens");
    assert_eq!(list.text_of(".pager p"), "1 to 50 of 100");
    assert!(list.text.len() < 100 * 1024, "{} bytes", list.text.len());
    end(&mut owner, "tok_7").leads_to("/tokens");
    assert_eq!(post(&mut owner, &form).status, 200);
    // an error about a repeated form takes precedence over the limit
    let again = post(&mut owner, &form);
    assert!(again.text.contains("This form was already sent"), "{}", again.text);
    // expired tokens do not count, and are shown as expired
    server.set(DAY);
    let mut owner = server.sign_in();
    create(&mut owner, "later", "never");
    assert_eq!(owner.get("/tokens").texts("td .state"), ["Expired"; 48]);
}

#[test]
fn a_dialog_leads_back_to_its_page_of_the_list() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    execute(
        &server.data,
        &format!(
            "INSERT INTO access_tokens (id, digest, company, name, created_at) SELECT 'tok_' || n, {}, \
             (SELECT id FROM companies), 'stored', n FROM {}",
            digest(&server.data),
            numbers(101)
        ),
    );
    // the newest tokens are first
    for (page, token, query, links) in [
        ("", 101, "", [None, Some("/tokens?page=2")]),
        ("?page=1", 52, "", [None, Some("/tokens?page=2")]),
        ("?page=2", 51, "?page=2", [Some("/tokens"), Some("/tokens?page=3")]),
        ("?page=3", 1, "?page=3", [Some("/tokens?page=2"), None]),
        ("?page=9", 1, "?page=3", [Some("/tokens?page=2"), None]),
    ] {
        let list = owner.get(&format!("/tokens{page}"));
        for (rel, link) in ["prev", "next"].into_iter().zip(links) {
            assert_eq!(
                list.attributes(&format!("a[rel={rel}]"), "href"),
                Vec::from_iter(link),
                "{page}: {rel}"
            );
        }
        let path = format!("/tokens/tok_{token}/end{query}");
        assert_eq!(list.attribute(&format!("#token-tok_{token}"), "href"), path);
        let dialog = owner.get(&path);
        assert_eq!(dialog.attribute("dialog form", "action"), path);
        let cancel = format!("/tokens{query}#token-tok_{token}");
        assert_eq!(dialog.attribute("[data-cancel]", "href"), cancel);
    }
    let token = owner.get("/tokens").field("form_token");
    for (query, leads_to) in [
        ("?page=2", "/tokens?page=2"),
        ("", "/tokens"),
        ("?page=//evil.example&back=//evil.example", "/tokens"),
    ] {
        let id = owner.get("/tokens?page=2").attributes("td a", "id").remove(0);
        let path = format!("/tokens/{}/end{query}", id.strip_prefix("token-").unwrap());
        owner.post(&path, &[("form_token", &token)]).leads_to(leads_to);
    }
}

/// Tries each route with each kind of wrong credential.
#[test]
fn nobody_reaches_the_tokens_of_another_account() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let (token, id) = create(&mut owner, "the owner's", "never");
    let key = owner.create("a key");
    let access = text(&server.log_in()["access_token"]);
    let form = fields(&mut owner, "another", "never");
    let mut eve = server.set_up_as(EVE);
    let eves = fields(&mut eve, "eve's", "never");
    let path = format!("/tokens/{id}/end");
    assert!(!eve.get("/tokens").text.contains(&id));
    assert_eq!(eve.get(&path).status, 404);
    assert_eq!(eve.post(&path, &[("form_token", &eves[0].1)]).status, 404);
    for forged in ["", &eves[0].1] {
        assert_eq!(post(&mut owner, &with(&form, "form_token", forged)).status, 403);
        assert_eq!(owner.post(&path, &[("form_token", forged)]).status, 403);
    }
    assert_eq!(post(&mut owner, &with(&form, "form", "")).status, 400);
    assert_eq!(owner.post(&path, &[]).status, 403);
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let mut owner = owner.clone();
        owner.headers.push((name, value.to_owned()));
        assert_eq!(post(&mut owner, &form).status, 403, "{name}");
        assert_eq!(owner.post(&path, &[("form_token", &form[0].1)]).status, 403, "{name}");
    }
    for bearer in [None, Some(&key), Some(&token), Some(&access)] {
        let mut stranger = Browser::at(&server.url);
        stranger.headers.extend(bearer.map(|bearer| ("authorization", format!("Bearer {bearer}"))));
        stranger.get("/tokens").leads_to("/sign-in?next=%2Ftokens");
        stranger.get("/tokens/new").leads_to("/sign-in?next=%2Ftokens%2Fnew");
        stranger.get(&path).leads_to(&format!("/sign-in?next=%2Ftokens%2F{id}%2Fend"));
        post(&mut stranger, &form).leads_to("/sign-in");
        stranger.post(&path, &[("form_token", &form[0].1)]).leads_to("/sign-in");
    }
    for session in [&key, &token, &access] {
        let cookies = [("ctx-key-session".to_owned(), session.clone())].into();
        let mut stranger = Browser { cookies, ..Browser::at(&server.url) };
        stranger.get("/tokens").leads_to("/sign-in?next=%2Ftokens");
    }
    for id in ["x", "tok_", "%00", "..", "tok_%27%20OR%201=1"] {
        assert_eq!(owner.get(&format!("/tokens/{id}/end")).status, 404, "{id}");
    }
    assert_eq!((tokens(&server), status(&server, &token)), (Some(1), 200));
}
