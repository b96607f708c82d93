//! The program: reads its configuration, and starts the server until SIGTERM, SIGINT or SIGHUP, or runs a command.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ctx_key::scan::{RedactingWriter, redact_str};
use ctx_key_server::backup::back_up;
use ctx_key_server::clock::Clock;
use ctx_key_server::config::{Command, Config};
use ctx_key_server::server::{Server, invite, open, open_unprepared};
use ctx_key_server::store::import;
use ctx_key_server::store::migration::{STEPS, migrate};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;
use tracing_subscriber::EnvFilter;

/// Number of files that a server opens beside connections of clients: those of the database, and the log.
const OTHER_FILES: u64 = 256;

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
        Some(Command::Invite) => print_invitation(config).await,
        Some(Command::Migrate) => Ok(migrate(&open_unprepared(config)?, STEPS).await?),
        Some(Command::Backup { file }) => back_up(config, file).await,
        Some(Command::Import { file }) => import(config, file).await,
    }
}

async fn serve(config: &Config) -> Result<(), Box<dyn Error>> {
    raise_file_limit(config.max_connections);
    let server = Server::bind(config).await?;
    // before the first line is printed: whoever reads it may end the server at once
    let [mut terminate, mut interrupt, mut hang_up] =
        [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    let mut out = io::stdout();
    writeln!(out, "{}", server.public_url())?;
    if let Some(link) = server.set_up_link().await? {
        writeln!(out, "Nobody can sign in yet. Make the first account within 24 hours, once:\n{link}")?;
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

/// Each connection is an open file, and many systems allow a process 1,024 of them until it asks for more.
fn raise_file_limit(connections: usize) {
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let raised = maximum.map_or(needed, |maximum| maximum.min(needed));
    let result = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
    if result.is_err() || raised < needed {
        warn!(
            needed,
            raised, "fewer open files are allowed than --max-connections needs: raise the limit (ulimit -n)"
        );
    }
}

async fn import(config: &Config, file: &Path) -> Result<(), Box<dyn Error>> {
    let opened = File::open(file);
    let lines = opened.map_err(|error| format!("can't read {}: {}", file.display(), error.kind()))?;
    let keys = import::import(&open(config).await?, BufReader::new(lines), Clock::System.now()).await?;
    writeln!(io::stdout(), "imported {keys} keys")?;
    Ok(())
}

async fn print_invitation(config: &Config) -> Result<(), Box<dyn Error>> {
    let database = open(config).await?;
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    println!("{}", invite(&database, &url, Clock::System.now()).await?);
    Ok(())
}

/// To standard error; a key that got into a line in spite of everything does not get out of it. The lock keeps a line whole:
/// the writer holds back what may be the beginning of a key, and so writes a line in parts.
fn log(as_json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| RedactingWriter::new(io::stderr().lock()))
        // it would be told where the lines can't go either, with a panic
        .log_internal_errors(false);
    if as_json { lines.json().init() } else { lines.init() }
}
