//! Lists are read page by page, as the documentation says: by a cursor, or by the last id of the previous page.

mod common;

use std::collections::BTreeSet;

use common::project::{Project, ids};
use serde_json::{Value, json};

/// Returns the path of each list of a project, and the body that adds a record to it.
fn lists(project: &Project) -> Vec<(String, Value)> {
    project.post("/v1/users", &json!({ "id": "ada" }));
    project.post("/v1/users", &json!({ "id": "bob" }));
    vec![
        ("/v1/memories".into(), json!({ "content": "words", "userId": "ada" })),
        ("/v1/chats".into(), json!({ "userId": "ada" })),
        ("/v1/users/ada/events".into(), json!({ "type": "view" })),
    ]
}

/// Returns all ids of a list. `next` returns the parameter that requests the page after a page.
fn walk(project: &Project, path: &str, limit: usize, next: impl Fn(&Value) -> String) -> Vec<String> {
    let (mut found, mut page) = (Vec::new(), project.get(&format!("{path}?limit={limit}")));
    for _ in 0..400 {
        let part = ids(&page["data"]);
        assert!(found.is_empty() || !part.is_empty(), "{path} by {limit}: nothing is on the last page");
        found.extend(part);
        if page["has_more"] == false {
            assert_eq!(page["cursor"], Value::Null);
            return found;
        }
        assert_eq!(ids(&page["data"]).len(), limit);
        page = project.get(&format!("{path}?limit={limit}&{}", next(&page)));
    }
    panic!("{path} has no end");
}

fn by_cursor(page: &Value) -> String {
    format!("cursor={}", page["cursor"].as_str().unwrap())
}

fn last_id(page: &Value) -> String {
    ids(&page["data"]).pop().unwrap()
}

#[test]
fn each_way_through_a_list_finds_every_record_once() {
    let project = Project::new();
    let other = project.other_key();
    project.server.send("POST", "/v1/users", Some(&other), Some(&json!({ "id": "ada" })));
    for (path, body) in lists(&project) {
        let mut made: Vec<String> = (0..45)
            .map(|_| {
                project.server.send("POST", &path, Some(&other), Some(&body));
                project.make(&path, &body)
            })
            .collect();
        made.reverse();
        for limit in [1, 20, 44, 45, 100] {
            assert_eq!(walk(&project, &path, limit, by_cursor), made, "{path} by {limit}");
            let snake = |page: &Value| format!("starting_after={}", last_id(page));
            assert_eq!(walk(&project, &path, limit, snake), made, "{path} by {limit}");
            let both = |page: &Value| format!("startingAfter={0}&starting_after={0}", last_id(page));
            assert_eq!(walk(&project, &path, limit, both), made, "{path} by {limit}");
        }
        let camel = |page: &Value| format!("startingAfter={}", last_id(page));
        assert_eq!(walk(&project, &path, 20, camel), made, "{path}");
        let after_last = project.get(&format!("{path}?starting_after={}", made[44]));
        assert_eq!(after_last, json!({ "data": [], "has_more": false, "cursor": null }));
    }
}

#[test]
fn a_page_has_no_more_records_than_its_list_allows() {
    let project = Project::new();
    let messages = format!("/v1/chats/{}/messages", project.make("/v1/chats", &json!({})));
    let lists = lists(&project).into_iter().map(|(path, _)| (path, 100));
    for (path, most) in lists.chain([(messages, 500)]) {
        for limit in [1, most] {
            project.get(&format!("{path}?limit={limit}"));
        }
        for limit in [-1, 0, most + 1] {
            let message = project.refused("GET", &format!("{path}?limit={limit}"), None);
            assert!(message.contains(&format!("from 1 to {most}")), "{path} by {limit}: {message}");
        }
    }
}

