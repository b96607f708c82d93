//! The id of each request, for its response, its errors and its log lines, and the id of its trace, for the log.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::state::AppState;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Maximum length of an id that a proxy gives.
const MAX_LENGTH: usize = 128;

struct Ids {
    request: String,
    trace: Option<String>,
}

impl Ids {
    fn of(headers: &HeaderMap, is_behind_proxy: bool) -> Self {
        let given = |name: HeaderName| is_behind_proxy.then(|| single_value(headers, &name)).flatten();
        let request = given(X_REQUEST_ID).filter(|id| is_request_id(id)).map(str::to_owned);
        Self {
            request: request.unwrap_or_else(|| format!("req_{}", uuid::Uuid::new_v4().simple())),
            trace: given(TRACEPARENT).and_then(trace_id).map(str::to_owned),
        }
    }
}

tokio::task_local! {
    static IDS: Ids;
}

/// Returns the id of the request that this task answers.
pub fn current() -> String {
    IDS.try_with(|ids| ids.request.clone()).unwrap_or_default()
}

/// Returns the id of the trace that this task's request belongs to, if a trusted proxy named it.
pub fn trace() -> Option<String> {
    IDS.try_with(|ids| ids.trace.clone()).ok().flatten()
}

/// Gives the request an id: the one that a trusted proxy sends, or a new one. The id that a client sends could be any
/// text, so it is ignored.
pub async fn assign(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let ids = Ids::of(request.headers(), state.is_behind_proxy);
    let value = HeaderValue::try_from(&ids.request);
    let mut response = IDS.scope(ids, next.run(request)).await;
    response.headers_mut().extend(value.map(|value| (X_REQUEST_ID, value)));
    response
}

/// Returns the value of a header that occurs exactly once.
fn single_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// Returns whether a text has the length of an id and needs no escape in a log, a page or JSON.
fn is_request_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/+=@".contains(&byte);
    (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Returns the trace id of a valid `traceparent` (W3C Trace Context, level 1).
fn trace_id(text: &str) -> Option<&str> {
    let mut parts = text.splitn(5, '-');
    let mut hex = |length| {
        let digits = |part: &&str| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        parts.next().filter(digits)
    };
    let [version, trace, parent, _flags] = [hex(2)?, hex(32)?, hex(16)?, hex(2)?];
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    // a later version may add parts
    let has_valid_end = parts.next().is_none() || version != "00";
    (version != "ff" && has_valid_end && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::{is_request_id, trace_id};

    #[test]
    fn only_plain_request_ids_are_kept() {
        for valid in ["a", "0123-4567.89_~", "req:1/2+3=@", &"x".repeat(128)] {
            assert!(is_request_id(valid), "{valid}");
        }
        for invalid in ["", " a", "a b", "a\"", "<a>", "a,b", "ü", "a\\", "%20", &"x".repeat(129)] {
            assert!(!is_request_id(invalid), "{invalid}");
        }
    }

    #[test]
    fn a_trace_id_is_that_of_a_valid_traceparent() {
        let (trace, rest) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7-01");
        let zeros = "0".repeat(32);
        for (text, expected) in [
            (format!("00-{trace}-{rest}"), Some(trace)),
            (format!("cc-{trace}-{rest}"), Some(trace)),
            (format!("cc-{trace}-{rest}-what-is-new"), Some(trace)),
            (format!("00-{trace}-{rest}-more"), None),
            (format!("00-{trace}-{rest}-"), None),
            (format!("ff-{trace}-{rest}"), None),
            (format!("0-{trace}-{rest}"), None),
            (format!("00-{zeros}-{rest}"), None),
            (format!("00-{trace}-0000000000000000-01"), None),
            (format!("00-{}-{rest}", trace.to_uppercase()), None),
            (format!("00-{trace}-00f067aa0ba902b7"), None),
            (format!("00-{}-{rest}", &trace[1..]), None),
            (format!(" 00-{trace}-{rest}"), None),
            (String::new(), None),
        ] {
            assert_eq!(trace_id(&text), expected, "{text}");
        }
    }
}
