//! The API with which the platform's command makes keys.

mod common;

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use common::project::Project;
use common::{Attempts, Data, EMAIL, PASSWORD, Server, rest};
use serde_json::{Value, json};
use ureq::http::Request;

/// Asks for a key with these scopes.
fn create(project: &Project, scopes: &Value) -> (u16, Value) {
    let body = json!({ "project_id": project.id, "name": "Production API Key", "scopes": scopes });
    project.server.send("POST", &project.keys_path(), Some(&project.token), Some(&body))
}

#[test]
fn a_key_is_created_listed_used_and_revoked() {
    let project = Project::new();
    let (status, made) = create(&project, &json!(["memories:read", "chats:write"]));
    assert_eq!(status, 201);
    let key = made["api_key"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(ctx_key::ApiKey::parse(key).unwrap().id().as_str(), id);

    let (status, list) = project.server.send("GET", &project.keys_path(), Some(&project.token), None);
    assert_eq!(status, 200);
    let listed = list.as_array().unwrap().iter().find(|listed| listed["id"] == id).unwrap();
    assert_eq!(listed["scopes"], json!(["memories:read", "chats:write"]));
    assert_eq!(listed["company_id"], project.company);
    assert_eq!((&listed["is_active"], &listed["expires_at"]), (&json!(true), &Value::Null));
    assert!(!list.to_string().contains(&key[16..]), "a list shows no secret");

    let (status, shown) = project.server.send("GET", "/v1/key", Some(key), None);
    assert_eq!(status, 200);
    assert_eq!((&shown["id"], &shown["project_id"]), (&json!(id), &json!(project.id)));

    let path = format!("{}/{id}", project.keys_path());
    let (status, body) = project.server.send("DELETE", &path, Some(&project.token), None);
    assert_eq!((status, body), (204, Value::Null));
    assert_eq!(project.server.send("GET", "/v1/key", Some(key), None).0, 401);
    let (_, list) = project.server.send("GET", &project.keys_path(), Some(&project.token), None);
    let listed = list.as_array().unwrap().iter().find(|listed| listed["id"] == id).unwrap();
    assert_eq!(listed["is_active"], json!(false));
}

#[test]
fn a_key_ends_itself() {
    let project = Project::new();
    let (_, made) = create(&project, &json!(["memories:read"]));
    let key = made["api_key"].as_str().unwrap();
    let (status, body) = project.server.send("POST", "/v1/key/revoke", Some(key), None);
    assert_eq!((status, &body["id"]), (200, &made["id"]));
    assert_eq!(project.server.send("POST", "/v1/key/revoke", Some(key), None).0, 401);
}

#[test]
fn unknown_scopes_are_refused_with_the_list_of_scopes() {
    let project = Project::new();
    let all =
        "the scopes are memories:read, memories:write, chats:read, chats:write, users:read, users:write";
    for (scopes, reason) in [
        (json!(["read", "write"]), "entry 1 of `scopes` is unknown"),
        (
            json!(["chats:read", "memories:reed"]),
            "entry 2 of `scopes` is unknown, did you mean memories:read?",
        ),
        (json!(["chats:read", ""]), "entry 2 of `scopes` is unknown"),
        (json!(["chats:read memories:read"]), "entry 1 of `scopes` is unknown"),
        (json!([]), "a key needs at least one scope"),
    ] {
        let (status, body) = create(&project, &scopes);
        assert_eq!(
            (status, &body["error"]["message"]),
            (400, &json!(format!("{reason}; {all}"))),
            "{scopes}"
        );
    }
}

#[test]
fn a_name_is_a_line_in_any_script() {
    let project = Project::new();
    let path = format!("/api/v1/companies/{}/projects", project.company);
    let make =
        |name: &str| project.server.send("POST", &path, Some(&project.token), Some(&json!({ "name": name })));
    let longest = "ß".repeat(100);
    for (name, kept) in
        [("Büro – 東京", "Büro – 東京"), ("\u{3000} staging ", "staging"), (&longest, &longest)]
    {
        let (status, made) = make(name);
        assert_eq!((status, &made["name"]), (201, &json!(kept)), "{name:?}");
    }
    for name in ["", " \u{a0}\u{3000}", "a\nb", "\tstaging", "staging\n", "a\u{9c}b", &format!("{longest} ")]
    {
        let (status, error) = make(name);
        assert_eq!(status, 400, "{name:?}: {error}");
    }
}

#[test]
fn an_api_key_opens_nothing_here_and_a_token_nothing_there() {
    let project = Project::new();
    let (_, made) = create(&project, &json!(["memories:read"]));
    let key = made["api_key"].as_str().unwrap();
    assert_eq!(project.server.send("GET", &project.keys_path(), Some(key), None).0, 401);
    assert_eq!(project.server.send("GET", &project.keys_path(), None, None).0, 401);
    assert_eq!(project.server.send("GET", "/v1/key", Some(&project.token), None).0, 401);
    let path = format!("/api/v1/companies/org_{:032}/api-keys", 0);
    assert_eq!(project.server.send("GET", &path, Some(&project.token), None).0, 404);
}

#[test]
fn a_refresh_token_is_valid_once() {
    let project = Project::new();
    let (_, tokens) = project.server.log_in_as(EMAIL, PASSWORD);
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let (status, fresh) = project.server.send("POST", "/api/v1/auth/refresh", None, Some(&refresh));
    assert_eq!((status, &fresh["token_type"]), (200, &json!("Bearer")));
    let access = fresh["access_token"].as_str();
    assert_eq!(project.server.send("GET", &project.keys_path(), access, None).0, 200);
    assert_eq!(project.server.send("POST", "/api/v1/auth/refresh", None, Some(&refresh)).0, 401);
}

#[test]
fn a_password_cannot_be_guessed_without_limit() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let mut attempts = Attempts::new(20);
    attempts.until_refused(200, || log_in(&server, EMAIL, PASSWORD, ""));
    attempts.until_refused(200, || log_in(&server, EMAIL, PASSWORD, ""));
}

