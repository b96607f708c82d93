//! Runs the library under memcheck, with undefined bytes in place of secrets: memcheck reports each branch and each
//! address that depends on one. Exits with 1 if a case has another number of reports than it must have.
//!
//! With `--cfg ctx_key_memcheck` the library's declared results are marked as defined, and nothing must be reported.
//! Without, it is the library that is shipped, and each declared result must be reported once: nothing else is
//! branched on there either, and the secret did reach it.

mod cases;
mod faults;
mod marks;

use std::process::ExitCode;

/// Whether the library that this program was built with marks its declared results.
const MARKED: bool = cfg!(ctx_key_memcheck);

struct Case {
    name: &'static str,
    /// How many declared results it comes by.
    declared: usize,
    run: fn(),
}

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let built = if MARKED { "marked" } else { "shipped" };
    assert_eq!(wanted.as_deref(), Some(built), "the flags of this build are not those that were wanted");
    #[cfg(ctx_key_memcheck)]
    ctx_key::MARK_DEFINED.set(marks::make_public).expect("set once");

    let cases = cases::CASES.iter().filter_map(unexpected_in_case);
    let unexpected: Vec<String> =
        cases.chain(faults::FAULTS.iter().filter_map(unexpected_in_fault)).collect();
    let (cases, faults) = (cases::CASES.len(), faults::FAULTS.len());
    println!("{built}: {cases} cases, {faults} planted faults, {} not as expected", unexpected.len());
    unexpected.iter().for_each(|line| println!("    {line}"));
    if unexpected.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn unexpected_in_case(case: &Case) -> Option<String> {
    let expected = if MARKED { 0 } else { case.declared };
    let reports = reports_of(case);
    (reports != expected).then(|| format!("{}: {reports} reports, not {expected}", case.name))
}

fn unexpected_in_fault(fault: &Case) -> Option<String> {
    (reports_of(fault) == 0).then(|| format!("{}: planted, and not reported", fault.name))
}

fn reports_of(case: &Case) -> usize {
    let before = marks::reports();
    (case.run)();
    marks::reports() - before
}
