//! `docs/dependencies.md` agrees with `Cargo.toml`, `Cargo.lock` and the public API.

use std::collections::BTreeSet;

use ctx_key_contract::{cargo, library, members, read, table, text};
use serde_json::Value;

const DOCUMENT: &str = "../../docs/dependencies.md";
const API: &str = "api.txt";

#[test]
fn the_dependencies_of_the_library_are_documented() {
    assert_same(table(&read(DOCUMENT), "## Dependencies of the library"), direct_dependencies());
    let reasons = table(&read(DOCUMENT), "## Why").into_iter().map(|row| vec![row[0].clone()]).collect();
    let names = direct_dependencies().into_iter().map(|row| vec![row[0].clone()]).collect();
    assert_same(reasons, names);
}

#[test]
fn the_dependencies_of_the_other_packages_are_documented() {
    let mut found = Vec::new();
    for package in members() {
        let of_users = |dependency: &&Value| package["name"] == "ctx-key" && dependency["kind"].is_null();
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let names: BTreeSet<_> = dependencies
            .filter(|dependency| !of_users(dependency))
            .map(|dependency| text(&dependency["name"]))
            .collect();
        found.extend(
            names
                .iter()
                .filter(|name| *name != "ctx-key")
                .map(|name| vec![text(&package["name"]), name.clone()]),
        );
    }
    let documented = table(&read(DOCUMENT), "## In the repository only");
    assert_same(documented.into_iter().map(|row| row[..2].to_vec()).collect(), found);
}

#[test]
fn the_crates_in_the_public_api_are_documented() {
    let api = read(API);
    let documented = table(&read(DOCUMENT), "## Types of other crates");
    assert_same(
        documented.iter().map(|row| row[..1].to_vec()).collect(),
        crates(&api).into_iter().map(|name| vec![name.to_owned()]).collect(),
    );
    for row in documented.iter().filter(|row| row[0] != "core") {
        for name in row[1].split([' ', ',', ':']).filter(|word| word.starts_with(char::is_uppercase)) {
            assert!(api.contains(&format!("::{name}")), "{name} of {} is not in the public API", row[0]);
        }
    }
}

/// The checks can fail.
#[test]
fn an_undocumented_dependency_is_detected() {
    let rows = direct_dependencies();
    assert!(difference(&rows[1..], &rows).is_some(), "a dependency without a row");
    assert!(difference(&rows, &rows[1..]).is_some(), "a row without a dependency");
    let mut changed = rows.clone();
    changed[0][5] = "9".into();
    assert!(difference(&rows, &changed).is_some(), "another number of crates");

    let stranger = "pub fn ctx_key::f<T: typenum::Bit>(&T) -> <T as digest::Digest>::Output";
    assert_eq!(Vec::from_iter(crates(stranger)), ["digest", "typenum"]);
    assert_eq!(needing_later_rust("1.87"), ["sha2"], "sha2 needs Rust 1.88");
}

#[test]
fn no_dependency_needs_a_later_rust_than_the_library_promises() {
    let rust_version = text(&library()["rust_version"]);
    assert_eq!(needing_later_rust(&rust_version), [""; 0], "they need a later Rust than {rust_version}");
}

/// Returns the library's dependencies that need a later Rust than this.
fn needing_later_rust(rust_version: &str) -> Vec<String> {
    let metadata = cargo(&["metadata", "--locked", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let tree: BTreeSet<_> = tree("{p}").into_iter().map(|(_, line)| line).collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| {
        tree.contains(&format!("{} v{}", text(&package["name"]), text(&package["version"])))
    });
    let too_new = ours.filter(|package| {
        package["rust_version"].as_str().is_some_and(|asked| number(asked) > number(rust_version))
    });
    too_new.map(|package| text(&package["name"])).collect()
}

fn number(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap()).collect()
}

/// Returns the rows that the first table must have, computed by cargo.
fn direct_dependencies() -> Vec<Vec<String>> {
    let manifest = library();
    let resolved = resolved_dependencies();
    let dependencies = manifest["dependencies"].as_array().unwrap().iter();
    let row = |dependency: &Value| {
        let name = text(&dependency["name"]);
        assert_eq!(dependency["uses_default_features"], false, "{name}");
        let (_, licence, transitive) = resolved.iter().find(|(found, ..)| *found == name).unwrap();
        let features: Vec<_> = dependency["features"].as_array().unwrap().iter().map(text).collect();
        vec![
            name.clone(),
            text(&dependency["req"]).replace('^', ""),
            features.join(", "),
            condition(&manifest["features"], &name),
            licence.clone(),
            transitive.to_string(),
        ]
    };
    dependencies.filter(|dependency| dependency["kind"].is_null()).map(row).collect()
}

/// Returns "always", or the feature that enables a dependency.
fn condition(features: &Value, name: &str) -> String {
    let wanted = Value::from(format!("dep:{name}"));
    let mut asking =
        features.as_object().unwrap().iter().filter(|(_, list)| list.as_array().unwrap().contains(&wanted));
    asking.next().map_or_else(|| "always".into(), |(feature, _)| format!("feature {feature}"))
}

/// Returns the name and the licence of each direct dependency with all features, and the number of its own dependencies.
fn resolved_dependencies() -> Vec<(String, String, usize)> {
    let mut resolved: Vec<(String, String, BTreeSet<String>)> = Vec::new();
    for (depth, line) in tree("{p}|{l}") {
        let (package, licence) = line.split_once('|').unwrap();
        match depth {
            0 => {}
            1 => resolved.push((package.split(' ').next().unwrap().into(), licence.into(), BTreeSet::new())),
            _ => drop(resolved.last_mut().unwrap().2.insert(package.into())),
        }
    }
    resolved.into_iter().map(|(name, licence, crates)| (name, licence, crates.len())).collect()
}

/// Returns the dependency tree of a user of the library, depth first, with the depth of each line.
fn tree(format: &str) -> Vec<(usize, String)> {
    let tree = cargo(&[
        "tree",
        "--package=ctx-key",
        "--locked",
        "--all-features",
        "--edges=normal,build",
        "--no-dedupe",
        "--target=x86_64-unknown-linux-gnu",
        "--prefix=depth",
        "--format",
        format,
    ]);
    let split = |line: &str| {
        let name = line.find(|character: char| !character.is_ascii_digit()).unwrap();
        (line[..name].parse().unwrap(), line[name..].to_owned())
    };
    tree.lines().map(split).collect()
}

/// Returns the crates whose items an API names.
fn crates(api: &str) -> BTreeSet<&str> {
    let words = api.split(|character: char| !character.is_alphanumeric() && !['_', ':'].contains(&character));
    let first = words.filter_map(|word| word.split_once("::")).map(|(first, _)| first);
    first.filter(|name| *name != "ctx_key" && name.starts_with(char::is_lowercase)).collect()
}

fn assert_same(documented: Vec<Vec<String>>, found: Vec<Vec<String>>) {
    if let Some(difference) = difference(&documented, &found) {
        panic!("docs/dependencies.md differs (- documented, + found):\n{difference}");
    }
}

/// Returns the rows that only one of two tables has, or `None` if there are none.
fn difference(documented: &[Vec<String>], found: &[Vec<String>]) -> Option<String> {
    let documented: BTreeSet<_> = documented.iter().collect();
    let found: BTreeSet<_> = found.iter().collect();
    let line = |row: &&Vec<String>| {
        let sign = if documented.contains(row) { '-' } else { '+' };
        format!("{sign} | {} |\n", row.join(" | "))
    };
    let lines: String = documented.symmetric_difference(&found).map(line).collect();
    (!lines.is_empty()).then_some(lines)
}
