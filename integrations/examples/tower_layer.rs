//! A layer in front of any service. It refuses a request, or puts the grant into the request's extensions.
//!
//! ```text
//! cargo run -p ctx-key-integrations --example tower_layer
//! ```

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use axum::routing::get_service;
use ctx_key::{ApiKey, Grant, Scope};
use ctx_key_integrations::{ErrorBody, Store};
use ctx_key_verifier::VerifyError;
use ctx_key_verifier::tower::VerifyLayer;
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::info;

/// Returns routes to the service, each behind a layer that requires the scope of its path and method.
pub fn guarded<S>(store: &Store, service: S) -> Router
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>,
    S: Clone + Send + Sync + 'static,
{
    let refuse = |error: &VerifyError| ErrorBody::from(error.clone()).into_response();
    let requiring = |required| {
        let layer = VerifyLayer::new(store.verifier().clone(), required).respond_with(refuse);
        layer.layer(service.clone())
    };
    // An empty requirement refuses every request, so a path without a rule is closed.
    let closed = || requiring(Scope::empty());
    let memories =
        get_service(requiring(Scope::MEMORIES_READ)).post_service(requiring(Scope::MEMORIES_WRITE));
    Router::new().route("/v1/memories", memories.fallback_service(closed())).fallback_service(closed())
}

/// The protected service. It reads the grant from the extensions, and only the layer can have put it there.
pub async fn greet<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    let greeting = match request.extensions().get::<Grant<String>>() {
        Some(grant) => {
            // The layer logs only refusals. A key's id is not secret.
            info!(key = %grant.key_id(), "granted");
            format!("project {}, key {}\n", grant.project(), grant.key_id())
        }
        None => "there is no layer in front of this service\n".to_owned(),
    };
    Ok(greeting.into_response())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::default();
    let key = store.issue("demo", Scope::READ);
    let service = guarded(&store, service_fn(greet::<Body>));

    let bearer = format!("Bearer {}", key.expose_secret());
    let stranger = format!("Bearer {}", ApiKey::generate().expose_secret());
    for (name, method, path, value) in [
        ("a read-only key", "GET", "/v1/memories", Some(bearer.as_str())),
        ("the same key", "POST", "/v1/memories", Some(&bearer)),
        ("the same key", "GET", "/v1/forgotten", Some(&bearer)),
        ("an unknown key", "GET", "/v1/memories", Some(&stranger)),
        ("two words", "GET", "/v1/memories", Some("Bearer ctx_ key")),
        ("no header", "GET", "/v1/memories", None),
    ] {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(value) = value {
            request = request.header(AUTHORIZATION, value);
        }
        let answer = service.clone().oneshot(request.body(Body::empty())?).await?;
        let challenge = answer.headers().get(WWW_AUTHENTICATE).map_or(Ok(""), |value| value.to_str())?;
        println!("{name:16} {method:4} {path:13} {} {challenge}", answer.status().as_u16());
    }
    Ok(())
}
