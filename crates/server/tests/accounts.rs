//! Accounts: the links that make them, and their passwords.

mod common;
mod trouble;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;

use common::browser::{Answer, Browser};
use common::{Attempts, Data, EMAIL, PASSWORD, Server, wait};
use serde_json::{Value, json};
use trouble::number;

const EVE: &str = "eve@example.net";

/// Composed as most systems type it, and decomposed.
const COMPOSED: &str = "Brücken über Ströme 42";
const DECOMPOSED: &str = "Bru\u{308}cken u\u{308}ber Stro\u{308}me 42";

fn invite(data: &Data) -> String {
    succeed(data, &["invite"], "").trim().to_owned()
}

/// Runs a command, and returns what it prints.
#[track_caller]
fn succeed(data: &Data, arguments: &[&str], input: &str) -> String {
    let output = data.run_with(arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that fails, and returns its error.
#[track_caller]
fn fail(data: &Data, arguments: &[&str], input: &str) -> String {
    let output = data.run_with(arguments, input);
    assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
    String::from_utf8(output.stderr).unwrap()
}

fn accounts(data: &Data) -> Option<i64> {
    number(data, "SELECT count(*) FROM accounts")
}

/// What somebody with this link is shown.
fn shown(server: &Server, link: &str) -> u16 {
    Browser::new(server).get(&format!("/set-up?{}", link.split('?').nth(1).unwrap())).status
}

fn log_in(server: &Server, email: &str, password: &str) -> (u16, Value) {
    let body = json!({ "email": email, "password": password });
    server.send("POST", "/api/v1/auth/login", None, Some(&body))
}

fn sign_in(server: &Server, email: &str, password: &str) -> u16 {
    Browser::new(server).sign_in(email, password).status
}

#[test]
fn a_start_without_an_account_ends_the_links_of_earlier_starts() {
    let data = Data::new();
    let server = Server::start(&data);
    let (first, invitation) = (server.set_up_link.clone().unwrap(), invite(&data));
    assert_eq!(shown(&server, &first), 200);
    let second = Server::start(&data).set_up_link.clone().unwrap();
    assert_eq!([&first, &second, &invitation].map(|link| shown(&server, link)), [400, 200, 200]);
    let refused = Browser::new(&server).set_up(&first, EMAIL);
    assert!(refused.text.contains("This set-up link is not valid"), "{}", refused.text);
    assert_eq!((refused.status, accounts(&data)), (400, Some(0)));
    Browser::new(&server).set_up(&second, EMAIL).leads_to("/keys");
    assert_eq!([&first, &second, &invitation].map(|link| shown(&server, link)), [400, 400, 200]);
}

#[test]
fn an_account_ends_the_links_of_starts_and_no_invitation() {
    type MakesAccount = fn(&Data, &Server);
    let by_invitation: MakesAccount = |data, server| {
        Browser::new(server).set_up(&invite(data), EMAIL).leads_to("/keys");
    };
    let by_command: MakesAccount = |data, _| {
        let arguments = ["account", "add", "--email", EMAIL, "--company", "Example, Inc."];
        succeed(data, &arguments, &format!("{PASSWORD}\n"));
    };
    for make_account in [by_invitation, by_command] {
        let data = Data::new();
        let server = Server::start(&data);
        let link = server.set_up_link.clone().unwrap();
        let invitations = [invite(&data), invite(&data)];
        make_account(&data, &server);
        assert_eq!(shown(&server, &link), 400);
        assert_eq!(Browser::new(&server).set_up(&link, EVE).status, 400);
        for (link, email) in invitations.iter().zip([EVE, "bob@example.org"]) {
            Browser::new(&server).set_up(link, email).leads_to("/keys");
            assert_eq!(shown(&server, link), 400);
        }
        assert_eq!(accounts(&data), Some(3));
    }
}

#[test]
fn a_refused_form_ends_no_link() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    let link = invite(&data);
    let mut browser = Browser::new(&server);
    for (email, password, company, message) in [
        ("no address", PASSWORD, "Other", "Enter an email address"),
        (EVE, "too short", "Other", "The password needs at least 15 characters: choose a longer one"),
        (EVE, PASSWORD, " ", "Enter a name for your company"),
        ("ADA@example.com", PASSWORD, "Other", "There is an account with this email address"),
        (EVE, PASSWORD, "EXAMPLE,  inc.", "There is a company of this name"),
    ] {
        let answer = browser.set_up_as(&link, email, password, company);
        assert!(answer.text.contains(message), "{message} in {}", answer.text);
        assert!(!answer.text.contains(password), "{}", answer.text);
        assert_eq!((answer.status, accounts(&data)), (400, Some(1)));
    }
    // a program sends no origin
    assert!(browser.headers.is_empty());
    browser.set_up_as(&link, EVE, PASSWORD, "Other").leads_to("/keys");
}

#[test]
fn one_link_that_is_sent_many_times_at_once_makes_one_account() {
    let data = Data::new();
    let server = Server::start(&data);
    for (made, link) in [(1, server.set_up_link.clone().unwrap()), (2, invite(&data))] {
        let emails = (0..6).map(|number| format!("{made}{number}@example.com"));
        let statuses: Vec<u16> = thread::scope(|scope| {
            let (server, link) = (&server, &link);
            let set_up =
                |email: String| scope.spawn(move || Browser::new(server).set_up(link, &email).status);
            let sent: Vec<_> = emails.map(set_up).collect();
            sent.into_iter().map(|answer| answer.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [303, 400].contains(status)), "{statuses:?}");
        assert_eq!(accounts(&data), Some(made));
    }
}

#[test]
fn servers_that_start_at_once_leave_one_link() {
    let data = Data::new();
    let server = Server::start(&data);
    for _ in 0..5 {
        let start = || {
            let mut command = data.command(&[]);
            let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
            let lines = BufReader::new(process.stdout.take().unwrap()).lines();
            (process, lines)
        };
        let started: Vec<_> = (0..4).map(|_| start()).collect();
        let links = started.into_iter().map(|(mut process, mut lines)| {
            let link = lines.nth(2).unwrap().unwrap();
            process.kill().unwrap();
            process.wait().unwrap();
            link
        });
        let links: Vec<_> = links.collect();
        assert_eq!(links.iter().filter(|link| shown(&server, link) == 200).count(), 1);
        assert_eq!(number(&data, "SELECT count(*) FROM credentials"), Some(1));
    }
}

#[test]
fn a_company_is_named_once_and_its_slug_is_its_own() {
    let data = Data::new();
    let server = Server::start(&data);
    let names = ["Example, Inc.", "Example Inc", "example-inc 2", "Bu\u{308}ro", "東京", "大阪", "Company"];
    for (number, name) in names.iter().enumerate() {
        let email = format!("{number}@example.org");
        succeed(&data, &["account", "add", "--email", &email, "--company", name], PASSWORD);
    }
    let slugs =
        ["example-inc", "example-inc-2", "example-inc-2-2", "b-ro", "company", "company-2", "company-3"];
    for (number, slug) in slugs.iter().enumerate() {
        let (_, tokens) = log_in(&server, &format!("{number}@example.org"), PASSWORD);
        assert_eq!(tokens["companies"][0]["slug"], *slug);
        let path = format!("/api/v1/companies/{slug}/api-keys");
        assert_eq!(server.send("GET", &path, tokens["access_token"].as_str(), None).0, 200);
    }
    for name in ["EXAMPLE, INC.", "BÜRO", "Bu\u{308}RO", " example   inc ", "東京"] {
        let message = fail(&data, &["account", "add", "--email", EVE, "--company", name], PASSWORD);
        let expected =
            "error: there is a company of this name, with an account of its own: use another name\n";
        assert_eq!(message, expected, "{name}");
        assert_eq!(Browser::new(&server).set_up_as(&invite(&data), EVE, PASSWORD, name).status, 400);
    }
    assert_eq!(accounts(&data), Some(7));
}

/// Passwords that nobody may choose who is ada@example.com at Example, Inc., and what is said of them.
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
        let error = fail(&data, &add, &format!("{password}\n"));
        assert!(error.contains(message) && !error.contains(password), "{error}");
    }
    assert_eq!(accounts(&data), Some(0));
    server.set_up(&data);
    let mut browser = Browser::new(&server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    for (password, message) in refused() {
        let answer = change(&mut browser, PASSWORD, password);
        assert_refused(&answer, "new_password", password, message);
        let error = fail(&data, &["account", "reset-password", "--email", EMAIL], password);
        assert!(error.contains(message) && !error.contains(password), "{error}");
    }
    assert_eq!((browser.get("/keys").status, log_in(&server, EMAIL, PASSWORD).0), (200, 200));
}

#[track_caller]
fn assert_refused(answer: &Answer, field: &str, password: &str, message: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    let mistake = format!("<p><a href=\"#{field}\">T{message}");
    assert!(answer.text.contains(&mistake), "{mistake} in {}", answer.text);
    let text = answer.text.replace(EMAIL, "");
    assert!(!text.to_lowercase().contains(&password.to_lowercase()), "{text}");
}

#[test]
fn a_password_is_the_same_however_its_letters_are_composed() {
    let data = Data::new();
    let server = Server::start(&data);
    let signs_in = |email: &str, password| {
        let statuses = (sign_in(&server, email, password), log_in(&server, email, password).0);
        assert_eq!(statuses, (303, 200), "{email}");
    };
    Browser::new(&server)
        .set_up_as(server.set_up_link.as_ref().unwrap(), EMAIL, COMPOSED, "A")
        .leads_to("/keys");
    signs_in(EMAIL, DECOMPOSED);
    let add = ["account", "add", "--email", "zoe\u{308}@example.org", "--company", "B"];
    succeed(&data, &add, DECOMPOSED);
    signs_in("zoë@example.org", COMPOSED);
    let mut browser = Browser::new(&server);
    browser.sign_in("zoë@example.org", COMPOSED).leads_to("/keys");
    assert_eq!(change(&mut browser, DECOMPOSED, &format!("{COMPOSED}!")).status, 200);
    assert_eq!(sign_in(&server, "zoe\u{308}@example.org", &format!("{DECOMPOSED}!")), 303);
    succeed(&data, &["account", "reset-password", "--email", EMAIL], &format!("{COMPOSED}?\n"));
    signs_in(EMAIL, &format!("{DECOMPOSED}?"));
}

/// Sends the form of the page.
fn change(browser: &mut Browser, current: &str, new: &str) -> Answer {
    let token = browser.get("/account/password").field("form_token");
    let fields = [("form_token", token.as_str()), ("current_password", current), ("new_password", new)];
    browser.post("/account/password", &fields)
}

const NEW: &str = "five green boats at noon";

#[test]
fn a_changed_password_ends_all_but_this_session() {
    let data = Data::new();
    let server = Server::start(&data);
    // an account has five attempts to sign in
    let links = [server.set_up_link.clone().unwrap(), invite(&data)];
    let mut browsers = [(&links[0], EMAIL), (&links[1], EVE)].map(|(link, email)| {
        let mut browser = Browser::new(&server);
        browser.set_up(link, email).leads_to("/keys");
        browser
    });
    let mut third = Browser::new(&server);
    third.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let tokens = [EMAIL, EVE].map(|email| log_in(&server, email, PASSWORD).1);
    let key = browsers[0].create("kept");
    let page = browsers[0].get("/account/password");
    for shown in
        ["autocomplete=\"current-password\"", "autocomplete=\"new-password\"", "autocomplete=\"username\""]
    {
        assert!(page.text.contains(shown), "{shown} in {}", page.text);
    }
    assert!(browsers[0].get("/keys").text.contains("<a href=\"/account/password\">Password</a>"));

    let before = browsers[0].clone();
    let answer = change(&mut browsers[0], PASSWORD, NEW);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("Your password is changed"), "{}", answer.text);
    assert!(!answer.text.contains(NEW) && !answer.text.contains(PASSWORD), "{}", answer.text);
    assert_ne!(before.session(), browsers[0].session());
    assert!(answer.cookies()[0].contains("; HttpOnly; SameSite=Lax; Path=/"), "{:?}", answer.cookies());
    // the page is of the new session
    let token = answer.field("form_token");
    let again = [("form_token", token.as_str()), ("current_password", PASSWORD), ("new_password", NEW)];
    assert!(browsers[0].post("/account/password", &again).text.contains("The current password is wrong."));
    before.clone().get("/keys").leads_to("/sign-in");
    third.get("/keys").leads_to("/sign-in");
    assert_eq!(browsers.each_mut().map(|browser| browser.get("/keys").status), [200, 200]);
    assert_eq!(tokens.each_ref().map(|tokens| opens(&server, tokens)), [[401, 401], [200, 200]]);
    assert_eq!(trouble::status(&server, &key), 200);
    assert_eq!(
        [(EMAIL, NEW), (EVE, PASSWORD)].map(|(email, password)| sign_in(&server, email, password)),
        [303, 303]
    );
    let log = browsers[0].get("/audit").text;
    assert_eq!(log.matches("changed password").count(), 1, "{log}");
    assert!(!log.contains(NEW) && !browsers[1].get("/audit").text.contains("changed password"));
    let by =
        format!("SELECT count(*) FROM audit_log WHERE action = 'changed password' AND actor = '{EMAIL}'");
    assert_eq!(number(&data, &by), Some(1));
}

