//! The log of the examples' servers contains the reason of each refusal, and no secret.

#[allow(dead_code, reason = "only the example calls main")]
#[path = "../examples/axum_server.rs"]
mod axum_server;
mod common;
#[allow(dead_code, reason = "only the example calls main")]
#[path = "../examples/tower_layer.rs"]
mod tower_layer;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use common::{Fixture, ROWS, Server, head};
use ctx_key::KeyId;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::trace::{DefaultMakeSpan, DefaultOnRequest, DefaultOnResponse, TraceLayer};
use tracing::Level;
use tracing_subscriber::fmt::format::FmtSpan;

/// The log of the whole process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Creates a log that receives all events of the process.
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

/// Returns the tower example with a service that logs everything that tower-http can log, including headers.
fn tower_example(fixture: &Fixture) -> Router {
    let traced = TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::TRACE).include_headers(true))
        .on_request(DefaultOnRequest::new().level(Level::TRACE))
        .on_response(DefaultOnResponse::new().level(Level::TRACE).include_headers(true))
        .layer(service_fn(tower_layer::greet));
    tower_layer::guarded(&fixture.store, traced.map_response(|response: Response<_>| response.map(Body::new)))
}

/// Returns the id of a key and an index, if four characters of its secret from that index on are in the text.
fn find_secret(text: &str, fixture: &Fixture) -> Option<(KeyId, usize)> {
    let pieces = fixture.keys().flat_map(|key| (16..=48).map(move |start| (key, start)));
    let mut found = pieces.filter(|(key, start)| text.contains(&key.expose_secret()[*start..start + 4]));
    found.next().map(|(key, start)| (key.id(), start))
}

/// This is one test, because the process has only one log.
#[test]
fn the_log_has_each_reason_and_no_secret() {
    let (log, fixture) = (Log::install(), Fixture::new());
    let apps: [(&str, Router); 2] =
        [("axum_server", axum_server::app(&fixture.store)), ("tower_layer", tower_example(&fixture))];
    for (target, app) in apps {
        let server = Server::start(app);
        for row in ROWS {
            let before = log.text().len();
            let answer = server.get(&fixture.lines(row));
            assert_eq!(answer.status, row.status());
            let logged = log.text()[before..].to_owned();
            let target = if row.is_granted() { target } else { "ctx_key_verifier::request" };
            let line = logged.lines().find(|line| line.contains(target) && line.contains("INFO"));
            let line = line.unwrap_or_else(|| panic!("no line is logged for {:?}", row.lines));
            let key = fixture.id_read(row).map(|id| format!(" key={id}")).unwrap_or_default();
            let expected = match row.is_granted() {
                true => format!(": granted{key}"),
                false => format!(": refused reason=\"{}\"{key}", row.label),
            };
            assert!(line.ends_with(&expected), "{:?}: {line:?}", row.lines);
        }
        let key = fixture.key("key").expose_secret();
        server.send(&head("GET", &format!("/v1/memories?access_token={key}"), &[]));
        server.get(&[format!("Cookie: access_token={key}").into_bytes()]);
        server.get(&[format!("Authorization: Bearer\r\n {key}").into_bytes()]);
    }
    let text = log.text();
    assert_eq!(find_secret(&text, &fixture), None, "{text}");
    assert!(text.contains("TRACE") && text.contains("tower_http::trace"), "{text}");
}

/// Shows that the test above can fail.
#[test]
fn any_part_of_a_secret_in_a_log_is_found() {
    let fixture = Fixture::new();
    for key in fixture.keys() {
        for start in 16..=48 {
            let log = format!("refused key=\"{}\"", &key.expose_secret()[start..start + 4]);
            assert_eq!(find_secret(&log, &fixture), Some((key.id(), start)));
        }
    }
}
