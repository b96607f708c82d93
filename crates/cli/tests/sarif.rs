//! `ctx-key scan --format sarif` follows the schema of SARIF.

mod common;

use std::fs;

use common::{git, masked, run_in};
use ctx_key::ApiKey;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("sarif/sarif-schema-2.1.0-rtm.5.json");

fn schema() -> jsonschema::Validator {
    // The published pattern of languages has one `]` too many. The validator would refuse it as a regular expression.
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
fn reports_follow_the_schema() {
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
    // In SARIF, columns count characters.
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

/// Compares each field of finds of every kind, and the notifications about what was not searched.
#[test]
fn a_report_has_every_field() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let path = tree.path();
    git(path, &["init", "-q"]);
    fs::write(path.join(".gitignore"), "ignored\nwhole/\n").unwrap();
    fs::create_dir(path.join("whole")).unwrap();
    fs::write(path.join("whole/a"), "").unwrap();
    fs::write(path.join("ignored"), format!("\u{feff}ä\n𝒳 {}", key.expose_secret())).unwrap();
    fs::write(path.join("new"), key.expose_secret()).unwrap();
    fs::write(path.join("tracked"), key.expose_secret().replacen('_', "%5F", 1)).unwrap();
    git(path, &["add", "tracked"]);
    let encoded = ", encoded as percent";
    let result = |path: &str, region: Value, level: &str, remark: &str| {
        let text = format!("The MemoryKit API key {} is readable here{remark}.", masked(&key));
        let location = json!({ "artifactLocation": { "uri": path }, "region": region });
        let mut properties = json!({
            "keyId": key.id().as_str(), "place": "content", "object": null, "commit": null,
            "tracked": path == "tracked", "ignored": path == "ignored",
        });
        if !remark.is_empty() {
            properties["encodings"] = json!(["percent"]);
        }
        json!({
            "ruleId": "memorykit-api-key", "ruleIndex": 0, "level": level, "message": { "text": text },
            "locations": [{ "physicalLocation": location }], "occurrenceCount": 1,
            "partialFingerprints": { "keyId/v1": key.id().as_str() }, "properties": properties,
        })
    };
    let region = |line: u64, column: u64, length: u64, offset: u64, bytes: u64| {
        json!({ "startLine": line, "startColumn": column, "endColumn": column + length, "byteOffset": offset,
            "byteLength": bytes })
    };
    let report = run_in(path, &["scan", ".", "missing", "--format", "sarif"]).exits(2).hides(&key).json();
    let results = [
        result("new", region(1, 1, 52, 0, 52), "error", ""),
        result("tracked", region(1, 1, 54, 0, 54), "error", encoded),
        result("ignored", region(2, 3, 52, 11, 52), "warning", ""),
    ];
    let run = &report["runs"][0];
    assert_eq!(run["results"], json!(results));
    let text = |text: &str| json!({ "text": text });
    let tool = json!({ "driver": {
        "name": "ctx-key",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": [{
            "id": "memorykit-api-key",
            "shortDescription": text("MemoryKit API key"),
            "fullDescription": text("This text holds a MemoryKit API key with the right checksum."),
            "help": text("Revoke the key in the dashboard under API Keys, and create a new one. Removing it from the \
                          text is not enough."),
            "defaultConfiguration": { "level": "error" },
            "properties": { "tags": ["security"], "security-severity": "9.0" },
        }],
    } });
    assert_eq!((&run["tool"], &run["columnKind"]), (&tool, &json!("unicodeCodePoints")));
    assert_eq!((&report["version"], report["runs"].as_array().unwrap().len()), (&json!("2.1.0"), 1));
    let invocation = &run["invocations"][0];
    let said = invocation["toolExecutionNotifications"].as_array().unwrap();
    let levels: Vec<_> = said.iter().map(|said| said["level"].as_str().unwrap()).collect();
    assert_eq!((levels, &invocation["executionSuccessful"]), (vec!["error", "note"], &json!(false)));
    let texts: Vec<_> = said.iter().map(|said| said["message"]["text"].as_str().unwrap()).collect();
    assert!(texts[0].starts_with("can't read missing: "), "{texts:?}");
    assert_eq!(texts[1], "1 directory that git ignores was not searched; `--no-ignore` searches it");

    // In a history, a find also has an object, a commit and a number of finds.
    git(path, &["commit", "-q", "-m", "first"]);
    let [commit, object] = ["HEAD", "HEAD:tracked"].map(|name| git(path, &["rev-parse", name]));
    fs::write(path.join("tracked"), key.expose_secret()).unwrap();
    git(path, &["commit", "-q", "-a", "-m", "second"]);
    let report = run_in(path, &["scan", "--history", "--format", "sarif"]).exits(1).hides(&key).json();
    let mut expected = result("tracked", region(1, 1, 54, 0, 54), "error", encoded);
    expected["occurrenceCount"] = json!(2);
    expected["properties"]["commit"] = json!(commit);
    expected["properties"]["object"] = json!(object);
    assert_eq!(report["runs"][0]["results"], json!([expected]));
    let invocation = json!([{ "executionSuccessful": true, "toolExecutionNotifications": [] }]);
    assert_eq!(report["runs"][0]["invocations"], invocation);
}

#[test]
fn a_find_on_several_lines_has_its_last_line() {
    let (tree, key) = (tempfile::tempdir().unwrap(), ApiKey::generate());
    let secret = key.expose_secret();
    for parts in [&[&secret[..30], &secret[30..]][..], &[&secret[..10], &secret[10..30], &secret[30..]]] {
        fs::write(tree.path().join("mail"), parts.join("=\n")).unwrap();
        let report = run_in(tree.path(), &["scan", "--format", "sarif"]).exits(1).hides(&key).json();
        validate(&report);
        let region = &report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
        let breaks = parts.len() - 1;
        let expected = json!({
            "startLine": 1, "startColumn": 1, "endLine": parts.len(), "endColumn": secret.len() - 30 + 1,
            "byteOffset": 0, "byteLength": secret.len() + 2 * breaks,
        });
        assert_eq!(*region, expected);
    }
}

#[test]
fn the_schema_refuses_wrong_reports() {
    let wrong = json!({ "version": "2.1.0", "runs": [{ "tool": {} }] });
    assert!(!schema().is_valid(&wrong));
}
