//! A temporary PostgreSQL, with or without PgBouncer in front of it. Only this module starts these servers for tests.
//!
//! A second process of this program, the keeper, owns the servers. It stops them and removes their files when its standard
//! input ends, which happens when the first process drops the pipe, fails, or is killed.

mod check;
mod keeper;

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use crate::process::this_program;
use crate::tools;

pub use check::run as check;

/// Maximum number of server connections of PgBouncer for each database.
const POOL_SIZE: usize = 10;
/// Maximum number of connections that PgBouncer accepts. For tests, it is the maximum of PostgreSQL too.
const MAX_CLIENTS: usize = 400;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// Start the servers, print their addresses as JSON, and stop them at the end of standard input
    #[arg(long, hide = true)]
    keep: bool,
    /// Command that gets the addresses in CTX_KEY_TEST_POSTGRES and CTX_KEY_TEST_PGBOUNCER; without one, they are
    /// printed, and the servers run until an interrupt
    #[arg(last = true)]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct Settings {
    /// Start PgBouncer too: transaction mode, 10 server connections for each database
    #[arg(long)]
    pooled: bool,
    /// Run PostgreSQL as Debian configures it, for measurements; by default it never waits for the disk
    #[arg(long)]
    durable: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Addresses {
    folder: PathBuf,
    port: u16,
    pooler_port: Option<u16>,
}

/// A running PostgreSQL. It is stopped and removed when it is dropped, and when this program ends in any way.
#[derive(Debug)]
pub struct Server {
    keeper: Child,
    addresses: Addresses,
}

/// Runs the command of the command line, or waits for an interrupt.
pub fn run(sh: &Shell, arguments: &Arguments) -> Result<()> {
    if arguments.keep {
        return keeper::keep(arguments.settings);
    }
    with_settings(sh, arguments.settings, |server| {
        let Some((program, rest)) = arguments.command.split_first() else {
            server.variables().for_each(|(name, url)| println!("{name}={url}"));
            loop {
                std::thread::park();
            }
        };
        // not `run`, which would close the standard input
        let status = Command::from(cmd!(sh, "{program} {rest...}")).status();
        let status = status.with_context(|| format!("cannot run {}", program.display()))?;
        ensure!(status.success(), "{}: {status}", program.display());
        Ok(())
    })
}

/// Calls `action` while PostgreSQL and PgBouncer run. The commands of `sh` get their addresses.
pub fn with<T>(sh: &Shell, action: impl FnOnce(&Server) -> Result<T>) -> Result<T> {
    with_settings(sh, Settings { pooled: true, durable: false }, action)
}

/// Calls `action` while PostgreSQL runs, without a pooler.
pub fn with_direct<T>(sh: &Shell, action: impl FnOnce(&Server) -> Result<T>) -> Result<T> {
    with_settings(sh, Settings { pooled: false, durable: false }, action)
}

/// Calls `action` while PgBouncer and PostgreSQL run. PostgreSQL waits for the disk, for measurements.
pub fn with_durable<T>(sh: &Shell, action: impl FnOnce(&Server) -> Result<T>) -> Result<T> {
    with_settings(sh, Settings { pooled: true, durable: true }, action)
}

fn with_settings<T>(sh: &Shell, settings: Settings, action: impl FnOnce(&Server) -> Result<T>) -> Result<T> {
    tools::install(sh, &[&tools::POSTGRES, &tools::PSQL])?;
    if settings.pooled {
        tools::install(sh, &[&tools::PGBOUNCER])?;
    }
    let server = Server::start(settings)?;
    let _demand = sh.push_env("CTX_KEY_TEST_DEMAND_POSTGRES", "1");
    let _variables: Vec<_> = server.variables().map(|(name, url)| sh.push_env(name, url)).collect();
    action(&server)
}

impl Server {
    fn start(settings: Settings) -> Result<Self> {
        let mut keeper = this_program();
        keeper.args(["postgres", "--keep"]);
        keeper.args(settings.pooled.then_some("--pooled")).args(settings.durable.then_some("--durable"));
        // in a process group of its own, so that an interrupt from the terminal does not reach it
        let mut keeper = keeper.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().context("no pipe")?).read_line(&mut line)?;
        let addresses = serde_json::from_str(&line).context("PostgreSQL did not start")?;
        Ok(Self { keeper, addresses })
    }

    /// Returns the parameters of a connection through the socket, in the form of libpq.
    pub fn socket(&self) -> String {
        let Addresses { folder, port, .. } = &self.addresses;
        format!("host={} port={port} user=postgres", folder.display())
    }

    /// Returns the environment variables that name the servers.
    fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        let ports = [
            ("CTX_KEY_TEST_POSTGRES", Some(self.addresses.port)),
            ("CTX_KEY_TEST_PGBOUNCER", self.addresses.pooler_port),
        ];
        ports.into_iter().filter_map(|(name, port)| Some((name, url(port?))))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `wait` first closes the keeper's standard input
        let _ = self.keeper.wait();
    }
}

fn url(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}")
}
