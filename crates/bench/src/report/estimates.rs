//! What criterion estimated last.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::results::{Results, day, machine};

/// Returns the name of a group's floor: one compression where the path hashes, or what the benchmark calls its floor.
pub(super) fn floor(group: &str) -> &'static str {
    match group {
        "check" | "latency" | "scope" => "compress",
        _ => "floor",
    }
}

/// The folder of one run.
pub(super) struct Estimates {
    folder: PathBuf,
}

impl Estimates {
    /// What was measured into this build folder.
    pub(super) fn below(target: PathBuf) -> Self {
        Self { folder: target.join("criterion") }
    }

    /// Nanoseconds.
    pub(super) fn median(&self, group: &str, path: &str) -> Result<f64, Box<dyn Error>> {
        let estimates = self.estimates(group, path)?;
        Ok(estimates["median"]["point_estimate"].as_f64().ok_or("no median in the estimates")?)
    }

    /// Nanoseconds between which the median lies with a confidence of 95 %.
    pub(super) fn interval(&self, group: &str, path: &str) -> Result<(f64, f64), Box<dyn Error>> {
        let interval = &self.estimates(group, path)?["median"]["confidence_interval"];
        let bound = |name| interval[name].as_f64().ok_or("no interval in the estimates");
        Ok((bound("lower_bound")?, bound("upper_bound")?))
    }

    /// As a multiple of the floor that was measured beside it.
    pub(super) fn ratio(&self, group: &str, path: &str) -> Result<f64, Box<dyn Error>> {
        Ok(self.median(group, path)? / self.median(group, floor(group))?)
    }

    /// Where and when a group was measured, without its figures. The machine is taken to be this one.
    pub(super) fn origin(&self, group: &str, command: &str) -> Result<Results, Box<dyn Error>> {
        let measured = fs::metadata(self.file(group, floor(group)))?.modified()?;
        Ok(Results {
            machine: machine()?,
            date: day(measured.into()),
            command: command.to_owned(),
            rows: Value::Null,
        })
    }

    fn estimates(&self, group: &str, path: &str) -> Result<Value, Box<dyn Error>> {
        let file = self.file(group, path);
        let text = fs::read_to_string(&file)
            .map_err(|error| format!("{}: {error}; measure first: cargo xtask bench", file.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    fn file(&self, group: &str, path: &str) -> PathBuf {
        self.folder.join(group).join(path).join("new/estimates.json")
    }
}
