//! The rest of a request's body that is unread when the response is ready.
//!
//! hyper closes a connection whose request was not read to its end, and a client that is still sending may then lose the
//! response. So the server reads the rest, within limits. Beyond them, the response says that the connection ends
//! (RFC 9112 §9.6).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::EXPECT;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use crate::http::limits::LARGEST_BODY;

/// Maximum number of bytes that are read and discarded.
const MAX_REST_BYTES: usize = 2 * LARGEST_BODY;

/// Maximum time to read them.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// The body of a request, if it has one.
pub(super) struct Rest(Option<Shared>);

/// The body that the handlers read.
struct Given(Shared);

#[derive(Clone)]
struct Shared {
    body: Arc<Mutex<Incoming>>,
    /// The client waits for `100 Continue` (RFC 9110 §10.1.1). Reading would ask for a body that nobody wants.
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
    /// Reads the rest. Returns whether the connection can be used again.
    pub(super) async fn read_to_end(self) -> bool {
        match self.0 {
            None => true,
            Some(shared) if shared.body().is_end_stream() => true,
            Some(shared) if shared.is_held_back => false,
            Some(shared) => timeout(REST_TIMEOUT, shared.read()).await.unwrap_or(false),
        }
    }
}

impl Shared {
    fn body(&self) -> MutexGuard<'_, Incoming> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_frame(&self, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    /// Returns whether the end was reached.
    async fn read(&self) -> bool {
        let mut left = MAX_REST_BYTES;
        while let Some(frame) = poll_fn(|context| self.poll_frame(context)).await {
            let length = frame.ok().and_then(|frame| frame.data_ref().map(Bytes::len)).unwrap_or(usize::MAX);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
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
