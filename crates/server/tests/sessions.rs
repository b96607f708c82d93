//! The page of the sessions: it lists the browsers and programs that are signed in to an account, and ends them.

mod common;
mod trouble;

use std::collections::HashSet;

use common::browser::{Answer, Browser};
use common::timed::{DAY, Fixture, HOUR};
use common::{Data, EMAIL, EVE, PASSWORD, agent, text};
use serde_json::{Value, json};
use trouble::{digest, execute, number, numbers};
use ureq::http::Request;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// A browser of Ada's that is signed in from an address.
fn browser_at(server: &Fixture, address: &str, agent: &str) -> Browser {
    let mut browser = Browser::at(&server.url);
    browser.headers = vec![("x-forwarded-for", address.to_owned()), ("user-agent", agent.to_owned())];
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    browser
}

/// The tokens of a program that is signed in from an address.
fn program_at(server: &Fixture, address: &str, user_agent: &str) -> Value {
    let request = Request::post(format!("{}/api/v1/auth/login", server.url));
    let request = request.header("x-forwarded-for", address).header("user-agent", user_agent);
    let body = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let request = request.header("content-type", "application/json").body(body).unwrap();
    let mut response = agent().run(request).unwrap();
    serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
}

/// The cells of a page's rows: each session with its program, its address, its start, its last use and its end.
fn rows(page: &Answer) -> Vec<[String; 5]> {
    page.rows(["Signed in with", "From", "Began", "Last used", "Ends"])
}

/// The addresses that the buttons of a page's rows send to.
fn actions(page: &Answer) -> Vec<String> {
    page.attributes("td form", "action")
}

fn sessions(browser: &mut Browser) -> Answer {
    let page = browser.get("/account/sessions");
    assert_eq!(page.status, 200, "{}", page.text);
    page
}

fn end(browser: &mut Browser, path: &str) -> Answer {
    let token = sessions(browser).field("form_token");
    browser.post(path, &[("form_token", &token)])
}

#[test]
fn browsers_and_programs_are_listed_and_this_one_is_marked() {
    let server = Fixture::behind_proxy();
    let mut first = Browser::at(&server.url);
    first.headers = vec![("user-agent", " ".to_owned())];
    first.set_up(&server.set_up_link(), EMAIL).leads_to("/keys");
    server.set(60);
    let _firefox = browser_at(&server, "::ffff:192.0.2.7", FIREFOX);
    server.set(120);
    program_at(&server, "2001:DB8::0:1", "memorykit-python/0.1.1 <script>");
    server.set(HOUR);
    let mut own = browser_at(&server, "203.0.113.1", "<b>odd</b>");
    let expected = [
        ["<b>odd</b> This session", "203.0.113.1", "just now", "just now", "in 12 hours"],
        ["memorykit-python/0.1.1 Program", "2001:db8::1", "58 minutes ago", "58 minutes ago", "in 30 days"],
        ["Firefox on Linux Browser", "192.0.2.7", "59 minutes ago", "59 minutes ago", "in 11 hours"],
        ["Unknown Browser", "127.0.0.1", "1 hour ago", "1 hour ago", "in 11 hours"],
    ];
    assert_eq!(rows(&sessions(&mut own)), expected.map(|row| row.map(str::to_owned)));
    let page = sessions(&mut own);
    assert_eq!(actions(&page).len(), 3);
    page.assert_has("form[action=\"/account/sessions/end\"]");
    assert!(
        !page.text.contains(own.session())
            && !page.text.contains("<script>")
            && !page.text.contains("<b>odd")
    );
}

#[test]
fn a_changed_password_begins_a_session_of_the_same_browser() {
    let server = Fixture::behind_proxy();
    server.set_up();
    let mut own = browser_at(&server, "192.0.2.7", FIREFOX);
    server.set(HOUR);
    let token = own.get("/account/password").field("form_token");
    let passwords = [("current_password", PASSWORD), ("new_password", "five green boats at noon")];
    let form = [[("form_token", token.as_str())].as_slice(), &passwords].concat();
    assert_eq!(own.post("/account/password", &form).status, 200);
    let row = ["Firefox on Linux This session", "192.0.2.7", "just now", "just now", "in 12 hours"];
    assert_eq!(rows(&sessions(&mut own)), [row.map(str::to_owned)]);
}

