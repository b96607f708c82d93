//! Records that are stored while another transaction removes or extends them, their user or their chat, on PostgreSQL. SQLite has
//! one writer at a time.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::project::Project;
use crate::common::{assert_within, wait};
use crate::trouble::{number, postgres, skip};

/// Time after which the server no longer waits for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

fn on_postgres(test: &str) -> Option<Project> {
    if std::env::var_os("CTX_KEY_TEST_POSTGRES").is_none() {
        skip(test);
        return None;
    }
    Some(Project::new())
}

/// Executes `first` in a transaction, and posts a record. Executes `then` and commits when the server waits for the transaction.
fn post_during(project: &Project, [first, then]: [&str; 2], path: &str, body: &Value) -> (u16, Value) {
    let mut client = postgres(&project.data);
    let mut transaction = client.transaction().unwrap();
    transaction.batch_execute(first).unwrap();
    thread::scope(|scope| {
        let answer = scope.spawn(|| project.send("POST", path, Some(body)));
        let waiting = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait(|| answer.is_finished() || number(&project.data, waiting) == Some(1));
        transaction.batch_execute(then).unwrap();
        transaction.commit().unwrap();
        answer.join().unwrap()
    })
}

#[test]
fn a_record_of_a_user_or_chat_that_is_being_removed_is_refused() {
    let Some(project) = on_postgres("a_record_of_a_user_or_chat_that_is_being_removed_is_refused") else {
        return;
    };
    assert_within(LOCK_TIMEOUT, || {
        project.post("/v1/users", &json!({ "id": "ada" }));
        let body = json!({ "type": "seen" });
        let (status, answer) =
            post_during(&project, ["DELETE FROM users", ""], "/v1/users/ada/events", &body);
        if status == 404 { Ok(()) } else { Err(format!("{status} {answer}")) }
    });
    assert_within(LOCK_TIMEOUT, || {
        let chat = project.make("/v1/chats", &json!({}));
        let path = format!("/v1/chats/{chat}/messages");
        let (status, answer) =
            post_during(&project, ["DELETE FROM chats", ""], &path, &json!({ "message": "hello" }));
        if status == 404 { Ok(()) } else { Err(format!("{status} {answer}")) }
    });
}

/// The server finds the user, and then waits for the transaction that removes it.
#[test]
fn a_user_who_is_removed_during_an_upsert_is_created_again() {
    let Some(project) = on_postgres("a_user_who_is_removed_during_an_upsert_is_created_again") else {
        return;
    };
    let lock_and_remove = ["SELECT id FROM users FOR UPDATE", "DELETE FROM users"];
    for (change, metadata) in
        [(json!({}), json!({})), (json!({ "metadata": { "new": 1 } }), json!({ "new": 1 }))]
    {
        assert_within(LOCK_TIMEOUT, || {
            let old =
                json!({ "id": "ada", "email": "old@example.com", "name": "Old", "metadata": { "old": 1 } });
            project.post("/v1/users", &old);
            let mut body = change.clone();
            body["id"] = json!("ada");
            let (status, mut user) = post_during(&project, lock_and_remove, "/v1/users", &body);
            for time in ["created_at", "updated_at"] {
                user[time].take();
            }
            let new = json!({ "id": "ada", "email": null, "name": null, "metadata": metadata,
                              "created_at": null, "updated_at": null });
            if (status, &user) == (201, &new) { Ok(()) } else { Err(format!("{status} {user}")) }
        });
    }
}

/// Otherwise a reader who continues after the last message that it has seen misses messages.
#[test]
fn a_message_comes_after_those_that_are_stored_before_it() {
    let Some(project) = on_postgres("a_message_comes_after_those_that_are_stored_before_it") else { return };
    assert_within(LOCK_TIMEOUT, || {
        let chat = project.make("/v1/chats", &json!({}));
        let path = format!("/v1/chats/{chat}/messages");
        let first = format!("UPDATE chats SET updated_at = updated_at WHERE id = '{chat}'");
        let then = format!(
            "INSERT INTO messages (id, chat, role, content, created_at) VALUES ('msg_{chat}', '{chat}', 'user', 'first', 0)"
        );
        let (status, answer) = post_during(&project, [&first, &then], &path, &json!({ "message": "second" }));
        let listed = project.get(&path);
        let messages = listed["messages"].as_array().unwrap();
        let contents: Vec<_> = messages.iter().map(|message| &message["content"]).collect();
        let expected = [&json!("first"), &json!("second"), &answer["message"]["content"]];
        if contents == expected { Ok(()) } else { Err(format!("{status} {answer} {contents:?}")) }
    });
}

/// A transaction that stores an event or a message holds such a lock, through the foreign key.
#[test]
fn a_user_and_a_chat_can_be_changed_while_other_records_refer_to_them() {
    let name = "a_user_and_a_chat_can_be_changed_while_other_records_refer_to_them";
    let Some(project) = on_postgres(name) else { return };
    project.post("/v1/users", &json!({ "id": "ada" }));
    let chat = project.make("/v1/chats", &json!({}));
    let mut client = postgres(&project.data);
    let mut transaction = client.transaction().unwrap();
    transaction
        .batch_execute("SELECT id FROM users FOR KEY SHARE; SELECT id FROM chats FOR KEY SHARE")
        .unwrap();
    let user = project.post("/v1/users", &json!({ "id": "ada", "metadata": { "new": 1 } }));
    assert_eq!(user["metadata"], json!({ "new": 1 }));
    let answer = project.post(&format!("/v1/chats/{chat}/messages"), &json!({ "message": "hello" }));
    assert_eq!(answer["message"]["role"], "assistant");
    transaction.commit().unwrap();
}
