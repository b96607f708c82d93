//! Checks that the tests run every part of the library's source, except those that `tests/uncovered.txt` lists with reasons.
//!
//! Examples in the documentation do not count.

mod report;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};

use self::report::{Report, Sources};
use crate::process::read;
use crate::{tools, tree};

const LIST: &str = "tests/uncovered.txt";
const UNLISTED: &str = "not run, and not in tests/uncovered.txt";
const STALE: &str = "in tests/uncovered.txt, but it runs or does not exist";

/// Skips a test that looks for a key on the stack: instrumented code leaves a part of the key there.
const SKIPPED: [&str; 2] = ["--skip", "parsing_leaves_nothing_on_the_stack"];

pub fn run(sh: &Shell) -> Result<()> {
    let llvm = install_llvm(sh)?;
    let scratch = sh.create_temp_dir()?;
    let work = scratch.path();
    let _environment = [
        // separate from other builds, which the flag would invalidate
        sh.push_env("CARGO_TARGET_DIR", tree::target().join("coverage")),
        sh.push_env("RUSTFLAGS", "-C instrument-coverage"),
        // otherwise, small functions are compiled into the tests alone, where the library's own counts don't see them
        sh.push_env("CARGO_INCREMENTAL", "1"),
        // instrumented build scripts also write profiles
        sh.push_env("LLVM_PROFILE_FILE", work.join("build-%m.profraw")),
    ];
    let programs = test_programs(sh)?;
    let list = fs::read_to_string(tree::root().join(LIST))?;

    let parsing: Vec<_> = programs.iter().filter(|path| is_test_file(path, "parse")).cloned().collect();
    let parsing = measure(sh, &llvm, &work.join("parse"), &parsing)?;
    assert_refused("the tests of one file alone", UNLISTED, &parsing.compare(&list).unlisted)?;
    let all = measure(sh, &llvm, &work.join("all"), &programs)?;
    let longer = format!("{list}key.rs: Ok((text, digest))\n");
    assert_refused("a listed line that runs", STALE, &all.compare(&longer).stale)?;

    print!("{all}");
    let differences = all.compare(&list);
    differences.unlisted.iter().for_each(|entry| println!("{UNLISTED}: {entry}"));
    differences.stale.iter().for_each(|entry| println!("{STALE}: {entry}"));
    ensure!(differences.is_empty(), "{LIST} does not list exactly the parts that do not run");
    Ok(())
}

fn assert_refused(fault: &str, message: &str, entries: &[String]) -> Result<()> {
    if entries.is_empty() {
        bail!("not caught: {fault}");
    }
    println!("    caught: {fault}: {} x \"{message}\"", entries.len());
    Ok(())
}

/// Installs the tools that read the compiler's profiles, and returns their version, which is that of LLVM in `rustc -vV`.
fn install_llvm(sh: &Shell) -> Result<String> {
    let version = cmd!(sh, "rustc -vV").quiet().read()?;
    let llvm = version.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let major =
        llvm.and_then(|version| version.split('.').next()).context("rustc names no version of LLVM")?;
    tools::debian(sh, &[&format!("llvm-{major}")])?;
    Ok(major.to_owned())
}

/// Builds the library's tests, and returns their programs.
fn test_programs(sh: &Shell) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }
    let features = ["--all-features", "--locked", "--lib", "--tests"];
    let messages = cmd!(sh, "cargo test --quiet {features...} --no-run --message-format=json").read()?;
    let mut programs = Vec::new();
    for line in messages.lines() {
        programs.extend(serde_json::from_str::<Message>(line)?.executable);
    }
    Ok(programs)
}

/// Returns whether cargo built the program from `tests/<name>.rs`. Cargo adds a hash to the name of the program.
fn is_test_file(program: &Path, name: &str) -> bool {
    let file = program.file_name().and_then(|file| file.to_str()).and_then(|file| file.rsplit_once('-'));
    file.is_some_and(|(found, _)| found == name)
}

/// Runs these test programs, and reports which parts of the library they ran.
fn measure(sh: &Shell, llvm: &str, folder: &Path, programs: &[PathBuf]) -> Result<Report> {
    let profiles = folder.join("profiles");
    sh.create_dir(&profiles)?;
    for program in programs {
        read(
            cmd!(sh, "{program} --quiet {SKIPPED...}").env("LLVM_PROFILE_FILE", profiles.join("%m.profraw")),
        )?;
    }
    let merged = folder.join("merged.profdata");
    cmd!(sh, "llvm-profdata-{llvm} merge --sparse --output {merged} {profiles}").quiet().run()?;
    let objects: Vec<_> = programs.iter().flat_map(|program| [Path::new("--object"), program]).collect();
    let objects = &objects;
    let export = |format: &str| {
        read(cmd!(
            sh,
            "llvm-cov-{llvm} export {objects...} --instr-profile {merged} --sources src --format {format}"
        ))
    };
    Report::read(Sources::read(&tree::root().join("src"))?, &export("text")?, &export("lcov")?)
}
