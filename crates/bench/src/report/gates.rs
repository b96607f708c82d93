//! The instruction counts that CI holds every change to.

use std::error::Error;

use super::{Report, read_file, table};

/// The counts that `cargo xtask instructions` compares with: a line for the compiler and machine, one with the names of the
/// columns, and one for each path.
const KEPT: &str = "crates/bench/instructions/recorded";

pub(super) fn add(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let kept = read_file(KEPT)?;
    let mut lines = kept.lines();
    let compiler = lines.next().ok_or("no compiler in the recorded counts")?;
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let head = cells(lines.next().ok_or("no names of columns in the recorded counts")?);
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let table = table(&head, lines.map(cells));
    report
        .blocks
        .insert("instructions", format!("{table}\n{compiler}: `cargo xtask instructions --record`\n"));
    Ok(())
}
