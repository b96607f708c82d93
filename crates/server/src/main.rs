//! The program. It reads its configuration, and either runs a command, or runs the server until SIGTERM, SIGINT or
//! SIGHUP.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ctx_key::scan::{RedactingWriter, redact_str};
use ctx_key_server::commands::run_command;
use ctx_key_server::config::Config;
use ctx_key_server::server::Server;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;
use tracing_subscriber::EnvFilter;

/// Maximum number of open files of a server besides its connections, such as those of the connection that reads the
/// change log of keys.
const OTHER_FILES: usize = 224;

/// Maximum number of open files of a connection to the database. A connection to SQLite opens the database and its
/// write-ahead log.
const FILES_PER_CONNECTION: usize = 2;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", redact_str(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

async fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    log(config.log_json);
    match &config.command {
        None => serve(config).await,
        Some(command) => {
            let done = run_command(config, command).await?;
            Ok(io::stdout().write_all(done.as_bytes())?)
        }
    }
}

async fn serve(config: &Config) -> Result<(), Box<dyn Error>> {
    raise_file_limit(needed_files(config));
    let server = Server::bind(config).await?;
    // this comes before the first line is printed, because its reader may stop the server at once
    let [mut terminate, mut interrupt, mut hang_up] =
        [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    let mut out = io::stdout();
    writeln!(out, "{}", server.public_url())?;
    if let Some(link) = server.set_up_link().await? {
        writeln!(out, "Nobody can sign in yet. Create the first account here, within 24 hours:\n{link}")?;
    }
    out.flush()?;
    let signal = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    };
    server.run(signal, Duration::from_secs(config.drain.into())).await;
    Ok(())
}

/// Returns the number of open files that a server needs. Each connection of a client is an open file.
fn needed_files(config: &Config) -> u64 {
    let of_database = (config.connections + config.verifier_connections) * FILES_PER_CONNECTION;
    (config.max_connections + of_database + OTHER_FILES) as u64
}

/// Raises the limit on open files, because many systems allow a process only 1,024 of them by default.
fn raise_file_limit(needed: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let raised = maximum.map_or(needed, |maximum| maximum.min(needed));
    let result = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
    if result.is_err() || raised < needed {
        warn!(
            needed,
            raised,
            "fewer open files are allowed than the maximum numbers of connections need: raise the limit (ulimit -n)"
        );
    }
}

/// Logs to standard error. The writer redacts keys, in case a line contains one by mistake. It holds back text that may
/// be the start of a key, and so writes a line in parts. The lock keeps the parts of a line together.
fn log(as_json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| RedactingWriter::new(io::stderr().lock()))
        // such errors would be printed to standard error, which panics if the lines can't be written there either
        .log_internal_errors(false);
    if as_json { lines.json().init() } else { lines.init() }
}
