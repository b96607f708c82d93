//! How fast is each path, as a multiple of its floor? Reads what `cargo bench` measured last.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

/// Group, path, what it is, and the ratio that it must not exceed.
const ROWS: [(&str, &str, &str, Option<f64>); 13] = [
    ("check", "granted", "key text to verified grant with scope, drop included", Some(1.10)),
    ("check", "header", "`Bearer …` header to the same", Some(1.20)),
    ("check", "prefix", "wrong prefix", Some(0.10)),
    ("check", "length", "wrong length", Some(0.10)),
    ("check", "character", "wrong character, the last one", Some(0.10)),
    ("check", "checksum", "right shape, wrong checksum", Some(1.05)),
    ("check", "header_checksum", "header with that", None),
    ("check", "header_malformed", "header with a key and a comma", None),
    ("generation", "from_rng", "generation from ChaCha8", Some(1.20)),
    ("scope", "parse_six", "six scopes parsed", None),
    ("scope", "format_six", "six scopes written", None),
    ("scope", "check", "scopes checked", None),
    ("scan", "find_iter", "source code scanned, beside `memmem` alone", Some(1.11)),
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

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut code = ExitCode::SUCCESS;
    println!("| path | × floor | at most | ns |\n|---|---|---|---|");
    for (group, path, what, limit) in ROWS {
        let (time, floor) = (median(group, path)?, median(group, "floor")?);
        let ratio = time / floor;
        let said = limit.map_or("–".to_owned(), |limit| format!("{limit:.2}"));
        println!("| {what} | {ratio:.2} | {said} | {time:.1} |");
        if limit.is_some_and(|limit| ratio > limit) {
            eprintln!("{what}: {ratio:.3} is more than {said}");
            code = ExitCode::FAILURE;
        }
    }
    println!(
        "\nFloor, but for the last row: one `Sha256::digest` of 46 bytes ({:.1} ns); for generation, filling 64 bytes from the generator \
         and that ({:.1} ns).",
        median("check", "floor")?,
        median("generation", "floor")?,
    );
    println!("\n| 1 MiB of | found, GB/s | redacted, GB/s | through the writer, GB/s |\n|---|---|---|---|");
    for (group, what) in TEXTS {
        print!("| {what} ");
        for path in ["find_iter", "redact", "writer"] {
            let throughput = f64::from(1 << 20) / median(group, path)?;
            print!("| {throughput:.1} ");
            if throughput < 0.2 {
                eprintln!("{what}, {path}: {throughput:.3} GB/s is less than 0.2");
                code = ExitCode::FAILURE;
            }
        }
        println!("|");
    }
    Ok(code)
}

/// Nanoseconds, as criterion estimated them last.
fn median(group: &str, path: &str) -> Result<f64, Box<dyn Error>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    let file = Path::new(&target).join(format!("criterion/{group}/{path}/new/estimates.json"));
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("{}: {error}; run `cargo bench` first", file.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    Ok(estimates["median"]["point_estimate"].as_f64().ok_or("no median in the estimates")?)
}
