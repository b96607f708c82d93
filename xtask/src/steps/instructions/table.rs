//! The table of the counts of all paths, which is kept in a file.

use std::fmt::{self, Display};

use anyhow::{Context, Result, ensure};

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The compiler, its target and the C library. The counts depend on them.
    pub compiler: String,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub path: String,
    /// The path that does only the work which this path can't avoid.
    pub floor: String,
    pub instructions: u64,
    /// Instructions outside SHA-256's compression function.
    pub outside_hash: u64,
}

#[derive(Debug, Default, PartialEq)]
pub struct Comparison {
    pub failures: Vec<String>,
    /// Paths that take less than recorded.
    pub notes: Vec<String>,
}

impl Table {
    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let compiler = lines.next().context("no compiler in the recorded counts")?.to_owned();
        let rows = lines.skip(1).map(Row::parse).collect::<Result<_>>()?;
        Ok(Self { compiler, rows })
    }

    fn row(&self, path: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.path == path)
    }

    fn times_floor(&self, row: &Row) -> Option<f64> {
        let floor = self.row(&row.floor)?.instructions;
        (floor > 0).then(|| row.instructions as f64 / floor as f64)
    }

    /// Compares the counted table with this one, which was recorded.
    pub fn compare(&self, counted: &Self) -> Result<Comparison> {
        let mut comparison = Comparison::default();
        if self.compiler != counted.compiler {
            comparison.failures.push(format!(
                "recorded with {}\ncounted with  {}\nEach compiler makes other code. To keep its counts, from a commit that \
                 passed with the old one: cargo xtask instructions --record",
                self.compiler, counted.compiler
            ));
            return Ok(comparison);
        }
        for row in &counted.rows {
            let Some(before) = self.row(&row.path) else {
                comparison.failures.push(format!("{}: not recorded", row.path));
                continue;
            };
            let ratios = self.times_floor(before).zip(counted.times_floor(row));
            let (ratio_before, ratio) = ratios.with_context(|| format!("{} has no floor", row.path))?;
            comparison.add(&row.path, "times its floor", ratio, ratio_before);
            let what = "instructions outside the hash";
            comparison.add(&row.path, what, row.outside_hash as f64, before.outside_hash as f64);
        }
        let missing = self.rows.iter().filter(|row| counted.row(&row.path).is_none());
        comparison.failures.extend(missing.map(|row| format!("{}: recorded, and not counted", row.path)));
        Ok(comparison)
    }
}

impl Comparison {
    fn add(&mut self, path: &str, what: &str, now: f64, before: f64) {
        let digits = if now.fract() == 0.0 && before.fract() == 0.0 { 0 } else { 4 };
        let text = format!("{path}: {now:.digits$} {what}, and {before:.digits$} recorded");
        if now > before * 1.02 {
            self.failures.push(text);
        } else if now < before * 0.98 {
            self.notes.push(format!("{text}: record it with `cargo xtask instructions --record`"));
        }
    }
}

impl Row {
    fn parse(line: &str) -> Result<Self> {
        let cells: Vec<_> = line.split_whitespace().collect();
        ensure!(cells.len() == 5, "a path has five columns: {line}");
        let number = |index: usize| cells[index].parse().with_context(|| format!("not a count: {line}"));
        Ok(Self {
            path: cells[0].to_owned(),
            floor: cells[1].to_owned(),
            instructions: number(2)?,
            outside_hash: number(3)?,
        })
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.compiler)?;
        let head = ["path", "floor", "instructions", "outside-hash", "times-floor"];
        writeln!(f, "{:<23} {:<12} {:>12} {:>12} {:>11}", head[0], head[1], head[2], head[3], head[4])?;
        for row in &self.rows {
            let Row { path, floor, instructions, outside_hash } = row;
            let ratio = self.times_floor(row).ok_or(fmt::Error)?;
            writeln!(f, "{path:<23} {floor:<12} {instructions:>12} {outside_hash:>12} {ratio:>11.4}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of a floor with 1,000 instructions and a path with the given counts.
    fn table(instructions: u64, outside_hash: u64) -> Table {
        let row = |path: &str, instructions, outside_hash| Row {
            path: path.into(),
            floor: "floor".into(),
            instructions,
            outside_hash,
        };
        let rows = vec![row("floor", 1000, 100), row("path", instructions, outside_hash)];
        Table { compiler: "rustc 1".into(), rows }
    }

    #[test]
    fn the_recorded_table_can_be_read_and_written_again() {
        let recorded = include_str!("../../../../crates/bench/instructions/recorded");
        assert_eq!(Table::parse(recorded).unwrap().to_string(), recorded);
    }

    #[test]
    fn more_than_two_percent_more_instructions_fail() {
        let compare = |instructions, outside_hash| {
            let comparison = table(2000, 500).compare(&table(instructions, outside_hash)).unwrap();
            (comparison.failures, comparison.notes)
        };
        assert_eq!(compare(2040, 510), (vec![], vec![]));
        assert_eq!(compare(1960, 490), (vec![], vec![]));
        let (failures, notes) = compare(2041, 511);
        assert_eq!(
            failures,
            [
                "path: 2.0410 times its floor, and 2.0000 recorded",
                "path: 511 instructions outside the hash, and 500 recorded",
            ]
        );
        assert!(notes.is_empty());
        let (failures, notes) = compare(1959, 489);
        assert!(failures.is_empty());
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn a_path_must_be_in_both_tables() {
        let whole = table(2000, 500);
        let mut part = whole.clone();
        part.rows.pop();
        assert_eq!(part.compare(&whole).unwrap().failures, ["path: not recorded"]);
        assert_eq!(whole.compare(&part).unwrap().failures, ["path: recorded, and not counted"]);
        part.rows = vec![whole.rows[1].clone()];
        assert!(part.compare(&part).is_err(), "a path without its floor");
    }

    #[test]
    fn another_compiler_fails_even_with_equal_counts() {
        let before = table(2000, 500);
        let counted = Table { compiler: "rustc 2".into(), ..before.clone() };
        let failures = before.compare(&counted).unwrap().failures;
        assert!(failures[0].starts_with("recorded with rustc 1\ncounted with  rustc 2\n"));
    }
}
