//! The API with which the platform's command makes keys.

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{Attempts, Data, EMAIL, PASSWORD, Server, rest};
use serde_json::{Value, json};
use ureq::http::Request;

struct Fixture {
    server: Server,
    token: String,
    company: String,
    project: String,
    _data: Data,
}

impl Fixture {
    fn new() -> Self {
        let data = Data::new();
        let server = Server::start(&data);
        server.set_up(&data);
        let (token, company) = server.log_in();
        let (project, _) = server.key(&token, &company, &["memories:read"]);
        Self { server, token, company, project, _data: data }
    }

    fn path(&self) -> String {
        format!("/api/v1/companies/{}/api-keys", self.company)
    }

    fn create(&self, scopes: &Value) -> (u16, Value) {
        let body = json!({ "project_id": self.project, "name": "Production API Key", "scopes": scopes });
        self.server.send("POST", &self.path(), Some(&self.token), Some(&body))
    }
}

#[test]
fn a_key_is_made_listed_used_and_revoked() {
    let fixture = Fixture::new();
    let (status, made) = fixture.create(&json!(["memories:read", "chats:write"]));
    assert_eq!(status, 201);
    let key = made["api_key"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(ctx_key::ApiKey::parse(key).unwrap().id().as_str(), id);

    let (status, list) = fixture.server.send("GET", &fixture.path(), Some(&fixture.token), None);
    assert_eq!(status, 200);
    let listed = list.as_array().unwrap().iter().find(|listed| listed["id"] == id).unwrap();
    assert_eq!(listed["scopes"], json!(["memories:read", "chats:write"]));
    assert_eq!(listed["company_id"], fixture.company);
    assert_eq!((&listed["is_active"], &listed["expires_at"]), (&json!(true), &Value::Null));
    assert!(!list.to_string().contains(&key[16..]), "a list shows no secret");

    let (status, shown) = fixture.server.send("GET", "/v1/key", Some(key), None);
    assert_eq!(status, 200);
    assert_eq!((&shown["id"], &shown["project_id"]), (&json!(id), &json!(fixture.project)));

    let path = format!("{}/{id}", fixture.path());
    let (status, body) = fixture.server.send("DELETE", &path, Some(&fixture.token), None);
    assert_eq!((status, body), (204, Value::Null));
    assert_eq!(fixture.server.send("GET", "/v1/key", Some(key), None).0, 401);
    let (_, list) = fixture.server.send("GET", &fixture.path(), Some(&fixture.token), None);
    let listed = list.as_array().unwrap().iter().find(|listed| listed["id"] == id).unwrap();
    assert_eq!(listed["is_active"], json!(false));
}

#[test]
fn a_key_ends_itself() {
    let fixture = Fixture::new();
    let (_, made) = fixture.create(&json!(["memories:read"]));
    let key = made["api_key"].as_str().unwrap();
    let (status, body) = fixture.server.send("POST", "/v1/key/revoke", Some(key), None);
    assert_eq!((status, &body["id"]), (200, &made["id"]));
    assert_eq!(fixture.server.send("POST", "/v1/key/revoke", Some(key), None).0, 401);
}

#[test]
fn scopes_that_are_none_are_refused_with_those_that_are() {
    let fixture = Fixture::new();
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
        let (status, body) = fixture.create(&scopes);
        assert_eq!(
            (status, &body["error"]["message"]),
            (400, &json!(format!("{reason}; {all}"))),
            "{scopes}"
        );
    }
}

#[test]
fn a_name_is_a_line_in_any_script() {
    let fixture = Fixture::new();
    let path = format!("/api/v1/companies/{}/projects", fixture.company);
    let make =
        |name: &str| fixture.server.send("POST", &path, Some(&fixture.token), Some(&json!({ "name": name })));
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
    let fixture = Fixture::new();
    let (_, made) = fixture.create(&json!(["memories:read"]));
    let key = made["api_key"].as_str().unwrap();
    assert_eq!(fixture.server.send("GET", &fixture.path(), Some(key), None).0, 401);
    assert_eq!(fixture.server.send("GET", &fixture.path(), None, None).0, 401);
    assert_eq!(fixture.server.send("GET", "/v1/key", Some(&fixture.token), None).0, 401);
    let path = format!("/api/v1/companies/org_{:032}/api-keys", 0);
    assert_eq!(fixture.server.send("GET", &path, Some(&fixture.token), None).0, 404);
}

