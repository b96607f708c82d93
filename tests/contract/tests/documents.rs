//! Links, anchors and paths in documents lead to something that exists. README.md and the decision records stay short.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use ctx_key_contract::read;

/// Documents and folders of documents in which each path is checked, even in drawings.
const WITH_PATHS: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "docs"];

/// The checks write this file, with paths of their own.
const RESULTS: &str = "docs/results.md";

/// Paths that are relative to another folder, each with the reason.
const ELSEWHERE: [(&str, &str); 2] = [
    ("tests/wasm/run.mjs", "docs/assurance.md runs it in crates/capi"),
    ("tests/wasm/vectors.mjs", "docs/assurance.md runs it in crates/capi"),
];

/// Folders whose files are built or installed.
const BUILT: [&str; 2] = ["target", "node_modules"];

/// Returns the repository's root. It is read from the environment at run time, because a copy of the tree can use the same
/// build.
fn root() -> PathBuf {
    PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..")
}

/// Returns the paths of the documents below a folder, from the root.
fn documents(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let is_skipped = BUILT.contains(&name.as_str()) || name == ".git";
        if entry.file_type().unwrap().is_dir() && !is_skipped {
            found.extend(documents(&path));
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found
}

/// Returns the text without fenced blocks.
fn prose(text: &str) -> String {
    let mut is_fenced = false;
    let mut lines = String::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        is_fenced ^= fence;
        if !is_fenced && !fence {
            lines += line;
            lines += "\n";
        }
    }
    lines
}

/// Returns the targets of inline links and of definitions.
fn links(text: &str) -> Vec<String> {
    let text = prose(text);
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let defined = text.lines().filter(|line| line.starts_with('[')).filter_map(|line| line.split_once("]: "));
    let inline = inline.map(|(target, _)| target.to_owned());
    inline.chain(defined.map(|(_, target)| target.to_owned())).collect()
}

/// Returns the anchors of a document's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    headings
        .map(|heading| {
            let kept = |character: &char| character.is_alphanumeric() || [' ', '-', '_'].contains(character);
            heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
        })
        .collect()
}

/// Returns the links of a document that lead nowhere.
fn dead_links(document: &str, text: &str) -> Vec<String> {
    let folder = root().join(document).parent().unwrap().to_owned();
    let is_dead = |link: &String| {
        if link.contains("://") || link.starts_with("mailto:") {
            return false;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { root().join(document) } else { folder.join(path) };
        let has_anchor =
            || path.is_empty() && anchors(text).contains(anchor) || anchors_of(&target).contains(anchor);
        !target.exists() || !anchor.is_empty() && !has_anchor()
    };
    links(text).into_iter().filter(is_dead).collect()
}

fn anchors_of(document: &Path) -> BTreeSet<String> {
    fs::read_to_string(document).map(|text| anchors(&text)).unwrap_or_default()
}

/// Returns the text without inline links, whose texts may be shorter than their targets.
fn without_links(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        kept += before.rsplit_once('[').map_or(before, |(before, _)| before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    kept + rest
}

/// Returns the paths in a text that begin with a folder of the repository and name nothing.
fn missing_paths(text: &str) -> BTreeSet<String> {
    let of_path = |character: char| character.is_ascii_alphanumeric() || "_-./".contains(character);
    let text = without_links(text);
    let words = text.split(|character| !of_path(character)).map(|word| word.trim_end_matches('.'));
    let is_missing = |word: &&str| {
        let Some((first, _)) = word.split_once('/') else { return false };
        let is_of_root = !["", ".", "..", ".git"].contains(&first) && root().join(first).is_dir();
        let is_built = word.split('/').any(|folder| BUILT.contains(&folder));
        is_of_root && !is_built && !root().join(word).exists()
    };
    words.filter(is_missing).map(str::to_owned).collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut dead = Vec::new();
    for document in documents("") {
        let text = read(&format!("../../{document}"));
        dead.extend(dead_links(&document, &text).into_iter().map(|link| format!("{document}: {link}")));
    }
    assert_eq!(dead, [""; 0]);
}

#[test]
fn paths_in_documents_exist() {
    let mut missing = BTreeSet::new();
    for name in WITH_PATHS {
        let documents = if name.ends_with(".md") { vec![name.to_owned()] } else { documents(name) };
        for document in documents.iter().filter(|document| *document != RESULTS) {
            let found = missing_paths(&read(&format!("../../{document}")));
            missing.extend(found.into_iter().map(|path| format!("{document}: {path}")));
        }
    }
    for (path, reason) in ELSEWHERE {
        missing.retain(|line| !line.ends_with(&format!(": {path}")));
        assert!(!root().join(path).exists(), "{path} needs no exception: {reason}");
    }
    assert_eq!(missing, BTreeSet::new());
}

/// On docs.rs, a link of the README leads to the file in the repository that Cargo.toml names.
#[test]
fn the_library_defines_each_link_of_the_readme() {
    let library = read("../../src/lib.rs");
    let readme = read("../../README.md");
    let defined =
        readme.lines().filter(|line| line.starts_with('[')).filter_map(|line| line.split_once("]: "));
    for (name, target) in defined {
        let in_repository =
            format!("\"{name}]: \", env!(\"CARGO_PKG_REPOSITORY\"), \"/blob/HEAD/{target}\\n\"");
        let in_docs = format!("//! {name}]: crate::");
        assert!(
            library.contains(&in_repository) || library.contains(&in_docs),
            "{name}] is not in src/lib.rs"
        );
    }
    assert!(
        !prose(&readme).contains("]("),
        "a link of the README has no definition that src/lib.rs can replace"
    );
}

#[test]
fn short_documents_stay_short() {
    assert!(read("../../README.md").lines().count() <= 120);
    for record in documents("docs/decisions") {
        assert!(read(&format!("../../{record}")).lines().count() <= 40, "{record}");
    }
}

/// The checks can fail.
#[test]
fn dead_links_and_missing_paths_are_detected() {
    let text = "# A `b`, c\n[a](src/key.rs) [b](src/none.rs)\n\n[c]: docs/none.md\n[d](#a-b-c) [e](#none)\n```\n[f](none)\n```\n";
    assert_eq!(dead_links("README.md", text), ["src/none.rs", "#none", "docs/none.md"]);
    assert_eq!(
        dead_links("docs/which-one.md", "[a](key-format.md#2-grammar) [b](key-format.md#none)"),
        ["key-format.md#none"]
    );
    let text =
        "`src/key.rs`, src/none.rs. and/or tests/vectors/ target/none [`src/x.rs`](docs/none.md) ../docs";
    assert_eq!(missing_paths(text), ["src/none.rs"].map(String::from).into());
}
