//! Each error has the documented shape, and repeats no key.

use serde_json::{Value, json};

use crate::common::project::Project;

/// The cases cover each status and each part of the server that makes errors.
#[test]
fn errors_have_the_documented_types_and_the_requests_id_twice() {
    let project = Project::new();
    let reads = project.server.key_in(&project.token, &project.company, &project.id, &["memories:read"]);
    let keys = format!("/api/v1/companies/{}/api-keys", project.company);
    let projects = format!("/api/v1/companies/{}/projects", project.company);
    project.server.send("POST", &projects, Some(&project.token), Some(&json!({ "name": "taken" })));
    let (key, token) = (Some(project.key.as_str()), Some(project.token.as_str()));
    let (reads, empty, large) = (Some(reads.as_str()), json!({}), json!({ "content": "a".repeat(1 << 20) }));
    for (method, path, bearer, body, status, kind, code) in [
        ("GET", "/v1/memories?limit=0", key, None, 400, "bad_request", "invalid_request"),
        ("POST", "/v1/memories", key, Some(empty.clone()), 400, "bad_request", "invalid_request"),
        ("GET", "/v1/memories", Some("a b"), None, 400, "bad_request", "invalid_request"),
        ("GET", "/v1/memories", None, None, 401, "authentication_error", "missing_credentials"),
        ("GET", "/v1/memories", Some("ctx_none"), None, 401, "authentication_error", "invalid_token"),
        ("POST", "/v1/memories", reads, Some(empty.clone()), 403, "forbidden", "insufficient_scope"),
        ("GET", "/v1/memories/none", key, None, 404, "not_found", "not_found"),
        ("GET", "/v1/nothing", key, None, 404, "not_found", "not_found"),
        ("PATCH", "/v1/memories", key, None, 405, "bad_request", "method_not_allowed"),
        ("POST", "/v1/memories", key, Some(large), 413, "bad_request", "too_large"),
        ("POST", &projects, token, Some(json!({ "name": "taken" })), 409, "conflict", "conflict"),
        ("GET", &keys, None, None, 401, "authentication_error", "missing_credentials"),
        ("GET", &keys, Some("a b"), None, 400, "bad_request", "invalid_request"),
        ("GET", &keys, Some("ctxat_none"), None, 401, "authentication_error", "invalid_token"),
        ("GET", &keys, key, None, 401, "authentication_error", "invalid_token"),
        ("GET", "/api/v1/companies/org_none/projects", token, None, 404, "not_found", "not_found"),
        ("GET", "/forward-auth/caddy", Some("a b"), None, 400, "bad_request", "invalid_request"),
        ("GET", "/forward-auth/caddy", key, None, 403, "forbidden", "insufficient_scope"),
    ] {
        let mut response = project.server.request(method, path, bearer, body.as_ref());
        assert_eq!(response.status(), status, "{method} {path}");
        let header = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body: Value = response.body_mut().read_json().unwrap();
        let message = &body["error"]["message"];
        assert!(message.as_str().is_some_and(|message| !message.is_empty()), "{method} {path}: {body}");
        let error = json!({ "type": kind, "code": code, "message": message, "request_id": header });
        assert_eq!(body, json!({ "error": error, "request_id": header }), "{method} {path}");
    }
}

/// The official clients can send these requests.
#[test]
fn a_call_that_this_server_does_not_have_says_so_by_name() {
    let project = Project::new();
    for (method, path, name) in [
        ("POST", "/v1/memories/upload", "/v1/memories/upload"),
        ("POST", "/v1/memories/mem_1/reprocess", "/v1/memories/{id}/reprocess"),
        ("GET", "/v1/status", "/v1/status"),
        ("POST", "/v1/feedback", "/v1/feedback"),
        ("POST", "/v1/webhooks", "/v1/webhooks"),
        ("GET", "/v1/webhooks", "/v1/webhooks"),
        ("GET", "/v1/webhooks/wh_1", "/v1/webhooks"),
        ("DELETE", "/v1/webhooks/wh_1", "/v1/webhooks"),
        ("POST", "/v1/webhooks/wh_1/test", "/v1/webhooks"),
        ("GET", "/v1/webhooks/", "/v1/webhooks"),
        ("POST", "/v1/chats/chat_1/messages/stream", "/v1/chats/{id}/messages/stream"),
    ] {
        let (status, answer) = project.send(method, path, None);
        assert_eq!(
            (status, &answer["error"]["type"]),
            (404, &json!("not_found")),
            "{method} {path}: {answer}"
        );
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("this server has no ") && message.contains(name), "{path}: {message}");
        assert_eq!(project.server.send(method, path, None, None).0, 401, "{method} {path}");
        assert_eq!(project.server.send(method, path, Some("ctx_none"), None).0, 401, "{method} {path}");
    }
}

/// A client may put its key in the wrong place, and log the error.
#[test]
fn no_error_repeats_a_key() {
    let project = Project::new();
    let (key, secret) = (project.key.as_str(), &project.key[16..24]);
    let refused = |method: &str, path: &str, body: Option<Value>| {
        let message = project.refused(method, path, body.as_ref());
        assert!(!message.contains(secret), "{method} {path}: {message}");
    };
    refused("POST", "/v1/memories", Some(json!({ "content": "a", "tags": key })));
    refused("POST", "/v1/memories", Some(json!({ "content": "a", "metadata": key })));
    refused("POST", "/v1/users", Some(json!({ "id": { key: 1 } })));
    refused("GET", &format!("/v1/memories?limit={key}"), None);
    refused("GET", &format!("/v1/memories?cursor={key}"), None);
    refused("GET", &format!("/v1/memories?{key}=1"), None);
    refused("GET", &format!("/v1/key?{key}=1"), None);
    refused("GET", &format!("/v1/memories/none?{key}"), None);
    // the message may be cut within the key
    for length in (300..400).step_by(7) {
        let before = "x.".repeat(length / 2);
        refused("GET", &format!("/v1/memories?{before}{key}=1"), None);
        refused("GET", &format!("/v1/key?{before}{key}=1"), None);
        refused("POST", "/v1/memories", Some(json!({ "content": "a", "tags": format!("{before}{key}") })));
    }
}
