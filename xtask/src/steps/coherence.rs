//! Tests revocations under load and under every kind of failure, many times in each case.

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{postgres, process, tools};

const HEAD: &str = "\
| database | case | revocations | refused elsewhere after, median | longest | last grant after, median | longest |
|---|---|---|---|---|---|---|
";

/// Runs the tests. The argument is the number of revocations in each case.
pub fn run(sh: &Shell, arguments: &[String]) -> Result<String> {
    let count: u32 =
        arguments.first().map_or(Ok(200), |text| text.parse()).context("REVOCATIONS must be a number")?;
    tools::install(sh, &[&tools::LIBFAKETIME])?;
    let _count = sh.push_env("CTX_KEY_TEST_REVOCATIONS", count.to_string());
    // with this variable, the tests fail instead of skipping a part whose tool is missing
    let _ci = sh.push_env("CI", "true");
    let rows = |database: &str| {
        let test = cmd!(sh, "cargo test --locked -p ctx-key-server --all-features --test revocations")
            // the tests wait most of the time, so more of them than cores can run at once
            .args(["--", "--test-threads", "4"]);
        let rows = rows(database, &process::transcript(test)?);
        print!("{rows}");
        ensure!(!rows.is_empty(), "the tests print no result");
        Ok(rows)
    };
    let direct = postgres::with_direct(sh, |_| rows("PostgreSQL"))?;
    let pooled = postgres::with(sh, |_| rows("PgBouncer"))?;
    let sqlite = rows("SQLite")?;
    Ok(format!(
        "No grant began later than 500 ms after the commit of its key's revocation, and none in the process that had answered \
         the revocation. \"Elsewhere\" is the last one of the other processes. Where the database can't be read for a while, \
         they answer 503 in between.\n\n{HEAD}{direct}{pooled}{sqlite}"
    ))
}

/// Returns the rows that the tests print, as rows of a table.
fn rows(database: &str, printed: &str) -> String {
    let lines = printed.lines().filter_map(|line| line.split_once("REVOKED | "));
    lines.map(|(_, row)| format!("| {database} | {row} |\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn the_rows_are_found_in_the_output_of_tests() {
        let printed = "running 14 tests\ntest steady::no_grant_is_late_without_load ... REVOKED | idle, 2 processes | 5 | 90 ms\nok\n";
        assert_eq!(rows("SQLite", printed), "| SQLite | idle, 2 processes | 5 | 90 ms |\n");
        assert_eq!(rows("SQLite", "running 14 tests\n"), "");
    }
}