#[test]
fn a_program_is_one_row_however_often_it_is_refreshed() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    let mut tokens = program_at(&server, "192.0.2.7", "memorykit-js/0.1.1");
    for hour in 1..=11 {
        server.set(hour * HOUR);
        let (status, next) = server.refreshed(&text(&tokens["refresh_token"]));
        assert_eq!(status, 200);
        tokens = next;
    }
    let row = ["memorykit-js/0.1.1 Program", "192.0.2.7", "11 hours ago", "just now", "in 30 days"];
    assert_eq!(rows(&sessions(&mut owner))[1..], [row.map(str::to_owned)]);
    let handle = &actions(&sessions(&mut owner))[0];
    end(&mut owner, handle).leads_to("/account/sessions");
    assert_eq!(server.refreshed(&text(&tokens["refresh_token"])).0, 401);
    assert_eq!(server.send("GET", "/companies", &text(&tokens["access_token"]), &Value::Null).0, 401);
    assert_eq!(rows(&sessions(&mut owner)).len(), 1);
}

#[test]
fn a_use_is_recorded_once_a_minute() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    let mut other = browser_at(&server, "192.0.2.7", FIREFOX);
    let tokens = program_at(&server, "192.0.2.8", "memorykit-js/0.1.1");
    let used = || {
        let sql = "SELECT max(last_used_at) FROM credentials WHERE address = ";
        ["192.0.2.7", "192.0.2.8"].map(|address| {
            let sql = format!("{sql}'{address}' AND kind IN ('session', 'access')");
            number(&server.data, &sql).unwrap() - common::timed::START.cast_signed()
        })
    };
    let mut use_both = |seconds| {
        server.set(seconds);
        assert_eq!(other.get("/keys").status, 200);
        assert_eq!(server.send("GET", "/companies", &text(&tokens["access_token"]), &Value::Null).0, 200);
        used()
    };
    assert_eq!(use_both(59), [0, 0]);
    assert_eq!(use_both(60), [60, 60]);
    assert_eq!(use_both(119), [60, 60]);
    assert_eq!(use_both(30), [60, 60], "a clock that was set back");
    assert_eq!(use_both(600), [600, 600]);
    // a form that is sent is a use, too, although its answer only leads to the next page
    let token = other.get("/projects").field("form_token");
    server.set(660);
    assert_eq!(other.post("/projects", &[("form_token", &token), ("name", "used")]).status, 303);
    assert_eq!(used(), [660, 600]);
    server.set(600 + 120);
    let last: Vec<_> = rows(&sessions(&mut owner)).into_iter().map(|[.., last, _]| last).collect();
    assert_eq!(last[1..], ["1 minute ago", "2 minutes ago"]);
}

/// While another program holds the database's lock, a page is answered although its use cannot be recorded.
#[test]
fn a_page_is_answered_although_its_use_cannot_be_recorded() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    server.set(60);
    trouble::while_locked(&server.data, "credentials", || assert_eq!(owner.get("/keys").status, 200));
}

#[test]
fn a_session_ends_alone_in_every_process_and_only_once() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let second = Fixture::on(data_of(&server), &[]);
    let mut other = server.sign_in();
    let tokens = server.log_in();
    let mut elsewhere = Browser { url: second.url.clone(), ..other.clone() };
    if server.data.is_postgres() {
        assert_eq!(elsewhere.get("/keys").status, 200);
    }
    let ends = actions(&sessions(&mut owner));
    assert_eq!(ends.len(), 2);
    for path in &ends {
        end(&mut owner, path).leads_to("/account/sessions");
        assert_eq!(sessions(&mut owner).text_of("[role=status]"), "The session is ended.");
    }
    other.get("/keys").leads_to("/sign-in");
    elsewhere.get("/keys").leads_to("/sign-in");
    assert_eq!((server.keys(&tokens).0, server.refresh(&tokens)), (401, 401));
    for path in &ends {
        end(&mut owner, path).leads_to("/account/sessions");
    }
    let ended = owner.audit_log().into_iter().filter(|[_, what, ..]| what == "ended session").count();
    assert_eq!(ended, 2, "the second time, nothing ends");
    assert_eq!(owner.get("/keys").status, 200);
}

/// Another process on the same data.
fn data_of(server: &Fixture) -> Data {
    Data { folder: tempfile::TempDir::new().unwrap(), database_url: server.data.database_url.clone() }
}

