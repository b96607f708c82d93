//! Connections, with limits on count, lifetime and time-outs, and graceful shutdown.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{sleep, timeout};
use tower::Service;
use tracing::{debug, info, warn};

use lingering::Lent;
use places::{Held, Places};

mod lingering;
mod places;
mod rest;

/// Default maximum number of connections.
pub const MAX_CONNECTIONS: usize = 4096;

/// One network may have the maximum divided by this number, unless all connections come from a proxy.
const SHARE_DIVISOR: usize = 4;

/// Maximum time from the first byte of a request, or the end of the previous request, to the end of its headers.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum age of a connection. An older one is closed after its current request.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Maximum time for the last request of a connection and its response.
const LAST_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum time for open requests to finish when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Limits on the number of connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    pub max: usize,
    /// True if all connections come from a proxy. Then one network may have all of them.
    pub is_behind_proxy: bool,
}

/// Answers requests until `stop` completes, and then finishes open ones.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) {
    let share = if limits.is_behind_proxy { limits.max } else { limits.max.div_ceil(SHARE_DIVISOR) };
    let places = Places::new(limits.max, share);
    let readers = Arc::new(Semaphore::new(rest::MAX_READERS));
    let (end, ended) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, address)) => match places.take(address.ip()) {
                Some(place) => {
                    let (router, readers) = (router.clone(), readers.clone());
                    let connection = ClientConnection { address, place, router, readers };
                    tokio::spawn(connection.run(stream, ended.clone()));
                }
                // the connection is dropped, and so closed
                None => debug!(%address, "too many connections with open requests"),
            },
            Err(error) => {
                // such as too many open files
                warn!(%error, "can't accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop((listener, ended));
    info!("shutting down: finishing open requests");
    // each open connection has a receiver, and so has each request that may change something
    end.send_replace(());
    if timeout(SHUTDOWN_TIMEOUT, end.closed()).await.is_err() {
        warn!("some requests took too long and are cut off");
    }
}

/// A request that the routes handle.
#[expect(
    clippy::large_enum_variant,
    reason = "most requests are the large one, and a box would be an allocation for each"
)]
enum Answering {
    /// A request that changes nothing. It is dropped if the client hangs up.
    Here(RouteFuture<Infallible>),
    /// A request that may change something, in a task of its own. It is handled to its end.
    Apart(JoinHandle<Result<Response, Infallible>>),
}

impl Answering {
    /// Begins to handle a request. One that may change something is handled to its end even if the client hangs up at
    /// once, before this connection is polled again: a revocation must not be lost. It keeps a receiver of `ended`, so
    /// that a server that stops waits for it.
    fn begin(mut router: Router, request: Request, ended: &watch::Receiver<()>) -> Self {
        let is_safe = request.method().is_safe();
        let response = Service::<Request>::call(&mut router, request);
        if is_safe {
            return Self::Here(response);
        }
        let ended = ended.clone();
        Self::Apart(tokio::spawn(async move {
            let response = response.await;
            drop(ended);
            response
        }))
    }

    async fn response(self) -> Response {
        let result = match self {
            Self::Here(response) => response.await,
            Self::Apart(response) => match response.await.map_err(JoinError::try_into_panic) {
                Ok(result) => result,
                Err(Ok(panic)) => resume_unwind(panic),
                // the runtime is shutting down
                Err(Err(_)) => pending().await,
            },
        };
        result.unwrap_or_else(|never| match never {})
    }
}

/// A connection with a client.
struct ClientConnection {
    address: SocketAddr,
    place: Held,
    router: Router,
    readers: Arc<Semaphore>,
}

impl ClientConnection {
    async fn run(self, stream: TcpStream, mut ended: watch::Receiver<()>) {
        let _ = stream.set_nodelay(true);
        let (stream, mut returned) = lingering::lend(stream);
        let Some(idle_timeout) = self.answer(stream, &mut ended).await else { return };
        let Ok(mut stream) = returned.try_recv() else { return };
        tokio::select! {
            () = self.place.lost() => {}
            () = lingering::close(&mut stream, idle_timeout) => {}
            _ = ended.changed() => lingering::close(&mut stream, lingering::BRIEF_IDLE_TIMEOUT).await,
        }
    }

    /// Answers the requests of a connection. Returns the idle time-out for what the client still sends, or `None` if
    /// there is no last response that the client could lose.
    async fn answer(&self, stream: Lent, ended: &mut watch::Receiver<()>) -> Option<Duration> {
        let held = ended.clone();
        let service = service_fn(|request: Request<Incoming>| {
            let open = self.place.open();
            let (mut request, rest) = rest::keep(request);
            request.extensions_mut().insert(ConnectInfo(self.address));
            let answering = Answering::begin(self.router.clone(), request, &held);
            async move {
                let _open = open;
                let mut response = answering.response().await;
                if !rest.read_to_end(&self.readers).await {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ_TIMEOUT)
            .max_buf_size(32 * 1024)
            .max_headers(64)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let end = async {
            tokio::select! {
                () = self.place.lost() => true,
                _ = timeout(MAX_AGE, ended.changed()) => false,
            }
        };
        let (result, idle_timeout) = tokio::select! {
            result = &mut connection => (result, lingering::IDLE_TIMEOUT),
            has_lost_place = end => {
                if has_lost_place && self.place.is_silent() {
                    return None;
                }
                connection.as_mut().graceful_shutdown();
                (timeout(LAST_REQUEST_TIMEOUT, connection).await.ok()?, lingering::BRIEF_IDLE_TIMEOUT)
            }
        };
        let Err(error) = result else { return Some(idle_timeout) };
        debug!(%error, "a connection ended early");
        (!error.is_timeout()).then_some(idle_timeout)
    }
}
