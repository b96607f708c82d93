//! The figures of this package and of what it replaces, measured alternately in one run.
//!
//! `cargo bench` measures them in full and fails if a goal is missed. `cargo test` uses small sizes, and only checks that
//! everything works. Arguments select figures by name. Both need the PostgreSQL server of `cargo xtask postgres`; start it
//! with `--pooled --durable` to measure.

mod changes;
mod database;
mod look_ups;
mod memory;
mod outage;
mod pooler;
mod report;
mod requests;
mod uses;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use report::Report;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Sizes of the measurements.
struct Sizes {
    /// Number of keys in a table.
    keys: usize,
    /// Number of records in the figure of memory.
    records: usize,
    /// Number of uses that are written with a statement each.
    single_uses: usize,
    /// Number of times that each way is measured. The median is reported.
    turns: usize,
    /// Time in which keys are changed in each turn.
    changing: Duration,
    /// Time in which the database can't be reached.
    outage: Duration,
    /// Number of queries of each client of the pooler.
    queries: usize,
}

const FULL: Sizes = Sizes {
    keys: 100_000,
    records: 1_000_000,
    single_uses: 2_000,
    turns: 3,
    changing: Duration::from_secs(3),
    outage: Duration::from_secs(2),
    queries: 100,
};

const SMALL: Sizes = Sizes {
    keys: 1_000,
    records: 1_000,
    single_uses: 100,
    turns: 1,
    changing: Duration::from_millis(200),
    outage: Duration::from_millis(700),
    queries: 10,
};

fn main() -> Result<ExitCode, Error> {
    let (flags, names): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let is_full = flags.iter().any(|flag| flag == "--bench");
    let is_asked_for = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
    if std::env::var_os("CTX_KEY_TEST_POSTGRES").is_none() {
        assert!(std::env::var_os("CTX_KEY_TEST_DEMAND_POSTGRES").is_none(), "no CTX_KEY_TEST_POSTGRES");
        writeln!(io::stderr(), "SKIPPED figures: CTX_KEY_TEST_POSTGRES is not set")?;
        return Ok(ExitCode::SUCCESS);
    }
    let sizes = if is_full { &FULL } else { &SMALL };
    let mut report = Report::new(is_full);
    tokio::runtime::Runtime::new()?.block_on(async {
        report.line(&database::settings().await?);
        // this is first, while the process has freed no memory that it could use again
        if is_asked_for("memory") {
            memory::measure(&mut report, sizes).await?;
        }
        if is_asked_for("look_ups") {
            look_ups::measure(&mut report, sizes).await?;
        }
        if is_asked_for("changes") {
            changes::measure(&mut report, sizes).await?;
        }
        if is_asked_for("uses") {
            uses::measure(&mut report, sizes).await?;
        }
        if is_asked_for("outage") {
            outage::measure(&mut report, sizes).await?;
        }
        if is_asked_for("pooler") {
            pooler::measure(&mut report, sizes).await?;
        }
        Ok::<(), Error>(())
    })?;
    Ok(report.end())
}