/// The statuses that an access and a refresh token get.
fn opens(server: &Server, tokens: &Value) -> [u16; 2] {
    let path = format!("/api/v1/companies/{}/api-keys", tokens["companies"][0]["id"].as_str().unwrap());
    let keys = server.send("GET", &path, tokens["access_token"].as_str(), None).0;
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    [keys, server.send("POST", "/api/v1/auth/refresh", None, Some(&refresh)).0]
}

#[test]
fn a_wrong_current_password_changes_nothing() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    let mut browser = Browser::new(&server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let other = browser.clone();
    for wrong in ["", "another long password", NEW] {
        let answer = change(&mut browser, wrong, NEW);
        let mistake = "<p><a href=\"#current_password\">The current password is wrong.</a></p>";
        assert!(answer.status == 400 && answer.text.contains(mistake), "{}", answer.text);
        assert!(wrong.is_empty() || !answer.text.contains(wrong), "{}", answer.text);
    }
    assert_eq!(other.clone().get("/keys").status, 200);
    assert_eq!(number(&data, "SELECT count(*) FROM audit_log WHERE action = 'changed password'"), Some(0));
    assert_eq!(log_in(&server, EMAIL, PASSWORD).0, 200);
}

#[test]
fn the_current_password_can_not_be_tried_without_end() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    let mut browser = Browser::new(&server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    let attempt = || {
        let answer = change(&mut browser.clone(), "another long password", NEW);
        (answer.status, answer.header("retry-after").map(str::to_owned))
    };
    Attempts::new(5).until_refused(400, attempt);
}

