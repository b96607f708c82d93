//! The paths that every request takes, as multiples of their floor, beside the limits that they keep.

use std::error::Error;

use super::estimates::Estimates;
use super::{Report, table, under, units};

/// A path of `benches/hot_path.rs` or `benches/scan.rs`, and the ratio that it must not exceed.
struct Path {
    group: &'static str,
    name: &'static str,
    what: &'static str,
    limit: Option<f64>,
}

const fn path(group: &'static str, name: &'static str, what: &'static str, limit: Option<f64>) -> Path {
    Path { group, name, what, limit }
}

const PATHS: [Path; 14] = [
    path("check", "compress", "the compression function alone, its block ready", None),
    path("check", "granted", "key text to verified grant with scope, drop included", Some(1.10)),
    path("check", "header", "`Bearer …` header to the same", Some(1.20)),
    path("check", "prefix", "wrong prefix", Some(0.10)),
    path("check", "length", "wrong length", Some(0.10)),
    path("check", "character", "wrong character, the last one", Some(0.10)),
    path("check", "checksum", "right shape, wrong checksum", Some(1.05)),
    path("check", "header_checksum", "header with that", None),
    path("check", "header_malformed", "header with a key and a comma", None),
    path("generation", "from_rng", "generation from ChaCha8", Some(1.20)),
    path("scope", "parse_six", "six scopes parsed", None),
    path("scope", "format_six", "six scopes written", None),
    path("scope", "check", "scopes checked", None),
    path("scan", "find_iter", "source code scanned, beside `memmem` alone", Some(1.11)),
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
    report.passed.extend(passed(with, "")?);
    report.passed.extend(passed(without, " without SHA extensions")?);
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

/// The limits that a run passed, in words.
fn passed(estimates: &Estimates, how: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut passed = Vec::new();
    for path in PATHS.iter().filter(|path| how.is_empty() || depends_on_hashing(path)) {
        let ratio = estimates.ratio(path.group, path.name)?;
        if let Some(limit) = path.limit.filter(|limit| ratio > *limit) {
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

/// README's table: what has a limit.
fn limits(with: &Estimates, without: &Estimates) -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for path in &PATHS {
        let Some(limit) = path.limit else { continue };
        rows.push(vec![
            path.what.to_owned(),
            format!("{:.2}", with.ratio(path.group, path.name)?),
            without_extensions(path, without)?,
            format!("{limit:.2}"),
            units::time(with.median(path.group, path.name)?),
        ]);
    }
    Ok(table(&["path", "× floor", "without SHA extensions", "at most", "takes"], rows))
}

fn ratios(with: &Estimates, without: &Estimates) -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for path in &PATHS {
        let (lower, upper) = with.interval(path.group, path.name)?;
        rows.push(vec![
            path.what.to_owned(),
            path.limit.map_or("–".to_owned(), |limit| format!("{limit:.2}")),
            format!("{:.2}", with.ratio(path.group, path.name)?),
            units::time(with.median(path.group, path.name)?),
            format!("{} to {}", units::time(lower), units::time(upper)),
            without_extensions(path, without)?,
            match depends_on_hashing(path) {
                true => units::time(without.median(path.group, path.name)?),
                false => "–".to_owned(),
            },
        ]);
    }
    let floors = format!(
        "\nThe floor, one hash, took {} with SHA extensions and {} without; that of generation, 64 random bytes and one hash, \
         {} and {}.\n",
        units::time(with.median("check", "floor")?),
        units::time(without.median("check", "floor")?),
        units::time(with.median("generation", "floor")?),
        units::time(without.median("generation", "floor")?),
    );
    let head =
        ["path", "at most", "× floor", "takes", "95 % interval", "× floor, no SHA extensions", "takes"];
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

    use super::*;

    /// Estimates of a run, which go when it is dropped.
    struct Run(PathBuf);

    impl Run {
        /// Each path takes half of its limit.
        fn fast(name: &str) -> Self {
            let run = Self(std::env::temp_dir().join(format!("ctx-key-{name}-{}", std::process::id())));
            for path in &PATHS {
                run.takes(path.group, "floor", 100.0);
                run.takes(path.group, path.name, 50.0 * path.limit.unwrap_or(1.0));
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
            let Some(limit) = path.limit else { continue };
            let slow = Run::fast("slow");
            slow.takes(path.group, path.name, 100.0 * (limit + 0.01));
            let said = format!("{}: {:.3} is more than {limit:.2}", path.what, limit + 0.01);
            assert_eq!(passed_limits(&slow, &fast), [said]);
            let said =
                format!("{} without SHA extensions: {:.3} is more than {limit:.2}", path.what, limit + 0.01);
            assert_eq!(passed_limits(&fast, &slow), if path.group == "scan" { vec![] } else { vec![said] });
        }
    }

    #[test]
    fn a_text_that_is_scanned_too_slowly_is_named() {
        let slow = Run::fast("text");
        slow.takes("scan_keys", "redact", 6e6);
        assert_eq!(passed_limits(&slow, &slow), ["keys, redact: 0.175 GB/s is less than 0.2"]);
    }
}
