//! The process that owns the servers.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use xshell::{Cmd, Shell, cmd};

use super::{Addresses, MAX_CLIENTS, POOL_SIZE, Settings, url};
use crate::process;

/// Starts the servers, prints their addresses, and stops them at the end of standard input.
pub fn keep(settings: Settings) -> Result<()> {
    let servers = Servers::new()?;
    let port = servers.start_postgres(settings.durable)?;
    let pooler_port = settings.pooled.then(|| servers.start_pooler(port)).transpose()?;
    let addresses = Addresses { folder: servers.folder.path().into(), port, pooler_port };
    writeln!(io::stdout(), "{}", serde_json::to_string(&addresses)?)?;
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// The servers, whether or not they run already. They are stopped when `self` is dropped.
struct Servers {
    sh: Shell,
    folder: TempDir,
    programs: PathBuf,
    is_root: bool,
}

impl Servers {
    fn new() -> Result<Self> {
        let sh = Shell::new()?;
        let folder = TempDir::with_prefix("postgres-")?;
        let is_root = cmd!(sh, "id -u").quiet().read()? == "0";
        let path = folder.path();
        if is_root {
            cmd!(sh, "chown postgres {path}").quiet().run()?;
        }
        // the user of the servers may have no access to the current directory of this program
        sh.change_dir(path);
        Ok(Self { sh, folder, programs: programs()?, is_root })
    }

    /// Returns a command that does not run as root, because both servers refuse to run as root.
    fn command(&self, program: impl AsRef<Path>) -> Cmd<'_> {
        let (sh, program) = (&self.sh, program.as_ref());
        if self.is_root { cmd!(sh, "runuser -u postgres -- {program}") } else { cmd!(sh, "{program}") }
    }

    fn start_postgres(&self, durable: bool) -> Result<u16> {
        let initdb = self.command(self.programs.join("initdb")).args((!durable).then_some("--no-sync"));
        process::read(initdb.args(["--pgdata", "data", "--username", "postgres", "--auth", "trust"]))?;
        let folder = self.folder.path().display();
        let speed =
            if durable { String::new() } else { format!("-c fsync=off -c max_connections={MAX_CLIENTS}") };
        on_free_port(|port| {
            let options = format!(
                "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} {speed}"
            );
            let start = self.command(self.programs.join("pg_ctl"));
            let start = start.args(["start", "--wait", "--silent", "--pgdata", "data", "--log", "log"]);
            process::read(start.args(["--options", &options])).map(drop)
        })
    }

    fn start_pooler(&self, postgres: u16) -> Result<u16> {
        on_free_port(|port| {
            self.sh.remove_path("pgbouncer.log")?;
            self.sh.write_file("users", "\"postgres\" \"\"\n")?;
            self.sh.write_file("pgbouncer.ini", pooler_settings(postgres, port))?;
            process::read(self.command("/usr/sbin/pgbouncer").args(["--daemon", "pgbouncer.ini"]))?;
            self.wait_for_pooler(port)
        })
    }

    /// Waits until PgBouncer answers, because it goes into the background before it listens.
    fn wait_for_pooler(&self, port: u16) -> Result<()> {
        let (sh, url) = (&self.sh, format!("{}/postgres?connect_timeout=2", url(port)));
        let answers =
            || cmd!(sh, "psql --no-psqlrc --command '' {url}").quiet().ignore_stderr().run().is_ok();
        let start = Instant::now();
        while !answers() {
            let log = sh.read_file("pgbouncer.log").unwrap_or_default();
            let has_failed = log.contains("FATAL") || start.elapsed() > Duration::from_secs(60);
            ensure!(!has_failed, "PgBouncer does not answer: {log}");
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let sh = &self.sh;
        if let Ok(process) = sh.read_file("pgbouncer.pid") {
            let process = process.trim();
            let _ = cmd!(sh, "kill -KILL {process}").quiet().run();
        }
        // without this file, PostgreSQL has not started
        if sh.path_exists("data/postmaster.pid") {
            let stop = self.command(self.programs.join("pg_ctl"));
            let _ = process::read(stop.args(["stop", "--mode", "immediate", "--silent", "--pgdata", "data"]));
        }
    }
}

/// Returns the folder with the programs of the newest PostgreSQL.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let newest: u32 = versions.max().context("no PostgreSQL in /usr/lib/postgresql")?;
    Ok(format!("/usr/lib/postgresql/{newest}/bin").into())
}

/// Returns the settings of PgBouncer. Only the addresses, the authentication, the mode and the sizes differ from Debian's.
fn pooler_settings(postgres: u16, port: u16) -> String {
    format!(
        "[databases]
* = host=127.0.0.1 port={postgres}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
logfile = pgbouncer.log
pidfile = pgbouncer.pid
auth_type = trust
auth_file = users
admin_users = postgres
pool_mode = transaction
default_pool_size = {POOL_SIZE}
; each test has its own database, and idle connections to old ones would use up all connections
server_idle_timeout = 5
max_client_conn = {MAX_CLIENTS}
"
    )
}

/// Starts a server on a free port. Tries up to five ports, because another process may take one first.
fn on_free_port(start: impl Fn(u16) -> Result<()>) -> Result<u16> {
    let attempt = || process::free_port().and_then(|port| start(port).map(|()| port));
    let mut result = attempt();
    for _ in 1..5 {
        if result.is_ok() {
            break;
        }
        result = attempt();
    }
    result
}
