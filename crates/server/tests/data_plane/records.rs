//! The answer to a request that stores a record shows the record as later reads do.

use ctx_key_server::store::memory;
use serde_json::{Value, json};

use crate::common::project::{ALL_SCOPES, Project, ids};
use crate::common::timed::Fixture;
use crate::common::{EMAIL, text};
use crate::trouble::{execute, number, numbers};

/// The time 1700000000.
const LONG_AGO: &str = "2023-11-14T22:13:20Z";

#[test]
fn a_stored_memory_is_answered_as_it_is_read_later() {
    let project = Project::new();
    for body in [
        json!({ "content": "short" }),
        json!({ "content": "all", "title": "t", "type": "note", "tags": ["a", "b"], "metadata": { "z": 1, "a": [2.50] },
                "userId": "ada", "language": "en", "format": "text" }),
        json!({ "content": "nulls", "title": null, "type": null, "tags": null, "metadata": null, "user_id": null }),
    ] {
        let (status, made) = project.send("POST", "/v1/memories", Some(&body));
        assert_eq!(status, 202, "{made}");
        assert_eq!((&made["content"], &made["status"]), (&body["content"], &json!("completed")));
        assert_eq!(made, project.get(&format!("/v1/memories/{}", made["id"].as_str().unwrap())));
        assert_eq!(made, project.get("/v1/memories?limit=1")["data"][0]);
    }
}

