//! Compares `ctx-key scan` with other scanners, on repositories that `rules/compare` makes. Writes the figures into the
//! command's README, and the places into docs/results.md.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{page, process, results, tools};

const PAGE: &str = "crates/cli/README.md";

pub fn run(sh: &Shell, _: &[String]) -> Result<String> {
    tools::install(sh, &[&tools::GIT, &tools::PYTHON])?;
    let tables = process::read(cmd!(sh, "rules/compare"))?;
    let places = tables.find("The places").context("rules/compare prints no places")?;
    let (summary, places) = tables.split_at(places);
    let text = format!("{}\n\n{summary}", results::circumstances(sh)?);
    page::replace(PAGE, "cargo xtask assure scanners", &text)?;
    Ok(format!("The figures are in [{PAGE}](../{PAGE}#comparison-with-other-scanners). {places}"))
}
