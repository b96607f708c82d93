//! The whole log of the examples' servers, read for secrets.

#[allow(dead_code, reason = "its main is for the command line")]
#[path = "../examples/axum_server.rs"]
mod axum_server;
mod common;
#[allow(dead_code, reason = "its main is for the command line")]
#[path = "../examples/tower_layer.rs"]
mod tower_layer;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use common::{ROWS, Server, World, head};
use ctx_key::KeyId;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::trace::{DefaultMakeSpan, DefaultOnRequest, DefaultOnResponse, TraceLayer};
use tracing::Level;
use tracing_subscriber::fmt::format::FmtSpan;

/// All that was logged, by anything in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// From here on, everything goes to this log.
    fn install() -> Self {
        let log = Self::default();
        let sink = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .without_time()
            .with_writer(move || sink.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The tracing of tower-http with everything that it can log, headers too, behind the guard.
fn tower_example(world: &World) -> Router {
    let traced = TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::TRACE).include_headers(true))
        .on_request(DefaultOnRequest::new().level(Level::TRACE))
        .on_response(DefaultOnResponse::new().level(Level::TRACE).include_headers(true))
        .layer(service_fn(tower_layer::greet));
    tower_layer::guarded(&world.store, traced.map_response(|response: Response<_>| response.map(Body::new)))
}

/// The key, and the place in it, of the first four characters of a secret that stand in the text in their order.
fn find_secret(text: &str, world: &World) -> Option<(KeyId, usize)> {
    let places = world.keys().flat_map(|key| (16..=48).map(move |start| (key, start)));
    let mut found = places.filter(|(key, start)| text.contains(&key.expose_secret()[*start..start + 4]));
    found.next().map(|(key, start)| (key.id(), start))
}

/// One test, because the log is the process's.
#[test]
fn the_log_has_the_reasons_and_no_secret() {
    let (log, world) = (Log::install(), World::new());
    let apps: [(&str, Router); 2] =
        [("axum_server", axum_server::app(&world.store)), ("tower_layer", tower_example(&world))];
    for (target, app) in apps {
        let server = Server::start(app);
        for row in ROWS {
            let before = log.text().len();
            let answer = server.get(&world.lines(row));
            assert_eq!(answer.status, row.status());
            let logged = log.text()[before..].to_owned();
            let target = if row.is_granted() { target } else { "ctx_key_verifier::request" };
            let line = logged.lines().find(|line| line.contains(target) && line.contains("INFO"));
            let told = line.unwrap_or_else(|| panic!("nothing logged for {:?}", row.lines));
            let key = world.id_read(row).map(|id| format!(" key={id}")).unwrap_or_default();
            let expected = match row.is_granted() {
                true => format!(": granted{key}"),
                false => format!(": refused reason=\"{}\"{key}", row.label),
            };
            assert!(told.ends_with(&expected), "{:?}: {told:?}", row.lines);
        }
        let key = world.key("key").expose_secret();
        server.send(&head("GET", &format!("/v1/memories?access_token={key}"), &[]));
        server.get(&[format!("Cookie: access_token={key}").into_bytes()]);
        server.get(&[format!("Authorization: Bearer\r\n {key}").into_bytes()]);
    }
    let text = log.text();
    assert_eq!(find_secret(&text, &world), None, "{text}");
    assert!(text.contains("TRACE") && text.contains("tower_http::trace"), "{text}");
}

/// The search finds what it searches for.
#[test]
fn a_part_of_a_secret_is_found() {
    let world = World::new();
    for key in world.keys() {
        for start in 16..=48 {
            let log = format!("refused key=\"{}\"", &key.expose_secret()[start..start + 4]);
            assert_eq!(find_secret(&log, &world), Some((key.id(), start)));
        }
    }
}
