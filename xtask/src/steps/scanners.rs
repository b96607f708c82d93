//! `ctx-key scan` beside other scanners, on repositories that `rules/compare` makes. The command's README has the figures, and
//! docs/results.md each place, too.

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{process, results, tools, tree};

const PAGE: &str = "crates/cli/README.md";
const BEGIN: &str = "<!-- cargo xtask assure scanners -->\n";
const END: &str = "<!-- /cargo xtask assure scanners -->";

pub fn run(sh: &Shell, _: &[String]) -> Result<String> {
    tools::install(sh, &[&tools::GIT, &tools::PYTHON])?;
    let tables = process::read(cmd!(sh, "rules/compare"))?;
    let file = tree::root().join(PAGE);
    let page = sh.read_file(&file)?;
    let (summary, _) = tables.split_once("The places").context("rules/compare prints no places")?;
    sh.write_file(&file, replace(&page, &format!("{}\n\n{summary}", results::circumstances(sh)?))?)?;
    Ok(tables)
}

/// Returns the page with another text between the marks.
fn replace(page: &str, text: &str) -> Result<String> {
    let marked = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = marked.with_context(|| format!("{PAGE} does not have {BEGIN}and {END}"))?;
    Ok(format!("{before}{BEGIN}{text}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        let page = format!("before\n{BEGIN}old\n{END}\nafter\n");
        assert_eq!(replace(&page, "new\n").unwrap(), format!("before\n{BEGIN}new\n{END}\nafter\n"));
        let error = replace("before\n", "new\n").unwrap_err().to_string();
        assert!(error.starts_with("crates/cli/README.md does not have"), "{error}");
    }
}
