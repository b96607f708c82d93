//! Tables of criterion's estimates, and the limits for them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

/// A table, and a text for each limit that its figures exceed.
#[derive(Debug, Default, PartialEq)]
pub struct Table {
    pub text: String,
    pub exceeded: Vec<String>,
}

impl From<String> for Table {
    fn from(text: String) -> Self {
        Self { text, exceeded: Vec::new() }
    }
}

/// A path of `benches/hot_path.rs`, its description, and its limits as multiples of its floor, with and without SHA extensions.
type Path = (&'static str, &'static str, [Option<f64>; 2]);

const PATHS: [Path; 15] = [
    ("check/digest", "`Sha256::digest` of the same 46 bytes", [None, None]),
    ("check/granted", "key text to verified grant with scope, drop included", [Some(1.45), Some(1.12)]),
    ("check/header", "`Bearer …` header to the same", [Some(1.70), Some(1.22)]),
    ("check/prefix", "wrong prefix", [Some(0.15), None]),
    ("check/length", "wrong length", [Some(0.15), None]),
    ("check/character", "wrong character, the last one", [Some(0.22), None]),
    ("check/checksum", "correct shape, wrong checksum", [Some(1.35), None]),
    ("check/header_checksum", "header with that", [None, None]),
    ("check/header_malformed", "header with a key and a comma", [None, None]),
    ("latency/granted", "key text to grant, each call waits for the last", [None, None]),
    ("latency/header", "header to grant, each call waits for the last", [None, None]),
    ("generation/from_rng", "generation from ChaCha8", [Some(1.20), Some(1.20)]),
    ("scope/parse_six", "six scopes parsed", [None, None]),
    ("scope/format_six", "six scopes written", [None, None]),
    ("scope/check", "scopes checked", [None, None]),
];

/// Groups of `benches/scan.rs`, and their texts.
const SCANNED: [(&str, &str); 6] = [
    ("scan", "source code"),
    ("scan_prefixes", "`ctx_` over and over"),
    ("scan_near_keys", "keys with a wrong checksum"),
    ("scan_near_characters", "keys with a wrong character"),
    ("scan_one_run", "`ctx_` and one run"),
    ("scan_keys", "keys"),
];
/// Maximum time to find the keys in source code, as a multiple of the floor, which only searches for the prefix.
const MAX_SCAN: f64 = 1.11;
/// Minimum speed in gigabytes a second, for every text.
const MIN_GIGABYTES: f64 = 0.2;

const PEERS: [&str; 8] = [
    "ctx-key",
    "ctx-key, header",
    "by hand",
    "axum-extra",
    "prefixed-api-key",
    "api-keys-simplified",
    "jsonwebtoken, HS256",
    "jsonwebtoken, EdDSA",
];

/// Criterion's estimates of a run.
pub struct Estimates {
    folder: PathBuf,
}

impl Estimates {
    /// Returns the estimates that criterion wrote into a target folder.
    pub fn below(target: PathBuf) -> Self {
        Self { folder: target.join("criterion") }
    }

    /// Returns the median time of the benchmark `group/name`, in nanoseconds.
    fn median(&self, path: &str) -> Result<f64> {
        let file = self.folder.join(path).join("new/estimates.json");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let estimates: Value = serde_json::from_str(&text)?;
        estimates["median"]["point_estimate"].as_f64().with_context(|| format!("{path} has no median"))
    }

    /// Returns the time of a benchmark as a multiple of its group's floor.
    fn ratio(&self, path: &str) -> Result<f64> {
        let floor = match path.split_once('/').context("a benchmark has no group")?.0 {
            // these paths hash, or have no other floor
            group @ ("check" | "latency" | "scope") => format!("{group}/compress"),
            group => format!("{group}/floor"),
        };
        Ok(self.median(path)? / self.median(&floor)?)
    }

    pub fn scan(&self) -> Result<Table> {
        let (mut rows, mut exceeded) = (Vec::new(), Vec::new());
        let gigabytes = |path: &str| Ok::<_, anyhow::Error>(f64::from(1 << 20) / self.median(path)?);
        rows.push(vec!["source code, `memmem` alone".to_owned(), digits(gigabytes("scan/floor")?)]);
        for (group, text) in SCANNED {
            let mut row = vec![text.to_owned()];
            for path in ["find_iter", "redact", "writer"] {
                let speed = gigabytes(&format!("{group}/{path}"))?;
                row.push(digits(speed));
                if speed < MIN_GIGABYTES {
                    exceeded.push(format!("{text}, {path}: {speed:.3} GB/s is less than {MIN_GIGABYTES}"));
                }
            }
            rows.push(row);
        }
        let ratio = self.ratio("scan/find_iter")?;
        if ratio > MAX_SCAN {
            exceeded.push(format!("source code scanned: {ratio:.3} is more than {MAX_SCAN}"));
        }
        Ok(Table {
            text: table("1 MiB of | found, GB/s | redacted, GB/s | through the writer, GB/s", rows),
            exceeded,
        })
    }

