//! A layer in front of any service: it puts the grant into the request's extensions, or refuses.
//!
//! ```text
//! cargo run -p ctx-key-integrations --example tower_layer
//! ```

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, Request, Response};
use axum::response::IntoResponse;
use ctx_key::{ApiKey, Denied, Grant, Scope, UnixTime, bearer};
use ctx_key_integrations::{ErrorBody, Store};
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::info;

/// What a request requires. For what no one thought of, answer with no scope at all: that is always refused.
pub type Requirement = fn(&Method, &str) -> Scope;

/// The layer.
#[derive(Clone)]
pub struct Guard {
    store: Store,
    requirement: Requirement,
}

impl Guard {
    /// Guards a service with the keys in the store.
    pub const fn new(store: Store, requirement: Requirement) -> Self {
        Self { store, requirement }
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

/// The service behind the layer.
#[derive(Clone)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response: IntoResponse, Future: Send + 'static>,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let required = (self.guard.requirement)(request.method(), request.uri().path());
        match admit(request.headers(), &self.guard.store, required) {
            Ok(grant) => {
                // the key has done its work: what is behind can't log it, nor pass it on
                request.headers_mut().remove(AUTHORIZATION);
                request.extensions_mut().insert(grant);
                let answer = self.inner.call(request);
                Box::pin(async { answer.await.map(IntoResponse::into_response) })
            }
            Err(denied) => Box::pin(ready(Ok(ErrorBody::from(denied).into_response()))),
        }
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

/// The service that is guarded. It takes the grant from the extensions, where nobody but the layer can have put one.
pub async fn greet<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    let greeting = match request.extensions().get::<Grant<String>>() {
        Some(grant) => format!("project {}, key {}\n", grant.project(), grant.key_id()),
        None => "nobody stands before this service\n".to_owned(),
    };
    Ok(greeting.into_response())
}

/// What the platform's paths require.
pub fn requirement(method: &Method, path: &str) -> Scope {
    match (method.as_str(), path) {
        ("GET", "/v1/memories") => Scope::MEMORIES_READ,
        ("POST", "/v1/memories") => Scope::MEMORIES_WRITE,
        _ => Scope::empty(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::default();
    let key = store.issue("demo", Scope::READ);
    let service = Guard::new(store, requirement).layer(service_fn(greet::<Body>));

    let bearer = format!("Bearer {}", key.expose_secret());
    let stranger = format!("Bearer {}", ApiKey::generate().expose_secret());
    for (told, method, path, value) in [
        ("a key that reads", "GET", "/v1/memories", Some(bearer.as_str())),
        ("the same key", "POST", "/v1/memories", Some(&bearer)),
        ("the same key", "GET", "/v1/forgotten", Some(&bearer)),
        ("a key of nobody", "GET", "/v1/memories", Some(&stranger)),
        ("two words", "GET", "/v1/memories", Some("Bearer ctx_ key")),
        ("no header", "GET", "/v1/memories", None),
    ] {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(value) = value {
            request = request.header(AUTHORIZATION, value);
        }
        let answer = service.clone().oneshot(request.body(Body::empty())?).await?;
        let challenge = answer.headers().get(WWW_AUTHENTICATE).map_or(Ok(""), |value| value.to_str())?;
        println!("{told:16} {method:4} {path:13} {} {challenge}", answer.status().as_u16());
    }
    Ok(())
}
