//! The public API, feature by feature, is the one of `api.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};

use ctx_key_contract::{assert_kept, cargo, differences, library, read};
use public_api::{Builder, PublicItem};
use serde_json::Value;

/// What rustdoc of Rust 1.95 writes, and the version of public-api in `Cargo.toml` reads.
const FORMAT: u64 = 57;

const HEAD: &str = "\
# The public API of ctx-key: what there is without features, and what each feature adds to those it implies.
# Not listed: blanket implementations, methods of derived traits, and Send, Sync, Unpin, UnwindSafe and
# RefUnwindSafe where a type has them without a condition. A type that lacks one has a line (impl !…).
# Written by CTX_KEY_ACCEPT=1 cargo test -p ctx-key-contract
";

const AUTO_TRAITS: [&str; 5] = ["::Send ", "::Sync ", "::Unpin ", "::UnwindSafe ", "::RefUnwindSafe "];
/// Of the compiler's own: nobody can name them.
const UNSTABLE: [&str; 3] = ["::Freeze ", "::UnsafeUnpin ", "::StructuralPartialEq "];
/// A chapter of the documentation: there is no such module for the compiler.
const CHAPTER: &str = "pub mod ctx_key::key_format";

#[test]
fn the_public_api_is_the_kept_one() {
    match document() {
        Some(found) => assert_kept("api.txt", &found),
        None => skip(),
    }
}

/// The check of this check: whatever line of the kept API were gone or another, it would be seen.
#[test]
fn every_line_counts() {
    let kept = &read("api.txt");
    let lines: Vec<_> =
        kept.lines().filter(|line| line.starts_with("pub") || line.starts_with("impl")).collect();
    assert!(lines.len() > 300, "{}", lines.len());
    for line in lines {
        let line = format!("\n{line}\n");
        assert!(differences(kept, &kept.replacen(&line, "\n", 1)).is_some(), "without {line}");
        assert!(
            differences(kept, &kept.replacen(&line, &line.replace("ctx_key", "other"), 1)).is_some(),
            "{line}"
        );
    }
}

/// Another compiler writes another format. Past the test harness, which keeps the output of what passes.
fn skip() {
    assert!(std::env::var_os("CI").is_none(), "rustdoc's format is not {FORMAT}: this needs Rust 1.95");
    let mut stderr = io::stderr();
    writeln!(stderr, "SKIPPED tests/contract/tests/api.rs: it needs Rust 1.95").unwrap();
}

fn document() -> Option<String> {
    let manifest = library();
    let features = manifest["features"].as_object().unwrap();
    let names: Vec<_> = features.keys().map(String::as_str).filter(|name| *name != "default").collect();
    let core = api("")?;
    let each: BTreeMap<_, _> = names.iter().map(|name| Some((*name, api(name)?))).collect::<Option<_>>()?;
    let all = lines(&api(&names.join(","))?);
    let alone = each.values().flatten().chain(&core).cloned().collect();
    assert_eq!(all, alone, "features add up: together they have what each has, and no more");

    let mut text = String::from(HEAD);
    for (name, implied) in features {
        text += &format!("feature {name} = {}\n", list(implied).join(" "));
    }
    text += &section("## without features", &core, &BTreeSet::new());
    for (name, api) in &each {
        let implied = list(&features[*name]).into_iter().filter_map(|implied| each.get(implied));
        let known = lines(implied.flatten().chain(&core));
        text += &section(&format!("## {name}"), api, &known);
    }
    Some(text)
}

fn list(names: &Value) -> Vec<&str> {
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

fn lines<'a>(api: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    api.into_iter().cloned().collect()
}

/// What is not known yet, in the API's order, each line once.
fn section(heading: &str, api: &[String], known: &BTreeSet<String>) -> String {
    let mut known = known.clone();
    let new = api.iter().filter(|line| known.insert(line.to_string()));
    new.fold(format!("\n{heading}\n"), |text, line| text + line + "\n")
}

/// The API with these features, or nothing if this compiler's rustdoc writes another format.
fn api(features: &str) -> Option<Vec<String>> {
    // A folder each: cargo does not write the file again when only the features went back to what they were.
    let target = format!("{}/api/{features}", env!("CARGO_TARGET_TMPDIR"));
    let build = ["rustdoc", "--lib", "--locked", "--quiet", "--no-default-features", "--target-dir", &target];
    let json = ["--features", features, "--", "-Zunstable-options", "--output-format=json"];
    cargo(&[&build[..], &json].concat());
    let path = format!("{target}/doc/ctx_key.json");
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    if written["format_version"] != FORMAT {
        return None;
    }
    let read = Builder::from_rustdoc_json(&path).omit_blanket_impls(true);
    let without_derived = read.clone().omit_auto_derived_impls(true).build().unwrap();
    let own: BTreeSet<_> = without_derived.items().map(PublicItem::to_string).collect();
    let all = read.build().unwrap();
    let kept = |line: &String| counts(line) && (own.contains(line) || line.starts_with("impl"));
    Some(all.items().map(PublicItem::to_string).filter(kept).collect())
}

fn counts(line: &str) -> bool {
    let names = |traits: &[&str]| line.starts_with("impl") && traits.iter().any(|name| line.contains(name));
    let unconditional = !line.contains('!') && !line.contains(" where ");
    line != CHAPTER && !names(&UNSTABLE) && !(names(&AUTO_TRAITS) && unconditional)
}
