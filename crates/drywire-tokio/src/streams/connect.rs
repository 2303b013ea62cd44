use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use drywire::{Duration, Path, Protocol};
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::stream::Stream;
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
        let Some(name) = &self.tls else { return Ok((Stream::Tcp(stream), path)) };
        let name = ServerName::try_from(name.as_ref())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "TLS knows no such name of a server"))?;
        let connector = TlsConnector::from(tls.config().await?);
        let stream = connector.connect(name.to_owned(), stream).await?;
        Ok((Stream::Tls(Box::new(stream.into())), path))
    }
}

/// What holds for all connections: what is written leaves at once, and does not queue in the kernel where it is too late
/// to drop it.
pub(super) fn prepare(stream: &TcpStream) {
    let result = stream.set_nodelay(true);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let result = result.and_then(|()| socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_LIMIT));
    if let Err(error) = result {
        tracing::debug!(%error, "a connection stays slower than it could be");
    }
}
