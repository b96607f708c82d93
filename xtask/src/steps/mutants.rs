//! Checks that the tests notice changes: cargo-mutants changes the library in every way that it knows, one at a time, and runs
//! the tests on each change.
//!
//! `tests/mutants/survivors.txt` must list, with a reason, exactly the changes that no test notices or that make a test run
//! without end. The check takes an hour or two. A run that was stopped continues where it was, unless the library or its
//! tests have changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::exceptions::{difference, entries};
use crate::process::read;
use crate::{tools, tree};

const LIST: &str = "tests/mutants/survivors.txt";
const CARGO_ENVIRONMENT: [(&str, &str); 5] = [
    ("CARGO_TERM_COLOR", "never"),
    ("CARGO_PROFILE_DEV_DEBUG", "0"),
    ("RUST_BACKTRACE", "0"),
    // every run has the same cases, and a failing case is not reduced
    ("PROPTEST_RNG_SEED", "1"),
    ("PROPTEST_MAX_SHRINK_ITERS", "0"),
];
/// Fast tests, which notice nearly all changes.
const FAST_TESTS: &[&str] = &[
    "--cargo-arg=--lib",
    "--cargo-arg=--test=bearer",
    "--cargo-arg=--test=challenge",
    "--cargo-arg=--test=errors",
    "--cargo-arg=--test=generation",
    "--cargo-arg=--test=parse",
    "--cargo-arg=--test=pasted",
    "--cargo-arg=--test=records",
    "--cargo-arg=--test=redacting_writer",
    "--cargo-arg=--test=redacting_writer_errors",
    "--cargo-arg=--test=scan",
    "--cargo-arg=--test=scopes",
    "--cargo-arg=--test=serde",
    "--cargo-arg=--test=vectors",
];
/// Tests that pass only with optimized code.
const SKIPPED: [&str; 2] = ["--skip", "on_the_stack"];

pub fn run(sh: &Shell, _: &[String]) -> Result<String> {
    tools::install(sh, &[&tools::CARGO_MUTANTS])?;
    let folder = tree::target().join("mutants");
    sh.create_dir(&folder)?;
    remove_stopped_copies(sh, &folder)?;
    // all changes share one target folder; cargo-mutants makes its copy of the repository next to it
    let _build = sh.push_env("CARGO_TARGET_DIR", folder.join("build"));
    let _copies = sh.push_env("TMPDIR", &folder);
    let _environment = CARGO_ENVIRONMENT.map(|(name, value)| sh.push_env(name, value));

    prove(sh, &folder.join("proof"))?;
    let results = folder.join("mutants.out");
    forget_if_changed(sh, &folder.join("inputs"), &results)?;
    mutate(sh, &folder, &[&["--iterate"], FAST_TESTS].concat())?;
    mutate(sh, &folder, &["--iterate", "--cargo-arg=--tests"])?;
    judge(sh, &results)
}

/// Runs cargo-mutants. It is not an error if changes were missed: [`judge`] compares them with the list.
fn mutate(sh: &Shell, output: &Path, options: &[&str]) -> Result<()> {
    // the limit makes a change fail that allocates without end, before the machine runs out of memory
    let bounded =
        ["--data=8589934592", "nice", "cargo", "mutants", "--all-features", "--jobs=1", "--colors=never"];
    let unoptimized = "--cargo-arg=--config=profile.test.package.ctx-key.opt-level=0";
    let command =
        cmd!(sh, "prlimit {bounded...} --output {output} {unoptimized} {options...} -- -- {SKIPPED...}");
    match Command::from(command).status()?.code() {
        // all changes were noticed, some were missed, or some did not end
        Some(0 | 2 | 3) => Ok(()),
        code => bail!("cargo mutants failed with status {code:?}"),
    }
}

/// Checks that this check can fail: on a change whose test is skipped, and on a listed change that was noticed.
fn prove(sh: &Shell, folder: &Path) -> Result<()> {
    const CHANGE: &str = "missed src/time.rs: replace UnixTime::as_secs -> u64 with 0";
    sh.remove_path(folder)?;
    sh.create_dir(folder)?;
    mutate(sh, folder, &["--file=src/time.rs", "--re=as_secs -> u64 with 0", "--cargo-arg=--test=types"])?;
    let results = folder.join("mutants.out");
    let found = differences(&results, CHANGE)?;
    ensure!(found.is_empty(), "not as listed: {found:?}");
    ensure!(differences(&results, "")? == [format!("not listed: {CHANGE}")], "not caught: a missed change");
    println!("    caught: a change whose test is skipped");
    sh.write_file(results.join("missed.txt"), "")?;
    let found = differences(&results, CHANGE)?;
    ensure!(found == [format!("listed, but noticed: {CHANGE}")], "not caught: a noticed change");
    println!("    caught: a listed change that was noticed");
    Ok(())
}

