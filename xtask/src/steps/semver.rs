//! Compares the public API of the library and the verifier with the baseline, by cargo-semver-checks.
//!
//! The baseline is the tag of the last release, or a commit as long as there is none. The file `BASELINE` names it, and each
//! release changes the file.

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::process::{assert_caught, transcript};
use crate::tools;
use crate::tree::{self, Copy};

const PACKAGES: [&str; 2] = ["ctx-key", "ctx-key-verifier"];
const BASELINE: &str = "tests/contract/baseline.txt";

/// Checks that no change since the baseline needs a greater version than the manifests have.
pub fn run(sh: &Shell, _: &[String]) -> Result<String> {
    tools::install(sh, &[&tools::CARGO_SEMVER_CHECKS])?;
    let baseline = sh.read_file(BASELINE)?.trim().to_owned();
    let object = format!("{baseline}^{{commit}}");
    let commit = cmd!(sh, "git rev-parse --short=10 --verify {object}")
        .quiet()
        .read()
        .with_context(|| format!("{BASELINE} names no commit here: fetch the tags and the whole history"))?;
    let printed = transcript(check(sh, "--baseline-rev", &baseline))?;
    let summaries: Vec<_> = printed.lines().filter(|line| line.trim_start().starts_with("Summary")).collect();
    ensure!(summaries.len() == PACKAGES.len(), "not every package was compared:\n{printed}");

    let copy = Copy::new(sh, tree::target().join("semver"))?;
    let _there = sh.push_dir(copy.folder());
    copy.plant("src/record.rs", "pub fn retire_at", "fn retire_at")?;
    let root = tree::root().display().to_string();
    assert_caught("a public method is gone", "inherent_method_missing", check(sh, "--baseline-root", &root))?;
    Ok(format!("The public API of {} needs no greater version since {commit}.\n", PACKAGES.join(" and ")))
}

fn check<'sh>(sh: &'sh Shell, kind: &str, baseline: &str) -> Cmd<'sh> {
    let packages = PACKAGES.iter().flat_map(|name| ["--package", name]);
    cmd!(sh, "cargo semver-checks --all-features {kind} {baseline}").args(packages)
}
