//! Requests that are refused, with the answers that clients expect.

use std::io::Write;

use serde_json::{Value, json};

use crate::common::project::Project;
use crate::common::rest;

/// Sends bytes as they are, and reads the answer to its end.
fn answer_to(project: &Project, head: &[u8], body: &[u8]) -> String {
    let mut stream = project.server.connect();
    stream.write_all(head).unwrap();
    stream.write_all(b"host: localhost\r\nconnection: close\r\n\r\n").unwrap();
    // the server may answer and close the connection before all is sent
    let _ = stream.write_all(body);
    rest(stream)
}

#[test]
fn errors_are_objects_with_the_requests_id() {
    let project = Project::new();
    let cases = [
        ("GET", "/v1/memories/none", true, 404),
        ("GET", "/v1/nothing", true, 404),
        ("GET", "/v1/nothing", false, 401),
        ("GET", "/v1/memories", false, 401),
        ("GET", "/v1/memories/", true, 404),
        ("GET", "/v1/memories?limit=no", true, 400),
        ("PATCH", "/v1/memories", true, 405),
        ("DELETE", "/v1/chats", true, 405),
        // without a key, nobody learns which paths exist
        ("PATCH", "/v1/memories", false, 401),
        ("DELETE", "/v1/chats", false, 401),
        ("POST", "/v1/memories/search", true, 405),
        ("GET", "/v1/memories/batch", true, 405),
        ("POST", "/v1/memories", true, 400),
    ];
    for (method, path, with_key, expected) in cases {
        let key = with_key.then_some(project.key.as_str());
        let mut response = project.server.request(method, path, key, None);
        assert_eq!(response.status(), expected, "{method} {path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/json"));
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body: Value = response.body_mut().read_json().unwrap();
        assert_eq!(body["request_id"], id, "{method} {path}");
        for field in ["type", "code", "message"] {
            assert!(body["error"][field].is_string(), "{method} {path}: {body}");
        }
    }
}

/// An answer may contain what only the holder of the credential may read.
#[test]
fn no_answer_may_be_stored_on_the_way_or_read_as_another_type() {
    let project = Project::new();
    let (key, token) = (Some(project.key.as_str()), Some(project.token.as_str()));
    for (path, bearer, status) in [
        ("/v1/key", key, 200),
        ("/v1/memories", key, 200),
        ("/v1/memories", None, 401),
        ("/v1/nothing", key, 404),
        (project.keys_path().as_str(), token, 200),
        (project.keys_path().as_str(), key, 401),
        ("/metrics", None, 200),
        ("/livez", None, 200),
        ("/openapi.json", None, 200),
    ] {
        let response = project.server.get(path, bearer);
        assert_eq!(response.status(), status, "{path}");
        for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] {
            assert_eq!(
                response.headers().get(name).map(|found| found.as_bytes()),
                Some(value.as_bytes()),
                "{path}"
            );
        }
    }
}

#[test]
fn paths_outside_every_scope_are_not_found() {
    let project = Project::new();
    let paths = ["/v1/memories/upload", "/v1/memories/mem_1/reprocess", "/v1/webhooks", "/v1/webhooks/1"];
    for path in paths.into_iter().chain(["/v1/status", "/v1/feedback", "/v1", "/v1/"]) {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let response = project.server.request(method, path, Some(&project.key), None);
            assert_eq!(response.status(), 404, "{method} {path}");
            let kind = response.headers().get("content-type").expect(path);
            assert_eq!(kind, "application/json", "{method} {path}");
            assert_eq!(project.server.request(method, path, None, None).status(), 401, "{method} {path}");
        }
    }
}

#[test]
fn bodies_that_are_not_json_or_too_large_are_refused() {
    let project = Project::new();
    let send = |path: &str, kind: &str, body: &[u8]| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n",
            project.key,
            body.len()
        );
        answer_to(&project, head.as_bytes(), body)
    };
    for body in
        [&b"{"[..], b"", b"null", b"\"content\"", b"{\"content\": \"\xff\"}", b"{\"content\": \"a\"} x"]
    {
        let answer = send("/v1/memories", "application/json", body);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("invalid_request"), "{answer}");
    }
    let answer = send("/v1/memories", "text/plain", b"{\"content\": \"a\"}");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let answer = send("/v1/memories", "application/json", b" \r\n\t{\"content\": \"a\"} \r\n");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    let answer = send("/v1/memories", "application/json", &vec![b' '; (1 << 20) + 1]);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too_large"), "{answer}");
}

#[test]
fn a_content_type_without_a_body_is_ignored() {
    let project = Project::new();
    let id = project.make("/v1/memories", &json!({ "content": "a" }));
    for (method, success) in [("GET", "200"), ("DELETE", "204")] {
        let head = format!(
            "{method} /v1/memories/{id} HTTP/1.1\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             user-agent: memorykit-js/0.1.1\r\n",
            project.key
        );
        let answer = answer_to(&project, head.as_bytes(), b"");
        assert!(answer.starts_with(&format!("HTTP/1.1 {success} ")), "{answer}");
    }
}

#[test]
fn odd_credentials_get_the_status_that_clients_expect() {
    let project = Project::new();
    let key = &project.key;
    let latin = [b"authorization: Bearer ".as_slice(), &key.as_bytes()[..51], b"\xe9\r\n"].concat();
    let good = format!("authorization: Bearer {key}\r\n");
    let cases = [
        (Vec::new(), "401", "missing_credentials"),
        (latin, "401", "invalid_token"),
        ([good.as_bytes(), good.as_bytes()].concat(), "400", "invalid_request"),
        (b"authorization: Bearer\r\n".to_vec(), "400", "invalid_request"),
        (b"authorization: Bearer ctx_your_api_key_here\r\n".to_vec(), "401", "invalid_token"),
        (format!("{good}origin: https://example.com\r\n").into_bytes(), "403", "browser_request"),
        (format!("{good}origin: null\r\n").into_bytes(), "403", "browser_request"),
        (format!("{good}origin:\r\n").into_bytes(), "403", "browser_request"),
        (format!("authorization: bearer {key}\r\n").into_bytes(), "200", "has_more"),
    ];
    for (headers, status, word) in cases {
        let answer =
            answer_to(&project, &[b"GET /v1/memories HTTP/1.1\r\n".as_slice(), &headers].concat(), b"");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{word}: {answer}");
        assert!(answer.contains(word), "{word}: {answer}");
        assert!(!answer.contains(&key[16..]), "an answer never quotes a key");
    }
    let preflight = b"OPTIONS /v1/memories HTTP/1.1\r\norigin: https://example.com\r\n\
                      access-control-request-method: GET\r\n";
    let answer = answer_to(&project, preflight, b"");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(!answer.to_lowercase().contains("access-control-allow"), "{answer}");
}
