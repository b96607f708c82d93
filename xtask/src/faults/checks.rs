//! The checks of a list: test executables, which are built once, and commands.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::faults::list::{List, Target};
use crate::faults::source;
use crate::{process, tree};

/// Time-out of a check. A check that exceeds it has caught the fault.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Maximum address space of a check, in bytes. It protects the machine from a fault that allocates without end.
const MAX_MEMORY: &str = "4294967296";

/// The checks of a list.
#[derive(Debug)]
pub struct Checks(Vec<Check>);

#[derive(Debug)]
struct Check {
    name: String,
    /// Program and arguments.
    words: Vec<String>,
    folder: PathBuf,
    /// Time that the check takes without a fault.
    duration: Duration,
    /// Number of faults that it has caught.
    caught: AtomicUsize,
}

/// A check that noticed a fault.
#[derive(Debug, Default)]
pub struct Catch {
    check: String,
    test: Option<String>,
    duration: Duration,
}

struct Run {
    passed: bool,
    output: String,
    duration: Duration,
}

/// Cargo's message about a target that it built.
#[derive(Debug, Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

impl Checks {
    /// Builds the tests of a list in the copy.
    pub fn build(list: &List, copy: &Path) -> Result<Self> {
        let sh = shell(copy)?;
        let (package, arguments) = (&list.package, list.tests.split_whitespace());
        let cargo = cmd!(sh, "cargo test --locked --package {package} {arguments...}");
        let messages = process::read(cargo.args(["--no-run", "--message-format=json-render-diagnostics"]))?;
        // the other messages have no executable, or not even a target
        let artifacts = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
        let tests = artifacts.filter_map(|artifact| Check::of_artifact(artifact, &list.skip));
        let commands = list.commands.iter().map(|(name, command)| {
            Check::new(name, command.split_whitespace().map(String::from).collect(), copy)
        });
        Ok(Self(tests.chain(commands).collect()))
    }

    /// Returns an error if no check has this name.
    pub fn require(&self, name: &str) -> Result<()> {
        let names: Vec<_> = self.0.iter().map(|check| check.name.as_str()).collect();
        ensure!(names.contains(&name), "no check has the name {name:?}: {}", names.join(", "));
        Ok(())
    }

    /// Runs all checks without a fault, and measures the time that they take.
    pub fn pass_without_fault(&mut self) -> Result<()> {
        let durations = in_parallel(&self.0, |check| {
            let run = check.run(None)?;
            ensure!(run.passed, "the check {} fails without a fault:\n{}", check.name, run.output);
            Ok(run.duration)
        })?;
        for (check, duration) in self.0.iter_mut().zip(durations) {
            check.duration = duration;
        }
        Ok(())
    }

    /// Runs the chosen checks with a fault, until one catches it. With `all`, runs all of them.
    ///
    /// The checks that have caught the most faults for their time run first.
    pub fn catches(&self, fault: usize, chosen: impl Fn(&str) -> bool, all: bool) -> Result<Vec<Catch>> {
        let mut checks: Vec<_> = self.0.iter().filter(|check| chosen(&check.name)).collect();
        checks.sort_by_cached_key(|check| {
            check.duration.as_micros() / (1 + check.caught.load(Ordering::Relaxed) as u128)
        });
        let mut catches = Vec::new();
        for check in checks {
            catches.extend(check.catch(fault)?);
            if !catches.is_empty() && !all {
                break;
            }
        }
        Ok(catches)
    }
}

