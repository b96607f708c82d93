//! Reads its arguments and checks nothing. This is the part that all programs have in common.

use std::process::ExitCode;

fn main() -> ExitCode {
    let [_, text, stored] = &*std::env::args().collect::<Vec<_>>() else { return ExitCode::FAILURE };
    if text.is_empty() || stored.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
