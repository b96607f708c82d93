//! `ctx-key scan --format sarif`, against the schema

mod common;

use std::fs;

use common::{git, masked, run_in};
use ctx_key::ApiKey;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("sarif/sarif-schema-2.1.0-rtm.5.json");

fn schema() -> jsonschema::Validator {
    // The published pattern of languages has a `]` too many, which the validator refuses as a regular expression.
    let schema = SCHEMA.replace("{2}]?$", "{2}$");
    assert_ne!(schema, SCHEMA);
    jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap()
}

#[track_caller]
fn validate(report: &Value) {
    let errors: Vec<_> = schema().iter_errors(report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn reports_are_valid() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    git(tree.path(), &["init", "-q"]);
    fs::write(tree.path().join("clean"), "").unwrap();
    validate(&run_in(tree.path(), &["scan", "--format", "sarif"]).exits(0).json());

    fs::write(tree.path().join("ä b%.txt"), format!("\nä = {}", key.expose_secret())).unwrap();
    let scan = run_in(tree.path(), &["scan", ".", "missing", "--format", "sarif"]).exits(2).hides(&key);
    let report = scan.json();
    validate(&report);
    let run = &report["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let location = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "%C3%A4%20b%25.txt");
    // Columns are characters here, as the report says
    let region =
        json!({ "startLine": 2, "startColumn": 5, "endColumn": 57, "byteOffset": 6, "byteLength": 52 });
    assert_eq!(location["region"], region);
    assert_eq!(run["results"][0]["partialFingerprints"]["keyId/v1"], key.id().as_str());
    assert!(run["results"][0]["message"]["text"].as_str().unwrap().contains(&masked(&key)));

    git(tree.path(), &["add", "-A"]);
    validate(&run_in(tree.path(), &["scan", "--staged", "--format", "sarif"]).exits(1).json());
    git(tree.path(), &["commit", "-q", "-m", "x"]);
    let history = run_in(tree.path(), &["scan", "--history", "--format", "sarif"]).exits(1).json();
    validate(&history);
    assert!(history["runs"][0]["results"][0]["properties"]["commit"].is_string());
}

#[test]
fn the_schema_is_no_formality() {
    let wrong = json!({ "version": "2.1.0", "runs": [{ "tool": {} }] });
    assert!(!schema().is_valid(&wrong));
}
