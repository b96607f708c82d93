//! Prints the cases of `tests/vectors` as lines, so that a program can run them without a JSON parser:
//! `cargo run -p ctx-key-capi --example vector_lines`.
//!
//! One space separates the fields of a line. Bytes are written as `x` and hexadecimal digits, an absent time as `-`,
//! a record as four times, and a result as its label.
//!
//! ```text
//! key          INPUT RESULT DETAIL ID DIGEST              ID and DIGEST are `-` on an error
//! pasted       INPUT RESULT DETAIL ID DIGEST
//! names        BITS NAMES
//! scopes       INPUT RESULT BITS
//! scopes_list  INPUT RESULT BITS
//! grants       GRANTED REQUIRED 0|1 MISSING
//! bearer       STATUS ERROR ID COUNT VALUE...
//! verify       RECORD NOW SAME_KEY RESULT STATE END
//! changes      RECORD RECORD_AFTER COUNT (retire_at|revoke TIME)...
//! rotate       RECORD NOW OVERLAP SAME_KEY RESULT OLD_RECORD NEW_RECORD
//! leaks        TEXT REDACTED COUNT START...
//! ```

use std::fs;
use std::path::Path;

use serde_json::Value;

fn main() {
    for line in lines() {
        println!("{line}");
    }
}

/// Returns all cases, each as a line.
pub fn lines() -> Vec<String> {
    let cases = [("keys", "key"), ("pasted", "pasted")].map(|(file, kind)| {
        let encode = if kind == "key" { latin_1 } else { utf_8 };
        read(file).iter().map(|case| format!("{kind} {} {}", encode(&case["input"]), key(case))).collect()
    });
    let others = [
        ("scopes", scopes as fn(&Value) -> String),
        ("bearer", bearer),
        ("records", record),
        ("leaks", leak),
    ];
    let others = others.map(|(file, line)| read(file).iter().map(line).collect::<Vec<_>>());
    cases.into_iter().chain(others).flatten().collect()
}

fn read(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/vectors/{file}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn key(case: &Value) -> String {
    match case["error"].as_str() {
        None => format!("ok 0 {} {}", string(&case["ok"]["id"]), string(&case["ok"]["digest"])),
        Some(error) => format!("key_{error} {} - -", case["detail"].as_u64().unwrap_or(0)),
    }
}

fn scopes(case: &Value) -> String {
    let result = if case["bits"].is_null() { "error_scope" } else { "ok" };
    let bits = case["bits"].as_u64().unwrap_or(0);
    if let Some(text) = case.get("text") {
        format!("names {bits} {}", utf_8(text))
    } else if let Some(input) = case.get("input") {
        format!("scopes {} {result} {bits}", utf_8(input))
    } else if let Some(list) = case.get("list") {
        format!("scopes_list {} {result} {bits}", utf_8(list))
    } else {
        let grants = u8::from(case["grants"].as_bool().unwrap());
        format!("grants {} {} {grants} {}", case["granted"], case["required"], case["missing"])
    }
}

fn bearer(case: &Value) -> String {
    let optional = |field: &str| case[field].as_str().unwrap_or("-").to_owned();
    let values: Vec<_> = case["values"].as_array().unwrap().iter().map(latin_1).collect();
    let fields = [
        vec![case["status"].to_string(), optional("error"), optional("id"), values.len().to_string()],
        values,
    ];
    format!("bearer {}", fields.concat().join(" "))
}

fn record(case: &Value) -> String {
    let (before, same_key) = (times(&case["record"]), u8::from(case["same_key"] == true));
    if let Some(state) = case.get("state") {
        let (result, end) = (label(&case["reason"]), time(&case["grant_ends"]));
        format!("verify {before} {} {same_key} {result} {} {end}", case["now"], label(state))
    } else if let Some(changes) = case.get("ops") {
        let changes: Vec<_> = changes
            .as_array()
            .unwrap()
            .iter()
            .map(|change| format!("{} {}", string(&change[0]), change[1]))
            .collect();
        format!("changes {before} {} {} {}", times(&case["after"]), changes.len(), changes.join(" "))
    } else {
        let refused = case.get("rotate_error");
        let (old, new) = match refused {
            None => (times(&case["old"]), times(&case["new"])),
            Some(_) => (before.clone(), times(&Value::Null)),
        };
        let result = refused.map_or("ok".into(), label);
        format!("rotate {before} {} {} {same_key} {result} {old} {new}", case["now"], case["overlap"])
    }
}

fn leak(case: &Value) -> String {
    let starts: Vec<_> = case["finds"].as_array().unwrap().iter().map(|find| find[0].to_string()).collect();
    let fields = [vec![latin_1(&case["text"]), latin_1(&case["redacted"]), starts.len().to_string()], starts];
    format!("leaks {}", fields.concat().join(" "))
}

/// Returns the label of a reason or a state, for example `not_yet_valid` for `NotYetValid`.
fn label(name: &Value) -> String {
    let name = name.as_str().unwrap_or("Ok").replace("Active", "Ok");
    let words = name.char_indices().map(|(index, letter)| match letter {
        'A'..='Z' if index > 0 => format!("_{}", letter.to_ascii_lowercase()),
        _ => letter.to_ascii_lowercase().to_string(),
    });
    words.collect()
}

fn times(record: &Value) -> String {
    let fields = ["not_before", "expires_at", "retires_at", "revoked_at"];
    fields.map(|field| time(&record[field])).join(" ")
}

fn time(value: &Value) -> String {
    value.as_u64().map_or("-".into(), |secs| secs.to_string())
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Encodes a text in which each character stands for one byte.
fn latin_1(value: &Value) -> String {
    hex(string(value).chars().map(|character| u8::try_from(u32::from(character)).unwrap()))
}

fn utf_8(value: &Value) -> String {
    hex(string(value).bytes())
}

fn hex(bytes: impl Iterator<Item = u8>) -> String {
    "x".to_owned() + &bytes.map(|byte| format!("{byte:02x}")).collect::<String>()
}
