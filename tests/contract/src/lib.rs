//! Helpers of the contract's tests: calls of cargo, comparison with kept files, and tables of a document.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Returns this package's folder. It is read from the environment at run time, because a copy of the tree can use the same
/// build.
fn package() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests").into()
}

/// Reads a file by its path from this package's folder. `include_str!` would give a copy of the tree the original's file.
pub fn read(path: &str) -> String {
    fs::read_to_string(package().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns what cargo prints for the library, built as users build it, without flags from the environment.
pub fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .current_dir(package().join("../.."))
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTDOCFLAGS")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the packages of the workspace, as cargo describes them.
pub fn members() -> Vec<Value> {
    let text = cargo(&["metadata", "--no-deps", "--locked", "--format-version", "1"]);
    let mut metadata: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(metadata["packages"].take()).unwrap()
}

/// Returns the library, as cargo describes it.
pub fn library() -> Value {
    members().into_iter().find(|package| package["name"] == "ctx-key").unwrap()
}

/// Returns a text of cargo's answers.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Asserts that a kept file of this package has the content `found`. If `CTX_KEY_ACCEPT` is set, writes the file first.
pub fn assert_kept(name: &str, found: &str) {
    if env::var_os("CTX_KEY_ACCEPT").is_some() {
        fs::write(package().join(name), found).unwrap();
    }
    if let Some(differences) = differences(&read(name), found) {
        panic!(
            "tests/contract/{name} and the library differ (- kept, + found):\n{differences}\n\
             If the change is intended, accept it: CTX_KEY_ACCEPT=1 cargo test -p ctx-key-contract"
        );
    }
}

/// Returns the lines that only one of two texts has, below their headings (`## …`), or `None` if there are none.
pub fn differences(kept: &str, found: &str) -> Option<String> {
    let (kept, found) = (with_headings(kept), with_headings(found));
    let mut text = String::new();
    let mut last_heading = "";
    for entry @ (heading, line) in kept.symmetric_difference(&found) {
        if *heading != last_heading {
            last_heading = heading;
            writeln!(text, "  {heading}").unwrap();
        }
        let sign = if kept.contains(entry) { '-' } else { '+' };
        writeln!(text, "{sign} {line}").unwrap();
    }
    (!text.is_empty()).then_some(text)
}

/// Returns the lines of a text, each with the heading above it.
fn with_headings(text: &str) -> BTreeSet<(&str, &str)> {
    let mut heading = "";
    let with_heading = |line| {
        if str::starts_with(line, "## ") {
            heading = line;
        }
        (heading, line)
    };
    text.lines().map(with_heading).collect()
}

/// Returns the rows of the first table below a heading, without its head. The cells have no spaces and code marks around
/// them.
pub fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = document.split_once(heading).unwrap_or_else(|| panic!("no {heading}"));
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cell = |cell: &str| cell.trim().replace('`', "");
    rows.skip(2).map(|row| row.trim_matches('|').split('|').map(cell).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::{differences, table};

    #[test]
    fn any_changed_line_is_a_difference() {
        let kept = "## a\none\ntwo\n## b\none\n";
        assert_eq!(differences(kept, kept), None);
        assert_eq!(differences(kept, "## a\none\n## b\none\n").unwrap(), "  ## a\n- two\n");
        assert_eq!(differences(kept, "## a\none\ntwo\n## b\none\nTWO\n").unwrap(), "  ## b\n+ TWO\n");
        assert_eq!(differences(kept, "## a\none\ntwo\n## b\n").unwrap(), "  ## b\n- one\n");
    }

    #[test]
    fn the_first_table_below_a_heading_is_read() {
        let document = "## t\n\ntext\n\n| a | b |\n|---|---|\n| `x` | y z |\n\n| a |\n|---|\n| other |\n";
        assert_eq!(table(document, "## t"), [["x", "y z"]]);
    }
}
