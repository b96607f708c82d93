//! Requests of every kind, and the whole response to each.
#![allow(dead_code, reason = "every test file compiles this module, and none uses all of it")]

use std::collections::HashMap;
use std::sync::Arc;

use ctx_key::{ApiKey, KeyId, KeyRecord, Scope, UnixTime};
use ctx_key_verifier::{Changed, Changes, LookedUp, Options, Source, SourceError, Verifier};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};

pub(crate) const UNKNOWN: &str = r#"401
content-type: application/json
www-authenticate: Bearer realm="MemoryKit", error="invalid_token"

{"error":{"type":"authentication_error","code":"invalid_token","message":"the API key is not valid: it is unknown, revoked or outside its validity period"}}"#;

pub(crate) const NO_SCOPE: &str = r#"403
content-type: application/json
www-authenticate: Bearer realm="MemoryKit", error="insufficient_scope", scope="memories:read"

{"error":{"type":"forbidden","code":"insufficient_scope","message":"the API key lacks a scope that this request requires"}}"#;

const MISSING: &str = r#"401
content-type: application/json
www-authenticate: Bearer realm="MemoryKit"

{"error":{"type":"authentication_error","code":"missing_credentials","message":"an API key is required: send it as `Authorization: Bearer <key>`"}}"#;

const MALFORMED: &str = r#"400
content-type: application/json
www-authenticate: Bearer realm="MemoryKit", error="invalid_request"

{"error":{"type":"bad_request","code":"invalid_request","message":"the Authorization header is malformed: send one, as `Bearer <key>`"}}"#;

const NOT_A_KEY: &str = r#"401
content-type: application/json
www-authenticate: Bearer realm="MemoryKit", error="invalid_token"

{"error":{"type":"authentication_error","code":"invalid_token","message":"the API key is not well-formed: copy the whole key, and nothing else"}}"#;

const UNAVAILABLE: &str = r#"503
content-type: application/json
retry-after: 1

{"error":{"type":"service_unavailable","code":"unavailable","message":"the service is not available at the moment: try again"}}"#;

const INTERNAL: &str = r#"500
content-type: application/json

{"error":{"type":"server_error","code":"internal","message":"something went wrong on the server"}}"#;

/// Records, and ids whose look-ups fail.
#[derive(Default)]
pub(crate) struct Keys {
    records: Vec<KeyRecord<Arc<str>>>,
    errors: HashMap<KeyId, fn() -> SourceError>,
    corrupt: Vec<KeyId>,
}

impl Keys {
    fn create(&mut self, scopes: Scope) -> ApiKey {
        let key = ApiKey::generate();
        self.records.push(KeyRecord::new(&key, "demo".into(), scopes));
        key
    }
}

impl Source for Keys {
    type Project = Arc<str>;
    type Cursor = u64;

    async fn look_up(&self, ids: &[KeyId]) -> Result<LookedUp<Arc<str>, u64>, SourceError> {
        if let Some(error) = ids.iter().find_map(|id| self.errors.get(id)) {
            return Err(error());
        }
        let records = self.records.iter().filter(|record| ids.contains(&record.id)).cloned().collect();
        let corrupt = self.corrupt.iter().filter(|id| ids.contains(id)).copied().collect();
        Ok(LookedUp { records, corrupt, cursor: 0 })
    }

    async fn changes_since(&self, _: Option<&u64>) -> Result<Changes<u64>, SourceError> {
        Ok(Changes { changed: Changed::Keys(Vec::new()), cursor: 0 })
    }

    async fn record_uses(&self, _: &[(KeyId, UnixTime)]) -> Result<Vec<KeyId>, SourceError> {
        Ok(Vec::new())
    }
}

/// The values of a request's `Authorization` headers, and the response to the request.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<String>,
    pub(crate) response: &'static str,
}

pub(crate) struct World {
    pub(crate) verifier: Verifier<Keys>,
    /// A key that may read.
    pub(crate) reader: ApiKey,
    /// A key that may write, but not read.
    pub(crate) writer: ApiKey,
    pub(crate) rows: Vec<Row>,
}

impl World {
    /// Returns the rows, which are all refused where `memories:read` is required. Needs a tokio runtime.
    pub(crate) fn new() -> Self {
        let mut keys = Keys::default();
        let [reader, writer] = [Scope::READ, Scope::WRITE].map(|scopes| keys.create(scopes));
        let revoked = keys.create(Scope::READ);
        keys.records.last_mut().unwrap().revoke(UnixTime::from_secs(0));
        let [corrupt, busy, unavailable, unexpected] = [(); 4].map(|()| ApiKey::generate());
        keys.corrupt.push(corrupt.id());
        keys.errors.insert(busy.id(), || SourceError::Busy);
        keys.errors.insert(unavailable.id(), || SourceError::Unavailable("the host is gone".into()));
        keys.errors.insert(unexpected.id(), || SourceError::Unexpected("no such table".into()));

        let text = reader.expose_secret().to_owned();
        let row = |name, values: &[&str], response| {
            let values = values.iter().map(|value| value.to_string()).collect();
            Row { name, values, response }
        };
        let of_key = |name, key: &ApiKey, response| row(name, &[&bearer(key)], response);
        let rows = vec![
            row("no header", &[], MISSING),
            row("an empty header", &[" "], MISSING),
            row("another scheme", &["Basic dXNlcjpwYXNz"], MISSING),
            row("two headers", &[&bearer(&reader), &bearer(&reader)], MALFORMED),
            row("two tokens", &[&format!("Bearer {text} {text}")], MALFORMED),
            row("no token", &["Bearer"], MALFORMED),
            row("a key that is cut off", &[&format!("Bearer {}", &text[..51])], NOT_A_KEY),
            of_key("an unknown key", &ApiKey::generate(), UNKNOWN),
            of_key("a revoked key", &revoked, UNKNOWN),
            of_key("a key without the scope", &writer, NO_SCOPE),
            of_key("a busy database", &busy, UNAVAILABLE),
            of_key("a database that is gone", &unavailable, UNAVAILABLE),
            of_key("a corrupt row", &corrupt, INTERNAL),
            of_key("a missing table", &unexpected, INTERNAL),
        ];
        Self { verifier: Verifier::new(keys, Options::default()), reader, writer, rows }
    }
}

pub(crate) fn bearer(key: &ApiKey) -> String {
    format!("Bearer {}", key.expose_secret())
}

pub(crate) fn request<B: Default>(values: &[String]) -> Request<B> {
    let request =
        values.iter().fold(Request::builder(), |request, value| request.header(AUTHORIZATION, value));
    request.body(B::default()).unwrap()
}

pub(crate) fn request_with<B: Default>(key: &ApiKey) -> Request<B> {
    request(&[bearer(key)])
}

/// Writes a whole response: the status, the sorted headers and the body.
pub(crate) fn whole<B: AsRef<[u8]>>(response: &Response<B>) -> String {
    let body = str::from_utf8(response.body().as_ref()).unwrap();
    format!("{}\n{}\n{body}", response.status().as_u16(), headers(response.headers()))
}

fn headers(headers: &HeaderMap) -> String {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\n", value.to_str().unwrap())
    };
    let mut lines: Vec<String> = headers.iter().map(line).collect();
    lines.sort();
    lines.concat()
}
