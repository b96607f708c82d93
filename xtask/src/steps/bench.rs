//! Measures everything, and writes the tables of docs/performance.md. Run it on an idle machine.
//!
//! If a limit is exceeded, the command writes the tables, and then fails.

mod tables;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::builder::PossibleValuesParser;
use xshell::{Cmd, Shell, cmd};

use crate::process::{self, timed};
use crate::{page, postgres, results, tools, tree};
use tables::{Estimates, Table};

const PAGE: &str = "docs/performance.md";

/// A measurement. Its argument is the largest number of records to look up.
type Measurement = fn(&Shell, u32) -> Result<Table>;

/// Measurements by name, in order. Each writes one table.
const STEPS: [(&str, Measurement); 7] = [
    ("paths", |sh, _| paths(sh)),
    ("scan", |sh, _| measure(cmd!(sh, "cargo bench --locked --bench scan"), |estimates, _| estimates.scan())),
    ("peers", |sh, _| measure(bench(sh, "peers"), Estimates::peers)),
    ("threads", |sh, _| measure(bench(sh, "threads"), |estimates, _| estimates.threads())),
    ("texts", |sh, _| measure(bench(sh, "texts"), |estimates, _| estimates.texts())),
    ("look-ups", look_ups),
    ("weight", |sh, _| Ok(process::read(cmd!(sh, "crates/bench/weight"))?.into())),
];

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One measurement; all of them by default
    #[arg(value_parser = PossibleValuesParser::new(STEPS.map(|(name, _)| name)))]
    step: Option<String>,
    /// Largest number of records to look up from; each power of ten up to it is measured
    #[arg(long, default_value_t = 1_000_000)]
    records: u32,
}

/// Runs one measurement or all of them, and writes their tables.
pub fn run(sh: &Shell, arguments: &Arguments) -> Result<()> {
    tools::install(sh, &[&tools::CC, &tools::PYTHON])?;
    sh.set_var("CARGO_TARGET_DIR", tree::target());
    sh.set_var("CARGO_TERM_COLOR", "never");
    let mut exceeded = Vec::new();
    for (name, measurement) in STEPS {
        if arguments.step.as_deref().is_none_or(|chosen| chosen == name) {
            let table = timed(name, || measurement(sh, arguments.records))?;
            let text = format!("{}\n{}\n", table.text, results::circumstances(sh)?);
            print!("{text}");
            page::replace(PAGE, &format!("cargo xtask bench {name}"), &text)?;
            exceeded.extend(table.exceeded);
        }
    }
    ensure!(exceeded.is_empty(), "{}", exceeded.join("\n"));
    Ok(())
}

/// Measures the verifier's figures, and those of what the verifier replaces. Arguments select figures by name.
pub fn figures(sh: &Shell, names: &[String]) -> Result<String> {
    let bench =
        cmd!(sh, "cargo bench --locked -p ctx-key-verifier --all-features --bench figures -- {names...}");
    let printed = postgres::with_durable(sh, |_| process::read(bench))?;
    Ok(format!("```text\n{printed}```\n"))
}

fn bench<'sh>(sh: &'sh Shell, name: &str) -> Cmd<'sh> {
    cmd!(sh, "cargo bench --locked -p ctx-key-bench --bench {name}")
}

/// Runs benchmarks, and makes a table from criterion's estimates and the output of the benchmarks.
fn measure(command: Cmd<'_>, table: fn(&Estimates, &str) -> Result<Table>) -> Result<Table> {
    let printed = process::read(command.args(["--", "--noplot"]))?;
    table(&Estimates::below(tree::target()), &printed)
}

/// Measures with SHA extensions and without, each for half of criterion's default times.
fn paths(sh: &Shell) -> Result<Table> {
    let run = |target: PathBuf, flags| {
        let bench = cmd!(sh, "cargo bench --locked --bench hot_path -- --noplot --warm-up-time 1");
        let bench = bench.args(["--measurement-time", "3"]).env("CARGO_TARGET_DIR", &target);
        process::read(bench.env("RUSTFLAGS", flags)).map(|_| Estimates::below(target))
    };
    let with = run(tree::target(), "")?;
    tables::paths(&with, &run(tree::target().join("soft"), "--cfg sha2_backend=\"soft\"")?)
}

fn look_ups(sh: &Shell, largest: u32) -> Result<Table> {
    postgres::with_durable(sh, |server| {
        let bench = bench(sh, "look_ups").env("DATABASE_URL", server.socket());
        measure(bench.env("RECORDS", largest.to_string()), Estimates::look_ups)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_has_exactly_one_place_for_each_table() {
        let text = std::fs::read_to_string(tree::root().join(PAGE)).unwrap();
        let places = text.lines().filter_map(|line| line.strip_prefix("<!-- cargo xtask bench "));
        let places: BTreeSet<&str> = places.filter_map(|place| place.strip_suffix(" -->")).collect();
        assert_eq!(places, BTreeSet::from(STEPS.map(|(name, _)| name)));
    }
}
