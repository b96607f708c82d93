//! The paths that every request takes, as multiples of their floor, beside the limits that they keep.

use std::error::Error;

use super::estimates::Estimates;
use super::{Report, table, under, units};

/// A path of `benches/hot_path.rs` or `benches/scan.rs`, and the ratios that it must not exceed, with SHA extensions and
/// without.
struct Path {
    group: &'static str,
    name: &'static str,
    what: &'static str,
    limits: [Option<f64>; 2],
}

const fn path(group: &'static str, name: &'static str, what: &'static str) -> Path {
    Path { group, name, what, limits: [None, None] }
}

impl Path {
    const fn at_most(mut self, with: f64, without: Option<f64>) -> Self {
        self.limits = [Some(with), without];
        self
    }
}

const PATHS: [Path; 17] = [
    path("check", "digest", "`Sha256::digest` of the same 46 bytes"),
    path("check", "granted", "key text to verified grant with scope, drop included")
        .at_most(1.45, Some(1.12)),
    path("check", "header", "`Bearer …` header to the same").at_most(1.70, Some(1.22)),
    path("check", "prefix", "wrong prefix").at_most(0.15, None),
    path("check", "length", "wrong length").at_most(0.15, None),
    path("check", "character", "wrong character, the last one").at_most(0.22, None),
    path("check", "checksum", "right shape, wrong checksum").at_most(1.35, None),
    path("check", "header_checksum", "header with that"),
    path("check", "header_malformed", "header with a key and a comma"),
    path("latency", "granted", "key text to grant, each call waits for the last"),
    path("latency", "header", "header to grant, each call waits for the last"),
    path("generation", "from_rng", "generation from ChaCha8").at_most(1.20, Some(1.20)),
    path("scope", "parse_six", "six scopes parsed"),
    path("scope", "format_six", "six scopes written"),
    path("scope", "check", "scopes checked"),
    path("scan", "find_iter", "source code scanned, beside `memmem` alone").at_most(1.11, None),
    path("scan", "redact", "source code redacted, beside the same"),
];

/// Groups of `benches/scan.rs`, and what their texts are.
const TEXTS: [(&str, &str); 6] = [
    ("scan", "source code"),
    ("scan_prefixes", "`ctx_` over and over"),
    ("scan_near_keys", "keys with a wrong checksum"),
    ("scan_near_characters", "keys with a wrong character"),
    ("scan_one_run", "`ctx_` and one run"),
    ("scan_keys", "keys"),
];

/// Bytes in a nanosecond that no text may be slower than.
const SLOWEST: f64 = 0.2;

pub(super) fn add(report: &mut Report, with: &Estimates, without: &Estimates) -> Result<(), Box<dyn Error>> {
    report.passed.extend(passed(with, 0)?);
    report.passed.extend(passed(without, 1)?);
    let origin = under(&with.origin("check", "cargo bench --bench hot_path --bench scan")?);
    let soft =
        without.origin("check", r#"RUSTFLAGS='--cfg sha2_backend="soft"' cargo bench --bench hot_path"#)?;
    let origins = format!("{origin}; without SHA extensions {}: `{}`", soft.date, soft.command);
    let ratios = ratios(with, without)? + "\n" + &origins + "\n";
    report.blocks.insert("limits", limits(with, without)? + "\n" + &origin + "\n");
    report.blocks.insert("ratios", ratios);
    report.blocks.insert("texts", texts(with, &mut report.passed)? + "\n" + &origin + "\n");
    Ok(())
}

/// Scanning hashes nothing but what looks like a key.
fn depends_on_hashing(path: &Path) -> bool {
    path.group != "scan"
}

/// Returns the limits that a run exceeds, in words. Run 0 has SHA extensions, and run 1 has not.
fn passed(estimates: &Estimates, run: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let how = ["", " without SHA extensions"][run];
    let mut passed = Vec::new();
    for path in &PATHS {
        let Some(limit) = path.limits[run] else { continue };
        let ratio = estimates.ratio(path.group, path.name)?;
        if ratio > limit {
            passed.push(format!("{}{how}: {ratio:.3} is more than {limit:.2}", path.what));
        }
    }
    Ok(passed)
}

fn without_extensions(path: &Path, without: &Estimates) -> Result<String, Box<dyn Error>> {
    if !depends_on_hashing(path) {
        return Ok("–".to_owned());
    }
    Ok(format!("{:.2}", without.ratio(path.group, path.name)?))
}

fn limit(limit: Option<f64>) -> String {
    limit.map_or("–".to_owned(), |limit| format!("{limit:.2}"))
}

/// Returns README's table: the paths that have a limit.
fn limits(with: &Estimates, without: &Estimates) -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for path in PATHS.iter().filter(|path| path.limits[0].is_some()) {
        rows.push(vec![
            path.what.to_owned(),
            format!("{:.2}", with.ratio(path.group, path.name)?),
            limit(path.limits[0]),
            without_extensions(path, without)?,
            limit(path.limits[1]),
            units::time(with.median(path.group, path.name)?),
        ]);
    }
    Ok(table(&["path", "× floor", "limit", "without SHA extensions", "limit", "takes"], rows))
}

