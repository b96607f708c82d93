//! Checks the part of the library's contract that only builds can show. `cargo test -p ctx-key-contract` checks the rest.

mod archive;
mod deny;

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::process::{self, assert_caught, timed};
use crate::tree::{self, Copy};

/// Runs all parts. Each plants faults in a copy of the repository, which it must catch.
pub fn run(sh: &Shell) -> Result<()> {
    // a target folder that the copy and the archives share, separate from other builds
    let _environment = [
        sh.push_env("CARGO_TARGET_DIR", target()),
        sh.push_env("RUSTFLAGS", ""),
        sh.push_env("RUSTDOCFLAGS", ""),
    ];
    timed("contract api", || api(sh))?;
    timed("contract lock", || lock(sh))?;
    timed("contract package", || archive::package(sh))?;
    timed("contract minimal", || archive::minimal(sh))?;
    timed("contract msrv", || msrv(sh))?;
    timed("contract deny", || deny::run(sh))
}

fn target() -> PathBuf {
    tree::target().join("contract")
}

fn copy(sh: &Shell) -> Result<Copy> {
    Copy::new(sh, target().join("copy"))
}

/// Checks that the test of the public API, which runs with all other tests, can fail.
fn api(sh: &Shell) -> Result<()> {
    let copy = copy(sh)?;
    let _there = sh.push_dir(copy.folder());
    copy.plant("src/record.rs", "pub fn retire_at", "fn retire_at")?;
    assert_caught(
        "a public method is gone",
        "\n- pub fn ctx_key::KeyRecord<P>::retire_at",
        cmd!(sh, "cargo test --quiet --locked -p ctx-key-contract --test api").env_remove("CTX_KEY_ACCEPT"),
    )
}

/// Checks that each Cargo.lock agrees with its manifests.
fn lock(sh: &Shell) -> Result<()> {
    for lock in tree::files(sh)?.iter().filter(|file| file.file_name() == Some(OsStr::new("Cargo.lock"))) {
        let manifest = lock.with_file_name("Cargo.toml");
        process::read(cmd!(sh, "cargo metadata --locked --format-version 1 --manifest-path {manifest}"))?;
    }
    let copy = copy(sh)?;
    let _there = sh.push_dir(copy.folder());
    copy.plant("Cargo.toml", "\nmemchr = ", "\nitoa = \"1\"\nmemchr = ")?;
    assert_caught(
        "a dependency that is not in Cargo.lock",
        "cannot update the lock file",
        cmd!(sh, "cargo clippy --workspace --locked -- -D warnings"),
    )
}

/// Checks that the library uses no item that is newer than the `rust-version` of its manifest.
fn msrv(sh: &Shell) -> Result<()> {
    let clippy = cmd!(sh, "cargo clippy --quiet --lib --all-features --locked -- -D warnings");
    clippy.run()?;
    let copy = copy(sh)?;
    let _there = sh.push_dir(copy.folder());
    let since_1_91 = "const _: core::time::Duration = core::time::Duration::from_mins(1);\n";
    copy.write("src/lib.rs", &(copy.read("src/lib.rs")? + since_1_91))?;
    assert_caught("an item of a later standard library", "clippy::incompatible-msrv", clippy)
}
