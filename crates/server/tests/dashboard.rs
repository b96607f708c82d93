//! The dashboard over HTTP: what a browser sends, what it is given, and what others can't do.

mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use common::browser::{Answer, Browser};
use common::{Attempts, Data, EMAIL, PASSWORD, Server, agent, rest, wait};

/// A server with an account that is signed in.
fn signed_in(data: &Data) -> (Server, Browser) {
    let server = Server::start(data);
    server.set_up(data);
    let mut browser = Browser::new(&server);
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    (server, browser)
}

fn id(key: &str) -> String {
    ctx_key::ApiKey::parse(key).expect("a key").id().to_string()
}

fn status(server: &Server, key: &str) -> u16 {
    server.send("GET", "/v1/key", Some(key), None).0
}

/// One more link, from the program.
fn invite(data: &Data, server: &Server) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"));
    command
        .arg("--data")
        .arg(data.folder.path())
        .args(["--public-url", &server.url])
        .env_remove("DATABASE_URL");
    if let Some(url) = data.server_url() {
        command.env("DATABASE_URL", url);
    }
    let output = command.arg("invite").output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("a text").trim().to_owned()
}

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
    for shown in
        ["role=\"alert\"", "at least 15 characters", "email address", "value=\"no address\"", "&#60;b&#62;"]
    {
        assert!(answer.text.contains(shown), "{shown} in {}", answer.text);
    }
    assert!(!answer.text.contains("too short"), "the password is not shown again");

    browser.set_up(&link, EMAIL).leads_to("/keys");
    assert!(browser.get("/keys").text.contains("There are no API keys yet"));
    let mut other = Browser::new(&server);
    let again = other.set_up(&link, "eve@example.com");
    assert_eq!((again.status, other.cookies.len()), (400, 0), "{}", again.text);
    assert_eq!(other.get(&format!("/set-up?link={secret}")).status, 400);
    for query in ["", "?link=", "?link=a&link=b", "?link=%FF"] {
        let page = other.get(&format!("/set-up{query}"));
        assert_eq!((page.status, page.header("x-frame-options")), (400, Some("DENY")));
        assert!(page.text.contains("This set-up link is not valid"), "{query}");
    }
    let taken = invite(&data, &server);
    let answer = other.set_up(&taken, &EMAIL.to_uppercase());
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("There is an account with this email address"), "{}", answer.text);
    other.set_up(&taken, "eve@example.com").leads_to("/keys");
}

#[test]
fn a_key_is_created_shown_once_and_used() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    let form = browser.get("/keys/new");
    assert_eq!(form.text.matches("type=\"checkbox\"").count(), 6);
    assert!(!form.text.contains(" checked"), "no scope is checked at first");
    for scope in ctx_key::Scope::all() {
        assert!(form.text.contains(scope.description().unwrap()), "{scope}");
    }
    let fields = browser.creation("Production API Key");
    let now = || i64::try_from(ctx_key::UnixTime::now().as_secs()).unwrap();
    let before = now();
    let answer = browser.create_with(&fields);
    let after = now();
    let key = answer.new_key();
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    assert!(answer.text.contains(&format!("MEMORYKIT_API_KEY={key}\n")));
    assert!(answer.text.contains(&format!("curl {}/v1/memories ", server.url)), "{}", answer.text);
    assert_eq!(answer.text.matches(&key[16..]).count(), 2, "the field and the line for .env");

    let (status, shown) = server.send("GET", "/v1/key", Some(&key), None);
    assert_eq!((status, &shown["scopes"]), (200, &serde_json::json!(["memories:read", "chats:write"])));
    let expires_at = shown["expires_at"].as_str().expect("an end");
    let mut expected = (before..=after).map(|time| ctx_key_server::clock::iso_seconds(time + 30 * 24 * 3600));
    assert!(expected.any(|time| time == expires_at), "{expires_at}");
    let list = browser.get("/keys").text;
    for shown in [
        "Production API Key",
        "project of Production",
        "memories:read",
        &format!("{}***", &key[..16]),
        "Active",
    ] {
        assert!(list.contains(shown), "{shown} in {list}");
    }
    let log = browser.get("/audit").text;
    for shown in [EMAIL, "created", &key[4..16], "Production API Key; memories:read chats:write"] {
        assert!(log.contains(shown), "{shown} in {log}");
    }
    for page in [list, log] {
        assert!(!page.contains(&key[16..]));
    }
}

