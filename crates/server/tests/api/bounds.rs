//! A value beyond the bounds of its field is refused, and one within them is stored.

use serde_json::json;

use crate::common::project::Project;

#[test]
fn a_value_beyond_its_bounds_is_refused_with_its_field() {
    let project = Project::new();
    let deep = (0..17).fold(json!(1), |inner, _| json!({ "a": inner }));
    let refused = [
        (json!({}), "content"),
        (json!({ "content": "" }), "content"),
        (json!({ "content": "a".repeat(100_001) }), "content"),
        (json!({ "content": "é".repeat(50_001) }), "content"),
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

/// These texts have the most words for their length, so they need the most space in the index.
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
