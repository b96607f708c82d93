//! Every check and report of this repository, each as a subcommand: `cargo xtask --help`.
//!
//! `process`, `tree`, `tools`, `results` and `exceptions` are the ground; `postgres` and `faults` stand on it; `steps` holds the checks;
//! `ci`, `assure` and `check` call them. `release` makes what is published.

mod assure;
mod check;
mod ci;
mod exceptions;
mod faults;
mod page;
mod postgres;
mod process;
mod release;
mod results;
mod steps;
mod tools;
mod tree;
#[cfg(test)]
mod workflows;

use std::io::Read;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xshell::Shell;

/// Every check and report of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = lists())]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run everything that must hold on every change, or the named steps of it
    Ci {
        /// Steps to run, in this order; all of them by default
        #[arg(value_parser = ci::names())]
        steps: Vec<String>,
    },
    /// Run one long check, and write its dated result into docs/results.md
    Assure {
        #[arg(value_parser = assure::names())]
        step: String,
        /// Arguments of the step
        arguments: Vec<String>,
    },
    /// Check the format, the lints and the tests of the packages that differ from the last commit, and say what is left out
    Check,
    /// Install everything that any step needs beyond a Rust toolchain
    Tools,
    /// Run a command with a throw-away PostgreSQL, and PgBouncer in front of it
    Postgres(postgres::Arguments),
    /// Plant faults in a copy, one at a time, and print which check catches each
    Faults(faults::Arguments),
    /// Write what standard input says into docs/results.md, dated, as the result of a check
    Results {
        /// Command that was run
        command: String,
    },
    /// Count the instructions of the hot paths under callgrind; with --record, keep the counts
    Instructions(steps::instructions::Arguments),
    /// Measure everything that docs/performance.md shows, and write it there
    Bench(steps::bench::Arguments),
    /// Package the command for one system, with the checksum of the archive
    Dist(release::Arguments),
    /// Write the parts list of the command, in CycloneDX
    Sbom,
    /// Drive the dashboard in Chromium
    Browser(steps::browser::Arguments),
    /// Measure the load that the server bears
    Load(steps::load::Arguments),
}

/// Lists the steps of `ci` and `assure`, for the help text.
fn lists() -> String {
    let list = |title: &str, rows: Vec<(&str, &str)>| {
        let rows: String = rows.iter().map(|(name, about)| format!("  {name:<22} {about}\n")).collect();
        format!("{title}:\n{rows}")
    };
    let ci = list(
        "Steps of `cargo xtask ci`, in order",
        ci::STEPS.iter().map(|step| (step.name, step.about)).collect(),
    );
    let long = list(
        "Steps of `cargo xtask assure`",
        assure::STEPS.iter().map(|step| (step.name, step.about)).collect(),
    );
    format!("{ci}\n{long}")
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(tree::root());
    match Arguments::parse().task {
        Task::Ci { steps } => ci::run(&sh, &steps),
        Task::Assure { step, arguments } => assure::run(&sh, &step, &arguments),
        Task::Check => check::run(&sh),
        Task::Tools => tools::install(&sh, tools::ALL),
        Task::Postgres(arguments) => postgres::run(&sh, &arguments),
        Task::Faults(arguments) => faults::run(&sh, &arguments),
        Task::Results { command } => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            results::write(&sh, &command, &text)
        }
        Task::Instructions(arguments) => steps::instructions::run(&sh, &arguments),
        Task::Bench(arguments) => steps::bench::run(&sh, &arguments),
        Task::Dist(arguments) => release::dist(&sh, &arguments),
        Task::Sbom => release::sbom(&sh),
        Task::Browser(arguments) => steps::browser::run(&sh, &arguments),
        Task::Load(arguments) => steps::load::run(&sh, &arguments),
    }
}
