//! Sends requests directly to the endpoints for proxies. `proxies` tests them through real proxies.

mod common;

use common::{Data, Server};
use ctx_key::{ApiKey, Scope};
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

const METHOD: &str = "x-original-method";
const TARGET: &str = "x-original-uri";

/// Sends a request with a key. Returns the status, the challenge, and the two headers of the identity.
fn ask(server: &Server, method: &str, path: &str, key: &str, headers: &[(&str, &str)]) -> (u16, [String; 3]) {
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("authorization", format!("Bearer {key}")).body(()).unwrap();
    let answer: Response<Body> = server.agent.run(request).unwrap();
    let text = |name| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    (answer.status().as_u16(), ["www-authenticate", "x-ctx-key-id", "x-ctx-project"].map(text))
}

/// Returns the method, path and scope of each route that requires a scope.
fn documented(server: &Server) -> Vec<(String, String, Scope)> {
    let document: Value = server.get("/openapi.json", None).body_mut().read_json().unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if let Some(scope) = operation["x-required-scope"].as_str() {
                let path = path.replace("{id}", "a%40b").replace("{event}", "e1");
                routes.push((method.to_uppercase(), path, scope.parse().unwrap()));
            }
        }
    }
    routes
}

#[test]
fn each_documented_route_requires_its_scope_whichever_proxy_asks() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let (token, company) = server.log_in();
    let routes = documented(&server);
    assert!(routes.len() > 15, "{routes:?}");
    for scope in Scope::all().iter() {
        let (name, others) = (scope.to_string(), (Scope::all() - scope).to_string());
        let (project, key) = server.key(&token, &company, &[&name]);
        let without = server.key_in(&token, &company, &project, &others.split(' ').collect::<Vec<_>>());
        let key_id = key.parse::<ApiKey>().unwrap().id().to_string();
        let granted = (200, [String::new(), key_id, project]);
        let challenge = format!(r#"Bearer realm="MemoryKit", error="insufficient_scope", scope="{name}""#);
        let refused = (403, [challenge, String::new(), String::new()]);
        for (method, path, _) in routes.iter().filter(|route| route.2 == scope) {
            let target = &format!("{path}?limit=/..//%2e");
            let described = [(METHOD, method.as_str()), (TARGET, target)];
            let forwarded = [("x-forwarded-method", method.as_str()), ("x-forwarded-uri", target)];
            let envoy = &format!("/forward-auth/envoy{target}");
            for (asked, at, headers) in [
                ("GET", "/forward-auth/nginx/check", &described[..]),
                ("GET", "/forward-auth/caddy", &forwarded),
                (method, envoy, &[]),
            ] {
                assert_eq!(ask(&server, asked, at, &key, headers), granted, "{at}: {method} {path}");
                let answer = ask(&server, asked, at, &without, headers);
                if at.ends_with("check") {
                    assert_eq!(answer.0, 403, "{at}: {method} {path}");
                } else {
                    assert_eq!(answer, refused, "{at}: {method} {path}");
                }
            }
            let answer = ask(&server, "GET", "/forward-auth/nginx/refuse", &without, &described);
            assert_eq!(answer, refused, "{method} {path}");
        }
    }
}

