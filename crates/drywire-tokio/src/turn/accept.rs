//! Takes connections, does their handshakes, and passes them on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::{io, time::Duration};

use drywire::{Path, Protocol};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::admission::Admission;
use super::connection::Accepted;
use crate::streams::Stream;

/// How long to wait when the system has no more connections to give: out of file descriptors, mostly.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that the system holds until they are taken.
const BACKLOG: i32 = 1024;

/// Listens on an address; port 0 lets the system choose.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A server that is started again need not wait for the connections of the one before.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// How one listener takes connections.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) handshake_timeout: Duration,
    pub(super) admission: Arc<Admission>,
    pub(super) accepted: mpsc::Sender<Accepted>,
}

impl Door {
    /// Takes connections until the server is gone.
    pub(super) async fn run(self, listener: TcpListener) {
        while !self.accepted.is_closed() {
            match listener.accept().await {
                Ok((stream, remote)) => self.take(stream, remote).await,
                Err(error) => {
                    tracing::warn!(%error, "no connection can be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn take(&self, stream: TcpStream, remote: SocketAddr) {
        let Some(admitted) = self.admission.admit(remote.ip()) else {
            tracing::debug!(%remote, "too many connections");
            return;
        };
        // It is relayed as it comes: to wait for more is the client's business.
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { return };
        let path = Path { protocol: Protocol::Tcp, local, remote };
        let Some(tls) = self.tls.clone() else {
            // A server that is gone has closed the channel.
            let _ = self.accepted.send(Accepted { stream: Stream::Tcp(stream), path, admitted }).await;
            return;
        };
        let (limit, accepted) = (self.handshake_timeout, self.accepted.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(limit, tls.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let stream = Stream::Tls(Box::new(stream.into()));
                    let _ = accepted.send(Accepted { stream, path, admitted }).await;
                }
                Ok(Err(error)) => tracing::debug!(%path, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%path, "a TLS handshake took too long"),
            }
        });
    }
}
