//! The modules of the server are ordered in floors. A module imports only from lower floors, only the lowest floors contain
//! SQL or read a clock, and names are unique.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors from bottom to top. Modules on one floor do not import each other.
const FLOORS: [&[&str]; 11] = [
    &["clock", "data_folder"],
    &["database"],
    &["store"],
    &["key_source"],
    &["http"],
    &["api", "forward_auth", "management", "dashboard"],
    &["config", "routes"],
    &["server"],
    &["backup"],
    &["commands"],
    &["lib", "main"],
];

const SQL: [&str; 4] = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "];

const CLOCKS: [&str; 3] = ["UnixTime::now", "SystemTime::now", "OffsetDateTime::now"];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// Returns the top-level modules of the package that a file imports.
fn imports(text: &str, depth: usize) -> Vec<&str> {
    let from_parent = "super::".repeat(depth);
    let mut imports = Vec::new();
    for root in ["crate::", "ctx_key_server::", &from_parent] {
        for rest in text.split(root).skip(1) {
            let paths = match rest.strip_prefix('{').and_then(|rest| rest.split_once("};")) {
                Some((group, _)) => group.split(',').collect(),
                None => vec![rest],
            };
            let words =
                paths.into_iter().filter_map(|path| path.trim_start().split(|c| !is_of_word(c)).next());
            imports.extend(words.filter(|word| floor(word).is_some()));
        }
    }
    imports
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Returns the violations in sources. Each source is a path below `src` and a text.
fn faults(sources: &[(String, String)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut names = HashMap::new();
    for (path, text) in sources {
        let module = path.trim_end_matches(".rs");
        let (own, depth) = (module.split('/').next().unwrap_or_default(), module.split('/').count());
        let Some(height) = floor(own) else {
            faults.push(format!("{path} stands on no floor"));
            continue;
        };
        for import in imports(text, depth) {
            if import != own && floor(import) >= Some(height) {
                faults.push(format!("{path} imports {import}"));
            }
        }
        let may_query = ["database", "store"].contains(&own);
        if !may_query && SQL.iter().any(|statement| text.contains(statement)) {
            faults.push(format!("{path} has SQL"));
        }
        if own != "clock" && CLOCKS.iter().any(|clock| text.contains(clock)) {
            faults.push(format!("{path} reads a clock"));
        }
        let name = module.rsplit('/').next().unwrap_or_default();
        if let Some(other) = names.insert(name, path) {
            faults.push(format!("{other} and {path} share a name"));
        }
    }
    faults
}

fn read(folder: &Path, root: &Path, sources: &mut Vec<(String, String)>) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read(&path, root, sources);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            sources.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_sources_keep_the_rules_of_their_floors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    read(&root, &root, &mut sources);
    assert!(sources.len() > 30, "{} files", sources.len());
    assert_eq!(faults(&sources), Vec::<String>::new());
}

#[test]
fn each_fault_is_found() {
    let faults = |path: &str, text: &str| {
        let source = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        faults(&[source("store/account.rs", "use super::new_id; use crate::database;"), source(path, text)])
    };
    for (path, text, fault) in [
        ("database.rs", "use crate::store::id;", "database.rs imports store"),
        ("database.rs", "super::store::new_id()", "database.rs imports store"),
        ("store/id.rs", "super::super::http::limits", "store/id.rs imports http"),
        ("http/state.rs", "use crate::{clock, api::routes};", "http/state.rs imports api"),
        ("dashboard/form.rs", "use crate::management::name;", "dashboard/form.rs imports management"),
        ("server.rs", "ctx_key_server::main", "server.rs imports main"),
        ("http/state.rs", "\"DELETE FROM accounts\"", "http/state.rs has SQL"),
        ("store/id.rs", "UnixTime::now()", "store/id.rs reads a clock"),
        ("main.rs", "SystemTime::now()", "main.rs reads a clock"),
        ("dashboard/account.rs", "", "store/account.rs and dashboard/account.rs share a name"),
        ("other.rs", "", "other.rs stands on no floor"),
    ] {
        assert_eq!(faults(path, text), [fault], "{text}");
    }
}
