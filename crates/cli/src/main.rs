//! The `ctx-key` command: makes, examines, finds and hides MemoryKit API keys.
//!
//! | part | file |
//! |---|---|
//! | options and arguments | `cli.rs` |
//! | `new`, `inspect`, `redact`, `rules` | a file for each |
//! | `scan` | `scan.rs`, which lists the files in `scan/` |
//! | exit codes | `outcome.rs` |
//! | names of files in output | `name.rs` |
//!
//! All output goes through [`output`], which hides secrets. A closed pipe is an error only for `new`, whose key
//! would be lost.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};
use crate::outcome::{FAILED, Outcome};

mod cli;
mod inspect;
mod name;
mod new;
mod outcome;
mod output;
mod redact;
mod rules;
mod scan;

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => run(cli.command),
        Err(error) => return ExitCode::from(output::print_usage(&error)),
    };
    ExitCode::from(outcome.unwrap_or_else(|message| {
        output::print_error(&message);
        FAILED
    }))
}

fn run(command: Command) -> Outcome {
    match command {
        Command::New(options) => new::run(&options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Scan(options) => scan::run(*options),
        Command::Redact => redact::run(),
        Command::Rules { tool } => rules::run(&tool),
        Command::Completions { shell } => completions(shell),
        Command::Man { command } => man(command.as_deref()),
    }
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ctx-key", &mut script);
    output::print(&script)
}

fn man(name: Option<&str>) -> Outcome {
    let mut root = Cli::command();
    root.build();
    let page = match name {
        None => root,
        Some(name) => match root.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Err("no such command; `ctx-key --help` names them".to_owned()),
        },
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|error| format!("can't make the man page: {error}"))?;
    output::print(&text)
}
