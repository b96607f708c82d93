//! The extractors let a handler run only for requests with a valid key.

mod requests;

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::FromRef;
use axum::middleware::map_response;
use axum::response::IntoResponse;
use axum::routing::get;
use ctx_key::{Grant, KeyId, Scope};
use ctx_key_verifier::axum::{AnyKey, Granted, VerifierState};
use ctx_key_verifier::{Verifier, VerifyError};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use requests::{Keys, NO_SCOPE, Row, World, request, request_with, whole};
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
async fn any_key_accepts_every_valid_key() {
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
    let World { verifier, writer, rows, .. } = World::new();
    let rewrite = async |response: Response<Body>| match response.extensions().get::<VerifyError>() {
        Some(error) => (response.status(), error.to_string()).into_response(),
        None => response,
    };
    let app = Router::new().route("/", get(show)).layer(map_response(rewrite)).with_state(verifier);
    let response = send(&app, request_with(&writer)).await;
    assert_eq!(response.body(), "the API key lacks a scope that this request requires");
    let busy = rows.iter().find(|row| row.name == "a busy database").unwrap();
    assert_eq!(send(&app, request(&busy.values)).await.body(), "the database is busy: try again");
}

/// A state that records each outcome, and has error bodies of its own.
#[derive(Clone)]
struct Observer {
    verifier: Verifier<Keys>,
    outcomes: Arc<Mutex<Vec<String>>>,
}

impl VerifierState<Keys> for Observer {
    type Rejection = OwnWords;

    fn verifier(&self) -> Cow<'_, Verifier<Keys>> {
        Cow::Borrowed(&self.verifier)
    }

    fn observe(&self, outcome: Result<&Grant<Arc<str>>, &VerifyError>) {
        let outcome = outcome.map_or_else(|error| error.to_string(), |grant| grant.key_id().to_string());
        self.outcomes.lock().unwrap().push(outcome);
    }
}

struct OwnWords(VerifyError);

impl From<VerifyError> for OwnWords {
    fn from(error: VerifyError) -> Self {
        Self(error)
    }
}

impl IntoResponse for OwnWords {
    fn into_response(self) -> Response<Body> {
        let (kind, code, message) = self.0.body_fields();
        self.0.to_response::<String>("mine").map(|_| format!("{kind}, {code}: {message}").into())
    }
}

#[tokio::test]
async fn a_state_can_observe_outcomes_and_have_its_own_rejection() {
    let World { verifier, reader, writer, .. } = World::new();
    let state = Observer { verifier, outcomes: Arc::default() };
    let app = Router::new().route("/", get(show)).route("/any", get(show_any)).with_state(state.clone());
    assert_eq!(send(&app, request_with(&reader)).await.status(), 200);
    let expected = r#"403
content-type: application/json
www-authenticate: Bearer realm="mine", error="insufficient_scope", scope="memories:read"

forbidden, insufficient_scope: the API key lacks a scope that this request requires"#;
    assert_eq!(without_length(&send(&app, request_with(&writer)).await), expected);
    let mut any = request_with(&writer);
    *any.uri_mut() = "/any".parse().unwrap();
    assert_eq!(send(&app, any).await.status(), 200);
    let (reader, writer) = (reader.id().to_string(), writer.id().to_string());
    let no_scope = "the API key lacks a scope that this request requires".to_owned();
    assert_eq!(*state.outcomes.lock().unwrap(), [reader, no_scope, writer]);
}

/// A state that refuses the requests of one key, whatever its scopes are.
#[derive(Clone)]
struct Limiter {
    verifier: Verifier<Keys>,
    refused: KeyId,
}

impl VerifierState<Keys> for Limiter {
    type Rejection = OnlyStatus;

    fn verifier(&self) -> Cow<'_, Verifier<Keys>> {
        Cow::Borrowed(&self.verifier)
    }

    fn limit(&self, key: KeyId, _: &Parts) -> Result<(), OnlyStatus> {
        if key == self.refused { Err(OnlyStatus(429)) } else { Ok(()) }
    }
}

