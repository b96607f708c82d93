//! The word index follows the memories, whichever program writes them.

use std::fs;

use ctx_key::ApiKey;
use ctx_key_server::database::{Database, Location, STATEMENT_TIMEOUT};
use ctx_key_server::store::migration::{STEPS, prepare};
use ctx_key_server::store::word_index::index_some;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::common::{Data, Server, wait};
use crate::fixture::{Fixture, search};
use crate::trouble::{database_file, execute, insert, number};

fn rows(data: &Data) -> Option<i64> {
    number(data, "SELECT count(*) FROM memory_words")
}

/// Returns the number of memories that wait for the background task.
pub fn queued(data: &Data) -> Option<i64> {
    number(data, "SELECT count(*) FROM memories_without_words")
}

#[test]
fn words_are_written_and_removed_with_their_memory() {
    let fixture = Fixture::new();
    let data = &fixture.data;
    let of_user =
        |user: &str| fixture.remember(&json!({ "content": "violet tea", "title": "Tea", "user_id": user }));
    let id = fixture.note("changed", "violet");
    assert_eq!((rows(data), queued(data)), (Some(2), Some(0)));
    let memory = format!("/v1/memories/{id}");
    for (change, expected) in [
        (json!({ "content": "indigo and cyan" }), ["indigo", "cyan", "changed"]),
        (json!({ "title": "renamed" }), ["indigo", "cyan", "renamed"]),
        (
            json!({ "tags": ["violet"], "type": "changed", "metadata": { "a": "violet" } }),
            ["indigo", "cyan", "renamed"],
        ),
    ] {
        assert_eq!(fixture.send("PUT", &memory, Some(&change)).0, 200);
        // two words of the content, a stop word, and one word of the title
        assert_eq!((rows(data), queued(data)), (Some(4), Some(0)), "{change}");
        for word in expected {
            assert_eq!(fixture.titles(word).len(), 1, "{word} after {change}");
        }
        assert_eq!(fixture.titles("violet"), [""; 0]);
    }
    fixture.send("PUT", &memory, Some(&json!({ "title": null })));
    assert_eq!(rows(data), Some(3));
    assert_eq!(fixture.send("DELETE", &memory, None).0, 204);
    assert_eq!((rows(data), queued(data)), (Some(0), Some(0)));

    // each memory has two words, and each word has a row for the project and a row for the user
    for user in ["ada", "ada", "bob"] {
        of_user(user);
    }
    assert_eq!((rows(data), queued(data)), (Some(12), Some(0)));
    fixture.send("POST", "/v1/users", Some(&json!({ "id": "ada" })));
    assert_eq!(fixture.send("DELETE", "/v1/users/ada", None).0, 204);
    assert_eq!(fixture.titles_with("violet", "&user_id=ada"), ["Tea", "Tea"]);
    fixture.send("POST", "/v1/users", Some(&json!({ "id": "ada" })));
    assert_eq!(fixture.send("DELETE", "/v1/users/ada?cascade=true", None).0, 204);
    assert_eq!((rows(data), queued(data)), (Some(4), Some(0)));
    assert_eq!(fixture.titles("violet"), ["Tea"]);
}

#[test]
fn a_large_memory_is_found_by_each_of_its_words() {
    let fixture = Fixture::new();
    let words: String = (0..16_000).map(|word| format!("w{word:04x} ")).collect();
    assert!(words.len() <= 100_000);
    fixture.remember(&json!({ "content": words, "title": "large", "user_id": "ada" }));
    assert_eq!((rows(&fixture.data), queued(&fixture.data)), (Some(32_002), Some(0)));
    for word in ["w0000", "w3e7f", "w1234"] {
        assert_eq!(fixture.titles_with(word, "&userId=ada"), ["large"]);
    }
    assert_eq!(fixture.titles("w3e80"), [""; 0]);
}

/// Returns a statement that stores a memory without the server.
pub fn insertion(project: &str, number: usize, content: &str) -> String {
    format!(
        "INSERT INTO memories (id, project, title, content, tags, metadata, \"user\", created_at, updated_at) \
         VALUES ('mem_{number}', '{project}', 'title {number}', '{content}', '[]', '{{}}', 'ada', {number}, {number}); "
    )
}

