//! Tests the dashboard in Chromium, on either database.

use std::env::consts::ARCH;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{postgres, tools, tree};

#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Also take screenshots, into this folder
    #[arg(long, value_name = "FOLDER")]
    screenshots: Option<PathBuf>,
    /// Test files of crates/server/tests/browser; all of them by default
    files: Vec<OsString>,
}

/// Runs the tests on SQLite, or on the PostgreSQL server that CTX_KEY_TEST_POSTGRES names.
pub fn run(sh: &Shell, arguments: &Arguments) -> Result<()> {
    tools::install(sh, &[&tools::CHROMIUM, &tools::NODE, &tools::NPM, &tools::CURL])?;
    if sh.var_os("CTX_KEY_TEST_POSTGRES").is_some() {
        tools::install(sh, &[&tools::PSQL])?;
    }
    cmd!(sh, "cargo build --locked -p ctx-key-server").run()?;
    let _server = sh.push_env("CTX_KEY_SERVER", tree::target().join("debug/ctx-key-server"));
    let pictures = arguments.screenshots.as_ref().map(std::path::absolute).transpose()?;
    let _pictures = pictures.as_ref().map(|folder| sh.push_env("SCREENSHOTS", folder));

    // npm installs into this folder instead of the tree, and files of aborted tests are removed with it
    let folder = tempfile::tempdir()?;
    let _temporary = sh.push_env("TMPDIR", folder.path());
    let mut files = copy_tests(sh, folder.path(), pictures.is_some())?;
    if !arguments.files.is_empty() {
        files.clone_from(&arguments.files);
    }
    let _there = sh.push_dir(folder.path());
    cmd!(sh, "npm ci --ignore-scripts --silent").run()?;
    let _path = sh.push_env("PATH", path_with_node(sh, folder.path())?);
    // one file at a time, because a small machine has room for only one browser and its server; the time-out is far longer
    // than a file takes
    cmd!(sh, "node --test --test-concurrency=1 --test-timeout=1200000 {files...}").run()?;
    Ok(())
}

pub fn on_sqlite(sh: &Shell) -> Result<()> {
    run(sh, &Arguments::default())
}

pub fn on_postgres(sh: &Shell) -> Result<()> {
    postgres::with(sh, |_| run(sh, &Arguments::default()))
}

/// Copies all files of the tests, and returns the names of the test files.
fn copy_tests(sh: &Shell, folder: &Path, with_pictures: bool) -> Result<Vec<OsString>> {
    let mut tests = Vec::new();
    for file in sh.read_dir("crates/server/tests/browser")?.iter().filter(|path| path.is_file()) {
        let name = file.file_name().context("a path has no file name")?;
        sh.copy_file(file, folder.join(name))?;
        let text = name.to_string_lossy();
        if text.ends_with(".test.mjs") || with_pictures && text == "screenshots.mjs" {
            tests.push(name.to_owned());
        }
    }
    Ok(tests)
}

/// Returns a search path on which `node` has at least version 20. Debian 12 has version 18, so a newer one comes from npm.
fn path_with_node(sh: &Shell, folder: &Path) -> Result<OsString> {
    let path = sh.var_os("PATH").unwrap_or_default();
    if cmd!(sh, "node --print").arg("parseInt(process.versions.node) >= 20").quiet().read()? == "true" {
        return Ok(path);
    }
    let machine = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let (package, place) = (format!("node-linux-{machine}"), folder.join("node20"));
    cmd!(sh, "npm install --no-save --ignore-scripts --silent --prefix {place} {package}@20.20.2").run()?;
    let mut new = place.join("node_modules").join(package).join("bin").into_os_string();
    new.push(":");
    new.push(path);
    Ok(new)
}
