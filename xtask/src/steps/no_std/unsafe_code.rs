//! Checks that shipped packages forbid `unsafe` code. The C ABI, whose arguments are pointers, and the packages of tests and
//! fuzz targets may instead require a reason at each block.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use crate::process::assert_refused;
use crate::tree;

/// The manifests of all packages, by their paths.
type Manifests = BTreeMap<PathBuf, String>;

pub fn check(sh: &Shell) -> Result<()> {
    let manifests = manifests(sh)?;
    require_lints(&manifests)?;
    for file in ["crates/cli/Cargo.toml", "crates/capi/Cargo.toml", "tests/no_std/Cargo.toml"] {
        let mut planted = manifests.clone();
        let manifest = planted.get_mut(Path::new(file)).with_context(|| format!("no package {file}"))?;
        *manifest = manifest.replace("unsafe_code = ", "# ").replace("undocumented_unsafe_blocks = ", "# ");
        assert_refused(&format!("{file} without its lint"), file, require_lints(&planted))?;
    }
    Ok(())
}

fn manifests(sh: &Shell) -> Result<Manifests> {
    let files = tree::files(sh)?.into_iter().filter(|file| file.ends_with("Cargo.toml"));
    files
        .map(|file| fs::read_to_string(tree::root().join(&file)).map(|text| (file, text)).map_err(Into::into))
        .collect()
}

fn require_lints(manifests: &Manifests) -> Result<()> {
    let mut allowing = Vec::new();
    for (file, manifest) in manifests {
        if allows_unsafe(file, manifest)? {
            allowing.push(file.display().to_string());
        }
    }
    ensure!(allowing.is_empty(), "packages that could have an unsafe block: {}", allowing.join(", "));
    Ok(())
}

fn allows_unsafe(file: &Path, manifest: &str) -> Result<bool> {
    let manifest: toml::Table =
        manifest.parse().with_context(|| format!("{} is not a manifest", file.display()))?;
    let lint = |group: &str, name: &str| manifest.get("lints")?.get(group)?.get(name)?.as_str();
    let is_forbidden = lint("rust", "unsafe_code") == Some("forbid");
    let is_documented = lint("clippy", "undocumented_unsafe_blocks") == Some("deny");
    let needs_unsafe = ["crates/capi", "fuzz", "tests"].iter().any(|folder| file.starts_with(folder));
    Ok(!(is_forbidden || needs_unsafe && is_documented))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_c_abi_and_tests_may_have_unsafe_blocks_with_reasons() {
        let forbids = "[lints.rust]\nunsafe_code = \"forbid\"\n";
        let documents = "[lints.clippy]\nundocumented_unsafe_blocks = \"deny\"\n";
        let allows = |file: &str, manifest| allows_unsafe(Path::new(file), manifest).unwrap();
        for (file, must_forbid) in [
            ("Cargo.toml", true),
            ("crates/cli/Cargo.toml", true),
            ("xtask/Cargo.toml", true),
            ("crates/capi/Cargo.toml", false),
            ("crates/capi-other/Cargo.toml", true),
            ("tests/no_std/Cargo.toml", false),
            ("fuzz/Cargo.toml", false),
        ] {
            assert!(!allows(file, forbids), "{file}");
            assert_eq!(allows(file, documents), must_forbid, "{file}");
            assert!(allows(file, "[lints.rust]\nunsafe_code = \"deny\"\n"), "{file}");
            assert!(allows(file, "# unsafe_code = \"forbid\"\n"), "{file}");
        }
    }
}
