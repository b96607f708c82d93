//! The steps that must pass on every change: `.ci/run` calls all of them.

use std::io::{self, Read, Seek, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use clap::builder::PossibleValuesParser;
use xshell::{Shell, cmd};

use crate::process::{this_program, timed};
use crate::steps::{
    browser, capi, clients, constant_time, contract, coverage, fuzz, instructions, library, machines, no_std,
    operation, schemathesis, targets,
};
use crate::{postgres, release, tools};

/// A step of the checks on every change.
#[derive(Debug)]
pub struct Step {
    pub name: &'static str,
    pub about: &'static str,
    lane: Lane,
    run: fn(&Shell) -> Result<()>,
}

/// A sequence of steps. Both lanes run at the same time, because most steps use one core.
#[derive(Debug, PartialEq, Eq)]
enum Lane {
    /// Steps that need the workspace's tests.
    Tests,
    /// Steps with builds of their own.
    Builds,
}

/// All steps, in the order in which they run.
pub const STEPS: &[Step] = &[
    Step {
        name: "lints",
        about: "format and clippy, in every workspace",
        lane: Lane::Tests,
        run: library::lints,
    },
    Step {
        name: "docs",
        about: "documentation builds without a warning",
        lane: Lane::Tests,
        run: library::docs,
    },
    Step {
        name: "features",
        about: "clippy with every set of features of the library",
        lane: Lane::Builds,
        run: library::features,
    },
    Step {
        name: "constant_time",
        about: "no branch or address depends on a secret (memcheck)",
        lane: Lane::Builds,
        run: constant_time::run,
    },
    Step {
        name: "no_std",
        about: "no std, no allocator, no panic, little stack, no unsafe",
        lane: Lane::Builds,
        run: no_std::run,
    },
    Step {
        name: "instructions",
        about: "instruction counts of the hot paths (callgrind)",
        lane: Lane::Builds,
        run: instructions::check,
    },
    Step {
        name: "machines",
        about: "s390x, i686 and aarch64, emulated",
        lane: Lane::Builds,
        run: machines::run,
    },
    Step {
        name: "targets",
        about: "library and command compile for Windows and macOS",
        lane: Lane::Builds,
        run: targets::run,
    },
    Step {
        name: "contract",
        about: "public API, archive, lowest versions, MSRV, licences",
        lane: Lane::Builds,
        run: contract::run,
    },
    Step {
        name: "coverage",
        about: "every line of the library runs in its tests",
        lane: Lane::Builds,
        run: coverage::run,
    },
    Step { name: "builds", about: "examples and benchmarks build", lane: Lane::Tests, run: library::builds },
    Step {
        name: "quickstart",
        about: "README's first command in a fresh clone",
        lane: Lane::Tests,
        run: library::quickstart,
    },
    Step {
        name: "dist",
        about: "the command's archive and its checksum",
        lane: Lane::Builds,
        run: release::dist_here,
    },
    Step {
        name: "fuzz",
        about: "every seed, and five seconds for each target",
        lane: Lane::Builds,
        run: fuzz::replay,
    },
    Step {
        name: "rules",
        about: "detector rules in the real scanners, hooks in pre-commit, and recipes for CI",
        lane: Lane::Builds,
        run: rules,
    },
    Step {
        name: "tests",
        about: "README's second command: all tests that cargo runs",
        lane: Lane::Tests,
        run: tests,
    },
    Step {
        name: "postgres",
        about: "the temporary PostgreSQL and PgBouncer have the settings that tests need",
        lane: Lane::Tests,
        run: postgres::check,
    },
    Step {
        name: "server on PostgreSQL",
        about: "the verifier's tests on PostgreSQL, and through PgBouncer those of the server too",
        lane: Lane::Tests,
        run: server_on_postgres,
    },
    Step { name: "browser", about: "the dashboard in Chromium", lane: Lane::Tests, run: browser::on_sqlite },
    Step {
        name: "browser on PostgreSQL",
        about: "the same on PostgreSQL",
        lane: Lane::Tests,
        run: browser::on_postgres,
    },
    Step {
        name: "operation",
        about: "promtool on the server's metrics, systemd-analyze on its unit, fail2ban on its log",
        lane: Lane::Builds,
        run: operation::run,
    },
    Step {
        name: "schemathesis",
        about: "requests made from the OpenAPI document",
        lane: Lane::Builds,
        run: schemathesis::run,
    },
    Step {
        name: "clients",
        about: "the packages for TypeScript, Python, Go and Kotlin, their examples, and against the crate",
        lane: Lane::Builds,
        run: clients::run,
    },
    Step {
        name: "capi",
        about: "the library in C, C++, Go and WebAssembly, with sanitizers, and its header",
        lane: Lane::Builds,
        run: capi::run,
    },
];

pub fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.iter().map(|step| step.name))
}

