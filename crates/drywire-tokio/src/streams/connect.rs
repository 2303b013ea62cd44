use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use drywire::{Duration, Path, Protocol};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls::Tls;

/// How long a connection may take to be established, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What the kernel may hold of a connection beyond what is on its way: the rest waits where it can still be dropped.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_LIMIT: u32 = 64 * 1024;

/// A connection that somebody wants.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// The address to connect from; with port 0, or 9 as in candidates (RFC 6544, section 4.5), from any port.
    pub(super) local: Option<SocketAddr>,
    pub(super) remote: SocketAddr,
    /// The name that the server's certificate has to carry; `None` is TCP without TLS.
    pub(super) tls: Option<Arc<str>>,
}

/// Bytes in both directions, encrypted or not.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Destination {
    /// Connects, and says over which path.
    pub(super) async fn connect(&self, tls: &Tls) -> io::Result<(Stream, Path)> {
        timeout(CONNECT_TIMEOUT, self.establish(tls)).await?
    }

    async fn establish(&self, tls: &Tls) -> io::Result<(Stream, Path)> {
        let socket = if self.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(local) = self.local {
            let port = if local.port() == 9 { 0 } else { local.port() };
            // A listener may have the port already: simultaneous open goes out from there.
            socket.set_reuseaddr(port != 0)?;
            socket.bind(SocketAddr::new(local.ip(), port))?;
        }
        let stream = socket.connect(self.remote).await?;
        prepare(&stream);
        let path = Path { protocol: Protocol::Tcp, local: stream.local_addr()?, remote: self.remote };
        let Some(name) = &self.tls else { return Ok((Stream::Plain(stream), path)) };
        let name = ServerName::try_from(name.as_ref())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "TLS knows no such name of a server"))?;
        let connector = TlsConnector::from(tls.config().await?);
        let stream = connector.connect(name.to_owned(), stream).await?;
        Ok((Stream::Tls(Box::new(stream)), path))
    }
}

/// What holds for all connections: what is written leaves at once, and does not queue in the kernel where it is too late
/// to drop it.
pub(super) fn prepare(stream: &TcpStream) {
    let mut result = stream.set_nodelay(true);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        result = result.and_then(|()| socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_LIMIT));
    }
    if let Err(error) = result {
        tracing::debug!(%error, "a connection stays slower than it could be");
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
