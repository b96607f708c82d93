//! Cancels a statement of PostgreSQL.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ctx_key_verifier::postgres::Config;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::CancelToken;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;

/// Asks each host of the URL to end the statement. Those that don't run it ignore that.
///
/// PgBouncer 1.18 frees a request whose client has hung up, and closes an innocent client in its place. So this waits
/// until the server closes the connection, which tokio-postgres' own function does not.
pub(super) async fn cancel(token: CancelToken, config: &Config) {
    let Config { postgres: config, tls, .. } = config;
    for (index, host) in config.get_hosts().iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let _ = match host {
            Host::Tcp(name) => {
                let address = config.get_hostaddrs().get(index).map(ToString::to_string);
                let stream = TcpStream::connect((address.as_ref().unwrap_or(name).as_str(), port)).await;
                send(&token, stream, name, tls.clone()).await
            }
            Host::Unix(folder) => {
                let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await;
                send(&token, stream, "", tls.clone()).await
            }
        };
    }
}

async fn send<S, T>(token: &CancelToken, stream: io::Result<S>, host: &str, mut tls: T) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: MakeTlsConnect<UntilEnd<S>>,
{
    let tls = tls.make_tls_connect(host).map_err(io::Error::other)?;
    token.cancel_query_raw(UntilEnd(stream?), tls).await.map_err(io::Error::other)
}

/// A stream whose shutdown waits until the other side has closed it.
struct UntilEnd<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for UntilEnd<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for UntilEnd<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
