//! The audit log: who did what, and from where.

mod common;
mod trouble;

use std::thread::sleep;
use std::time::{Duration, Instant};

use common::browser::Browser;
use common::timed::{Fixture, HOUR, START};
use common::{Data, EMAIL, EVE, PASSWORD, Server, agent, id, text};
use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime};
use ctx_key_server::store::account;
use ctx_key_server::store::audit_log::{self, LogFilter, LogLine};
use ctx_key_server::store::email::Email;
use serde_json::{Value, json};
use ureq::http::Request;

fn browser_at(server: &Fixture, address: &str) -> Browser {
    let mut browser = Browser::at(&server.url);
    browser.headers.push(("x-forwarded-for", address.to_owned()));
    browser
}

/// Sends a request of a program at this address.
fn send(
    server: &Fixture,
    address: &str,
    bearer: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let request = Request::builder().method(method).uri(format!("{}{path}", server.url));
    let request = request
        .header("x-forwarded-for", address)
        .header("user-agent", "sdk/1 x")
        .header("authorization", format!("Bearer {bearer}"));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let mut response = agent().run(request.unwrap()).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
}

/// The lines of a company's log, the oldest first.
fn lines(server: &Fixture, email: &str) -> Vec<LogLine> {
    let database = server.database();
    server.runtime.block_on(async {
        let mut connection = database.acquire().await.unwrap();
        let account = account::of_email(&mut connection, &Email::new(email)).await.unwrap().unwrap();
        let all = LogFilter::default();
        let lines = audit_log::page(&mut connection, &account.company.id, &all, 1000, 0).await.unwrap();
        lines.into_iter().rev().map(|(line, _)| line).collect()
    })
}

/// The actions of lines, with their addresses.
fn addresses(lines: &[LogLine]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (line.action.as_str(), line.address.as_deref().unwrap_or("none"))).collect()
}

