//! Access tokens of programs: what they grant, when they expire, and what is recorded about them.

mod common;
mod trouble;

use common::EMAIL;
use common::timed::{Account, DAY, Fixture, HOUR};
use ctx_key_server::store::access_token::MAX_TOKENS;
use serde_json::{Value, json};
use trouble::{digest, execute, id, numbers, while_locked};

const START: &str = "2027-01-15T08:00:00Z";

struct Tokens {
    server: Fixture,
    account: Account,
}

impl Tokens {
    fn new() -> Self {
        let server = Fixture::new();
        let account = server.account(EMAIL);
        Self { server, account }
    }

    fn path(&self, end: &str) -> String {
        format!("/companies/{}{end}", self.account.company)
    }

    fn create(&self, body: &Value) -> (u16, Value) {
        self.server.send("POST", &self.path("/tokens"), &self.account.token, body)
    }

    /// Creates a token. Returns the token and its record.
    fn token(&self, body: &Value) -> (String, Value) {
        let (status, mut made) = self.create(body);
        assert_eq!(status, 201, "{made}");
        let token = made.as_object_mut().unwrap().remove("token").unwrap();
        (token.as_str().unwrap().to_owned(), made)
    }

    fn list(&self) -> Value {
        let (status, list) = self.server.send("GET", &self.path("/tokens"), &self.account.token, &json!({}));
        assert_eq!(status, 200, "{list}");
        list
    }

    /// Returns the last use of the token `ci`, and asserts that the others were not used.
    fn last_used(&self) -> Value {
        let list = self.list();
        let (used, others): (Vec<_>, Vec<_>) =
            list.as_array().unwrap().iter().partition(|token| token["name"] == "ci");
        assert!(others.iter().all(|token| token["last_used_at"].is_null()), "{list}");
        used[0]["last_used_at"].clone()
    }

    fn get(&self, token: &str, end: &str) -> u16 {
        self.server.send("GET", &self.path(end), token, &json!({})).0
    }
}

#[test]
fn a_token_is_shown_once_and_listed_until_it_is_deleted() {
    let tokens = Tokens::new();
    let (token, made) = tokens.token(&json!({ "name": " deploy bot " }));
    let record = |made: &Value, name: &str, created_at: &str, expires_at: Value| {
        json!({
            "id": made["id"], "name": name, "created_at": created_at, "expires_at": expires_at, "last_used_at": null,
        })
    };
    let first = record(&made, "deploy bot", START, Value::Null);
    assert_eq!(made, first);
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", token.len());
    tokens.server.set(1);
    let (other, made) = tokens.token(&json!({ "name": "ci", "expires_at": "2027-02-01T00:00:00+00:00" }));
    let second = record(&made, "ci", "2027-01-15T08:00:01Z", json!("2027-02-01T00:00:00Z"));
    assert_eq!(made, second);
    assert_eq!(tokens.list(), json!([second, first]));
    let path = tokens.path(&format!("/tokens/{}", first["id"].as_str().unwrap()));
    let delete = |bearer: &str| tokens.server.send("DELETE", &path, bearer, &json!({}));
    assert_eq!(tokens.get(&token, "/api-keys"), 200);
    assert_eq!(delete(&tokens.account.token), (204, Value::Null));
    assert_eq!(tokens.get(&token, "/api-keys"), 401);
    assert_eq!((delete(&tokens.account.token).0, tokens.get(&other, "/api-keys")), (404, 200));
    assert_eq!(tokens.list().as_array().unwrap().len(), 1);
    // those of the same second are sorted by their ids
    tokens.server.set(2);
    let id = |token: &Value| token["id"].to_string();
    let mut made: Vec<_> = (0..4).map(|_| id(&tokens.token(&json!({ "name": "same" })).1)).collect();
    made.sort();
    let listed: Vec<_> = tokens.list().as_array().unwrap().iter().map(id).collect();
    assert_eq!(listed[..4], made);
}

