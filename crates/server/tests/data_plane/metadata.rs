//! Metadata is kept as it was sent, and merged by name.

use std::thread;

use serde_json::{Value, json};

use crate::common::project::Project;
use crate::common::wait;

/// Values that would change if they were parsed as `f64`, sorted, or written again.
const KEPT: &str = r#"{"z":12345678901234567890123,"a":1.0,"m":1,"e":1e400,"n":-0,"f":0.10,"t":"\u00e9\ud83d\ude00\/","o":{"y":[1.50,{"x":2E+3}],"b":null},"":true}"#;

/// Returns the text of a field's object in an answer.
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
    // a merge keeps the text of the names that it does not change
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
    // for a new user, a null deletes nothing and is not stored
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
fn an_object_that_cannot_be_kept_is_refused() {
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
    // an unknown field is skipped, however deep it is
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
            wait(|| match project.send(method, path, Some(&body)) {
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
