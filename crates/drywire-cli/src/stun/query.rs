//! The questions, over each transport.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path as FilePath;

use bytes::BytesMut;
use drywire::Path;
use drywire::stun::attributes::{ErrorCode, XorMappedAddress};
use drywire::stun::discovery::{Discovery, DiscoveryConfig, DiscoveryEvent};
use drywire::stun::{Class, Frame, Message, MessageBuilder, Method, StreamFramer, TransactionId};
use drywire_tokio::{now, tls_config};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use super::StunError;
use super::options::Way;
use super::report::{Nat, Report};
use crate::milliseconds;

/// The address, and how the NAT behaves.
pub(super) async fn udp(server: SocketAddr, report: &mut Report) -> Result<(), StunError> {
    let local = local_address(server).await.map_err(StunError::Network)?;
    let socket = UdpSocket::bind(SocketAddr::new(local, 0)).await.map_err(StunError::Network)?;
    let local = socket.local_addr().map_err(StunError::Network)?;
    report.local = Some(local);
    let mut seed = [0; 32];
    drywire::default_provider().random(&mut seed)?;
    let begin = now();
    let mut discovery = Discovery::new(DiscoveryConfig::new(local, server), begin, seed);
    let (mut out, mut buffer) = (Vec::new(), vec![0; 65_536]);
    loop {
        while let Some(transmit) = discovery.poll_transmit(now(), &mut out) {
            // What cannot be sent gets no answer: the machine finds that out.
            if let Err(error) = socket.send_to(&out, transmit.path.remote).await {
                tracing::debug!(path = %transmit.path, %error, "a request was not sent");
            }
            out.clear();
        }
        if let Some(DiscoveryEvent::Finished(found)) = discovery.poll_event() {
            report.mapped = found.mapped;
            report.nat = found.mapped.map(|_| Nat::new(&found));
            return found.mapped.map(|_| ()).ok_or(StunError::NoAnswer(Way::Udp));
        }
        let due = discovery.poll_timeout().unwrap_or_else(now);
        match timeout_at(due.into(), socket.recv_from(&mut buffer)).await {
            Ok(Ok((len, from))) => {
                let datagram = BytesMut::from(buffer.get(..len).unwrap_or_default());
                if from == server && report.rtt_ms.is_none() {
                    report.rtt_ms = Some(milliseconds(begin.elapsed()));
                }
                discovery.handle_input(now(), Path::udp(local, from), datagram);
            }
            // Nothing is there: perhaps at another of the addresses.
            Ok(Err(error)) => tracing::debug!(%error, "nothing was received"),
            Err(_) => discovery.handle_timeout(now()),
        }
    }
}

/// The address of the interface that leads to the server. Nothing is sent.
async fn local_address(server: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    Ok(socket.local_addr()?.ip())
}

pub(super) async fn tcp(server: SocketAddr, report: &mut Report) -> Result<(), StunError> {
    let stream = connect(server, report).await?;
    binding(stream, Way::Tcp, report).await
}

pub(super) async fn tls(
    server: SocketAddr,
    name: &str,
    roots: Option<&FilePath>,
    report: &mut Report,
) -> Result<(), StunError> {
    let more = match roots {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| StunError::Roots { path: path.to_owned(), error })?,
        None => Vec::new(),
    };
    let config = tls_config(&more).map_err(StunError::Tls)?;
    let name = ServerName::try_from(name.to_owned()).map_err(|_| StunError::Name(name.to_owned()))?;
    let stream = connect(server, report).await?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(StunError::Connect)?;
    binding(stream, Way::Tls, report).await
}

async fn connect(server: SocketAddr, report: &mut Report) -> Result<TcpStream, StunError> {
    let stream = TcpStream::connect(server).await.map_err(StunError::Connect)?;
    report.local = stream.local_addr().ok();
    Ok(stream)
}

/// One Binding request over a stream (RFC 8489, section 6.2.2).
async fn binding(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    way: Way,
    report: &mut Report,
) -> Result<(), StunError> {
    let mut id = [0; 12];
    drywire::default_provider().random(&mut id)?;
    let id = TransactionId::new(id);
    let mut request = Vec::new();
    let mut builder = MessageBuilder::new(&mut request, Class::Request, Method::BINDING, id);
    builder.fingerprint();
    // It has no attribute that could be too long.
    builder.finish().map_err(|_| StunError::NoAnswer(way))?;
    let begin = now();
    stream.write_all(&request).await.map_err(StunError::Network)?;
    stream.flush().await.map_err(StunError::Network)?;

    let mut framer = StreamFramer::default();
    loop {
        let mut bytes = BytesMut::with_capacity(2_048);
        if stream.read_buf(&mut bytes).await.map_err(StunError::Network)? == 0 {
            return Err(StunError::Closed);
        }
        framer.push(&mut bytes);
        while let Some(frame) = framer.next_frame().map_err(|_| StunError::NoStun)? {
            let Frame::Stun(message) = frame else { continue };
            let message = Message::parse(&message).map_err(|_| StunError::NoStun)?;
            if message.transaction_id() != id {
                continue;
            }
            report.rtt_ms = Some(milliseconds(begin.elapsed()));
            if let Some(error) = message.attribute::<ErrorCode<'_>>() {
                return Err(StunError::Refused(error.code));
            }
            let mapped = message.attribute::<XorMappedAddress>().ok_or(StunError::NoStun)?;
            report.mapped = Some(mapped.0);
            return Ok(());
        }
    }
}
