//! Serves `GET /v1/key` with all layers of the server, but without the guard. The difference to the server is the
//! cost of the guard. For `cargo xtask load`.

use std::error::Error;
use std::sync::atomic::AtomicBool;

use axum::routing::get;
use axum::{Json, Router};
use ctx_key::Scope;
use ctx_key_server::clock::Clock;
use ctx_key_server::database::{Database, Location};
use ctx_key_server::http::connections::{ConnectionLimits, MAX_CONNECTIONS, serve};
use ctx_key_server::http::failed_attempts::FailedAttempts;
use ctx_key_server::http::iso_time::IsoTime;
use ctx_key_server::http::list_cursor::CursorKey;
use ctx_key_server::http::metrics::Metrics;
use ctx_key_server::http::rate_limit::RateLimit;
use ctx_key_server::http::sign_in_limit::SignInLimit;
use ctx_key_server::http::state::Shared;
use ctx_key_server::http::{layers::surround, limits::in_json};
use ctx_key_server::key_source::{KeySource, Settings};
use ctx_key_server::store::secret::Secret;
use ctx_key_verifier::sqlite::{Options, SqliteSource};
use serde::Serialize;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: unguarded ADDRESS:PORT")?;
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).init();
    // the verifier does the same background work as in the guarded server
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("keys.sqlite");
    let options = Options { create: true, ..Options::default() };
    let verifier =
        KeySource::Sqlite(SqliteSource::open(&path, options).await?).verifier(&Settings::default());
    let database = Database::open(Location::Sqlite(path))?;
    let shared = Shared {
        metrics: Metrics::new(database.clone(), verifier.clone()),
        database,
        verifier,
        sign_ins: SignInLimit::new(&Clock::System),
        failed_attempts: FailedAttempts::default(),
        cursors: CursorKey::from(&Secret::generate()),
        rate_limit: RateLimit::new(0, &Clock::System),
        clock: Clock::default(),
        is_secure: false,
        is_behind_proxy: false,
        is_draining: AtomicBool::new(false),
        public_url: String::new(),
    };
    // nested as deep as the guarded route
    let routes = Router::new().nest("/v1", Router::new().route("/key", get(show)));
    serve(
        TcpListener::bind(address).await?,
        surround(in_json(routes), shared.into()),
        ConnectionLimits { max: MAX_CONNECTIONS, is_behind_proxy: true },
        std::future::pending(),
    )
    .await;
    Ok(())
}

/// The response of the guarded route.
#[derive(Serialize)]
struct Key {
    id: String,
    project_id: String,
    scopes: Scope,
    expires_at: Option<IsoTime>,
}

/// Does the same work as the guarded route, and gives the same response.
async fn show() -> Json<Key> {
    Json(Key {
        id: "8aspm4G7VmSU".to_owned(),
        project_id: "proj_00000000000000000000000000000000".to_owned(),
        scopes: Scope::MEMORIES_READ,
        expires_at: None,
    })
}
