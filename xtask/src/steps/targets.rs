//! Checks that the library and the command compile for Windows and macOS, on which no other step runs.

use anyhow::Result;
use xshell::{Cmd, Shell, cmd};

use crate::process::assert_caught;
use crate::tools;
use crate::tree::{self, Copy};

/// Targets of Windows and macOS. They are only checked, and not linked, so that their linkers are not needed.
const TARGETS: [&str; 2] = ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

pub fn run(sh: &Shell) -> Result<()> {
    // the standard libraries of other systems come only from rustup, which may be out of reach
    if let Err(error) = tools::install(sh, &[&tools::WINDOWS, &tools::MACOS]) {
        println!("SKIPPED Windows and macOS: {error:#}");
        return Ok(());
    }
    // apart, so that it waits for no other build
    let target = tree::target().join("targets");
    let _environment = sh.push_env("CARGO_TARGET_DIR", &target);
    check(sh).run()?;

    let copy = Copy::new(sh, target.join("copy"))?;
    let _there = sh.push_dir(copy.folder());
    // without this line, a function that needs Unix is compiled on every system
    copy.plant("crates/cli/src/new.rs", "#[cfg(unix)]\n", "")?;
    assert_caught("a function that only Unix has", "could not find `unix` in `os`", check(sh))
}

fn check(sh: &Shell) -> Cmd<'_> {
    let targets = TARGETS.iter().flat_map(|target| ["--target", target]);
    cmd!(sh, "cargo clippy --locked --package ctx-key --package ctx-key-cli --all-features")
        .args(targets)
        .args(["--", "-D", "warnings"])
}
