//! The fuzz targets: a short run of each on every change, and long campaigns.

mod campaign;

use std::path::Path;

use anyhow::Result;
use xshell::{Cmd, Shell, cmd};

pub use self::campaign::campaign;
use crate::tools;

const CORPUS: &str = "fuzz/corpus";

/// Runs every seed, and what grows out of them in five seconds, which is not kept.
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
    Ok(fuzz(sh).arg("list").read()?.lines().map(str::to_owned).collect())
}

/// Returns the command that runs a target for some seconds. New inputs go into the folder `grown`.
fn run<'a>(sh: &'a Shell, target: &str, grown: &Path, seconds: u64) -> Cmd<'a> {
    fuzz(sh)
        .args(["run", target])
        .arg(grown)
        .arg(format!("{CORPUS}/{target}"))
        .args(["--", "-rss_limit_mb=4096", "-print_final_stats=1"])
        .arg(format!("-max_total_time={seconds}"))
}

/// Returns cargo-fuzz's command, with which a stable compiler takes its unstable flags.
fn fuzz(sh: &Shell) -> Cmd<'_> {
    cmd!(sh, "cargo fuzz").env("RUSTC_BOOTSTRAP", "1")
}
