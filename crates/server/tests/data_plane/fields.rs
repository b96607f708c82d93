//! Fields in both spellings, their lengths, and ids in paths.

use serde_json::{Value, json};

use crate::common::project::Project;

#[test]
fn a_field_in_both_spellings_needs_one_value() {
    let project = Project::new();
    for (path, read) in [("/v1/memories", "/v1/memories"), ("/v1/chats", "/v1/chats")] {
        for (value, other) in [(json!("ada"), json!("bob")), (json!("ada"), Value::Null)] {
            let body = json!({ "content": "c", "user_id": value, "userId": value });
            let made = project.post(path, &body);
            assert_eq!(project.get(&format!("{read}?limit=1"))["data"][0]["user_id"], value);
            assert_eq!(project.get(&format!("{read}?limit=1"))["data"][0]["id"], made["id"]);
            for (first, second) in [(&value, &other), (&other, &value)] {
                let body = json!({ "content": "c", "user_id": first, "userId": second });
                let message = project.refused("POST", path, Some(&body));
                assert!(message.contains("user_id"), "{message}");
            }
        }
    }
    // a request for a credential has no field twice
    let keys = format!("{}/api/v1/companies/{}/api-keys", project.server.url, project.company);
    let body = format!(
        r#"{{"project_id":"{0}","project_id":"{0}","name":"n","scopes":["memories:read"]}}"#,
        project.id
    );
    let request =
        project.server.agent.post(keys).header("authorization", format!("Bearer {}", project.token));
    let response = request.header("content-type", "application/json").send(body).unwrap();
    assert_eq!(response.status(), 400);
}

/// The character of this test has four bytes.
#[test]
fn a_text_is_measured_in_characters() {
    let project = Project::new();
    project.post("/v1/users", &json!({ "id": "ada" }));
    for (path, field, max) in [
        ("/v1/memories", "title", 500),
        ("/v1/memories", "type", 64),
        ("/v1/memories", "user_id", 128),
        ("/v1/memories", "language", 64),
        ("/v1/memories", "format", 64),
        ("/v1/users", "id", 128),
        ("/v1/users", "email", 500),
        ("/v1/users", "name", 500),
        ("/v1/users/ada/events", "type", 64),
        ("/v1/chats", "title", 500),
        ("/v1/chats", "user_id", 128),
    ] {
        for (length, is_read) in [(max, true), (max + 1, false)] {
            let mut body = json!({ "content": "c", "id": "bob", "type": "t" });
            body[field] = json!("\u{1f511}".repeat(length));
            let (status, answer) = project.send("POST", path, Some(&body));
            assert_eq!((200..300).contains(&status), is_read, "{path} {field} {length}: {answer}");
            assert!(!is_read || answer[field] == body[field], "{path} {field}: {answer}");
        }
    }
}

/// A message is longer than other texts.
#[test]
fn a_message_has_1_to_20_000_characters() {
    let project = Project::new();
    let messages = format!("/v1/chats/{}/messages", project.make("/v1/chats", &json!({})));
    for (length, status) in [(0, 400), (1, 200), (20_000, 200), (20_001, 400)] {
        let body = json!({ "message": "\u{1f511}".repeat(length) });
        assert_eq!(project.send("POST", &messages, Some(&body)).0, status, "{length}");
    }
}

/// PostgreSQL can't compare a text with this character.
#[test]
fn a_path_with_a_nul_character_leads_nowhere() {
    let project = Project::new();
    project.post("/v1/users", &json!({ "id": "ada" }));
    for path in ["/v1/users/ada%00", "/v1/users/%00/events", "/v1/memories/a%00b", "/v1/chats/%00/messages"] {
        let answer = project.raw("GET", path);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(answer.contains("there is nothing at this path"), "{path}: {answer}");
    }
}

/// HTTP libraries resolve `.` and `..` in a path, so clients could not reach a user with such an id.
#[test]
fn ids_that_are_steps_in_a_path_are_refused() {
    let project = Project::new();
    for id in [".", ".."] {
        for (path, body) in [
            ("/v1/users", json!({ "id": id })),
            ("/v1/memories", json!({ "content": "c", "user_id": id })),
            ("/v1/memories", json!({ "content": "c", "userId": id })),
            ("/v1/chats", json!({ "userId": id })),
        ] {
            let message = project.refused("POST", path, Some(&body));
            assert!(message.contains("id` can't be `.` or `..`"), "{message}");
        }
    }
    for id in ["%2e", "%2E", "%2e%2E", ".%2e", "%2E.", ".", ".."] {
        for path in [
            format!("/v1/users/{id}"),
            format!("/v1/users/{id}/events"),
            format!("/v1/users/ada/events/{id}"),
            format!("/v1/memories/{id}"),
            format!("/v1/chats/{id}/messages"),
        ] {
            let method = if path.contains("events/") { "DELETE" } else { "GET" };
            // sent as raw bytes, because the client of the other tests would resolve the path
            let answer = project.raw(method, &path);
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
            assert!(answer.contains("`.` or `..`"), "{path}: {answer}");
        }
    }
    for (id, path) in [("...", "..."), (".a", ".a"), ("a/..", "a%2F.."), ("a b", "a%20b"), ("%2e", "%252e")] {
        project.post("/v1/users", &json!({ "id": id }));
        assert_eq!(project.get(&format!("/v1/users/{path}"))["id"], id);
        assert_eq!(project.send("DELETE", &format!("/v1/users/{path}"), None).0, 204);
    }
    assert!(project.refused("POST", "/v1/users", Some(&json!({ "id": "" }))).contains("`id`"));
}
