//! Counts instructions with callgrind, one call of a path at a time.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::table::{Row, Table};
use crate::process;

const MANIFEST: &str = "crates/bench/instructions/Cargo.toml";

/// Turns off the instruction sets by which the C library selects its memcpy, memset and memcmp, so that it uses the versions
/// for every x86-64.
const MACHINE_DEPENDENT: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-SSE4_2,-SSE4_1,\
                                 -SSSE3,-ERMS,-FSRM";

/// Instructions of one call.
#[derive(Debug, PartialEq)]
struct Cost {
    whole: u64,
    outside_hash: u64,
}

/// Builds the program with these flags, and counts the instructions of each of its paths.
pub fn count(sh: &Shell, flags: &str) -> Result<Table> {
    let folder = sh.create_temp_dir()?;
    let host = process::host(sh)?;
    let paths = run_program(sh, &host, folder.path(), flags)?;
    let mut rows = Vec::new();
    for (index, line) in paths.lines().enumerate() {
        let (path, floor) =
            line.split_once(' ').with_context(|| format!("a path without a floor: {line}"))?;
        let cost = |part: usize| cost(&fs::read_to_string(folder.path().join(format!("out.{part}")))?);
        let (first, second) = (cost(2 * index + 1)?, cost(2 * index + 2)?);
        ensure!(first == second, "{path}: one call took {first:?}, and the next {second:?}");
        let (path, floor) = (path.to_owned(), floor.to_owned());
        rows.push(Row { path, floor, instructions: first.whole, outside_hash: first.outside_hash });
    }
    let compiler = cmd!(sh, "rustc --version").quiet().read()?;
    let libc = cmd!(sh, "getconf GNU_LIBC_VERSION").quiet().read()?;
    Ok(Table { compiler: format!("{compiler}, {host}, {libc}"), rows })
}

/// Runs the program under callgrind, which writes the files `out.1`, `out.2` and so on, one for each call of `counted`. A file
/// covers only that call. Returns the names of the paths and their floors.
fn run_program(sh: &Shell, host: &str, folder: &Path, flags: &str) -> Result<String> {
    let out = folder.join("out");
    let callgrind = format!(
        "valgrind --quiet --tool=callgrind --callgrind-out-file={} --compress-pos=no --compress-strings=no \
         --zero-before=instructions::counted --dump-after=instructions::counted",
        out.display()
    );
    let runner = format!("target.{host}.runner = '{callgrind}'");
    let run = cmd!(sh, "cargo run --quiet --release --locked --manifest-path {MANIFEST} --config {runner}")
        .env("RUSTFLAGS", format!("--cfg sha2_backend=\"soft\" {flags}"))
        .env("GLIBC_TUNABLES", MACHINE_DEPENDENT)
        // it would take precedence over RUSTFLAGS
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::read(run)
}

/// Returns the sum of the counts in a profile. It has a `fn=` line for each function, and after it lines of a position and a
/// count.
fn cost(profile: &str) -> Result<Cost> {
    let mut cost = Cost { whole: 0, outside_hash: 0 };
    let mut is_hash = false;
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some(function) = line.strip_prefix("fn=") {
            is_hash = function.strip_prefix("sha2::").is_some_and(|rest| rest.ends_with("::compress"));
        } else if line.starts_with("calls=") {
            // skip the next line, which has the count of the called function: that function has its own lines
            lines.next();
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let count = line.split_whitespace().nth(1).and_then(|count| count.parse::<u64>().ok());
            let count = count.with_context(|| format!("callgrind writes a line without a count: {line}"))?;
            cost.whole += count;
            cost.outside_hash += if is_hash { 0 } else { count };
        }
    }
    ensure!(cost.whole > 0, "callgrind counted nothing");
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_once_and_the_hash_apart() {
        let profile = "\
# callgrind format
version: 1
part: 1

fl=src/paths.rs
fn=instructions::counted
20 3
calls=1 30
20 1000
21 2

fn=sha2::sha256::soft::compress
30 700
cfn=memcpy
calls=2 0
31 8

fn=memcpy
0 8
fn=other::sha2::soft::compress
1 5

totals: 718
";
        assert_eq!(cost(profile).unwrap(), Cost { whole: 718, outside_hash: 18 });
        assert!(cost("fn=nothing\n").is_err());
        assert!(cost("fn=a\n20\n").is_err());
    }
}
