//! The API that keys open, as the platform's clients use it: their shapes, their headers, their expectations.

mod common;

use std::io::Write;
use std::net::TcpStream;

use common::project::{ALL_SCOPES, Project, ids};
use common::rest;
use serde_json::{Value, json};

/// The titles that a search finds, the best first.
fn found(project: &Project, parameters: &str) -> Vec<String> {
    let body = project.get(&format!("/v1/memories/search?{parameters}"));
    assert_eq!(body["graph"], Value::Null);
    assert!(body["request_id"].as_str().unwrap().starts_with("req_"));
    let results = body["results"].as_array().unwrap();
    let scores: Vec<f64> = results.iter().map(|result| result["score"].as_f64().unwrap()).collect();
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!(results.iter().all(|result| result["id"] == result["memory_id"]));
    results.iter().map(|result| result["title"].as_str().unwrap().to_owned()).collect()
}

/// Sends bytes as they are, and reads the answer to its end.
fn answer_to(project: &Project, head: &[u8], body: &[u8]) -> String {
    let mut stream = TcpStream::connect(project.server.address()).unwrap();
    stream.write_all(head).unwrap();
    stream.write_all(b"host: localhost\r\nconnection: close\r\n\r\n").unwrap();
    // the answer may come, and the connection end, before all is sent
    let _ = stream.write_all(body);
    rest(stream)
}

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

    // they go with their user
    project.send("DELETE", "/v1/users/ada", None);
    project.post("/v1/users", &json!({ "id": "ada" }));
    assert_eq!(ids(&project.get("/v1/users/ada/events")["data"]).len(), 0);
}

#[test]
fn a_list_has_what_fits_its_filters() {
    let project = Project::new();
    for user in ["ada", "bob"] {
        project.post("/v1/users", &json!({ "id": user }));
    }
    let mut made = Vec::new();
    for (user, kind) in [("ada", "note"), ("bob", "note"), ("ada", "task"), ("bob", "task")] {
        let memory = json!({ "content": "words", "type": kind, "user_id": user });
        let chat = project.make("/v1/chats", &json!({ "title": kind, "user_id": user }));
        let event = project.make(&format!("/v1/users/{user}/events"), &json!({ "type": kind }));
        made.push([project.make("/v1/memories", &memory), chat, event]);
    }
    let [memories, chats, events] =
        [0, 1, 2].map(|list| made.iter().map(|ids| &ids[list]).collect::<Vec<_>>());
    // the path, and the places of the records that it lists, the newest first
    for (path, all, places) in [
        ("/v1/memories", &memories, &[3, 2, 1, 0][..]),
        ("/v1/memories?type=note", &memories, &[1, 0]),
        ("/v1/memories?user_id=ada", &memories, &[2, 0]),
        ("/v1/memories?userId=bob&type=task", &memories, &[3]),
        ("/v1/memories?type=notes", &memories, &[]),
        ("/v1/memories?type=Note", &memories, &[]),
        ("/v1/memories?status=completed&type=task", &memories, &[3, 2]),
        ("/v1/memories?status=failed", &memories, &[]),
        ("/v1/chats", &chats, &[3, 2, 1, 0]),
        ("/v1/chats?user_id=bob", &chats, &[3, 1]),
        ("/v1/chats?userId=Ada", &chats, &[]),
        ("/v1/users/ada/events", &events, &[2, 0]),
        ("/v1/users/bob/events", &events, &[3, 1]),
        ("/v1/users/bob/events?type=note", &events, &[1]),
        ("/v1/users/bob/events?type=none", &events, &[]),
    ] {
        let expected: Vec<_> = places.iter().map(|&place: &usize| all[place].clone()).collect();
        assert_eq!(ids(&project.get(path)["data"]), expected, "{path}");
    }
}

