//! Reads from the output of `llvm-cov export` which lines and regions of the library ran.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::exceptions::{difference, entries};

/// The lines of each source file, without the unit tests at its end.
#[derive(Debug)]
pub struct Sources {
    folder: PathBuf,
    files: BTreeMap<String, Vec<String>>,
}

/// Counts of how often each line and each region ran.
#[derive(Debug)]
pub struct Report {
    sources: Sources,
    lines: BTreeMap<(String, usize), u64>,
    regions: BTreeMap<Region, u64>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Region {
    file: String,
    /// Line and column of its start, then of its end.
    place: [u64; 4],
}

/// Differences between a list and a report.
#[derive(Debug)]
pub struct Differences {
    pub unlisted: Vec<String>,
    pub stale: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    functions: Vec<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    filenames: Vec<PathBuf>,
    /// First line and column, last line and column, count, index of the file, index of the expanded file, kind.
    regions: Vec<[u64; 8]>,
}

impl Sources {
    pub fn read(folder: &Path) -> Result<Self> {
        let mut sources = Self { folder: folder.to_owned(), files: BTreeMap::new() };
        sources.add(folder)?;
        Ok(sources)
    }

    fn add(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                self.add(&path)?;
            } else if let Some(name) = self.name(&path) {
                self.files.insert(name, without_tests(&fs::read_to_string(&path)?));
            }
        }
        Ok(())
    }

    /// Returns the path of a file relative to the folder, or `None` if the file is outside of it.
    fn name(&self, path: &Path) -> Option<String> {
        path.strip_prefix(&self.folder).ok().map(|name| name.display().to_string())
    }

    /// Returns a line of a file, or `None` if it belongs to the unit tests.
    fn line(&self, file: &str, number: usize) -> Option<&str> {
        self.files.get(file)?.get(number.checked_sub(1)?).map(String::as_str)
    }
}

fn without_tests(text: &str) -> Vec<String> {
    text.lines().take_while(|line| *line != "mod tests {").map(str::to_owned).collect()
}

impl Report {
    /// Reads the counts from both formats of `llvm-cov export`: only JSON has the regions, and only LCOV has the lines.
    pub fn read(sources: Sources, json: &str, lcov: &str) -> Result<Self> {
        let lines = read_lines(&sources, lcov)?;
        let regions = read_regions(&sources, json)?;
        Ok(Self { sources, lines, regions })
    }

    /// Compares the lines that do not run, or not in whole, with a list of such lines.
    pub fn compare(&self, list: &str) -> Differences {
        let found: Vec<_> =
            self.unrun().iter().map(|(file, line)| format!("{file}: {}", self.text(file, *line))).collect();
        let listed = entries(list);
        Differences { unlisted: difference(&found, &listed), stale: difference(&listed, &found) }
    }

    fn unrun(&self) -> BTreeSet<(&str, usize)> {
        let regions = self.regions.iter().filter(|(_, count)| **count == 0);
        let lines = self.lines.iter().filter(|(_, count)| **count == 0);
        let of_regions = regions.map(|(region, _)| (region.file.as_str(), region.place[0] as usize));
        of_regions.chain(lines.map(|((file, line), _)| (file.as_str(), *line))).collect()
    }

    fn text(&self, file: &str, line: usize) -> &str {
        self.sources.line(file, line).unwrap_or_default().trim()
    }
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        self.unlisted.is_empty() && self.stale.is_empty()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "file                  lines run     regions run")?;
        for name in self.sources.files.keys() {
            let lines = self.lines.iter().filter(|((file, _), _)| file == name).map(|(_, count)| *count);
            let regions =
                self.regions.iter().filter(|(region, _)| region.file == *name).map(|(_, count)| *count);
            if regions.clone().next().is_some() {
                writeln!(f, "{name:16} {}  {}", figures(lines), figures(regions))?;
            }
        }
        let lines = figures(self.lines.values().copied());
        writeln!(f, "{:16} {lines}  {}", "all", figures(self.regions.values().copied()))?;
        for (file, line) in self.unrun() {
            writeln!(f, "not run: src/{file}:{line}: {}", self.text(file, line))?;
        }
        Ok(())
    }
}

