//! The examples' servers respond to every kind of request as documented. The tests write the bytes of the requests.
//!
//! Other ways to read a bearer token with axum get the same requests, and `docs/frameworks.md` lists their responses.

#[allow(dead_code, reason = "only the example calls main")]
#[path = "../examples/axum_server.rs"]
mod axum_server;
mod common;
#[allow(dead_code, reason = "only the example calls main")]
#[path = "../examples/tower_layer.rs"]
mod tower_layer;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use axum::routing::get;
use axum::{Json, Router};
use axum_extra::TypedHeader;
use axum_extra::headers::authorization::{Authorization, Bearer};
use common::{Answer, Fixture, ROWS, Row, Server, head, latin_1, store, vectors};
use ctx_key::{ApiKey, Denied, KeyRecord, Scope, UnixTime};
use ctx_key_integrations::{ErrorBody, Store};
use serde_json::{Value, json};
use tower::service_fn;
use tower_http::validate_request::ValidateRequestHeaderLayer;

const REALM_ALONE: &str = r#"Bearer realm="MemoryKit""#;

fn axum_example(store: &Store) -> Server {
    Server::start(axum_server::app(store))
}

fn tower_example(store: &Store) -> Server {
    Server::start(tower_layer::guarded(store, service_fn(tower_layer::greet::<Body>)))
}

/// Asserts that the body is exactly the platform's error body, with the request id of the header. Returns the message.
fn assert_error_body(answer: &Answer, context: &dyn std::fmt::Debug) -> String {
    let body = answer.json();
    let id = body["request_id"].as_str().unwrap();
    assert!(id.len() > 20 && id.starts_with("req_"), "{context:?}: {id}");
    assert_eq!(answer.header("x-request-id"), Some(id), "{context:?}");
    let text = |name| body["error"][name].as_str().filter(|text| !text.is_empty());
    let [kind, code, message] = ["type", "code", "message"].map(|name| text(name).unwrap());
    let expected = json!({ "error": { "type": kind, "code": code, "message": message, "request_id": id }, "request_id": id });
    assert_eq!(body, expected, "{context:?}");
    message.to_owned()
}

/// Asserts the status, the challenge, which RFC 9110 §15.5.2 requires for a 401, and the error body.
fn assert_refused(answer: &Answer, status: u16, challenge: &str, context: &dyn std::fmt::Debug) -> String {
    assert_eq!(answer.status, status, "{context:?}: {answer:?}");
    assert_eq!(answer.challenge(), Some(challenge), "{context:?}");
    assert_error_body(answer, context)
}

fn assert_matches_row(answer: &Answer, row: &Row) {
    match row.challenge() {
        Some(challenge) => {
            assert_refused(answer, row.status(), challenge, &row.lines);
        }
        None => assert_eq!((answer.status, answer.challenge()), (200, None), "{:?}: {answer:?}", row.lines),
    }
}

#[test]
fn every_row_gets_its_response() {
    let fixture = Fixture::new();
    for server in [axum_example(&fixture.store), tower_example(&fixture.store)] {
        for row in ROWS {
            let answer = server.get(&fixture.lines(row));
            assert_matches_row(&answer, row);
            if row.is_granted() {
                let id = fixture.id_read(row).unwrap().to_string();
                assert!(answer.body.contains("demo") && answer.body.contains(&id), "{answer:?}");
            }
        }
    }
}

#[test]
fn every_reason_has_a_row() {
    let labels: BTreeSet<_> = ROWS.iter().map(|row| row.label).collect();
    let expected = [
        "digest_mismatch",
        "expired",
        "granted",
        "key_character",
        "key_checksum",
        "key_length",
        "key_prefix",
        "malformed_header",
        "missing_credentials",
        "missing_scope",
        "not_yet_valid",
        "revoked",
        "unknown_key",
    ];
    assert_eq!(labels, BTreeSet::from(expected));
}

