//! Loads the server for minutes and checks that its memory does not grow. Then kills hundreds of servers on each database.

use std::time::Instant;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::load;
use crate::postgres;

/// Runs both parts. The arguments are the minutes of load for each of the two servers, and the number of servers to kill.
pub fn run(sh: &Shell, arguments: &[String]) -> Result<String> {
    let number = |index, default| arguments.get(index).map_or(Ok(default), |text: &String| text.parse());
    let minutes = number(0, 10).context("MINUTES must be a number")?;
    let rounds = number(1, 300).context("ROUNDS must be a number")?;
    let load = load::measure(sh, 60, minutes)?;
    let _rounds = sh.push_env("CTX_KEY_TEST_ROUNDS", rounds.to_string());
    let kill = || {
        let start = Instant::now();
        cmd!(sh, "cargo test --locked -p ctx-key-server --test faults killed").run()?;
        Ok::<_, anyhow::Error>(start.elapsed().as_secs())
    };
    let (sqlite, postgres) = (kill()?, postgres::with(sh, |_| kill())?);
    Ok(format!(
        "```text\n{load}```\n\n{rounds} killed servers on SQLite in {sqlite} s, and {rounds} on PostgreSQL in {postgres} s: no \
         key that was shown was missing, and no revoked one was accepted.\n"
    ))
}
