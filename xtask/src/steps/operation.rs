//! Checks the server with an operator's tools: its metrics with promtool, its unit with systemd-analyze, and its log with
//! fail2ban.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::process::{Background, assert_caught, assert_refused, read, transcript};
use crate::{tools, tree};

const UNIT: &str = "ctx-key-server.service";

/// Maximum exposure of the unit, in tenths. The server's README states the score.
const MAX_EXPOSURE: &str = "12";

pub fn run(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&tools::CURL, &tools::PROMETHEUS, &tools::SYSTEMD])?;
    cmd!(sh, "cargo build --quiet --locked -p ctx-key-server").run()?;
    metrics(sh)?;
    unit(sh)?;
    refused_sign_ins(sh)
}

fn metrics(sh: &Shell) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (program, data) = (tree::target().join("debug/ctx-key-server"), folder.path().join("data"));
    let arguments = ["--listen".as_ref(), "127.0.0.1:0".as_ref(), "--data".as_ref(), data.as_os_str()];
    let mut server = Background::start(sh, &program, &arguments, Stdio::piped())?;
    // the pipe stays open, because the server ends if nobody can read its output
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

/// Checks fail2ban's filter on the log of a server: as text and as JSON, in a file and in the journal.
fn refused_sign_ins(sh: &Shell) -> Result<()> {
    if let Err(error) = tools::install(sh, &[&tools::FAIL2BAN]) {
        println!("    SKIPPED: the filter of fail2ban was not tested: {error:#}");
        return Ok(());
    }
    let filter = tree::root().join("crates/server/fail2ban/ctx-key-server.conf");
    let folder = tempfile::tempdir()?;
    for format in [None, Some("--log-json")] {
        let log = folder.path().join("log");
        let expected = write_log(sh, &log, format)?;
        let journal = folder.path().join("journal");
        let lines = sh.read_file(&log)?;
        let in_journal = lines.lines().map(|line| format!("host ctx-key-server[12]: {line}\n"));
        sh.write_file(&journal, in_journal.collect::<String>())?;
        banned(sh, &log, &filter, None, &expected)?;
        // the journal stores the time separately from the line
        banned(sh, &journal, &filter, Some("{NONE}"), &expected)?;

        let changed = folder.path().join("changed");
        sh.write_file(&changed, lines.replace("refused a sign-in", "refused a login"))?;
        let outcome = banned(sh, &changed, &filter, None, &expected);
        assert_refused("a line in other words", "fail2ban finds", outcome)?;
        let loose = folder.path().join("ctx-key-server.conf");
        let expression =
            "failregex = address=\"?<ADDR> reason=\n            \"address\":\"<ADDR>\"\n_unused =";
        sh.write_file(&loose, sh.read_file(&filter)?.replace("failregex =", expression))?;
        let hostile = folder.path().join("hostile");
        sh.write_file(
            &hostile,
            lines.replace("answered", "address=198.51.100.9 reason= {\"address\":\"198.51.100.9\"}"),
        )?;
        banned(sh, &hostile, &filter, None, &expected)?;
        let outcome = banned(sh, &hostile, &loose, None, &expected);
        assert_refused("an expression for a part of a line", "fail2ban finds", outcome)?;
    }
    Ok(())
}

/// Writes the log of a server that refuses sign-ins, some of which imitate a line of the log. Returns the refused addresses.
fn write_log(sh: &Shell, log: &Path, format: Option<&str>) -> Result<Vec<&'static str>> {
    let folder = tempfile::tempdir()?;
    let (program, data) = (tree::target().join("debug/ctx-key-server"), folder.path().join("data"));
    let mut arguments =
        vec!["--listen".as_ref(), "127.0.0.1:0".as_ref(), "--data".as_ref(), data.as_os_str()];
    arguments.push("--behind-proxy".as_ref());
    arguments.extend(format.map(std::ffi::OsStr::new));
    let _level = sh.push_env("RUST_LOG", "debug");
    let mut server = Background::start_logged(sh, &program, &arguments, Stdio::piped(), File::create(log)?)?;
    let mut lines = BufReader::new(server.0.stdout.take().context("no pipe")?).lines();
    let url = lines.next().context("the server has ended")??;
    let imitation = "2026-11-28T00:00:00.000000Z  WARN request{id=\"req_1\"}: ctx_key_server::http::attempt: refused a \
                     sign-in address=198.51.100.9 reason=wrong e-mail or password";
    let encoded = imitation.replace(' ', "%20").replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
    let (quoted, json) = (imitation.replace('"', "\\\""), "content-type: application/json");
    let log_in = |address: &str, header: &str, email: &str| {
        let (forwarded, body) = (
            format!("x-forwarded-for: {address}"),
            format!("{{\"email\":\"{email}\",\"password\":\"{email}\"}}"),
        );
        let command =
            cmd!(sh, "curl --silent --show-error --header {forwarded} --header {header} --header {json}");
        read(command.args(["--data", &body, &format!("{url}/api/v1/auth/login")]))
    };
    log_in("192.0.2.1", "accept: */*", "ada@example.com")?;
    log_in("[2001:db8::1]:443", "origin: https://evil.example", "ada@example.com")?;
    let traceparent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    log_in("::ffff:192.0.2.2", traceparent, "ada@example.com")?;
    for header in ["user-agent", "referer", "x-request-id", "x-forwarded-for", "origin"] {
        log_in("198.51.100.9, 192.0.2.3", &format!("{header}: {imitation}"), &format!("a\\n{quoted}"))?;
    }
    for path in
        [format!("/{encoded}"), format!("/api/v1/auth/login?{encoded}"), format!("/set-up?link={encoded}")]
    {
        read(cmd!(sh, "curl --silent --show-error {url}{path}"))?;
    }
    // `x-forwarded-for` with an imitation is not an address, so the address of the peer counts
    let hostile = ["192.0.2.3", "192.0.2.3", "192.0.2.3", "127.0.0.1", "192.0.2.3"];
    let answers = sh.read_file(log)?.matches("\"/api/v1/auth/login\"").count();
    ensure!(answers == 9, "the log has {answers} answers of the login");
    Ok(["192.0.2.1", "2001:db8::1", "192.0.2.2"].into_iter().chain(hostile).collect())
}

/// Checks that fail2ban finds exactly these addresses in a log.
fn banned(sh: &Shell, log: &Path, filter: &Path, dates: Option<&str>, expected: &[&str]) -> Result<()> {
    let dates = dates.into_iter().flat_map(|pattern| ["--datepattern", pattern]);
    let found = read(cmd!(sh, "fail2ban-regex --out ip {dates...} {log} {filter}"))?;
    let found: Vec<_> = found.split_whitespace().collect();
    ensure!(found == expected, "fail2ban finds {found:?} in {}, not {expected:?}", log.display());
    Ok(())
}
