//! Every check and report of this repository, each as a subcommand: `cargo xtask --help`.
//!
//! `process`, `tree` and `exceptions` are the lowest layer. `tools`, `results` and `page` are above them, and above these are
//! `postgres`, `faults` and `release`. `steps` contains the checks, which `ci` and `assure` run. `check` names the steps of
//! `ci` that it leaves out.

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
    /// Run every step that must pass on each change, or only the named steps
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
    /// Run a command with a temporary PostgreSQL, and PgBouncer in front of it
    Postgres(postgres::Arguments),
    /// Plant faults in a copy, one at a time, and print the check that catches each
    Faults(faults::Arguments),
    /// Write the text from standard input into docs/results.md, with the date, as the result of a check
    Results {
        /// Command that was run
        command: String,
    },
    /// Count the instructions of the hot paths with callgrind; with --record, record the counts
    Instructions(steps::instructions::Arguments),
    /// Measure all figures of docs/performance.md, and write them there
    Bench(steps::bench::Arguments),
    /// Package the command for one system, with a checksum of the archive
    Dist(release::Arguments),
    /// Write the parts list (SBOM) of the command, in CycloneDX
    Sbom,
    /// Test the dashboard in Chromium
    Browser(steps::browser::Arguments),
    /// Measure the server under load
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
