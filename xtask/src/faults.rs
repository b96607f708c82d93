//! Plants faults in a copy of the repository. A check has to catch each fault.
//!
//! A list of faults is `xtask/faults/NAME.toml`. It belongs to one package:
//!
//! ```toml
//! package = "ctx-key"
//! # Arguments of `cargo test` that build the tests. Each executable is a check, named after its target; the unit tests
//! # of a library are the check `lib`.
//! tests = "--all-features --lib --tests"
//! # Tests to skip: those that take long, and catch no fault that the other tests miss.
//! skip = ["parsing_leaves_nothing_on_the_stack"]
//!
//! # Checks that are commands, run in the copy.
//! [commands]
//! doc = "cargo test --locked --package ctx-key --doc --all-features"
//!
//! # A replacement of every occurrence in the copy, which keeps the behaviour. It makes it possible to plant a fault where
//! # there can be no switch, for example in a `const fn`, a constant or a derive.
//! [[rewrite]]
//! file = "src/scope.rs"
//! old = "pub const fn grants"
//! new = "pub fn grants"
//!
//! [[fault]]
//! name = "a key is valid at the second of its expiry" # unique in the list
//! file = "src/record.rs"                              # in the package's folder
//! old = "end <= now"                                  # whole expression or statements; occurs exactly once in the file
//! new = "end < now"
//! # optional
//! after = "let has_come"                              # occurs exactly once; the first `old` after it is replaced
//! checks = ["records"]                                # runs only these checks
//! equivalent = "…"                                    # reason why no test can notice the fault: then none may catch it
//! ```
//!
//! Rewrites are applied first, so `old` and `after` are text of the rewritten file. Unit tests at the end of the file are
//! ignored.
//!
//! All faults of a list are compiled together, into one copy of the repository, each as
//! `if crate::planted::on(…) { new } else { old }`. Statements end with `;` or `}`. A variable or a temporary lives no
//! longer than its block. So for a `let`, `old` is the value; for a borrow, `old` is the expression that uses it. The `old`
//! of a fault may be equal to that of another fault, or lie inside it.

mod checks;
mod list;
mod source;

use std::time::Instant;

use anyhow::{Result, ensure};
use xshell::Shell;

use crate::faults::checks::{Catch, Checks};
use crate::faults::list::{Fault, List};
use crate::tree::{self, Copy};

#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Lists of xtask/faults, without `.toml`; all of them by default
    lists: Vec<String>,
    /// Plant only this fault; can be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Run only this check; can be repeated
    #[arg(long, value_name = "NAME")]
    check: Vec<String>,
    /// Print every check that catches a fault, instead of the first
    #[arg(long)]
    all: bool,
}

pub fn run(sh: &Shell, arguments: &Arguments) -> Result<()> {
    for (name, list) in lists(arguments)? {
        run_list(sh, &name, &list, arguments)?;
    }
    Ok(())
}

/// Runs the named lists, or all lists. Returns the number of caught faults, and the faults that no test can notice.
pub fn assure(sh: &Shell, lists_by_name: &[String]) -> Result<String> {
    let arguments = Arguments { lists: lists_by_name.to_vec(), ..Arguments::default() };
    lists(&arguments)?.iter().map(|(name, list)| run_list(sh, name, list, &arguments)).collect()
}

fn lists(arguments: &Arguments) -> Result<Vec<(String, List)>> {
    let names = if arguments.lists.is_empty() { list::names()? } else { arguments.lists.clone() };
    names.into_iter().map(|name| List::read(&name).map(|list| (name, list))).collect()
}

/// Plants the faults of a list, one at a time. Returns a summary.
///
/// It is an error if a fault survives, unless the list gives a reason. With a reason, it is an error if it is caught.
fn run_list(sh: &Shell, name: &str, list: &List, arguments: &Arguments) -> Result<String> {
    let start = Instant::now();
    let faults = list.chosen(&arguments.only)?;
    let package = list.package(sh)?;
    let copy = Copy::with(sh, tree::target().join("faults/copy"), &source::planted(list, &package)?)?;
    let mut checks = Checks::build(list, copy.folder())?;
    let named = list.faults.iter().flat_map(|fault| &fault.checks).chain(&arguments.check);
    named.into_iter().try_for_each(|name| checks.require(name))?;
    checks.pass_without_fault()?;

    let verdicts = checks::in_parallel(&faults, |&(number, fault)| {
        let chosen = |check: &str| {
            let is_in = |names: &[String]| names.is_empty() || names.iter().any(|name| name == check);
            is_in(&arguments.check) && is_in(&fault.checks)
        };
        let verdict = Verdict { fault, catches: checks.catches(number, chosen, arguments.all)? };
        println!("{}", verdict.line());
        Ok(verdict)
    })?;

    let summary = summary(name, &verdicts, start.elapsed().as_secs());
    print!("{summary}");
    let wrong = verdicts.iter().filter(|verdict| !verdict.is_expected()).count();
    ensure!(wrong == 0, "{wrong} faults survived without a reason, or were caught in spite of one");
    Ok(summary)
}

fn summary(list: &str, verdicts: &[Verdict<'_>], seconds: u64) -> String {
    let caught = verdicts.iter().filter(|verdict| verdict.is_caught()).count();
    let count = verdicts.len();
    let survivors = verdicts.iter().filter(|verdict| !verdict.is_caught()).map(|verdict| {
        let reason = verdict.fault.equivalent.as_deref().unwrap_or("SURVIVED");
        format!("  - {}: {reason}\n", verdict.fault.name)
    });
    format!("- {list}: {caught} of {count} faults caught, in {seconds} s\n{}", survivors.collect::<String>())
}

/// A fault, and the checks that caught it.
#[derive(Debug)]
struct Verdict<'a> {
    fault: &'a Fault,
    catches: Vec<Catch>,
}

impl Verdict<'_> {
    fn is_caught(&self) -> bool {
        !self.catches.is_empty()
    }

    fn is_expected(&self) -> bool {
        self.is_caught() == self.fault.equivalent.is_none()
    }

    fn line(&self) -> String {
        let name = &self.fault.name;
        let catches: Vec<_> = self.catches.iter().map(Catch::to_string).collect();
        match (&self.fault.equivalent, self.is_caught()) {
            (None, true) => format!("caught    {name:<60} by {}", catches.join(", ")),
            (None, false) => format!("SURVIVED  {name}"),
            (Some(reason), false) => format!("argued    {name}: {reason}"),
            (Some(_), true) => {
                format!("CAUGHT    {name:<60} by {}, in spite of its reason", catches.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_faults_and_names_only_the_survivors() {
        let fault = |name: &str, reason: Option<&str>| Fault {
            name: name.to_owned(),
            equivalent: reason.map(str::to_owned),
            ..Fault::default()
        };
        let faults = [fault("a", None), fault("b", Some("no test can")), fault("c", None)];
        let verdicts: Vec<_> = faults
            .iter()
            .zip([vec![Catch::default()], Vec::new(), Vec::new()])
            .map(|(fault, catches)| Verdict { fault, catches })
            .collect();
        let expected = "- list: 1 of 3 faults caught, in 7 s\n  - b: no test can\n  - c: SURVIVED\n";
        assert_eq!(summary("list", &verdicts, 7), expected);
    }
}
