//! Each proxy passes on what the server granted, and refuses the rest.

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::cases::Expected::{Passed, Refused, RefusedBySome};
use crate::cases::Whose::{Reader, Writer};
use crate::cases::{AMBIGUOUS_PATHS, QUERY, cases};
use crate::common::{Data, Server};
use crate::platform::Platform;
use crate::programs::{CADDY, ENVOY, Kind, NGINX, Proxy};
use crate::{Keys, authorization};

#[test]
fn nginx_passes_on_what_the_server_granted() {
    all_through(&NGINX);
}

#[test]
fn caddy_passes_on_what_the_server_granted() {
    all_through(&CADDY);
}

#[test]
fn envoy_passes_on_what_the_server_granted() {
    all_through(&ENVOY);
}

fn all_through(kind: &'static Kind) {
    let Some(program) = kind.program() else { return };
    let runtime = Runtime::new().unwrap();
    let platform = Platform::start(&runtime);
    let data = Data::new();
    let server = Server::start(&data);
    let keys = Keys::new(&server, &data);
    let port = server.address().rsplit(':').next().unwrap().parse().unwrap();
    let proxy = Proxy::start(kind, &program, port, platform.port);
    for case in cases(&keys) {
        let answer = proxy.send(case.method, &case.target, &case.headers, &case.body);
        let received = platform.take();
        let name = format!("{}: {}: {answer:?}", kind.name, case.name);
        match case.expected {
            Passed(whose) => {
                let identity = match whose {
                    Reader => &keys.reader,
                    Writer => &keys.writer,
                };
                let body = if case.method == "HEAD" { "" } else { "from the platform" };
                assert_eq!((answer.status, &*answer.body, received.len()), (200, body, 1), "{name}");
                received[0].assert_is(&case, identity, &keys.project, &name);
            }
            Refused(status, challenge) => {
                assert_eq!((answer.status, received.len()), (status, 0), "{name}");
                assert_eq!(answer.all("www-authenticate"), Vec::from_iter(challenge), "{name}");
                if case.method != "HEAD" {
                    let body: Value = serde_json::from_str(&answer.body).expect(&name);
                    assert_eq!(answer.all("x-request-id"), [body["request_id"].as_str().unwrap()], "{name}");
                }
            }
            RefusedBySome(status, challenge) => {
                assert_eq!((answer.status, received.len()), (status, 0), "{name}");
                assert!(answer.all("www-authenticate").iter().all(|&sent| sent == challenge), "{name}");
            }
        }
    }
    for path in AMBIGUOUS_PATHS {
        let answer = proxy.send("GET", path, &[authorization(&keys.memories)], b"");
        let is_refused = [400, 403, 404].contains(&answer.status);
        assert!(is_refused && platform.take().is_empty(), "{}: {path}: {answer:?}", kind.name);
    }
    for method in ["get", "TRACE", "CONNECT", "OPTIONS", "PROPFIND"] {
        let answer = proxy.send(method, "/v1/memories", &[authorization(&keys.memories)], b"");
        let is_refused = [400, 403, 405].contains(&answer.status);
        assert!(is_refused && platform.take().is_empty(), "{}: {method}: {answer:?}", kind.name);
    }
    // a grant is for one request, not for its connection
    let get = "GET /v1/memories HTTP/1.1\r\nHost: localhost\r\n";
    let first = format!("{get}{}\r\n\r\n", authorization(&keys.reader));
    let answers = proxy.exchange(&[first.as_bytes(), get.as_bytes(), b"Connection: close\r\n\r\n"].concat());
    let count = |status: &str| answers.matches(&format!("HTTP/1.1 {status} ")).count();
    assert_eq!((count("200"), count("401"), platform.take().len()), (1, 1, 1), "{}: {answers}", kind.name);
    // an error of the platform is passed on, and not taken for an answer of the check
    for status in [204, 302, 401, 403, 404, 500, 503] {
        let target = format!("/v1/memories/{status}");
        let answer = proxy.send("GET", &target, &[authorization(&keys.memories)], b"");
        let body = if status == 204 { "" } else { "from the platform" };
        assert_eq!((answer.status, &*answer.body), (status, body), "{}: {answer:?}", kind.name);
        assert_eq!(answer.all("www-authenticate"), [] as [&str; 0]);
    }
    let logs = proxy.stop();
    assert!(logs.contains("/v1/memories/search"), "{}: the requests are not logged: {logs}", kind.name);
    keys.assert_not_in(&logs);
    assert!(!logs.contains(QUERY), "{}: a query is logged: {logs}", kind.name);
}
