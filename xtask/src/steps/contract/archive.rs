//! Checks the archives of the crates as they would be published.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use xshell::{Cmd, Shell, cmd};

use super::{copy, target};
use crate::process::{assert_caught, transcript};

const YANKED: &str = "is yanked";

/// Checks that all archives build, that the library's archive passes its tests, and that no version in Cargo.lock is yanked.
pub fn package(sh: &Shell) -> Result<()> {
    // Cargo gives the archives to each other as a registry below the target folder, and neither unpacks nor builds a version again
    // that it knows from there. So each run needs a folder of its own: otherwise it tests sources of the last run.
    let fresh = TempDir::new_in(target())?;
    let _target = sh.push_env("CARGO_TARGET_DIR", fresh.path());
    let package = || cmd!(sh, "cargo package -p ctx-key -p ctx-key-cli --locked --allow-dirty");
    let others = ["-p", "ctx-key-capi", "-p", "ctx-key-verifier", "--all-features"];
    let printed = transcript(package().args(others))?;
    ensure!(!printed.contains(YANKED), "{printed}");
    {
        let scratch = sh.create_temp_dir()?;
        let _there = sh.push_dir(unpack(sh, fresh.path(), scratch.path())?);
        test(cmd!(sh, "cargo test --locked --all-features"))?;
    }

    let changed = copy(sh)?;
    let _there = sh.push_dir(changed.folder());
    changed.plant("Cargo.toml", "\"/src\", ", "\"/src/*.rs\", ")?;
    assert_caught(
        "a file of the library that is not in the archive",
        "file not found for module",
        package(),
    )?;

    copy(sh)?;
    cmd!(sh, "cargo update --quiet -p bitflags --precise 2.12.0").run()?;
    ensure!(transcript(package().arg("--no-verify"))?.contains(YANKED), "not caught: a yanked version");
    println!("    caught: a yanked version in Cargo.lock");
    Ok(())
}

/// Checks that the library works with the lowest versions of its dependencies that its manifest allows.
pub fn minimal(sh: &Shell) -> Result<()> {
    let scratch = sh.create_temp_dir()?;
    let _there = sh.push_dir(unpack(sh, &target(), scratch.path())?);
    let manifest = sh.read_file("Cargo.toml")?;
    let of_users = with_dev_dependencies(&manifest, &[]);
    let check = cmd!(sh, "cargo check --quiet --lib --locked --all-features");

    use_lowest_versions(sh, &of_users)?;
    let lowest = versions(sh)?;
    println!("{lowest}");
    cmd!(sh, "cargo check --quiet --lib --locked --no-default-features").run()?;
    check.run()?;
    // These tests need no other dependencies. Cargo adds their dependencies to the lock, and must change nothing else in it.
    sh.write_file("Cargo.toml", with_dev_dependencies(&manifest, &["base62", "chacha20", "serde_json"]))?;
    test(cmd!(sh, "cargo test --all-features --test env --test errors --test types --test vectors"))?;
    ensure!(versions(sh)? == lowest, "the tests ran with other versions");

    let [old, new] = ["2.7", "2.3"].map(|version| format!("[dependencies.memchr]\nversion = \"{version}\""));
    use_lowest_versions(sh, &of_users.replace(&old, &new))?;
    assert_caught("a dependency that is too old", "memmem", check)
}

/// Packs the library in a target folder, and returns the folder below `scratch` with the content of the archive.
fn unpack(sh: &Shell, target: &Path, scratch: &Path) -> Result<PathBuf> {
    let packages = target.join("package");
    // so that there is one archive, even if the version changed since the last run
    sh.remove_path(&packages)?;
    cmd!(sh, "cargo package --quiet -p ctx-key --locked --allow-dirty --no-verify").run()?;
    let archives = sh.read_dir(&packages)?;
    let archive = archives
        .iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "crate"))
        .context("cargo packed no archive")?;
    // `--touch`, because the times in the archive are always the same, so cargo would not notice a change.
    cmd!(sh, "tar --extract --touch --file {archive} --directory {scratch}").run()?;
    Ok(scratch.join(archive.file_stem().context("the archive has no name")?))
}

/// Runs tests, and prints their results and warnings.
fn test(tests: Cmd<'_>) -> Result<()> {
    let printed = transcript(tests)?;
    let is_result = |line: &&str| line.starts_with("test result");
    printed
        .lines()
        .filter(|line| is_result(line) || line.starts_with("warning"))
        .for_each(|line| println!("{line}"));
    ensure!(printed.lines().any(|line| is_result(&line)), "no test ran:\n{printed}");
    Ok(())
}

/// Writes the manifest, and locks the lowest versions that it allows.
fn use_lowest_versions(sh: &Shell, manifest: &str) -> Result<()> {
    sh.write_file("Cargo.toml", manifest)?;
    cmd!(sh, "cargo update --quiet -Zdirect-minimal-versions").env("RUSTC_BOOTSTRAP", "1").run()?;
    Ok(())
}

fn versions(sh: &Shell) -> Result<String> {
    Ok(cmd!(sh, "cargo tree --locked --all-features --depth 1 --edges normal").read()?)
}

/// Returns the archive's manifest without the development dependencies that are not in `kept`.
fn with_dev_dependencies(manifest: &str, kept: &[&str]) -> String {
    let mut dropped = false;
    let is_kept = |line: &&str| {
        if line.starts_with('[') {
            let name = line.strip_prefix("[dev-dependencies").map(|name| name.trim_matches(['.', ']']));
            dropped = name.is_some_and(|name| !kept.contains(&name));
        }
        !dropped
    };
    manifest.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_dependencies_are_dropped_by_name() {
        let manifest = "[package]\nname = \"x\"\n[dependencies.a]\nversion = \"1\"\n[dev-dependencies.b]\n\
                        version = \"2\"\nfeatures = [\n    \"c\",\n]\n[dev-dependencies.bb]\nversion = \"3\"\n[lints]\n";
        let (users, rest) = manifest.split_once("[dev-dependencies.b]").unwrap();
        let (_, lints) = rest.split_once("version = \"3\"\n").unwrap();
        assert_eq!(with_dev_dependencies(manifest, &[]), format!("{users}{lints}"));
        let kept = with_dev_dependencies(manifest, &["bb"]);
        assert_eq!(kept, format!("{users}[dev-dependencies.bb]\nversion = \"3\"\n{lints}"));
    }
}