fn ratios(with: &Estimates, without: &Estimates) -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for path in &PATHS {
        let (lower, upper) = with.interval(path.group, path.name)?;
        rows.push(vec![
            path.what.to_owned(),
            limit(path.limits[0]),
            format!("{:.2}", with.ratio(path.group, path.name)?),
            units::time(with.median(path.group, path.name)?),
            format!("{} to {}", units::time(lower), units::time(upper)),
            limit(path.limits[1]),
            without_extensions(path, without)?,
            match depends_on_hashing(path) {
                true => units::time(without.median(path.group, path.name)?),
                false => "–".to_owned(),
            },
        ]);
    }
    let floors = format!(
        "\nThe floor, one compression of a ready block, took {} with SHA extensions and {} without; as latency, {} and {}. That \
         of generation, 64 random bytes and `Sha256::digest`, took {} and {}.\n",
        units::time(with.median("check", "compress")?),
        units::time(without.median("check", "compress")?),
        units::time(with.median("latency", "compress")?),
        units::time(without.median("latency", "compress")?),
        units::time(with.median("generation", "floor")?),
        units::time(without.median("generation", "floor")?),
    );
    let head = [
        "path",
        "limit",
        "× floor",
        "takes",
        "95 % interval",
        "limit, no SHA extensions",
        "× floor",
        "takes",
    ];
    Ok(table(&head, rows) + &floors)
}

fn texts(estimates: &Estimates, passed: &mut Vec<String>) -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for (group, what) in TEXTS {
        let mut row = vec![what.to_owned()];
        for path in ["find_iter", "redact", "writer"] {
            let throughput = f64::from(1 << 20) / estimates.median(group, path)?;
            row.push(format!("{throughput:.1}"));
            if throughput < SLOWEST {
                passed.push(format!("{what}, {path}: {throughput:.3} GB/s is less than {SLOWEST}"));
            }
        }
        rows.push(row);
    }
    Ok(table(&["1 MiB of", "found, GB/s", "redacted, GB/s", "through the writer, GB/s"], rows))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path as File, PathBuf};

    use super::super::estimates::floor;
    use super::*;

    /// Estimates of a run, which go when it is dropped.
    struct Run(PathBuf);

    impl Run {
        /// Each path takes half of its limit.
        fn fast(name: &str) -> Self {
            let run = Self(std::env::temp_dir().join(format!("ctx-key-{name}-{}", std::process::id())));
            for path in &PATHS {
                run.takes(path.group, floor(path.group), 100.0);
                let limits = path.limits.iter().flatten().copied();
                run.takes(path.group, path.name, 50.0 * limits.fold(1.0, f64::min));
            }
            for (group, _) in TEXTS {
                for path in ["redact", "writer"] {
                    run.takes(group, path, 1e6);
                }
                if group != "scan" {
                    run.takes(group, "find_iter", 1e6);
                }
            }
            run
        }

        fn takes(&self, group: &str, path: &str, ns: f64) {
            let folder = File::new(&self.0).join("criterion").join(group).join(path).join("new");
            fs::create_dir_all(&folder).unwrap();
            let estimates = format!(
                r#"{{"median":{{"point_estimate":{ns},"confidence_interval":{{"lower_bound":{ns},"upper_bound":{ns}}}}}}}"#
            );
            fs::write(folder.join("estimates.json"), estimates).unwrap();
        }

        fn estimates(&self) -> Estimates {
            Estimates::below(self.0.clone())
        }
    }

    impl Drop for Run {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn passed_limits(with: &Run, without: &Run) -> Vec<String> {
        let mut report = Report::default();
        add(&mut report, &with.estimates(), &without.estimates()).unwrap();
        report.passed
    }

    #[test]
    fn each_limit_that_is_passed_is_named_alone() {
        let fast = Run::fast("fast");
        assert_eq!(passed_limits(&fast, &fast), [""; 0]);
        for path in &PATHS {
            for (run, how) in ["", " without SHA extensions"].into_iter().enumerate() {
                let Some(limit) = path.limits[run] else { continue };
                let slow = Run::fast("slow");
                slow.takes(path.group, path.name, 100.0 * (limit + 0.01));
                let said = format!("{}{how}: {:.3} is more than {limit:.2}", path.what, limit + 0.01);
                let runs = if run == 0 { [&slow, &fast] } else { [&fast, &slow] };
                assert_eq!(passed_limits(runs[0], runs[1]), [said]);
            }
        }
    }

    #[test]
    fn a_text_that_is_scanned_too_slowly_is_named() {
        let slow = Run::fast("text");
        slow.takes("scan_keys", "redact", 6e6);
        assert_eq!(passed_limits(&slow, &slow), ["keys, redact: 0.175 GB/s is less than 0.2"]);
    }
}
