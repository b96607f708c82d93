//! The rate limit of API keys: [`RateLimit`].
//!
//! Each key has a quota for each route. A route is a method and a pattern of paths. All paths that don't exist are one
//! route.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::Response;
use ctx_key::KeyId;

use super::quota_clock::QuotaClock;
use super::sliding_window::{Counted, SlidingWindows};
use crate::clock::Clock;

/// Default maximum number of requests that a key may make to a route in a minute.
pub const DEFAULT_LIMIT: u32 = 6_000;

/// The headers of each response to a valid key, and their meanings.
pub const HEADERS: [(&str, &str); 3] = [
    ("x-ratelimit-limit", "Maximum number of requests of this key to this route in any 60 seconds."),
    ("x-ratelimit-remaining", "Number of requests that are left now."),
    (
        "x-ratelimit-reset",
        "Time when the quota is full again if no further request comes, in seconds since 1970.",
    ),
];

const LIMIT: HeaderName = HeaderName::from_static(HEADERS[0].0);
const REMAINING: HeaderName = HeaderName::from_static(HEADERS[1].0);
const RESET: HeaderName = HeaderName::from_static(HEADERS[2].0);

/// Counts the requests of valid keys, if there is a limit.
pub struct RateLimit(Option<Limit>);

struct Limit {
    /// Maximum number of requests in any 60 seconds.
    limit: u32,
    windows: SlidingWindows,
    hasher: RandomState,
    /// The clock of the windows.
    elapsed: QuotaClock,
    /// The clock of the header.
    clock: Clock,
}

/// The values of the headers of a response.
#[derive(Clone, Copy)]
struct Quota {
    limit: u32,
    remaining: u32,
    /// Time when the quota is full again if no further request comes, in seconds since 1970.
    reset: u64,
}

tokio::task_local! {
    static QUOTA: Cell<Option<Quota>>;
}

/// Adds the headers to a response if its request was counted.
pub async fn add_headers(answer: impl Future<Output = Response>) -> Response {
    let with_headers = async {
        let mut response = answer.await;
        if let Some(quota) = QUOTA.with(Cell::get) {
            let headers = response.headers_mut();
            headers.reserve(3);
            headers.insert(LIMIT, quota.limit.into());
            headers.insert(REMAINING, quota.remaining.into());
            headers.insert(RESET, HeaderValue::from(quota.reset));
        }
        response
    };
    QUOTA.scope(Cell::new(None), with_headers).await
}

impl RateLimit {
    /// Returns a limit of `limit` requests a minute. With 0, there is no limit.
    pub fn new(limit: u32, clock: &Clock) -> Self {
        Self((limit > 0).then(|| Limit {
            limit,
            windows: SlidingWindows::default(),
            hasher: RandomState::new(),
            elapsed: QuotaClock::new(clock),
            clock: clock.clone(),
        }))
    }

    /// Counts a request of a valid key, and sets the values that [`add_headers`] adds to its response.
    ///
    /// # Errors
    ///
    /// - The key has no request left for this route. Nothing is counted. The error is the number of seconds until the
    ///   key has one.
    pub fn count(&self, key: KeyId, request: &Parts) -> Result<(), u64> {
        let Some(limit) = &self.0 else { return Ok(()) };
        let (quota, refused_for) = limit.count(key, request);
        // a test of an extractor has no such cell
        let _ = QUOTA.try_with(|cell| cell.set(Some(quota)));
        refused_for.map_or(Ok(()), Err)
    }
}

impl Limit {
    /// Counts a request. Returns the quota that is left, and if the request is refused, the seconds until one passes.
    fn count(&self, key: KeyId, request: &Parts) -> (Quota, Option<u64>) {
        let path = request.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
        let id = self.hasher.hash_one((key, route_method(path, &request.method), path));
        let now = u64::try_from(self.elapsed.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Counted { left, full_in, refused_for } = self.windows.count(id, now, self.limit);
        let reset = self.clock.millis().saturating_add(full_in.into()).div_ceil(1000);
        let quota = Quota { limit: self.limit, remaining: left, reset };
        (quota, refused_for.map(|wait| u64::from(wait).div_ceil(1000)))
    }
}

/// Returns the name under which requests of a method are counted. `HEAD` counts as `GET`, because the same handler
/// answers it. On a path that does not exist, all methods count as one.
fn route_method<'m>(path: Option<&str>, method: &'m Method) -> &'m str {
    match (path, method.as_str()) {
        (None, _) => "",
        (_, "HEAD") => "GET",
        (_, method @ ("GET" | "POST" | "PUT" | "DELETE" | "PATCH")) => method,
        _ => "other",
    }
}
