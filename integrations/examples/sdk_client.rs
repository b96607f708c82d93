//! A client that reads its key, reports at once what is wrong with it, and sends it only to the API.
//!
//! ```text
//! MEMORYKIT_API_KEY=ctx_… cargo run -p ctx-key-integrations --example sdk_client [BASE_URL]
//! ```
//!
//! | exit code | |
//! |---|---|
//! | 0 | the API accepted the key |
//! | 1 | there is no usable key, and nothing was sent |
//! | 2 | the request was refused or not delivered |
//!
//! The client never prints text from the server unchanged, because a server that repeats the request would repeat the key.

use std::process::ExitCode;
use std::time::Duration;

use ctx_key::{ApiKey, Scope};
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body, Error};

/// Default address of the server, without `/v1`.
const BASE_URL: &str = "http://127.0.0.1:8080";

fn main() -> ExitCode {
    let argument = std::env::args_os().nth(1).and_then(|argument| argument.into_string().ok());
    match run(&base_url([argument, std::env::var("MEMORYKIT_BASE_URL").ok()])) {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{}", failure.message);
            ExitCode::from(failure.exit_code)
        }
    }
}

/// Returns the first base URL that is not empty, or the default. People paste white space and quotes along with it.
pub fn base_url(given: [Option<String>; 2]) -> String {
    let is_pasted = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let mut trimmed = given.iter().flatten().map(|url| url.trim_matches(is_pasted));
    trimmed.find(|url| !url.is_empty()).unwrap_or(BASE_URL).to_owned()
}

/// A failure, as the user reads it.
#[derive(Debug)]
pub struct Failure {
    pub exit_code: u8,
    pub message: String,
}

impl Failure {
    fn not_sent(message: impl ToString) -> Self {
        Self { exit_code: 1, message: message.to_string() }
    }

    fn not_served(message: impl ToString) -> Self {
        Self { exit_code: 2, message: message.to_string() }
    }
}

/// Lists the memories with one request. A refused key is not sent again.
pub fn run(base_url: &str) -> Result<String, Failure> {
    let key = ApiKey::from_env().map_err(Failure::not_sent)?;
    let request = agent().get(memories(base_url)?).header(AUTHORIZATION, key.to_header_value());
    let response = request.call().map_err(undelivered)?;
    if response.status().is_success() && is_json(response.headers()) {
        return Ok(format!("the API accepted the key {}", key.id().masked()));
    }
    let advice = advice(&key, &response);
    Err(Failure::not_served(format!("{advice}{}", request_id(response.headers()))))
}

/// Returns an HTTP client without redirects, which could send the key to another address, and without proxies from the
/// environment, which could read a key that is sent without TLS.
fn agent() -> Agent {
    let config = Agent::config_builder().max_redirects(0).proxy(None).http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(60))).build().into()
}

/// Returns the URL of the memories. Without TLS, a key must not leave the machine. `https` needs ureq's feature `rustls`.
fn memories(base_url: &str) -> Result<Uri, Failure> {
    let uri: Option<Uri> = format!("{}/v1/memories", base_url.trim_end_matches('/')).parse().ok();
    let is_safe = |uri: &Uri| match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => matches!(host, "127.0.0.1" | "[::1]" | "localhost"),
        _ => false,
    };
    let wrong = "the base URL is not an https address: over http the key is sent to this machine only";
    uri.filter(is_safe).ok_or_else(|| Failure::not_served(wrong))
}

fn undelivered(error: Error) -> Failure {
    Failure::not_served(match error {
        Error::Io(error) => format!("the server could not be reached: {}", error.kind()),
        Error::Timeout(_) => "the server did not answer in time".to_owned(),
        _ => "the request failed on the way: check the base URL".to_owned(),
    })
}

/// Message for a response of a proxy, a gateway or a sign-in page. The key is not the cause of it.
const IN_FRONT: &str = "something in front of the API answered, such as a proxy or a sign-in page; the key is not the cause: \
                        check the base URL and the network";

/// Returns what to do about a refusal.
///
/// Only the challenge shows that the API itself refused the key: a proxy also answers 401 and 403.
fn advice(key: &ApiKey, response: &Response<Body>) -> String {
    let key = key.id().masked();
    let challenge = challenge(response.headers());
    let error = challenge.as_ref().map(|challenge| challenge.error.as_deref());
    match (response.status().as_u16(), error) {
        (300..=399, _) => {
            "the server redirects, and the key is not sent there: check the base URL".to_owned()
        }
        (400, Some(Some("invalid_request"))) => {
            "the server cannot read the request: a proxy or this program is at fault, not the key".to_owned()
        }
        (401, Some(None)) => {
            "the server saw no key: something on the way removes the Authorization header".to_owned()
        }
        (401, Some(Some("invalid_token"))) => format!(
            "the API refused the key {key}: create a new one in the dashboard under API Keys, and set \
             MEMORYKIT_API_KEY to it"
        ),
        (403, Some(Some("insufficient_scope"))) => {
            format!("the key {key} may not do this: {}", lacking(challenge))
        }
        (429 | 500.., _) => "the service cannot answer at present: try again later".to_owned(),
        (200..=299 | 401 | 403 | 407, _) => IN_FRONT.to_owned(),
        (status, _) if is_json(response.headers()) => format!("the server answered {status}"),
        (status, _) => format!("the answer is {status}: {IN_FRONT}"),
    }
}

/// Returns whether the body is JSON, as every answer of the API is.
fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type
        .split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn lacking(challenge: Option<Challenge>) -> String {
    let Some(scope) = challenge.and_then(|challenge| challenge.scope) else {
        return "no scope allows it".to_owned();
    };
    match scope.parse::<Scope>() {
        Ok(scope) => format!("it needs {scope}; create a key with that in the dashboard under API Keys"),
        Err(_) => "it needs a scope that this program does not know; update the program".to_owned(),
    }
}

/// A server's `Bearer` challenge (RFC 6750 §3).
struct Challenge {
    error: Option<String>,
    scope: Option<String>,
}

fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let mut challenges = values.filter_map(|value| http_auth::parse_challenges(value).ok()).flatten();
    let bearer = challenges.find(|challenge| challenge.scheme.eq_ignore_ascii_case("Bearer"))?;
    let parameter = |name: &str| {
        let found = bearer.params.iter().find(|parameter| parameter.0.eq_ignore_ascii_case(name));
        found.map(|parameter| parameter.1.to_unescaped())
    };
    Some(Challenge { error: parameter("error"), scope: parameter("scope") })
}

/// Returns the request's id for the support, if it is `req_` and hexadecimal digits. Anything else could be the key.
fn request_id(headers: &HeaderMap) -> String {
    let value = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    let digits = value.and_then(|value| value.strip_prefix("req_")).unwrap_or_default();
    let is_id = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_id { format!(" (request req_{digits})") } else { String::new() }
}