#[test]
fn a_change_by_a_page_of_another_site_is_refused() {
    let project = Project::new();
    let (_, made) = create(&project, &json!(["memories:read"]));
    let key = format!("{}/{}", project.keys_path(), made["id"].as_str().unwrap());
    let projects = format!("/api/v1/companies/{}/projects", project.company);
    let log_in = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", project.server.url));
        request = request.header("authorization", format!("Bearer {}", project.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = project.server.agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    const JSON: (&str, &str) = ("content-type", "application/json");
    let changes = [
        ("POST", "/api/v1/auth/login", log_in.as_str()),
        ("POST", "/api/v1/auth/refresh", r#"{"refresh_token":""}"#),
        ("POST", &projects, r#"{"name":"forged"}"#),
        ("POST", &project.keys_path(), "{}"),
        ("DELETE", &key, ""),
        ("PUT", "/api/v1/nothing", "{}"),
        ("PATCH", &key, "{}"),
    ];
    for (method, path, body) in changes {
        for foreign in [
            ("origin", "https://evil.example"),
            ("origin", "http://127.0.0.1:1"),
            ("origin", "null"),
            ("origin", ""),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let (status, answer) = send(method, path, &[JSON, foreign], body);
            assert_eq!(status, 403, "{method} {path} {foreign:?}");
            let error: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(error["error"]["code"], "foreign_origin");
        }
        if body.is_empty() {
            continue;
        }
        for types in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "text/plain; application/json")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "multipart/form-data; boundary=a")],
            &[("content-type", "application/jsonp")],
            &[("content-type", "application/json, text/plain")],
            &[("content-type", "")],
            &[JSON, ("content-type", "text/plain")],
        ] {
            let (status, answer) = send(method, path, types, body);
            assert_eq!(status, 415, "{method} {path} {types:?}");
            let error: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(error["error"]["code"], "unsupported_media_type");
        }
    }
    assert_eq!(project.server.send("GET", "/v1/key", made["api_key"].as_str(), None).0, 200);
    let host = project.server.address();
    let chunked = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: {host}\r\ncontent-type: text/plain\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{log_in}\r\n0\r\n\r\n",
        log_in.len()
    );
    let mut stream = project.server.connect();
    stream.write_all(chunked.as_bytes()).unwrap();
    assert!(rest(stream).starts_with("HTTP/1.1 415 "), "a body without a length");
    let own = project.server.url.as_str();
    for headers in [
        &[JSON][..],
        &[("content-type", "application/json; charset=utf-8")],
        &[("content-type", "Application/JSON;charset=UTF-8")],
        &[JSON, ("origin", own), ("sec-fetch-site", "same-origin")],
        &[JSON, ("sec-fetch-site", "none")],
    ] {
        assert_eq!(send("POST", "/api/v1/auth/login", headers, &log_in).0, 200, "{headers:?}");
    }
    // a page can't read the answer to this, and it changes nothing
    assert_eq!(send("GET", &projects, &[("origin", "https://evil.example")], "").0, 200);
    assert_eq!(send("DELETE", &key, &[], "").0, 204);
}