/// Runs the named steps, or all of them.
pub fn run(sh: &Shell, names: &[String]) -> Result<()> {
    // with this variable, tests fail instead of skipping a part whose tool is missing
    sh.set_var("CI", "true");
    sh.set_var("CARGO_TERM_COLOR", "never");
    if names.is_empty() {
        return timed("all", || all(sh));
    }
    let named = |name: &String| STEPS.iter().find(|step| step.name == name).context("no step of that name");
    names.iter().try_for_each(|name| named(name)?.run(sh))
}

/// Runs both lanes. When a step of either lane fails, no further step starts.
fn all(sh: &Shell) -> Result<()> {
    let failed = AtomicBool::new(false);
    let run = |lane, run: &dyn Fn(&Step) -> Result<()>| {
        let mut steps = STEPS.iter().filter(|step| step.lane == lane);
        let result = steps.try_for_each(|step| if failed.load(Relaxed) { Ok(()) } else { run(step) });
        failed.fetch_or(result.is_err(), Relaxed);
        result
    };
    thread::scope(|scope| {
        let builds = scope.spawn(|| run(Lane::Builds, &Step::run_apart));
        let tests = run(Lane::Tests, &|step| step.run(sh));
        tests.and(builds.join().map_err(|_| anyhow!("a lane panicked"))?)
    })
}

impl Step {
    fn run(&self, sh: &Shell) -> Result<()> {
        timed(self.name, || (self.run)(sh))
    }

    /// Runs the step in a process of its own, and prints its output in one piece. The error repeats the end of the output,
    /// because the other lane may print much after it.
    fn run_apart(&self) -> Result<()> {
        let mut output = tempfile::tempfile()?;
        let mut program = this_program();
        program.args(["ci", self.name]).stdin(Stdio::null());
        let status = program.stdout(output.try_clone()?).stderr(output.try_clone()?).status()?;
        output.rewind()?;
        let mut printed = Vec::new();
        output.read_to_end(&mut printed)?;
        io::stdout().lock().write_all(&printed)?;
        ensure!(status.success(), "step {}: {status}\n{}", self.name, last_lines(&printed, 60));
        Ok(())
    }
}

fn last_lines(printed: &[u8], max: usize) -> String {
    let text = String::from_utf8_lossy(printed);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(max)..].join("\n")
}

/// Installs all that the tests need, and runs README's second command.
fn tests(sh: &Shell) -> Result<()> {
    tools::install(sh, tools::OF_TESTS)?;
    library::tests(sh)
}

fn rules(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&tools::GIT, &tools::PYTHON, &tools::NODE, &tools::NPM])?;
    Ok(cmd!(sh, "rules/check").run()?)
}

/// Runs the server's tests only through PgBouncer, because PostgreSQL gets the same statements without it.
/// `cargo xtask assure direct` runs them without PgBouncer.
fn server_on_postgres(sh: &Shell) -> Result<()> {
    tools::install(sh, tools::OF_TESTS)?;
    let cargo = || cmd!(sh, "cargo test --locked --all-features -p ctx-key-verifier");
    postgres::with_direct(sh, |_| Ok(cargo().run()?))?;
    postgres::with(sh, |_| Ok(cargo().args(["-p", "ctx-key-server"]).run()?))
}
