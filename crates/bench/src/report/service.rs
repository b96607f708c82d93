//! What one core does, worked out from the measured figures.

use std::error::Error;

use super::scale::LookUps;
use super::{Report, read, table, under, units};

/// What was measured with the most records.
struct Measured {
    memory: LookUps,
    database: LookUps,
}

impl Measured {
    fn of(rows: Vec<LookUps>) -> Result<Self, Box<dyn Error>> {
        let (mut memory, mut database) = (None, None);
        // the counts of records ascend
        for row in rows {
            match &*row.store {
                "HashMap" => memory = Some(row),
                "PostgreSQL" => database = Some(row),
                _ => {}
            }
        }
        Ok(Self { memory: memory.ok_or("no HashMap")?, database: database.ok_or("no PostgreSQL")? })
    }
}

pub(super) fn add(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let (origin, rows) = read::<LookUps>("lookups")?;
    let measured = Measured::of(rows)?;
    let from = format!("From what was measured on {}\n", under(&origin));
    report.blocks.insert("one-core", format!("{}\n{from}", one_core(&measured)));
    Ok(())
}

fn one_core(measured: &Measured) -> String {
    let Measured { memory, database } = measured;
    let records = units::count(memory.records);
    let row = |what: String, ns: f64, of: &str| {
        vec![what, units::time(ns), format!("1 s ÷ {} = {} {of}", units::time(ns), units::count(1e9 / ns))]
    };
    table(
        &["", "takes", "a second"],
        [
            row("verification alone".to_owned(), memory.verification_ns, "a core"),
            row(format!("with its record in a `HashMap` of {records}"), memory.whole_ns, "a core"),
            row(format!("with its record in PostgreSQL, of {records}"), database.whole_ns, "a connection"),
        ],
    )
}
