//! What a user pays before anything runs.

use std::error::Error;

use serde::Deserialize;

use super::{Report, read, table, under, units};

#[derive(Deserialize)]
struct Weight {
    what: String,
    crates: u32,
    build_seconds: f64,
    build_cpu_seconds: f64,
    /// None where nothing is verified.
    binary_bytes: Option<f64>,
}

pub(super) fn add(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let (origin, rows) = read::<Weight>("weight")?;
    let table = table(
        &["", "crates", "build", "CPU time of it", "in a stripped binary"],
        rows.iter().map(|row| {
            vec![
                row.what.clone(),
                row.crates.to_string(),
                format!("{:.1} s", row.build_seconds),
                format!("{:.1} s", row.build_cpu_seconds),
                row.binary_bytes.map_or("–".to_owned(), units::bytes),
            ]
        }),
    );
    report.blocks.insert("weight", format!("{table}\n{}\n", under(&origin)));
    Ok(())
}