#[test]
fn a_request_that_creates_a_token_has_exactly_the_documented_fields() {
    let tokens = Tokens::new();
    for (body, mentioned) in [
        (r#"{}"#, "`name`"),
        (r#"{"expires_at": null}"#, "`name`"),
        (r#"{"name": null}"#, ""),
        (r#"{"name": ""}"#, ""),
        (r#"{"name": 1}"#, ""),
        (r#"{"name": "ci", "name": "ci"}"#, "`name`"),
        (r#"{"name": "ci", "expires_at": null, "expires_at": null}"#, "`expires_at`"),
        (r#"{"name": "ci", "expiresAt": null}"#, "`expiresAt`"),
        (r#"{"name": "ci", "ttl": 60}"#, "`ttl`"),
        (r#"{"name": "ci", "scopes": []}"#, "`scopes`"),
        (r#"{"name": "ci", "token": "a"}"#, "`token`"),
        (r#"["ci"]"#, ""),
    ] {
        let path = format!("/api/v1{}", tokens.path("/tokens"));
        let (status, _, answer) = tokens.server.exchange("POST", &path, &tokens.account.token, body);
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(mentioned), "{body}: {answer}");
    }
    assert_eq!(tokens.list(), json!([]));
}

#[test]
fn a_token_grants_the_management_of_keys_and_nothing_else() {
    let tokens = Tokens::new();
    let (token, made) = tokens.token(&json!({ "name": "deploy" }));
    let send = |method: &str, path: &str, body: &Value| tokens.server.send(method, path, &token, body);
    let (status, project) = send("POST", &tokens.path("/projects"), &json!({ "name": "built" }));
    assert_eq!(status, 201, "{project}");
    let key = json!({ "project_id": project["id"], "name": "a key", "scopes": ["memories:read"] });
    let (status, key) = send("POST", &tokens.path("/api-keys"), &key);
    assert_eq!(status, 201, "{key}");
    let of_key = tokens.path(&format!("/api-keys/{}", key["id"].as_str().unwrap()));
    let (status, next) = send("POST", &format!("{of_key}/rotate"), &json!({ "overlap_seconds": 60 }));
    assert_eq!(status, 201, "{next}");
    let companies = json!([
        { "id": tokens.account.company, "name": "Example, Inc.", "slug": "example-inc", "role": "owner" }
    ]);
    assert_eq!(send("GET", "/companies", &json!({})), (200, companies));
    for (method, path, expected) in [
        ("GET", tokens.path("/projects"), 200),
        ("GET", tokens.path("/api-keys?limit=1"), 200),
        ("GET", of_key.clone(), 200),
        ("PATCH", of_key.clone(), 200),
        ("DELETE", of_key.clone(), 204),
        ("DELETE", format!("{of_key}?purge=true"), 204),
        ("GET", tokens.path("/tokens"), 403),
        ("POST", tokens.path("/tokens"), 403),
        ("DELETE", tokens.path(&format!("/tokens/{}", made["id"].as_str().unwrap())), 403),
        ("POST", "/auth/logout".to_owned(), 403),
    ] {
        let (status, answer) = send(method, &path, &json!({}));
        assert_eq!(status, expected, "{method} {path}: {answer}");
        if status == 403 {
            assert_eq!(answer["error"]["code"], "insufficient_scope");
            let (_, headers, _) = tokens.server.exchange(method, &format!("/api/v1{path}"), &token, "{}");
            let challenge = headers.get("www-authenticate").unwrap().to_str().unwrap();
            assert_eq!(challenge, r#"Bearer realm="MemoryKit accounts", error="insufficient_scope""#);
        }
    }
    assert_eq!(tokens.server.refreshed(&token).0, 401);
    for path in ["/v1/key", "/v1/memories", "/forward-auth/envoy/v1/memories"] {
        let (status, headers, _) = tokens.server.exchange("GET", path, &token, "");
        let challenge = headers.get("www-authenticate").unwrap().to_str().unwrap();
        assert_eq!(
            (status, challenge),
            (401, r#"Bearer realm="MemoryKit", error="invalid_token""#),
            "{path}"
        );
    }
    let mut browser = tokens.server.sign_in();
    let name = browser.cookies.keys().find(|name| name.ends_with("session")).unwrap().clone();
    browser.cookies.insert(name, token.clone());
    browser.get("/keys").leads_to("/sign-in");
    // the log has each change once, with the name of the token or account that made it
    let lines = log(&tokens);
    let line = |who: &str, what: &str, key: &Value, detail: &str| {
        let key = key["id"].as_str().unwrap_or("none").to_owned();
        [who.to_owned(), what.to_owned(), key, detail.to_owned()]
    };
    let by = format!("by {}, overlap 60 s", next["id"].as_str().unwrap());
    let none = Value::Null;
    let expected = [
        line(EMAIL, "created project", &none, "Development"),
        line(EMAIL, "created token", &none, "deploy"),
        line("token deploy", "created project", &none, "built"),
        line("token deploy", "created", &key, "a key; memories:read"),
        line("token deploy", "rotated", &key, &by),
        line("token deploy", "revoked", &key, "a key"),
        line("token deploy", "deleted", &key, "a key"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(id(next["api_key"].as_str().unwrap()), next["id"].as_str().unwrap());
    let path = tokens.path(&format!("/tokens/{}", made["id"].as_str().unwrap()));
    assert_eq!(tokens.server.send("DELETE", &path, &tokens.account.token, &json!({})).0, 204);
    assert_eq!(log(&tokens)[7..], [line(EMAIL, "deleted token", &none, "deploy")]);
}

/// Returns the lines of the audit log, the oldest first: actor, action, key and detail.
fn log(tokens: &Tokens) -> Vec<[String; 4]> {
    tokens.server.sign_in().audit_log()
}

#[test]
fn a_token_is_valid_until_it_expires() {
    let tokens = Tokens::new();
    let (token, _) = tokens.token(&json!({ "name": "ci", "expires_at": "2027-01-15T08:01:00Z" }));
    let (forever, _) = tokens.token(&json!({ "name": "ci", "expires_at": null }));
    tokens.server.set(59);
    assert_eq!(tokens.get(&token, "/api-keys"), 200);
    tokens.server.set(60);
    assert_eq!((tokens.get(&token, "/api-keys"), tokens.get(&token, "/projects")), (401, 401));
    assert_eq!(tokens.server.send("GET", "/companies", &token, &json!({})).0, 401);
    tokens.server.set(3650 * DAY);
    assert_eq!(tokens.get(&forever, "/api-keys"), 200);
}

#[test]
fn only_successful_uses_are_recorded_at_most_once_a_minute() {
    let tokens = Tokens::new();
    tokens.token(&json!({ "name": "unused" }));
    let (token, made) = tokens.token(&json!({ "name": "ci", "expires_at": "2027-01-15T08:30:00Z" }));
    let of_token = format!("/tokens/{}", made["id"].as_str().unwrap());
    let refused = || {
        let eves = format!("/companies/org_{:032}/api-keys", 0);
        let key = tokens.path("/api-keys");
        [
            ("GET", eves, 404),
            ("GET", tokens.path("/api-keys/none"), 404),
            ("GET", tokens.path("/api-keys?limit=0"), 400),
            ("GET", tokens.path("/nothing"), 404),
            ("POST", key, 400),
            ("GET", tokens.path("/tokens"), 403),
            ("DELETE", tokens.path(&of_token), 403),
            ("POST", "/auth/logout".to_owned(), 403),
        ]
        .into_iter()
        .for_each(|(method, path, expected)| {
            let (status, answer) = tokens.server.send(method, &path, &token, &json!({}));
            assert_eq!(status, expected, "{method} {path}: {answer}");
        });
    };
    refused();
    execute(&tokens.server.data, "ALTER TABLE projects RENAME TO lost");
    assert_eq!(tokens.get(&token, "/projects"), 500);
    execute(&tokens.server.data, "ALTER TABLE lost RENAME TO projects");
    assert_eq!(tokens.last_used(), Value::Null);
    assert_eq!(tokens.get(&token, "/api-keys"), 200);
    assert_eq!(tokens.last_used(), START);
    tokens.server.set(59);
    assert_eq!(tokens.get(&token, "/projects"), 200);
    assert_eq!(tokens.last_used(), START);
    tokens.server.set(60);
    refused();
    assert_eq!(tokens.last_used(), START);
    assert_eq!(tokens.server.send("GET", "/companies", &token, &json!({})).0, 200);
    assert_eq!(tokens.last_used(), "2027-01-15T08:01:00Z");
    // if the clock goes back, no older time is written
    tokens.server.set(30);
    assert_eq!(tokens.get(&token, "/api-keys"), 200);
    assert_eq!(tokens.last_used(), "2027-01-15T08:01:00Z");
    // a use that can't be written does not refuse the request, and the next use is written
    tokens.server.set(600);
    let status = while_locked(&tokens.server.data, "access_tokens", || tokens.get(&token, "/api-keys"));
    assert_eq!((status, tokens.last_used()), (200, json!("2027-01-15T08:01:00Z")));
    tokens.server.set(601);
    assert_eq!(tokens.get(&token, "/api-keys"), 200);
    assert_eq!(tokens.last_used(), "2027-01-15T08:10:01Z");
    tokens.server.set(1800);
    assert_eq!(tokens.get(&token, "/api-keys"), 401);
    assert_eq!(tokens.last_used(), "2027-01-15T08:10:01Z");
}

#[test]
fn the_limit_counts_tokens_that_have_not_expired() {
    let tokens = Tokens::new();
    execute(
        &tokens.server.data,
        &format!(
            "INSERT INTO access_tokens (id, digest, company, name, created_at, expires_at) SELECT 'tok_' || n, {}, \
             id, 'ci', 1700000000, CASE WHEN n <= {MAX_TOKENS} THEN 1800000000 WHEN n % 2 = 0 THEN 1800000001 END \
             FROM {} CROSS JOIN companies",
            digest(&tokens.server.data),
            numbers((2 * MAX_TOKENS - 1).try_into().unwrap())
        ),
    );
    assert_eq!(tokens.create(&json!({ "name": "last" })).0, 201);
    let (status, answer) = tokens.create(&json!({ "name": "one more" }));
    let message = format!(
        "too many access tokens: a company has at most {MAX_TOKENS} that have not expired; delete some first"
    );
    assert_eq!((status, &answer["error"]["message"]), (409, &json!(message)));
    // the tokens of another company do not count
    let eve = tokens.server.account("eve@example.com");
    let path = format!("/companies/{}/tokens", eve.company);
    assert_eq!(tokens.server.send("POST", &path, &eve.token, &json!({ "name": "ci" })).0, 201);
    tokens.server.set(1);
    assert_eq!(tokens.create(&json!({ "name": "one more" })).0, 201);
    tokens.server.set(HOUR);
    assert_eq!(tokens.create(&json!({ "name": "late" })).0, 401);
}