#[test]
fn a_request_is_granted_only_if_it_is_described_exactly_once() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let (token, company) = server.log_in();
    let (_, key) = server.key(&token, &company, &["memories:read"]);
    let (get, list) = ((METHOD, "GET"), (TARGET, "/v1/memories"));
    let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/v1/memories")];
    let never = (403, [r#"Bearer realm="MemoryKit", error="insufficient_scope""#, "", ""].map(str::to_owned));
    let nginx = "/forward-auth/nginx/refuse";
    for (path, headers) in [
        (nginx, &[][..]),
        (nginx, &[get]),
        (nginx, &[list]),
        (nginx, &[get, get, list]),
        (nginx, &[get, list, list]),
        (nginx, &[(METHOD, "get"), list]),
        (nginx, &[(METHOD, "TRACE"), list]),
        (nginx, &[(METHOD, "a b"), list]),
        (nginx, &[get, (TARGET, "v1/memories")]),
        (nginx, &[get, (TARGET, "x/v1/memories")]),
        (nginx, &[get, (TARGET, "http://localhost/v1/memories")]),
        // another program could interpret these as other paths
        (nginx, &[get, (TARGET, "/v1/memories/../users/u1")]),
        (nginx, &[get, (TARGET, "/v1/memories/%2e%2e/users/u1")]),
        (nginx, &[get, (TARGET, "/v1/memories/.")]),
        (nginx, &[get, (TARGET, "/v1/memories/./a")]),
        (nginx, &[get, (TARGET, "/v1//memories")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%2Fb")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%5Cb")]),
        (nginx, &[get, (TARGET, "/v1/memories/a\\b")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%3Fb")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%23b")]),
        (nginx, &[get, (TARGET, "/v1/memories/a#b")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%252Fb")]),
        (nginx, &[get, (TARGET, "/v1/memories/a;b")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%3Bb")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%00")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%0A")]),
        (nginx, &[get, (TARGET, "/v1/memories/a%7F")]),
        (nginx, &[get, (TARGET, "/v1/memories/%61")]),
        (nginx, &[get, (TARGET, "/v1/memories/%C3%a9")]),
        (nginx, &[get, (TARGET, "/v1/memories/%C3")]),
        (nginx, &[get, (TARGET, "/v1/memories/%FF")]),
        (nginx, &[get, (TARGET, "/v1/memories/%4")]),
        (nginx, &[get, (TARGET, "/v1/memories/%")]),
        (nginx, &[get, (TARGET, "/v1/memories/a b")]),
        (nginx, &[get, (TARGET, "/v1/memories/")]),
        (nginx, &[get, (TARGET, "/v1/Memories")]),
        (nginx, &[get, (TARGET, "/v1/memories%20")]),
        (nginx, &[get, (TARGET, "?/v1/memories")]),
        (nginx, &[get, (TARGET, "/v1/other")]),
        (nginx, &[get, (TARGET, "/v1")]),
        (nginx, &[get, (TARGET, "/v2/memories")]),
        // headers of another proxy, which the client could have sent
        (nginx, &forwarded),
        ("/forward-auth/caddy", &[get, list]),
        ("/forward-auth/envoy/", &[get, list]),
        ("/forward-auth/envoy/v1/other", &[get, list]),
        ("/forward-auth/envoy//v1/memories", &[]),
        ("/forward-auth/envoy/envoy/v1/memories", &[]),
    ] {
        assert_eq!(ask(&server, "GET", path, &key, headers), never, "{path} {headers:?}");
    }
    let check = "/forward-auth/nginx/check";
    assert_eq!(ask(&server, "GET", check, &key, &[get]).0, 403);
    assert_eq!(ask(&server, "GET", check, &key, &[(METHOD, "HEAD"), list]).0, 200);
    for target in [
        "/v1/memories/%C3%A9",
        "/v1/memories/a%20b",
        "/v1/memories/!$&'()*+,=:@-._~",
        "/v1/memories?//;%00",
        "/v1/memories?query=a?b",
    ] {
        assert_eq!(ask(&server, "GET", check, &key, &[get, (TARGET, target)]).0, 200, "{target}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "BREW"] {
        assert_eq!(ask(&server, "GET", check, &key, &[(METHOD, method), list]).0, 403, "{method}");
    }
    let (_, writer) = server.key(&token, &company, &["memories:write"]);
    for (method, status) in
        [("POST", 200), ("PUT", 200), ("PATCH", 200), ("DELETE", 200), ("GET", 403), ("HEAD", 403)]
    {
        assert_eq!(ask(&server, "GET", check, &writer, &[(METHOD, method), list]).0, status, "{method}");
    }
    // the request is granted, but this endpoint must not answer with success
    let unavailable = (503, [String::new(), String::new(), String::new()]);
    assert_eq!(ask(&server, "GET", nginx, &key, &[get, list]), unavailable);
}

/// A script in a page can't use a key here either, whatever the scopes of the key are.
#[test]
fn no_request_of_a_browser_is_granted() {
    let data = Data::new();
    let server = Server::with_account(&data);
    let (token, company) = server.log_in();
    let (_, key) = server.key(&token, &company, &["memories:read"]);
    let described = [(METHOD, "GET"), (TARGET, "/v1/memories")];
    let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/v1/memories")];
    let origin = ("origin", "https://evil.example");
    for (path, headers) in [
        ("/forward-auth/nginx/check", &described[..]),
        ("/forward-auth/caddy", &forwarded),
        ("/forward-auth/envoy/v1/memories", &[]),
    ] {
        assert_eq!(ask(&server, "GET", path, &key, headers).0, 200, "{path}");
        let with_origin = [headers, &[origin]].concat();
        let refused = (403, [String::new(), String::new(), String::new()]);
        for key in [key.as_str(), ApiKey::generate().expose_secret(), "no key"] {
            assert_eq!(ask(&server, "GET", path, key, &with_origin), refused, "{path}");
        }
    }
    let answer = ask(&server, "OPTIONS", "/forward-auth/envoy/v1/memories", &key, &[]);
    assert_eq!(answer, (403, [String::new(), String::new(), String::new()]));
}
