//! What the platform's documentation promises of the data plane: nothing that a client sends is lost silently.

mod common;
mod trouble;

use std::thread;

use common::project::{Project, ids};
use serde_json::{Value, json};
use trouble::execute;

/// Each status with its type, wherever the error comes from.
#[test]
fn errors_have_the_documented_types_and_the_requests_id_twice() {
    let project = Project::new();
    let reads = project.server.key_in(&project.token, &project.company, &project.id, &["memories:read"]);
    let keys = format!("/api/v1/companies/{}/api-keys", project.company);
    let projects = format!("/api/v1/companies/{}/projects", project.company);
    project.server.send("POST", &projects, Some(&project.token), Some(&json!({ "name": "taken" })));
    let (key, token) = (Some(project.key.as_str()), Some(project.token.as_str()));
    let empty = json!({});
    for (method, path, bearer, body, status, kind) in [
        ("GET", "/v1/memories?limit=0", key, None, 400, "bad_request"),
        ("POST", "/v1/memories", key, Some(empty.clone()), 400, "bad_request"),
        ("GET", "/v1/memories", Some("a b"), None, 400, "bad_request"),
        ("GET", "/v1/memories", None, None, 401, "authentication_error"),
        ("GET", "/v1/memories", Some("ctx_none"), None, 401, "authentication_error"),
        ("POST", "/v1/memories", Some(reads.as_str()), Some(empty.clone()), 403, "forbidden"),
        ("GET", "/v1/memories/none", key, None, 404, "not_found"),
        ("GET", "/v1/nothing", key, None, 404, "not_found"),
        ("PATCH", "/v1/memories", key, None, 405, "bad_request"),
        ("POST", "/v1/memories", key, Some(json!({ "content": "a".repeat(1 << 20) })), 413, "bad_request"),
        ("POST", &projects, token, Some(json!({ "name": "taken" })), 409, "conflict"),
        ("GET", &keys, token, None, 200, ""),
        ("GET", &keys, key, None, 401, "authentication_error"),
        ("GET", "/api/v1/companies/org_none/projects", token, None, 404, "not_found"),
        ("GET", "/forward-auth/caddy", Some("a b"), None, 400, "bad_request"),
        ("GET", "/forward-auth/caddy", key, None, 403, "forbidden"),
    ] {
        let mut response = project.server.request(method, path, bearer, body.as_ref());
        assert_eq!(response.status(), status, "{method} {path}");
        if status == 200 {
            continue;
        }
        let header = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body: Value = response.body_mut().read_json().unwrap();
        let error = &body["error"];
        assert_eq!(error["type"], kind, "{method} {path}: {body}");
        assert_eq!((&error["request_id"], &body["request_id"]), (&json!(header), &json!(header)), "{body}");
        let expected = json!({ "error": { "type": kind, "code": error["code"], "message": error["message"], "request_id": header },
                               "request_id": header });
        assert_eq!(body, expected);
    }
}

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

/// Values that `f64`, a sorted map or a second writer would change.
const KEPT: &str = r#"{"z":12345678901234567890123,"a":1.0,"m":1,"e":1e400,"n":-0,"f":0.10,"t":"\u00e9\ud83d\ude00\/","o":{"y":[1.50,{"x":2E+3}],"b":null},"":true}"#;

/// The object of a field, as an answer has it.
fn object<'a>(answer: &'a str, field: &str) -> &'a str {
    let start = format!("\"{field}\":{{");
    let rest = &answer[answer.find(&start).expect(field) + start.len() - 1..];
    let mut depth = 0;
    let end = rest.find(|character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        depth == 0
    });
    &rest[..=end.unwrap()]
}

