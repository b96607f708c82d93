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
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

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
    println!("{}", invite(&database, url.trim_end_matches('/'), Clock::System.now()).await?);
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
