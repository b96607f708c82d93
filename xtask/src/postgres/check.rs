//! Checks the servers themselves, because the tests rely on their settings.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use super::{MAX_CLIENTS, POOL_SIZE, url, with};
use crate::process::this_program;

/// Number of sessions that are open at the same time.
const SESSIONS: usize = 4 * POOL_SIZE;

pub fn run(sh: &Shell) -> Result<()> {
    with(sh, |server| {
        let pooler = url(server.addresses.pooler_port.context("no pooler")?);
        check_settings(sh, &pooler)?;
        check_backends(sh, &format!("{pooler}/postgres"))
    })?;
    check_end()
}

fn check_settings(sh: &Shell, pooler: &str) -> Result<()> {
    let settings = cmd!(sh, "psql --no-psqlrc --tuples-only --no-align --command").arg("SHOW CONFIG");
    let settings = settings.arg(format!("{pooler}/pgbouncer")).quiet().read()?;
    let expected = [
        ("pool_mode", "transaction".to_owned()),
        ("default_pool_size", POOL_SIZE.to_string()),
        ("max_client_conn", MAX_CLIENTS.to_string()),
    ];
    for (name, value) in expected {
        let start = format!("{name}|{value}|");
        ensure!(settings.lines().any(|line| line.starts_with(&start)), "{name} is not {value}:\n{settings}");
    }
    Ok(())
}

/// Checks that the sessions share the connections of the pool.
///
/// First opens a transaction in as many sessions as the pool has connections, so that each transaction keeps one. Then sends
/// a statement in each of many sessions that stay open: in session mode, those beyond the pool's size would get no answer.
fn check_backends(sh: &Shell, database: &str) -> Result<()> {
    let mut sessions = (0..SESSIONS).map(|_| Session::open(sh, database)).collect::<Result<Vec<_>>>()?;
    let in_transactions = &mut sessions[..POOL_SIZE];
    let backends = ask_all(in_transactions, "BEGIN; SELECT pg_backend_pid();")?;
    ensure!(
        backends.len() == POOL_SIZE,
        "{POOL_SIZE} transactions have {} server connections",
        backends.len()
    );
    ask_all(in_transactions, "COMMIT; SELECT 0;")?;
    let shared = ask_all(&mut sessions, "SELECT pg_backend_pid();")?;
    ensure!(shared.is_subset(&backends), "the pool has more than {POOL_SIZE} server connections");
    println!("{SESSIONS} sessions share {POOL_SIZE} server connections");
    Ok(())
}

/// Sends the statements in each session, and then reads the answers.
fn ask_all(sessions: &mut [Session], statements: &str) -> Result<BTreeSet<u32>> {
    sessions.iter_mut().try_for_each(|session| session.ask(statements))?;
    sessions.iter_mut().map(Session::answer).collect()
}

/// A session of psql.
struct Session {
    psql: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Session {
    fn open(sh: &Shell, database: &str) -> Result<Self> {
        let psql = cmd!(sh, "psql --no-psqlrc --quiet --tuples-only --no-align {database}");
        let mut psql = Command::from(psql).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = BufReader::new(psql.stdout.take().context("no pipe")?).lines();
        Ok(Self { psql, answers })
    }

    fn ask(&mut self, statements: &str) -> Result<()> {
        let input = self.psql.stdin.as_mut().context("no pipe")?;
        writeln!(input, "{statements}").context("psql has ended")
    }

    fn answer(&mut self) -> Result<u32> {
        Ok(self.answers.next().context("psql has ended")??.parse()?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // `wait` first closes the standard input, which ends psql
        let _ = self.psql.wait();
    }
}

/// Kills another process of this program while its servers run, and checks that they end too.
fn check_end() -> Result<()> {
    let mut program = this_program().args(["postgres", "--pooled"]).stdout(Stdio::piped()).spawn()?;
    let lines = BufReader::new(program.stdout.take().context("no pipe")?).lines().take(2);
    let lines = lines.collect::<Result<Vec<_>, _>>();
    program.kill()?;
    program.wait()?;
    let addresses: Vec<_> =
        lines?.iter().filter_map(|line| Some(line.split_once('@')?.1.to_owned())).collect();
    ensure!(addresses.len() == 2, "not both servers started");
    let runs = || addresses.iter().any(|address| TcpStream::connect(address).is_ok());
    for _ in 0..600 {
        if !runs() {
            println!("the servers end when this program is killed");
            return Ok(());
        }
        sleep(Duration::from_millis(100));
    }
    bail!("a server outlives this program: {}", addresses.join(", "))
}
