//! The OpenAPI document agrees with the program: its routes, and the scope of each.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{Data, Server};
use ctx_key::Scope;
use serde_json::{Value, json};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The required scope, if any, by method and path such as `get /v1/memories/{id}`.
type Routes = BTreeMap<String, Option<String>>;

fn document(server: &Server) -> Value {
    server.get("/openapi.json", None).body_mut().read_json().unwrap()
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

/// Returns the routes in the sources, from each handler's attribute and the scope in its signature.
fn written() -> Routes {
    let mut routes = Routes::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = [("management", "/api/v1"), ("api", "/v1")].into_iter().flat_map(|(folder, prefix)| {
        fs::read_dir(source.join(folder)).unwrap().map(move |entry| (entry.unwrap().path(), prefix))
    });
    for (file, prefix) in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(".route(\""), "{} has a route that is in no document", file.display());
        for handler in text.split("#[utoipa::path(").skip(1) {
            let (attribute, signature) = handler.split_once("async fn ").unwrap();
            let signature = signature.split_once(") ->").unwrap().0;
            let method = attribute.split_once(',').unwrap().0.trim();
            let path = attribute.split_once("path = \"").unwrap().1.split_once('"').unwrap().0;
            routes.insert(format!("{method} {prefix}{path}"), scope(signature));
        }
    }
    routes
}

/// Returns the scope in a handler's signature.
fn scope(signature: &str) -> Option<String> {
    let name = signature.split_once("Granted<")?.1.split_once('>').unwrap().0;
    Some(name.to_lowercase().replacen('_', ":", 1))
}

#[test]
fn the_document_has_exactly_the_routes_with_their_scopes() {
    let written = written();
    assert!(written.len() > 20, "{written:?}");
    let data = Data::new();
    assert_eq!(documented(&document(&Server::start(&data))), written);
}

#[test]
fn every_documented_route_needs_exactly_its_scope() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let (token, company) = server.log_in();
    let all: Vec<String> = Scope::all().iter().map(|scope| scope.to_string()).collect();
    let (project, _) = server.key(&token, &company, &[&all[0]]);
    let key = |is_granted: &dyn Fn(&str) -> bool| {
        let scopes: Vec<&str> = all.iter().map(String::as_str).filter(|scope| is_granted(scope)).collect();
        server.key_in(&token, &company, &project, &scopes)
    };
    for (route, scope) in documented(&document(&server)) {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace("{company}", &company).replace("{id}", "none").replace("{event}", "none");
        let send = |bearer: &str| {
            server.send(&method.to_uppercase(), &path, Some(bearer), Some(&json!({ "name": "a" })))
        };
        let (status, body) = match &scope {
            // with another token, because the request ends it
            None if path == "/api/v1/auth/logout" => send(&server.log_in().0),
            None if path.starts_with("/api/v1/") => send(&token),
            // with a key of its own, because one of these routes revokes it
            None => send(&key(&|_| true)),
            Some(scope) => {
                let (status, body) = send(&key(&|granted| granted != scope));
                assert_eq!((status, &body["error"]["code"]), (403, &json!("insufficient_scope")), "{route}");
                send(&key(&|granted| granted == scope))
            }
        };
        assert_ne!(status, 403, "{route}");
        assert_ne!(status, 405, "{route}");
        assert_ne!(body["error"]["message"], "there is nothing at this path", "{route}");
    }
}

/// Each operation names its kind of credential, and the errors that it may return.
#[test]
fn every_operation_documents_its_credential_and_its_errors() {
    let data = Data::new();
    let document = document(&Server::start(&data));
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let scheme = operation["security"].get(0).and_then(|scheme| scheme.as_object()?.keys().next());
            let expected = match path.as_str() {
                path if path.starts_with("/v1/") => Some("apiKey"),
                "/api/v1/auth/login" | "/api/v1/auth/refresh" => None,
                _ => Some("accessToken"),
            };
            assert_eq!(scheme.map(String::as_str), expected, "{method} {path}");
            let mut needed = vec!["401", "408", "500", "503"];
            if expected == Some("apiKey") {
                needed.extend(["400", "403", "429"]);
            } else if method != "get" {
                // for a request from another site, or without the content type of JSON
                needed.extend(["403", "415"]);
            }
            if let Some(body) = operation.get("requestBody") {
                needed.extend(["400", "413"]);
                assert_eq!(body["required"], json!(true), "{method} {path}");
            }
            if path.contains('{') {
                needed.push("404");
            }
            if parameters(operation, "query").next().is_some() {
                needed.push("400");
            }
            for status in needed {
                let response = operation["responses"][status]["$ref"].as_str().unwrap_or_default();
                let response = response.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
                let response = response.unwrap_or_else(|| panic!("{method} {path}: {status}"));
                assert!(response["content"]["application/json"].is_object(), "{method} {path}: {status}");
            }
        }
    }
}

