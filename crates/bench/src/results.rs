//! The figures of the last run, one file for each measurement: `target/performance/<name>.json`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// What one measurement gave.
#[derive(Deserialize, Serialize)]
pub struct Results {
    /// Processor, cores and compiler.
    pub machine: String,
    /// The day, in UTC, as `YYYY-MM-DD`.
    pub date: String,
    /// What repeats the measurement.
    pub command: String,
    /// The figures, in a shape of the measurement's own.
    pub rows: Value,
}

impl Results {
    /// Figures that were measured just now, here.
    pub fn new(command: &str, rows: Value) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            machine: machine()?,
            date: day(OffsetDateTime::now_utc()),
            command: command.to_owned(),
            rows,
        })
    }

    /// Keeps the figures for the report.
    pub fn write(&self, name: &str) -> Result<(), Box<dyn Error>> {
        let file = file(name);
        fs::create_dir_all(file.parent().ok_or("a folder")?)?;
        Ok(fs::write(file, serde_json::to_string_pretty(self)?)?)
    }

    /// The figures of the last run.
    pub fn read(name: &str) -> Result<Self, Box<dyn Error>> {
        let file = file(name);
        let text = fs::read_to_string(&file)
            .map_err(|error| format!("{}: {error}; measure first: cargo xtask bench", file.display()))?;
        Ok(serde_json::from_str(&text)?)
    }
}

/// The folder that cargo builds into.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from)
}

fn file(name: &str) -> PathBuf {
    target().join("performance").join(name).with_extension("json")
}

/// Processor, cores and compiler.
pub(crate) fn machine() -> Result<String, Box<dyn Error>> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &str| {
        cpus.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split(": ").nth(1))
            .unwrap_or("?")
    };
    let sha = if field("flags").split(' ').any(|flag| flag == "sha_ni") { "with" } else { "without" };
    let rustc = Command::new("rustc").arg("--version").output()?;
    let rustc = String::from_utf8(rustc.stdout)?;
    let version: Vec<&str> = rustc.split(' ').take(2).collect();
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{} {sha} SHA extensions, {cores} cores, {}", field("model name"), version.join(" ")))
}

/// As `YYYY-MM-DD`.
pub(crate) fn day(time: OffsetDateTime) -> String {
    let date = time.date();
    format!("{}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}