#[test]
fn a_batch_stores_what_can_be_stored() {
    let project = Project::new();
    let batch = |body: &Value| project.send("POST", "/v1/memories/batch", Some(body));
    let items = json!([
        { "content": "first", "userId": "ada", "tags": ["own"], "metadata": { "n": 1 } },
        { "content": "" },
        "no object",
        { "title": "no content" },
        { "content": "nul\0" },
        { "content": "both", "userId": "a", "user_id": "b" },
        { "content": "key", "title": project.key },
        ["content"],
        null,
        { "content": "last", "unknown": 1, "type": "own" },
    ]);
    let (status, answer) = batch(&json!({ "items": items, "other": 1 }));
    assert_eq!((status, &answer["total"], &answer["failed"]), (202, &json!(10), &json!(8)), "{answer}");
    let stored = answer["items"].as_array().unwrap();
    assert_eq!(stored.iter().map(|item| &item["content"]).collect::<Vec<_>>(), ["first", "last"]);
    for item in stored {
        assert_eq!(*item, project.get(&format!("/v1/memories/{}", item["id"].as_str().unwrap())));
    }
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(
        errors.iter().map(|error| error["index"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7, 8]
    );
    for (error, word) in
        errors.iter().zip(["content", "object", "content", "NUL", "user_id", "API key", "object", "object"])
    {
        assert_eq!(
            (&error["code"], &error["error"]),
            (&json!("invalid_request"), &error["message"]),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains(word), "{word}: {error}");
    }
    assert!(!answer.to_string().contains(&project.key[16..]), "{answer}");
    assert_eq!(ids(&project.get("/v1/memories")["data"]).len(), 2);
    // stored in the order of the batch, so the last is the newest
    assert_eq!(project.get("/v1/memories?limit=1")["data"][0]["content"], "last");

    let defaults = json!({ "title": "default title", "type": "default", "tags": ["default"], "userId": "eve",
                           "metadata": { "d": 1 }, "language": "en", "format": "text" });
    let own = json!({ "content": "own", "title": "t", "language": "de", "format": "html" });
    let (status, answer) =
        batch(&json!({ "items": [items[0], items[9], { "content": "bare" }, own], "defaults": defaults }));
    assert_eq!((status, &answer["failed"]), (202, &json!(0)), "{answer}");
    let shown = |index: usize| {
        let item = &answer["items"][index];
        json!([item["type"], item["tags"], item["user_id"], item["metadata"]])
    };
    assert_eq!(shown(0), json!(["default", ["own"], "ada", { "n": 1 }]));
    assert_eq!(shown(1), json!(["own", ["default"], "eve", { "d": 1 }]));
    assert_eq!(shown(2), json!(["default", ["default"], "eve", { "d": 1 }]));
    assert_eq!(shown(3), shown(2));
    for (index, texts) in
        [(0, ["default title", "en", "text"]), (2, ["default title", "en", "text"]), (3, ["t", "de", "html"])]
    {
        let item = &answer["items"][index];
        assert_eq!([&item["title"], &item["language"], &item["format"]], texts.map(Value::from).each_ref());
    }

    let (status, answer) = batch(&json!({ "items": [{}, 1] }));
    assert_eq!((status, &answer["items"], &answer["failed"]), (202, &json!([]), &json!(2)));
    let (status, answer) = batch(&json!({ "items": vec![json!({ "content": "c" }); 100] }));
    assert_eq!((status, ids(&answer["items"]).len(), &answer["total"]), (202, 100, &json!(100)));
    for (wrong, word) in [
        (json!({ "items": vec![json!({ "content": "c" }); 101] }), "100"),
        (json!({ "items": [] }), "items"),
        (json!({}), "items"),
        (json!({ "items": {} }), "sequence"),
        (json!([{ "content": "c" }]), "object"),
        (json!({ "items": [{ "content": "c" }], "defaults": { "tags": 1 } }), "defaults"),
        (json!({ "items": [{ "content": "c" }], "defaults": { "type": "\0" } }), "NUL"),
    ] {
        let message = project.refused("POST", "/v1/memories/batch", Some(&wrong));
        assert!(message.contains(word), "{word}: {message}");
    }
    assert_eq!(project.send_text("POST", "/v1/memories/batch", r#"{"items":[{"content":"a"},{]}"#).0, 400);
    let reads = project.server.key_in(&project.token, &project.company, &project.id, &["memories:read"]);
    let refused =
        project.server.send("POST", "/v1/memories/batch", Some(&reads), Some(&json!({ "items": [] })));
    assert_eq!(refused.0, 403);
}

#[test]
fn a_chat_is_shown_to_keys_of_its_project_that_read_chats() {
    let project = Project::new();
    let made =
        project.post("/v1/chats", &json!({ "title": "Talk", "userId": "ada", "metadata": { "a": 1.0 } }));
    let path = format!("/v1/chats/{}", made["id"].as_str().unwrap());
    assert_eq!(project.get(&path), made);
    assert_eq!(project.server.send("GET", &path, Some(&project.other_key()), None).0, 404);
    assert_eq!(project.send("GET", "/v1/chats/none", None).0, 404);
    let writes = project.server.key_in(&project.token, &project.company, &project.id, &["chats:write"]);
    assert_eq!(project.server.send("GET", &path, Some(&writes), None).0, 403);
    project.send("DELETE", &path, None);
    assert_eq!(project.send("GET", &path, None).0, 404);
}

#[test]
fn all_memories_of_a_user_are_removed_and_no_others() {
    let project = Project::new();
    let (other, _) = project.server.key(&project.token, &project.company, &ALL_SCOPES);
    let part = usize::try_from(memory::PART).unwrap();
    let long = "!".repeat(100_000);
    let (whole, more) = (2 * part, 2 * part + 1);
    for (memories, owner) in [(whole, "n % 3".to_owned()), (more, format!("(n - 1) / {more}"))] {
        project.post("/v1/users", &json!({ "id": "ada" }));
        // A third each is of Bob, of Ada and of another Ada, first in turn and then one after another. Some are long.
        let stored = format!(
            "INSERT INTO memories (id, project, content, tags, metadata, \"user\", created_at, updated_at) \
             SELECT 'mem_{memories}_' || n, CASE {owner} WHEN 2 THEN '{other}' ELSE '{}' END, \
             CASE WHEN n % 500 < 3 THEN '{long}' ELSE '!' END, '[]', '{{}}', \
             CASE {owner} WHEN 0 THEN 'bob' ELSE 'ada' END, 0, 0 FROM {}",
            project.id,
            numbers(3 * memories)
        );
        execute(&project.data, &stored);
        assert_eq!(project.send("DELETE", "/v1/users/ada?cascade=true", None).0, 204);
    }
    let left = [(&project.id, "ada"), (&other, "ada"), (&project.id, "bob")].map(|(project_id, user)| {
        let sql =
            format!("SELECT count(*) FROM memories WHERE project = '{project_id}' AND \"user\" = '{user}'");
        number(&project.data, &sql).unwrap()
    });
    let others = 4 * memory::PART + 1;
    assert_eq!(left, [0, others, others]);
}

#[test]
fn records_have_the_time_of_the_servers_clock() {
    let [start, later] = ["2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z"];
    let fixture = Fixture::new();
    let account = fixture.account(EMAIL);
    let company = format!("/companies/{}", account.company);
    let manage =
        |path: &str, body: Value| fixture.send("POST", &format!("{company}/{path}"), &account.token, &body).1;
    let project = manage("projects", json!({ "name": "p" }));
    let body = json!({ "project_id": project["id"], "name": "a key", "scopes": ALL_SCOPES });
    let key = text(&manage("api-keys", body)["api_key"]);
    let send = |method: &str, path: &str, body: Value| {
        let (status, _, answer) = fixture.exchange(method, path, &key, &body.to_string());
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    };
    let memory = send("POST", "/v1/memories", json!({ "content": "words" }));
    let batch = send("POST", "/v1/memories/batch", json!({ "items": [{ "content": "words" }] }));
    let user = send("POST", "/v1/users", json!({ "id": "ada" }));
    let event = send("POST", "/v1/users/ada/events", json!({ "type": "view" }));
    let chat = send("POST", "/v1/chats", json!({}));
    for record in [&memory, &batch["items"][0], &user, &event, &chat] {
        assert_eq!(record["created_at"], start, "{record}");
    }
    fixture.set(60);
    let path = format!("/v1/chats/{}", text(&chat["id"]));
    let message = send("POST", &format!("{path}/messages"), json!({ "message": "words" }));
    assert_eq!(message["message"]["created_at"], later);
    let memory = format!("/v1/memories/{}", text(&memory["id"]));
    for record in [
        send("PUT", &memory, json!({ "title": "new" })),
        send("POST", "/v1/users", json!({ "id": "ada", "name": "Ada" })),
        send("GET", &path, Value::Null),
    ] {
        assert_eq!(
            (&record["created_at"], &record["updated_at"]),
            (&json!(start), &json!(later)),
            "{record}"
        );
    }
    fixture.set(0);
    assert_eq!(send("PUT", "/v1/users/ada", json!({ "name": "Eve" }))["updated_at"], start);
}

/// Records have the time at which they are stored, and not that of the record that they belong to.
#[test]
fn a_message_and_an_event_are_dated_on_their_own() {
    let project = Project::new();
    project.post("/v1/users", &json!({ "id": "ada" }));
    let chat = format!("/v1/chats/{}/messages", project.make("/v1/chats", &json!({})));
    for table in ["users", "chats"] {
        let sql = format!("UPDATE {table} SET created_at = 1700000000, updated_at = 1700000000");
        execute(&project.data, &sql);
    }
    project.post("/v1/users/ada/events", &json!({ "type": "view" }));
    project.post(&chat, &json!({ "message": "words" }));
    for (path, records) in [("/v1/users/ada/events", "data"), (chat.as_str(), "messages")] {
        let list = project.get(path);
        for record in list[records].as_array().unwrap() {
            assert_ne!(record["created_at"], LONG_AGO, "{path}");
        }
    }
}

/// A change sets the time of its record, and of no other.
#[test]
fn a_change_is_dated_on_its_record_alone() {
    let project = Project::new();
    let mut paths = vec!["/v1/users/ada".to_owned(), "/v1/users/bob".to_owned()];
    for id in ["ada", "bob"] {
        project.post("/v1/users", &json!({ "id": id }));
        for (list, body) in [("/v1/memories", json!({ "content": "words" })), ("/v1/chats", json!({}))] {
            paths.push(format!("{list}/{}", project.make(list, &body)));
        }
    }
    let [ada, _, memory, chat, ..] = &paths[..] else { panic!("{paths:?}") };
    for (method, path, body, changed) in [
        ("PUT", memory.clone(), json!({ "title": "new" }), memory),
        ("PUT", memory.clone(), json!({ "metadata": { "a": 1 } }), memory),
        ("PUT", ada.clone(), json!({ "name": "Ada" }), ada),
        ("POST", "/v1/users".to_owned(), json!({ "id": "ada", "metadata": { "a": 1 } }), ada),
        ("POST", format!("{chat}/messages"), json!({ "message": "words" }), chat),
    ] {
        for table in ["memories", "users", "chats"] {
            let sql = format!("UPDATE {table} SET created_at = 1700000000, updated_at = 1700000000");
            execute(&project.data, &sql);
        }
        assert_eq!(project.send(method, &path, Some(&body)).0, 200, "{method} {path}");
        for record in &paths {
            let shown = project.get(record);
            assert_eq!(shown["created_at"], LONG_AGO, "{method} {path}: {record}");
            assert_eq!(shown["updated_at"] != LONG_AGO, record == changed, "{method} {path}: {record}");
        }
    }
}

/// Such a value is damaged, so it is not shown as another one.
#[test]
fn a_value_that_the_server_never_writes_is_an_error() {
    let project = Project::new();
    let memory = format!("/v1/memories/{}", project.make("/v1/memories", &json!({ "content": "words" })));
    let chat = format!("/v1/chats/{}/messages", project.make("/v1/chats", &json!({})));
    project.post(&chat, &json!({ "message": "words" }));
    let status = |path: &str| project.server.send_until_available("GET", path, Some(&project.key), None).0;
    for (path, damage, repair) in [
        (&memory, "UPDATE memories SET created_at = -1", "UPDATE memories SET created_at = 1"),
        (&memory, "UPDATE memories SET tags = '{}'", "UPDATE memories SET tags = '[]'"),
        (&memory, "UPDATE memories SET metadata = '[]'", "UPDATE memories SET metadata = '{}'"),
        (&chat, "UPDATE messages SET role = 'system'", "UPDATE messages SET role = 'user'"),
    ] {
        assert_eq!(status(path), 200, "before {damage}");
        execute(&project.data, damage);
        assert_eq!(status(path), 500, "{damage}");
        execute(&project.data, repair);
    }
}
