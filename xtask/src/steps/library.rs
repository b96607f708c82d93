//! Checks of the library and the workspace that are commands of cargo.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::tree;

/// Packages that are workspaces of their own, because they need flags that must not reach the library's builds.
const SEPARATE: [&str; 4] = [
    "crates/bench/instructions/Cargo.toml",
    "fuzz/Cargo.toml",
    "tests/constant_time/Cargo.toml",
    "tests/no_std/Cargo.toml",
];

pub fn lints(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check").run()?;
    cmd!(sh, "cargo clippy --workspace --all-targets --all-features --locked -- -D warnings").run()?;
    for manifest in SEPARATE {
        cmd!(sh, "cargo fmt --check --manifest-path {manifest}").run()?;
        // the fuzz targets build with flags of cargo-fuzz alone
        if !manifest.starts_with("fuzz/") {
            cmd!(sh, "cargo clippy --release --locked --manifest-path {manifest} -- -D warnings").run()?;
        }
    }
    Ok(())
}

pub fn docs(sh: &Shell) -> Result<()> {
    let _flags = sh.push_env("RUSTDOCFLAGS", "-D warnings");
    cmd!(sh, "cargo doc --workspace --no-deps --all-features --locked").run()?;
    cmd!(sh, "cargo doc --no-deps --no-default-features --locked").run()?;
    Ok(())
}

/// Builds the library with every set of its features. Warnings are errors in each.
pub fn features(sh: &Shell) -> Result<()> {
    const ALL: [&str; 5] = ["std", "getrandom", "alloc", "serde", "http"];
    for set in 0..1 << ALL.len() {
        let chosen: Vec<_> =
            ALL.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1).map(|(_, name)| *name).collect();
        let names = chosen.join(",");
        cmd!(
            sh,
            "cargo clippy --quiet --lib --locked --no-default-features --features {names} -- -D warnings"
        )
        .run()?;
    }
    Ok(())
}

pub fn builds(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo build --examples --all-features --locked").run()?;
    cmd!(sh, "cargo bench --no-run --all-features --locked").run()?;
    Ok(())
}

/// Runs README's first command in a fresh clone of the last commit.
pub fn quickstart(sh: &Shell) -> Result<()> {
    let clone = sh.create_temp_dir()?;
    let (root, path) = (tree::root(), clone.path());
    cmd!(sh, "git clone --quiet {root} {path}").run()?;
    let _there = sh.push_dir(path);
    let printed =
        cmd!(sh, "cargo run --locked --example quickstart").env("CARGO_TARGET_DIR", tree::target()).read()?;
    println!("{printed}");
    ensure!(!printed.trim().is_empty(), "the quickstart prints nothing");
    Ok(())
}

/// Runs README's second command, with more random inputs than by default.
pub fn tests(sh: &Shell) -> Result<()> {
    let tests = cmd!(sh, "cargo test --workspace --all-features --locked -- --include-ignored");
    Ok(tests.env("PROPTEST_CASES", "1000").run()?)
}
