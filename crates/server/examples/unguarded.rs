//! `GET /v1/key` with all that stands around it in the server, but without the guard: what the guard costs is the
//! difference. For `cargo xtask load`.

use std::error::Error;

use axum::Router;
use axum::routing::get;
use ctx_key::Scope;
use ctx_key_server::connections::serve;
use ctx_key_server::database::{Database, Location};
use ctx_key_server::key_source::KeySource;
use ctx_key_server::metrics::Metrics;
use ctx_key_server::routes::{in_json, surround};
use ctx_key_server::sign_in_limit::SignInLimit;
use ctx_key_server::state::Shared;
use ctx_key_verifier::sqlite::{Options, SqliteSource};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: unguarded ADDRESS:PORT")?;
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).init();
    // what the guarded server does in the background too
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("keys.sqlite");
    let options = Options { create: true, ..Options::default() };
    let verifier = KeySource::Sqlite(SqliteSource::open(&path, options).await?).verifier();
    let shared = Shared {
        database: Database::open(Location::Sqlite(path))?,
        metrics: Metrics::new(verifier.clone()),
        verifier,
        sign_ins: SignInLimit::default(),
        is_secure: false,
        is_behind_proxy: false,
        public_url: String::new(),
    };
    // as deep as the guarded one
    let routes = Router::new().nest("/v1", Router::new().route("/key", get(show)));
    serve(
        TcpListener::bind(address).await?,
        surround(in_json(routes), shared.into()),
        std::future::pending(),
    )
    .await;
    Ok(())
}

/// The same work and answer as those of the guarded route.
async fn show() -> axum::Json<Value> {
    let scopes: Vec<String> = Scope::MEMORIES_READ.iter().map(|scope| scope.to_string()).collect();
    axum::Json(json!({
        "id": "8aspm4G7VmSU",
        "project_id": "proj_00000000000000000000000000000000",
        "scopes": scopes,
        "expires_at": None::<String>,
    }))
}
