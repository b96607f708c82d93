//! A server whose handlers say in their signatures which scope they need.
//!
//! ```text
//! cargo run -p ctx-key-integrations --example axum_server            http://127.0.0.1:8080
//! cargo run -p ctx-key-integrations --example axum_server -- 9000    another port; 0 takes a free one
//! ```
//!
//! `docs/frameworks.md` compares its answers with those of other extractors, request by request.

use std::error::Error;
use std::io;

use axum::extract::{FromRequestParts, Path};
use axum::http::{HeaderMap, StatusCode, request::Parts};
use axum::routing::get;
use axum::{Json, Router};
use ctx_key::{ApiKey, Denied, Grant, Scope, UnixTime, bearer};
use ctx_key_integrations::{ErrorBody, Store};
use serde_json::{Value, json};
use tracing::info;

const MEMORIES_READ: u32 = Scope::MEMORIES_READ.bits();
const MEMORIES_WRITE: u32 = Scope::MEMORIES_WRITE.bits();
const USERS_READ: u32 = Scope::USERS_READ.bits();

/// The routes, behind the keys in the store.
pub fn app(store: Store) -> Router {
    Router::new()
        .route("/v1/memories", get(list_memories).post(create_memory))
        .route("/v1/users/{id}", get(show_user))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(store)
}

async fn list_memories(Granted(grant): Granted<MEMORIES_READ>) -> Json<Value> {
    Json(json!({ "memories": [], "project": grant.project(), "key_id": grant.key_id().as_str() }))
}

async fn create_memory(Granted(grant): Granted<MEMORIES_WRITE>) -> (StatusCode, Json<Value>) {
    let body = json!({ "project": grant.project(), "key_id": grant.key_id().as_str() });
    (StatusCode::CREATED, Json(body))
}

async fn show_user(Granted(grant): Granted<USERS_READ>, Path(user): Path<String>) -> Json<Value> {
    Json(json!({ "user": user, "project": grant.project(), "key_id": grant.key_id().as_str() }))
}

async fn not_found() -> ErrorBody {
    ErrorBody::new(StatusCode::NOT_FOUND, "not_found_error", "not_found", "there is nothing at this path")
}

async fn method_not_allowed() -> ErrorBody {
    let message = "the path has no such method";
    ErrorBody::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", "method_not_allowed", message)
}

/// The grant of a key that has the scopes with these bits. A handler that takes it runs for no other request.
pub struct Granted<const SCOPES: u32>(pub Grant<String>);

impl<const SCOPES: u32> FromRequestParts<Store> for Granted<SCOPES> {
    type Rejection = ErrorBody;

    async fn from_request_parts(parts: &mut Parts, store: &Store) -> Result<Self, ErrorBody> {
        // bits that are no scope don't compile
        let required = const { Scope::from_bits(SCOPES).expect("bits of scopes") };
        Ok(Self(admit(&parts.headers, store, required)?))
    }
}

/// Logs the reason's label and the key's id, and nothing else: neither is secret.
fn admit(headers: &HeaderMap, store: &Store, required: Scope) -> Result<Grant<String>, Denied> {
    let key = bearer::parse_headers(headers)
        .inspect_err(|denied| info!(reason = denied.reason().as_str(), "refused"))?;
    verify(&key, store, required)
        .inspect(|grant| info!(key = %grant.key_id(), "granted"))
        .inspect_err(|denied| info!(reason = denied.reason().as_str(), key = %key.id(), "refused"))
}

fn verify(key: &ApiKey, store: &Store, required: Scope) -> Result<Grant<String>, Denied> {
    let record = store.find(key.id()).ok_or(Denied::unknown_key())?;
    let grant = record.verify(key, UnixTime::now())?;
    grant.require(required)?;
    Ok(grant.cloned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let address = format!("127.0.0.1:{}", std::env::args().nth(1).as_deref().unwrap_or("8080"));
    let bound = tokio::net::TcpListener::bind(&address).await;
    let listener = bound.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let store = Store::default();
    introduce(&store, &format!("http://{}", listener.local_addr()?));
    axum::serve(listener, app(store)).await?;
    Ok(())
}

/// Shows two new keys, this once, and what to do with them.
fn introduce(store: &Store, url: &str) {
    let all = store.issue("demo", Scope::READ | Scope::WRITE);
    let read_only = store.issue("demo", Scope::READ);
    let (all, read_only) = (all.expose_secret(), read_only.expose_secret());
    println!("listening on {url}; the keys are shown once, and are forgotten when the server ends\n");
    println!("all scopes   {all}");
    println!("read only    {read_only}\n");
    println!("curl -i {url}/v1/memories -H 'Authorization: Bearer {read_only}'");
    println!("curl -i {url}/v1/memories -H 'Authorization: Bearer {all}' -X POST");
    println!("curl -i {url}/v1/memories -H 'Authorization: Bearer {read_only}' -X POST");
    println!("curl -i {url}/v1/users/7 -H 'Authorization: Bearer {all}, Bearer {read_only}'");
    println!("curl -i {url}/v1/users/7");
}
