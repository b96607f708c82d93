//! Checks that no hot path takes over 2 % more instructions than recorded. callgrind counts them, with the software SHA-256.
//!
//! Two counts are compared: the instructions as a multiple of the path's floor, and those outside the hash, because a copy of
//! the key is less than 2 % of a count that includes the hash.
//!
//! The comparison must refuse a planted slow line, and changed records.

mod callgrind;
mod table;

use std::fs;

use anyhow::{Result, bail, ensure};
use xshell::Shell;

use crate::{tools, tree};
use table::Table;

const RECORDED: &str = "crates/bench/instructions/recorded";

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Record the counts, for a change that may make a path slower, or for another compiler
    #[arg(long)]
    record: bool,
}

pub fn check(sh: &Shell) -> Result<()> {
    run(sh, &Arguments { record: false })
}

pub fn run(sh: &Shell, arguments: &Arguments) -> Result<()> {
    tools::install(sh, &[&tools::VALGRIND])?;
    let counted = callgrind::count(sh, "")?;
    print!("{counted}");
    let file = tree::root().join(RECORDED);
    if arguments.record {
        fs::write(&file, counted.to_string())?;
    }
    let comparison = Table::parse(&fs::read_to_string(file)?)?.compare(&counted)?;
    comparison.notes.iter().for_each(|note| println!("note: {note}"));
    ensure!(comparison.failures.is_empty(), "{}", comparison.failures.join("\n"));

    let slow = callgrind::count(sh, "--cfg planted")?;
    println!("{} faults, all refused", refuse_faults(&counted, &slow)?);
    Ok(())
}

/// Compares tables that have a fault, each of which must be refused. Returns the number of faults.
fn refuse_faults(counted: &Table, slow: &Table) -> Result<usize> {
    let mut refusals = 0;
    let mut refused = |fault: &str, start: &str, recorded: &Table, counted: &Table| {
        refusals += 1;
        assert_refused(fault, start, recorded, counted)
    };
    refused("a planted copy of the key", "check/granted: ", counted, slow)?;
    for (index, row) in counted.rows.iter().enumerate() {
        let start = format!("{}: ", row.path);
        let mut less = counted.clone();
        less.rows[index].outside_hash = a_thirtieth_less(row.outside_hash);
        refused("3 % less recorded outside the hash", &start, &less, counted)?;
        // a floor is always exactly one time itself
        if row.path != row.floor {
            let mut less = counted.clone();
            less.rows[index].instructions = a_thirtieth_less(row.instructions);
            refused("3 % less recorded", &start, &less, counted)?;
        }
    }
    let mut without = counted.clone();
    without.rows.retain(|row| row.path != "check/granted");
    refused("a path that is not recorded", "check/granted: not recorded", &without, counted)?;
    refused("a path that is recorded alone", "check/granted: recorded", counted, &without)?;
    let another = Table { compiler: counted.compiler.replacen(' ', " another ", 1), ..counted.clone() };
    refused("another compiler", "recorded with rustc another ", &another, counted)?;
    Ok(refusals)
}

fn a_thirtieth_less(count: u64) -> u64 {
    count * 100 / 103
}

/// Checks that a comparison fails, and that each failure starts with `start`.
fn assert_refused(fault: &str, start: &str, recorded: &Table, counted: &Table) -> Result<()> {
    let failures = recorded.compare(counted)?.failures;
    ensure!(!failures.is_empty(), "not refused: {fault}: {start}");
    if let Some(other) = failures.iter().find(|failure| !failure.starts_with(start)) {
        bail!("refused for another reason: {fault}: {other}");
    }
    Ok(())
}