#[test]
fn a_users_memories_and_chats_go_if_that_is_said() {
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

#[test]
fn a_chat_answers_with_memories_that_the_key_may_read() {
    let project = Project::new();
    project.make("/v1/memories", &json!({ "content": "green tea", "title": "Tea" }));
    let untitled = project.make("/v1/memories", &json!({ "content": "black coffee" }));
    let chat = project.post("/v1/chats", &json!({ "title": "Talk", "metadata": { "a": [1] } }));
    assert_eq!((&chat["title"], &chat["metadata"]), (&json!("Talk"), &json!({ "a": [1] })));
    let path = format!("/v1/chats/{}/messages", chat["id"].as_str().unwrap());
    let answer = project.post(&path, &json!({ "message": "green", "stream": false }));
    assert_eq!(answer["message"]["role"], "assistant");
    let content = |answer: &Value| answer["message"]["content"].as_str().unwrap().to_owned();
    assert_eq!(content(&answer), "Memories with the words of your message: Tea.");
    let answer = project.post(&path, &json!({ "message": "coffee" }));
    assert_eq!(content(&answer), format!("Memories with the words of your message: {untitled}."));
    let answer = project.post(&path, &json!({ "message": "purple" }));
    assert_eq!(content(&answer), "No memory has a word of your message.");

    for scopes in [&["chats:write"][..], &["chats:read", "chats:write", "memories:write", "users:read"]] {
        let key = project.server.key_in(&project.token, &project.company, &project.id, scopes);
        let (status, answer) =
            project.server.send("POST", &path, Some(&key), Some(&json!({ "message": "green" })));
        let refused = "Your message is stored. Memories were not searched: the key lacks memories:read.";
        assert_eq!((status, content(&answer).as_str()), (200, refused), "{scopes:?}");
    }

    let shown = project.get(&path);
    assert_eq!((&shown["id"], &shown["title"]), (&chat["id"], &json!("Talk")));
    let messages = shown["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant"].repeat(5));
    assert_eq!(messages[0]["content"], "green");
    let first = project.get(&format!("{path}?limit=2"));
    assert_eq!(first["messages"].as_array().unwrap()[..], messages[..2]);
    let next = project.get(&format!("{path}?limit=2&cursor={}", first["cursor"].as_str().unwrap()));
    assert_eq!(next["messages"].as_array().unwrap()[..], messages[2..4]);

    let chat = format!("/v1/chats/{}", chat["id"].as_str().unwrap());
    assert_eq!(project.send("DELETE", &chat, None), (204, Value::Null));
    assert_eq!(project.send("GET", &path, None).0, 404);
    assert_eq!(project.send("POST", &path, Some(&json!({ "message": "hello" }))).0, 404);
    assert_eq!(project.send("DELETE", &chat, None).0, 404);
}

#[test]
fn a_chat_of_a_user_is_told_of_no_other_users_memories() {
    let project = Project::new();
    project.make("/v1/memories", &json!({ "content": "tea", "title": "Ada's", "user_id": "ada" }));
    project.make("/v1/memories", &json!({ "content": "tea", "title": "Bob's", "user_id": "bob" }));
    let chat = project.post("/v1/chats", &json!({ "user_id": "ada" }));
    let path = format!("/v1/chats/{}/messages", chat["id"].as_str().unwrap());
    let answer = project.post(&path, &json!({ "message": "tea" })).to_string();
    assert!(answer.contains("Ada's") && !answer.contains("Bob's"), "{answer}");
}

