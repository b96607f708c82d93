//! Checks that are too long for `.ci/run`, or need an idle machine. Each is run by hand, and writes its dated result into
//! docs/results.md.

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use xshell::{Shell, cmd};

use crate::process::{self, timed};
use crate::steps::{bench, clients, coherence, fuzz, mutants, scanners, schemathesis, semver, soak, suite};
use crate::{faults, results};

/// A long check. It returns the text of its result.
#[derive(Debug)]
pub struct Step {
    pub name: &'static str,
    pub about: &'static str,
    run: fn(&Shell, &[String]) -> Result<String>,
}

pub const STEPS: &[Step] = &[
    Step {
        name: "fuzz",
        about: "[SECONDS]: a campaign of all fuzz targets, two hours of one core by default",
        run: fuzz::campaign,
    },
    Step {
        name: "mutants",
        about: "a test must fail on every change that cargo-mutants makes: an hour or two",
        run: mutants::run,
    },
    Step {
        name: "faults",
        about: "[LIST]...: planted faults, each of which must be caught",
        run: faults::assure,
    },
    Step {
        name: "load",
        about: "[ROUNDS]: the whole suite while builds run, three times by default: an hour and a half",
        run: suite::under_load,
    },
    Step {
        name: "shuffle",
        about: "[SEED]: the whole suite with its tests in a random order: ten minutes",
        run: suite::shuffled,
    },
    Step {
        name: "direct",
        about: "the server's tests on PostgreSQL without PgBouncer: five minutes",
        run: suite::directly,
    },
    Step {
        name: "coherence",
        about: "[REVOCATIONS]: each revocation takes effect in every process within the lease: half an hour",
        run: coherence::run,
    },
    Step {
        name: "scanners",
        about: "`ctx-key scan` compared with other scanners, on 50 places of a key: two minutes, idle machine",
        run: scanners::run,
    },
    Step {
        name: "schemathesis",
        about: "ten times as many requests as in `ci`: four minutes",
        run: schemathesis::many,
    },
    Step {
        name: "clients",
        about: "[COUNT [SEED]]: the packages of `clients` against the crate: six minutes",
        run: clients::compare,
    },
    Step {
        name: "client_figures",
        about: "a verification compared with a SHA-256 in each language, and sizes: a minute, idle machine",
        run: clients::figures,
    },
    Step {
        name: "client_faults",
        about: "[PACKAGE]...: faults of one line in these packages, each of which must be caught: twenty minutes",
        run: clients::faults,
    },
    Step {
        name: "figures",
        about: "[NAME]...: the verifier's speed and memory, and its goals: three minutes, idle machine",
        run: bench::figures,
    },
    Step {
        name: "semver",
        about: "the public API against the last release, by cargo-semver-checks: six minutes",
        run: semver::run,
    },
    Step {
        name: "soak",
        about: "[MINUTES [ROUNDS]]: the server under load, and killed: about an hour",
        run: soak::run,
    },
    Step {
        name: "timing",
        about: "whether measured times depend on a secret: half a minute, idle machine",
        run: timing,
    },
];

pub fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.iter().map(|step| step.name))
}

/// Runs a step, and writes its result.
pub fn run(sh: &Shell, name: &str, arguments: &[String]) -> Result<()> {
    let step = STEPS.iter().find(|step| step.name == name).context("no step of that name")?;
    let result = timed(name, || (step.run)(sh, arguments))?;
    print!("{result}");
    let words = [&["cargo xtask assure".to_owned(), name.to_owned()], arguments].concat();
    results::write(sh, &words.join(" "), &result)
}

fn timing(sh: &Shell, _: &[String]) -> Result<String> {
    let manifest = "tests/constant_time/Cargo.toml";
    process::read(cmd!(sh, "cargo run --quiet --release --locked --manifest-path {manifest} --bin timing"))
}
