//! Runs the library under memcheck, with undefined bytes in place of secrets. Memcheck reports each branch and each
//! address that depends on one. The program exits with 1 if a case has another number of reports than it must have.
//!
//! With `--cfg ctx_key_memcheck` the library's declared results are marked as defined, and none of them is reported.
//! Without, it is the library as everyone gets it, and each declared result must be reported once. That shows that the
//! secret reached it, and that the library branches on nothing else there either.

mod cases;
mod faults;
mod inputs;
mod marks;

use std::process::ExitCode;

use inputs::Input;

/// Whether the library that this program was built with marks its declared results.
const MARKED: bool = cfg!(ctx_key_memcheck);

type Run = fn(&Input);

/// A use of the library, which must be reported equally often with each input.
struct Case {
    /// The line of tests/contract/api.txt for a public function, or words for a path through several.
    name: &'static str,
    reports: usize,
    run: Run,
}

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let built = if MARKED { "marked" } else { "shipped" };
    assert_eq!(wanted.as_deref(), Some(built), "the flags of this build are not those that were wanted");
    #[cfg(ctx_key_memcheck)]
    ctx_key::MARK_DEFINED.set(marks::public).expect("set once");

    let declared = |case| unexpected(case, if MARKED { 0 } else { case.reports });
    let mut wrong: Vec<String> = cases::CASES.iter().filter_map(declared).collect();
    wrong.extend(cases::ONE_WAY.iter().filter_map(|case| unexpected(case, case.reports)));
    wrong.extend(faults::FAULTS.iter().filter_map(unreported));
    println!(
        "{built}: {} inputs, {} cases, {} that go one way, {} exempt, {} planted faults; {} not as expected",
        inputs::all().count(),
        cases::CASES.len(),
        cases::ONE_WAY.len(),
        cases::EXEMPT.len(),
        faults::FAULTS.len(),
        wrong.len()
    );
    wrong.iter().for_each(|line| println!("    {line}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Names the first input with another number of reports than expected.
fn unexpected(case: &Case, expected: usize) -> Option<String> {
    inputs::all().find_map(|input| {
        let reports = reports_of(case.run, &input);
        (reports != expected).then(|| format!("{}: {reports} reports, not {expected}: {input:?}", case.name))
    })
}

fn unreported((name, run): &(&str, Run)) -> Option<String> {
    let reported = inputs::all().any(|input| reports_of(*run, &input) > 0);
    (!reported).then(|| format!("{name}: planted, and not reported"))
}

fn reports_of(run: Run, input: &Input) -> usize {
    let before = marks::reports();
    run(input);
    marks::reports() - before
}