#[test]
fn the_response_is_the_same_for_every_key_that_is_not_valid() {
    let fixture = Fixture::new();
    let server = axum_example(&fixture.store);
    let invalid = ["unknown_key", "digest_mismatch", "revoked", "expired", "not_yet_valid"];
    let mut responses = BTreeSet::new();
    for row in ROWS.iter().filter(|row| invalid.contains(&row.label)) {
        let answer = server.get(&fixture.lines(row));
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        body["error"]["request_id"] = Value::Null;
        responses.insert((answer.status, answer.challenge().unwrap().to_owned(), body.to_string()));
    }
    assert_eq!(responses.len(), 1, "{responses:?}");
    assert!(responses.first().unwrap().2.contains(Denied::unknown_key().message()), "{responses:?}");
}

/// Each case is sent to a server with an empty store, and to one whose store has the keys.
#[test]
fn every_vector_gets_its_response() {
    let (filled, mut with_line_feed, mut unreached) = (store(), 0, 0);
    let (without_keys, with_keys) = (axum_example(&store()), axum_example(&filled));
    for case in vectors("bearer") {
        let values = case["values"].as_array().unwrap().iter();
        let values: Vec<_> = values.map(|value| latin_1(value.as_str().unwrap())).collect();
        let lines: Vec<_> = values.iter().map(|value| [b"Authorization: ", &value[..]].concat()).collect();
        if values.concat().contains(&b'\n') {
            with_line_feed += 1;
        } else if values.concat().iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()) {
            assert_from_hyper(&without_keys.get(&lines), &case);
            unreached += 1;
        } else if case["status"] == 200 {
            let challenge = r#"Bearer realm="MemoryKit", error="invalid_token""#;
            assert_refused(&without_keys.get(&lines), 401, challenge, &case);
            let id = store_key_in(&values[0], &filled);
            let answer = with_keys.get(&lines);
            assert_eq!((answer.status, &answer.json()["key_id"]), (200, &json!(id)), "{case}");
            assert_eq!(case["id"], id);
        } else {
            let error = case["error"].as_str().map(|error| format!(", error=\"{error}\""));
            let challenge = format!("{REALM_ALONE}{}", error.unwrap_or_default());
            let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
            assert_refused(&without_keys.get(&lines), status, &challenge, &case);
            assert_refused(&with_keys.get(&lines), status, &challenge, &case);
        }
    }
    // A line feed would end the value. Other control characters are not valid in HTTP.
    assert_eq!((with_line_feed, unreached), (2, 6));
}

/// Stores a record of the key in a header value, and returns the key's id. It finds the key by its prefix, so that it does
/// not depend on the library's parser of headers.
fn store_key_in(value: &[u8], store: &Store) -> String {
    let start = value.windows(4).position(|window| window == b"ctx_").unwrap();
    let key = ApiKey::parse(&value[start..start + 52]).unwrap();
    store.put(KeyRecord::new(&key, "demo".to_owned(), Scope::READ));
    key.id().to_string()
}

