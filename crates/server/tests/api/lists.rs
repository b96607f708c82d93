//! Lists: their filters and their pages.

use serde_json::json;

use crate::common::project::{Project, ids};

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
                // a record of another project lies between each two of this one
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
