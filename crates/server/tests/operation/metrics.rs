//! Metrics count requests and verifications, and show the state of the server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use ctx_key::ApiKey;
use serde_json::json;

use crate::common::{Data, Server, becomes, wait};
use crate::trouble::{End, Fixture, count, execute, status};
use crate::{change_log_age, text};

#[test]
fn metrics_have_the_requested_format() {
    let data = Data::new();
    let server = Server::start(&data);
    let get = |accepted: &[&str]| {
        let request = server.agent.get(format!("{}/metrics", server.url));
        let request = accepted.iter().fold(request, |request, accepted| request.header("accept", *accepted));
        let mut response = request.call().unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, response.body_mut().read_to_string().unwrap())
    };
    let (kind, text) = get(&["*/*"]);
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let described = "# HELP ctx_key_look_ups_total Statements that looked up records.\n\
                     # TYPE ctx_key_look_ups_total counter\nctx_key_look_ups_total 0\n";
    assert!(text.contains(described) && !text.contains("# EOF"), "{text}");
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let (kind, text) = get(&["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"]);
    assert_eq!(kind, open_metrics);
    let described = "# HELP ctx_key_look_ups Statements that looked up records.\n\
                     # TYPE ctx_key_look_ups counter\nctx_key_look_ups_total 0\n";
    assert!(text.contains(described) && text.ends_with("# EOF\n"), "{text}");
    // the media types may be on several lines
    let (kind, _) = get(&["text/html", "application/openmetrics-text"]);
    assert_eq!(kind, open_metrics);
}

#[test]
fn metrics_show_the_cache_the_pools_and_the_age_of_the_log() {
    let Fixture { server, token, company, project, data } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read"]);
    server.stop();
    let sizes = ["--connections", "3", "--verifier-connections", "2", "--cache-size", "1000"];
    let server = Server::start_with(&data, &sizes);
    wait(|| status(&server, &key) == 200 && count(&server, "ctx_key_cache_records") == 1);
    let hits = count(&server, "ctx_key_cache_hits_total");
    wait(|| status(&server, &key) == 200 && count(&server, "ctx_key_cache_hits_total") > hits);
    for (name, value) in [
        ("ctx_key_pool_max_connections", 3),
        ("ctx_key_pool_connections_in_use", 0),
        ("ctx_key_pool_waiting", 0),
        ("ctx_key_look_ups_max", 2),
        ("ctx_key_look_up_queue_ids", 0),
        ("ctx_key_cache_max_records", 1000),
        ("ctx_key_grace_grants_total", 0),
    ] {
        // a background task may use a connection for a moment
        assert!(becomes(|| count(&server, name) == value), "{name}: {}", count(&server, name));
    }
    wait(|| {
        let age = change_log_age(&server);
        age > 0.0 && age < 0.5
    });
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = End(&is_over);
        scope.spawn(|| {
            let (path, body) = (format!("/api/v1/companies/{company}/projects"), json!({ "name": "a name" }));
            while !is_over.load(Ordering::Relaxed) {
                server.send("POST", &path, Some(&token), Some(&body));
            }
        });
        wait(|| count(&server, "ctx_key_pool_connections_in_use") > 0);
    });
}

/// Returns the lines of a counter, without those of the requests for `/metrics`.
fn lines_of(server: &Server, counter: &str) -> Vec<String> {
    let (_, text) = text(server, "/metrics");
    let lines =
        text.lines().filter_map(|line| line.strip_prefix(counter)).filter(|line| !line.contains("/metrics"));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Unknown methods and paths share one label each, so a client can't create labels.
#[test]
fn each_answer_is_counted_by_its_method_route_and_status() {
    let Fixture { server, token, company, project, data } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read"]);
    server.stop();
    let server = Server::start(&data);
    assert_eq!(lines_of(&server, "ctx_key_responses_total"), [""; 0]);
    for (method, path, bearer) in [
        ("GET", "/livez", None),
        ("HEAD", "/livez", None),
        ("PATCH", "/livez", None),
        ("BREW", "/livez", None),
        ("MAKE", "/livez", None),
        ("BREW", "/nothing", None),
        ("GET", "/nothing?a=b", None),
        ("GET", "/nothing/else", None),
        ("OPTIONS", "/v1/memories/a", Some(&key)),
        ("GET", "/v1/memories/a", Some(&key)),
        ("GET", "/v1/memories/b", Some(&key)),
        ("DELETE", "/v1/memories/a", Some(&key)),
        ("GET", "/v1/memories/a", None),
        ("PUT", "/v1/nothing", Some(&key)),
    ] {
        server.request(method, path, bearer.map(String::as_str), None);
    }
    let memory = "/v1/memories/{id}";
    let mut expected = [
        ("GET", "/livez", 200, 1),
        ("HEAD", "/livez", 200, 1),
        ("PATCH", "/livez", 405, 1),
        ("other", "/livez", 405, 2),
        ("other", "none", 404, 1),
        ("GET", "none", 404, 2),
        ("OPTIONS", memory, 403, 1),
        ("GET", memory, 404, 2),
        ("DELETE", memory, 403, 1),
        ("GET", memory, 401, 1),
        ("PUT", "none", 404, 1),
    ]
    .map(|(method, route, status, number)| {
        format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {number}")
    });
    expected.sort();
    assert_eq!(lines_of(&server, "ctx_key_responses_total"), expected);
}

/// The requests that a proxy asks about count, too.
#[test]
fn each_verification_is_counted_by_its_outcome() {
    let Fixture { server, token, company, project, data } = Fixture::new();
    let key = server.key_in(&token, &company, &project, &["memories:read"]);
    server.stop();
    let server = Server::start(&data);
    for path in ["/v1/key", "/forward-auth/envoy/v1/memories", "/forward-auth/envoy/v1/users", "/v1/nothing"]
    {
        for bearer in [None, Some("ctx_a"), Some(key.as_str())] {
            server.get(path, bearer);
        }
    }
    execute(&data, "ALTER TABLE api_keys RENAME TO lost");
    assert_eq!(status(&server, ApiKey::generate().expose_secret()), 500);
    let mut expected = [
        ("granted", 3),
        ("key_length", 4),
        ("missing_credentials", 4),
        ("missing_scope", 1),
        ("unavailable", 1),
    ]
    .map(|(outcome, number)| format!("{{outcome=\"{outcome}\"}} {number}"));
    expected.sort();
    assert_eq!(lines_of(&server, "ctx_key_verifications_total"), expected);
}

#[test]
fn durations_are_in_seconds() {
    let data = Data::new();
    let server = Server::start(&data);
    let begin = Instant::now();
    for _ in 0..50 {
        server.get("/readyz", None);
    }
    let most = begin.elapsed().as_secs_f64();
    let (_, text) = text(&server, "/metrics");
    let value = |name: &str| {
        let name = format!("ctx_key_request_duration_seconds_{name} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
        value.parse::<f64>().unwrap()
    };
    // the requests were sent one after the other, so the sum of their durations is less than the whole time
    let (count, sum) = (value("count"), value("sum"));
    assert!(count == 50.0 && sum > 0.0 && sum < most, "{count} {sum} {most}");
    let bound = |line: &str| {
        let bound = line.strip_prefix("ctx_key_request_duration_seconds_bucket{le=\"")?.split('"').next()?;
        bound.parse().ok()
    };
    let bounds: Vec<f64> = text.lines().filter_map(bound).collect();
    let expected = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, f64::INFINITY];
    assert_eq!(bounds, expected);
}
