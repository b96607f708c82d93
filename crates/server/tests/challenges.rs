//! Both APIs answer an `Authorization` header in the same way, because the same parser reads it.

mod common;

use std::io::Write;

use common::project::Project;
use common::{Data, EMAIL, PASSWORD, Server, id, read_answer};
use ctx_key::ApiKey;
use serde_json::{Value, json};

/// The status of an answer, and the value of its `WWW-Authenticate`.
type Outcome = (u16, Option<String>);

/// Sends a GET with exactly these bytes as the values of `Authorization`.
fn get(server: &Server, path: &str, values: &[Vec<u8>]) -> Outcome {
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n").into_bytes();
    for value in values {
        request.extend([b"authorization:", value.as_slice(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    let mut stream = server.connect();
    stream.write_all(&request).unwrap();
    let answer = read_answer(&mut stream).unwrap();
    let challenge = answer.lines().find_map(|line| line.strip_prefix("www-authenticate: "));
    (answer[9..12].parse().unwrap(), challenge.map(str::to_owned))
}

fn challenge(realm: &str, error: Option<&str>) -> Option<String> {
    let error = error.map(|error| format!(", error=\"{error}\"")).unwrap_or_default();
    Some(format!("Bearer realm=\"{realm}\"{error}"))
}

fn bytes(value: &Value) -> Vec<u8> {
    value.as_str().unwrap().chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// Returns whether HTTP can carry a value.
fn is_sendable(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

#[test]
fn both_apis_answer_each_header_in_the_same_way() {
    let project = Project::new();
    let path = project.keys_path();
    let Project { server, token, key, .. } = &project;
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/bearer.json");
    let vectors: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(vectors).unwrap()).unwrap();
    let mut cases: Vec<_> = vectors
        .iter()
        .map(|case| {
            let values = case["values"].as_array().unwrap().iter().map(bytes).collect::<Vec<_>>();
            // the server does not know the keys of the vectors
            let status = if case["status"] == 200 { 401 } else { case["status"].as_u64().unwrap() };
            let error = if case["status"] == 200 { Some("invalid_token") } else { case["error"].as_str() };
            (values, u16::try_from(status).unwrap(), error.map(str::to_owned))
        })
        .collect();
    let texts: &[(&[&str], u16, Option<&str>)] = &[
        (&["Bearer 0123456789abcdef"], 401, Some("invalid_token")),
        (&[&format!("Bearer {token}, Bearer {token}")], 400, Some("invalid_request")),
        (&[&format!("Bearer {token} {token}")], 400, Some("invalid_request")),
        (&[&format!("Bearer {token},")], 400, Some("invalid_request")),
        (&[&format!("Bearer {token}"), &format!("Bearer {token}")], 400, Some("invalid_request")),
        (&[&format!("Bearer {token}"), "Basic YTpi"], 400, Some("invalid_request")),
        (&[&format!("Bearer\t{token}")], 400, Some("invalid_request")),
        (&[&format!("Bearer{token}")], 401, None),
        (&[token], 401, None),
        (&[&format!("Token {token}")], 401, None),
        (&[&format!("Bearer {}{token}", " ".repeat(9000))], 400, Some("invalid_request")),
        (&[&format!("Bearer {}", token.to_uppercase())], 401, Some("invalid_token")),
        (&[&format!("Bearer {}", &token[1..])], 401, Some("invalid_token")),
        (&[&format!("Bearer {token}0")], 401, Some("invalid_token")),
        (&[&format!("Bearer \"{token}\"")], 401, Some("invalid_token")),
        (&[&format!("Bearer {}", ApiKey::generate().expose_secret())], 401, Some("invalid_token")),
    ];
    cases.extend(texts.iter().map(|(values, status, error)| {
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        (values, *status, error.map(str::to_owned))
    }));
    cases.retain(|(values, ..)| values.iter().all(|value| is_sendable(value)));
    assert!(cases.len() > 100, "{}", cases.len());
    for (values, status, error) in cases {
        let shown: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value)).collect();
        let expected = |realm: &str| (status, challenge(realm, error.as_deref()));
        assert_eq!(get(server, "/v1/key", &values), expected("MemoryKit"), "{shown:?}");
        assert_eq!(get(server, &path, &values), expected("MemoryKit accounts"), "{shown:?}");
        assert_eq!(get(server, "/api/v1/companies", &values), expected("MemoryKit accounts"), "{shown:?}");
    }
    for (valid, spelling) in [
        (token, format!("Bearer {token}")),
        (token, format!("  bEARER   {token}\t ")),
        (key, format!("Bearer {key}")),
    ] {
        let (key_status, token_status) = if valid == key { (200, 401) } else { (401, 200) };
        let refused = |realm| challenge(realm, Some("invalid_token"));
        let key_refused = refused("MemoryKit").filter(|_| key_status == 401);
        let token_refused = refused("MemoryKit accounts").filter(|_| token_status == 401);
        let value = [spelling.clone().into_bytes()];
        assert_eq!(get(server, "/v1/key", &value), (key_status, key_refused), "{spelling}");
        assert_eq!(get(server, &path, &value), (token_status, token_refused), "{spelling}");
    }
}

#[test]
fn the_management_api_refuses_an_api_key_in_any_state() {
    let project = Project::new();
    let path = project.keys_path();
    let Project { server, token, key, .. } = &project;
    let value = [format!("Bearer {key}").into_bytes()];
    let refused = (401, challenge("MemoryKit accounts", Some("invalid_token")));
    assert_eq!(get(server, &path, &value), refused);
    let id = id(key);
    assert_eq!(server.send("DELETE", &format!("{path}/{id}"), Some(token), None).0, 204);
    assert_eq!(get(server, &path, &value), refused);
    assert_eq!(server.send("DELETE", &format!("{path}/{id}?purge=true"), Some(token), None).0, 204);
    assert_eq!(get(server, &path, &value), refused);
}

/// A password or a refresh token is not a bearer token, so the challenge has no `error`.
#[test]
fn the_challenge_of_a_refused_sign_in_or_refresh_has_no_error() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let post = |path: &str, bearer: Option<&str>, body: &Value| {
        let mut response = server.request("POST", path, bearer, Some(body));
        let challenge =
            response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let text = response.body_mut().read_to_string().unwrap();
        let status = response.status().as_u16();
        assert!(!text.contains("invalid_token"), "{text}");
        assert_eq!(text.contains(r#""code":"invalid_grant""#), status == 401, "{text}");
        (status, challenge)
    };
    let refused = (401, challenge("MemoryKit accounts", None));
    for email in [EMAIL, "nobody@example.com"] {
        let body = json!({ "email": email, "password": "not the password at all" });
        assert_eq!(post("/api/v1/auth/login", Some("a"), &body), refused);
    }
    let (_, tokens) = server.log_in_as(EMAIL, PASSWORD);
    let spent = json!({ "refresh_token": tokens["refresh_token"] });
    assert_eq!(post("/api/v1/auth/refresh", None, &spent), (200, None));
    let access = json!({ "refresh_token": tokens["access_token"] });
    for body in [spent, access, json!({ "refresh_token": "" }), json!({ "refresh_token": "0".repeat(64) })] {
        assert_eq!(post("/api/v1/auth/refresh", Some("a b"), &body), refused, "{body}");
    }
}