fn open(data: &Data) -> Database {
    let location = match data.server_url() {
        Some(url) => Location::Postgres(url),
        None => Location::Sqlite(database_file(data)),
    };
    Database::open(location).unwrap()
}

#[test]
fn memories_without_words_keep_no_others_waiting() {
    let Fixture { server, data, id: project, .. } = Fixture::new();
    server.stop();
    // a memory that was never indexed does not stay in the queue
    execute(&data, &insertion(&project, 1_000, "!"));
    execute(&data, "DELETE FROM memories");
    assert_eq!(queued(&data), Some(0));
    let memories: String = (0..150).map(|number| insertion(&project, number, "!")).collect();
    execute(&data, &format!("{memories} UPDATE memories SET title = NULL"));
    assert_eq!(queued(&data), Some(150));
    let runtime = Runtime::new().unwrap();
    let more = [50, 0, 0].map(|left| {
        let more = runtime.block_on(index_some(&open(&data))).unwrap();
        assert_eq!(queued(&data), Some(left));
        more
    });
    assert_eq!(more, [true, true, false]);
    // only a change of what is indexed puts a memory into the queue again
    for (change, left) in
        [("type = 'note', updated_at = 1", 0), ("\"user\" = 'eve'", 1), ("title = 'tea'", 1)]
    {
        execute(&data, &format!("UPDATE memories SET {change} WHERE id = 'mem_7'"));
        assert_eq!(queued(&data), Some(left), "{change}");
    }
}

/// SQLite lets nobody else write meanwhile.
#[test]
fn large_memories_are_indexed_in_short_transactions() {
    let Fixture { server, data, id: project, .. } = Fixture::new();
    server.stop();
    let words: String = (0..11_000).map(|word| format!("w{word:04x} ")).collect();
    let memories: String = (0..3).map(|number| insertion(&project, number, &words)).collect();
    execute(&data, &memories);
    assert_eq!(queued(&data), Some(3));
    let runtime = Runtime::new().unwrap();
    let left = [(); 3].map(|()| {
        assert!(runtime.block_on(index_some(&open(&data))).unwrap());
        queued(&data)
    });
    assert_eq!(left, [2, 1, 0].map(Some));
}

#[test]
fn memories_of_an_older_database_are_found_after_the_upgrade() {
    let data = Data::new();
    Runtime::new().unwrap().block_on(async {
        prepare(&open(&data), &STEPS[..2], STATEMENT_TIMEOUT).await.unwrap();
    });
    let key = ApiKey::generate();
    let memories: String =
        (0..250).map(|number| insertion("proj", number, &format!("violet w{number}"))).collect();
    execute(
        &data,
        &format!(
            "INSERT INTO accounts (id, email, password, created_at) VALUES ('acc', 'a@example.com', '', 0); \
             INSERT INTO companies (id, account, name, slug, created_at) VALUES ('org', 'acc', 'A', 'a', 0); \
             INSERT INTO projects (id, company, name, created_at) VALUES ('proj', 'org', 'P', 0); {memories}"
        ),
    );
    insert(&data, "proj", &key);
    fs::write(data.folder.path().join("has-accounts"), "").unwrap();
    // several servers share the work
    let servers = [Server::start(&data), Server::start(&data)];
    let found = |query: &str| search(&servers[0], key.expose_secret(), query, "&limit=100&userId=ada");
    wait(|| queued(&data) == Some(0));
    let latest = i64::try_from(STEPS.len()).ok();
    assert_eq!(number(&data, "SELECT max(version) FROM schema_version"), latest);
    assert_eq!(found("violet")["total_results"], 250);
    assert_eq!(found("w249")["results"][0]["title"], "title 249");
    // `title`, its number, and two words of the content, each with a row for the project and a row for the user
    assert_eq!(rows(&data), Some(250 * 8));

    // as if a server of version 2, which writes no words, ran at the same time
    execute(&data, &insertion("proj", 1000, "indigo"));
    wait(|| found("indigo")["total_results"] == 1);
    execute(&data, "UPDATE memories SET content = 'cyan' WHERE id = 'mem_1000'");
    wait(|| found("cyan")["total_results"] == 1);
    assert_eq!(found("indigo")["total_results"], 0);
    execute(&data, "DELETE FROM memories WHERE id <> 'mem_1000'");
    assert_eq!((rows(&data), queued(&data)), (Some(6), Some(0)));
}