    /// Returns the table of peers. `printed` has a line for each peer, with the size of a credential.
    pub fn peers(&self, printed: &str) -> Result<Table> {
        let rows = PEERS.iter().map(|peer| {
            let mut row = vec![(*peer).to_owned()];
            for group in ["valid", "malformed", "forged", "unknown", "issued"] {
                let path = format!("{group}/{peer}");
                row.push(format!("{} ({} ×)", time(self.median(&path)?), digits(self.ratio(&path)?)));
            }
            row.push(value(printed, peer)?);
            Ok(row)
        });
        let head = " | valid | malformed | forged | unknown | a new one | size";
        Ok(table(head, rows.collect::<Result<Vec<_>>>()?).into())
    }

    pub fn threads(&self) -> Result<Table> {
        let cores = std::thread::available_parallelism()?.get();
        let one = self.median("threads/1")?;
        let rows = (1..=cores).map(|threads| {
            let ratio = one / self.median(&format!("threads/{threads}"))? * threads as f64;
            Ok(vec![
                threads.to_string(),
                format!("{} million", digits(ratio / one * 1e3)),
                format!("{ratio:.2}"),
            ])
        });
        Ok(table("threads | checks a second | × one thread", rows.collect::<Result<Vec<_>>>()?).into())
    }

    pub fn texts(&self) -> Result<Table> {
        let kinds = ["source code", "keys, one a line", "keys with a wrong checksum", "prefixes"];
        let rows = kinds.map(|kind| {
            let mut row = vec![kind.to_owned()];
            for length in [1_u32 << 10, 1 << 20, 1 << 30] {
                row.push(digits(f64::from(length) / self.median(&format!("texts/{kind}/{length}"))?));
            }
            Ok(row)
        });
        let rows = rows.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(table("GB/s in | 1 KiB | 1 MiB | 1 GiB", rows).into())
    }

    /// Returns the table of look-ups. `printed` has a line for each store, with the size of a record.
    pub fn look_ups(&self, printed: &str) -> Result<Table> {
        let mut rows = Vec::new();
        for records in (3..10).map(|exponent| 10_u64.pow(exponent)) {
            for store in ["HashMap", "SQLite", "PostgreSQL"] {
                let path = format!("{store}/{records}");
                let Ok(size) = value(printed, &path) else { continue };
                let whole = time(self.median(&format!("look_ups/{path}"))?);
                let verification = time(self.median(&format!("look_ups/verification/{records}"))?);
                rows.push(vec![records.to_string(), store.to_owned(), whole, verification, size]);
            }
        }
        let head = "records | in | whole request | verification | for each record";
        Ok(table(head, rows).into())
    }
}

/// Returns the table of paths, from a run with SHA extensions and a run without them.
pub fn paths(with: &Estimates, without: &Estimates) -> Result<Table> {
    let (mut rows, mut exceeded) = (Vec::new(), Vec::new());
    for (path, name, limits) in PATHS {
        let mut row = vec![name.to_owned()];
        for ((run, limit), how) in
            [with, without].into_iter().zip(limits).zip(["", " without SHA extensions"])
        {
            let ratio = run.ratio(path)?;
            row.extend([limit.map_or("–".to_owned(), |limit| format!("{limit:.2}"))]);
            row.extend([format!("{ratio:.2}"), time(run.median(path)?)]);
            exceeded.extend(
                limit
                    .filter(|limit| ratio > *limit)
                    .map(|limit| format!("{name}{how}: {ratio:.3} is more than {limit:.2}")),
            );
        }
        rows.push(row);
    }
    let head = "path | limit | × floor | takes | limit, no SHA extensions | × floor | takes";
    let floor = |path| {
        Ok::<_, anyhow::Error>(format!("{} and {}", time(with.median(path)?), time(without.median(path)?)))
    };
    let floors = format!(
        "\nWith SHA extensions and without, the floor took {}; as latency, {}; that of generation, {}.\n",
        floor("check/compress")?,
        floor("latency/compress")?,
        floor("generation/floor")?,
    );
    Ok(Table { text: table(head, rows) + &floors, exceeded })
}

/// Returns the rest of the line `name: …`.
fn value(printed: &str, name: &str) -> Result<String> {
    let mut values = printed.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Ok(values.next().with_context(|| format!("nothing is printed for {name}"))?.to_owned())
}