/// Method, path, scope, body and success of every route that a scope guards.
fn routes(project: &Project) -> Vec<(&'static str, String, &'static str, Option<Value>, u16)> {
    let memory = project.make("/v1/memories", &json!({ "content": "words" }));
    let doomed = project.make("/v1/memories", &json!({ "content": "words" }));
    for user in ["ada", "doomed"] {
        project.post("/v1/users", &json!({ "id": user }));
    }
    let event = project.post("/v1/users/ada/events", &json!({ "type": "a" }));
    let event = event["id"].as_str().unwrap();
    let chat = || project.post("/v1/chats", &json!({}))["id"].as_str().unwrap().to_owned();
    let (doomed_chat, chat) = (chat(), chat());
    let body = |body: Value| Some(body);
    vec![
        ("POST", "/v1/memories".into(), "memories:write", body(json!({ "content": "words" })), 202),
        (
            "POST",
            "/v1/memories/batch".into(),
            "memories:write",
            body(json!({ "items": [{ "content": "words" }] })),
            202,
        ),
        ("GET", "/v1/memories".into(), "memories:read", None, 200),
        ("GET", "/v1/memories/search?query=words".into(), "memories:read", None, 200),
        ("GET", format!("/v1/memories/{memory}"), "memories:read", None, 200),
        ("PUT", format!("/v1/memories/{memory}"), "memories:write", body(json!({ "title": "t" })), 200),
        ("DELETE", format!("/v1/memories/{doomed}"), "memories:write", None, 204),
        ("POST", "/v1/users".into(), "users:write", body(json!({ "id": "new" })), 201),
        ("GET", "/v1/users/ada".into(), "users:read", None, 200),
        ("PUT", "/v1/users/ada".into(), "users:write", body(json!({ "name": "Ada" })), 200),
        ("DELETE", "/v1/users/doomed?cascade=true".into(), "users:write", None, 204),
        ("POST", "/v1/users/ada/events".into(), "users:write", body(json!({ "type": "b" })), 201),
        ("GET", "/v1/users/ada/events".into(), "users:read", None, 200),
        ("DELETE", format!("/v1/users/ada/events/{event}"), "users:write", None, 204),
        ("POST", "/v1/chats".into(), "chats:write", body(json!({ "title": "t" })), 201),
        ("GET", "/v1/chats".into(), "chats:read", None, 200),
        ("GET", format!("/v1/chats/{chat}"), "chats:read", None, 200),
        ("GET", format!("/v1/chats/{chat}/messages"), "chats:read", None, 200),
        ("POST", format!("/v1/chats/{chat}/messages"), "chats:write", body(json!({ "message": "m" })), 200),
        ("DELETE", format!("/v1/chats/{doomed_chat}"), "chats:write", None, 204),
    ]
}