#[test]
fn all_other_sessions_end_at_once_and_this_one_stays() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let mut others = [server.sign_in(), server.sign_in()];
    let tokens = [server.log_in(), server.log_in()];
    let refreshed = server.refreshed(&text(&tokens[1]["refresh_token"])).1;
    end(&mut owner, "/account/sessions/end").leads_to("/account/sessions");
    let page = sessions(&mut owner);
    assert_eq!(page.text_of("[role=status]"), "All other sessions are ended.");
    assert!(!page.has("form[action^=\"/account/sessions\"]"), "{}", page.text);
    assert_eq!(rows(&page).len(), 1);
    for other in &mut others {
        other.get("/keys").leads_to("/sign-in");
    }
    assert_eq!(tokens.each_ref().map(|tokens| server.keys(tokens).0), [401, 401]);
    assert_eq!(server.refreshed(&text(&refreshed["refresh_token"])).0, 401);
    // sign-ins that have expired are not listed, so none is ended, although they are still stored
    let _expired = server.log_in();
    let expire = "UPDATE credentials SET expires_at = 1 WHERE kind IN ('access', 'refresh')";
    trouble::execute(&server.data, expire);
    end(&mut owner, "/account/sessions/end").leads_to("/account/sessions");
    let ended: Vec<_> =
        owner.audit_log().into_iter().filter(|[_, what, ..]| what == "ended session").collect();
    assert_eq!(ended, [[EMAIL, "ended session", "none", "all others"].map(str::to_owned)]);
    // a refresh token that was spent before is still refused
    assert_eq!(server.refreshed(&text(&tokens[1]["refresh_token"])).0, 401);
    // a browser that signed in before needs no new cookie of its device
    let answer = others[0].sign_in(EMAIL, PASSWORD);
    answer.leads_to("/keys");
    assert!(answer.cookies().iter().all(|cookie| !cookie.contains("device")), "{:?}", answer.cookies());
}

#[test]
fn the_log_says_with_what_and_where_an_ended_session_began() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    browser_at(&server, "192.0.2.7", FIREFOX);
    program_at(&server, "192.0.2.8", "memorykit-python/0.1.1");
    for path in actions(&sessions(&mut owner)) {
        end(&mut owner, &path).leads_to("/account/sessions");
    }
    let log = owner.audit_log().into_iter();
    let details: HashSet<_> =
        log.filter(|[_, what, ..]| what == "ended session").map(|[.., detail]| detail).collect();
    let expected = ["Firefox on Linux, begun at 192.0.2.7", "memorykit-python/0.1.1, begun at 192.0.2.8"];
    assert_eq!(details, expected.map(str::to_owned).into());
}

#[test]
fn a_session_can_end_itself() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let mut other = server.sign_in();
    let own = actions(&sessions(&mut other))[0].clone();
    end(&mut owner, &own).leads_to("/sign-in");
    owner.get("/keys").leads_to("/sign-in");
    assert_eq!(other.get("/keys").status, 200);
}

/// Tries each route as another account, as another site, as a stranger and as a program.
#[test]
fn nobody_ends_a_session_of_another_account() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let mut second = server.sign_in();
    let tokens = server.log_in();
    let paths = actions(&sessions(&mut owner));
    let token = sessions(&mut owner).field("form_token");
    let mut eve = server.set_up_as(EVE);
    let page = sessions(&mut eve);
    assert_eq!(rows(&page).len(), 1);
    let eves = page.field("form_token");
    for path in &paths {
        assert_eq!(eve.post(path, &[("form_token", &eves)]).status, 404, "{path}");
        assert!(!page.text.contains(path.trim_end_matches("/end")));
    }
    eve.post("/account/sessions/end", &[("form_token", &eves)]).leads_to("/account/sessions");
    let mut all = paths.clone();
    all.push("/account/sessions/end".to_owned());
    let key = owner.create("a key");
    let access = text(&tokens["access_token"]);
    for path in &all {
        for form in [vec![], vec![("form_token", "")], vec![("form_token", eves.as_str())]] {
            assert_eq!(owner.post(path, &form).status, 403, "{path} {form:?}");
        }
        for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
            let mut owner = owner.clone();
            owner.headers.push((name, value.to_owned()));
            assert_eq!(owner.post(path, &[("form_token", &token)]).status, 403, "{path} {name}");
        }
        let mut stranger = Browser::at(&server.url);
        stranger.post(path, &[("form_token", &token)]).leads_to("/sign-in");
        for bearer in [&key, &access] {
            let mut program = Browser::at(&server.url);
            program.headers.push(("authorization", format!("Bearer {bearer}")));
            program.post(path, &[("form_token", &token)]).leads_to("/sign-in");
            program.get("/account/sessions").leads_to("/sign-in?next=%2Faccount%2Fsessions");
        }
        assert_eq!(owner.get(path).status, 405);
    }
    for handle in
        ["x", "", "fam_", "fam_x", "%00", "%FF", "..", &"0".repeat(31), &"0".repeat(64), "fam_%27%20OR%201=1"]
    {
        let answer = owner.post(&format!("/account/sessions/{handle}/end"), &[("form_token", &token)]);
        assert_eq!(answer.status, 404, "{handle}");
    }
    // an unknown handle is treated as one that has ended
    for handle in ["0".repeat(32), format!("fam_{}", "0".repeat(32))] {
        end(&mut owner, &format!("/account/sessions/{handle}/end")).leads_to("/account/sessions");
    }
    assert_eq!(
        (second.get("/keys").status, server.keys(&tokens).0, eve.get("/keys").status),
        (200, 200, 200)
    );
    assert_eq!(rows(&sessions(&mut owner)).len(), 3);
}

