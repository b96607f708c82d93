//! The extractors let a handler run for requests with a valid key alone.

mod requests;

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::FromRef;
use axum::middleware::map_response;
use axum::response::IntoResponse;
use axum::routing::get;
use ctx_key::Scope;
use ctx_key_verifier::axum::{AnyKey, Granted};
use ctx_key_verifier::{Verifier, VerifyError};
use http::{Request, Response};
use requests::{Keys, NO_SCOPE, World, request, request_with, whole};
use tower::ServiceExt;

const MEMORIES_READ: u32 = Scope::MEMORIES_READ.bits();

async fn show(Granted(grant): Granted<MEMORIES_READ, Keys>) -> String {
    format!("{} may {}", grant.project(), grant.scopes())
}

async fn show_any(AnyKey(grant): AnyKey<Keys>) -> String {
    format!("{} may {}", grant.project(), grant.scopes())
}

/// Sends a request to an app, and returns the whole response.
async fn send(app: &Router, request: Request<Body>) -> Response<Bytes> {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    Response::from_parts(parts, to_bytes(body, usize::MAX).await.unwrap())
}

#[tokio::test]
async fn every_request_gets_its_response() {
    let world = World::new();
    let app = Router::new().route("/", get(show)).with_state(world.verifier);
    for row in world.rows {
        let response = send(&app, request(&row.values)).await;
        assert_eq!(without_length(&response), row.response, "{}", row.name);
    }
    let response = send(&app, request_with(&world.reader)).await;
    let expected =
        "200\ncontent-type: text/plain; charset=utf-8\n\ndemo may memories:read chats:read users:read";
    assert_eq!(without_length(&response), expected);
}

/// The router adds the length of the body.
fn without_length(response: &Response<Bytes>) -> String {
    let length = format!("content-length: {}\n", response.body().len());
    let text = whole(response);
    assert!(text.contains(&length), "{text}");
    text.replace(&length, "")
}

#[tokio::test]
async fn any_valid_key_will_do_if_that_is_asked_for() {
    let world = World::new();
    let app = Router::new().route("/", get(show_any)).with_state(world.verifier);
    let response = send(&app, request_with(&world.writer)).await;
    let expected =
        "200\ncontent-type: text/plain; charset=utf-8\n\ndemo may memories:write chats:write users:write";
    assert_eq!(without_length(&response), expected);
    for row in world.rows.iter().filter(|row| row.response != NO_SCOPE) {
        let response = send(&app, request(&row.values)).await;
        assert_eq!(without_length(&response), row.response, "{}", row.name);
    }
}

/// A state that holds more than the verifier.
#[derive(Clone)]
struct State {
    verifier: Verifier<Keys>,
}

impl FromRef<State> for Verifier<Keys> {
    fn from_ref(state: &State) -> Self {
        state.verifier.clone()
    }
}

#[tokio::test]
async fn the_verifier_can_be_a_part_of_the_state() {
    let World { verifier, reader, writer, .. } = World::new();
    let app = Router::new().route("/", get(show)).with_state(State { verifier });
    assert_eq!(send(&app, request_with(&reader)).await.status(), 200);
    assert_eq!(without_length(&send(&app, request_with(&writer)).await), NO_SCOPE);
}

#[tokio::test]
async fn a_layer_can_write_another_body() {
    let World { verifier, writer, .. } = World::new();
    let rewrite = async |response: Response<Body>| match response.extensions().get::<VerifyError>() {
        Some(error) => (response.status(), error.to_string()).into_response(),
        None => response,
    };
    let app = Router::new().route("/", get(show)).layer(map_response(rewrite)).with_state(verifier);
    let response = send(&app, request_with(&writer)).await;
    assert_eq!(response.body(), "the API key lacks a scope that this request requires");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_the_reason_and_the_id() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().without_time().with_ansi(false).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let world = World::new();
    let app = Router::new().route("/", get(show)).with_state(world.verifier);
    send(&app, request_with(&world.reader)).await;
    let mut expected = String::new();
    for row in &world.rows {
        send(&app, request(&row.values)).await;
        let id = row.values.first().and_then(|value| value.get("Bearer ctx_".len()..)?.get(..12));
        let line = match row.name {
            "no header" | "an empty header" | "another scheme" => {
                " INFO refused reason=\"missing_credentials\""
            }
            "two headers" | "two tokens" | "no token" => " INFO refused reason=\"malformed_header\"",
            "a key that is cut off" => " INFO refused reason=\"key_length\"",
            "an unknown key" => " INFO refused reason=\"unknown_key\" key=ID",
            "a revoked key" => " INFO refused reason=\"revoked\" key=ID",
            "a key without the scope" => " INFO refused reason=\"missing_scope\" key=ID",
            "a busy database" => " WARN not verified error=the database is busy: try again key=ID",
            "a database that is gone" => {
                " WARN not verified error=the database is unavailable: the host is gone key=ID"
            }
            "a corrupt row" => {
                "ERROR not verified error=the row of key ID is not a record: repair or delete it key=ID"
            }
            "a missing table" => {
                "ERROR not verified error=unexpected answer of the database: no such table key=ID"
            }
            name => panic!("{name}"),
        };
        let (level, text) = line.split_at(5);
        let text = text.replace("ID", id.unwrap_or_default());
        expected += &format!("{level} ctx_key_verifier::request:{text}\n");
    }
    assert_eq!(String::from_utf8(log.0.lock().unwrap().clone()).unwrap(), expected);
}
