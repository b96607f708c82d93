//! Checks the licences, sources, duplicates and known vulnerabilities of what the workspace and its users depend on, by
//! `deny.toml`.

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use super::copy;
use crate::process::{assert_caught, transcript};
use crate::tools;

pub fn run(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&tools::CARGO_DENY])?;
    workspace(sh, "check licenses bans sources")
        .args(["-D", "license-exception-not-encountered", "-D", "unmatched-skip", "-D", "unnecessary-skip"])
        .run()?;
    let features = features(sh)?;
    let all = features.join(",");
    for features in features.iter().map(String::as_str).chain(["", &all]) {
        user(sh, features).args(["licenses", "bans", "sources"]).run()?;
    }
    advisories(sh)?;
    faults(sh, &all)
}

fn advisories(sh: &Shell) -> Result<()> {
    if let Err(error) = transcript(workspace(sh, "fetch db")) {
        println!("SKIPPED advisories: their database could not be fetched\n{error}");
        return Ok(());
    }
    Ok(workspace(sh, "check advisories").run()?)
}

fn faults(sh: &Shell, features: &str) -> Result<()> {
    const LIST: &str = "deny.toml";
    let copy = copy(sh)?;
    let _there = sh.push_dir(copy.folder());

    copy.plant(LIST, ", \"BSD-3-Clause\"", "")?;
    let sign = "failed to satisfy license requirements";
    assert_caught("a licence that is not allowed", sign, user(sh, features).arg("licenses"))?;

    copy.plant(LIST, "\n[bans]\n", "\n[bans]\ndeny = [\"memchr\"]\n")?;
    assert_caught("a banned crate", "explicitly banned", user(sh, features).arg("bans"))?;

    copy.plant(
        LIST,
        "allow-registry = [\"https://github.com/rust-lang/crates.io-index\"]",
        "allow-registry = []",
    )?;
    assert_caught("a source that is not allowed", "source-not-allowed", user(sh, features).arg("sources"))?;

    copy.plant(LIST, "{ crate = \"base64@0.22\"", "# { crate = \"base64@0.22\"")?;
    let sign = "duplicate entries for crate 'base64'";
    assert_caught("a crate in two versions", sign, workspace(sh, "check bans"))
}

/// Returns the command that runs cargo-deny on all dependencies of the workspace.
fn workspace<'a>(sh: &'a Shell, command: &str) -> Cmd<'a> {
    cmd!(sh, "cargo deny --locked --workspace --all-features").args(command.split(' '))
}

/// Returns the command that runs cargo-deny on the dependencies of a user of the library with these features. The caller adds
/// the names of the checks.
///
/// The two options allow that an exception in `deny.toml` is needed only by the workspace.
fn user<'a>(sh: &'a Shell, features: &str) -> Cmd<'a> {
    cmd!(sh, "cargo deny --locked --exclude-dev --no-default-features --features {features}").args([
        "check",
        "-A",
        "license-exception-not-encountered",
        "-A",
        "unmatched-skip",
    ])
}

/// Returns the library's features from a list, which a test compares with the manifest.
fn features(sh: &Shell) -> Result<Vec<String>> {
    let api = sh.read_file("tests/contract/api.txt")?;
    let rows = api.lines().filter_map(|line| line.strip_prefix("feature "));
    let name = |row: &str| Some(row.split_once(" =")?.0.to_owned());
    let features: Option<Vec<_>> = rows.map(name).collect();
    let features = features.context("a feature's row has no \"=\"")?;
    ensure!(!features.is_empty(), "tests/contract/api.txt lists no feature");
    Ok(features)
}