fn remove_stopped_copies(sh: &Shell, folder: &Path) -> Result<()> {
    for path in sh.read_dir(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("cargo-mutants-") && name.ends_with(".tmp") {
            sh.remove_path(path)?;
        }
    }
    Ok(())
}

/// Removes results that belong to other versions of the files, so that all changes are tried again.
fn forget_if_changed(sh: &Shell, kept: &Path, results: &Path) -> Result<()> {
    let matters = |path: &Path| {
        let is_test = path.parent() == Some(Path::new("tests"))
            && path.extension().is_some_and(|ending| ending == "rs");
        let files = [
            "Cargo.lock",
            "Cargo.toml",
            "src",
            "tests/common",
            "tests/erasure",
            "tests/vectors",
            "xtask/src/steps/mutants.rs",
        ];
        is_test || files.iter().any(|file| path.starts_with(file))
    };
    let files: Vec<_> = tree::files(sh)?.into_iter().filter(|path| matters(path)).collect();
    let sums = read(cmd!(sh, "sha256sum {files...}"))?;
    if fs::read_to_string(kept).ok().as_ref() != Some(&sums) {
        sh.remove_path(results)?;
        sh.write_file(kept, sums)?;
    }
    Ok(())
}

/// Compares the results with the list, and returns the text of the result.
fn judge(sh: &Shell, results: &Path) -> Result<String> {
    let changes = |name: &str| -> Result<Vec<String>> {
        // an outcome that never occurred has no file
        let text = fs::read_to_string(results.join(name)).unwrap_or_default();
        Ok(text.lines().map(str::to_owned).collect())
    };
    let noticed = [changes("previously_caught.txt")?, changes("caught.txt")?].concat();
    let [unviable, missed, endless] =
        [changes("unviable.txt")?, changes("missed.txt")?, changes("timeout.txt")?];

    let all = read(cmd!(sh, "cargo mutants --list --all-features --colors never"))?;
    let all: BTreeSet<_> = all.lines().collect();
    let tried = [&noticed, &unviable, &missed, &endless].into_iter().flatten().map(String::as_str).collect();
    let others: Vec<_> = all.symmetric_difference(&tried).collect();
    ensure!(others.is_empty(), "not tried, or not a change: {others:#?}");
    let differences = differences(results, &fs::read_to_string(tree::root().join(LIST))?)?;
    ensure!(differences.is_empty(), "{LIST}:\n{}", differences.join("\n"));
    let [noticed, unviable, missed, endless] =
        [noticed, unviable, missed, endless].map(|changes| changes.len());
    Ok(format!(
        "{} changes: {noticed} noticed, {unviable} that do not compile, {missed} not noticed and {endless} without end, \
         all of them on the list\n",
        all.len()
    ))
}

/// Returns the differences between a list and the changes that no test noticed.
fn differences(results: &Path, list: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for kind in ["missed", "timeout"] {
        let file = results.join(format!("{kind}.txt"));
        let changes = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        found.extend(changes.lines().map(|change| format!("{kind} {}", without_position(change))));
    }
    let listed = entries(list);
    let unlisted = difference(&found, &listed).into_iter().map(|change| format!("not listed: {change}"));
    let noticed =
        difference(&listed, &found).into_iter().map(|change| format!("listed, but noticed: {change}"));
    Ok(unlisted.chain(noticed).collect())
}

/// Removes the line and column of a change such as `src/key.rs:12:5: replace …`, because they move.
fn without_position(change: &str) -> String {
    let mut parts = change.splitn(4, ':');
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(line), Some(column), Some(text)) if is_number(line) && is_number(column) => {
            format!("{file}:{text}")
        }
        _ => change.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_position_is_dropped() {
        let change = "src/time.rs:12:5: replace UnixTime::as_secs -> u64 with 0:1:2: x";
        let expected = "src/time.rs: replace UnixTime::as_secs -> u64 with 0:1:2: x";
        assert_eq!(without_position(change), expected);
        assert_eq!(without_position(expected), expected);
    }

    #[test]
    fn a_list_is_compared_with_results_in_both_directions() {
        let results = tempfile::tempdir().unwrap();
        fs::write(results.path().join("missed.txt"), "src/a.rs:1:2: x\nsrc/a.rs:9:2: x\n").unwrap();
        fs::write(results.path().join("timeout.txt"), "src/a.rs:3:4: y\n").unwrap();
        let found = |list| differences(results.path(), list).unwrap();
        assert_eq!(found("# why\nmissed src/a.rs: x\nmissed src/a.rs: x\n\ntimeout src/a.rs: y\n"), [""; 0]);
        assert_eq!(
            found("missed src/a.rs: x\nmissed src/a.rs: y\n"),
            [
                "not listed: missed src/a.rs: x",
                "not listed: timeout src/a.rs: y",
                "listed, but noticed: missed src/a.rs: y"
            ]
        );
    }
}
