//! Checks of the library and the workspace that only run cargo.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::tree;

/// Packages in workspaces of their own, because they need flags that must not affect the library's builds.
const SEPARATE: [&str; 4] = [
    "crates/bench/instructions/Cargo.toml",
    "fuzz/Cargo.toml",
    "tests/constant_time/Cargo.toml",
    "tests/no_std/Cargo.toml",
];

/// Features of the library, except `default`.
const FEATURES: [&str; 5] = ["std", "getrandom", "alloc", "serde", "http"];

pub fn lints(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check").run()?;
    cmd!(sh, "cargo clippy --workspace --all-targets --all-features --locked -- -D warnings").run()?;
    for manifest in SEPARATE {
        cmd!(sh, "cargo fmt --check --manifest-path {manifest}").run()?;
        // the fuzz targets compile only with the flags of cargo-fuzz
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

/// Runs clippy on the library with every set of its features. Warnings are errors.
pub fn features(sh: &Shell) -> Result<()> {
    for set in 0..1 << FEATURES.len() {
        let is_chosen = |(bit, _): &(usize, &&str)| set >> bit & 1 == 1;
        let chosen: Vec<_> = FEATURES.iter().enumerate().filter(is_chosen).map(|(_, name)| *name).collect();
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn manifest(path: &str) -> toml::Table {
        toml::from_str(&fs::read_to_string(tree::root().join(path)).unwrap()).unwrap()
    }

    /// If a list misses an item, some code is not checked.
    #[test]
    fn the_lists_name_every_workspace_and_every_feature() {
        let files = tree::files(&Shell::new().unwrap()).unwrap();
        let manifests =
            files.iter().filter_map(|file| file.to_str().filter(|file| file.ends_with("/Cargo.toml")));
        let separate: Vec<_> = manifests.filter(|file| manifest(file).contains_key("workspace")).collect();
        assert_eq!(separate, SEPARATE);

        let manifest = manifest("Cargo.toml");
        let features = manifest["features"].as_table().unwrap().keys().filter(|name| *name != "default");
        let mut listed = FEATURES;
        listed.sort_unstable();
        assert_eq!(features.collect::<Vec<_>>(), listed);
    }
}