#[test]
fn the_curl_line_fits_the_scopes() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    for scope in ctx_key::Scope::all() {
        let mut fields = browser.creation(&scope.to_string());
        fields.retain(|(name, _)| *name != "scopes");
        fields.push(("scopes", scope.to_string()));
        let page = browser.create_with(&fields);
        let command =
            page.text.split("<pre").nth(2).and_then(|rest| rest.split("</pre>").next()).expect("a command");
        let path = command
            .split(&server.url)
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next())
            .expect("a path");
        let (method, resource) = if command.contains("-d ") { ("write", path) } else { ("read", path) };
        let name = resource.strip_prefix("/v1/").expect("the API");
        let allowed = [format!("{name}:{method}"), "users:read".to_owned()];
        assert!(allowed.contains(&scope.to_string()), "{scope}: {command}");
        assert!(!command.contains(&page.new_key()[16..]), "a command stays in the shell's history");
    }
}

#[test]
fn a_form_that_is_sent_again_makes_no_second_key() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    let fields = browser.creation("doubled");
    let key = browser.create_with(&fields).new_key();
    let again = browser.create_with(&fields);
    assert_eq!(again.status, 409);
    assert!(again.text.contains("This form was already sent"));
    assert!(again.text.contains(&format!("{}***", &key[..16])), "{}", again.text);
    assert!(!again.text.contains(&key[16..]));
    assert_eq!(browser.count_keys(), 1);

    let fields = browser.creation("at the same time");
    let successor = click_four_times(&browser, "/keys", &fields);
    assert_eq!(browser.count_keys(), 2);
    // the first of these ends the key, which is not what the others are refused for
    let path = format!("/keys/{}/rotate", id(&successor));
    let dialog = browser.get(&path);
    let fields = ["form_token", "form"].map(|name| (name, dialog.field(name)));
    click_four_times(&browser, &path, &[&fields[..], &[("overlap", "0".to_owned())]].concat());
    assert_eq!(browser.count_keys(), 3);

    // nor when the key is gone
    browser.confirm(&id(&key), "delete", &[]).leads_to("/keys");
    let mut fields = browser.creation("deleted");
    let deleted = browser.create_with(&fields).new_key();
    browser.confirm(&id(&deleted), "delete", &[]).leads_to("/keys");
    fields[4].1.push_str(", again");
    let again = browser.create_with(&fields);
    assert_eq!((again.status, browser.count_keys()), (409, 2), "{}", again.text);
    assert_eq!(status(&server, &deleted), 401);
}