fn figures(counts: impl Iterator<Item = u64> + Clone) -> String {
    format!("{:5} of {:5}", counts.clone().filter(|count| *count > 0).count(), counts.count())
}

/// Reads the counts of lines from LCOV: `SF:` and a file, then `DA:` with line and count for each line of it.
fn read_lines(sources: &Sources, lcov: &str) -> Result<BTreeMap<(String, usize), u64>> {
    let mut lines = BTreeMap::new();
    let mut file = None;
    for row in lcov.lines() {
        if let Some(path) = row.strip_prefix("SF:") {
            file = sources.name(Path::new(path));
        } else if let (Some(row), Some(file)) = (row.strip_prefix("DA:"), &file) {
            let (line, count) =
                row.split_once(',').with_context(|| format!("a row of LCOV has no comma: {row}"))?;
            let line = line.parse()?;
            if sources.line(file, line).is_some() {
                lines.insert((file.clone(), line), count.parse()?);
            }
        }
    }
    Ok(lines)
}

/// Reads the counts of regions from JSON. The counts of all instances of a generic function are added.
fn read_regions(sources: &Sources, json: &str) -> Result<BTreeMap<Region, u64>> {
    /// Kind of a region of code. The other kinds are an expansion of a macro, a skipped line, a gap and a branch.
    const CODE: u64 = 0;
    let export: Export = serde_json::from_str(json)?;
    let mut regions = BTreeMap::new();
    for function in export.data.iter().flat_map(|data| &data.functions) {
        for [line, column, last_line, last_column, count, file, _, kind] in function.regions.iter().copied() {
            let path = function.filenames.get(file as usize).context("a region has no file")?;
            let file = sources.name(path).filter(|name| sources.line(name, line as usize).is_some());
            if let Some(file) = file.filter(|_| kind == CODE) {
                let region = Region { file, place: [line, column, last_line, last_column] };
                let sum: &mut u64 = regions.entry(region).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
    Ok(regions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn f() {\n    a();\n    b()\n}\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";

    fn report(regions: &str, lcov: &str) -> Report {
        let files = BTreeMap::from([("x.rs".to_owned(), without_tests(TEXT))]);
        let json = format!(
            r#"{{"data": [{{"functions": [{{"filenames": ["/e/y.rs", "/s/x.rs"], "regions": [{regions}]}}]}}]}}"#
        );
        Report::read(Sources { folder: "/s".into(), files }, &json, lcov).unwrap()
    }

    #[test]
    fn a_line_or_a_region_that_does_not_run_is_reported() {
        let report = report(
            "[2,5,2,8,0,1,0,0], [3,5,3,8,7,1,0,0]",
            "SF:/s/x.rs\nDA:2,1\nDA:3,7\nDA:4,0\nend_of_record\n",
        );
        assert_eq!(Vec::from_iter(report.unrun()), [("x.rs", 2), ("x.rs", 4)]);
        let differences = report.compare("x.rs: a();\n    a reason\nx.rs: b()\n");
        assert_eq!(differences.unlisted, ["x.rs: }"]);
        assert_eq!(differences.stale, ["x.rs: b()"]);
        assert!(report.compare("x.rs: a();\nx.rs: }\n").is_empty());
        assert!(report.to_string().contains("all                  2 of     3      1 of     2\n"), "{report}");
    }

    #[test]
    fn the_counts_of_instances_are_added() {
        let both = report("[2,5,2,8,0,1,0,0], [2,5,2,8,1,1,0,0]", "");
        assert!(both.compare("").is_empty());
        assert_eq!(both.regions.len(), 1);
    }

    #[test]
    fn tests_gaps_and_other_files_do_not_count() {
        let none = report(
            "[7,5,7,8,0,1,0,0], [2,5,2,8,0,1,0,3], [2,5,2,8,0,0,0,0]",
            "SF:/s/x.rs\nDA:7,0\nSF:/e/y.rs\nDA:2,0\n",
        );
        assert!(none.compare("").is_empty());
        assert!(none.lines.is_empty() && none.regions.is_empty());
    }
}
