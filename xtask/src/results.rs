//! Writes the dated results of checks into docs/results.md. Nothing else writes that file.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::tree;

const FILE: &str = "docs/results.md";
const HEAD: &str = "# Results

The newest results of long checks. The commands write this file (`cargo xtask assure`, `cargo xtask results`); [Assurance](assurance.md)
says what each check shows and what it cannot see.
";

/// Writes the result of a command, and replaces its earlier result.
pub fn write(sh: &Shell, command: &str, text: &str) -> Result<()> {
    let file = tree::root().join(FILE);
    let mut results = fs::read_to_string(&file).map(|page| parse(&page)).unwrap_or_default();
    results.insert(command.to_owned(), format!("{}\n\n{}\n", circumstances(sh)?, text.trim()));
    fs::write(&file, page(&results)).with_context(|| format!("cannot write {FILE}"))?;
    println!("{FILE}: {command}");
    Ok(())
}

fn page(results: &BTreeMap<String, String>) -> String {
    let sections: String =
        results.iter().map(|(command, text)| format!("\n## `{command}`\n\n{text}")).collect();
    format!("{HEAD}{sections}")
}

fn parse(page: &str) -> BTreeMap<String, String> {
    let sections = page.split("\n## `").skip(1);
    sections
        .filter_map(|section| section.split_once("`\n\n"))
        .map(|(name, text)| (name.into(), text.into()))
        .collect()
}

/// Returns the date, the commit, the machine and the compiler.
pub fn circumstances(sh: &Shell) -> Result<String> {
    let date =
        time::OffsetDateTime::now_utc().format(time::macros::format_description!("[year]-[month]-[day]"))?;
    let commit = cmd!(sh, "git describe --always --dirty").quiet().read()?;
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let field = |name| cpu.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(": "));
    let model = field("model name").map_or("an unknown processor", |(_, model)| model);
    let sha =
        if field("flags").is_some_and(|(_, flags)| flags.contains(" sha_ni")) { "with" } else { "without" };
    let cores = std::thread::available_parallelism()?;
    let compiler = cmd!(sh, "rustc --version").quiet().read()?;
    let version = compiler.split_whitespace().nth(1).context("rustc has no version")?;
    Ok(format!("{date}, commit {commit}, {model} {sha} SHA extensions, {cores} cores, rustc {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_page_can_be_read_again() {
        let results = BTreeMap::from([
            ("cargo xtask assure soak".to_owned(), "2026-01-01\n\nfine\n".to_owned()),
            ("cargo xtask assure fuzz".to_owned(), "2026-01-02\n\n| a | b |\n|---|---|\n".to_owned()),
        ]);
        assert_eq!(parse(&page(&results)), results);
        assert_eq!(parse(HEAD), BTreeMap::new());
    }
}
