//! What an operator's tools say of the server: promtool of its metrics, systemd-analyze of its unit.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::process::{Background, assert_caught, assert_refused, read, transcript};
use crate::{tools, tree};

const UNIT: &str = "ctx-key-server.service";

/// Maximum exposure of the unit, in tenths: README of the server tells the score.
const MAX_EXPOSURE: &str = "12";

pub fn run(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&tools::CURL, &tools::PROMETHEUS, &tools::SYSTEMD])?;
    cmd!(sh, "cargo build --quiet --locked -p ctx-key-server").run()?;
    metrics(sh)?;
    unit(sh)
}

fn metrics(sh: &Shell) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (program, data) = (tree::target().join("debug/ctx-key-server"), folder.path().join("data"));
    let arguments = ["--listen".as_ref(), "127.0.0.1:0".as_ref(), "--data".as_ref(), data.as_os_str()];
    let mut server = Background::start(sh, &program, &arguments, Stdio::piped())?;
    // the server ends if nobody can read its output
    let mut lines = BufReader::new(server.0.stdout.take().context("no pipe")?).lines();
    let url = lines.next().context("the server has ended")??;
    // so that each metric has a sample
    read(cmd!(sh, "curl --silent --show-error {url}/v1/key"))?;
    let text = read(cmd!(sh, "curl --silent --show-error --fail {url}/metrics"))?;
    transcript(cmd!(sh, "promtool check metrics").stdin(&text))?;
    let without_help: Vec<_> =
        text.lines().filter(|line| !line.starts_with("# HELP ctx_key_cache_hits_total")).collect();
    let check = cmd!(sh, "promtool check metrics").stdin(without_help.join("\n") + "\n");
    assert_caught("a metric without a help text", "ctx_key_cache_hits_total no help text", check)
}

fn unit(sh: &Shell) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let unit = sh.read_file(tree::root().join("crates/server").join(UNIT))?;
    let program = tree::target().join("debug/ctx-key-server");
    // the unit's own path exists only where the server is installed
    let unit = unit.replace("/usr/local/bin/ctx-key-server", &program.to_string_lossy());
    let file = folder.path().join(UNIT);
    sh.write_file(&file, &unit)?;
    assess(sh, &file)?;

    sh.write_file(&file, unit.replace("NoNewPrivileges=", "NoNewPrivilege="))?;
    assert_refused("a misspelled setting of the unit", "Unknown key 'NoNewPrivilege'", assess(sh, &file))?;
    sh.write_file(&file, unit.replace("PrivateUsers=yes\n", "").replace("PrivateDevices=yes\n", ""))?;
    assert_refused("a unit with less protection", "exposure level", assess(sh, &file))
}

/// Checks that a unit has no mistake, and enough protection.
fn assess(sh: &Shell, file: &Path) -> Result<()> {
    let warnings = transcript(cmd!(sh, "systemd-analyze verify {file}"))?;
    ensure!(warnings.is_empty(), "systemd-analyze verify: {warnings}");
    let options = ["--no-pager", "--offline=true"];
    let table =
        transcript(cmd!(sh, "systemd-analyze security {options...} --threshold={MAX_EXPOSURE} {file}"))?;
    println!("{}", table.lines().last().unwrap_or_default());
    Ok(())
}
