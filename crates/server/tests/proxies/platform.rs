//! A platform after a proxy.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::runtime::Runtime;

use crate::cases::Case;
use crate::common::id;

/// A server after the proxy. It records the requests that reach it.
pub struct Platform {
    pub port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

#[derive(Debug)]
pub struct Received {
    method: String,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Platform {
    pub fn start(runtime: &Runtime) -> Self {
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let kept = received.clone();
        let router = Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let (method, target) = (parts.method.to_string(), parts.uri.to_string());
            let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
            let status = target.rsplit('/').next().and_then(|last| last.parse().ok());
            kept.lock().unwrap().push(Received { method, target, headers: parts.headers, body });
            answer(status.unwrap_or(200))
        });
        Self { port: serve(runtime, router), received }
    }

    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

fn answer(status: u16) -> Response {
    let body = if status == 204 { Body::empty() } else { "from the platform".into() };
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

impl Received {
    pub fn assert_is(&self, sent: &Case, key: &str, project: &str, name: &str) {
        assert_eq!((&*self.method, &*self.target), (sent.method, &*sent.target), "{name}");
        assert!(self.body == sent.body, "{name}: {} bytes, not {}", self.body.len(), sent.body.len());
        let key_id = id(key);
        assert_eq!(self.all("x-ctx-key-id"), [&*key_id], "{name}: {self:?}");
        assert_eq!(self.all("x-ctx-project"), [project], "{name}: {self:?}");
        let headers = format!("{:?}", self.headers);
        assert!(!headers.contains("spoofed"), "{name}: {headers}");
        assert!(!headers.contains(&key[16..]), "{name}: {headers}");
        let is_alike = |header: &&str| header.starts_with("x_ctx") || header.starts_with("x-ctx");
        assert_eq!(
            self.headers.keys().map(|header| header.as_str()).filter(is_alike).count(),
            2,
            "{name}: {headers}"
        );
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

pub fn serve(runtime: &Runtime, router: Router) -> u16 {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    runtime.spawn(axum::serve(listener, router).into_future());
    port
}
