//! Every package that is published has what its registry shows, a licence, an entry in the changelog, and the one version.

use ctx_key_contract::{cargo, library, members, read, text};
use serde_json::Value;

const CHANGELOG: &str = "../../CHANGELOG.md";
const LICENCE: &str = "MIT OR Apache-2.0";

/// The packages in other languages, and the file that describes each.
const FOREIGN: [(&str, &str); 5] = [
    ("@memorykit/key", "clients/typescript/package.json"),
    ("@memorykit/key-wasm", "crates/capi/wasm/package.json"),
    ("memorykit-key", "clients/python/pyproject.toml"),
    ("memorykit-key", "clients/kotlin/pom.xml"),
    ("ctxkey", "clients/go/go.mod"),
];

#[test]
fn crates_have_what_their_registry_shows() {
    let found: Vec<_> = published().iter().map(|package| text(&package["name"])).collect();
    assert_eq!(found, ["ctx-key", "ctx-key-capi", "ctx-key-cli", "ctx-key-verifier"]);
    for package in published() {
        assert_eq!(wrong(&package), [""; 0], "{}", package["name"]);
    }
}

/// The check above can fail: it names each thing that a crate lacks.
#[test]
fn the_check_names_what_a_crate_lacks() {
    let without = |change: fn(&mut Value)| {
        let mut package = library();
        change(&mut package);
        wrong(&package)
    };
    assert_eq!(without(|package| package["description"] = Value::Null), ["no description"]);
    assert_eq!(without(|package| package["license"] = "MIT".into()), ["another licence"]);
    assert_eq!(without(|package| package["readme"] = Value::Null), ["no README.md"]);
    assert_eq!(without(|package| package["categories"] = Value::Array(vec![])), ["no categories"]);
    assert_eq!(without(|package| package["version"] = "0.2.0".into()), ["another version"]);
    assert_eq!(without(|package| package["metadata"] = Value::Null), ["no settings for docs.rs"]);
    for keywords in [vec![], vec!["a"; 6], vec!["two words"], vec!["more-than-twenty-chars"]] {
        assert_eq!(without_keywords(&keywords), ["keywords that crates.io refuses"], "{keywords:?}");
    }
}

fn without_keywords(keywords: &[&str]) -> Vec<&'static str> {
    let mut package = library();
    package["keywords"] = keywords.to_vec().into();
    wrong(&package)
}

#[test]
fn each_archive_holds_its_readme_and_its_licences() {
    for package in published() {
        let name = format!("--package={}", text(&package["name"]));
        let listed = cargo(&["package", "--list", &name, "--locked", "--allow-dirty"]);
        for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
            assert!(listed.lines().any(|line| line == file), "{name} packs no {file}");
        }
    }
}

#[test]
fn packages_of_other_languages_have_readme_licences_keywords_and_version() {
    let version = text(&library()["version"]);
    for (name, manifest) in FOREIGN {
        let described = read(&format!("../../{manifest}"));
        let folder = manifest.rsplit_once('/').unwrap().0;
        let readme = read(&format!("../../{folder}/README.md"));
        assert!(readme.starts_with(&format!("# {name}\n")), "{folder}/README.md is not of {name}");
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            assert_eq!(
                read(&format!("../../{folder}/{licence}")),
                read(&format!("../../{licence}")),
                "{folder}"
            );
        }
        assert!(described.contains(name), "{manifest} does not name {name}");
        // the version of a Go module is its tag; neither Go nor Maven has keywords
        if !manifest.ends_with(".mod") {
            let forms = [
                format!("\"version\": \"{version}\""),
                format!("\nversion = \"{version}\""),
                format!("<version>{version}</version>"),
            ];
            assert!(forms.iter().any(|form| described.contains(form)), "{manifest} is not of {version}");
            assert!(described.contains(LICENCE), "{manifest} has no licence");
            assert!(
                described.contains("keywords") || manifest.ends_with(".xml"),
                "{manifest} has no keywords"
            );
        }
    }
}

#[test]
fn the_changelog_names_every_package() {
    let changelog = read(CHANGELOG);
    let crates = published().iter().map(|package| text(&package["name"])).collect::<Vec<_>>();
    let unpublished = ["ctx-key-server".to_owned()];
    // the library's entries name its items
    let rust = crates.into_iter().filter(|name| name != "ctx-key").chain(unpublished);
    for name in rust.chain(FOREIGN.map(|(name, _)| name.to_owned())) {
        assert!(changelog.contains(&format!("`{name}`")), "CHANGELOG.md does not name `{name}`");
    }
}

/// Returns the members that may be published, by name.
fn published() -> Vec<Value> {
    let mut found: Vec<_> = members().into_iter().filter(|package| package["publish"].is_null()).collect();
    found.sort_by_key(|package| text(&package["name"]));
    found
}

/// Returns what a crate's manifest lacks.
fn wrong(package: &Value) -> Vec<&'static str> {
    let list = |field: &str| package[field].as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    // the rule of crates.io
    let is_keyword = |word: &String| {
        word.len() <= 20
            && word.starts_with(|first: char| first.is_ascii_alphanumeric())
            && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_+".contains(letter))
    };
    let keywords = list("keywords");
    let is_library =
        |target: &Value| target["kind"].as_array().unwrap().iter().any(|kind| text(kind).ends_with("lib"));
    let has_library = package["targets"].as_array().unwrap().iter().any(is_library);
    let checks = [
        (package["description"].is_string(), "no description"),
        (package["license"] == LICENCE, "another licence"),
        (package["readme"] == "README.md", "no README.md"),
        (
            (1..=5).contains(&keywords.len()) && keywords.iter().all(is_keyword),
            "keywords that crates.io refuses",
        ),
        (!list("categories").is_empty(), "no categories"),
        (package["version"] == library()["version"], "another version"),
        (!has_library || package["metadata"]["docs"]["rs"].is_object(), "no settings for docs.rs"),
    ];
    checks.into_iter().filter(|(holds, _)| !holds).map(|(_, lack)| lack).collect()
}