#[test]
fn only_the_owner_changes_the_password_and_only_with_the_form() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    Browser::new(&server).set_up(&invite(&data), EVE).leads_to("/keys");
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
    let send = |browser: &mut Browser, fields: &[(&str, String)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/account/password", &fields)
    };
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
    // the fields that name an account are for password managers alone
    let mut named = fields(&others).to_vec();
    named.extend([("username", EMAIL.to_owned()), ("email", EMAIL.to_owned())]);
    assert_eq!(send(&mut other, &named).status, 200);
    assert_eq!([EMAIL, EVE].map(|email| sign_in(&server, email, PASSWORD)), [303, 401]);
    assert_eq!(owner.get("/keys").status, 200);
}

#[test]
fn two_changes_at_once_are_one() {
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
    let right = passwords.map(|password| log_in(&server, EMAIL, password).0);
    assert_eq!(right.iter().filter(|status| **status == 200).count(), 1, "{right:?}");
    assert_eq!(number(&data, "SELECT count(*) FROM audit_log WHERE action = 'changed password'"), Some(1));
}

#[test]
fn a_reset_password_ends_all_sessions_and_tokens() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    Browser::new(&server).set_up(&invite(&data), EVE).leads_to("/keys");
    let mut browsers = [EMAIL, EVE].map(|email| {
        let mut browser = Browser::new(&server);
        browser.sign_in(email, PASSWORD).leads_to("/keys");
        browser
    });
    let tokens = [EMAIL, EVE].map(|email| log_in(&server, email, PASSWORD).1);
    let key = browsers[0].create("kept");
    let reset = |email| ["account", "reset-password", "--email", email];
    let done = succeed(&data, &reset(" ADA@example.com"), &format!("{NEW}\r\nnot read\n"));
    assert_eq!(
        done,
        "reset the password of ada@example.com, and ended its sessions, access tokens and refresh tokens; its API keys \
         and the tokens of its programs stay valid\n"
    );
    assert_eq!(browsers.each_mut().map(|browser| browser.get("/keys").status), [303, 200]);
    assert_eq!(tokens.each_ref().map(|tokens| opens(&server, tokens)), [[401, 401], [200, 200]]);
    assert_eq!(trouble::status(&server, &key), 200);
    assert_eq!([PASSWORD, NEW].map(|password| sign_in(&server, EMAIL, password)), [401, 303]);
    let by = "SELECT count(*) FROM audit_log WHERE action = 'reset password' AND actor = 'the operator' AND company = \
              (SELECT c.id FROM companies c JOIN accounts a ON a.id = c.account WHERE a.email = 'ada@example.com')";
    assert_eq!(number(&data, by), Some(1));
    assert_eq!(number(&data, "SELECT count(*) FROM audit_log WHERE action = 'reset password'"), Some(1));

    let error = fail(&data, &reset("nobody@example.com"), NEW);
    assert_eq!(
        error,
        "error: there is no account with the email address nobody@example.com: check it, or make one with `account \
         add`\n"
    );
}