#[test]
fn metadata_is_kept_as_the_text_that_was_sent() {
    let project = Project::new();
    let id = |answer: &str| {
        let answer: Value = serde_json::from_str(&answer.replace("1e400", "0")).unwrap();
        answer["id"].as_str().unwrap().to_owned()
    };
    let (status, made) =
        project.send_text("POST", "/v1/memories", &format!(r#"{{"content":"a","metadata":{KEPT}}}"#));
    assert_eq!((status, object(&made, "metadata")), (202, KEPT));
    let memory = format!("/v1/memories/{}", id(&made));
    let (_, user) = project.send_text("POST", "/v1/users", &format!(r#"{{"metadata":{KEPT},"id":"ada"}}"#));
    let (_, chat) = project.send_text("POST", "/v1/chats", &format!(r#"{{"metadata":{KEPT}}}"#));
    let chat_path = format!("/v1/chats/{}", id(&chat));
    let (_, event) =
        project.send_text("POST", "/v1/users/ada/events", &format!(r#"{{"type":"a","data":{KEPT}}}"#));
    for (answer, field, paths) in [
        (made, "metadata", [memory.as_str(), "/v1/memories"]),
        (user, "metadata", ["/v1/users/ada"; 2]),
        (chat, "metadata", [&chat_path, "/v1/chats"]),
        (event, "data", ["/v1/users/ada/events"; 2]),
    ] {
        assert_eq!(object(&answer, field), KEPT);
        for path in paths {
            assert_eq!(object(&project.send_text("GET", path, "").1, field), KEPT, "{path}");
        }
    }
    // a merge of other names leaves the others as they are
    let merged = format!(r#"{},"new":7.0}}"#, &KEPT[..KEPT.len() - 1]);
    let merged = merged.replace(r#""m":1,"#, "").replace(r#""f":0.10"#, r#""f":{"g":null}"#);
    let change = r#"{"metadata":{"new":7.0,"m":null,"f":{"g":null}}}"#;
    let of_user = r#"{"id":"ada","metadata":{"new":7.0,"m":null,"f":{"g":null}}}"#;
    for (method, path, body, read) in
        [("PUT", memory.as_str(), change, memory.as_str()), ("POST", "/v1/users", of_user, "/v1/users/ada")]
    {
        let (status, answer) = project.send_text(method, path, body);
        assert_eq!((status, object(&answer, "metadata")), (200, merged.as_str()));
        assert_eq!(object(&project.send_text("GET", read, "").1, "metadata"), merged);
    }
}

#[test]
fn metadata_is_merged_by_name_and_a_users_is_replaced_by_put() {
    let project = Project::new();
    let first = json!({ "a": { "x": 1, "y": 2 }, "b": 1, "c": null });
    let memory = project.make("/v1/memories", &json!({ "content": "m", "metadata": first }));
    let memory = format!("/v1/memories/{memory}");
    // of a new user, a null deletes a name that was not there
    let user = project.post("/v1/users", &json!({ "id": "ada", "metadata": first }));
    assert_eq!(user["metadata"], json!({ "a": { "x": 1, "y": 2 }, "b": 1 }));
    for (change, expected) in [
        (json!({ "b": 2, "c": null, "d": [null] }), json!({ "a": { "x": 1, "y": 2 }, "b": 2, "d": [null] })),
        (json!({ "a": { "x": 3 }, "none": null }), json!({ "a": { "x": 3 }, "b": 2, "d": [null] })),
        (json!({}), json!({ "a": { "x": 3 }, "b": 2, "d": [null] })),
        (json!({ "a": null, "b": null, "d": null }), json!({})),
        (json!({ "e": { "f": null } }), json!({ "e": { "f": null } })),
        (Value::Null, json!({})),
    ] {
        let (status, changed) = project.send("PUT", &memory, Some(&json!({ "metadata": change })));
        assert_eq!((status, &changed["metadata"]), (200, &expected), "{change}");
        let (status, user) =
            project.send("POST", "/v1/users", Some(&json!({ "id": "ada", "metadata": change })));
        assert_eq!((status, &user["metadata"]), (200, &expected), "{change}");
        assert_eq!(project.get("/v1/users/ada")["metadata"], expected);
        assert_eq!(project.get(&memory), changed);
    }
    project.send("PUT", &memory, Some(&json!({ "metadata": { "kept": 1 } })));
    let (_, changed) = project.send("PUT", &memory, Some(&json!({ "title": "other" })));
    assert_eq!(changed["metadata"], json!({ "kept": 1 }));

    for replaced in [json!({ "a": 1 }), json!({ "b": null, "c": { "d": 1 } }), json!({}), Value::Null] {
        let (status, user) = project.send("PUT", "/v1/users/ada", Some(&json!({ "metadata": replaced })));
        let expected = if replaced.is_null() { json!({}) } else { replaced };
        assert_eq!((status, &user["metadata"]), (200, &expected));
    }
    for (path, body) in [("/v1/users/none", json!({ "metadata": {} })), ("/v1/users/none", json!({}))] {
        assert_eq!(project.send("PUT", path, Some(&body)).0, 404);
    }
    let none = "/v1/memories/none";
    assert_eq!(project.send("PUT", none, Some(&json!({ "metadata": { "a": 1 } }))).0, 404);
}

#[test]
fn a_merge_that_would_be_too_large_changes_nothing() {
    let project = Project::new();
    let half = "x".repeat(9_000);
    let memory = project.make("/v1/memories", &json!({ "content": "m", "metadata": { "a": half } }));
    let memory = format!("/v1/memories/{memory}");
    project.post("/v1/users", &json!({ "id": "ada", "name": "Ada", "metadata": { "a": half } }));
    let change = json!({ "id": "ada", "title": "new", "name": "new", "metadata": { "b": half } });
    for (method, path, read) in
        [("PUT", memory.as_str(), memory.as_str()), ("POST", "/v1/users", "/v1/users/ada")]
    {
        let before = project.get(read);
        assert!(project.refused(method, path, Some(&change)).contains("`metadata`"));
        assert_eq!(project.get(read), before);
        let smaller = json!({ "id": "ada", "metadata": { "b": half, "a": null } });
        let (status, answer) = project.send(method, path, Some(&smaller));
        assert_eq!((status, &answer["metadata"]), (200, &json!({ "b": half })));
    }
}

#[test]
fn an_object_that_can_not_be_kept_is_refused() {
    let project = Project::new();
    let memory = project.make("/v1/memories", &json!({ "content": "m" }));
    let memory = format!("/v1/memories/{memory}");
    project.post("/v1/users", &json!({ "id": "ada" }));
    let deep = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let lists = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let deep_list = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let wide = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length - r#"{"a":""}"#.len()));
    let escaped_key = format!(r#"{{"a":["\u0063{}"]}}"#, &project.key[1..]);
    let routes = [
        ("POST", "/v1/memories", "metadata"),
        ("PUT", &memory, "metadata"),
        ("POST", "/v1/users", "metadata"),
        ("PUT", "/v1/users/ada", "metadata"),
        ("POST", "/v1/chats", "metadata"),
        ("POST", "/v1/users/ada/events", "data"),
    ];
    for (object, word) in [
        (deep(17).as_str(), "levels"),
        (&lists(16), "levels"),
        (&deep(60_000), "metadata"),
        (&deep_list, "metadata"),
        (&wide(16 * 1024 + 1), "metadata"),
        (&escaped_key, "API key"),
        (r#"{"a":1,"a":2}"#, "`a`"),
        (r#"{"a":1,"\u0061":1}"#, "`a`"),
        (r#"{"b":[{"a":1,"a":2}]}"#, "`a`"),
        (r#"{"a":"\u0000"}"#, "NUL"),
        (r#"{"\u0000":1}"#, "NUL"),
        (r#"{"a":["\ud800"]}"#, "metadata"),
        (r#"{"a":01}"#, "JSON"),
        (r#"{"a":.5}"#, "JSON"),
        (r#"{"a":NaN}"#, "JSON"),
        (r#"{"a":1,}"#, "JSON"),
        ("[]", "map"),
        (r#""text""#, "map"),
        ("1", "map"),
    ] {
        for (method, path, field) in routes {
            let body = format!(r#"{{"content":"c","id":"bob","type":"t","{field}":{object}}}"#);
            let (status, answer) = project.send_text(method, path, &body);
            let start = &object[..object.len().min(40)];
            assert_eq!(status, 400, "{method} {path} {start}: {answer}");
            let word = if word == "metadata" { field } else { word };
            assert!(answer.contains(word), "{method} {path} {start}: {answer}");
            assert!(!answer.contains(&project.key[16..]), "{answer}");
        }
    }
    assert_eq!(project.send("GET", "/v1/users/bob", None).0, 404);
    for fine in [deep(16), lists(15), wide(16 * 1024)] {
        for (method, path, field) in routes {
            let body = format!(r#"{{"content":"c","id":"bob","type":"t","{field}":{fine}}}"#);
            let (status, answer) = project.send_text(method, path, &body);
            assert!((200..300).contains(&status), "{method} {path}: {answer}");
            assert_eq!(object(&answer, field), fine, "{method} {path}");
        }
    }
    // what is not known is skipped, however deep
    let unknown = format!(r#"{{"content":"c","unknown":{}}}"#, deep(60_000));
    assert_eq!(project.send_text("POST", "/v1/memories", &unknown).0, 202);
}

/// Each thread writes names of its own.
#[test]
fn merges_at_the_same_time_lose_nothing() {
    const THREADS: usize = 4;
    const NAMES: usize = 12;
    let project = Project::new();
    let memory = project.make("/v1/memories", &json!({ "content": "m" }));
    let memory = format!("/v1/memories/{memory}");
    let merge = |method: &str, path: &str, thread: usize| {
        for name in 0..NAMES {
            let metadata = json!({ format!("{thread}-{name}"): name });
            let body = json!({ "id": "ada", "metadata": metadata });
            // a server may be busy for longer than a request waits
            common::wait(|| match project.send(method, path, Some(&body)) {
                (200 | 201, _) => true,
                (503, _) => false,
                other => panic!("{other:?}"),
            });
        }
    };
    let merge = &merge;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let memory = memory.as_str();
            scope.spawn(move || merge("PUT", memory, thread));
            scope.spawn(move || merge("POST", "/v1/users", thread));
        }
    });
    for path in [memory.as_str(), "/v1/users/ada"] {
        let metadata = &project.get(path)["metadata"];
        for (thread, name) in (0..THREADS).flat_map(|thread| (0..NAMES).map(move |name| (thread, name))) {
            assert_eq!(metadata[format!("{thread}-{name}")], name, "{path}: {metadata}");
        }
    }
}

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
    // where a credential is made, nothing stands twice
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
    // in the order of the batch, so the last is the newest
    assert_eq!(project.get("/v1/memories?limit=1")["data"][0]["content"], "last");

    let defaults = json!({ "type": "default", "tags": ["default"], "userId": "eve", "metadata": { "d": 1 }, "language": "en" });
    let (status, answer) =
        batch(&json!({ "items": [items[0], items[9], { "content": "bare" }], "defaults": defaults }));
    assert_eq!((status, &answer["failed"]), (202, &json!(0)), "{answer}");
    let shown = |index: usize| {
        let item = &answer["items"][index];
        json!([item["type"], item["tags"], item["user_id"], item["metadata"], item["language"]])
    };
    assert_eq!(shown(0), json!(["default", ["own"], "ada", { "n": 1 }, "en"]));
    assert_eq!(shown(1), json!(["own", ["default"], "eve", { "d": 1 }, "en"]));
    assert_eq!(shown(2), json!(["default", ["default"], "eve", { "d": 1 }, "en"]));

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
fn a_chat_is_shown() {
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

/// A character may have four bytes.
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

/// A change sets the time of its record, and of no other.
#[test]
fn a_change_is_dated_on_its_record_alone() {
    const LONG_AGO: &str = "2023-11-14T22:13:20Z";
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

/// The official clients have these calls.
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

/// Clients' libraries take `.` and `..` for steps in a path, so that such a user could not be reached.
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
            // as it is: the client of the other tests would resolve the steps
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

/// A client that puts its key in the wrong place does not find it in the log of whoever shows the error.
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
    // also where the message is cut
    for length in (300..400).step_by(7) {
        let before = "x.".repeat(length / 2);
        refused("GET", &format!("/v1/memories?{before}{key}=1"), None);
        refused("GET", &format!("/v1/key?{before}{key}=1"), None);
        refused("POST", "/v1/memories", Some(json!({ "content": "a", "tags": format!("{before}{key}") })));
    }
}
