//! Measures everything, and writes the tables and pictures of docs/performance.md from it.
//!
//! A measurement wants a machine that does nothing else. The report fails, after writing, where a limit is passed.

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use xshell::{Cmd, Shell, cmd};

use crate::process::{self, timed};
use crate::{postgres, tools, tree};

/// A measurement. It gets the largest number of records to look up.
type Measurement = fn(&Shell, u32) -> Result<()>;

/// Measurements by name, in order.
const STEPS: [(&str, Measurement); 8] = [
    ("ratios", |sh, _| run_ratios(cmd!(sh, "cargo bench --locked --bench hot_path --bench scan"))),
    ("without SHA extensions", |sh, _| without_sha_extensions(sh)),
    ("peers", |sh, _| Ok(cmd!(sh, "cargo bench --locked -p ctx-key-bench -- --noplot").run()?)),
    ("sizes", |sh, _| measure(sh, "sizes")),
    ("threads", |sh, _| measure(sh, "threads")),
    ("texts", |sh, _| measure(sh, "texts")),
    ("look-ups", |sh, largest| look_ups(sh, largest).map(|printed| print!("{printed}"))),
    ("weight", |sh, _| Ok(cmd!(sh, "crates/bench/weight").run()?)),
];

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Records that are looked up: each power of ten up to this
    #[arg(default_value_t = 1_000_000)]
    largest: u32,
    /// One measurement; all of them by default
    #[arg(value_parser = PossibleValuesParser::new(STEPS.map(|(name, _)| name)))]
    step: Option<String>,
}

/// Runs one measurement or all of them, and writes the report.
pub fn run(sh: &Shell, arguments: &Arguments) -> Result<()> {
    timed("all", || {
        timed("tools", || prepare(sh))?;
        for (name, measurement) in STEPS {
            if arguments.step.as_deref().is_none_or(|chosen| chosen == name) {
                timed(name, || measurement(sh, arguments.largest))?;
            }
        }
        timed("report", || measure(sh, "report"))
    })
}

/// Looks up in ten million records, writes the report, and returns what was measured.
pub fn scale(sh: &Shell, _: &[String]) -> Result<String> {
    prepare(sh)?;
    let printed = look_ups(sh, 10_000_000)?;
    measure(sh, "report")?;
    Ok(format!("```text\n{printed}```\n"))
}

/// Measures the verifier's figures beside what each replaces. Arguments choose some by name.
pub fn figures(sh: &Shell, names: &[String]) -> Result<String> {
    let bench =
        cmd!(sh, "cargo bench --locked -p ctx-key-verifier --all-features --bench figures -- {names...}");
    let printed = postgres::with_durable(sh, |_| process::read(bench))?;
    Ok(format!("```text\n{printed}```\n"))
}

fn prepare(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&tools::CC, &tools::PYTHON])?;
    sh.set_var("CARGO_TARGET_DIR", tree::target());
    sh.set_var("CARGO_TERM_COLOR", "never");
    Ok(cmd!(sh, "cargo build --release --locked -p ctx-key-bench").run()?)
}

/// Runs benchmarks for half of criterion's own times, which are for machines with more noise than this needs.
fn run_ratios(command: Cmd<'_>) -> Result<()> {
    Ok(command.args(["--", "--noplot", "--warm-up-time", "1", "--measurement-time", "3"]).run()?)
}

fn without_sha_extensions(sh: &Shell) -> Result<()> {
    let command = cmd!(sh, "cargo bench --locked --bench hot_path")
        .env("CARGO_TARGET_DIR", tree::target().join("soft"))
        .env("RUSTFLAGS", "--cfg sha2_backend=\"soft\"");
    run_ratios(command)
}

fn measure(sh: &Shell, what: &str) -> Result<()> {
    let program = program();
    Ok(cmd!(sh, "{program} {what}").run()?)
}

fn look_ups(sh: &Shell, largest: u32) -> Result<String> {
    let (program, largest) = (program(), largest.to_string());
    postgres::with_durable(sh, |server| {
        process::read(cmd!(sh, "{program} lookups {largest}").env("DATABASE_URL", server.socket()))
    })
}

fn program() -> PathBuf {
    tree::target().join("release/ctx-key-bench")
}