struct OnlyStatus(u16);

impl From<VerifyError> for OnlyStatus {
    fn from(error: VerifyError) -> Self {
        Self(error.status())
    }
}

impl IntoResponse for OnlyStatus {
    fn into_response(self) -> Response<Body> {
        StatusCode::from_u16(self.0).unwrap().into_response()
    }
}

#[tokio::test]
async fn a_state_can_limit_the_requests_of_a_valid_key() {
    let World { verifier, reader, writer, .. } = World::new();
    for (refused, statuses) in [(&reader, [429, 403, 401]), (&writer, [200, 429, 401])] {
        let state = Limiter { verifier: verifier.clone(), refused: refused.id() };
        let app = Router::new().route("/", get(show)).with_state(state);
        let requests = [request_with(&reader), request_with(&writer), Request::new(Body::empty())];
        for (request, status) in requests.into_iter().zip(statuses) {
            assert_eq!(send(&app, request).await.status(), status);
        }
    }
}

/// A state that records its calls, in order, and refuses one of them.
#[derive(Clone)]
struct Recorder {
    verifier: Verifier<Keys>,
    calls: Arc<Mutex<Vec<String>>>,
    refuses: &'static str,
}

impl Recorder {
    fn note(&self, name: &str, value: &str) -> Result<(), OnlyStatus> {
        self.calls.lock().unwrap().push(format!("{name} {value}"));
        if self.refuses == name { Err(OnlyStatus(418)) } else { Ok(()) }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

impl VerifierState<Keys> for Recorder {
    type Rejection = OnlyStatus;

    fn verifier(&self) -> Cow<'_, Verifier<Keys>> {
        let _ = self.note("verify", "");
        Cow::Borrowed(&self.verifier)
    }

    fn admit(&self, request: &Parts) -> Result<(), OnlyStatus> {
        self.note("admit", request.uri.path())
    }

    fn observe(&self, outcome: Result<&Grant<Arc<str>>, &VerifyError>) {
        let status = outcome.map_or_else(VerifyError::status, |_| 200);
        let _ = self.note("observe", &status.to_string());
    }

    fn limit(&self, key: KeyId, request: &Parts) -> Result<(), OnlyStatus> {
        self.note("limit", &format!("{key} {}", request.uri.path()))
    }
}

#[tokio::test]
async fn a_state_is_called_in_order_and_limits_only_valid_keys() {
    let World { verifier, reader, writer, rows } = World::new();
    let state = |refuses| Recorder { verifier: verifier.clone(), calls: Arc::default(), refuses };
    let app = |state: &Recorder| {
        Router::new().route("/", get(show)).route("/any", get(show_any)).with_state(state.clone())
    };
    let recorder = state("nothing");
    for Row { name, values, response } in &rows {
        let status = send(&app(&recorder), request(values)).await.status();
        assert!(response.starts_with(status.as_str()), "{name}");
        let mut expected =
            vec!["admit /".to_owned(), "verify ".to_owned(), format!("observe {}", status.as_u16())];
        if *response == NO_SCOPE {
            expected.push(format!("limit {} /", writer.id()));
        }
        assert_eq!(recorder.take(), expected, "{name}");
    }
    let any = |key| {
        let mut request = request_with(key);
        *request.uri_mut() = "/any".parse().unwrap();
        request
    };
    assert_eq!(send(&app(&recorder), any(&reader)).await.status(), 200);
    let limit = format!("limit {} /any", reader.id());
    assert_eq!(recorder.take(), ["admit /any", "verify ", "observe 200", &limit]);
    // after a refusal, no other method is called
    for (refuses, calls) in [("admit", 1), ("limit", 4)] {
        let recorder = state(refuses);
        assert_eq!(send(&app(&recorder), any(&reader)).await.status(), 418);
        assert_eq!(recorder.take().len(), calls, "{refuses}");
    }
}
