//! Runs the whole test suite while the machine is busy with builds, and in a random order.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use anyhow::{Context, Result, anyhow};
use xshell::{Shell, cmd};

use crate::{postgres, process, tools, tree};

/// Number of builds that run at the same time as the tests. Each has as many jobs as the machine has cores.
const BUILDS: usize = 2;

/// Runs the suite several times while builds run, on SQLite and on PostgreSQL through PgBouncer.
pub fn under_load(sh: &Shell, arguments: &[String]) -> Result<String> {
    let rounds = match arguments {
        [] => 3,
        [rounds] => rounds.parse().context("ROUNDS must be a number")?,
        _ => anyhow::bail!("usage: cargo xtask assure load [ROUNDS]"),
    };
    let done = AtomicBool::new(false);
    let folder = tree::target().join("load");
    thread::scope(|scope| {
        let builds: Vec<_> = (0..BUILDS)
            .map(|number| {
                let (done, folder) = (&done, folder.join(number.to_string()));
                scope.spawn(move || build_until(done, &folder))
            })
            .collect();
        let round = |number| suite(sh, &[]).inspect(|passed| print!("round {number} of {rounds}: {passed}"));
        let passed = (1..=rounds).map(round).collect::<Result<Vec<_>>>();
        done.store(true, Relaxed);
        let mut count = 0;
        for build in builds {
            count += build.join().map_err(|_| anyhow!("a build panicked"))??;
        }
        Ok(format!("passed while {count} builds of the workspace ran:\n\n{}", passed?.concat()))
    })
}

/// Runs the suite once in a random order. The result names the seed.
pub fn shuffled(sh: &Shell, arguments: &[String]) -> Result<String> {
    let seed = match arguments {
        [] => process::read(cmd!(sh, "date +%s"))?.trim().to_owned(),
        [seed] => seed.clone(),
        _ => anyhow::bail!("usage: cargo xtask assure shuffle [SEED]"),
    };
    let passed = suite(sh, &["-Zunstable-options", "--shuffle-seed", &seed])?;
    Ok(format!("passed with `--shuffle-seed {seed}`:\n\n{passed}"))
}

/// Builds the workspace again and again until `done`, and returns the number of builds.
fn build_until(done: &AtomicBool, folder: &Path) -> Result<usize> {
    let sh = Shell::new()?;
    sh.change_dir(tree::root());
    let mut count = 0;
    while !done.load(Relaxed) {
        sh.remove_path(folder)?;
        let build = cmd!(sh, "cargo build --quiet --locked --workspace --all-features").quiet();
        build.env("CARGO_TARGET_DIR", folder).run()?;
        count += 1;
    }
    sh.remove_path(folder)?;
    Ok(count)
}

/// Runs the server's tests on PostgreSQL without a pooler, which `ci` leaves out.
pub fn directly(sh: &Shell, _: &[String]) -> Result<String> {
    tools::install(sh, tools::OF_TESTS)?;
    postgres::with_direct(sh, |_| run(sh, &["-p", "ctx-key-server"], &[]))
}

/// Runs all tests, and returns a line with their number on each database.
fn suite(sh: &Shell, options: &[&str]) -> Result<String> {
    tools::install(sh, tools::OF_TESTS)?;
    // libtest needs this variable for its unstable options; the runner sets it only at run time, since it would affect builds
    let host = process::host(sh)?.to_uppercase().replace('-', "_");
    let _runner = sh.push_env(format!("CARGO_TARGET_{host}_RUNNER"), "env RUSTC_BOOTSTRAP=1");
    let sqlite = run(sh, &["--workspace"], options)?;
    let postgres =
        postgres::with(sh, |_| run(sh, &["-p", "ctx-key-server", "-p", "ctx-key-verifier"], options))?;
    Ok(format!("- {sqlite}, and on PostgreSQL through PgBouncer {postgres}\n"))
}

/// Runs the tests of these packages, and returns their number.
fn run(sh: &Shell, packages: &[&str], options: &[&str]) -> Result<String> {
    let cargo = cmd!(sh, "cargo test --locked --all-features --lib --bins --tests --examples {packages...}");
    let printed = process::transcript(cargo.arg("--no-fail-fast").arg("--").args(options))?;
    let results: Vec<_> = printed.lines().filter(|line| line.starts_with("test result")).collect();
    let passed = results.iter().filter_map(|line| line.split(' ').nth(3)?.parse::<usize>().ok());
    Ok(format!("{} tests of {} programs", passed.sum::<usize>(), results.len()))
}
