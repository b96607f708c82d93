//! The examples' servers on the loopback: every kind of request, byte for byte, and what comes back. The same
//! requests go to the other ways of reading a bearer token in axum; `docs/frameworks.md` holds what they answered.

#[allow(dead_code, reason = "its main is for the command line")]
#[path = "../examples/axum_server.rs"]
mod axum_server;
mod common;
#[allow(dead_code, reason = "its main is for the command line")]
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
use common::{Answer, ROWS, Row, Server, World, head, latin_1, store, vectors};
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

/// The platform's error body, and nothing else in it; its request id is that of the header.
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

/// Every 401 has a challenge, as RFC 9110 §15.5.2 asks.
fn assert_refused(answer: &Answer, status: u16, challenge: &str, context: &dyn std::fmt::Debug) -> String {
    assert_eq!(answer.status, status, "{context:?}: {answer:?}");
    assert_eq!(answer.challenge(), Some(challenge), "{context:?}");
    assert_error_body(answer, context)
}

fn assert_as_expected(answer: &Answer, row: &Row) {
    match row.challenge() {
        Some(challenge) => {
            assert_refused(answer, row.status(), challenge, &row.lines);
        }
        None => assert_eq!((answer.status, answer.challenge()), (200, None), "{:?}: {answer:?}", row.lines),
    }
}

