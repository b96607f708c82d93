//! The fast check for use while working: the format, and the lints and tests of packages that differ from the last commit.
//! It prints what it leaves out.
//!
//! The tests of a package take at most 10 CPU seconds here. Its manifest names the test programs that take too long, under
//! `package.metadata.check.slow`.

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
    #[serde(default)]
    targets: Vec<Target>,
    metadata: Option<ToolMetadata>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    test: bool,
    doctest: bool,
}

/// The part of a manifest that cargo leaves to other tools.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolMetadata {
    check: Check,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Check {
    /// Test programs that the check leaves out.
    slow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
}

impl Package {
    /// Test programs that the check leaves out.
    fn slow(&self) -> &[String] {
        self.metadata.as_ref().map_or(&[], |metadata| &metadata.check.slow)
    }

    /// Returns the arguments of `cargo test` for all test programs but the slow ones, and for the examples, which tests may run.
    fn programs(&self) -> Vec<&str> {
        let is_slow = |target: &&Target| target.is("test") && self.slow().contains(&target.name);
        let chosen = self.targets.iter().filter(|target| target.test && !is_slow(target));
        let mut arguments: Vec<_> = chosen.flat_map(Target::argument).collect();
        if self.targets.iter().any(|target| target.is("example")) {
            arguments.push("--examples");
        }
        arguments
    }
}

impl Target {
    fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|one| one == kind)
    }

    fn argument(&self) -> Vec<&str> {
        let kinds = [("bin", "--bin"), ("test", "--test"), ("bench", "--bench"), ("example", "--example")];
        match kinds.iter().find(|(kind, _)| self.is(kind)) {
            Some((_, option)) => vec![option, &self.name],
            None => vec!["--lib"],
        }
    }
}

pub fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check").run()?;
    let packages = packages(sh)?;
    let files = changed_files(sh)?;
    let changed: BTreeSet<_> = files.iter().filter_map(|file| package_of(&packages, file)).collect();
    let mut ignored = Vec::new();
    if changed.is_empty() {
        println!("no package differs from the last commit");
    } else {
        let chosen: &Vec<_> = &changed.iter().flat_map(|name| ["--package", name]).collect();
        cmd!(sh, "cargo clippy --all-targets --all-features --locked {chosen...} -- -D warnings").run()?;
        for package in packages.iter().filter(|package| changed.contains(&*package.name)) {
            let name = &package.name;
            let tests = || cmd!(sh, "cargo test --all-features --locked --package {name}");
            let programs = package.programs();
            if !programs.is_empty() {
                tests().args(&programs).run()?;
                let list = tests().arg("--quiet").args(&programs);
                let list = process::read(list.args(["--", "--ignored", "--list", "--format", "terse"]))?;
                let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
                ignored.extend(tests.map(str::to_owned));
            }
            if package.targets.iter().any(|target| target.doctest) {
                tests().arg("--doc").run()?;
            }
        }
    }
    print!("{}", left_out(&packages, &files, &changed, &ignored));
    Ok(())
}

fn packages(sh: &Shell) -> Result<Vec<Package>> {
    let metadata = cmd!(sh, "cargo metadata --no-deps --locked --format-version 1").quiet().read()?;
    let Metadata { packages } = serde_json::from_str(&metadata)?;
    Ok(packages)
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

/// Lists what this check did not run: the steps that cover changed files, tests of dependent packages, slow and ignored tests of
/// the changed packages, and all other steps.
fn left_out(packages: &[Package], files: &[PathBuf], changed: &BTreeSet<&str>, ignored: &[String]) -> String {
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
    for package in packages.iter().filter(|package| changed.contains(&*package.name)) {
        let title = format!("slow test programs of {}, which `cargo test` runs", package.name);
        line(&title, package.slow().iter().map(String::as_str).collect());
    }
    line("ignored tests, which `-- --ignored` runs", ignored.iter().map(String::as_str).collect());
    line("the other steps of `cargo xtask ci`", others.collect());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, path: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies.iter().map(|name| Dependency { name: (*name).into() }).collect();
        Package {
            name: name.into(),
            manifest_path: path.into(),
            dependencies,
            targets: Vec::new(),
            metadata: None,
        }
    }

    fn target(kind: &str, name: &str, test: bool) -> Target {
        Target { name: name.into(), kind: vec![kind.into()], test, doctest: false }
    }

    fn with_slow(package: Package, slow: &[&str]) -> Package {
        let slow = slow.iter().map(|name| (*name).to_owned()).collect();
        Package { metadata: Some(ToolMetadata { check: Check { slow } }), ..package }
    }

    #[test]
    fn all_test_programs_but_the_slow_ones_are_chosen() {
        let targets = vec![
            target("lib", "whole", true),
            target("bin", "command", true),
            target("example", "shown", false),
            target("test", "fast", true),
            target("test", "command", true),
            target("bench", "measured", false),
            target("bench", "tested", true),
            target("custom-build", "build-script-build", false),
        ];
        let whole = Package { targets, ..package("whole", "/r/Cargo.toml", &[]) };
        let all = "--lib --bin command --test fast --test command --bench tested --examples";
        assert_eq!(whole.programs().join(" "), all);
        let without = with_slow(whole, &["command"]);
        assert_eq!(without.programs().join(" "), all.replace("--test command ", ""));
        assert!(package("empty", "/r/Cargo.toml", &[]).programs().is_empty());
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
            with_slow(package("library", "/r/Cargo.toml", &["memchr"]), &["long", "longer"]),
            with_slow(package("verifier", "/r/v/Cargo.toml", &["library"]), &["sqlite"]),
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
               slow test programs of library, which `cargo test` runs: long, longer\n  \
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
    fn slow_test_programs_exist() {
        let sh = Shell::new().unwrap();
        let packages = packages(&sh).unwrap();
        let mut count = 0;
        for package in &packages {
            for slow in package.slow() {
                let is_it = |target: &Target| target.is("test") && target.name == *slow;
                assert!(package.targets.iter().any(is_it), "{} has no test program {slow}", package.name);
                count += 1;
            }
        }
        assert!(count > 0);
    }

    #[test]
    fn files_and_steps_exist() {
        for (file, step) in ELSEWHERE {
            assert!(tree::root().join(file).exists(), "{file}");
            assert!(ci::STEPS.iter().any(|known| known.name == step), "{step}");
        }
    }
}