#[test]
fn sessions_of_older_versions_are_listed_and_can_be_ended() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let mut other = server.sign_in();
    let tokens = server.log_in();
    execute(
        &server.data,
        "UPDATE credentials SET created_at = NULL, last_used_at = NULL, address = NULL, agent = NULL, family = NULL",
    );
    let page = owner.get("/account/sessions");
    let found: Vec<_> = rows(&page).into_iter().map(|row| row[..3].join(", ")).collect();
    let unknown = |kind| format!("Unknown {kind}, Unknown, Unknown");
    assert_eq!(found[0], unknown("This session"));
    let kinds: Vec<_> = found[1..].iter().filter(|row| **row == unknown("Program")).collect();
    assert_eq!((found.len(), kinds.len()), (4, 2), "{found:?}");
    assert_ne!(rows(&sessions(&mut owner))[0][3], "Unknown", "the page that was shown was a use");
    for path in actions(&page) {
        end(&mut owner, &path).leads_to("/account/sessions");
    }
    other.get("/keys").leads_to("/sign-in");
    assert_eq!((server.keys(&tokens).0, server.refresh(&tokens)), (401, 401));
    let details: HashSet<_> = owner.audit_log().into_iter().map(|[.., detail]| detail).collect();
    assert!(details.contains("a browser") && details.contains("a program"), "{details:?}");
}

#[test]
fn sessions_are_listed_by_their_last_use_after_this_one() {
    let server = Fixture::behind_proxy();
    server.set_up();
    let mut used = browser_at(&server, "192.0.2.1", "used/1");
    server.set(60);
    browser_at(&server, "192.0.2.2", "unused/1");
    server.set(120);
    assert_eq!(used.get("/keys").status, 200);
    server.set(180);
    let mut owner = browser_at(&server, "192.0.2.3", "owner/1");
    server.set(240);
    assert_eq!(used.get("/keys").status, 200);
    let addresses: Vec<_> = rows(&sessions(&mut owner)).into_iter().map(|[_, from, ..]| from).collect();
    assert_eq!(addresses[..3], ["192.0.2.3", "192.0.2.1", "192.0.2.2"], "{addresses:?}");
}

#[test]
fn expired_sessions_are_not_listed() {
    let server = Fixture::new();
    let mut first = server.set_up();
    server.log_in();
    server.sign_in();
    let ends: Vec<_> =
        actions(&sessions(&mut first)).into_iter().filter(|end| !end.contains("fam_")).collect();
    assert_eq!(ends.len(), 1);
    server.set(12 * HOUR);
    let mut owner = server.sign_in();
    end(&mut owner, &ends[0]).leads_to("/account/sessions");
    let log = owner.audit_log();
    assert!(log.iter().all(|[_, what, ..]| what != "ended session"), "it ended by itself: {log:?}");
    let kinds: Vec<_> = rows(&sessions(&mut owner)).into_iter().map(|[with, ..]| with).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    server.set(30 * DAY);
    let mut owner = server.sign_in();
    assert_eq!(rows(&sessions(&mut owner)).len(), 1);
}

#[test]
fn a_page_of_sessions_has_50_rows_and_less_than_100_kib() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let agent = "&".repeat(60);
    execute(
        &server.data,
        &format!(
            "INSERT INTO credentials (digest, kind, account, expires_at, created_at, last_used_at, address, agent) \
             SELECT {}, 'session', (SELECT id FROM accounts), {}, n, n, '2001:db8:1111:2222:3333:4444:5555:6666', \
             '{agent}' FROM {}",
            digest(&server.data),
            common::timed::START + HOUR,
            numbers(120)
        ),
    );
    let first = sessions(&mut owner);
    assert!(first.text.len() < 100 * 1024, "{} bytes", first.text.len());
    assert_eq!(first.text_of(".pager p"), "1 to 50 of 121");
    let last = owner.get("/account/sessions?page=3");
    assert_eq!((rows(&first).len(), rows(&last).len()), (50, 21));
}
