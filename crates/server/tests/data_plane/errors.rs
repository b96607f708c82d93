//! Each error has the documented shape, and repeats no key.

use serde_json::{Value, json};

use crate::common::project::Project;
use crate::common::{EMAIL, id};

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

/// Whoever reads a message knows what to send instead.
#[test]
fn each_message_is_about_its_mistake() {
    let project = Project::new();
    let company = format!("/api/v1/companies/{}", project.company);
    let [keys, projects, tokens] = ["api-keys", "projects", "tokens"].map(|end| format!("{company}/{end}"));
    let reads = project.server.key_in(&project.token, &project.company, &project.id, &["memories:read"]);
    let named = json!({ "name": "taken" });
    project.server.send("POST", &projects, Some(&project.token), Some(&named));
    let (_, program) = project.server.send("POST", &tokens, Some(&project.token), Some(&named));
    let (key, token) = (Some(project.key.as_str()), Some(project.token.as_str()));
    let (reads, program) = (Some(reads.as_str()), program["token"].as_str());
    let (active, unknown) = (format!("{keys}/{}", id(&project.key)), "0".repeat(64));
    let wrong = json!({ "email": EMAIL, "password": "wrong", "refresh_token": unknown });
    let overlap = json!({ "overlap_seconds": 31_536_001 });
    for (method, path, bearer, body, words) in [
        (
            "GET",
            "/v1/memories",
            None,
            None,
            "an API key is required: send it as `Authorization: Bearer <key>`",
        ),
        (
            "GET",
            "/v1/memories",
            Some("a b"),
            None,
            "the Authorization header is malformed: send one, as `Bearer <key>`",
        ),
        (
            "POST",
            "/v1/memories",
            reads,
            Some(&named),
            "the API key lacks a scope that this request requires: memories:write",
        ),
        ("GET", "/v1/memories/none", key, None, "there is no such memory"),
        ("GET", "/v1/chats/none", key, None, "there is no such chat"),
        ("GET", "/v1/users/none", key, None, "there is no such user"),
        ("DELETE", "/v1/users/none/events/none", key, None, "there is no such event"),
        ("GET", &keys, None, None, "an access token is required: get one from POST /api/v1/auth/login"),
        (
            "GET",
            &keys,
            Some("a b"),
            None,
            "the Authorization header is malformed: send one, as `Bearer <token>`",
        ),
        ("GET", &keys, key, None, "an API key gives no access to this path: send an access token"),
        (
            "GET",
            &keys,
            Some(unknown.as_str()),
            None,
            "the access token is unknown or has expired: log in again",
        ),
        ("GET", &tokens, program, None, "a program's access token gives access to keys and projects only"),
        ("GET", &format!("{keys}/none"), token, None, "there is no such project, key or token"),
        ("POST", &projects, token, Some(&named), "there is a project of this name: choose another name"),
        ("DELETE", &format!("{active}?purge=true"), token, None, "the key has not ended: revoke it first"),
        ("POST", "/api/v1/auth/login", None, Some(&wrong), "the e-mail address or the password is wrong"),
        (
            "POST",
            "/api/v1/auth/refresh",
            None,
            Some(&wrong),
            "the refresh token is unknown, was used or has expired",
        ),
        (
            "POST",
            &format!("{active}/rotate"),
            token,
            Some(&overlap),
            "`overlap_seconds` is too large: the maximum is 31536000",
        ),
    ] {
        let (_, answer) = project.server.send(method, path, bearer, body);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(words), "{method} {path}: {message}");
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
        let end = format!(": `{name}` is a call of the platform only");
        assert!(message.starts_with("this server has no ") && message.ends_with(&end), "{path}: {message}");
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
