//! Nothing passes while keys cannot be checked.

use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Instant;

use axum::Router;
use axum::http::StatusCode;
use ctx_key::ApiKey;
use tokio::runtime::Runtime;

use crate::authorization;
use crate::common::DEADLINE;
use crate::platform::{Platform, serve};
use crate::programs::{CADDY, ENVOY, Kind, NGINX, Proxy, free_port};

#[test]
fn nothing_passes_while_keys_cannot_be_checked() {
    thread::scope(|scope| {
        for kind in [&NGINX, &CADDY, &ENVOY] {
            scope.spawn(|| {
                if let Some(program) = kind.program() {
                    nothing_passes(kind, &program);
                }
            });
        }
    });
}

fn nothing_passes(kind: &'static Kind, program: &Path) {
    let runtime = Runtime::new().unwrap();
    let platform = Platform::start(&runtime);
    let key = [authorization(ApiKey::generate().expose_secret())];
    // no server listens at the port
    let proxy = Proxy::start(kind, program, free_port(), platform.port);
    let answer = proxy.send("GET", "/v1/memories", &key, b"");
    assert_eq!((answer.status, platform.take().len()), (503, 0), "{}: {answer:?}", kind.name);
    assert_eq!(answer.all("www-authenticate"), [] as [&str; 0]);
    drop(proxy);
    // the check accepts connections and does not answer
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(kind, program, silent.local_addr().unwrap().port(), platform.port);
    let begin = Instant::now();
    let answer = proxy.send("GET", "/v1/memories", &key, b"");
    assert_eq!((answer.status, platform.take().len()), (503, 0), "{}: {answer:?}", kind.name);
    assert!(begin.elapsed() < DEADLINE / 2, "{}: no time-out of its own", kind.name);
    drop(proxy);
    // the check answers with another status
    for status in [302, 400, 404, 408, 429, 500, 502, 503] {
        let check = Router::new().fallback(move || async move { StatusCode::from_u16(status).unwrap() });
        let proxy = Proxy::start(kind, program, serve(&runtime, check), platform.port);
        let answer = proxy.send("GET", "/v1/memories", &key, b"");
        assert!(answer.status >= 300 && platform.take().is_empty(), "{}: {status}: {answer:?}", kind.name);
        if status >= 500 {
            assert!([status, 503].contains(&answer.status), "{}: {status}: {answer:?}", kind.name);
        }
    }
}

/// The headers of the identity never come from the client, even if the check answers without them.
#[test]
fn a_grant_without_an_identity_gives_none() {
    for kind in [&NGINX, &CADDY, &ENVOY] {
        let Some(program) = kind.program() else { continue };
        let runtime = Runtime::new().unwrap();
        let platform = Platform::start(&runtime);
        let check = Router::new().fallback(|| async {});
        let proxy = Proxy::start(kind, &program, serve(&runtime, check), platform.port);
        let spoofed = ["X-Ctx-Key-Id: spoofed", "X-Ctx-Project: spoofed"].map(str::to_owned);
        let answer = proxy.send("GET", "/v1/memories", &spoofed, b"");
        let received = platform.take();
        assert_eq!((answer.status, received.len()), (200, 1), "{}: {answer:?}", kind.name);
        assert!(!format!("{received:?}").contains("spoofed"), "{}: {received:?}", kind.name);
    }
}

/// If the platform is down, the proxy must not report that the check failed.
#[test]
fn a_platform_that_is_away_is_not_a_refusal() {
    for kind in [&NGINX, &CADDY, &ENVOY] {
        let Some(program) = kind.program() else { continue };
        let runtime = Runtime::new().unwrap();
        let check = Router::new().fallback(|| async { [("x-ctx-key-id", "k"), ("x-ctx-project", "p")] });
        let proxy = Proxy::start(kind, &program, serve(&runtime, check), free_port());
        let answer = proxy.send("GET", "/v1/memories", &[], b"");
        let is_said =
            [502, 503].contains(&answer.status) && !answer.body.contains("the key could not be checked");
        assert!(is_said, "{}: {answer:?}", kind.name);
    }
}
