//! The rest of a request's body that is unread when the response is ready.
//!
//! Many clients read no response before they have sent the whole body. So the server reads the rest before it answers,
//! within limits, and the connection can then be used again. Beyond the limits, the response says that the connection
//! ends, and the server discards the rest after the response ([`lingering`](super::lingering)).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::EXPECT;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Maximum number of bytes that are read and discarded.
const MAX_BYTES: usize = 64 << 20;

/// Maximum time to read the rest.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time to wait for the next bytes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of bodies of a server that are read and discarded at once.
pub(super) const MAX_READERS: usize = 256;

/// The body of a request, if it has one.
pub(super) struct Rest(Option<Shared>);

/// The body that the handlers read.
struct Given(Shared);

#[derive(Clone)]
struct Shared {
    body: Arc<Mutex<Incoming>>,
    /// True if the client waits for `100 Continue` (RFC 9110 §10.1.1). Reading would ask the client for a body that no
    /// handler needs.
    is_held_back: bool,
}

/// Returns the request for the handlers, and a handle to what they leave unread.
pub(super) fn keep(request: hyper::Request<Incoming>) -> (Request, Rest) {
    if request.body().is_end_stream() {
        return (request.map(Body::new), Rest(None));
    }
    let is_held_back = request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let shared = Shared { body: Arc::new(Mutex::new(body)), is_held_back };
    (Request::from_parts(head, Body::new(Given(shared.clone()))), Rest(Some(shared)))
}

impl Rest {
    /// Reads the rest, if one of the `readers` is free, and discards it. Returns whether the connection can be used
    /// again.
    pub(super) async fn read_to_end(self, readers: &Semaphore) -> bool {
        let Some(shared) = self.0 else { return true };
        if shared.body().is_end_stream() {
            return true;
        }
        let is_too_large = shared.body().size_hint().lower() > MAX_BYTES as u64;
        if shared.is_held_back || is_too_large {
            return false;
        }
        let Ok(_reader) = readers.try_acquire() else { return false };
        timeout(TIMEOUT, shared.read()).await.unwrap_or(false)
    }
}

impl Shared {
    fn body(&self) -> MutexGuard<'_, Incoming> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_frame(&self, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    /// Reads the body within the limits. Returns whether it reached the end.
    async fn read(&self) -> bool {
        let mut left = MAX_BYTES;
        loop {
            let length = match timeout(IDLE_TIMEOUT, poll_fn(|context| self.poll_frame(context))).await {
                Ok(None) => return true,
                Ok(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len),
                Ok(Some(Err(_))) | Err(_) => return false,
            };
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
    }
}

impl hyper::body::Body for Given {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.0.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body().size_hint()
    }
}