/// What others are about to commit as the password is reset.
#[test]
fn a_reset_password_ends_what_is_being_issued() {
    const NAME: &str = "a_reset_password_ends_what_is_being_issued";
    let Some(fixture) = trouble::Fixture::on_postgres(NAME) else { return };
    let url = fixture.data.database_url.as_ref().unwrap();
    let insert = "INSERT INTO credentials (digest, kind, account, expires_at) \
                  SELECT sha256($1::text::bytea), $1, id, 4000000000 FROM accounts";
    let arguments = ["account", "reset-password", "--email", EMAIL];
    for taken in ["SELECT 1", "DELETE FROM credentials WHERE kind = 'refresh'"] {
        log_in(&fixture.server, EMAIL, PASSWORD);
        let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
        let mut transaction = client.transaction().unwrap();
        transaction.batch_execute(taken).unwrap();
        for kind in ["session", "access", "refresh"] {
            transaction.execute(insert, &[&kind]).unwrap();
        }
        thread::scope(|scope| {
            let reset = scope.spawn(|| succeed(&fixture.data, &arguments, PASSWORD));
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            wait(|| number(&fixture.data, waiting) == Some(1));
            transaction.commit().unwrap();
            reset.join().unwrap();
        });
        let left = "SELECT count(*) FROM credentials WHERE kind IN ('session', 'access', 'refresh')";
        assert_eq!(number(&fixture.data, left), Some(0), "{taken}");
    }
}

