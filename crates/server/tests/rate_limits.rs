//! Rate limits of API keys: each key has a quota for each route, and the headers of each answer to a valid key say how much is
//! left.

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::timed::{Account, Fixture, START};
use common::{DEADLINE, Data, Server, agent, read_answer};
use serde_json::{Value, json};
use ureq::http::{HeaderMap, Request};

const NAMES: [&str; 3] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

/// A server with a limit, and two keys of one project. The first key has all scopes but `users:write`.
struct Limited {
    fixture: Fixture,
    account: Account,
    key: String,
    other: String,
}

impl Limited {
    fn new(limit: &str) -> Self {
        let fixture = Fixture::on(Data::new(), &["--rate-limit", limit]);
        let account = fixture.account(common::EMAIL);
        let path = format!("/companies/{}", account.company);
        let (_, project) =
            fixture.send("POST", &format!("{path}/projects"), &account.token, &json!({ "name": "p" }));
        let key = |scopes: &[&str]| {
            let body = json!({ "project_id": project["id"], "name": "a key", "scopes": scopes });
            let (status, key) = fixture.send("POST", &format!("{path}/api-keys"), &account.token, &body);
            assert_eq!(status, 201, "{key}");
            key["api_key"].as_str().unwrap().to_owned()
        };
        let all = ["memories:read", "memories:write", "users:read", "chats:read", "chats:write"];
        let (key, other) = (key(&all), key(&["memories:read"]));
        Self { fixture, account, key, other }
    }

    /// Returns the status, the three headers as numbers, and `Retry-After`.
    fn ask(&self, key: &str, method: &str, path: &str, body: &str) -> (u16, Option<[u64; 3]>, Option<u64>) {
        let (status, headers, body) = self.fixture.exchange(method, path, key, body);
        if status == 429 {
            let error = &body["error"];
            assert_eq!(
                (&error["type"], &error["code"]),
                (&"rate_limit_error".into(), &"too_many_requests".into())
            );
        }
        (status, quota(&headers), number(&headers, "retry-after"))
    }

