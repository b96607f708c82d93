//! A search has a short time limit, and searches use few connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ctx_key_server::store::text_search::{MAX_CANDIDATES, MAX_MEMORIES_OF_WORD, MAX_WORDS, TIME_LIMIT};
use serde_json::json;

use crate::common::{Server, assert_within, wait};
use crate::fixture::{Fixture, path};
use crate::index::{insertion, queued};
use crate::trouble::{End, count, execute, skip, status};

/// Replaces the word index by a view with an endless number of rows.
fn make_endless(fixture: &Fixture) {
    if fixture.data.is_postgres() {
        make_slow(fixture, "3600");
    } else {
        replace(
            fixture,
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
             SELECT -i AS word, 0 AS memory, 0 AS weight FROM n",
        );
    }
}

/// Makes PostgreSQL take this number of seconds to read the table of words.
fn make_slow(fixture: &Fixture, seconds: &str) {
    let slow = "SELECT (random() * 0)::bigint AS word, 0::bigint AS memory, 0 AS weight FROM pg_sleep";
    replace(fixture, &format!("{slow}({seconds})"));
}

fn replace(fixture: &Fixture, words: &str) {
    let sql = format!("ALTER TABLE memory_words RENAME TO kept; CREATE VIEW memory_words AS {words}");
    execute(&fixture.data, &sql);
}

fn unavailable(
    server: &Server,
    method: &str,
    path: &str,
    key: &str,
    body: Option<&serde_json::Value>,
) -> Duration {
    let begin = Instant::now();
    let response = server.request(method, path, Some(key), body);
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!((response.status().as_u16(), retry_after.as_deref()), (503, Some("2")), "{method} {path}");
    begin.elapsed()
}

#[test]
fn a_slow_search_is_interrupted() {
    let fixture = Fixture::new();
    let (_, chat) = fixture.send("POST", "/v1/chats", Some(&json!({})));
    let messages = format!("/v1/chats/{}/messages", chat["id"].as_str().unwrap());
    make_endless(&fixture);
    // the limit of other statements is five seconds
    let limit = Duration::from_secs(2);
    for (method, path, body) in [
        ("GET", path("tea", ""), None),
        ("GET", path("tea kettle", "&tags=x&user_id=ada"), None),
        ("POST", messages.clone(), Some(json!({ "message": "tea" }))),
    ] {
        assert_within(limit, || {
            let time = unavailable(&fixture.server, method, &path, &fixture.key, body.as_ref());
            if time < limit { Ok(()) } else { Err(format!("{path}: {time:?}")) }
        });
    }
    let (_, stored) = fixture.send("GET", &messages, None);
    assert_eq!(stored["messages"], json!([]), "a message without an answer is not stored");
    // the connections are used again
    execute(&fixture.data, "DROP VIEW memory_words; ALTER TABLE kept RENAME TO memory_words");
    fixture.note("tea", "tea");
    assert_eq!(fixture.titles("tea"), ["tea"]);
}

/// Each statement alone takes less than the limit.
#[test]
fn a_search_of_many_slow_statements_is_interrupted() {
    let fixture = Fixture::new();
    if !fixture.data.is_postgres() {
        return skip("a_search_of_many_slow_statements_is_interrupted");
    }
    make_slow(&fixture, "0.1");
    let words: String = (0..MAX_WORDS).map(|word| format!("w{word} ")).collect();
    let limit = Duration::from_secs(2);
    assert_within(limit, || {
        let time = unavailable(&fixture.server, "GET", &path(&words, ""), &fixture.key, None);
        if time < limit { Ok(()) } else { Err(format!("{time:?}")) }
    });
}

#[test]
fn searches_use_at_most_a_quarter_of_the_connections() {
    let fixture = Fixture::new();
    make_endless(&fixture);
    let (other, path) = (fixture.other_key(), path("tea", ""));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&is_over);
        for _ in 0..16 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(fixture.server.get(&path, Some(&fixture.key)).status(), 503);
                }
            });
        }
        let in_use = || count(&fixture.server, "ctx_key_pool_connections_in_use");
        wait(|| in_use() >= 2);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(2) {
            assert_eq!(fixture.server.send("GET", "/v1/memories", Some(&other), None).0, 200);
            assert_eq!(status(&fixture.server, &other), 200);
            // two for searches, one for the background task, and one that an earlier request is about to return
            assert!(in_use() <= 4);
        }
    });
}

#[test]
fn the_newest_memories_of_a_common_word_are_ranked() {
    let fixture = Fixture::new();
    fixture.remember(&json!({ "title": "oldest", "content": "violet tea", "tags": ["x"], "user_id": "bob" }));
    let common = MAX_MEMORIES_OF_WORD + 10;
    let memories: String = (0..common).map(|number| insertion(&fixture.id, number, "tea")).collect();
    execute(&fixture.data, &memories);
    wait(|| queued(&fixture.data) == Some(0));
    fixture.note("newest", "violet");
    assert_eq!(fixture.search("tea", "")["total_results"], MAX_MEMORIES_OF_WORD);
    // the oldest has both words, although it is not among the newest memories of the common word
    let answer = fixture.search("violet tea", "");
    assert_eq!(
        (&answer["results"][0]["title"], &answer["results"][1]["title"]),
        (&json!("oldest"), &json!("newest"))
    );
    assert_eq!(answer["total_results"], MAX_MEMORIES_OF_WORD + 2);
    assert_eq!(fixture.titles_with("violet tea", "&tags=x"), ["oldest"]);
    // the more words, the fewer memories of each
    let answer = fixture.search("tea kettle spoon sugar lemon honey ginger mint", "");
    assert_eq!(answer["total_results"], MAX_CANDIDATES / 8);
    // memories of other users do not push out the memory of this user
    assert_eq!(fixture.titles_with("tea", "&user_id=bob"), ["oldest"]);
}

#[test]
fn only_the_first_words_of_a_long_question_are_searched() {
    let fixture = Fixture::new();
    let word = |number: usize| format!("word{number}");
    fixture.note("last", &word(MAX_WORDS));
    fixture.note("one more", &word(MAX_WORDS + 1));
    let question: Vec<_> = (1..=MAX_WORDS + 1).map(word).collect();
    assert_eq!(fixture.titles(&question.join(" ")), ["last"]);
}

#[test]
fn a_whole_text_is_looked_for_in_the_best_100_memories() {
    let fixture = Fixture::new();
    // its content is longer, so it comes after the others with the same pairs of characters
    fixture.note("whole", "她在北京大学学习");
    let pairs = "北京 京大 大学";
    let memories: String = (0..99).map(|number| insertion(&fixture.id, number, pairs)).collect();
    execute(&fixture.data, &memories);
    wait(|| queued(&fixture.data) == Some(0));
    assert_eq!(fixture.titles_with("北京大学", "&precision=high"), ["whole"]);
    fixture.note("one more", pairs);
    assert_eq!(fixture.search("北京大学", "&precision=high")["total_results"], 101);
}

#[test]
fn the_bounds_are_documented() {
    let fixture = Fixture::new();
    let (_, document) = fixture.server.send("GET", "/openapi.json", None, None);
    let description = document["paths"]["/v1/memories/search"]["get"]["description"].as_str().unwrap();
    let readme = include_str!("../../README.md").replace(",", "");
    let time = usize::try_from(TIME_LIMIT.as_millis()).unwrap();
    for bound in [MAX_WORDS, MAX_MEMORIES_OF_WORD, MAX_CANDIDATES, time] {
        assert!(description.contains(&bound.to_string()), "{bound}: {description}");
        assert!(readme.contains(&format!(" {bound} ")), "{bound}");
    }
}
