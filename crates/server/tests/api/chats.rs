//! A chat answers with the memories that its key and its user may read.

use serde_json::{Value, json};

use crate::common::project::Project;

#[test]
fn a_chat_answers_with_memories_that_the_key_may_read() {
    let project = Project::new();
    project.make("/v1/memories", &json!({ "content": "green tea", "title": "Tea" }));
    let untitled = project.make("/v1/memories", &json!({ "content": "black coffee" }));
    let empty = project.make("/v1/memories", &json!({ "content": "red juice", "title": "" }));
    let blank = project.make("/v1/memories", &json!({ "content": "cold water", "title": " \u{3000}" }));
    let chat = project.post("/v1/chats", &json!({ "title": "Talk", "metadata": { "a": [1] } }));
    assert_eq!((&chat["title"], &chat["metadata"]), (&json!("Talk"), &json!({ "a": [1] })));
    let other = project.make("/v1/chats", &json!({}));
    project.post(&format!("/v1/chats/{other}/messages"), &json!({ "message": "not listed elsewhere" }));
    let path = format!("/v1/chats/{}/messages", chat["id"].as_str().unwrap());
    let answer = project.post(&path, &json!({ "message": "green", "stream": false }));
    assert_eq!(answer["message"]["role"], "assistant");
    let content = |answer: &Value| answer["message"]["content"].as_str().unwrap().to_owned();
    assert_eq!(content(&answer), "Memories with the words of your message: Tea.");
    for (word, id) in [("coffee", untitled), ("juice", empty), ("water", blank)] {
        let answer = project.post(&path, &json!({ "message": word }));
        assert_eq!(content(&answer), format!("Memories with the words of your message: {id}."));
    }
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
    assert_eq!(roles, ["user", "assistant"].repeat(7));
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
fn an_answer_names_the_five_best_memories() {
    let project = Project::new();
    for title in ["a", "b", "c", "d", "e", "f"] {
        project.make("/v1/memories", &json!({ "content": "tea", "title": title }));
    }
    let chat = project.make("/v1/chats", &json!({}));
    let answer = project.post(&format!("/v1/chats/{chat}/messages"), &json!({ "message": "tea" }));
    let expected = "Memories with the words of your message: f; e; d; c; b.";
    assert_eq!(answer["message"]["content"], expected);
}

#[test]
fn a_chat_of_a_user_uses_no_memory_of_another_user() {
    let project = Project::new();
    project.make("/v1/memories", &json!({ "content": "tea", "title": "Ada's", "user_id": "ada" }));
    project.make("/v1/memories", &json!({ "content": "tea", "title": "Bob's", "user_id": "bob" }));
    let chat = project.post("/v1/chats", &json!({ "user_id": "ada" }));
    let path = format!("/v1/chats/{}/messages", chat["id"].as_str().unwrap());
    let answer = project.post(&path, &json!({ "message": "tea" })).to_string();
    assert!(answer.contains("Ada's") && !answer.contains("Bob's"), "{answer}");
}
