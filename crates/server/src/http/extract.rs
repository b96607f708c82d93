//! Extractors for what handlers read from a request. They refuse an invalid request with a reason.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, USER_AGENT};
use axum::http::{HeaderMap, StatusCode, Uri, request::Parts};
use ctx_key::scan::redact_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::http::api_error::ApiError;
use crate::http::limits::LARGEST_BODY;
use crate::http::state::AppState;
use crate::store::client::Client;

/// A JSON body. Its `Content-Type` is not checked here.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let bytes = read(request, state, LARGEST_BODY).await?;
        object("the body", &bytes).map(Self)
    }
}

/// A JSON body with a list of `items`. Each is read on its own by [`object`], so that an invalid item does not affect
/// the others. `T` has the schema of the body.
pub struct Items<T> {
    pub items: Vec<Box<RawValue>>,
    pub defaults: Option<Box<RawValue>>,
    schema: PhantomData<T>,
}

impl<T> FromRequest<AppState> for Items<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Body {
            items: Vec<Box<RawValue>>,
            defaults: Option<Box<RawValue>>,
        }
        let bytes = read(request, state, LARGEST_BODY).await?;
        let Body { items, defaults } = object_with_any_character("the body", &bytes)?;
        Ok(Self { items, defaults, schema: PhantomData })
    }
}

/// Reads a JSON object. Errors call it `what`.
pub fn object<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, ApiError> {
    if has_nul(json, Encoding::Json) {
        return Err(ApiError::invalid(format!(
            "{what} has a NUL character, which can't be stored: remove it"
        )));
    }
    object_with_any_character(what, json)
}

fn object_with_any_character<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, ApiError> {
    // serde would also accept an array of the fields
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::invalid(format!("{what} is not a JSON object")));
    }
    serde_json::from_slice(json).map_err(|error| ApiError::invalid(unreadable(what, &error)))
}

/// Returns a message that says why `what` can't be read.
pub fn unreadable(what: &str, error: &serde_json::Error) -> String {
    format!("{what} is not the expected JSON: {}", readable(&error.to_string()))
}

/// Returns whether there is exactly one `Content-Type`, and it is this media type, with or without parameters.
pub fn has_content_type(headers: &HeaderMap, expected: &str) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let media_type = value.to_str().ok().and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
}

/// Encoding of a text in a request.
#[derive(Clone, Copy)]
pub enum Encoding {
    Json,
    /// A path, a query or a form.
    Url,
}

/// Returns whether a text has a NUL character (U+0000). PostgreSQL can't store it, so every text of a client is
/// checked.
pub fn has_nul(text: &[u8], encoding: Encoding) -> bool {
    // in JSON, the character after a backslash may be another backslash, which does not begin an escape
    let (nul, escape, skipped): (&[u8], _, _) = match encoding {
        Encoding::Json => (br"\u0000", b'\\', 2),
        Encoding::Url => (b"%00", b'%', 1),
    };
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == escape || byte == 0) {
        rest = &rest[at..];
        if rest.starts_with(nul) || rest.starts_with(&[0]) {
            return true;
        }
        rest = rest.get(skipped..).unwrap_or_default();
    }
    false
}

/// Reason why a body was not read.
pub enum Unread {
    TooLarge,
    /// It did not arrive completely, or not in time.
    Interrupted,
}

impl From<Unread> for ApiError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::too_large(format!("the body has more than {LARGEST_BODY} bytes")),
            Unread::Interrupted => Self::timeout(),
        }
    }
}

/// Reads a body of at most `max` bytes, which is also the limit of the route. If the client waits for `100 Continue`, a
/// larger body is refused before the client sends it (RFC 9110 §10.1.1).
pub async fn read(request: Request, state: &AppState, max: usize) -> Result<Bytes, Unread> {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if headers.contains_key(EXPECT) && length.is_some_and(|length| length > max) {
        return Err(Unread::TooLarge);
    }
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Unread::TooLarge,
        _ => Unread::Interrupted,
    })
}

/// The parameters after the `?`. A parameter that is repeated with the same value, in either spelling, counts once.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        read_query(query, &without_repetitions(query)).map(Self)
    }
}

/// The parameters after the `?`, none of which may be repeated.
pub struct StrictParameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for StrictParameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        read_query(query, query).map(Self)
    }
}

/// Reads the parameters in `kept`, which is the query `sent`, with or without its repetitions.
fn read_query<T: DeserializeOwned>(sent: &str, kept: &str) -> Result<T, ApiError> {
    if has_nul(sent.as_bytes(), Encoding::Url) {
        return Err(ApiError::invalid("a parameter has a NUL character, which can't be stored: remove it"));
    }
    let unexpected = |reason: &str| {
        let reason = readable(reason);
        ApiError::invalid(format!("the parameters are not the expected ones: {reason}"))
    };
    let uri = Uri::try_from(format!("/?{kept}")).map_err(|error| unexpected(&error.to_string()))?;
    match Query::try_from_uri(&uri) {
        Ok(Query(parameters)) => Ok(parameters),
        Err(rejection) => Err(unexpected(&rejection.body_text())),
    }
}

/// Returns a query without the pairs that repeat the name, in either spelling, and the value of an earlier pair.
fn without_repetitions(query: &str) -> String {
    let mut seen = HashSet::new();
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.insert((in_snake_case(&name), value.clone())) {
            kept.append_pair(&name, &value);
        }
    }
    kept.finish()
}

fn in_snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// Returns the text of an error, which may quote the client, with keys redacted and cut to a maximum length.
fn readable(error: &str) -> String {
    redact_str(error).chars().take(400).collect()
}

