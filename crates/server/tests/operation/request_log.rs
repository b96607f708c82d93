//! Each answer is logged with the id of its request, and without a key.

use std::fs::{self, File};
use std::path::Path;

use ctx_key::ApiKey;
use serde_json::{Value, json};

use crate::common::{Data, EMAIL, PASSWORD, Server, wait};
use crate::text;
use crate::trouble::execute;

/// Sends a request. Returns the id in the answer, and the span of a line in the log that has this id.
fn ids(server: &Server, log: &Path, headers: &[(&str, &str)]) -> (String, Value) {
    let mut request = server.agent.get(format!("{}/v1/key", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.call().unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(body["request_id"], id);
    let mut span = Value::Null;
    wait(|| {
        let text = fs::read_to_string(log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.map(|line| line["span"].clone()).find(|span| span["id"] == id);
        span = found.unwrap_or_default();
        span != Value::Null
    });
    (id, span)
}

#[test]
fn ids_of_a_trusted_proxy_are_kept_and_those_of_a_client_are_not() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let valid = [("x-request-id", "edge-1.2:3"), ("traceparent", traceparent.as_str())];
    let is_own = |id: &str| id.len() == 36 && id.starts_with("req_");
    for is_trusted in [true, false] {
        let data = Data::new();
        let log = data.folder.path().join("log");
        let mut command = data.command(&["--log-json"]);
        command.args(is_trusted.then_some("--behind-proxy")).env("RUST_LOG", "info");
        command.stderr(File::create(&log).unwrap());
        let server = Server::run(&data, command);
        let (id, span) = ids(&server, &log, &valid);
        if is_trusted {
            assert_eq!((id.as_str(), &span["trace"]), ("edge-1.2:3", &json!(TRACE)));
        } else {
            assert!(is_own(&id), "{id}");
            assert_eq!(span["trace"], Value::Null);
        }
        let twice = [("x-request-id", "one"), ("x-request-id", "two")];
        for invalid in [&[("x-request-id", "a b"), ("traceparent", "00-0-0-0")][..], &twice, &[]] {
            let (id, span) = ids(&server, &log, invalid);
            assert!(is_own(&id), "{id}");
            assert_eq!(span["trace"], Value::Null);
        }
    }
}

/// A client that reports an error names this id.
#[test]
fn an_error_is_logged_with_the_id_of_its_request_even_if_only_errors_are_logged() {
    let data = Data::new();
    let log = data.folder.path().join("log");
    let mut command = data.command(&["--log-json"]);
    command.env("RUST_LOG", "error").stderr(File::create(&log).unwrap());
    let server = Server::run(&data, command);
    execute(&data, "ALTER TABLE accounts RENAME TO lost");
    let mut id = String::new();
    // a server may be busy for longer than a request waits
    wait(|| {
        let request = server.agent.post(format!("{}/api/v1/auth/login", server.url));
        let response = request.send_json(json!({ "email": EMAIL, "password": PASSWORD })).unwrap();
        id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!([500, 503].contains(&response.status().as_u16()), "{response:?}");
        response.status() == 500
    });
    let mut spans = Vec::new();
    wait(|| {
        let text = fs::read_to_string(&log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let errors = lines.filter(|line| line["fields"]["message"] == "database error");
        spans = errors.map(|line| line["span"]["id"].clone()).collect();
        !spans.is_empty()
    });
    assert_eq!(spans, [json!(id)]);
}

/// Without a setting of the log. A path could be any text, and so could the id that a proxy passes on.
#[test]
fn each_answer_is_logged_by_its_route_and_never_with_a_key() {
    let (data, key) = (Data::new(), ApiKey::generate());
    let log = data.folder.path().join("log");
    let mut command = data.command(&["--log-json", "--behind-proxy"]);
    command.env_remove("RUST_LOG").stderr(File::create(&log).unwrap());
    let server = Server::run(&data, command);
    for path in ["/v1/memories/private?and=more", "/private", "/livez"] {
        let request = server.agent.get(format!("{}{path}", server.url));
        request.header("x-request-id", key.expose_secret()).call().unwrap();
    }
    let answered = || {
        let text = fs::read_to_string(&log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["fields"]["message"] == "answered").collect::<Vec<_>>()
    };
    wait(|| answered().len() == 3);
    let shown = |line: &Value| {
        let fields = &line["fields"];
        assert!(!fields["microseconds"].is_null() && line["span"]["id"].is_string(), "{line}");
        json!([line["level"], fields["method"], fields["route"], fields["status"]])
    };
    let answers = answered();
    // the metrics have the same times
    let microseconds = |line: &Value| {
        let time = line["fields"]["microseconds"].to_string();
        time.trim_matches('"').parse::<f64>().unwrap()
    };
    let logged: f64 = answers.iter().map(microseconds).sum();
    let (_, metrics) = text(&server, "/metrics");
    let sum = metrics.lines().find_map(|line| line.strip_prefix("ctx_key_request_duration_seconds_sum "));
    let counted = sum.unwrap().parse::<f64>().unwrap() * 1e6;
    // each time in the log is cut to whole microseconds
    assert!((0.0..4.0).contains(&(counted - logged + 0.5)), "{counted} {logged}");
    assert_eq!(
        answers.iter().map(shown).collect::<Vec<_>>(),
        [
            json!(["INFO", "GET", "/v1/memories/{id}", 401]),
            json!(["INFO", "GET", "none", 404]),
            json!(["INFO", "GET", "/livez", 200])
        ]
    );
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains("private") && !text.contains(&key.expose_secret()[16..]), "{text}");
}
