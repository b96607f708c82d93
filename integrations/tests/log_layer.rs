//! The log_layer example keeps keys in fields, messages, errors and multi-line debug output out of the log.

#[path = "../examples/log_layer.rs"]
#[allow(dead_code, reason = "only the example calls main")]
mod log_layer;

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use ctx_key::ApiKey;
use tracing::{debug, error, info, info_span};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    /// Accepts only a few bytes at a time, as a pipe may.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let accepted = bytes.len().min(7);
        self.0.lock().unwrap().extend(&bytes[..accepted]);
        Ok(accepted)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A request, as programs often log it.
#[derive(Debug)]
#[expect(dead_code, reason = "only Debug reads the fields")]
struct Request {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

fn log_in_every_way(key: &str) {
    let request = Request {
        path: format!("/v1/memories?api_key={key}&key%3D{key}"),
        headers: vec![("authorization", format!("Bearer {key}")), ("cookie", format!("a={key}; b={key}"))],
        body: Some(format!("{{\"key\":\"{key}\"}}\n{key}{key}")),
    };
    let failed: Box<dyn Error> = format!("cannot connect with {key}: refused").into();
    let span = info_span!("request", key, other = format!("x{key}x"));
    let _entered = span.enter();
    info!("message {key}");
    info!(key, "field");
    info!(headers = ?request.headers, %key, "fields");
    debug!(?request, "debug");
    debug!("multi-line {request:#?}");
    error!(error = failed, "error");
    error!("{key}");
    info!("cut off {}", &key[..51]);
    info!("{}", format!("{key}\n").repeat(20));
}

#[test]
fn no_key_is_logged() {
    let log = Log::default();
    let sink = log.clone();
    let keys: Vec<ApiKey> = (0..10).map(|_| ApiKey::generate()).collect();
    tracing::subscriber::with_default(log_layer::subscriber(move || sink.clone()), || {
        keys.iter().for_each(|key| log_in_every_way(key.expose_secret()));
    });
    let text = log.text();
    for key in &keys {
        let secret = &key.expose_secret()[16..46];
        assert!(secret.as_bytes().windows(8).all(|part| !text.contains(str::from_utf8(part).unwrap())));
        let masked = key.id().masked().to_string();
        assert!(text.matches(&masked).count() > 40, "the id of each redacted key is shown: {text}");
    }
    assert_eq!(ctx_key::scan::find_iter(text.as_bytes()).count(), 0);
}

/// Shows that the test above can fail.
#[test]
fn without_the_layer_keys_are_logged() {
    let log = Log::default();
    let sink = log.clone();
    let key = ApiKey::generate();
    let plain =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || sink.clone());
    tracing::subscriber::with_default(plain.finish(), || log_in_every_way(key.expose_secret()));
    assert!(ctx_key::scan::find_iter(log.text().as_bytes()).count() > 40);
}
