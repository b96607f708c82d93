//! The steps that must pass on every change: `.ci/run` calls all of them.

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use xshell::{Shell, cmd};

use crate::process::timed;
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
    run: fn(&Shell) -> Result<()>,
}

/// All steps, in the order in which they run.
pub const STEPS: &[Step] = &[
    Step { name: "lints", about: "format and clippy, in every workspace", run: library::lints },
    Step { name: "docs", about: "documentation builds without a warning", run: library::docs },
    Step {
        name: "features",
        about: "clippy with every set of features of the library",
        run: library::features,
    },
    Step {
        name: "constant_time",
        about: "no branch or address depends on a secret (memcheck)",
        run: constant_time::run,
    },
    Step {
        name: "no_std",
        about: "no std, no allocator, no panic, little stack, no unsafe",
        run: no_std::run,
    },
    Step {
        name: "instructions",
        about: "instruction counts of the hot paths (callgrind)",
        run: instructions::check,
    },
    Step { name: "machines", about: "s390x, i686 and aarch64, emulated", run: machines::run },
    Step { name: "targets", about: "library and command compile for Windows and macOS", run: targets::run },
    Step {
        name: "contract",
        about: "public API, archive, lowest versions, MSRV, licences",
        run: contract::run,
    },
    Step { name: "coverage", about: "every line of the library runs in its tests", run: coverage::run },
    Step { name: "builds", about: "examples and benchmarks build", run: library::builds },
    Step { name: "quickstart", about: "README's first command in a fresh clone", run: library::quickstart },
    Step { name: "dist", about: "the command's archive and its checksum", run: release::dist_here },
    Step { name: "fuzz", about: "every seed, and five seconds for each target", run: fuzz::replay },
    Step {
        name: "rules",
        about: "detector rules in the real scanners, hooks in pre-commit, and recipes for CI",
        run: rules,
    },
    Step { name: "tests", about: "README's second command: all tests that cargo runs", run: tests },
    Step {
        name: "postgres",
        about: "the throw-away PostgreSQL and PgBouncer are as tests need them",
        run: postgres::check,
    },
    Step {
        name: "server on PostgreSQL",
        about: "the tests of the server and the verifier on PostgreSQL, directly and through PgBouncer",
        run: server_on_postgres,
    },
    Step { name: "browser", about: "the dashboard in Chromium", run: browser::on_sqlite },
    Step { name: "browser on PostgreSQL", about: "the same on PostgreSQL", run: browser::on_postgres },
    Step {
        name: "operation",
        about: "promtool on the server's metrics, systemd-analyze on its unit, fail2ban on its log",
        run: operation::run,
    },
    Step { name: "schemathesis", about: "requests made from the OpenAPI document", run: schemathesis::run },
    Step {
        name: "clients",
        about: "the packages for TypeScript, Python, Go and Kotlin, their examples, and against the crate",
        run: clients::run,
    },
    Step {
        name: "capi",
        about: "the library in C, C++, Go and WebAssembly, with sanitizers, and its header",
        run: capi::run,
    },
];

pub fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.iter().map(|step| step.name))
}

/// Runs the named steps, or all of them.
pub fn run(sh: &Shell, names: &[String]) -> Result<()> {
    // the steps and what they call skip nothing that can be had
    sh.set_var("CI", "true");
    sh.set_var("CARGO_TERM_COLOR", "never");
    let all = || STEPS.iter().collect::<Vec<_>>();
    let named = |name: &String| STEPS.iter().find(|step| step.name == name).context("no step of that name");
    let steps = if names.is_empty() { all() } else { names.iter().map(named).collect::<Result<_>>()? };
    timed("all", || steps.iter().try_for_each(|step| timed(step.name, || (step.run)(sh))))
}

/// Runs README's second command with all that the tests need.
fn tests(sh: &Shell) -> Result<()> {
    use tools::{CADDY, CC, CURL, CXX, ENVOY, GIT, LIBFAKETIME, NGINX, NODE, NPM, PYTHON, VALGRIND};
    tools::install(
        sh,
        &[&CC, &CXX, &CURL, &GIT, &LIBFAKETIME, &NGINX, &CADDY, &ENVOY, &NODE, &NPM, &PYTHON, &VALGRIND],
    )?;
    library::tests(sh)
}

fn rules(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&tools::GIT, &tools::PYTHON, &tools::NODE, &tools::NPM])?;
    Ok(cmd!(sh, "rules/check").run()?)
}

fn server_on_postgres(sh: &Shell) -> Result<()> {
    use tools::{CADDY, CURL, ENVOY, LIBFAKETIME, NGINX, NODE, PYTHON};
    tools::install(sh, &[&LIBFAKETIME, &NGINX, &CADDY, &ENVOY, &CURL, &NODE, &PYTHON])?;
    let test =
        || Ok(cmd!(sh, "cargo test --locked -p ctx-key-server -p ctx-key-verifier --all-features").run()?);
    postgres::with_direct(sh, |_| test())?;
    postgres::with(sh, |_| test())
}