/// A sign-in whose password was right when it was checked, and is another when its session begins.
#[test]
fn a_sign_in_that_a_new_password_overtakes_is_refused() {
    let fixture = trouble::Fixture::new();
    let (data, server) = (&fixture.data, &fixture.server);
    let change = "UPDATE accounts SET password = 'another'";
    let page = || Browser::new(server).sign_in(EMAIL, PASSWORD).status;
    let api = || {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        server.send("POST", "/api/v1/auth/login", None, Some(&body)).0
    };
    let right = {
        let row = "SELECT password FROM accounts";
        if data.is_postgres() {
            trouble::postgres(data).query_one(row, &[]).unwrap().get::<_, String>(0)
        } else {
            trouble::sqlite(data).query_row(row, [], |row| row.get(0)).unwrap()
        }
    };
    for sign_in in [&page as &(dyn Fn() -> u16 + Sync), &api] {
        trouble::execute(data, &format!("UPDATE accounts SET password = '{right}'"));
        trouble::execute(data, "DELETE FROM credentials WHERE kind IN ('session', 'access', 'refresh')");
        let status = thread::scope(|scope| {
            if data.is_postgres() {
                let mut client = trouble::postgres(data);
                // as a change does: what is issued waits for it
                let lock = format!("BEGIN; {change}; SELECT id FROM accounts FOR UPDATE");
                client.batch_execute(&lock).unwrap();
                let answer = scope.spawn(sign_in);
                let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
                wait(|| number(data, waiting) == Some(1));
                client.batch_execute("COMMIT").unwrap();
                answer.join().unwrap()
            } else {
                let client = trouble::sqlite(data);
                client.execute_batch(&format!("BEGIN IMMEDIATE; {change}")).unwrap();
                let answer = scope.spawn(sign_in);
                // the password is hashed, and the session waits for the lock
                wait(|| trouble::count(server, "ctx_key_pool_connections_in_use") == 1);
                client.execute_batch("COMMIT").unwrap();
                answer.join().unwrap()
            }
        });
        assert_eq!(status, 401);
        let issued = "SELECT count(*) FROM credentials WHERE kind IN ('session', 'access', 'refresh')";
        assert_eq!(number(data, issued), Some(0));
    }
}