#[test]
fn a_place_that_is_not_in_the_list_is_refused() {
    let project = Project::new();
    let other = project.other_key();
    project.server.send("POST", "/v1/users", Some(&other), Some(&json!({ "id": "ada" })));
    let lists = lists(&project);
    let mut places = Vec::new();
    for (path, body) in &lists {
        let made: Vec<String> = (0..4).map(|_| project.make(path, body)).collect();
        let list = project.get(&format!("{path}?limit=2"));
        let cursor = list["cursor"].as_str().unwrap().to_owned();
        let gone = |path: &str, id: &str| match path {
            "/v1/users/ada/events" => format!("/v1/users/ada/events/{id}"),
            path => format!("{path}/{id}"),
        };
        let (_, of_other) = project.server.send("POST", path, Some(&other), Some(body));
        let of_other = of_other["id"].as_str().unwrap().to_owned();
        // a cursor outlives its record, an id does not
        assert_eq!(project.send("DELETE", &gone(path, &made[2]), None).0, 204);
        let rest = project.get(&format!("{path}?cursor={cursor}"));
        assert_eq!(ids(&rest["data"]), [made[1].as_str(), made[0].as_str()]);
        for id in [made[2].as_str(), &of_other, "none", "", "mem_1", "%27"] {
            let message = project.refused("GET", &format!("{path}?starting_after={id}"), None);
            assert!(message.contains("`starting_after`"), "{message}");
        }
        let both = format!("{path}?cursor={cursor}&startingAfter={}", made[0]);
        assert!(project.refused("GET", &both, None).contains("`cursor` and `starting_after`"));
        // the other project's list has no such cursor
        let (status, _) = project.server.send("GET", &format!("{path}?cursor={cursor}"), Some(&other), None);
        assert_eq!(status, 400);
        for index in 0..cursor.len() {
            let changed = if cursor.as_bytes()[index] == b'0' { "1" } else { "0" };
            let changed = format!("{}{changed}{}", &cursor[..index], &cursor[index + 1..]);
            project.refused("GET", &format!("{path}?cursor={changed}"), None);
        }
        let upper = cursor.to_uppercase();
        for wrong in [
            "",
            "-",
            "0",
            "memories-1",
            &upper,
            &cursor[2..],
            &format!("{cursor}00"),
            &format!("{cursor}%20"),
        ] {
            let message = project.refused("GET", &format!("{path}?cursor={wrong}"), None);
            assert!(message.contains("`cursor`"), "{message}");
        }
        places.push((path, cursor, made[0].clone()));
    }
    for (path, _) in &lists {
        for (of, cursor, id) in places.iter().filter(|(of, ..)| of != &path) {
            assert!(
                project.refused("GET", &format!("{path}?cursor={cursor}"), None).contains("`cursor`"),
                "{of}"
            );
            project.refused("GET", &format!("{path}?starting_after={id}"), None);
        }
    }
    // an unknown place is refused even if no record has the status
    project.refused("GET", "/v1/memories?status=failed&starting_after=none", None);
    // the events of another user are another list
    let (_, cursor, id) = &places[2];
    project.refused("GET", &format!("/v1/users/bob/events?cursor={cursor}"), None);
    project.refused("GET", &format!("/v1/users/bob/events?starting_after={id}"), None);
}

/// The cursors of several first pages share no digits, so they do not show how many rows other projects have added.
#[test]
fn a_cursor_reveals_nothing_about_other_projects() {
    let project = Project::new();
    let other = project.other_key();
    let body = json!({ "content": "words" });
    let mut cursors = BTreeSet::new();
    for _ in 0..3 {
        for _ in 0..5 {
            project.server.send("POST", "/v1/memories", Some(&other), Some(&body));
        }
        project.make("/v1/memories", &body);
        project.make("/v1/memories", &body);
        let cursor = project.get("/v1/memories?limit=1")["cursor"].as_str().unwrap().to_owned();
        assert!(
            cursor.len() == 96 && cursor.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{cursor}"
        );
        cursors.insert(cursor);
    }
    // no four digits are equal in all cursors, as the high digits of a number would be
    for index in 0..96 - 4 {
        let pieces: BTreeSet<&str> = cursors.iter().map(|cursor| &cursor[index..index + 4]).collect();
        assert!(pieces.len() > 1, "{cursors:?}");
    }
}

/// A restarted server stands for every server of the database: both read the key of the cursors from the database.
#[test]
fn a_cursor_is_valid_at_every_server_of_the_database() {
    let mut project = Project::new();
    let made: Vec<String> =
        (0..3).map(|_| project.make("/v1/memories", &json!({ "content": "c" }))).collect();
    let cursor = project.get("/v1/memories?limit=1")["cursor"].as_str().unwrap().to_owned();
    project.server.kill();
    project.server = common::Server::start(&project.data);
    let page = project.get(&format!("/v1/memories?cursor={cursor}"));
    assert_eq!(ids(&page["data"]), [made[1].as_str(), made[0].as_str()]);
}

#[test]
fn a_long_history_is_read_as_a_whole_and_in_order() {
    let project = Project::new();
    let chat = project.make("/v1/chats", &json!({ "title": "long" }));
    let path = format!("/v1/chats/{chat}/messages");
    for number in 0..125 {
        project.post(&path, &json!({ "message": format!("message {number}") }));
    }
    let whole = project.get(&path);
    assert_eq!(
        (&whole["id"], &whole["title"], &whole["has_more"]),
        (&json!(chat), &json!("long"), &json!(false))
    );
    let messages = whole["messages"].as_array().unwrap();
    let contents: Vec<&str> =
        messages.iter().step_by(2).map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(contents, (0..125).map(|number| format!("message {number}")).collect::<Vec<_>>());
    assert_eq!(messages.len(), 250);
    for (limit, by) in
        [(100, "cursor"), (100, "starting_after"), (7, "startingAfter"), (125, "cursor"), (250, "cursor")]
    {
        let (mut found, mut query) = (Vec::new(), format!("limit={limit}"));
        loop {
            let page = project.get(&format!("{path}?{query}"));
            let part = page["messages"].as_array().unwrap().clone();
            let last = part.last().unwrap()["id"].as_str().unwrap().to_owned();
            found.extend(part);
            if page["has_more"] == false {
                break;
            }
            let place = if by == "cursor" { page["cursor"].as_str().unwrap() } else { &last };
            query = format!("limit={limit}&{by}={place}");
        }
        assert!(found == *messages, "by {limit} and {by}: {} messages", found.len());
    }
    let other = project.make("/v1/chats", &json!({}));
    let cursor = project.get(&format!("{path}?limit=1"))["cursor"].as_str().unwrap().to_owned();
    project.refused("GET", &format!("/v1/chats/{other}/messages?cursor={cursor}"), None);
    let id = messages[0]["id"].as_str().unwrap();
    project.refused("GET", &format!("/v1/chats/{other}/messages?starting_after={id}"), None);

    project.post("/v1/users", &json!({ "id": "ada" }));
    let events: Vec<String> =
        (0..250).map(|_| project.make("/v1/users/ada/events", &json!({ "type": "view" }))).collect();
    assert_eq!(
        walk(&project, "/v1/users/ada/events", 100, by_cursor),
        events.into_iter().rev().collect::<Vec<_>>()
    );
}

