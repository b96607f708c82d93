//! The program: reads its configuration, starts the server, and stops it at SIGTERM or Ctrl-C.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use ctx_key::scan::RedactingWriter;
use ctx_key_server::clock::Clock;
use ctx_key_server::config::{Command, Config};
use ctx_key_server::server::{Server, invite, open};
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
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    if let Some(Command::Invite) = config.command {
        return print_invitation(config).await;
    }
    log(config.log_json);
    let server = Server::bind(config).await?;
    // before the first line is printed: whoever reads it may end the server at once
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut out = io::stdout();
    writeln!(out, "{}", server.public_url())?;
    if let Some(link) = server.set_up_link().await? {
        writeln!(out, "Nobody can sign in yet. Make the first account within 24 hours, once:\n{link}")?;
    }
    out.flush()?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.run(stop).await;
    Ok(())
}

async fn print_invitation(config: &Config) -> Result<(), Box<dyn Error>> {
    let database = open(config).await?;
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    println!("{}", invite(&database, url.trim_end_matches('/'), Clock::System.now()).await?);
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
