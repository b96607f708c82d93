//! Checks that no branch and no address depends on a secret. memcheck reports those that do, at each level of optimization.
//!
//! Besides its cases, the program has planted faults: see tests/constant_time/README.md.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::{process, tools};

const MANIFEST: &str = "tests/constant_time/Cargo.toml";
const LEVELS: [&str; 5] = ["1", "2", "3", "s", "z"];

/// Backends of dependencies. valgrind does not support the SHA extensions, and treats what a system call writes as public.
const BACKENDS: &str = "--cfg sha2_backend=\"soft\" --cfg getrandom_backend=\"custom\"";

/// Builds of the library, with their flags: one that marks its declared results as public, and the one that is shipped.
const BUILDS: [(&str, &str); 2] = [("marked", "--cfg ctx_key_memcheck"), ("shipped", "")];

pub fn run(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&tools::CC, &tools::VALGRIND])?;
    let host = process::host(sh)?;
    let scratch = sh.create_temp_dir()?;
    let log = scratch.path().join("log");
    let mut failed = Vec::new();
    for level in LEVELS {
        for (build, flags) in BUILDS {
            fs::write(&log, "")?;
            print!("opt-level {level}, ");
            io::stdout().flush()?;
            if memcheck(sh, &host, &log, level, flags).arg(build).run().is_err() {
                println!("{}", fs::read_to_string(&log)?);
                failed.push(format!("opt-level {level}, {build}"));
            }
        }
    }
    ensure!(failed.is_empty(), "not as expected: {}", failed.join("; "));
    Ok(())
}

/// Returns the command that builds the program and runs it under memcheck. The program's argument is missing.
fn memcheck<'sh>(sh: &'sh Shell, host: &str, log: &Path, level: &str, flags: &str) -> Cmd<'sh> {
    let log = log.display();
    // with `chase`, valgrind merges some pairs of branches into one, and reports the loads between them
    let valgrind = format!("valgrind --quiet --error-limit=no --vex-guest-chase=no --log-file={log}");
    let runner = format!("target.{host}.runner = '{valgrind}'");
    // with `--target`, the flags do not reach the build script, which is then built only once
    cmd!(sh, "cargo run --quiet --release --locked --manifest-path {MANIFEST} --bin memcheck --target {host} --config {runner} --")
        .env("RUSTFLAGS", format!("{BACKENDS} {flags}"))
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level)
        // it would take precedence over RUSTFLAGS
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .quiet()
}