#[test]
fn each_route_accepts_only_its_own_scope() {
    let store = common::store();
    let server = axum_example(&store);
    for scope in Scope::all() {
        let line = format!("Authorization: Bearer {}", store.issue("demo", scope).expose_secret());
        for (method, target, required, status) in [
            ("GET", "/v1/memories", "memories:read", 200),
            ("POST", "/v1/memories", "memories:write", 201),
            ("GET", "/v1/users/7", "users:read", 200),
        ] {
            let answer = server.send(&head(method, target, &[line.clone().into_bytes()]));
            if scope.to_string() == required {
                assert_eq!((answer.status, &answer.json()["project"]), (status, &json!("demo")));
            } else {
                let challenge = format!(r#"{REALM_ALONE}, error="insufficient_scope", scope="{required}""#);
                assert_refused(&answer, 403, &challenge, &(method, target, scope));
            }
        }
    }
}

#[test]
fn unknown_paths_and_methods_get_the_same_error_body() {
    let server = axum_example(&store());
    for (method, target, status) in [("GET", "/v2", 404), ("DELETE", "/v1/memories", 405)] {
        let answer = server.send(&head(method, target, &[]));
        assert_eq!((answer.status, answer.challenge()), (status, None));
        assert_error_body(&answer, &target);
    }
}

/// The challenge has no scope, because an empty one is not allowed.
#[test]
fn a_layer_with_an_empty_requirement_refuses_every_key() {
    let fixture = Fixture::new();
    let answer = tower_example(&fixture.store).send(&head(
        "GET",
        "/v1/forgotten",
        &[fixture.line("Authorization: Bearer {key}")],
    ));
    assert_refused(&answer, 403, r#"Bearer realm="MemoryKit", error="insufficient_scope""#, &answer);
}

/// RFC 6750 also allows a key in other places, and people put keys there.
#[test]
fn a_valid_key_outside_the_authorization_header_is_ignored() {
    let fixture = Fixture::new();
    for server in [axum_example(&fixture.store), tower_example(&fixture.store)] {
        for request in elsewhere(fixture.key("key").expose_secret()) {
            let answer = server.send(request.as_bytes());
            assert_refused(&answer, 401, REALM_ALONE, &request.lines().next());
        }
    }
}

/// Returns requests with the key in the query string, in a form, in a cookie, as the user of the URL and in a trailer.
fn elsewhere(key: &str) -> [String; 6] {
    let end = "Host: localhost\r\nConnection: close\r\n\r\n";
    let form = format!("access_token={key}");
    let trailer = format!("0\r\nAuthorization: Bearer {key}\r\n\r\n");
    [
        format!("GET /v1/memories?access_token={key} HTTP/1.1\r\n{end}"),
        format!("GET /v1/memories?Authorization=Bearer%20{key} HTTP/1.1\r\n{end}"),
        format!(
            "POST /v1/memories HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n{end}{form}",
            form.len()
        ),
        format!(
            "GET /v1/memories HTTP/1.1\r\nCookie: access_token={key}; Authorization=Bearer {key}\r\n{end}"
        ),
        format!("GET http://{key}@localhost/v1/memories HTTP/1.1\r\n{end}"),
        format!(
            "POST /v1/memories HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\
             {end}{trailer}"
        ),
    ]
}

/// Asserts that hyper answered by itself: with 400, without a body and without a challenge.
fn assert_from_hyper(answer: &Answer, context: &dyn std::fmt::Debug) {
    assert_eq!(answer.status, 400, "{context:?}: {answer:?}");
    assert!(answer.is_from_hyper(), "{context:?}: {answer:?}");
}

/// Header lines that are not valid HTTP.
const NOT_HTTP: [&str; 10] = [
    "Authorization: Bearer\r\n {key}",
    "Authorization: Bearer {key}\r\n\tx",
    "Authorization : Bearer {key}",
    "Authorization Bearer {key}",
    ": Bearer {key}",
    "Authorization: Bearer {key}\0",
    "Authorization: Bearer {key}\u{7f}",
    "Authorization: Bearer {key}\u{b}",
    "Authorization: Bearer {key}\rX: y",
    "Authorizati\u{f6}n: Bearer {key}",
];

#[test]
fn invalid_http_does_not_reach_the_application() {
    let fixture = Fixture::new();
    for server in [axum_example(&fixture.store), tower_example(&fixture.store)] {
        for line in NOT_HTTP {
            assert_from_hyper(&server.get(&[fixture.line(line)]), &line);
        }
    }
}

#[test]
fn a_head_that_is_too_large_does_not_reach_the_application() {
    let fixture = Fixture::new();
    let server = axum_example(&fixture.store);
    let mut lines = vec![fixture.line("Authorization: Bearer {key}")];
    lines.resize(98, b"X: y".to_vec());
    assert_eq!(server.get(&lines).status, 200, "100 lines, as `head` adds two");
    lines.push(b"X: y".to_vec());
    assert_too_large(&server.get(&lines));

    // An unfinished head of exactly as many bytes as hyper's buffer has. hyper reads all of them. Unread bytes would reset the
    // connection, and the response would be lost.
    let mut request = b"GET /v1/memories HTTP/1.1\r\nAuthorization: Bearer ".to_vec();
    request.resize(8192 + 4096 * 100, b'x');
    assert_too_large(&server.send(&request));
}

fn assert_too_large(answer: &Answer) {
    assert_eq!(answer.status, 431, "{answer:?}");
    assert!(answer.is_from_hyper(), "{answer:?}");
}

/// RFC 9112 §2.2 forbids this to a sender, but lets a recipient accept it.
#[test]
fn a_line_may_end_with_only_a_line_feed() {
    let fixture = Fixture::new();
    let lines = [fixture.line("Authorization: Bearer {key}\nX: y")];
    assert_eq!(axum_example(&fixture.store).get(&lines).status, 200);
}

/// A common handler: axum-extra reads the token, and the rest is as in the example.
async fn typed_header(
    State(store): State<Store>,
    TypedHeader(authorization): TypedHeader<Authorization<Bearer>>,
) -> Result<Json<Value>, ErrorBody> {
    let key = ApiKey::parse(authorization.token()).map_err(Denied::from)?;
    let record = store.find(key.id()).ok_or(Denied::unknown_key())?;
    let grant = record.verify(&key, UnixTime::now())?;
    grant.require(Scope::MEMORIES_READ)?;
    Ok(Json(json!({ "project": grant.project() })))
}

fn axum_extra_server(store: &Store) -> Server {
    let app = Router::new().route("/v1/memories", get(typed_header));
    Server::start(app.with_state(store.clone()))
}

#[expect(deprecated, reason = "deprecated since 0.6.7, but tower-http has no other layer for bearer tokens")]
fn tower_http_layer(
    key: &ApiKey,
) -> ValidateRequestHeaderLayer<tower_http::auth::require_authorization::Bearer<Body>> {
    ValidateRequestHeaderLayer::bearer(key.expose_secret())
}

fn tower_http_server(fixture: &Fixture) -> Server {
    let app = Router::new().route("/v1/memories", get(async || "granted"));
    Server::start(app.layer(tower_http_layer(fixture.key("key"))))
}

#[test]
fn the_differences_between_frameworks_are_as_documented() {
    let path = format!("{}/../docs/frameworks.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- measured -->\n", "<!-- end of what is measured -->\n");
    let documented = text.split_once(start).unwrap().1.split_once(end).unwrap().0;
    let measured = measured();
    assert!(
        documented == measured,
        "docs/frameworks.md is out of date. Between its two markers, write:\n\n{measured}"
    );
}

fn measured() -> String {
    let fixture = Fixture::new();
    let versions = ["axum-extra", "tower-http", "axum", "hyper"].map(version);
    let [axum_extra, tower_http, axum, hyper] = versions;
    let compared = compare(&fixture);
    [
        format!("Measured with axum-extra {axum_extra} and tower-http {tower_http}, behind axum {axum} and hyper {hyper}.\n"),
        counts(&compared),
        "Answered with another status, and granted where it should be refused in bold:\n".to_owned(),
        differences(&compared),
        "Never reached any of the three, because hyper answers by itself:\n".to_owned(),
        unreached(&fixture),
        "What `Debug` shows of the key:\n".to_owned(),
        debug_outputs(),
    ]
    .join("\n")
}

/// A row, and the responses of the example, axum-extra and tower-http.
struct Compared {
    row: &'static Row,
    ours: Answer,
    peers: [Answer; 2],
}

fn compare(fixture: &Fixture) -> Vec<Compared> {
    let ours = axum_example(&fixture.store);
    let peers = [axum_extra_server(&fixture.store), tower_http_server(fixture)];
    let send = |row| {
        let lines = fixture.lines(row);
        Compared { row, ours: ours.get(&lines), peers: peers.each_ref().map(|peer| peer.get(&lines)) }
    };
    ROWS.iter().map(send).collect()
}

fn counts(compared: &[Compared]) -> String {
    let line = |text: &str, is_counted: fn(&Answer, &Answer) -> bool| {
        let count = |peer: usize| compared.iter().filter(|c| is_counted(&c.peers[peer], &c.ours)).count();
        format!("| {text} | {} | {} |\n", count(0), count(1))
    };
    [
        format!("| of {} requests | axum-extra | tower-http |\n|---|---|---|\n", compared.len()),
        line("same status and challenge as ctx-key", |peer, ours| summary(peer) == summary(ours)),
        line("granted where ctx-key refuses", |peer, ours| peer.status == 200 && ours.status != 200),
        line("refused where ctx-key grants", |peer, ours| peer.status != 200 && ours.status == 200),
        line("401 without a challenge", |peer, _| peer.status == 401 && peer.challenge().is_none()),
        line("400 where ctx-key says 401", |peer, ours| peer.status == 400 && ours.status == 401),
        line("refused without the platform's error body", |peer, _| {
            peer.status != 200 && peer.header("x-request-id").is_none()
        }),
    ]
    .concat()
}

fn differences(compared: &[Compared]) -> String {
    let mut table = "| request | ctx-key | axum-extra | tower-http |\n|---|---|---|---|\n".to_owned();
    for Compared { row, ours, peers } in compared {
        if peers.iter().any(|peer| peer.status != ours.status) {
            let [first, second] = peers.each_ref().map(|peer| summary_beside(peer, ours));
            table += &format!("| {} | {} | {first} | {second} |\n", escaped(row.lines), summary(ours));
        }
    }
    table
}

fn unreached(fixture: &Fixture) -> String {
    let servers =
        [axum_example(&fixture.store), axum_extra_server(&fixture.store), tower_http_server(fixture)];
    let mut table = "| request | answer, without a body |\n|---|---|\n".to_owned();
    for line in NOT_HTTP {
        let [answer, others @ ..] = servers.each_ref().map(|server| server.get(&[fixture.line(line)]));
        for answer in others.iter().chain([&answer]) {
            assert_from_hyper(answer, &line);
        }
        table += &format!("| {} | {} |\n", escaped(&[line]), summary(&answer));
    }
    table
}

/// Returns the status and the challenge in a few words.
fn summary(answer: &Answer) -> String {
    let challenge = match answer.challenge() {
        None if answer.status == 200 => return "200".to_owned(),
        None => "no challenge".to_owned(),
        Some(REALM_ALONE) => "realm".to_owned(),
        Some(challenge) => format!("`{}`", challenge.split('"').nth(3).unwrap()),
    };
    format!("{}, {challenge}", answer.status)
}

/// Returns "same", or a peer's summary, which is bold if only the peer grants the request.
fn summary_beside(peer: &Answer, ours: &Answer) -> String {
    let summary_of_peer = summary(peer);
    match summary_of_peer == summary(ours) {
        true => "same".to_owned(),
        false if peer.status == 200 => format!("**{summary_of_peer}**"),
        false => summary_of_peer,
    }
}

/// Returns header lines for a cell of a table, with invisible characters escaped.
fn escaped(lines: &[&str]) -> String {
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        '\t' | '\r' | '\n' => c.escape_default().to_string(),
        _ => format!("\\x{:02X}", u32::from(c)),
    };
    let code = |line: &&str| format!("`{}`", line.chars().map(escape).collect::<String>());
    let lines: Vec<_> = lines.iter().map(code).collect();
    if lines.is_empty() { "no header".to_owned() } else { lines.join(" and ") }
}

/// Returns the version of a package in the lock file. Of several versions, the newest is the last.
fn version(name: &str) -> String {
    let lock = std::fs::read_to_string(format!("{}/../Cargo.lock", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let opening = format!("name = \"{name}\"\nversion = \"");
    lock.split(&opening).last().unwrap().split('"').next().unwrap().to_owned()
}

/// Returns the `Debug` outputs of the documentation's example key.
fn debug_outputs() -> String {
    let key = ApiKey::parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9").unwrap();
    let record = KeyRecord::new(&key, "demo", Scope::MEMORIES_READ);
    let grant = record.verify(&key, UnixTime::now()).unwrap();
    let authorization = Authorization::bearer(key.expose_secret()).unwrap();
    let value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).unwrap();
    let received = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let outputs = [
        ("`ctx_key::ApiKey`", format!("{key:?}")),
        ("`ctx_key::Grant`", format!("{grant:?}")),
        ("`axum_extra::headers::Authorization<Bearer>`", format!("{authorization:?}")),
        ("tower-http's layer", format!("{:?}", tower_http_layer(&key))),
        ("`http::HeaderMap`, as received", format!("{received:?}")),
    ];
    let lines = outputs.map(|(name, output)| format!("| {name} | `{output}` |\n"));
    format!("| type | `Debug` |\n|---|---|\n{}", lines.concat())
}
