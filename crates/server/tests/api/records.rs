//! Memories, users and events, from their creation to their end.

use serde_json::{Value, json};

use crate::common::project::{Project, ids};

/// ISO 8601 with a zone, in whole seconds.
fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 20 && text.ends_with('Z') && text.contains('T'))
}

#[test]
fn a_memory_is_stored_shown_changed_and_removed() {
    let project = Project::new();
    let body = json!({
        "content": "Ada likes tea", "title": "Tea", "type": "note", "tags": ["drinks", "ada"],
        "metadata": { "source": { "page": 3 } }, "userId": "ada", "language": "en", "format": "text", "unknown": 1,
    });
    let (status, made) = project.send("POST", "/v1/memories", Some(&body));
    assert_eq!((status, &made["status"]), (202, &json!("completed")));
    let path = format!("/v1/memories/{}", made["id"].as_str().unwrap());

    let shown = project.get(&path);
    assert!(is_time(&shown["created_at"]) && is_time(&shown["updated_at"]), "{shown}");
    for (field, value) in [("user_id", json!("ada")), ("status", json!("completed"))] {
        assert_eq!(shown[field], value);
    }
    for field in ["content", "title", "type", "tags", "metadata", "language", "format"] {
        assert_eq!(shown[field], body[field], "{field}");
    }

    let (status, changed) = project.send("PUT", &path, Some(&json!({ "title": null, "tags": ["hot"] })));
    assert_eq!(status, 200);
    assert_eq!((&changed["title"], &changed["tags"]), (&Value::Null, &json!(["hot"])));
    for field in ["content", "type", "metadata", "user_id", "language", "format", "created_at"] {
        assert_eq!(changed[field], shown[field], "{field} was not named");
    }
    let (_, changed) = project.send("PUT", &path, Some(&json!({ "content": "now coffee" })));
    assert_eq!((&changed["content"], &changed["tags"]), (&json!("now coffee"), &json!(["hot"])));
    let (_, changed) =
        project.send("PUT", &path, Some(&json!({ "title": "T", "type": "x", "tags": null, "metadata": {} })));
    assert_eq!(
        (&changed["title"], &changed["type"], &changed["tags"], &changed["metadata"]),
        (&json!("T"), &json!("x"), &json!([]), &body["metadata"])
    );
    let (_, changed) = project.send("PUT", &path, Some(&json!({ "type": null })));
    assert_eq!((&changed["type"], &changed["title"]), (&Value::Null, &json!("T")));
    assert_eq!(project.send("PUT", &path, Some(&json!({ "content": null }))).0, 400);

    assert_eq!(project.send("DELETE", &path, None), (204, Value::Null));
    for method in ["GET", "DELETE"] {
        assert_eq!(project.send(method, &path, None).0, 404);
    }
    assert_eq!(project.send("PUT", &path, Some(&json!({}))).0, 404);
}

#[test]
fn users_are_made_once_and_changed_by_what_is_named() {
    let project = Project::new();
    let ada = json!({ "id": "ada/1 ü", "email": "ada@example.com", "name": "Ada", "metadata": { "a": 1 } });
    let (status, user) = project.send("POST", "/v1/users", Some(&ada));
    assert_eq!(status, 201);
    for field in ["id", "email", "name", "metadata"] {
        assert_eq!(user[field], ada[field]);
    }
    assert!(is_time(&user["created_at"]) && is_time(&user["updated_at"]));
    let (status, user) =
        project.send("POST", "/v1/users", Some(&json!({ "id": "ada/1 ü", "name": "Ada L." })));
    assert_eq!((status, &user["name"], &user["email"]), (200, &json!("Ada L."), &ada["email"]));

    let path = "/v1/users/ada%2F1%20%C3%BC";
    let (status, user) = project.send("PUT", path, Some(&json!({ "email": null, "metadata": { "b": 2 } })));
    assert_eq!((status, &user["email"], &user["name"]), (200, &Value::Null, &json!("Ada L.")));
    assert_eq!(project.get(path), user);
    let (status, user) = project.send("PUT", path, Some(&json!({ "name": null })));
    assert_eq!((status, &user["name"], &user["metadata"]), (200, &Value::Null, &json!({ "b": 2 })));
    assert_eq!(project.send("PUT", "/v1/users/bob", Some(&json!({ "name": "Bob" }))).0, 404);
    assert_eq!(project.send("DELETE", path, None), (204, Value::Null));
    assert_eq!(project.send("GET", path, None).0, 404);
}

#[test]
fn events_belong_to_a_user() {
    let project = Project::new();
    assert_eq!(project.send("POST", "/v1/users/ada/events", Some(&json!({ "type": "login" }))).0, 404);
    assert_eq!(project.send("GET", "/v1/users/ada/events", None).0, 404);
    project.post("/v1/users", &json!({ "id": "ada" }));
    let event = project.post("/v1/users/ada/events", &json!({ "type": "login", "data": { "from": "web" } }));
    assert_eq!((&event["user_id"], &event["data"]), (&json!("ada"), &json!({ "from": "web" })));
    assert!(is_time(&event["created_at"]));
    project.post("/v1/users/ada/events", &json!({ "type": "logout" }));
    let list = project.get("/v1/users/ada/events?type=login&limit=5");
    assert_eq!((&list["data"], &list["has_more"]), (&json!([event]), &json!(false)));
    assert_eq!(ids(&project.get("/v1/users/ada/events")["data"]).len(), 2);

    let id = event["id"].as_str().unwrap();
    assert_eq!(project.send("DELETE", &format!("/v1/users/bob/events/{id}"), None).0, 404);
    let path = format!("/v1/users/ada/events/{id}");
    assert_eq!(project.send("DELETE", &path, None), (204, Value::Null));
    assert_eq!(project.send("DELETE", &path, None).0, 404);

    // events are deleted with their user
    project.send("DELETE", "/v1/users/ada", None);
    project.post("/v1/users", &json!({ "id": "ada" }));
    assert_eq!(ids(&project.get("/v1/users/ada/events")["data"]).len(), 0);
}

#[test]
fn a_users_memories_and_chats_are_deleted_only_with_cascade() {
    let project = Project::new();
    for (query, left) in [("", 1), ("?cascade=false", 1), ("?cascade=true", 0)] {
        project.post("/v1/users", &json!({ "id": "ada" }));
        if left == 1 && query.is_empty() {
            project.make("/v1/memories", &json!({ "content": "of Ada", "user_id": "ada" }));
            project.post("/v1/chats", &json!({ "user_id": "ada" }));
            project.make("/v1/memories", &json!({ "content": "of Bob", "user_id": "bob" }));
            project.post("/v1/chats", &json!({ "userId": "bob" }));
        }
        assert_eq!(project.send("DELETE", &format!("/v1/users/ada{query}"), None).0, 204);
        for list in ["memories", "chats"] {
            assert_eq!(
                ids(&project.get(&format!("/v1/{list}?user_id=ada"))["data"]).len(),
                left,
                "{list}{query}"
            );
            assert_eq!(ids(&project.get(&format!("/v1/{list}?userId=bob"))["data"]).len(), 1);
        }
    }
    project.post("/v1/users", &json!({ "id": "ada" }));
    assert_eq!(project.send("DELETE", "/v1/users/ada?cascade=perhaps", None).0, 400);
}