/// Sends a form four times at once. Returns the key that one of them made, and asserts that the others are told of it.
fn click_four_times(browser: &Browser, path: &str, fields: &[(&'static str, String)]) -> String {
    let click = || post(&mut browser.clone(), path, fields, None);
    let answers: Vec<_> = thread::scope(|scope| {
        let clicks: Vec<_> = (0..4).map(|_| scope.spawn(click)).collect();
        clicks.into_iter().map(|click| click.join().unwrap()).collect()
    });
    let (made, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((made.len(), others.len()), (1, 3));
    let key = made[0].new_key();
    for answer in others {
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert!(answer.text.contains(&format!("It made the key {}***", &key[..16])), "{}", answer.text);
    }
    key
}

#[test]
fn a_form_with_a_mistake_makes_nothing_and_keeps_what_was_typed() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    browser.create("first");
    let fields = browser.creation("second");
    let with = |name: &str, value: Option<&str>| -> Vec<_> {
        let mut fields: Vec<_> = fields.iter().filter(|(found, _)| *found != name).cloned().collect();
        fields.extend(value.map(|value| (fields_name(name), value.to_owned())));
        fields
    };
    let long = "n".repeat(101);
    for (name, value, said) in [
        ("scopes", None, "at least one scope"),
        ("scopes", Some("memories:everything"), "at least one scope"),
        ("name", Some(" "), "a name for the key"),
        ("name", Some(long.as_str()), "a name for the key"),
        ("name", Some("two\nlines"), "a name for the key"),
        ("project_name", None, "a name for the new project"),
        ("project_name", Some("project of first"), "There is a project of this name"),
        ("project", Some("proj_00000000000000000000000000000000"), "Choose a project"),
        ("project", Some("no id"), "Choose a project"),
        ("project", Some(""), "Choose a project"),
        ("expires", Some("1"), "when the key expires"),
        ("expires", Some("date"), "Choose a day from today on"),
    ] {
        let answer = browser.create_with(&with(name, value));
        assert_eq!(answer.status, 400, "{name} {value:?}: {}", answer.text);
        assert!(
            answer.text.contains("role=\"alert\"") && answer.text.contains(said),
            "{said} in {}",
            answer.text
        );
        assert_eq!(answer.field("form"), fields[1].1, "the same form");
        if name != "name" {
            assert!(answer.text.contains("value=\"second\""), "{}", answer.text);
        }
        if name != "scopes" {
            assert_eq!(answer.text.matches(" checked").count(), 2, "{}", answer.text);
        }
    }
    assert_eq!(browser.count_keys(), 1);
    assert_eq!(
        browser.get("/keys/new").text.matches("<option value=\"proj_").count(),
        2,
        "no project is left over"
    );
    assert_eq!(browser.create_with(&fields).status, 200, "the form is good still");

    for (name, value) in [("form", "guessed"), ("name", "\0"), ("unknown", "\0")] {
        let answer = browser.create_with(&with(name, Some(value)));
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains("This form can&#39;t be read"), "{}", answer.text);
    }
    let huge = "n".repeat(64 * 1024);
    assert_eq!(browser.create_with(&with("name", Some(&huge))).status, 413);
}

fn fields_name(name: &str) -> &'static str {
    ["scopes", "name", "project", "project_name", "expires", "form", "unknown"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap()
}

#[test]
fn a_key_is_rotated_revoked_and_deleted() {
    let data = Data::new();
    let (server, mut browser) = signed_in(&data);
    let first = browser.create("a key");
    assert_eq!(status(&server, &first), 200);
    let expires_at = |key: &str| server.send("GET", "/v1/key", Some(key), None).1["expires_at"].take();
    let expiry = expires_at(&first);

    let page = browser.confirm(&id(&first), "rotate", &[("overlap", "3600")]);
    let second = page.new_key();
    assert!(page.text.contains(&format!("{}***</code> works until ", &first[..16])), "{}", page.text);
    assert_eq!([status(&server, &first), status(&server, &second)], [200, 200]);
    assert!(browser.get("/keys").text.contains("Ending soon"));

    // the second is lost, and the first rotated again: that successor must not end with the overlap
    let page = browser.confirm(&id(&first), "rotate", &[("overlap", "3600")]);
    let again = page.new_key();
    assert_eq!([status(&server, &first), status(&server, &again)], [200, 200]);
    assert_eq!(expires_at(&again), expiry, "only the old key ends with the overlap");

    let page = browser.confirm(&id(&second), "rotate", &[("overlap", "0")]);
    let third = page.new_key();
    assert!(
        page.text.contains(&format!("{}***</code> is refused from now on", &second[..16])),
        "{}",
        page.text
    );
    assert_eq!([status(&server, &second), status(&server, &third)], [401, 200]);
    assert!(browser.get("/keys").text.contains("Retired"));
    let ended = browser.confirm(&id(&second), "rotate", &[("overlap", "0")]);
    assert_eq!(ended.status, 409, "a retired key has no successor: {}", ended.text);
    assert_eq!(browser.confirm(&id(&third), "rotate", &[("overlap", "5")]).status, 400);

    let dialog = browser.get(&format!("/keys/{}/rotate", id(&third)));
    let (token, form) = (dialog.field("form_token"), dialog.field("form"));
    let fields = [("form_token", token.as_str()), ("form", &form), ("overlap", "86400")];
    let path = format!("/keys/{}/rotate", id(&third));
    let fourth = browser.post(&path, &fields).new_key();
    let again = browser.post(&path, &fields);
    assert_eq!(again.status, 409);
    assert!(again.text.contains(&fourth[..16]) && !again.text.contains(&fourth[16..]), "{}", again.text);
    assert_eq!(browser.count_keys(), 5);

    assert!(browser.get(&format!("/keys/{}/revoke", id(&fourth))).text.contains("a key"), "asks by name");
    assert_eq!(status(&server, &fourth), 200);
    browser.confirm(&id(&fourth), "revoke", &[]).leads_to("/keys");
    assert_eq!(status(&server, &fourth), 401);
    assert!(browser.get("/keys").text.contains("Revoked"));
    assert_eq!(status(&server, &third), 200);
    browser.confirm(&id(&third), "delete", &[]).leads_to("/keys");
    assert_eq!((status(&server, &third), browser.count_keys()), (401, 4));
    let log = browser.get("/audit").text;
    for action in ["created", "rotated", "revoked", "deleted"] {
        assert!(log.contains(action), "{action}");
    }
}

#[test]
fn a_secret_is_in_no_page_log_or_database() {
    let data = Data::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data.folder.path()).env_remove("DATABASE_URL");
    if let Some(url) = data.server_url() {
        command.env("DATABASE_URL", url);
    }
    let mut process = command
        .env("RUST_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let log = Arc::new(Mutex::new(String::new()));
    let (stream, copy) = (process.stderr.take().unwrap(), log.clone());
    let reader = thread::spawn(move || *copy.lock().unwrap() = rest(stream));
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().unwrap()));
    let url = lines.next().unwrap().unwrap();
    let link = lines.nth(1).unwrap().unwrap();
    let server = Server { process, url, set_up_link: Some(link.clone()), agent: agent() };
    let mut browser = Browser::new(&server);
    browser.set_up(&link, EMAIL).leads_to("/keys");
    let session = browser.session().to_owned();
    let first = browser.create("a key");
    let second = browser.confirm(&id(&first), "rotate", &[("overlap", "3600")]).new_key();
    assert_eq!([status(&server, &first), status(&server, &second)], [200, 200]);
    let (page, dialog) = (format!("/keys/{}", id(&first)), format!("/keys/{}/rotate", id(&first)));
    for path in ["/keys", "/audit", "/keys/new", &page, &dialog] {
        let page = browser.get(path).text;
        for key in [&first, &second] {
            assert!(!page.contains(&key[16..]), "{path}");
        }
    }
    let link = link.split("link=").nth(1).unwrap().to_owned();
    let secrets = [&first[16..], &second[16..], &session, &link, PASSWORD];
    server.stop();
    reader.join().unwrap();
    let log = log.lock().unwrap();
    assert!(log.contains("DEBUG") || log.contains("INFO"), "it was read: {log}");
    let mut stored = dump(&data);
    assert!(stored.windows(12).any(|part| part == id(&first).as_bytes()), "the database was read");
    stored.extend_from_slice(log.as_bytes());
    for secret in secrets {
        let found = stored.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "a secret that begins with {}", &secret[..4]);
    }
}