#[test]
fn each_route_needs_its_scope_and_no_other() {
    let project = Project::new();
    let key = |scopes: &[&str]| project.server.key_in(&project.token, &project.company, &project.id, scopes);
    let with_only: Vec<_> = ALL_SCOPES.iter().map(|&scope| key(&[scope])).collect();
    let without: Vec<_> = ALL_SCOPES
        .iter()
        .map(|&lacking| key(&ALL_SCOPES.into_iter().filter(|&scope| scope != lacking).collect::<Vec<_>>()))
        .collect();
    for (method, path, scope, body, success) in routes(&project) {
        let index = ALL_SCOPES.iter().position(|&name| name == scope).unwrap();
        let mut response = project.server.request(method, &path, Some(&without[index]), body.as_ref());
        assert_eq!(response.status(), 403, "{method} {path}");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
        assert!(challenge.contains(&format!(r#"scope="{scope}""#)), "{challenge}");
        let answer: Value = response.body_mut().read_json().unwrap();
        assert_eq!(answer["error"]["code"], "insufficient_scope");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(&format!(": {scope}")), "{message}");

        let (status, answer) = project.server.send(method, &path, Some(&with_only[index]), body.as_ref());
        assert_eq!(status, success, "{method} {path}: {answer}");
        assert_eq!(answer.is_null(), success == 204, "{method} {path}: {answer}");
    }
}

#[test]
fn another_projects_records_are_not_there() {
    let project = Project::new();
    let other = project.other_key();
    let mut there = 0;
    for (method, path, _, body, _) in routes(&project) {
        let (status, answer) = project.server.send(method, &path, Some(&other), body.as_ref());
        if path.matches('/').count() > 2 && !path.contains("/search") && !path.contains("/batch") {
            assert_eq!(status, 404, "{method} {path}: {answer}");
            there += 1;
        } else if method == "GET" {
            let list = answer.get("data").or(answer.get("results")).unwrap().as_array().unwrap();
            // what the loop itself has made before
            assert!(list.len() <= 2, "{method} {path}: {answer}");
        }
    }
    assert_eq!(there, 13);
    // the same id is another user, and neither is changed through the other
    project.server.send("POST", "/v1/users", Some(&other), Some(&json!({ "id": "ada", "name": "Other" })));
    assert_eq!(project.get("/v1/users/ada")["name"], Value::Null);
    let remove = "/v1/users/ada?cascade=true";
    project.make("/v1/memories", &json!({ "content": "ours", "user_id": "ada" }));
    project.make("/v1/chats", &json!({ "title": "ours", "user_id": "ada" }));
    assert_eq!(project.server.send("DELETE", remove, Some(&other), None).0, 204);
    for list in ["memories", "chats"] {
        assert_eq!(ids(&project.get(&format!("/v1/{list}?user_id=ada"))["data"]).len(), 1, "{list}");
    }
    assert_eq!(project.get("/v1/users/ada")["id"], "ada");
}

#[test]
fn lists_go_on_without_a_gap_or_a_double() {
    let project = Project::new();
    let other = project.other_key();
    project.post("/v1/users", &json!({ "id": "ada" }));
    let bodies = [
        ("/v1/memories", json!({ "content": "words" })),
        ("/v1/chats", json!({})),
        ("/v1/users/ada/events", json!({ "type": "a" })),
    ];
    for (path, body) in bodies {
        let mut made: Vec<String> = (0..45)
            .map(|_| {
                // another project's come between
                project.server.send("POST", path, Some(&other), Some(&body));
                project.post(path, &body)["id"].as_str().unwrap().to_owned()
            })
            .collect();
        made.reverse();
        for limit in [1, 20, 44, 45, 100] {
            let mut listed = Vec::new();
            let mut query = format!("limit={limit}");
            loop {
                let list = project.get(&format!("{path}?{query}"));
                listed.extend(ids(&list["data"]));
                let Some(cursor) = list["cursor"].as_str() else {
                    assert_eq!(list["has_more"], false);
                    break;
                };
                assert_eq!(list["has_more"], true);
                query = format!("limit={limit}&cursor={cursor}");
            }
            assert_eq!(listed, made, "{path}, by {limit}");
        }
        assert_eq!(ids(&project.get(path)["data"]).len(), 20);
        for wrong in
            ["limit=0", "limit=101", "limit=-1", "limit=a", "cursor=", "cursor=abc", "cursor=chats-1"]
        {
            assert_eq!(project.send("GET", &format!("{path}?{wrong}"), None).0, 400, "{path}?{wrong}");
        }
    }
    let cursor = project.get("/v1/memories?limit=1")["cursor"].as_str().unwrap().to_owned();
    assert_eq!(project.send("GET", &format!("/v1/chats?cursor={cursor}"), None).0, 400);
}

#[test]
fn a_search_puts_the_best_first() {
    let project = Project::new();
    let memories = [
        ("body", json!({ "content": "the kettle makes tea at noon" })),
        ("kettle and tea", json!({ "content": "about drinks", "userId": "ada", "tags": ["x", "y"] })),
        ("only one", json!({ "content": "a kettle" })),
        ("long", json!({ "content": format!("kettle tea {}", "filler ".repeat(2_000)), "type": "note" })),
    ];
    for (title, mut body) in memories {
        body["title"] = json!(title);
        project.make("/v1/memories", &body);
    }
    assert_eq!(found(&project, "query=tea+kettle"), ["kettle and tea", "body", "long", "only one"]);
    assert_eq!(found(&project, "query=KETTLE+tea&limit=1"), ["kettle and tea"]);
    assert_eq!(project.get("/v1/memories/search?query=tea&limit=1")["total_results"], 3);
    assert_eq!(found(&project, "query=tea&type=note&include_graph=true&precision=high"), ["long"]);
    for by_user in ["user_id=ada", "userId=ada&includeGraph=true", "tags=x", "tags=x,y", "tags=x&tags=y"] {
        assert_eq!(found(&project, &format!("query=tea&{by_user}")), ["kettle and tea"], "{by_user}");
    }
    assert!(found(&project, "query=tea&tags=x,z").is_empty());
    for all in [
        "created_after=2020-01-01T00:00:00Z",
        "createdBefore=2999-01-01",
        "created_after=2020-01-01T00:00:00",
    ] {
        assert_eq!(found(&project, &format!("query=tea&{all}")).len(), 3, "{all}");
    }
    for none in ["createdAfter=2999-01-01T00:00:00%2B02:00", "created_before=2020-01-01", "score_threshold=1"]
    {
        assert!(found(&project, &format!("query=tea&{none}")).is_empty(), "{none}");
    }
    for wrong in
        ["", "query=", "query=a&limit=0", "query=a&created_after=yesterday", "query=a&score_threshold=2"]
    {
        assert_eq!(project.send("GET", &format!("/v1/memories/search?{wrong}"), None).0, 400, "{wrong}");
    }
    // what is changed is found by its new words, and what is removed by none
    let id = project.make("/v1/memories", &json!({ "content": "violet", "title": "changed" }));
    let path = format!("/v1/memories/{id}");
    project.send("PUT", &path, Some(&json!({ "content": "indigo" })));
    assert_eq!(
        (found(&project, "query=indigo"), found(&project, "query=violet")),
        (vec!["changed".into()], vec![])
    );
    project.send("DELETE", &path, None);
    assert!(found(&project, "query=indigo").is_empty());
}

#[test]
fn other_projects_do_not_change_a_score() {
    let project = Project::new();
    project.make("/v1/memories", &json!({ "content": "the kettle makes tea" }));
    let search = || project.get("/v1/memories/search?query=kettle")["results"].clone();
    let before = search();
    let other = project.other_key();
    for _ in 0..5 {
        let body = json!({ "content": "kettle kettle" });
        project.server.send("POST", "/v1/memories", Some(&other), Some(&body));
    }
    assert_eq!(search(), before);
}

#[test]
fn what_is_searched_for_is_never_a_command() {
    let project = Project::new();
    project.make("/v1/memories", &json!({ "content": "plain words", "title": "plain" }));
    let attempts = [
        "\"",
        "\"\"",
        "'",
        "plain OR nothing",
        "plain NOT words",
        "title:plain",
        "{title content}: plain",
        "pl*",
        "^words",
        "NEAR(plain words)",
        "plain AND",
        "(",
        ")",
        "plain)",
        "-plain",
        "plain:*",
        "!plain",
        "plain & | !",
        "a <-> b",
        "\\",
        "'; DROP TABLE memories; --",
        "%",
        "+",
        "   ",
        "!!!",
        "\u{FFFD}",
        "日本語",
    ];
    for attempt in attempts {
        let query: String = attempt.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, body) = project.send("GET", &format!("/v1/memories/search?query={query}"), None);
        assert_eq!(status, 200, "{attempt}: {body}");
    }
    assert_eq!(found(&project, "query=plain+OR+nothing"), ["plain"]);
    assert!(found(&project, "query=pl*").is_empty());
    assert_eq!(found(&project, "query=%22plain%22"), ["plain"]);
    let many = format!("query={}", "a+".repeat(500));
    assert_eq!(project.send("GET", &format!("/v1/memories/search?{many}"), None).0, 200);
    assert_eq!(project.send("GET", &format!("/v1/memories/search?{many}a"), None).0, 400);
}

#[test]
fn bounds_are_told() {
    let project = Project::new();
    let deep = (0..17).fold(json!(1), |inner, _| json!({ "a": inner }));
    let refused = [
        (json!({}), "content"),
        (json!({ "content": "" }), "content"),
        (json!({ "content": "a".repeat(100_001) }), "content"),
        (json!({ "content": 1 }), "string"),
        (json!({ "content": "a", "title": "é".repeat(501) }), "title"),
        (json!({ "content": "a", "type": "" }), "type"),
        (json!({ "content": "a", "user_id": "u".repeat(129) }), "user_id"),
        (json!({ "content": "a", "language": "l".repeat(65) }), "language"),
        (json!({ "content": "a", "format": "f".repeat(65) }), "format"),
        (json!({ "content": "a", "tags": vec!["t"; 51] }), "tags"),
        (json!({ "content": "a", "tags": ["t".repeat(101)] }), "tags"),
        (json!({ "content": "a", "metadata": { "a": "x".repeat(16 * 1024) } }), "metadata"),
        (json!({ "content": "a", "metadata": deep }), "metadata"),
        (json!({ "content": "a", "metadata": [1] }), "map"),
        (json!({ "content": "a\0b" }), "NUL"),
        (json!({ "content": "a", "metadata": { "a\0": 1 } }), "NUL"),
        (json!({ "content": "a\\\0" }), "NUL"),
        (json!(["content", "title"]), "object"),
    ];
    for (body, word) in refused {
        let (status, answer) = project.send("POST", "/v1/memories", Some(&body));
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(status, 400, "{message}");
        assert!(message.contains(word), "{word}: {message}");
    }
    let most = json!({
        "content": "é".repeat(50_000), "title": "é".repeat(500), "user_id": "é".repeat(128), "tags": vec!["t".repeat(100); 50],
        "metadata": (0..16).fold(json!(1), |inner, _| json!({ "a": inner })), "language": "\\u0000",
    });
    project.make("/v1/memories", &most);
    for (path, status) in [("/v1/memories/a%00", 404), ("/v1/users/%00", 404), ("/v1/memories?type=%00", 400)]
    {
        assert_eq!(project.send("GET", path, None).0, status, "{path}");
    }
    for path in ["/v1/chats", "/v1/users"] {
        let body = json!({ "id": "", "title": "t".repeat(501) });
        assert_eq!(project.send("POST", path, Some(&body)).0, 400, "{path}");
    }
    assert_eq!(
        project.send("POST", "/v1/users", Some(&json!({ "id": "u", "email": "e".repeat(501) }))).0,
        400
    );
    assert_eq!(project.send("GET", "/v1/users/u", None).0, 404, "nothing is left of what was refused");
}

/// What takes the most of an index for its length.
#[test]
fn the_longest_contents_are_stored_whatever_they_are_made_of() {
    let project = Project::new();
    let cut = |text: String| text.chars().take(100_000).collect::<String>();
    let contents = [
        cut((0..70_000).map(|number| format!("{:02x} ", number % 256)).collect()),
        cut((0..70_000).map(|number| format!("{number:x} ")).collect()),
        cut((0..70_000).map(|number| format!("{number:x}-{number:x}-")).collect()),
        cut((0..40_000).map(|number| format!("a{number:x}-b ")).collect()),
        cut((0..40_000).map(|number| format!("a.de/{number:x} ")).collect()),
        "a".repeat(100_000),
    ];
    for content in contents {
        let (status, answer) = project.send("POST", "/v1/memories", Some(&json!({ "content": content })));
        assert_eq!(status, 202, "{}…: {answer}", &content[..40]);
    }
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

#[test]
fn paths_that_no_scope_names_are_not_there() {
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
fn bodies_that_are_no_json_or_too_large_are_refused() {
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
fn a_content_type_without_a_body_is_nothing() {
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
