//! Measures, and keeps the figures for the report: `cargo xtask bench` calls all of it in order.

use std::error::Error;
use std::process::ExitCode;

use ctx_key_bench::results::Results;
use ctx_key_bench::{lookups, report, sizes, texts, threads};

const USAGE: &str = "usage: ctx-key-bench threads | lookups LARGEST | texts | sizes | report";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let rows = match arguments[..] {
        ["threads"] => threads::measure()?,
        ["lookups", largest] => lookups::measure(largest.parse()?)?,
        ["texts"] => texts::measure(),
        ["sizes"] => sizes::measure(),
        ["report"] => return write_report(),
        _ => return Err(USAGE.into()),
    };
    let command = format!("cargo run --release -p ctx-key-bench -- {}", arguments.join(" "));
    Results::new(&command, rows)?.write(arguments[0])?;
    Ok(ExitCode::SUCCESS)
}

fn write_report() -> Result<ExitCode, Box<dyn Error>> {
    let passed = report::write()?;
    for limit in &passed {
        eprintln!("{limit}");
    }
    Ok(if passed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