/// All that is stored.
fn dump(data: &Data) -> Vec<u8> {
    let Some(url) = &data.database_url else {
        let files = fs::read_dir(data.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        return files.filter(|path| path.is_file()).flat_map(|path| fs::read(path).unwrap()).collect();
    };
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    let tables =
        client.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[]).unwrap();
    let rows = tables.iter().flat_map(|table| {
        let sql = format!("SELECT row_to_json(t)::text FROM {} t", table.get::<_, String>(0));
        client.query(&sql, &[]).unwrap()
    });
    rows.flat_map(|row| row.get::<_, String>(0).into_bytes()).collect()
}

#[test]
fn cookies_are_for_the_server_alone_and_new_at_every_sign_in() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    let mut browser = Browser::new(&server);
    let form = browser.get("/sign-in");
    let answer = browser.sign_in(EMAIL, PASSWORD);
    for cookie in form.cookies().iter().chain(&answer.cookies()) {
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/"), "{cookie}");
        assert!(cookie.starts_with("ctx-key-") && !cookie.contains("Secure"), "{cookie}");
    }
    let first = browser.clone();
    browser.sign_in(EMAIL, PASSWORD).leads_to("/keys");
    assert_ne!(first.session(), browser.session());
    first.clone().get("/keys").leads_to("/sign-in");
    assert_eq!(browser.get("/keys").status, 200);

    let before = browser.clone();
    let token = browser.get("/keys").field("form_token");
    browser.post("/sign-out", &[("form_token", &token)]).leads_to("/sign-in");
    assert!(browser.cookies.keys().all(|name| !name.ends_with("session")));
    before.clone().get("/keys").leads_to("/sign-in");
}