#[test]
fn each_change_has_the_address_that_it_came_from() {
    let server = Fixture::behind_proxy();
    let mut browser = browser_at(&server, "8.8.8.8, ::ffff:192.0.2.1");
    browser.set_up(&server.set_up_link(), EMAIL).leads_to("/keys");
    let first = id(&browser.create("first"));
    let token = browser.get(&format!("/keys/{first}")).field("form_token");
    let change = [("form_token", token.as_str()), ("name", "second"), ("scopes", "chats:read")];
    browser.post(&format!("/keys/{first}"), &change).leads_to(&format!("/keys/{first}"));
    let second = id(&browser.confirm(&first, "rotate", &[("overlap", "0")]).new_key());
    browser.confirm(&second, "revoke", &[]).leads_to("/keys");
    browser.confirm(&second, "delete", &[]).leads_to("/keys");
    let token = browser.get("/account/password").field("form_token");
    let passwords = [("current_password", PASSWORD), ("new_password", "another long password")];
    let form = [[("form_token", token.as_str())].as_slice(), &passwords].concat();
    assert_eq!(browser.post("/account/password", &form).status, 200);

    const PROGRAM: &str = "2001:db8:0:0:0:0:0:1";
    let request = |bearer: &str, method: &str, path: &str, body: Value| {
        let (status, answer) = send(&server, PROGRAM, bearer, method, path, &body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    };
    let log_in = json!({ "email": EMAIL, "password": "another long password" });
    let tokens = request("", "POST", "/api/v1/auth/login", log_in);
    let account = text(&tokens["access_token"]);
    let base = format!("/api/v1/companies/{}", text(&tokens["companies"][0]["id"]));
    let project = request(&account, "POST", &format!("{base}/projects"), json!({ "name": "Web" }));
    let tokens_path = format!("{base}/tokens");
    let token = request(&account, "POST", &tokens_path, json!({ "name": "CI" }));
    let program = text(&token["token"]);
    let keys = format!("{base}/api-keys");
    let new = json!({ "project_id": project["id"], "name": "third", "scopes": ["users:read"] });
    let third = request(&program, "POST", &keys, new.clone());
    let third = format!("{keys}/{}", text(&third["id"]));
    request(&program, "PATCH", &third, json!({ "name": "fourth" }));
    request(&account, "POST", &format!("{third}/rotate"), json!({ "overlap_seconds": 60 }));
    request(&program, "DELETE", &third, Value::Null);
    request(&account, "DELETE", &format!("{third}?purge=true"), Value::Null);
    request(&account, "DELETE", &format!("{tokens_path}/{}", text(&token["id"])), Value::Null);
    let leaked = text(&request(&account, "POST", &keys, new)["api_key"]);
    let (status, answer) = send(&server, "203.0.113.9:4711", &leaked, "POST", "/v1/key/revoke", &json!({}));
    assert_eq!(status, 200, "{answer}");

    let record = KeyRecord::new(&ApiKey::generate(), text(&project["id"]), Scope::MEMORIES_READ);
    let mut record = serde_json::to_value(record).unwrap();
    record["name"] = "imported".into();
    let file = server.data.folder.path().join("keys");
    std::fs::write(&file, record.to_string()).unwrap();
    let begin = UnixTime::now();
    for (command, input) in [
        (vec!["import", file.to_str().unwrap()], ""),
        (vec!["account", "reset-password", "--email", EMAIL], "one more long password\n"),
        (vec!["account", "add", "--email", EVE, "--company", "Eve"], "a long enough password\n"),
    ] {
        let output = server.data.run_with(&command, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    // the changes of commands have no address, and the time of the system
    let (by_clients, by_commands): (Vec<_>, Vec<_>) = [EMAIL, EVE]
        .into_iter()
        .flat_map(|email| lines(&server, email))
        .partition(|line| line.address.is_some());
    assert!(by_clients.iter().all(|line| line.at == START.cast_signed()), "{by_clients:?}");
    let now = begin.as_secs().cast_signed()..=UnixTime::now().as_secs().cast_signed();
    assert!(by_commands.iter().all(|line| now.contains(&line.at)), "{by_commands:?}");
    let (page, program, key) = ("192.0.2.1", "2001:db8::1", "203.0.113.9");
    assert_eq!(
        addresses(&lines(&server, EMAIL)),
        [
            ("created project", page),
            ("created project", page),
            ("created", page),
            ("changed", page),
            ("rotated", page),
            ("revoked", page),
            ("deleted", page),
            ("changed password", page),
            ("signed in", program),
            ("created project", program),
            ("created token", program),
            ("created", program),
            ("changed", program),
            ("rotated", program),
            ("revoked", program),
            ("deleted", program),
            ("deleted token", program),
            ("created", program),
            ("revoked", key),
            ("imported", "none"),
            ("reset password", "none"),
        ]
    );
    assert_eq!(addresses(&lines(&server, EVE)), [("created project", "none")]);
}

/// Waits for this number of lines about sign-ins. Returns the actor, the action, the detail and the address of each.
fn sign_ins(server: &Fixture, email: &str, number: usize) -> Vec<[String; 4]> {
    let of_sign_ins = || {
        let mut lines = lines(server, email);
        lines.retain(|line| !line.action.contains("project") && line.key.is_none());
        lines
    };
    assert!(common::becomes(|| of_sign_ins().len() >= number), "{:?}", of_sign_ins());
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

#[test]
fn each_line_has_the_time_of_the_servers_clock() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    server.set(HOUR);
    let log_in = || {
        let tokens = server.log_in();
        (text(&tokens["access_token"]), text(&tokens["companies"][0]["id"]))
    };
    let (access, company) = log_in();
    let list =
        |what: &str| server.send("GET", &format!("/companies/{company}/{what}"), &access, &Value::Null).1;
    let token = owner.get("/keys").field("form_token");
    let post = |owner: &mut Browser, path: &str, more: &[(&str, &str)]| {
        let answer = owner.post(path, &[[("form_token", token.as_str())].as_slice(), more].concat());
        assert!([200, 303].contains(&answer.status), "{path}: {}", answer.text);
    };
    post(&mut owner, "/projects", &[("name", "Web")]);
    let projects = list("projects");
    let web = projects.as_array().unwrap().iter().find(|project| project["name"] == "Web").unwrap();
    let web = format!("/projects/{}", web["id"].as_str().unwrap());
    post(&mut owner, &format!("{web}/rename"), &[("name", "Shop")]);
    post(&mut owner, &format!("{web}/archive"), &[]);
    let form = owner.get("/tokens/new").field("form");
    post(&mut owner, "/tokens", &[("form", &form), ("name", "CI"), ("expires", "never")]);
    post(&mut owner, &format!("/tokens/{}/end", list("tokens")[0]["id"].as_str().unwrap()), &[]);
    let key = id(&owner.create("a key"));
    owner.confirm(&key, "revoke", &[]).leads_to("/keys");
    owner.confirm(&key, "delete", &[]).leads_to("/keys");
    post(&mut owner, "/account/sessions/end", &[]);
    log_in();
    let action = owner.get("/account/sessions").attribute("td form", "action");
    post(&mut owner, &action, &[]);
    let (access, _) = log_in();
    assert_eq!(server.send("POST", "/auth/logout", &access, &Value::Null).0, 204);
    let times = owner.get("/audit").rows(["Time"]).concat();
    post(&mut owner, "/sign-out", &[]);

    let lines = lines(&server, EMAIL);
    let actions: Vec<_> = lines.iter().map(|line| line.action.as_str()).collect();
    let expected = [
        "created project",
        "signed in",
        "created project",
        "renamed project",
        "archived project",
        "created token",
        "deleted token",
        "created project",
        "created",
        "revoked",
        "deleted",
        "ended session",
        "signed in",
        "ended session",
        "signed in",
        "signed out",
        "signed out",
    ];
    assert_eq!(actions, expected);
    let late = (START + HOUR).cast_signed();
    assert!(lines[1..].iter().all(|line| line.at == late), "{lines:?}");
    // the page is of the same clock
    let (first, others) = times.split_last().unwrap();
    assert_eq!(first, "1 hour ago");
    assert!(others.len() == 15 && others.iter().all(|time| time == "just now"), "{others:?}");
}

#[test]
fn each_action_is_in_its_group() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let groups = [
        ("keys", &["created", "rotated", "revoked", "deleted", "changed", "imported"][..]),
        ("projects", &["created project", "renamed project", "archived project"]),
        ("tokens", &["created token", "deleted token"]),
        ("sign-ins", &["signed in", "failed to sign in", "signed out", "ended session"]),
        ("passwords", &["changed password", "failed to change password", "reset password"]),
    ];
    for action in groups.iter().flat_map(|(_, actions)| *actions) {
        let sql = format!(
            "INSERT INTO audit_log (at, company, actor, action, detail) SELECT 1, id, 'ada', '{action}', 'x' FROM companies"
        );
        trouble::execute(&server.data, &sql);
    }
    for (group, actions) in groups {
        let page = owner.get(&format!("/audit?group={group}&to=1970-01-01"));
        let mut found: Vec<_> = page.rows(["What"]).into_iter().flatten().collect();
        found.reverse();
        assert_eq!(found, actions, "{group}");
    }
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
    assert!(common::becomes(has_second));
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

/// Inserts this number of lines of Ada's company with SQL. Line n has the time n and the detail `line n`.
fn fill(server: &Fixture, number: usize) {
    // a shorter id could be a part of a real one, and the server would read it as the id of a related key
    trouble::execute(
        &server.data,
        &format!(
            "INSERT INTO audit_log (at, company, actor, action, key, detail, address, search) \
             SELECT n, c.id, a.email, CASE WHEN n % 2 = 0 THEN 'rotated' ELSE 'signed in' END, \
             'K' || (10000000000 + n), 'by successor' || n || ' line ' || n, '192.0.2.1', \
             'ADA@EXAMPLE.COM LINE ' || n FROM {}, accounts a JOIN companies c ON c.account = a.id \
             WHERE a.email = '{EMAIL}'",
            trouble::numbers(number)
        ),
    );
}

/// The details of a page's lines, and the addresses of the pages before and after it.
fn shown(browser: &mut Browser, path: &str) -> (Vec<String>, Vec<String>) {
    let page = browser.get(path);
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.len() < 100 * 1024, "{} bytes", page.text.len());
    let details = page.rows(["Detail"]).into_iter().flatten().collect();
    (details, page.attributes(".pager a[rel]", "href"))
}

#[test]
fn a_filter_stays_in_the_links_and_an_unknown_value_is_none() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    fill(&server, 200);
    let detail = |n: usize| format!("by successor{n} line {n}");
    let (first, links) = shown(&mut owner, "/audit");
    assert_eq!((first.len(), links), (50, vec!["/audit?page=2".to_owned()]));
    assert_eq!((first[0].as_str(), &first[49]), ("by successor200 line 200", &detail(151)));
    let (second, links) = shown(&mut owner, "/audit?page=2&group=keys&q=LINE+1");
    assert_eq!((second.len(), links), (5, vec!["/audit?q=LINE+1&group=keys".to_owned()]));
    for (query, number) in [
        ("q=line+77", 1),
        ("q=Ada%40EXAMPLE", 50),
        ("q=%25", 0),
        ("q=_", 0),
        ("q=%5C", 0),
        // a backslash is no escape: this is not `line 199`
        ("q=line+1%5C99", 0),
        ("group=passwords", 0),
        ("group=projects", 1),
        ("group=keys", 50),
        ("group=Keys", 50),
        ("group=keys%7Csigned+in", 50),
        ("from=1970-01-01&to=1970-01-01&q=line+200", 1),
        ("from=1970-01-02&to=2027-01-14", 0),
        ("from=2027-01-15", 1),
        ("to=2027-01-14&group=projects", 0),
        ("to=2027-01-15&group=projects", 1),
        ("from=2027-02-30&group=projects", 1),
        ("page=99", 1),
        ("q=%00line+77", 1),
    ] {
        assert_eq!(shown(&mut owner, &format!("/audit?{query}")).0.len(), number, "{query}");
    }
    let empty = owner.get("/audit?q=nothing+has+this");
    let found = (empty.text_of(".empty h2"), empty.field("q"));
    assert_eq!(found, ("No line matches".to_owned(), "nothing has this".to_owned()));
    // the server removes a key from the address
    let key = ApiKey::generate();
    let id = key.id();
    owner
        .get(&format!("/audit?q={}&group=keys", key.expose_secret()))
        .leads_to(&format!("/audit?q=ctx_{id}***&group=keys"));
}

#[test]
fn a_day_begins_and_ends_at_midnight() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    for second in [86_399, 86_400, 172_799, 172_800] {
        let sql = format!(
            "INSERT INTO audit_log (at, company, actor, action, detail) \
             SELECT {second}, id, 'ada', 'created', 'second {second}' FROM companies"
        );
        trouble::execute(&server.data, &sql);
    }
    for (query, seconds) in [
        ("to=1970-01-01", &[86_399][..]),
        ("from=1970-01-02&to=1970-01-02", &[172_799, 86_400]),
        ("from=1970-01-03&to=1970-01-03", &[172_800]),
        ("from=1970-01-02&q=SECOND", &[172_800, 172_799, 86_400]),
    ] {
        let expected: Vec<_> = seconds.iter().map(|second| format!("second {second}")).collect();
        assert_eq!(shown(&mut owner, &format!("/audit?{query}")).0, expected, "{query}");
    }
}

