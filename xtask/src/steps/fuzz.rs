//! Runs the fuzz targets: each for a short time on every change, and all of them in long campaigns.

mod campaign;

use std::path::Path;

use anyhow::{Result, ensure};
use xshell::{Cmd, Shell, cmd};

pub use self::campaign::campaign;
use crate::tools;

const CORPUS: &str = "fuzz/corpus";

/// Runs every seed, and then fuzzes each target for five seconds. New inputs are not kept.
pub fn replay(sh: &Shell) -> Result<()> {
    for target in build(sh)? {
        let grown = sh.create_temp_dir()?;
        run(sh, &target, grown.path(), 5).run()?;
    }
    Ok(())
}

/// Builds all targets, and returns their names.
fn build(sh: &Shell) -> Result<Vec<String>> {
    tools::install(sh, &[&tools::CARGO_FUZZ])?;
    fuzz(sh).arg("build").run()?;
    let targets: Vec<_> = fuzz(sh).arg("list").read()?.lines().map(str::to_owned).collect();
    ensure!(!targets.is_empty(), "cargo fuzz lists no target");
    Ok(targets)
}

/// Returns the command that runs a target for `seconds`. New inputs go into the folder `grown`.
fn run<'a>(sh: &'a Shell, target: &str, grown: &Path, seconds: u64) -> Cmd<'a> {
    fuzz(sh)
        .args(["run", target])
        .arg(grown)
        .arg(format!("{CORPUS}/{target}"))
        .args(["--", "-rss_limit_mb=4096", "-print_final_stats=1"])
        .arg(format!("-max_total_time={seconds}"))
}

/// Returns the command `cargo fuzz`. A variable lets a stable compiler accept its unstable flags.
fn fuzz(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fuzz").env("RUSTC_BOOTSTRAP", "1")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::tree;

    /// A target without a seed would start from random bytes.
    #[test]
    fn every_target_has_seeds() {
        let root = tree::root();
        let manifest: toml::Table =
            toml::from_str(&fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap()).unwrap();
        let targets = manifest["bin"].as_array().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            let name = target["name"].as_str().unwrap();
            let seeds = fs::read_dir(root.join(super::CORPUS).join(name))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(seeds.count() > 0, "{name} has no seed");
        }
    }
}
