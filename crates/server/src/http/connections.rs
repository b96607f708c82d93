//! Connections, with limits on count, lifetime and time-outs, and graceful shutdown.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::Service;
use tracing::{debug, info, warn};

mod rest;

/// Maximum number of connections. Further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;

/// Maximum time from the first byte of a request, or the end of the one before, to the end of its headers.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum age of a connection. It is closed after its current request.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Maximum time of the last request of a connection, until its response was received.
const LAST_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum time of open requests when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers requests until `stop` completes, and then finishes open ones.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let turns = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (end, ended) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let turn = turns.clone().acquire_owned();
        let accepted = async { (turn.await, listener.accept().await) };
        let (turn, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let (router, ended) = (router.clone(), ended.clone());
                tokio::spawn(async move {
                    talk(stream, address, router, ended).await;
                    drop(turn);
                });
            }
            Err(error) => {
                // such as too many open files
                warn!(%error, "can't accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop((listener, ended));
    info!("shutting down: finishing open requests");
    // each open connection has a receiver
    end.send_replace(());
    if timeout(SHUTDOWN_TIMEOUT, end.closed()).await.is_err() {
        warn!("some requests took too long and are cut off");
    }
}

async fn talk(stream: TcpStream, address: SocketAddr, router: Router, mut ended: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let (mut request, rest) = rest::keep(request);
            request.extensions_mut().insert(ConnectInfo(address));
            let mut response =
                Service::<Request>::call(&mut router, request).await.unwrap_or_else(|never| match never {});
            if !rest.read_to_end().await {
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
    let result = tokio::select! {
        result = &mut connection => Ok(result),
        _ = timeout(MAX_AGE, ended.changed()) => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_REQUEST_TIMEOUT, connection).await
        }
    };
    if let Ok(Err(error)) = result {
        debug!(%error, "a connection ended early");
    }
}