/// An empty query, for calls without parameters. Unknown parameters are refused, because the client may expect them to
/// change the result.
pub struct NoParameters;

impl FromRequestParts<AppState> for NoParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        match form_urlencoded::parse(query.as_bytes()).next() {
            None => Ok(Self),
            Some((name, _)) => {
                let name = readable(&name);
                Err(ApiError::invalid(format!(
                    "unknown parameter `{name}`: this call takes none after the `?`"
                )))
            }
        }
    }
}

/// A segment of the path, percent-decoded.
pub struct Segment<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for Segment<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        // nothing has such an id
        if has_nul(parts.uri.path().as_bytes(), Encoding::Url) {
            return Err(ApiError::not_found("there is nothing at this path"));
        }
        if parts
            .uri
            .path()
            .split('/')
            .any(|segment| is_step(&segment.replace("%2e", ".").replace("%2E", ".")))
        {
            return Err(ApiError::invalid(
                "an id in the path can't be `.` or `..`, which are steps in a path: use another id",
            ));
        }
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(path)| Self(path))
            .map_err(|_| ApiError::not_found("there is nothing at this path"))
    }
}

/// Returns whether an id is a dot segment, which the HTTP library of a client removes from a path (RFC 3986 §5.2.4).
pub fn is_step(id: &str) -> bool {
    matches!(id, "." | "..")
}

/// The address of the client: the peer of the connection, or the one that the proxy in front names.
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let named = state.is_behind_proxy.then(|| forwarded(&parts.headers)).flatten();
        let connected = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        named.or_else(connected).map(Self).ok_or_else(ApiError::internal)
    }
}

impl FromRequestParts<AppState> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, state).await?;
        let user_agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        Ok(Self::new(address, user_agent))
    }
}

/// Returns the last address of `X-Forwarded-For`, which the proxy added. A client may have sent the others.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    ip_address(last.rsplit(',').next()?.trim())
}

/// Parses an address, with or without a port. An IPv6 address may be in brackets.
fn ip_address(text: &str) -> Option<IpAddr> {
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok();
    let address = text.parse().ok().or_else(|| with_port().map(|address| address.ip()));
    address.or_else(|| in_brackets().map(IpAddr::from))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_last_address_of_the_last_line_counts() {
        for (lines, expected) in [
            (&["7.7.7.7"][..], Some("7.7.7.7")),
            (&["7.7.7.7:1234"], Some("7.7.7.7")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["[2001:db8::1]"], Some("2001:db8::1")),
            (&["[2001:db8::1]:443"], Some("2001:db8::1")),
            (&["2001:db8::1:443"], Some("2001:db8::1:443")),
            (&["::ffff:7.7.7.7"], Some("::ffff:7.7.7.7")),
            (&["[::ffff:7.7.7.7]:80"], Some("::ffff:7.7.7.7")),
            (&["  7.7.7.7\t"], Some("7.7.7.7")),
            (&["8.8.8.8, 7.7.7.7"], Some("7.7.7.7")),
            (&["8.8.8.8,7.7.7.7:65535"], Some("7.7.7.7")),
            (&["unknown, [2001:db8::1]:443 "], Some("2001:db8::1")),
            (&["8.8.8.8", "7.7.7.7"], Some("7.7.7.7")),
            (&["8.8.8.8, 9.9.9.9", "6.6.6.6, 7.7.7.7"], Some("7.7.7.7")),
            (&["7.7.7.7, unknown"], None),
            (&["7.7.7.7,"], None),
            (&["7.7.7.7", ""], None),
            (&["7.7.7.7", "unknown"], None),
            (&["7.7.7.7:"], None),
            (&["7.7.7.7:65536"], None),
            (&["7.7.7.7:http"], None),
            (&["7.7.7.7 8.8.8.8"], None),
            (&["7.7.7"], None),
            (&["[7.7.7.7]"], None),
            (&["[2001:db8::1"], None),
            (&["2001:db8::1]"], None),
            (&["[]"], None),
            (&["\"7.7.7.7\""], None),
            (&["for=7.7.7.7"], None),
            (&["_hidden"], None),
            (&["7.7.7.7\u{e9}"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            assert_eq!(
                forwarded(&headers).map(|address| address.to_string()).as_deref(),
                expected,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn the_one_content_type_counts_without_its_parameters() {
        for (values, expected) in [
            (&["application/json"][..], true),
            (&["Application/JSON; charset=utf-8"], true),
            (&[" application/json ;a"], true),
            (&["application/json;"], true),
            (&["application/jsonp"], false),
            (&["text/plain; application/json"], false),
            (&["application/json, text/plain"], false),
            (&["application/json", "application/json"], false),
            (&["application/json", "text/plain"], false),
            (&["text/plain", "application/json"], false),
            (&[""], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            assert_eq!(has_content_type(&headers, "application/json"), expected, "{values:?}");
        }
    }

    #[test]
    fn a_nul_is_found_however_it_is_written() {
        for (text, in_json, in_url) in [
            ("", false, false),
            (r"\u0000", true, false),
            (r"\\u0000", false, false),
            (r"\\\u0000", true, false),
            (r"a\", false, false),
            ("%00", false, true),
            ("%%00", false, true),
            ("%2500", false, false),
            ("%0", false, false),
            ("a\0", true, true),
            ("0000", false, false),
        ] {
            let found = [Encoding::Json, Encoding::Url].map(|encoding| has_nul(text.as_bytes(), encoding));
            assert_eq!(found, [in_json, in_url], "{text:?}");
        }
    }
}
