//! The layer passes on requests with a valid key, and answers all others itself.

mod requests;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use ctx_key::{Grant, Scope};
use ctx_key_verifier::VerifyError;
use ctx_key_verifier::tower::VerifyLayer;
use http::{Request, Response};
use requests::{NO_SCOPE, UNKNOWN, World, request, request_with, whole};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Answers with the grant and the headers that it gets.
async fn show(request: Request<String>) -> Result<Response<String>, Infallible> {
    let grant: &Grant<Arc<str>> = request.extensions().get().expect("a grant");
    let text = format!("{} may {}; {:?}", grant.project(), grant.scopes(), request.headers());
    Ok(Response::new(text))
}

#[tokio::test]
async fn every_request_gets_its_response() {
    let world = World::new();
    let service = VerifyLayer::new(world.verifier, Scope::MEMORIES_READ).layer(service_fn(show));
    for row in world.rows {
        let response = service.clone().oneshot(request(&row.values)).await.unwrap();
        assert_eq!(whole(&response), row.response, "{}", row.name);
        serde_json::from_str::<serde_json::Value>(response.body()).unwrap();
    }
    let response = service.oneshot(request_with(&world.reader)).await.unwrap();
    assert_eq!(whole(&response), "200\n\ndemo may memories:read chats:read users:read; {}");
}

/// For example, if two layers are nested. The inner one has the last word.
#[tokio::test]
async fn a_grant_that_the_request_already_has_is_replaced() {
    let world = World::new();
    let layer = VerifyLayer::any_key(world.verifier);
    let pass_on = service_fn(async |request: Request<String>| {
        let mut response = Response::new(String::new());
        response.extensions_mut().extend(request.extensions().clone());
        Ok::<_, Infallible>(response)
    });
    let response = layer.layer(pass_on).oneshot(request_with(&world.reader)).await.unwrap();
    let mut request = request_with(&world.writer);
    request.extensions_mut().extend(response.extensions().clone());
    assert!(request.extensions().get::<Grant<Arc<str>>>().is_some());
    let response = layer.layer(service_fn(show)).oneshot(request).await.unwrap();
    assert_eq!(whole(&response), "200\n\ndemo may memories:write chats:write users:write; {}");
}

#[tokio::test]
async fn any_key_accepts_every_valid_key() {
    let world = World::new();
    let service = VerifyLayer::any_key(world.verifier).layer(service_fn(show));
    let response = service.clone().oneshot(request_with(&world.writer)).await.unwrap();
    assert_eq!(whole(&response), "200\n\ndemo may memories:write chats:write users:write; {}");
    for row in world.rows.iter().filter(|row| row.response != NO_SCOPE) {
        let response = service.clone().oneshot(request(&row.values)).await.unwrap();
        assert_eq!(whole(&response), row.response, "{}", row.name);
    }
}

#[tokio::test]
async fn requiring_nothing_refuses_every_request() {
    let world = World::new();
    let service = VerifyLayer::new(world.verifier, Scope::empty()).layer(service_fn(show));
    let response = service.oneshot(request_with(&world.reader)).await.unwrap();
    assert_eq!(whole(&response), NO_SCOPE.replace(r#", scope="memories:read""#, ""));
}

#[tokio::test]
async fn a_function_can_answer_refused_requests() {
    let world = World::new();
    let respond = |error: &VerifyError| {
        let mut response = error.to_response::<String>("a \"realm\"");
        *response.body_mut() = "no".to_owned();
        response
    };
    let layer = VerifyLayer::new(world.verifier, Scope::MEMORIES_READ).respond_with(respond);
    let service = layer.layer(service_fn(show));
    let stranger = &world.rows.iter().find(|row| row.response == UNKNOWN).unwrap().values;
    let response = service.clone().oneshot(request(stranger)).await.unwrap();
    let expected = r#"401
content-type: application/json
www-authenticate: Bearer realm="a \"realm\"", error="invalid_token"

no"#;
    assert_eq!(whole(&response), expected);
    let response = service.clone().oneshot(request_with(&world.writer)).await.unwrap();
    assert_eq!(response.status(), 403, "the layer still requires the same scopes");
    let response = service.oneshot(request_with(&world.reader)).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// A service without the layer checks the headers itself.
#[tokio::test]
async fn verify_headers_refuses_the_same_requests_as_the_layer() {
    let world = World::new();
    for row in &world.rows {
        let headers = request::<String>(&row.values).headers().clone();
        let error = world.verifier.verify_headers(&headers, Scope::MEMORIES_READ).await.unwrap_err();
        assert_eq!(whole(&error.to_response::<String>("MemoryKit")), row.response, "{}", row.name);
    }
    let headers = request_with::<String>(&world.reader).headers().clone();
    let grant = world.verifier.verify_headers(&headers, Scope::MEMORIES_READ).await.unwrap();
    assert_eq!((grant.key_id(), &**grant.project()), (world.reader.id(), "demo"));
    assert!(world.verifier.verify_headers(&headers, Scope::empty()).await.is_err());
}

/// A service that panics if it is called before `poll_ready`, which the contract of [`Service`] allows.
#[derive(Debug, Default)]
struct Careful {
    is_ready: bool,
}

impl Clone for Careful {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<String>> for Careful {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "`poll_ready` was not called");
        std::future::ready(Ok(Response::new(String::new())))
    }
}

/// A service that is busy, and then fails.
#[derive(Clone)]
struct Failing {
    is_busy: bool,
}

impl Service<Request<String>> for Failing {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        if std::mem::take(&mut self.is_busy) { Poll::Pending } else { Poll::Ready(Err("it is full")) }
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        panic!("it is not ready")
    }
}

#[tokio::test]
async fn the_layer_is_ready_when_the_service_is() {
    let layer = VerifyLayer::new(World::new().verifier, Scope::READ);
    let mut service = layer.layer(Failing { is_busy: true });
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert_eq!(service.poll_ready(&mut context), Poll::Pending);
    assert_eq!(service.poll_ready(&mut context), Poll::Ready(Err("it is full")));
}

#[tokio::test]
async fn the_service_that_is_ready_is_called() {
    let world = World::new();
    let mut service = VerifyLayer::new(world.verifier, Scope::READ).layer(Careful::default());
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(request_with(&world.reader)).await.unwrap();
        assert_eq!(whole(&response), "200\n\n");
    }
}
