//! Runs the library under memcheck, with secrets marked as undefined bytes. Memcheck reports each branch and each address
//! that depends on an undefined byte. The program exits with 1 if a case has more or fewer reports than expected.
//!
//! With `--cfg ctx_key_memcheck`, the library marks its declared results as defined, and memcheck must report none of them.
//! Without that flag, the library is built as for users, and memcheck must report each declared result once. That shows
//! that the secret reaches the result, and that the shipped library branches on nothing else.

mod cases;
mod faults;
mod inputs;
mod marks;

use std::process::ExitCode;

use inputs::Input;

/// True if the library in this program marks its declared results.
const MARKED: bool = cfg!(ctx_key_memcheck);

type Run = fn(&Input);

/// A use of the library.
struct Case {
    /// The line of a public function in tests/contract/api.txt, or a name for a path through several functions.
    name: &'static str,
    /// Number of reports that every input must cause.
    reports: usize,
    run: Run,
}

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let built = if MARKED { "marked" } else { "shipped" };
    assert_eq!(
        wanted.as_deref(),
        Some(built),
        "this program was built with other flags than the argument names"
    );
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

/// Describes the first input with more or fewer reports than expected.
fn unexpected(case: &Case, expected: usize) -> Option<String> {
    inputs::all().find_map(|input| {
        let reports = reports_of(case.run, &input);
        (reports != expected).then(|| format!("{}: {reports} reports, not {expected}: {input:?}", case.name))
    })
}

fn unreported((name, run): &(&str, Run)) -> Option<String> {
    let reported = inputs::all().any(|input| reports_of(*run, &input) > 0);
    (!reported).then(|| format!("{name}: a planted fault was not reported"))
}

fn reports_of(run: Run, input: &Input) -> usize {
    let before = marks::reports();
    run(input);
    marks::reports() - before
}
