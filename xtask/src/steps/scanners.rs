//! `ctx-key scan` beside other scanners, on repositories that `rules/compare` makes. The command's README has the figures, and
//! docs/results.md each place, too.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{page, process, results, tools};

pub fn run(sh: &Shell, _: &[String]) -> Result<String> {
    tools::install(sh, &[&tools::GIT, &tools::PYTHON])?;
    let tables = process::read(cmd!(sh, "rules/compare"))?;
    let (summary, _) = tables.split_once("The places").context("rules/compare prints no places")?;
    let text = format!("{}\n\n{summary}", results::circumstances(sh)?);
    page::replace("crates/cli/README.md", "cargo xtask assure scanners", &text)?;
    Ok(tables)
}
