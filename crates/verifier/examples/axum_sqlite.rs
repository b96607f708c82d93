//! A server whose API keys are in a file of SQLite.

use std::error::Error;

use axum::routing::{delete, get};
use axum::{Router, extract::State, http::StatusCode};
use ctx_key::{ApiKey, KeyRecord, Scope};
use ctx_key_verifier::axum::{AnyKey, Granted};
use ctx_key_verifier::sqlite::{self, SqliteSource};
use ctx_key_verifier::{Options, Verifier};
use rusqlite::Connection;
use tokio::net::TcpListener;

const FILE: &str = "keys.sqlite";
const MEMORIES_READ: u32 = Scope::MEMORIES_READ.bits();

async fn list_memories(Granted(grant): Granted<MEMORIES_READ, SqliteSource>) -> String {
    format!("the memories of {}\n", grant.project())
}

type Keys = State<Verifier<SqliteSource>>;

async fn revoke(AnyKey(grant): AnyKey<SqliteSource>, State(verifier): Keys) -> Result<String, StatusCode> {
    // a task of its own, which goes on if the client hangs up
    let task = tokio::task::spawn_blocking(move || {
        let sql = "UPDATE api_keys SET revoked_at = unixepoch() WHERE id = ?1 AND revoked_at IS NULL";
        let result = Connection::open(FILE).and_then(|db| db.execute(sql, [grant.key_id().as_str()]));
        verifier.invalidate(grant.key_id()); // also after an error, which can follow the commit
        result
    });
    let is_revoked = task.await.is_ok_and(|result| result.is_ok());
    if is_revoked { Ok("revoked\n".into()) } else { Err(StatusCode::SERVICE_UNAVAILABLE) }
}

pub(crate) async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let options = sqlite::Options { create: true, ..sqlite::Options::default() };
    let verifier = Verifier::new(SqliteSource::open(FILE, options).await?, Options::default());

    let key = ApiKey::generate();
    let KeyRecord { id, digest, project, scopes, .. } = KeyRecord::new(&key, "demo", Scope::READ);
    let sql = "INSERT INTO api_keys (id, digest, project, scopes) VALUES (?1, ?2, ?3, ?4)";
    let columns = (id.as_str(), digest.as_bytes(), project, scopes.bits());
    Connection::open(FILE)?.execute(sql, columns)?;
    println!("a new key, shown once: {}", key.expose_secret());

    let app = Router::new().route("/v1/memories", get(list_memories)).route("/v1/key", delete(revoke));
    Ok(axum::serve(listener, app.with_state(verifier)).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    serve(TcpListener::bind("127.0.0.1:8080").await?).await
}
