//! Runs a campaign, which divides its time among all targets and adds the inputs that it finds to the corpus.

use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use xshell::Shell;

use super::{CORPUS, build, fuzz, run};
use crate::process::transcript;
use crate::tree;

const DEFAULT_SECONDS: u64 = 7200;
/// Maximum seconds of a run. A campaign that is stopped loses at most the work of one run.
const SLICE: u64 = 120;
/// Extension of the inputs in the corpus that a campaign found.
const FOUND: &str = "found";

/// Figures that libFuzzer prints after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Slice {
    seconds: u64,
    executions: u64,
    edges: u64,
    features: u64,
}

/// Runs all targets in parallel, one on each core, and returns a table of their figures.
///
/// The figures of each run are stored, so that a stopped campaign continues where it was.
pub fn campaign(sh: &Shell, arguments: &[String]) -> Result<String> {
    let seconds = match arguments {
        [] => DEFAULT_SECONDS,
        [seconds] => seconds.parse().with_context(|| format!("not a number of seconds: {seconds}"))?,
        _ => bail!("too many arguments: a campaign takes only its seconds"),
    };
    let targets = build(sh)?;
    let share = seconds.div_ceil(targets.len().max(1) as u64);
    run_all(sh, &targets, share)?;

    let mut table =
        "| target | seconds | executions | edges | features | inputs kept |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for target in &targets {
        minimize(sh, target)?;
        let slices = slices(target)?;
        let sum = |field: fn(&Slice) -> u64| slices.iter().map(field).sum::<u64>();
        let (seconds, executions) = (sum(|slice| slice.seconds), sum(|slice| slice.executions));
        let Slice { edges, features, .. } = slices.last().context("no slice of the target ran")?;
        let inputs = named(sh, &corpus(target))?.len();
        table += &format!("| `{target}` | {seconds} | {executions} | {edges} | {features} | {inputs} |\n");
    }
    Ok(table)
}

/// Runs each target for its share of seconds, on all cores. After a finding, one core stops, and the others go on.
fn run_all(sh: &Shell, targets: &[String], share: u64) -> Result<()> {
    let queue = Mutex::new(targets.iter());
    let next = || queue.lock().expect("no worker panics").next();
    let cores = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                let sh = sh.clone();
                scope.spawn(move || iter::from_fn(next).try_for_each(|target| run_share(&sh, target, share)))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })
}

/// Runs a target until its slices add up to its share.
fn run_share(sh: &Shell, target: &str, share: u64) -> Result<()> {
    let grown = grown(target);
    sh.create_dir(&grown)?;
    let mut slices = slices(target)?;
    loop {
        let done = slices.iter().map(|slice| slice.seconds).sum();
        let left = share.saturating_sub(done);
        if left == 0 {
            return Ok(());
        }
        let printed = transcript(run(sh, target, &grown, left.min(SLICE))).with_context(|| {
            format!("{target}: a finding; see \"From a finding to a test\" in fuzz/README.md")
        })?;
        slices.push(parse(&printed).with_context(|| format!("{target}: no figures in\n{printed}"))?);
        sh.write_file(slices_file(target), serde_json::to_string_pretty(&slices)?)?;
    }
}

/// Reads `DONE cov: 12 ft: 34 …` and `Done 56 runs in 7 second(s)` at the end of libFuzzer's output.
fn parse(printed: &str) -> Option<Slice> {
    let mut words = printed.lines().rfind(|line| line.contains("\tDONE "))?.split_whitespace();
    let mut after = |name| words.by_ref().skip_while(|word| *word != name).nth(1)?.parse().ok();
    let (edges, features) = (after("cov:")?, after("ft:")?);
    let end = printed.lines().rfind(|line| line.starts_with("Done "))?;
    let mut numbers = end.split_whitespace().filter_map(|word| word.parse().ok());
    Some(Slice { executions: numbers.next()?, seconds: numbers.next()?, edges, features })
}

/// Adds new inputs to the corpus that reach edges which no seed reaches. They replace those of earlier campaigns.
fn minimize(sh: &Shell, target: &str) -> Result<()> {
    let (corpus, grown, merged) = (corpus(target), grown(target), sh.create_temp_dir()?);
    let (old, seeds): (Vec<_>, Vec<_>) = named(sh, &corpus)?.into_iter().partition(|path| is_found(path));
    for seed in &seeds {
        sh.copy_file(seed, merged.path())?;
    }
    let folders = [merged.path(), &corpus, &grown];
    transcript(fuzz(sh).args(["run", target]).args(folders).args([
        "--",
        "-set_cover_merge=1",
        "-use_counters=0",
    ]))?;
    for found in &old {
        sh.remove_path(found)?;
    }
    for input in sh.read_dir(merged.path())?.iter().filter(|path| path.extension().is_none()) {
        let hash = input.file_name().context("an input has no name")?.to_string_lossy();
        sh.copy_file(input, corpus.join(format!("{hash:.16}.{FOUND}")))?;
    }
    Ok(())
}

fn is_found(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == FOUND)
}

/// Returns the inputs that git tracks, which have an extension.
fn named(sh: &Shell, corpus: &Path) -> Result<Vec<PathBuf>> {
    Ok(sh.read_dir(corpus)?.into_iter().filter(|path| path.extension().is_some()).collect())
}

fn corpus(target: &str) -> PathBuf {
    tree::root().join(CORPUS).join(target)
}

fn campaign_folder(target: &str) -> PathBuf {
    tree::target().join("campaign").join(target)
}

fn grown(target: &str) -> PathBuf {
    campaign_folder(target).join("grown")
}

fn slices_file(target: &str) -> PathBuf {
    campaign_folder(target).join("slices.json")
}

fn slices(target: &str) -> Result<Vec<Slice>> {
    let file = slices_file(target);
    if !file.exists() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_str(&fs::read_to_string(file)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_read_from_the_end_of_a_run() {
        let printed = "INFO: seed corpus: files: 9\n#9\tINITED cov: 1 ft: 2 corp: 3/4b\n\
                       #52428\tDONE   cov: 117 ft: 345 corp: 67/1Kb lim: 58 exec/s: 26214 rss: 425Mb\n\
                       Done 52428 runs in 2 second(s)\nstat::number_of_executed_units: 52428\n";
        let slice = Slice { seconds: 2, executions: 52428, edges: 117, features: 345 };
        assert_eq!(parse(printed), Some(slice));
        assert_eq!(parse("#9\tINITED cov: 1 ft: 2\n"), None);
    }
}
