//! Closing a connection so that the last response arrives.
//!
//! If a socket is closed while the client still sends, the connection is reset, and the client may lose the response.
//! So the server shuts down its own direction first, and discards what still comes, within limits (RFC 9112 §9.6).

use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Maximum number of bytes that are discarded: twice as many as are read before the response, to allow for the framing
/// of chunks.
const MAX_BYTES: usize = 128 << 20;

/// Maximum time to discard bytes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time to wait for the next byte.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum time to wait for the next byte on a connection that the server ends, in most cases between two requests.
pub(super) const BRIEF_IDLE_TIMEOUT: Duration = Duration::from_millis(100);

/// A socket that goes back to its owner when this is dropped, and is not closed.
pub(super) struct Lent {
    stream: Option<TcpStream>,
    owner: Option<oneshot::Sender<TcpStream>>,
}

/// Lends a socket. The receiver gets it back when the [`Lent`] is dropped.
pub(super) fn lend(stream: TcpStream) -> (Lent, oneshot::Receiver<TcpStream>) {
    let (owner, returned) = oneshot::channel();
    (Lent { stream: Some(stream), owner: Some(owner) }, returned)
}

/// Shuts down the direction to the client, and discards what the client sends until it shuts down its own.
pub(super) async fn close(stream: &mut TcpStream, idle_timeout: Duration) {
    if poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await.is_err() {
        return;
    }
    let mut left = MAX_BYTES;
    let mut buffer = vec![0; 32 * 1024];
    let discard = async {
        while let Ok(Ok(())) = timeout(idle_timeout, stream.readable()).await {
            match stream.try_read(&mut buffer) {
                Ok(length) if (1..=left).contains(&length) => left -= length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => break,
            }
        }
    };
    let _ = timeout(TIMEOUT, discard).await;
}

impl Lent {
    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(stream), Some(owner)) = (self.stream.take(), self.owner.take()) {
            // nobody waits for it if the place was lost
            let _ = owner.send(stream);
        }
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}