#[test]
fn behind_tls_cookies_are_secure() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    drop(server);
    let address = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_ctx-key-server"));
    command.args(["--listen", &address, "--public-url", "HTTPS://Keys.Example.COM/", "--data"]);
    command.arg(data.folder.path()).env_remove("DATABASE_URL").env("RUST_LOG", "warn");
    if let Some(url) = data.server_url() {
        command.env("DATABASE_URL", url);
    }
    let process = command.stdout(Stdio::null()).spawn().expect("it starts");
    let url = format!("http://{address}");
    let server = Server { process, url, set_up_link: None, agent: agent() };
    wait(|| std::net::TcpStream::connect(&address).is_ok());
    let mut browser = Browser::new(&server);
    browser.headers.push(("origin", "https://keys.example.com".to_owned()));
    let form = browser.get("/sign-in");
    let answer = browser.sign_in(EMAIL, PASSWORD);
    answer.leads_to("/keys");
    for cookie in form.cookies().iter().chain(&answer.cookies()) {
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{cookie}");
        assert!(cookie.starts_with("__Host-ctx-key-"), "{cookie}");
    }
    let page = browser.get("/keys");
    assert_eq!((page.status, page.header("strict-transport-security")), (200, Some("max-age=31536000")));
}

/// All that changes something, for a key.
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

