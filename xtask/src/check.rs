//! The fast check for use while working: the format, and the lints and tests of packages that differ from the last commit.
//! It prints what it leaves out.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::{ci, process, tree};

/// Files that no test of a workspace member covers, and the step of `cargo xtask ci` that covers them.
const ELSEWHERE: [(&str, &str); 17] = [
    (".github", "rules"),
    ("action.yml", "rules"),
    ("clients/go", "clients"),
    ("clients/kotlin", "clients"),
    ("clients/python", "clients"),
    ("clients/typescript", "clients"),
    ("crates/bench/instructions", "instructions"),
    ("crates/capi/examples", "capi"),
    ("crates/capi/tests", "capi"),
    ("crates/capi/wasm", "capi"),
    ("crates/cli/ci", "rules"),
    ("crates/cli/rules", "rules"),
    ("crates/server/tests/browser", "browser"),
    ("fuzz", "fuzz"),
    ("rules", "rules"),
    ("tests/constant_time", "constant_time"),
    ("tests/no_std", "no_std"),
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
}

pub fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check").run()?;
    let metadata = cmd!(sh, "cargo metadata --no-deps --locked --format-version 1").quiet().read()?;
    let Metadata { packages } = serde_json::from_str(&metadata)?;
    let files = changed_files(sh)?;
    let changed: BTreeSet<_> = files.iter().filter_map(|file| package_of(&packages, file)).collect();
    let mut slow = Vec::new();
    if changed.is_empty() {
        println!("no package differs from the last commit");
    } else {
        let chosen: &Vec<_> = &changed.iter().flat_map(|name| ["--package", name]).collect();
        cmd!(sh, "cargo clippy --all-targets --all-features --locked {chosen...} -- -D warnings").run()?;
        cmd!(sh, "cargo test --all-features --locked {chosen...}").run()?;
        let list = cmd!(sh, "cargo test --quiet --all-features --locked {chosen...}").args([
            "--",
            "--ignored",
            "--list",
            "--format",
            "terse",
        ]);
        slow = process::read(list)?
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_owned)
            .collect();
    }
    print!("{}", left_out(&packages, &files, &changed, &slow));
    Ok(())
}

/// Returns the files that differ from the last commit.
fn changed_files(sh: &Shell) -> Result<Vec<PathBuf>> {
    let status = cmd!(sh, "git status --porcelain -z --untracked-files=all --no-renames").quiet().read()?;
    let root = tree::root();
    Ok(status.split('\0').filter_map(|entry| entry.get(3..)).map(|file| root.join(file)).collect())
}

/// Returns the package with the innermost folder that contains the file.
fn package_of<'a>(packages: &'a [Package], file: &Path) -> Option<&'a str> {
    let holds =
        |package: &&Package| package.manifest_path.parent().is_some_and(|folder| file.starts_with(folder));
    let nearest =
        packages.iter().filter(holds).max_by_key(|package| package.manifest_path.components().count());
    nearest.map(|package| package.name.as_str())
}

/// Returns the members that depend, directly or not, on a changed package and are not changed themselves.
fn dependents<'a>(packages: &'a [Package], changed: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let mut all = changed.clone();
    loop {
        let depends =
            |package: &&Package| package.dependencies.iter().any(|one| all.contains(one.name.as_str()));
        let more: BTreeSet<_> =
            packages.iter().filter(depends).map(|package| package.name.as_str()).collect();
        if more.is_subset(&all) {
            return all.difference(changed).copied().collect();
        }
        all.extend(more);
    }
}

/// Lists what this check did not run: the steps that cover changed files, tests of dependent packages, ignored tests, and all
/// other steps.
fn left_out(packages: &[Package], files: &[PathBuf], changed: &BTreeSet<&str>, slow: &[String]) -> String {
    let root = tree::root();
    let needs = |folder: &str| files.iter().any(|file| file.starts_with(root.join(folder)));
    let needed: BTreeSet<_> =
        ELSEWHERE.iter().filter(|(folder, _)| needs(folder)).map(|(_, step)| *step).collect();
    let others = ci::STEPS.iter().map(|step| step.name).filter(|name| !needed.contains(name));
    let mut text = String::from("left out:\n");
    let mut line = |title: &str, items: Vec<&str>| {
        if !items.is_empty() {
            writeln!(text, "  {title}: {}", items.join(", ")).expect("a String takes all");
        }
    };
    line("steps of `cargo xtask ci` for changed files", needed.iter().copied().collect());
    line(
        "tests of packages that depend on the changed ones",
        dependents(packages, changed).into_iter().collect(),
    );
    line("ignored tests, which `-- --ignored` runs", slow.iter().map(String::as_str).collect());
    line("the other steps of `cargo xtask ci`", others.collect());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, path: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies.iter().map(|name| Dependency { name: (*name).into() }).collect();
        Package { name: name.into(), manifest_path: path.into(), dependencies }
    }

    #[test]
    fn a_file_belongs_to_the_nearest_package() {
        let packages =
            [package("whole", "/r/Cargo.toml", &[]), package("part", "/r/crates/part/Cargo.toml", &[])];
        assert_eq!(package_of(&packages, Path::new("/r/crates/part/src/lib.rs")), Some("part"));
        assert_eq!(package_of(&packages, Path::new("/r/crates/other/x")), Some("whole"));
        assert_eq!(package_of(&packages, Path::new("/elsewhere")), None);
    }

    #[test]
    fn the_check_lists_what_it_leaves_out() {
        let packages = [
            package("library", "/r/Cargo.toml", &["memchr"]),
            package("verifier", "/r/v/Cargo.toml", &["library"]),
            package("server", "/r/s/Cargo.toml", &["tokio", "verifier"]),
            package("xtask", "/r/x/Cargo.toml", &["tokio"]),
        ];
        let root = tree::root();
        let files = ["src/lib.rs", "fuzz/src/lib.rs", "clients/go/scope.go", "clients/python/pyproject.toml"];
        let text = left_out(
            &packages,
            &files.map(|file| root.join(file)),
            &BTreeSet::from(["library"]),
            &["every_number".to_owned(), "every_length".to_owned()],
        );
        let (named, others) = text.split_once("  the other steps of `cargo xtask ci`: ").unwrap();
        assert_eq!(
            named,
            "left out:\n  \
               steps of `cargo xtask ci` for changed files: clients, fuzz\n  \
               tests of packages that depend on the changed ones: server, verifier\n  \
               ignored tests, which `-- --ignored` runs: every_number, every_length\n"
        );
        let others: Vec<_> = others.trim_end().split(", ").collect();
        assert_eq!(others.len(), ci::STEPS.len() - 2);
        assert!(others.contains(&"docs") && !others.contains(&"fuzz") && !others.contains(&"clients"));
    }

    #[test]
    fn a_tree_without_changes_leaves_out_every_step() {
        let text = left_out(&[], &[], &BTreeSet::new(), &[]);
        let steps: Vec<_> = ci::STEPS.iter().map(|step| step.name).collect();
        assert_eq!(text, format!("left out:\n  the other steps of `cargo xtask ci`: {}\n", steps.join(", ")));
    }

    #[test]
    fn files_and_steps_exist() {
        for (file, step) in ELSEWHERE {
            assert!(tree::root().join(file).exists(), "{file}");
            assert!(ci::STEPS.iter().any(|known| known.name == step), "{step}");
        }
    }
}