fn table(head: &str, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let columns = head.split('|').count();
    let rows: String = rows
        .into_iter()
        .map(|mut row| {
            row.resize(columns, String::new());
            format!("| {} |\n", row.join(" | "))
        })
        .collect();
    format!("| {head} |\n|{}\n{rows}", "---|".repeat(columns))
}

/// Formats a time in nanoseconds, with a suitable unit.
fn time(ns: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let (size, unit) = units.into_iter().find(|(size, _)| ns >= *size).unwrap_or((1.0, "ns"));
    format!("{} {unit}", digits(ns / size))
}

/// Formats a number with three significant digits, at most two of them after the point.
fn digits(value: f64) -> String {
    let places = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the estimates of a run.
    struct Run(tempfile::TempDir);

    impl Run {
        /// Returns a run in which each benchmark takes half of its limits.
        fn fast() -> Self {
            let run = Self(tempfile::tempdir().unwrap());
            for (path, _, limits) in PATHS {
                run.takes(path, 50.0 * limits.into_iter().flatten().fold(1.0, f64::min));
            }
            for floor in ["check/compress", "latency/compress", "generation/floor", "scope/compress"] {
                run.takes(floor, 100.0);
            }
            for group in SCANNED.map(|(group, _)| group) {
                for name in ["find_iter", "redact", "writer"] {
                    run.takes(&format!("{group}/{name}"), 1e6);
                }
            }
            run.takes("scan/floor", 1e6);
            run
        }

        fn takes(&self, path: &str, ns: f64) {
            let folder = self.0.path().join("criterion").join(path).join("new");
            fs::create_dir_all(&folder).unwrap();
            let estimates = format!(r#"{{"median": {{"point_estimate": {ns}}}}}"#);
            fs::write(folder.join("estimates.json"), estimates).unwrap();
        }

        fn estimates(&self) -> Estimates {
            Estimates::below(self.0.path().to_owned())
        }
    }

    #[test]
    fn exactly_the_exceeded_limits_are_named() {
        let fast = Run::fast();
        assert_eq!(paths(&fast.estimates(), &fast.estimates()).unwrap().exceeded, [""; 0]);
        for (path, name, limits) in PATHS {
            for (run, how) in ["", " without SHA extensions"].into_iter().enumerate() {
                let Some(limit) = limits[run] else { continue };
                let slow = Run::fast();
                slow.takes(path, 100.0 * (limit + 0.01));
                let runs = if run == 0 { [&slow, &fast] } else { [&fast, &slow] };
                let exceeded = paths(&runs[0].estimates(), &runs[1].estimates()).unwrap().exceeded;
                assert_eq!(exceeded, [format!("{name}{how}: {:.3} is more than {limit:.2}", limit + 0.01)]);
            }
        }
    }

    #[test]
    fn a_text_that_is_scanned_too_slowly_is_named() {
        let run = Run::fast();
        assert_eq!(run.estimates().scan().unwrap().exceeded, [""; 0]);
        run.takes("scan_keys/redact", 6e6);
        run.takes("scan/find_iter", 1.2e6);
        let exceeded = run.estimates().scan().unwrap().exceeded;
        let expected =
            ["keys, redact: 0.175 GB/s is less than 0.2", "source code scanned: 1.200 is more than 1.11"];
        assert_eq!(exceeded, expected);
    }

    #[test]
    fn each_number_of_records_and_store_has_a_row() {
        let run = Run(tempfile::tempdir().unwrap());
        for (path, ns) in [("verification/1000", 35.34), ("HashMap/1000", 59.7), ("SQLite/1000", 2_283.0)] {
            run.takes(&format!("look_ups/{path}"), ns);
        }
        let printed =
            "HashMap/1000: 206 bytes\nlook_ups/HashMap/1000  time:   [59 ns]\nSQLite/1000: 74 bytes\n";
        let expected = "| records | in | whole request | verification | for each record |\n|---|---|---|---|---|\n\
                        | 1000 | HashMap | 59.7 ns | 35.3 ns | 206 bytes |\n\
                        | 1000 | SQLite | 2.28 µs | 35.3 ns | 74 bytes |\n";
        assert_eq!(run.estimates().look_ups(printed).unwrap().text, expected);
    }

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let times = [0.61, 38.0, 999.0, 1_810.0, 63_412_345.0, 2e9].map(time);
        assert_eq!(times, ["0.61 ns", "38.0 ns", "999 ns", "1.81 µs", "63.4 ms", "2.00 s"]);
        assert_eq!([0.0, 9.996, 99.97, 680_000.4].map(digits), ["0.00", "10.0", "100", "680000"]);
    }
}
