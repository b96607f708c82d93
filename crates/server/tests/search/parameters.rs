//! The parameters of a search.

use serde_json::{Value, json};

use crate::common::wait;
use crate::fixture::Fixture;
use crate::trouble::execute;

#[test]
fn an_answer_has_ten_memories_unless_the_client_sets_a_limit() {
    let fixture = Fixture::new();
    let body = json!({
        "title": "Tea", "content": "Ada likes tea", "type": "note", "tags": ["drinks", "ada"],
        "metadata": { "page": 3 }, "user_id": "ada",
    });
    let id = fixture.remember(&body);
    for _ in 0..11 {
        fixture.remember(&json!({ "content": "tea" }));
    }
    execute(&fixture.data, &format!("UPDATE memories SET created_at = 1700000000 WHERE id = '{id}'"));
    let answer = fixture.search("tea", "");
    assert_eq!((answer["results"].as_array().unwrap().len(), &answer["total_results"]), (10, &json!(12)));
    assert!(answer["request_id"].as_str().unwrap().starts_with("req_"), "{answer}");
    assert_eq!(
        answer.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["graph", "request_id", "results", "total_results"]
    );
    let (_, stored) = fixture.send("GET", &format!("/v1/memories/{id}"), None);
    let mut expected =
        json!({ "memory_id": id, "id": id, "user_id": "ada", "created_at": stored["created_at"] });
    for field in ["title", "content", "type", "tags", "metadata"] {
        expected[field] = body[field].clone();
    }
    let mut first = answer["results"][0].clone();
    assert!(first["score"].take().is_f64());
    expected["score"] = Value::Null;
    assert_eq!(first, expected);
    let bare = &answer["results"][1];
    assert_eq!((&bare["title"], &bare["type"], &bare["user_id"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!((&bare["tags"], &bare["metadata"]), (&json!([]), &json!({})));
    for (limit, number) in [("1", 1), ("11", 11), ("100", 12)] {
        let answer = fixture.search("tea", &format!("&limit={limit}"));
        assert_eq!(answer["results"].as_array().unwrap().len(), number);
    }
}

#[test]
fn a_filter_keeps_only_memories_that_match() {
    let fixture = Fixture::new();
    for (title, mut body) in [
        ("plain", json!({})),
        ("typed", json!({ "type": "note", "tags": ["two words"] })),
        ("x", json!({ "tags": ["x"] })),
        ("x and y", json!({ "tags": ["x", "y"] })),
        ("ada", json!({ "user_id": "ada", "tags": ["x"] })),
        ("bob", json!({ "user_id": "bob" })),
    ] {
        body["title"] = json!(title);
        body["content"] = json!("tea");
        fixture.remember(&body);
    }
    for (second, title) in
        [(100, "plain"), (200, "typed"), (300, "x"), (400, "x and y"), (500, "ada"), (600, "bob")]
    {
        execute(&fixture.data, &format!("UPDATE memories SET created_at = {second} WHERE title = '{title}'"));
    }
    for (filter, expected) in [
        ("&type=note", &["typed"][..]),
        ("&type=notes", &[]),
        ("&tags=x", &["ada", "x and y", "x"]),
        ("&tags=x,y", &["x and y"]),
        ("&tags=y&tags=x", &["x and y"]),
        ("&tags=%20x%20,", &["ada", "x and y", "x"]),
        ("&tags=X", &[]),
        ("&tags=%20two%20words%20", &["typed"]),
        ("&user_id=ada", &["ada"]),
        ("&userId=bob", &["bob"]),
        ("&user_id=ada&userId=ada", &["ada"]),
        ("&user_id=ada&tags=y", &[]),
        ("&user_id=eve", &[]),
        ("&user_id=", &[]),
        ("&userId=", &[]),
        ("&created_after=1970-01-01T00:08:19Z", &["bob", "ada"]),
        ("&createdAfter=1970-01-01T00:08:20Z", &["bob"]),
        ("&created_before=1970-01-01T00:03:20Z", &["plain"]),
        ("&createdBefore=1970-01-01T00:03:20.5Z", &["typed", "plain"]),
        ("&created_before=1970-01-01T01:03:20%2B01:00", &["plain"]),
        ("&created_after=1970-01-01T00:03:20&created_before=1970-01-01T00:06:40", &["x"]),
        ("&created_after=2999-01-01", &[]),
        ("&score_threshold=1", &[]),
        ("&scoreThreshold=0&type=note", &["typed"]),
        ("&precision=low&type=note", &["typed"]),
        ("&precision=medium&include_graph=false&type=note", &["typed"]),
        ("&precision=high&includeGraph=true&type=note", &["typed"]),
        ("&include_graph=True&type=note&type=note&limit=5", &["typed"]),
    ] {
        assert_eq!(fixture.titles_with("tea", filter), expected, "{filter}");
        assert_eq!(fixture.search("tea", filter)["graph"], Value::Null, "{filter}");
    }
    assert_eq!(fixture.titles("tea").len(), 6);
}

#[test]
fn high_precision_keeps_only_memories_with_most_of_the_words() {
    let fixture = Fixture::new();
    for (title, content) in [("both", "kettle tea"), ("also", "tea from a kettle"), ("one", "tea")] {
        fixture.note(title, content);
    }
    assert_eq!(fixture.titles_with("kettle tea zebra", "&precision=high"), ["both", "also"]);
    assert_eq!(fixture.search("kettle tea zebra", "&precision=high")["total_results"], 2);
    for more in ["", "&precision=medium", "&precision=low"] {
        assert_eq!(fixture.titles_with("kettle tea zebra", more), ["both", "also", "one"]);
    }
}

#[test]
fn an_invalid_parameter_is_refused_by_name() {
    let fixture = Fixture::new();
    for (parameters, named) in [
        ("", "query"),
        ("query=", "query"),
        ("limit=5", "query"),
        ("query=a&limit=0", "limit"),
        ("query=a&limit=101", "limit"),
        ("query=a&limit=ten", "limit"),
        ("query=a&limit=", "limit"),
        ("query=a&limit=5&limit=6", "limit"),
        ("query=a&query=b", "query"),
        ("query=a&top_k=5", "top_k"),
        ("query=a&cursor=x", "cursor"),
        ("query=a&Limit=5", "Limit"),
        ("query=a&filters=x", "filters"),
        ("query=a&precision=highest", "precision"),
        ("query=a&precision=", "precision"),
        ("query=a&include_graph=yes", "include_graph"),
        ("query=a&includeGraph=true&include_graph=false", "include_graph"),
        ("query=a&user_id=ada&userId=bob", "user_id"),
        ("query=a&created_after=yesterday", "created_after"),
        ("query=a&created_before=", "created_before"),
        ("query=a&createdAfter=2026-01-01&created_after=2026-01-02", "created_after"),
        ("query=a&score_threshold=2", "score_threshold"),
        ("query=a&scoreThreshold=-0.1", "score_threshold"),
        ("query=a&score_threshold=NaN", "score_threshold"),
        ("query=a&score_threshold=high", "score_threshold"),
    ] {
        let (status, answer) = fixture.send("GET", &format!("/v1/memories/search?{parameters}"), None);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(&format!("`{named}`")), "{parameters}: {status} {answer}");
    }
    // an error does not repeat a key, and a key is not searched for
    let (status, answer) = fixture.send("GET", &format!("/v1/memories/search?query={}", fixture.key), None);
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(status == 400 && message.starts_with("`query` contains an API key"), "{status} {message}");
    assert!(!message.contains(&fixture.key[16..]), "{message}");
    let path = format!("/v1/memories/search?query=a&{}=1", fixture.key);
    wait(|| {
        let (status, answer) = fixture.send("GET", &path, None);
        status == 400 && !answer.to_string().contains(&fixture.key)
    });
}