fn parameters<'o>(operation: &'o Value, place: &'static str) -> impl Iterator<Item = &'o Value> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.filter(move |parameter| parameter["in"] == place)
}

/// Each variable part of a path is a parameter.
#[test]
fn every_operation_documents_the_parameters_of_its_path() {
    let data = Data::new();
    let document = document(&Server::start(&data));
    for (path, operations) in document["paths"].as_object().unwrap() {
        let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let part = json!({ "type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^[^\u0000]*$" });
        let expected: Vec<_> = names
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": part }))
            .collect();
        for (method, operation) in operations.as_object().unwrap() {
            let mut found: Vec<_> = parameters(operation, "path").cloned().collect();
            found.sort_by_key(|parameter| path.find(parameter["name"].as_str().unwrap()));
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}

/// Each answer has the id of the request, and each answer to a key has the headers of the rate limit.
#[test]
fn every_answer_documents_its_headers() {
    let data = Data::new();
    let document = document(&Server::start(&data));
    let names = |answer: &Value| -> Vec<String> {
        let headers = answer["headers"].as_object().unwrap();
        for (name, header) in headers {
            let is_shared = header["$ref"] == format!("#/components/headers/{name}");
            assert!(is_shared || name == "Link", "{name}: {header}");
        }
        headers.keys().filter(|name| *name != "Link").cloned().collect()
    };
    for (name, refusal) in document["components"]["responses"].as_object().unwrap() {
        let expected = match name.as_str() {
            "Unauthorized" | "Forbidden" => vec!["WWW-Authenticate", "x-request-id"],
            "TooMany" | "Unavailable" => vec!["Retry-After", "x-request-id"],
            _ => vec!["x-request-id"],
        };
        assert_eq!(names(refusal), expected, "{name}");
    }
    for (path, operations) in document["paths"].as_object().unwrap() {
        let limit = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
        let expected = match path.starts_with("/v1/") {
            true => [&limit[..], &["x-request-id"]].concat(),
            false => vec!["x-request-id"],
        };
        for (method, operation) in operations.as_object().unwrap() {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                if status.starts_with('2') {
                    assert_eq!(names(answer), expected, "{method} {path} {status}");
                    let described = match status.as_str() {
                        "200" => "Done.",
                        "201" => "Made.",
                        "202" => "Taken.",
                        _ => "Gone.",
                    };
                    assert_eq!(answer["description"], described, "{method} {path} {status}");
                } else {
                    assert!(answer["$ref"].is_string(), "{method} {path} {status}");
                }
            }
        }
    }
}

#[test]
fn every_reference_in_the_document_resolves() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let data = Data::new();
    let document = document(&Server::start(&data));
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{found:?}");
    found.retain(|reference| reference.strip_prefix('#').and_then(|at| document.pointer(at)).is_none());
    assert_eq!(found, [""; 0]);
}

/// A request that creates or changes a credential may have no other fields, and the document names the required ones.
#[test]
fn the_document_allows_no_field_that_the_server_refuses() {
    let data = Data::new();
    let document = document(&Server::start(&data));
    let schemas = &document["components"]["schemas"];
    for (name, required, properties) in [
        (
            "NewKey",
            json!(["project_id", "name", "scopes"]),
            ["expires_at", "name", "project_id", "scopes"].as_slice(),
        ),
        ("ChangedKey", Value::Null, &["name", "scopes"]),
        ("Rotation", json!(["overlap_seconds"]), &["expires_at", "overlap_seconds"]),
        ("NewToken", json!(["name"]), &["expires_at", "name"]),
    ] {
        let schema = &schemas[name];
        assert_eq!(schema["additionalProperties"], json!(false), "{name}: {schema}");
        assert_eq!(schema["required"], required, "{name}: {schema}");
        let found: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(found, properties, "{name}");
    }
    let listed = &schemas["ListedKey"];
    assert_eq!(listed["required"].as_array().unwrap().len(), listed["properties"].as_object().unwrap().len());
    assert_eq!(
        listed["properties"]["state"]["enum"],
        json!(["active", "not_yet_valid", "retired", "expired", "revoked"])
    );
    let paths = &document["paths"];
    let list = &paths["/api/v1/companies/{company}/api-keys"]["get"];
    let end = &paths["/api/v1/companies/{company}/api-keys/{id}"]["delete"];
    let parameter = |operation: &Value, index: usize| {
        let parameter = &operation["parameters"][index];
        (parameter["name"].clone(), parameter["required"].clone(), parameter["schema"].clone())
    };
    let optional = |name: &str, schema: Value| (json!(name), json!(false), schema);
    let purge = json!({ "type": "string", "enum": ["true"] });
    assert_eq!(parameter(end, 0), optional("purge", purge));
    let limit = json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 100 });
    assert_eq!(parameter(list, 0), optional("limit", limit));
    assert_eq!(parameter(list, 1), optional("cursor", json!({ "type": "string" })));
    assert!(list["responses"]["200"]["headers"]["Link"].is_object(), "{list}");
}