#[test]
fn every_row_gets_its_answer() {
    let world = World::new();
    for server in [axum_example(&world.store), tower_example(&world.store)] {
        for row in ROWS {
            let answer = server.get(&world.lines(row));
            assert_as_expected(&answer, row);
            if row.is_granted() {
                let id = world.id_read(row).unwrap().to_string();
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

/// A stranger can't tell a key that never was from one that is revoked, or not valid today.
#[test]
fn what_a_stranger_sees_is_the_same() {
    let world = World::new();
    let server = axum_example(&world.store);
    let hidden = ["unknown_key", "digest_mismatch", "revoked", "expired", "not_yet_valid"];
    let mut seen = BTreeSet::new();
    for row in ROWS.iter().filter(|row| hidden.contains(&row.label)) {
        let answer = server.get(&world.lines(row));
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        body["error"]["request_id"] = Value::Null;
        seen.insert((answer.status, answer.challenge().unwrap().to_owned(), body.to_string()));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen.first().unwrap().2.contains(Denied::unknown_key().message()), "{seen:?}");
}

/// First to a server that knows none of the keys, then to one that knows all of them.
#[test]
fn every_vector_gets_its_answer() {
    let (filled, mut no_value, mut unreached) = (store(), 0, 0);
    let (strange, known) = (axum_example(&store()), axum_example(&filled));
    for case in vectors("bearer") {
        let values = case["values"].as_array().unwrap().iter();
        let values: Vec<_> = values.map(|value| latin_1(value.as_str().unwrap())).collect();
        let lines: Vec<_> = values.iter().map(|value| [b"Authorization: ", &value[..]].concat()).collect();
        if values.concat().contains(&b'\n') {
            no_value += 1;
        } else if values.concat().iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()) {
            assert_of_hyper(&strange.get(&lines), &case);
            unreached += 1;
        } else if case["status"] == 200 {
            let challenge = r#"Bearer realm="MemoryKit", error="invalid_token""#;
            assert_refused(&strange.get(&lines), 401, challenge, &case);
            let id = store_key_of(&values[0], &filled);
            let answer = known.get(&lines);
            assert_eq!((answer.status, &answer.json()["key_id"]), (200, &json!(id)), "{case}");
            assert_eq!(case["id"], id);
        } else {
            let error = case["error"].as_str().map(|error| format!(", error=\"{error}\""));
            let challenge = format!("{REALM_ALONE}{}", error.unwrap_or_default());
            let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
            assert_refused(&strange.get(&lines), status, &challenge, &case);
            assert_refused(&known.get(&lines), status, &challenge, &case);
        }
    }
    // a line feed ends the value; the other control characters are no HTTP
    assert_eq!((no_value, unreached), (2, 6));
}

/// The key found by its shape, so that nothing here reads headers as the library does.
fn store_key_of(value: &[u8], store: &Store) -> String {
    let start = value.windows(4).position(|window| window == b"ctx_").unwrap();
    let key = ApiKey::parse(&value[start..start + 52]).unwrap();
    store.put(KeyRecord::new(&key, "demo".to_owned(), Scope::READ));
    key.id().to_string()
}

/// What each route requires, of keys with each scope.
#[test]
fn a_route_takes_its_own_scope_alone() {
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
fn other_errors_have_the_same_body() {
    let server = axum_example(&store());
    for (method, target, status) in [("GET", "/v2", 404), ("DELETE", "/v1/memories", 405)] {
        let answer = server.send(&head(method, target, &[]));
        assert_eq!((answer.status, answer.challenge()), (status, None));
        assert_error_body(&answer, &target);
    }
}

/// A path that nobody thought of is closed to every key, and the challenge has no empty scope.
#[test]
fn a_layer_refuses_what_requires_nothing() {
    let world = World::new();
    let answer = tower_example(&world.store).send(&head(
        "GET",
        "/v1/forgotten",
        &[world.line("Authorization: Bearer {key}")],
    ));
    assert_refused(&answer, 403, r#"Bearer realm="MemoryKit", error="insufficient_scope""#, &answer);
}

/// A good key where RFC 6750 allows one, or where people put one, is as good as none.
#[test]
fn a_key_is_looked_for_in_the_header_alone() {
    let world = World::new();
    for server in [axum_example(&world.store), tower_example(&world.store)] {
        for request in elsewhere(world.key("key").expose_secret()) {
            let answer = server.send(request.as_bytes());
            assert_refused(&answer, 401, REALM_ALONE, &request.lines().next());
        }
    }
}

/// Requests with the key in the query string, in a form, in a cookie, as the user of the URL and in a trailer.
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

/// What the HTTP library answers by itself has no body and no challenge.
fn assert_of_hyper(answer: &Answer, context: &dyn std::fmt::Debug) {
    assert_eq!(answer.status, 400, "{context:?}: {answer:?}");
    assert!(answer.is_of_hyper(), "{context:?}: {answer:?}");
}

/// What is no HTTP at all is refused before any application sees it.
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
fn what_is_no_http_never_reaches_an_application() {
    let world = World::new();
    for server in [axum_example(&world.store), tower_example(&world.store)] {
        for line in NOT_HTTP {
            assert_of_hyper(&server.get(&[world.line(line)]), &line);
        }
    }
}

#[test]
fn a_head_that_is_too_large_never_reaches_an_application() {
    let world = World::new();
    let server = axum_example(&world.store);
    let good = world.line("Authorization: Bearer {key}");
    let mut lines = vec![good.clone()];
    lines.resize(98, b"X: y".to_vec());
    assert_eq!(server.get(&lines).status, 200, "with two more, 100 lines");
    lines.push(b"X: y".to_vec());
    assert_too_large(&server.get(&lines));

    // As many bytes as hyper's buffer has, and no end of the head: all of them are read, so that nothing which
    // is still under way can reset the connection and take the answer along.
    let mut request = b"GET /v1/memories HTTP/1.1\r\nAuthorization: Bearer ".to_vec();
    request.resize(8192 + 4096 * 100, b'x');
    assert_too_large(&server.send(&request));
}

fn assert_too_large(answer: &Answer) {
    assert_eq!(answer.status, 431, "{answer:?}");
    assert!(answer.is_of_hyper(), "{answer:?}");
}

/// Not what RFC 9112 §2.2 wants of a sender, but what it lets a recipient do.
#[test]
fn a_line_may_end_with_a_line_feed_alone() {
    let world = World::new();
    let lines = [world.line("Authorization: Bearer {key}\nX: y")];
    assert_eq!(axum_example(&world.store).get(&lines).status, 200);
}

/// What is commonly written: axum-extra finds the token, and the rest is as in the example.
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

#[expect(deprecated, reason = "deprecated since 0.6.7, and still what tower-http has for bearer tokens")]
fn tower_http_layer(
    key: &ApiKey,
) -> ValidateRequestHeaderLayer<tower_http::auth::require_authorization::Bearer<Body>> {
    ValidateRequestHeaderLayer::bearer(key.expose_secret())
}

fn tower_http_server(world: &World) -> Server {
    let app = Router::new().route("/v1/memories", get(async || "granted"));
    Server::start(app.layer(tower_http_layer(world.key("key"))))
}

/// The measured part of `docs/frameworks.md` is what is measured today.
#[test]
fn the_differences_are_as_documented() {
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
    let world = World::new();
    let versions = ["axum-extra", "tower-http", "axum", "hyper"].map(version);
    let [axum_extra, tower_http, axum, hyper] = versions;
    let compared = compare(&world);
    [
        format!("Measured with axum-extra {axum_extra} and tower-http {tower_http}, behind axum {axum} and hyper {hyper}.\n"),
        counts(&compared),
        "Answered with another status, and granted where it should be refused in bold:\n".to_owned(),
        differences(&compared),
        "Never reached any of the three, because hyper answers by itself:\n".to_owned(),
        unreached(&world),
        "What `Debug` shows of the key:\n".to_owned(),
        debug_outputs(),
    ]
    .join("\n")
}

/// A row, and what the example, axum-extra and tower-http answered.
struct Compared {
    row: &'static Row,
    ours: Answer,
    peers: [Answer; 2],
}

fn compare(world: &World) -> Vec<Compared> {
    let ours = axum_example(&world.store);
    let peers = [axum_extra_server(&world.store), tower_http_server(world)];
    let send = |row| {
        let lines = world.lines(row);
        Compared { row, ours: ours.get(&lines), peers: peers.each_ref().map(|peer| peer.get(&lines)) }
    };
    ROWS.iter().map(send).collect()
}

fn counts(compared: &[Compared]) -> String {
    let line = |told: &str, is_counted: fn(&Answer, &Answer) -> bool| {
        let count = |peer: usize| compared.iter().filter(|c| is_counted(&c.peers[peer], &c.ours)).count();
        format!("| {told} | {} | {} |\n", count(0), count(1))
    };
    [
        format!("| of {} requests | axum-extra | tower-http |\n|---|---|---|\n", compared.len()),
        line("same status and challenge as ctx-key", |peer, ours| tell(peer) == tell(ours)),
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
            let [first, second] = peers.each_ref().map(|peer| tell_beside(peer, ours));
            table += &format!("| {} | {} | {first} | {second} |\n", spelled(row.lines), tell(ours));
        }
    }
    table
}

fn unreached(world: &World) -> String {
    let servers = [axum_example(&world.store), axum_extra_server(&world.store), tower_http_server(world)];
    let mut table = "| request | answer, without a body |\n|---|---|\n".to_owned();
    for line in NOT_HTTP {
        let [answer, others @ ..] = servers.each_ref().map(|server| server.get(&[world.line(line)]));
        for answer in others.iter().chain([&answer]) {
            assert_of_hyper(answer, &line);
        }
        table += &format!("| {} | {} |\n", spelled(&[line]), tell(&answer));
    }
    table
}

/// Status and challenge, in a few words.
fn tell(answer: &Answer) -> String {
    let challenge = match answer.challenge() {
        None if answer.status == 200 => return "200".to_owned(),
        None => "no challenge".to_owned(),
        Some(REALM_ALONE) => "realm".to_owned(),
        Some(challenge) => format!("`{}`", challenge.split('"').nth(3).unwrap()),
    };
    format!("{}, {challenge}", answer.status)
}

fn tell_beside(peer: &Answer, ours: &Answer) -> String {
    let told = tell(peer);
    match told == tell(ours) {
        true => "same".to_owned(),
        false if peer.status == 200 => format!("**{told}**"),
        false => told,
    }
}

/// Header lines in a cell of a table. All that is not a visible character is spelled out.
fn spelled(lines: &[&str]) -> String {
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        '\t' | '\r' | '\n' => c.escape_default().to_string(),
        _ => format!("\\x{:02X}", u32::from(c)),
    };
    let code = |line: &&str| format!("`{}`", line.chars().map(escape).collect::<String>());
    let lines: Vec<_> = lines.iter().map(code).collect();
    if lines.is_empty() { "no header".to_owned() } else { lines.join(" and ") }
}

/// The version in the lock file; of several, the newest, which stands last.
fn version(name: &str) -> String {
    let lock = std::fs::read_to_string(format!("{}/../Cargo.lock", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let opening = format!("name = \"{name}\"\nversion = \"");
    lock.split(&opening).last().unwrap().split('"').next().unwrap().to_owned()
}

/// Of the key that the documentation draws, which is nobody's.
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
