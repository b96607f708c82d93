//! The program: reads its configuration, and starts the server until SIGTERM, SIGINT or SIGHUP, or runs a command.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ctx_key::scan::{RedactingWriter, redact_str};
use ctx_key_server::commands::run_command;
use ctx_key_server::config::Config;
use ctx_key_server::server::Server;
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
        Some(command) => {
            let done = run_command(config, command).await?;
            Ok(io::stdout().write_all(done.as_bytes())?)
        }
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

/// To standard error; a key that got into a line in spite of everything does not get out of it.
fn log(as_json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| RedactingWriter::new(io::stderr()))
        // it would be told where the lines can't go either, with a panic
        .log_internal_errors(false);
    if as_json { lines.json().init() } else { lines.init() }
}
