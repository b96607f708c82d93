//! Forty questions about two hundred memories.

use std::fmt::Write;

use serde_json::json;

use crate::fixture::Fixture;

/// A name, a title and a content in each line.
const MEMORIES: &str = include_str!("memories.tsv");

/// A question, and the name of the memory that answers it.
const QUESTIONS: &str = include_str!("questions.tsv");

/// Results of each question, with scores. They are the same on both databases.
const FOUND: &str = include_str!("found.tsv");

/// Number of questions whose answer is the first result.
const ANSWERED: usize = 39;

#[test]
fn the_first_result_answers_the_question() {
    let fixture = Fixture::new();
    for line in MEMORIES.lines() {
        let [name, title, content] = line.split('\t').collect::<Vec<_>>().try_into().expect("three fields");
        let mut memory = json!({ "content": content, "metadata": { "name": name } });
        if !title.is_empty() {
            memory["title"] = json!(title);
        }
        fixture.remember(&memory);
    }
    let (mut found, mut missed) = (String::new(), Vec::new());
    for line in QUESTIONS.lines() {
        let (question, answer) = line.split_once('\t').expect("two fields");
        let body = fixture.search(question, "&limit=3");
        let results = body["results"].as_array().expect("results");
        let names: Vec<_> =
            results.iter().map(|result| result["metadata"]["name"].as_str().unwrap()).collect();
        if names.first() != Some(&answer) {
            missed.push(format!("{question}: {names:?} and not {answer}"));
        }
        let scores = results.iter().zip(&names).map(|(result, name)| {
            let score = result["score"].as_f64().expect("a number");
            format!("\t{name} {score:.12}")
        });
        writeln!(found, "{question}\t{}{}", body["total_results"], scores.collect::<String>()).unwrap();
    }
    assert_eq!(QUESTIONS.lines().count() - missed.len(), ANSWERED, "{missed:#?}");
    assert!(found == FOUND, "the order or the scores have changed:\n{found}");
}