#[test]
fn a_search_ignores_case_in_every_script_and_finds_keys_and_addresses() {
    let server = Fixture::behind_proxy();
    let mut owner = browser_at(&server, "2001:db8::7");
    owner.set_up(&server.set_up_link(), EMAIL).leads_to("/keys");
    let key = owner.create("ключ Straße");
    let id = id(&key);
    let token = owner.get(&format!("/keys/{id}")).field("form_token");
    let change = [("form_token", token.as_str()), ("name", "ΣΊΣΥΦΟΣ"), ("scopes", "memories:read")];
    owner.post(&format!("/keys/{id}"), &change).leads_to(&format!("/keys/{id}"));
    let query = |text: &str| form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
    for (text, number) in [
        ("КЛЮЧ", 3),
        ("strasse", 3),
        ("σίσυφος", 1),
        (&id.to_lowercase(), 2),
        (&format!("ctx_{id}***"), 2),
        ("2001:DB8::7", 4),
        ("ada@", 4),
        // the actor and the key of a line are two texts
        (&format!("ada@example.com {id}"), 0),
    ] {
        assert_eq!(shown(&mut owner, &format!("/audit?{}", query(text))).0.len(), number, "{text}");
    }
    // lines of an older version have no folded text, and are searched as the database compares letters
    trouble::execute(&server.data, "UPDATE audit_log SET search = NULL, address = NULL");
    assert_eq!(shown(&mut owner, &format!("/audit?{}", query("ADA@example"))).0.len(), 4);
}

