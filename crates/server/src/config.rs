//! What can be set, by flags and by the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A reference server for MemoryKit API keys: a dashboard to make them, an API that they open.
#[derive(Debug, Parser)]
#[command(name = "ctx-key-server", version)]
pub struct Config {
    /// The address to listen on; behind a proxy that speaks TLS, for anybody else to reach it
    #[arg(long, env = "CTX_KEY_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    /// The folder of the SQLite database
    #[arg(long, env = "CTX_KEY_DATA", default_value = "ctx-key-data", value_name = "FOLDER")]
    pub data: PathBuf,

    /// A PostgreSQL database in place of it, as postgres://user:password@host/name
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// The same PostgreSQL database for the verification of keys, as another user or entry of a pooler
    #[arg(
        long,
        env = "CTX_KEY_VERIFIER_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        requires = "database_url"
    )]
    pub verifier_database_url: Option<String>,

    /// The URL under which people reach this server; https makes its cookies Secure
    #[arg(long, env = "CTX_KEY_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// A proxy stands in front, and says in X-Forwarded-For who asks, for the limit of sign-ins
    #[arg(long, env = "CTX_KEY_BEHIND_PROXY")]
    pub behind_proxy: bool,

    /// Log as lines of JSON
    #[arg(long, env = "CTX_KEY_LOG_JSON")]
    pub log_json: bool,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a one-time link with which one more account is made, and end
    Invite,
}