/// The status of the answer, and its `Retry-After`.
type Outcome = (u16, Option<String>);

fn log_in(server: &Server, email: &str, password: &str, forwarded: &str) -> Outcome {
    let request = server.agent.post(format!("{}/api/v1/auth/login", server.url));
    let body = json!({ "email": email, "password": password });
    let response = request.header("x-forwarded-for", forwarded).send_json(body).unwrap();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.map(|seconds| seconds.to_str().unwrap().to_owned());
    (response.status().as_u16(), retry_after)
}

/// Guesses the password of another account each time, so that the address alone is counted.
fn guess<'a>(
    server: &'a Server,
    forwarded: impl Fn(u32) -> String + Sync + 'a,
) -> impl Fn() -> Outcome + Sync + 'a {
    let number = AtomicU32::new(0);
    move || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        log_in(server, &format!("{number}@example.com"), "not the password at all", &forwarded(number))
    }
}

#[test]
fn attempts_are_counted_by_the_address_that_the_proxy_names() {
    let data = Data::new();
    let server = Server::start_with(&data, &["--behind-proxy"]);
    let somebody_else = guess(&server, |number| format!("192.0.2.{number}"));
    for _ in 0..30 {
        assert_eq!(somebody_else(), (401, None), "each attempt has another address");
    }
    // the client wrote all addresses before the last one, and it may choose the last half of its IPv6 address
    let same = |number| format!("192.0.2.{number}, 2001:db8::{number:x}");
    Attempts::new(20).until_refused(401, guess(&server, same));
}

#[test]
fn without_a_proxy_nobody_chooses_an_address() {
    let data = Data::new();
    let server = Server::start(&data);
    Attempts::new(20).until_refused(401, guess(&server, |number| format!("192.0.2.{number}")));
}

#[test]
fn a_refused_registration_says_who_invites_people() {
    let project = Project::new();
    for (expected, path, body) in [
        (
            404,
            "/api/v1/auth/register",
            json!({ "email": "a@example.com", "password": "…", "gdpr_consent": true }),
        ),
        (404, "/api/v1/auth/verify", json!({ "email": "a@example.com", "token": "123456" })),
        (405, "/api/v1/companies", json!({ "name": "A", "slug": "a", "level_number": 1 })),
    ] {
        let (status, error) = project.server.send("POST", path, Some(&project.token), Some(&body));
        let message = "this server has no registration: its operator invites people with `ctx-key-server invite`, and the \
                       invitation creates the account and its company";
        assert_eq!((status, &error["error"]["message"]), (expected, &json!(message)), "{path}");
    }
    let key = format!("/api/v1/companies/{}/api-keys/8aspm4G7VmSU", project.company);
    for (method, path) in [("PUT", "/api/v1/companies"), ("POST", &key)] {
        let (status, error) = project.server.send(method, path, Some(&project.token), Some(&json!({})));
        let message = "the path has no such method";
        assert_eq!((status, &error["error"]["message"]), (405, &json!(message)), "{method} {path}");
    }
}
