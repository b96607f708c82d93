//! A search as clients send it. The tests of `search` have its ranking.

use serde_json::{Value, json};

use crate::common::project::Project;
use crate::common::wait;

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

/// The body has the same id as the header.
#[test]
fn an_answer_has_the_id_of_its_request() {
    let project = Project::new();
    let (mut header, mut body) = (String::new(), Value::Null);
    // a server may be busy for longer than a request waits
    wait(|| {
        let mut response = project.server.get("/v1/memories/search?query=tea", Some(&project.key));
        header = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        body = response.body_mut().read_json().unwrap();
        response.status() == 200
    });
    let expected = json!({ "results": [], "graph": null, "total_results": 0, "request_id": header });
    assert_eq!(body, expected);
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
    // a changed memory is found by its new words alone, and a deleted one is not found
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
fn a_search_text_is_never_a_command() {
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
