//! The public API of each feature is what `api.txt` lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};

use ctx_key_contract::{assert_kept, cargo, differences, library, read};
use public_api::{Builder, PublicItem};
use serde_json::Value;

/// Version of the JSON format that rustdoc of Rust 1.95 writes, and that the version of public-api in `Cargo.toml` reads.
const FORMAT: u64 = 57;

const HEAD: &str = "\
# The public API of ctx-key: what there is without features, and what each feature adds to those it implies.
# Not listed: blanket implementations, methods of derived traits, and Send, Sync, Unpin, UnwindSafe and
# RefUnwindSafe where a type has them without a condition. A type that lacks one has a line (impl !…).
# Written by CTX_KEY_ACCEPT=1 cargo test -p ctx-key-contract
";

const AUTO_TRAITS: [&str; 5] = ["::Send ", "::Sync ", "::Unpin ", "::UnwindSafe ", "::RefUnwindSafe "];
/// The compiler's own traits, which users cannot name.
const UNSTABLE: [&str; 3] = ["::Freeze ", "::UnsafeUnpin ", "::StructuralPartialEq "];
/// A chapter of the documentation. The module exists only in rustdoc.
const CHAPTER: &str = "pub mod ctx_key::key_format";

#[test]
fn the_public_api_is_what_the_list_says() {
    match document() {
        Some(found) => assert_kept("api.txt", &found),
        None => skip(),
    }
}

/// The check can fail: each removed or changed line of the list is detected.
#[test]
fn a_missing_or_changed_line_is_detected() {
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

/// Reports that another compiler writes another format. It writes to standard error directly, because the test harness
/// hides the output of tests that pass.
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
    let union = each.values().flatten().chain(&core).cloned().collect();
    assert_eq!(all, union, "all features together add exactly what each of them adds alone");

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

/// Returns the heading and the lines of `api` that are not in `known`, in the API's order and each line once.
fn section(heading: &str, api: &[String], known: &BTreeSet<String>) -> String {
    let mut known = known.clone();
    let new = api.iter().filter(|line| known.insert(line.to_string()));
    new.fold(format!("\n{heading}\n"), |text, line| text + line + "\n")
}

/// Returns the API with these features, or `None` if this compiler's rustdoc writes another format.
fn api(features: &str) -> Option<Vec<String>> {
    // Each set of features has its own folder, because cargo does not write the file again when it only switches back to
    // earlier features.
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
    let kept = |line: &String| is_listed(line) && (own.contains(line) || line.starts_with("impl"));
    Some(all.items().map(PublicItem::to_string).filter(kept).collect())
}

fn is_listed(line: &str) -> bool {
    let names = |traits: &[&str]| line.starts_with("impl") && traits.iter().any(|name| line.contains(name));
    let unconditional = !line.contains('!') && !line.contains(" where ");
    line != CHAPTER && !names(&UNSTABLE) && !(names(&AUTO_TRAITS) && unconditional)
}