#[test]
fn a_refresh_token_is_good_once() {
    let fixture = Fixture::new();
    let log_in = json!({ "email": EMAIL, "password": PASSWORD });
    let (_, tokens) = fixture.server.send("POST", "/api/v1/auth/login", None, Some(&log_in));
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let (status, fresh) = fixture.server.send("POST", "/api/v1/auth/refresh", None, Some(&refresh));
    assert_eq!((status, &fresh["token_type"]), (200, &json!("Bearer")));
    let access = fresh["access_token"].as_str();
    assert_eq!(fixture.server.send("GET", &fixture.path(), access, None).0, 200);
    assert_eq!(fixture.server.send("POST", "/api/v1/auth/refresh", None, Some(&refresh)).0, 401);
}

#[test]
fn passwords_can_not_be_tried_without_end() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    let mut attempts = Attempts::new(20);
    attempts.until_refused(200, || log_in(&server, EMAIL, PASSWORD, ""));
    attempts.until_refused(200, || log_in(&server, EMAIL, PASSWORD, ""));
}

#[test]
fn a_change_by_a_page_of_another_site_is_refused() {
    let fixture = Fixture::new();
    let (_, made) = fixture.create(&json!(["memories:read"]));
    let key = format!("{}/{}", fixture.path(), made["id"].as_str().unwrap());
    let projects = format!("/api/v1/companies/{}/projects", fixture.company);
    let log_in = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", fixture.server.url));
        request = request.header("authorization", format!("Bearer {}", fixture.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = fixture.server.agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    const JSON: (&str, &str) = ("content-type", "application/json");
    let changes = [
        ("POST", "/api/v1/auth/login", log_in.as_str()),
        ("POST", "/api/v1/auth/refresh", r#"{"refresh_token":""}"#),
        ("POST", &projects, r#"{"name":"forged"}"#),
        ("POST", &fixture.path(), "{}"),
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
    assert_eq!(fixture.server.send("GET", "/v1/key", made["api_key"].as_str(), None).0, 200);
    let host = fixture.server.address();
    let chunked = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: {host}\r\ncontent-type: text/plain\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{log_in}\r\n0\r\n\r\n",
        log_in.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(chunked.as_bytes()).unwrap();
    assert!(rest(stream).starts_with("HTTP/1.1 415 "), "a body without a length");
    let own = fixture.server.url.as_str();
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
        assert_eq!(somebody_else(), (401, None), "each is somebody else");
    }
    // what stands before the last one, the client has written; the last half of an IPv6 address it may choose
    let same = |number| format!("192.0.2.{number}, 2001:db8::{number:x}");
    Attempts::new(20).until_refused(401, guess(&server, same));
}

#[test]
fn without_a_proxy_nobody_names_his_address() {
    let data = Data::new();
    let server = Server::start(&data);
    Attempts::new(20).until_refused(401, guess(&server, |number| format!("192.0.2.{number}")));
}

#[test]
fn registrations_are_refused_with_who_invites() {
    let fixture = Fixture::new();
    for (expected, path, body) in [
        (
            404,
            "/api/v1/auth/register",
            json!({ "email": "a@example.com", "password": "…", "gdpr_consent": true }),
        ),
        (404, "/api/v1/auth/verify", json!({ "email": "a@example.com", "token": "123456" })),
        (405, "/api/v1/companies", json!({ "name": "A", "slug": "a", "level_number": 1 })),
    ] {
        let (status, error) = fixture.server.send("POST", path, Some(&fixture.token), Some(&body));
        let message = "this server has no registration: who operates it invites people with `ctx-key-server invite`, and the \
                       invitation makes the account and its company";
        assert_eq!((status, &error["error"]["message"]), (expected, &json!(message)), "{path}");
    }
}