fn post(browser: &mut Browser, path: &str, fields: &[(&'static str, String)], token: Option<&str>) -> Answer {
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.extend(token.map(|token| ("form_token", token)));
    browser.post(path, &fields)
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

    // nobody is signed in by another site: the form's cookie is missing, or another one
    let mut victim = Browser::new(&server);
    let fields = [("form_token", stranger.as_str()), ("email", EMAIL), ("password", PASSWORD)];
    assert_eq!(victim.post("/sign-in", &fields).status, 403);
    victim.get("/sign-in");
    assert_eq!(victim.post("/sign-in", &fields).status, 403);

    // what a browser says of a form of ours
    browser.content_type = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
    browser.headers = vec![("origin", server.url.clone()), ("sec-fetch-site", "same-origin".to_owned())];
    browser.confirm(&id(&key), "revoke", &[]).leads_to("/keys");
    browser.headers = vec![("origin", "null".to_owned()), ("sec-fetch-site", "same-origin".to_owned())];
    browser.confirm(&id(&key), "delete", &[]).leads_to("/keys");
}

#[test]
fn another_account_and_nobody_reach_nothing() {
    let data = Data::new();
    let (server, mut owner) = signed_in(&data);
    let key = owner.create("the owner's key");
    let project = owner.get("/keys/new").value_after("<option value=\"");
    let mut other = Browser::new(&server);
    other.set_up(&invite(&data, &server), "eve@example.com").leads_to("/keys");
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

#[test]
fn every_page_is_protected_and_kept_by_nobody() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    let key = browser.create("a key");
    let fields = browser.creation("another");
    let project = browser.get("/keys/new").value_after("<option value=\"");
    let rename = format!("/projects/{project}/rename");
    let mut pages =
        vec![browser.create_with(&fields), browser.create_with(&fields), browser.create_with(&[])];
    for path in [
        "/",
        "/set-up",
        "/sign-in",
        "/keys",
        "/keys/new",
        "/account/password",
        "/audit",
        "/projects",
        "/projects/new",
        &rename,
        &format!("/projects/{project}/archive"),
        "/nothing",
        "/keys/x/rotate",
    ] {
        pages.push(browser.get(path));
    }
    for action in ["", "/rotate", "/revoke", "/delete"] {
        pages.push(browser.get(&format!("/keys/{}{action}", id(&key))));
    }
    pages.push(browser.send("PUT", "/keys", None));
    let token = browser.get("/projects").field("form_token");
    pages.push(browser.post(&rename, &[("form_token", &token)]));
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                  frame-ancestors 'none'; base-uri 'none'";
    for page in &pages {
        for (name, value) in [
            ("content-security-policy", policy),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(page.header(name), Some(value), "{name} of {} {}", page.status, page.text);
        }
        assert!(page.header("strict-transport-security").is_none());
        assert!(page.header("access-control-allow-origin").is_none());
        for begin in ["<script>", " style=", " onclick=", "javascript:"] {
            assert!(!page.text.contains(begin), "{begin} in {}", page.text);
        }
    }
    let statuses: Vec<_> = pages.iter().map(|page| page.status).collect();
    assert_eq!(
        statuses,
        [
            200, 409, 403, 303, 400, 200, 200, 200, 200, 200, 200, 200, 200, 200, 404, 404, 200, 200, 200,
            200, 405, 400
        ]
    );
}

#[test]
fn assets_are_kept_by_browsers() {
    let data = Data::new();
    let server = Server::start(&data);
    let mut browser = Browser::new(&server);
    let page = browser.get("/sign-in");
    let style = page.value_after("<link rel=\"stylesheet\" href=\"");
    let script = page.value_after("<script src=\"");
    let icon = page.value_after("<link rel=\"icon\" type=\"image/svg+xml\" href=\"");
    for (path, kind, most) in [
        (style, "text/css; charset=utf-8", 20_000),
        (script, "text/javascript; charset=utf-8", 6_000),
        (icon, "image/svg+xml", 3_000),
    ] {
        assert!(path.contains("?v="), "{path}");
        let asset = browser.get(&path);
        assert_eq!((asset.status, asset.header("content-type")), (200, Some(kind)));
        assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert!(asset.text.len() < most, "{path} has {} bytes", asset.text.len());
        browser.headers = vec![("if-none-match", asset.header("etag").expect("a tag").to_owned())];
        assert_eq!(browser.get(&path).status, 304);
        browser.headers.clear();
    }
    assert_eq!(browser.get("/assets/nothing").status, 404);
}

#[test]
fn an_unknown_address_is_answered_as_a_wrong_password() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    let mut browser = Browser::new(&server);
    let wrong = browser.sign_in(EMAIL, "another long password");
    assert!(wrong.text.contains("The e-mail address or the password is wrong"));
    for address in ["eve@example.com", "no address"] {
        let unknown = browser.sign_in(address, "another long password");
        assert_eq!((wrong.status, unknown.status), (401, 401));
        assert_eq!(wrong.text.replace(EMAIL, ""), unknown.text.replace(address, ""));
    }
}

#[test]
fn passwords_can_not_be_tried_without_end() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
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

#[test]
fn names_are_text_and_no_markup() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    let name = r#"<script>alert("1")</script>'&amp;"#;
    let key = browser.create(name);
    let id = id(&key);
    let mut fields = browser.creation(name);
    fields.retain(|(field, _)| *field != "scopes");
    let project = browser.get("/projects").text;
    let project =
        project.rsplit("href=\"/keys?project=").next().unwrap().split('"').next().unwrap().to_owned();
    let pages = [
        browser.get("/keys"),
        browser.get("/audit"),
        browser.get("/keys/new"),
        browser.create_with(&fields),
        browser.get(&format!("/keys/{id}")),
        browser.get(&format!("/keys/{id}/rotate")),
        browser.get(&format!("/keys/{id}/revoke")),
        browser.get(&format!("/keys/{id}/delete")),
        browser.get("/projects"),
        browser.get(&format!("/projects/{project}/rename")),
        browser.get(&format!("/projects/{project}/archive")),
    ];
    for page in pages {
        assert!(
            page.text.contains("&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39;&#38;amp;"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("<script>") && !page.text.contains("alert(\""), "{}", page.text);
    }
}

#[test]
fn a_locked_database_is_said_and_nothing_is_half_done() {
    let data = Data::new();
    let (_server, mut browser) = signed_in(&data);
    let fields = browser.creation("later");
    let lock = Lock::new(&data);
    let answer = browser.create_with(&fields);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "{}", answer.text);
    assert!(!answer.text.contains("SQL"), "{}", answer.text);
    drop(lock);
    assert_eq!(browser.create_with(&fields).status, 200, "the form is good still");
    assert_eq!(browser.count_keys(), 1);
}

/// Another program's, on what is written.
enum Lock {
    Sqlite(#[expect(dead_code, reason = "held")] rusqlite::Connection),
    Postgres(#[expect(dead_code, reason = "held")] postgres::Client),
}

impl Lock {
    fn new(data: &Data) -> Self {
        match &data.database_url {
            Some(url) => {
                let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
                client.batch_execute("BEGIN; LOCK TABLE api_keys IN EXCLUSIVE MODE").unwrap();
                Self::Postgres(client)
            }
            None => {
                let client = rusqlite::Connection::open(data.folder.path().join("ctx-key.sqlite")).unwrap();
                client.execute_batch("BEGIN IMMEDIATE").unwrap();
                Self::Sqlite(client)
            }
        }
    }
}