    fn get(&self, path: &str) -> (u16, Option<[u64; 3]>, Option<u64>) {
        self.ask(&self.key, "GET", path, "")
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    assert!(values.len() < 2, "{name} occurs twice");
    values.first().map(|value| value.to_str().unwrap().parse().unwrap())
}

/// Returns the numbers of the three headers, or `None` if all are missing.
fn quota(headers: &HeaderMap) -> Option<[u64; 3]> {
    let numbers = NAMES.map(|name| number(headers, name));
    let present = numbers.iter().flatten().count();
    assert!([0, 3].contains(&present), "{headers:?}");
    (present == 3).then(|| numbers.map(Option::unwrap))
}

#[test]
fn every_answer_to_a_valid_key_has_the_headers_of_its_quota() {
    let limited = Limited::new("50");
    let large = " ".repeat((1 << 20) + 1);
    for (method, path, body, status) in [
        ("GET", "/v1/key", "", 200),
        ("GET", "/v1/memories", "", 200),
        ("POST", "/v1/memories", r#"{"content":"a"}"#, 202),
        ("POST", "/v1/chats", "{}", 201),
        ("DELETE", "/v1/chats/none", "", 404),
        ("POST", "/v1/chats/none/messages", "{", 400),
        ("GET", "/v1/memories/search", "", 400),
        ("POST", "/v1/users", r#"{"id":"a"}"#, 403),
        ("GET", "/v1/users/none", "", 404),
        ("GET", "/v1/nothing", "", 404),
        ("PATCH", "/v1/memories", "", 405),
        ("PUT", "/v1/memories/none", &large, 413),
        ("POST", "/v1/key/revoke", "", 200),
    ] {
        let (found, quota, _) = limited.ask(&limited.key, method, path, body);
        assert_eq!((found, quota), (status, Some([50, 49, START + 60])), "{method} {path}");
    }
}

#[test]
fn no_other_answer_has_the_headers() {
    let limited = Limited::new("2");
    let (unknown, revoked) = ("ctx_your_api_key_here", &limited.other);
    assert_eq!(limited.ask(revoked, "POST", "/v1/key/revoke", "").0, 200);
    let token = &limited.account.token;
    for _ in 0..4 {
        for (key, path, status) in [
            (unknown, "/v1/memories", 401),
            (revoked, "/v1/memories", 401),
            (revoked, "/v1/nothing", 401),
            (token, "/v1/memories", 401),
            (token, "/api/v1/companies", 200),
            (&limited.key, "/api/v1/companies", 401),
            (&limited.key, "/livez", 200),
            (&limited.key, "/sign-in", 200),
            (&limited.key, "/nothing", 404),
            (&limited.key, "/forward-auth/envoy/v1/memories", 200),
        ] {
            let request = Request::get(format!("{}{path}", limited.fixture.url));
            let request = request.header("authorization", format!("Bearer {key}"));
            let response = agent().run(request.body(()).unwrap()).unwrap();
            assert_eq!((response.status().as_u16(), quota(response.headers())), (status, None), "{path}");
        }
    }
}

#[test]
fn exactly_as_many_requests_as_the_limit_pass_at_once() {
    let limited = Limited::new("20");
    let create = || limited.ask(&limited.key, "POST", "/v1/memories", r#"{"content":"a"}"#);
    let mut answers: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..5).map(|_| create()).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    answers.sort_by_key(|&(status, quota, _)| {
        (status, quota.map(|[_, remaining, _]| std::cmp::Reverse(remaining)))
    });
    let passed = (0..20).rev().map(|left| (202, Some([20, left, START + 60]), None));
    let refused = [(429, Some([20, 0, START + 60]), Some(60)); 20];
    assert_eq!(answers, passed.chain(refused).collect::<Vec<_>>());

    // neither another route nor another key is affected, and a refused request does nothing
    let (status, headers, list) = limited.fixture.exchange("GET", "/v1/memories?limit=100", &limited.key, "");
    assert_eq!((status, quota(&headers)), (200, Some([20, 19, START + 60])));
    assert_eq!(list["data"].as_array().unwrap().len(), 20);
    assert_eq!(limited.ask(&limited.other, "POST", "/v1/memories", "{}").0, 403);
    assert_eq!(limited.ask(&limited.other, "GET", "/v1/memories", "").1, Some([20, 19, START + 60]));
}

#[test]
fn no_more_than_the_limit_pass_in_any_minute() {
    let limited = Limited::new("4");
    let at = |seconds| {
        limited.fixture.set(seconds);
        limited.get("/v1/key")
    };
    let passed = |left, reset| (200, Some([4, left, START + reset]), None);
    let refused = |reset, wait| (429, Some([4, 0, START + reset]), Some(wait));
    assert_eq!([at(0), at(0), at(30), at(30)], [passed(3, 60), passed(2, 60), passed(1, 90), passed(0, 90)]);
    assert_eq!([at(30), at(59)], [refused(90, 30), refused(90, 1)]);
    // refused requests do not count
    assert_eq!([at(60), at(60), at(60)], [passed(1, 120), passed(0, 120), refused(120, 30)]);
    assert_eq!([at(89), at(90)], [refused(120, 1), passed(1, 150)]);
    assert_eq!([at(150), at(151)], [passed(3, 210), passed(2, 211)]);
}

#[test]
fn a_quota_belongs_to_a_method_and_a_pattern_of_paths() {
    let limited = Limited::new("100");
    let left = |method: &str, path: &str| limited.ask(&limited.key, method, path, "").1.unwrap()[1];
    for (method, path, expected) in [
        ("GET", "/v1/memories/a", 99),
        ("GET", "/v1/memories/b?c=d", 98),
        ("HEAD", "/v1/memories/c", 97),
        ("DELETE", "/v1/memories/a", 99),
        ("GET", "/v1/memories", 99),
        ("GET", "/v1/memories?limit=5", 98),
        ("GET", "/v1/memories/search?query=a", 99),
        ("PATCH", "/v1/memories", 99),
        ("BREW", "/v1/memories", 99),
        ("MAKE", "/v1/memories", 98),
        // all paths that don't exist share a quota
        ("GET", "/v1/a", 99),
        ("GET", "/v1/b/c", 98),
        ("POST", "/v1/d", 97),
        ("BREW", "/v1/memories/", 96),
        ("GET", "/v1", 95),
        ("GET", "/v1/", 94),
    ] {
        assert_eq!(left(method, path), expected, "{method} {path}");
    }
}

#[test]
fn a_limit_of_zero_turns_the_limit_and_its_headers_off() {
    let limited = Limited::new("0");
    for path in ["/v1/key", "/v1/nothing", "/v1/memories"].repeat(10) {
        let (status, quota, retry_after) = limited.get(path);
        assert!(status != 429 && quota.is_none() && retry_after.is_none(), "{path}: {status}");
    }
}

#[test]
fn the_default_limit_is_six_thousand_requests_a_minute() {
    let fixture = Fixture::new();
    let account = fixture.account(common::EMAIL);
    let path = format!("/companies/{}", account.company);
    let (_, project) =
        fixture.send("POST", &format!("{path}/projects"), &account.token, &json!({ "name": "p" }));
    let body = json!({ "project_id": project["id"], "name": "a key", "scopes": ["users:read"] });
    let (_, key) = fixture.send("POST", &format!("{path}/api-keys"), &account.token, &body);
    let (_, headers, _) = fixture.exchange("GET", "/v1/key", key["api_key"].as_str().unwrap(), "");
    assert_eq!(quota(&headers), Some([6000, 5999, START + 60]));
}

/// At the time of the reset, a whole minute has passed.
#[test]
fn the_time_of_the_reset_is_the_next_whole_second() {
    let data = Data::new();
    let server = Server::start_with(&data, &["--rate-limit", "10"]);
    server.set_up(&data);
    let (token, company) = server.log_in();
    let (_, key) = server.key(&token, &company, &["users:read"]);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let before = now();
    let [_, _, reset] = quota(server.get("/v1/key", Some(&key)).headers()).unwrap();
    let reset = u128::from(reset) * 1000;
    assert!((before + 60_000..now() + 61_000).contains(&reset), "{before} {reset}");
}

/// A client that waits for exactly the seconds of `Retry-After` is not refused again.
#[test]
fn retry_after_is_in_whole_seconds_and_not_too_early() {
    let data = Data::new();
    let server = Server::start_with(&data, &["--rate-limit", "1"]);
    server.set_up(&data);
    let (token, company) = server.log_in();
    let (_, key) = server.key(&token, &company, &["users:read"]);
    let begin = Instant::now();
    assert_eq!(server.get("/v1/key", Some(&key)).status(), 200);
    let refused = server.get("/v1/key", Some(&key));
    assert_eq!(refused.status(), 429);
    let wait = Duration::from_secs(number(refused.headers(), "retry-after").unwrap());
    assert!(wait + begin.elapsed() >= Duration::from_secs(60), "{wait:?}");
    assert!(wait <= Duration::from_secs(60), "{wait:?}");
}

/// A request is counted before its body is read.
#[test]
fn a_refused_request_with_a_large_body_is_answered() {
    let limited = Limited::new("1");
    assert_eq!(limited.ask(&limited.key, "POST", "/v1/memories", "{").0, 400);
    for (header, length) in [("", 10 << 20), ("expect: 100-continue\r\n", 0)] {
        let mut stream = TcpStream::connect(limited.fixture.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(
            stream,
            "POST /v1/memories HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n{header}content-length: {}\r\n\r\n",
            limited.key,
            10 << 20
        )
        .unwrap();
        stream.write_all(&vec![b' '; length]).unwrap();
        let answer = read_answer(&mut stream).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 429 ") && answer.contains("x-ratelimit-remaining: 0\r\n"),
            "{answer}"
        );
    }
}

#[test]
fn the_document_describes_the_limit() {
    let limited = Limited::new("5");
    let (_, _, document) = limited.fixture.exchange("GET", "/openapi.json", "", "");
    let show = &document["paths"]["/v1/key"]["get"]["responses"];
    for name in NAMES {
        assert!(document["components"]["headers"][name].is_object(), "{name}");
        let reference = json!({ "$ref": format!("#/components/headers/{name}") });
        assert_eq!(show["200"]["headers"][name], reference, "{name}");
    }
    assert_eq!(show["429"], json!({ "$ref": "#/components/responses/TooMany" }));
    let companies = &document["paths"]["/api/v1/companies"]["get"]["responses"];
    assert_eq!((&companies["200"]["headers"][NAMES[0]], &companies["429"]), (&Value::Null, &Value::Null));
}
