//! The OpenAPI document says what the program does: its routes, and the scope of each.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Data, Server};
use serde_json::{Value, json};

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// By method and path, such as `get /v1/memories/{id}`, the scope, if one is required.
type Routes = BTreeMap<String, Option<String>>;

fn document() -> Value {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn documented(document: &Value) -> Routes {
    let mut routes = Routes::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = operations.get(method) {
                let scope = operation["x-required-scope"].as_str().map(str::to_owned);
                routes.insert(format!("{method} {path}"), scope);
            }
        }
    }
    routes
}

/// What stands in the sources, as `.route("/path", get(handler).post(handler))`.
fn written() -> Routes {
    let mut routes = Routes::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![(source.join("management.rs"), "/api/v1")];
    files.extend(fs::read_dir(source.join("api")).unwrap().map(|entry| (entry.unwrap().path(), "/v1")));
    for (file, prefix) in files {
        let text = fs::read_to_string(&file).unwrap();
        for route in text.split(".route(\"").skip(1) {
            let (path, methods) = route.lines().next().unwrap().split_once("\", ").unwrap();
            // a name that is no id, and answers as if it weren't there
            if methods == "any(super::not_found))" {
                continue;
            }
            for call in methods.trim_end_matches(')').split(").") {
                let (method, handler) = call.split_once('(').unwrap();
                assert!(METHODS.contains(&method), "{route}");
                routes.insert(format!("{method} {prefix}{path}"), scope(&text, handler));
            }
        }
    }
    routes
}

/// The scope in a handler's signature.
fn scope(text: &str, handler: &str) -> Option<String> {
    let start = text.find(&format!("async fn {handler}(")).unwrap_or_else(|| panic!("no {handler}"));
    let signature = text[start..].split_once(") ->").unwrap().0;
    let name = signature.split_once("Granted<")?.1.split_once('>').unwrap().0;
    Some(name.to_lowercase().replacen('_', ":", 1))
}

#[test]
fn the_document_has_every_route_with_its_scope_and_no_other() {
    let written = written();
    assert!(written.len() > 20, "{written:?}");
    assert_eq!(documented(&document()), written);
}

#[test]
fn every_documented_route_is_answered() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    let (token, company) = server.log_in();
    let all: Vec<String> = ctx_key::Scope::all().iter().map(|scope| scope.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let served: Value = server.get("/openapi.json", None).body_mut().read_json().unwrap();
    assert_eq!(served, document());
    for route in documented(&served).keys() {
        let (method, path) = route.split_once(' ').unwrap();
        // each with a key of its own, as one of them revokes it
        let (_, key) = server.key(&token, &company, &all);
        let bearer = if path.starts_with("/v1/") { &key } else { &token };
        let path = path.replace("{company}", &company).replace("{id}", "none").replace("{event}", "none");
        let (status, body) =
            server.send(&method.to_uppercase(), &path, Some(bearer), Some(&json!({ "name": "a" })));
        assert_ne!(status, 405, "{route}");
        assert_ne!(body["error"]["message"], "there is nothing at this path", "{route}");
    }
}

/// Each operation names what it takes for a credential, and how it says no.
#[test]
fn every_operation_has_its_errors() {
    let document = document();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let scheme = operation["security"].get(0).and_then(|scheme| scheme.as_object()?.keys().next());
            let expected = match path {
                path if path.starts_with("/v1/") => Some("apiKey"),
                path if path.starts_with("/api/v1/auth/") => None,
                _ => Some("accessToken"),
            };
            assert_eq!(scheme.map(String::as_str), expected, "{method} {path}");
            let mut needed = vec!["401", "408", "500", "503"];
            if expected == Some("apiKey") {
                needed.extend(["400", "403"]);
            }
            if operation.get("requestBody").is_some() {
                needed.extend(["400", "413"]);
            }
            if path.contains('{') {
                needed.push("404");
            }
            for status in needed {
                assert!(operation["responses"][status].is_object(), "{method} {path}: {status}");
            }
        }
    }
}