/// The client may expect that an unknown parameter changes the result.
#[test]
fn an_unknown_parameter_is_refused_by_its_name() {
    let project = Project::new();
    lists(&project);
    let memory = project.make("/v1/memories", &json!({ "content": "c" }));
    let chat = project.make("/v1/chats", &json!({}));
    let messages = format!("/v1/chats/{chat}/messages");
    for (path, known) in [
        ("/v1/memories", ["limit", "cursor", "starting_after", "status", "type", "user_id"].as_slice()),
        ("/v1/chats", &["limit", "cursor", "starting_after", "user_id"]),
        (&messages, &["limit", "cursor", "starting_after"]),
        ("/v1/users/ada/events", &["limit", "cursor", "starting_after", "type"]),
        (&format!("/v1/memories/{memory}"), &[]),
        (&format!("/v1/chats/{chat}"), &[]),
        ("/v1/users/ada", &[]),
        ("/v1/key", &[]),
    ] {
        for unknown in [
            "offset",
            "page",
            "order",
            "sort",
            "before",
            "after",
            "ending_before",
            "starting_afterr",
            "Limit",
            "endingBefore",
        ] {
            let message = project.refused("GET", &format!("{path}?{unknown}=1"), None);
            assert!(message.contains(&format!("`{unknown}`")), "{path}: {message}");
            assert!(known.iter().all(|name| message.contains(&format!("`{name}`"))), "{path}: {message}");
        }
    }
    assert!(project.refused("DELETE", "/v1/users/ada?casacde=true", None).contains("`cascade`"));
    for wrong in ["cascade=perhaps", "cascade=1", "cascade=", "cascade=True", "cascade=true&cascade=false"] {
        project.refused("DELETE", &format!("/v1/users/ada?{wrong}"), None);
    }
    for (method, path, body) in [
        ("POST", "/v1/memories", json!({ "content": "c" })),
        ("PUT", &format!("/v1/memories/{memory}"), json!({})),
        ("DELETE", &format!("/v1/memories/{memory}"), json!({})),
        ("POST", "/v1/memories/batch", json!({ "items": [{ "content": "c" }] })),
        ("POST", "/v1/users", json!({ "id": "ada" })),
        ("PUT", "/v1/users/ada", json!({})),
        ("POST", "/v1/users/ada/events", json!({ "type": "a" })),
        ("POST", "/v1/chats", json!({})),
        ("POST", &messages, json!({ "message": "m" })),
        ("DELETE", &format!("/v1/chats/{chat}"), json!({})),
    ] {
        assert!(project.refused(method, &format!("{path}?dry_run=true"), Some(&body)).contains("`dry_run`"));
    }
    let company = format!("/api/v1/companies/{}", project.company);
    for path in [
        "/api/v1/companies",
        &format!("{company}/api-keys"),
        &format!("{company}/projects"),
        &format!("{company}/tokens"),
    ] {
        let (status, answer) =
            project.server.send("GET", &format!("{path}?offset=1"), Some(&project.token), None);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains("`offset`"), "{path}: {message}");
    }
}

#[test]
fn a_repeated_parameter_must_have_the_same_value() {
    let project = Project::new();
    for path in ["/v1/memories", "/v1/chats"] {
        for user in ["ada", "bob"] {
            project.make(path, &json!({ "content": "c", "user_id": user }));
        }
        for same in
            ["user_id=ada&userId=ada", "userId=ada&user_id=ada", "userId=ada&userId=ada&limit=5&limit=5"]
        {
            assert_eq!(ids(&project.get(&format!("{path}?{same}"))["data"]).len(), 1, "{path}?{same}");
        }
        for different in [
            "user_id=ada&userId=bob",
            "userId=ada&userId=bob",
            "limit=1&limit=2",
            "user_id=ada&userId=",
            "limit=1&limit=01",
        ] {
            project.refused("GET", &format!("{path}?{different}"), None);
        }
    }
}
