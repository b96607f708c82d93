//! Runs commands as checks, and prints a line for each.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Cmd, Shell, cmd};

/// Runs a step. Prints its name before it, and the seconds that it took after it.
pub fn timed<T>(name: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("=== {name}");
    let start = Instant::now();
    match run() {
        Ok(value) => {
            println!("=== {name}: {} s", start.elapsed().as_secs());
            Ok(value)
        }
        Err(error) => {
            println!("=== {name}: FAILED");
            Err(error.context(format!("step {name}")))
        }
    }
}

/// Runs a check on a planted fault: it must fail, and its output must contain `sign`.
pub fn assert_caught(fault: &str, sign: &str, check: Cmd<'_>) -> Result<()> {
    let command = check.to_string();
    let (status, text) = all_printed(check)?;
    if status.success() {
        bail!("not caught: {fault}: {command}");
    }
    if !text.contains(sign) {
        bail!("failed, but without \"{sign}\": {fault}: {command}\n{text}");
    }
    println!("    caught: {fault}");
    Ok(())
}

/// Checks the outcome of a check on a planted fault: it must be an error whose text contains `sign`.
pub fn assert_refused(fault: &str, sign: &str, outcome: Result<()>) -> Result<()> {
    let Err(error) = outcome else { bail!("not caught: {fault}") };
    let text = format!("{error:#}");
    if !text.contains(sign) {
        bail!("failed, but without \"{sign}\": {fault}: {text}");
    }
    println!("    caught: {fault}");
    Ok(())
}

/// Runs a command and returns its standard output. Output and errors are shown only if the command fails.
pub fn read(command: Cmd<'_>) -> Result<String> {
    let name = command.to_string();
    let output = command.quiet().ignore_status().output()?;
    let text = String::from_utf8(output.stdout).with_context(|| format!("{name} does not print UTF-8"))?;
    if !output.status.success() {
        bail!("{name}: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

/// Runs a command and returns everything that it prints, which is shown only if the command fails.
pub fn transcript(command: Cmd<'_>) -> Result<String> {
    let name = command.to_string();
    let (status, text) = all_printed(command)?;
    ensure!(status.success(), "{name}: {status}\n{text}");
    Ok(text)
}

/// Runs a command. Returns its exit status, and its standard output followed by its standard error.
fn all_printed(command: Cmd<'_>) -> Result<(ExitStatus, String)> {
    let output = command.quiet().ignore_status().output()?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((output.status, text.concat()))
}

/// Returns a command that runs this program, even if a build has replaced its file.
pub fn this_program() -> Command {
    Command::new("/proc/self/exe")
}

/// Returns the name of this machine's target, for example `x86_64-unknown-linux-gnu`.
pub fn host(sh: &Shell) -> Result<String> {
    Ok(cmd!(sh, "rustc --print host-tuple").quiet().read()?)
}

/// Returns a free port of the loopback address. Another process may take it before it is used.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A background process. It is killed when it is dropped, and when this program ends in any way.
#[derive(Debug)]
pub struct Background(pub Child);

impl Background {
    /// Starts a program. Its standard output goes to `output`, and its errors to the standard error of this program.
    pub fn start(sh: &Shell, program: &Path, arguments: &[&OsStr], output: impl Into<Stdio>) -> Result<Self> {
        Self::start_logged(sh, program, arguments, output, Stdio::inherit())
    }

    /// Does the same, but the errors go to `errors`.
    pub fn start_logged(
        sh: &Shell,
        program: &Path,
        arguments: &[&OsStr],
        output: impl Into<Stdio>,
        errors: impl Into<Stdio>,
    ) -> Result<Self> {
        let command = cmd!(sh, "setpriv --pdeathsig KILL {program} {arguments...}");
        let child = Command::from(command).stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        Ok(Self(child.with_context(|| format!("cannot start {}", program.display()))?))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
