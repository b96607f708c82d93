//! Plants the mistakes of one line from `clients/faults` in the packages. Their tests must catch each mistake.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use xshell::{Cmd, Shell, cmd};

use super::Clients;
use crate::tree;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// Folder in `clients`.
    package: String,
    /// File in that folder for the mistakes that name no file.
    file: String,
    /// Command that builds the package after a change.
    build: Option<String>,
    /// Command of the tests.
    test: String,
    fault: Vec<Mistake>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    name: String,
    file: Option<String>,
    /// Text that occurs exactly once in the file.
    old: String,
    new: String,
}

/// Plants the mistakes of all lists, or of the named lists. Returns the number of caught mistakes.
pub fn assure(sh: &Shell, packages: &[String]) -> Result<String> {
    let mut names = packages.to_vec();
    if names.is_empty() {
        names = ["python", "typescript", "go", "kotlin"].map(str::to_owned).to_vec();
    }
    let clients = Clients::install(sh)?;
    clients.build(sh)?;
    names
        .iter()
        .map(|name| {
            let file = tree::root().join(format!("clients/faults/{name}.toml"));
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            run(sh, &clients, &toml::from_str(&text)?)
        })
        .collect()
}

fn run(sh: &Shell, clients: &Clients, list: &List) -> Result<String> {
    let _there = sh.push_dir(clients.folder(&list.package));
    let _path = sh.push_env("PATH", &clients.path);
    let found = first_failure(sh, list)?;
    ensure!(found.is_none(), "{}: the tests fail without a fault: {found:?}", list.package);

    let (start, mut survivors) = (Instant::now(), 0);
    for Mistake { name, file, old, new } in &list.fault {
        let file = format!("clients/{}/{}", list.package, file.as_ref().unwrap_or(&list.file));
        let original = clients.copy.read(&file)?;
        clients.copy.plant(&file, old, new)?;
        let caught_by = first_failure(sh, list)?;
        clients.copy.write(&file, &original)?;
        survivors += usize::from(caught_by.is_none());
        let caught_by = caught_by.unwrap_or_else(|| "SURVIVED".to_owned());
        println!("{:<10} {name:<60} {caught_by}", list.package);
    }
    ensure!(survivors == 0, "{}: {survivors} faults survived", list.package);
    let (package, count, seconds) = (&list.package, list.fault.len(), start.elapsed().as_secs());
    Ok(format!("- {package}: {count} of {count} faults caught, in {seconds} s\n"))
}

/// Builds and tests the package. Returns the name of the first test that fails.
fn first_failure(sh: &Shell, list: &List) -> Result<Option<String>> {
    if let Some(build) = &list.build {
        command(sh, build).quiet().run()?;
    }
    let output = command(sh, &list.test).quiet().ignore_status().output()?;
    if output.status.success() {
        return Ok(None);
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    // the formats of pytest (where a file that does not load is an error), of Go, and of the Test Anything Protocol
    let pytest = ["FAILED ", "ERROR "]
        .iter()
        .find_map(|mark| printed.lines().find_map(|line| line.strip_prefix(mark)?.split(" - ").next()));
    let go = printed.lines().find_map(|line| line.strip_prefix("--- FAIL: ")?.split(' ').next());
    let tap = printed.lines().find_map(|line| line.trim_start().strip_prefix("not ok ")?.split_once(" - "));
    let name = pytest
        .or(go)
        .or(tap.map(|(_, name)| name))
        .with_context(|| format!("no test failed: {printed}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(Some(name.to_owned()))
}

fn command<'a>(sh: &'a Shell, words: &str) -> Cmd<'a> {
    let words = words.split_whitespace();
    cmd!(sh, "env {words...}")
}
