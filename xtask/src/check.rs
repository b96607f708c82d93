//! The fast check while one works: format, lints and tests of what differs from the last commit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::tree;

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

pub fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check").run()?;
    let packages = changed_packages(sh)?;
    if packages.is_empty() {
        println!("no package differs from the last commit");
        return Ok(());
    }
    let chosen: &Vec<_> = &packages.iter().flat_map(|name| ["--package", name]).collect();
    cmd!(sh, "cargo clippy --all-targets --all-features --locked {chosen...} -- -D warnings").run()?;
    cmd!(sh, "cargo test --all-features --locked {chosen...}").run()?;
    Ok(())
}

/// Returns the members of the workspace that have a changed file.
fn changed_packages(sh: &Shell) -> Result<BTreeSet<String>> {
    let metadata = cmd!(sh, "cargo metadata --no-deps --locked --format-version 1").quiet().read()?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    let status = cmd!(sh, "git status --porcelain -z --untracked-files=all --no-renames").quiet().read()?;
    let root = tree::root();
    let files = status.split('\0').filter_map(|entry| entry.get(3..)).map(|file| root.join(file));
    Ok(files.filter_map(|file| package_of(&metadata.packages, &file)).collect())
}

/// Returns the package whose folder is the nearest above the file.
fn package_of(packages: &[Package], file: &Path) -> Option<String> {
    let holds =
        |package: &&Package| package.manifest_path.parent().is_some_and(|folder| file.starts_with(folder));
    let nearest =
        packages.iter().filter(holds).max_by_key(|package| package.manifest_path.components().count());
    nearest.map(|package| package.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_nearest_package() {
        let package = |name: &str, path: &str| Package { name: name.into(), manifest_path: path.into() };
        let packages = [package("whole", "/r/Cargo.toml"), package("part", "/r/crates/part/Cargo.toml")];
        assert_eq!(package_of(&packages, Path::new("/r/crates/part/src/lib.rs")).as_deref(), Some("part"));
        assert_eq!(package_of(&packages, Path::new("/r/crates/other/x")).as_deref(), Some("whole"));
        assert_eq!(package_of(&packages, Path::new("/elsewhere")), None);
    }
}