#[test]
fn a_line_leads_to_its_key_while_there_is_one() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    let id = id(&owner.create("a key"));
    let link = format!("td a[href=\"/keys/{id}\"] code");
    assert_eq!(owner.get("/audit").text_of(&link), id);
    // a line that names the key of another company has no link
    let mut eve = server.set_up_as(EVE);
    let sql = format!(
        "INSERT INTO audit_log (at, company, actor, action, key, detail) \
         SELECT 1, id, 'x', 'created', '{id}', 'x' FROM companies WHERE name = 'eve@example.com'"
    );
    trouble::execute(&server.data, &sql);
    let page = eve.get("/audit");
    assert!(page.texts("td code").contains(&id) && !page.has(&link), "{}", page.text);
    owner.confirm(&id, "delete", &[]).leads_to("/keys");
    let page = owner.get("/audit");
    assert!(page.texts("td code").contains(&id) && !page.has(&link), "{}", page.text);
}

#[test]
fn lines_of_another_company_change_nothing_about_a_key() {
    let server = Fixture::new();
    let mut owner = server.set_up();
    let id = id(&owner.create("a key"));
    server.set_up_as(EVE);
    let mut shown = || {
        let page = owner.get(&format!("/keys/{id}"));
        let lines = page.rows(["Who", "What", "Detail"]);
        (page.facts(), lines, page.texts(".pager p"), owner.get("/keys").texts("tbody td"))
    };
    let before = shown();
    assert_eq!(before.1.len(), 1);
    let other = ApiKey::generate().id().to_string();
    for (action, key, detail) in [
        ("created", &id, "a key"),
        ("rotated", &id, &format!("by {other}, overlap 0 s")),
        ("rotated", &other, &format!("by {id}, overlap 0 s")),
        ("revoked", &id, "a key"),
    ] {
        let sql = format!(
            "INSERT INTO audit_log (at, company, actor, action, key, detail) \
             SELECT 1, id, 'eve', '{action}', '{key}', '{detail}' FROM companies WHERE name = '{EVE}'"
        );
        trouble::execute(&server.data, &sql);
        assert_eq!(shown(), before, "{action} {key} {detail}");
    }
    assert_eq!(trouble::number(&server.data, "SELECT count(*) FROM audit_log WHERE actor = 'eve'"), Some(4));
}

/// The statements find the lines of a company with an index.
#[test]
fn a_hundred_thousand_lines_are_answered_fast() {
    let server = Fixture::behind_proxy();
    let mut owner = server.set_up();
    let id = id(&owner.create("a key"));
    fill(&server, 100_000);
    if server.data.is_postgres() {
        trouble::execute(&server.data, "ANALYZE audit_log");
    }
    for path in [
        "/audit",
        "/audit?page=2000",
        "/audit?q=line+77777",
        "/audit?group=sign-ins&page=1000",
        &format!("/keys/{id}"),
        "/keys",
    ] {
        let begin = std::time::Instant::now();
        let page = owner.get(path);
        println!("{path}: {} in {:?}, {} bytes", page.status, begin.elapsed(), page.text.len());
        assert_eq!(page.status, 200);
    }
    let used = trouble::plan(&server.data, audit_log::OF_KEY, &["'org_x'", &format!("'{id}'"), "50", "0"]);
    for index in ["audit_log_of_key", "audit_log_of_successor"] {
        assert!(used.contains(index), "{index} in {used}");
    }
}