impl Check {
    fn new(name: &str, words: Vec<String>, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            words,
            folder: folder.to_owned(),
            duration: Duration::ZERO,
            caught: AtomicUsize::new(0),
        }
    }

    fn of_artifact(artifact: Artifact, skip: &[String]) -> Option<Self> {
        let Artifact { manifest_path, target, profile, executable } = artifact;
        let executable = executable.filter(|_| profile.test)?;
        let skip = skip.iter().flat_map(|test| ["--skip".to_owned(), test.clone()]);
        let name = if target.is_library() { "lib" } else { &target.name };
        Some(Self::new(name, [executable].into_iter().chain(skip).collect(), manifest_path.parent()?))
    }

    fn catch(&self, fault: usize) -> Result<Option<Catch>> {
        let run = self.run(Some(fault))?;
        if run.passed {
            return Ok(None);
        }
        self.caught.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Catch { check: self.name.clone(), test: failed_test(&run.output), duration: run.duration }))
    }

    fn run(&self, fault: Option<usize>) -> Result<Run> {
        let (folder, words, seconds) = (&self.folder, &self.words, TIMEOUT.as_secs().to_string());
        let sh = shell(folder)?;
        if let Some(number) = fault {
            sh.set_var(source::variable(number), "");
        }
        let start = Instant::now();
        // `timeout` also kills the processes that the check has started
        let command = cmd!(sh, "timeout --signal=KILL {seconds} prlimit --as={MAX_MEMORY} {words...}");
        let output = command.quiet().ignore_status().output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Run {
            passed: output.status.success(),
            output: String::from_utf8_lossy(&text).into_owned(),
            duration: start.elapsed(),
        })
    }
}

impl Catch {
    /// Returns the check, and the first of its tests that failed.
    pub fn place(&self) -> String {
        let how = if self.duration >= TIMEOUT { Some("time-out") } else { self.test.as_deref() };
        how.map_or(self.check.clone(), |how| format!("{}: {how}", self.check))
    }
}

impl fmt::Display for Catch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:.1} s)", self.place(), self.duration.as_secs_f32())
    }
}

/// Returns a shell in a folder of the copy, with the environment of all builds and tests in copies.
fn shell(folder: &Path) -> Result<Shell> {
    let sh = Shell::new()?;
    sh.change_dir(folder);
    // the value that cargo sets for a test; the inherited one belongs to this program
    sh.set_var("CARGO_MANIFEST_DIR", folder);
    sh.set_var("CARGO_TARGET_DIR", tree::target().join("faults/target"));
    sh.set_var("CARGO_PROFILE_DEV_DEBUG", "0");
    // a planted fault may break a lint that the package denies
    sh.set_var("RUSTFLAGS", "--cap-lints=allow");
    sh.set_var("RUST_BACKTRACE", "0");
    // every run has the same cases, and the run of one fault leaves no files for the next
    sh.set_var("PROPTEST_RNG_SEED", "1");
    sh.set_var("PROPTEST_MAX_SHRINK_ITERS", "0");
    sh.set_var("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    Ok(sh)
}

/// Returns the first test that failed in the output of a test executable.
fn failed_test(output: &str) -> Option<String> {
    let failed = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    output.lines().find_map(failed)
}

/// Calls `act` for each item, on all cores. Returns the results in the order of the items.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&index| index < items.len());
        std::iter::from_fn(take).map(|index| Ok((index, act(&items[index])?))).collect::<Result<Vec<_>>>()
    };
    let mut results = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..thread::available_parallelism()?.get()).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("a worker does not panic"));
        anyhow::Ok(joined.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect::<Vec<_>>())
    })?;
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_order_of_the_items() {
        let items: Vec<_> = (0..100).collect();
        assert_eq!(
            in_parallel(&items, |item| Ok(item * 2)).unwrap(),
            (0..200).step_by(2).collect::<Vec<_>>()
        );
        let error = in_parallel(&items, |item| {
            ensure!(*item != 70, "item {item}");
            Ok(())
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "item 70");
    }

    #[test]
    fn the_first_failed_test_is_named() {
        let output = "test a ... ok\ntest b::c ... FAILED\ntest d - should panic ... FAILED\n";
        assert_eq!(failed_test(output).as_deref(), Some("b::c"));
        assert_eq!(failed_test("test a ... ok\n"), None);
    }
}