/// A client may validate its requests with the document.
#[test]
fn the_document_bounds_the_length_of_each_list() {
    let data = Data::new();
    let document = document(&Server::start(&data));
    for (path, default, maximum) in [
        ("/v1/memories", 20, 100),
        ("/v1/memories/search", 10, 100),
        ("/v1/chats", 20, 100),
        ("/v1/chats/{id}/messages", 500, 500),
        ("/v1/users/{id}/events", 20, 100),
    ] {
        let limit =
            parameters(&document["paths"][path]["get"], "query").find(|found| found["name"] == "limit");
        let expected = json!({ "type": "integer", "default": default, "minimum": 1, "maximum": maximum });
        assert_eq!(limit.map(|limit| &limit["schema"]), Some(&expected), "{path}");
    }
}

/// Returns the schema of a field. An optional field may also be null.
fn field<'d>(document: &'d Value, schema: &str, name: &str) -> &'d Value {
    let schema = &document["components"]["schemas"][schema]["properties"][name];
    let mut choices = schema["oneOf"].as_array().into_iter().flatten();
    let schema = choices.find(|choice| choice["type"] != "null").unwrap_or(schema);
    let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.map_or(schema, |pointer| document.pointer(pointer).unwrap())
}

#[test]
fn the_document_bounds_the_length_of_each_text() {
    let data = Data::new();
    let document = document(&Server::start(&data));
    let text =
        |max: u32| json!({ "type": "string", "minLength": 1, "maxLength": max, "pattern": r"^[^\u0000]*$" });
    let mut title = text(500);
    title.as_object_mut().unwrap().remove("minLength");
    for (schema, name, expected) in [
        ("NewMemory", "title", title.clone()),
        ("NewMemory", "type", text(64)),
        ("NewMemory", "language", text(64)),
        ("NewMemory", "format", text(64)),
        ("NewMemory", "tags", json!({ "type": "array", "items": text(100), "maxItems": 50 })),
        ("NewUser", "email", title.clone()),
        ("NewUser", "name", title.clone()),
        ("NewEvent", "type", text(64)),
        ("NewChat", "title", title),
        ("NewMessage", "message", text(20_000)),
    ] {
        assert_eq!(*field(&document, schema, name), expected, "{schema} {name}");
    }
}

#[test]
fn the_document_describes_each_parameter_of_a_search() {
    let data = Data::new();
    let document = document(&Server::start(&data));
    let text = json!({ "type": "string", "pattern": r"^[^\u0000]*$" });
    let query = json!({ "type": "string", "minLength": 1, "maxLength": 1000, "pattern": text["pattern"] });
    let precisions = json!({ "type": "string", "default": "medium", "enum": ["low", "medium", "high"] });
    let time = json!({ "type": "string", "format": "date-time" });
    let expected = [
        ("query", true, query),
        ("limit", false, json!({ "type": "integer", "default": 10, "minimum": 1, "maximum": 100 })),
        ("precision", false, precisions),
        ("type", false, text.clone()),
        ("tags", false, json!({ "type": "array", "items": text })),
        ("user_id", false, text.clone()),
        ("created_after", false, time.clone()),
        ("created_before", false, time),
        ("include_graph", false, json!({ "type": "boolean" })),
        ("score_threshold", false, json!({ "type": "number", "minimum": 0, "maximum": 1 })),
    ]
    .map(|(name, is_required, schema)| json!([name, is_required, schema]));
    let search = &document["paths"]["/v1/memories/search"]["get"];
    let shown = |found: &Value| json!([found["name"], found["required"], found["schema"]]);
    assert_eq!(parameters(search, "query").map(shown).collect::<Vec<_>>(), expected);
}

#[test]
fn the_document_is_sent_as_json() {
    let data = Data::new();
    let response = Server::start(&data).get("/openapi.json", None);
    assert_eq!(response.headers()["content-type"], "application/json");
}
