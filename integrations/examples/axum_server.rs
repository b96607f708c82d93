//! A server whose handlers name the required scope in their signatures.
//!
//! ```text
//! cargo run -p ctx-key-integrations --example axum_server            http://127.0.0.1:8080
//! cargo run -p ctx-key-integrations --example axum_server -- 9000    another port; 0 chooses a free one
//! ```
//!
//! `docs/frameworks.md` compares its responses with those of other extractors.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use ctx_key::{Grant, Scope};
use ctx_key_integrations::{ErrorBody, Records, Store};
use ctx_key_verifier::axum::{Granted, VerifierState};
use ctx_key_verifier::{Verifier, VerifyError};
use serde_json::{Value, json};
use tracing::info;

const MEMORIES_READ: u32 = Scope::MEMORIES_READ.bits();
const MEMORIES_WRITE: u32 = Scope::MEMORIES_WRITE.bits();
const USERS_READ: u32 = Scope::USERS_READ.bits();

/// Returns the routes. They accept the keys in the store.
pub fn app(store: &Store) -> Router {
    Router::new()
        .route("/v1/memories", get(list_memories).post(create_memory))
        .route("/v1/users/{id}", get(show_user))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(App { verifier: store.verifier().clone() })
}

async fn list_memories(Granted(grant): Granted<MEMORIES_READ, Records>) -> Json<Value> {
    Json(json!({ "memories": [], "project": grant.project(), "key_id": grant.key_id().as_str() }))
}

async fn create_memory(Granted(grant): Granted<MEMORIES_WRITE, Records>) -> (StatusCode, Json<Value>) {
    let body = json!({ "project": grant.project(), "key_id": grant.key_id().as_str() });
    (StatusCode::CREATED, Json(body))
}

async fn show_user(Granted(grant): Granted<USERS_READ, Records>, Path(user): Path<String>) -> Json<Value> {
    Json(json!({ "user": user, "project": grant.project(), "key_id": grant.key_id().as_str() }))
}

async fn not_found() -> ErrorBody {
    ErrorBody::new(StatusCode::NOT_FOUND, "not_found", "not_found", "there is nothing at this path")
}

async fn method_not_allowed() -> ErrorBody {
    let message = "the path has no such method";
    ErrorBody::new(StatusCode::METHOD_NOT_ALLOWED, "bad_request", "method_not_allowed", message)
}

/// The state that all requests share. It logs grants, and refuses with the platform's error response.
#[derive(Clone)]
struct App {
    verifier: Verifier<Records>,
}

impl VerifierState<Records> for App {
    type Rejection = ErrorBody;

    fn verifier(&self) -> Cow<'_, Verifier<Records>> {
        Cow::Borrowed(&self.verifier)
    }

    /// Logs grants only, because the verifier logs refusals. A key's id is not secret.
    fn observe(&self, outcome: Result<&Grant<String>, &VerifyError>) {
        if let Ok(grant) = outcome {
            info!(key = %grant.key_id(), "granted");
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    let address = format!("127.0.0.1:{}", std::env::args().nth(1).as_deref().unwrap_or("8080"));
    let bound = tokio::net::TcpListener::bind(&address).await;
    let listener = bound.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let store = Store::default();
    introduce(&store, &format!("http://{}", listener.local_addr()?));
    axum::serve(listener, app(&store)).await?;
    Ok(())
}

/// Prints two new keys, and commands that use them.
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
