//! The client of `drywire-turn` on one socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use drywire::stun::Credential;
use drywire::stun::attributes::Icmp;
use drywire::{Path, Protocol};
use drywire_turn::client::{self, Event};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::world::{PATIENCE, echo};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

enum Wire {
    Datagrams(UdpSocket),
    Stream(Box<dyn Stream>),
}

impl Wire {
    async fn open(transport: Transport, server: SocketAddr) -> (Self, Path) {
        let (wire, protocol, local) = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let local = socket.local_addr().unwrap();
                (Self::Datagrams(socket), Protocol::Udp, local)
            }
            Transport::Tcp | Transport::Tls => {
                let (stream, local) = dial(transport, server).await;
                (Self::Stream(stream), Protocol::Tcp, local)
            }
        };
        (wire, Path { protocol, local, remote: server })
    }
}

pub(crate) struct Client {
    machine: client::Client,
    path: Path,
    wire: Wire,
    events: Vec<Event>,
    received: Vec<(Path, BytesMut)>,
}

/// What came of an [`exchange`].
#[derive(Debug)]
pub(crate) struct Exchanged {
    pub(crate) echoed: usize,
    pub(crate) stats: client::Stats,
}

/// Allocates, and again as one who has forgotten that, on the same port.
pub(crate) async fn comes_back(server: SocketAddr) {
    let peer = echo().await;
    for mobility in [false, true] {
        let mut client = Client::with_mobility(Transport::Udp, server, mobility).await;
        for _ in 0..3 {
            let relayed = client.allocate().await;
            client.ask(relayed, peer).await;
            client.start_again(mobility);
        }
        client.allocate().await;
        client.close().await;
    }
}

/// Allocates, has `count` datagrams of many lengths echoed by `peer`, and deletes the allocation.
pub(crate) async fn exchange(
    transport: Transport,
    server: SocketAddr,
    peer: SocketAddr,
    count: usize,
) -> Exchanged {
    let mut client = Client::connect(transport, server).await;
    let relayed = client.allocate().await;
    let path = Path::udp(relayed, peer);
    let (mut sent, mut echoed) = (0, 0);
    let end = Instant::now() + PATIENCE;
    while echoed < count && Instant::now() < end {
        // A few at a time: nothing is lost on loopback then, and most go over the channel.
        while sent < count && sent < echoed + 4 {
            let payload = Bytes::from(vec![0x16; 100 + sent % 1_100]);
            client.machine.send(Instant::now(), path, payload).unwrap();
            sent += 1;
        }
        client.step().await;
        for (from, payload) in client.received.drain(..) {
            assert_eq!(from, path);
            assert_eq!(payload, vec![0x16; 100 + echoed % 1_100]);
            echoed += 1;
        }
    }
    client.close().await;
    Exchanged { echoed, stats: client.machine.stats().clone() }
}

fn machine(path: Path, mobility: bool) -> client::Client {
    let credential = Credential::new("alice", "secret").unwrap();
    let mut config = client::Config::new(drywire::default_provider(), path, credential);
    config.mobility = mobility;
    let mut seed = [0; 32];
    drywire::default_provider().random(&mut seed).unwrap();
    client::Client::new(config, Instant::now(), seed)
}

impl Client {
    pub(crate) async fn connect(transport: Transport, server: SocketAddr) -> Self {
        Self::with_mobility(transport, server, false).await
    }

    /// Connects, and may ask for an allocation that moves.
    pub(crate) async fn with_mobility(transport: Transport, server: SocketAddr, mobility: bool) -> Self {
        let (wire, path) = Wire::open(transport, server).await;
        Self { machine: machine(path, mobility), path, wire, events: Vec::new(), received: Vec::new() }
    }

    /// As a program does that was killed and comes back on the same port: it knows of nothing.
    pub(crate) fn start_again(&mut self, mobility: bool) {
        self.machine = machine(self.path, mobility);
        self.events.clear();
        self.received.clear();
    }

    /// Goes on from another socket, or over another connection. The one before must outlive the move: with a connection that the
    /// server sees end goes its allocation.
    pub(crate) async fn go(&mut self, transport: Transport) -> impl Sized + use<> {
        let (wire, path) = Wire::open(transport, self.path.remote).await;
        self.path = path;
        self.machine.moved(Instant::now(), path).unwrap();
        std::mem::replace(&mut self.wire, wire)
    }

    /// Waits for the relayed address.
    pub(crate) async fn allocate(&mut self) -> SocketAddr {
        self.until(|client| client.machine.allocation().map(|allocation| allocation.relayed)).await
    }

    /// Sends a datagram to a peer that cannot take it, and gives the ICMP error that the server tells of.
    pub(crate) async fn unreachable(&mut self, relayed: SocketAddr, peer: SocketAddr) -> Icmp {
        self.tell(relayed, peer);
        self.until(|client| {
            client.events.iter().find_map(|event| match event {
                Event::Icmp { peer: to, icmp } if *to == peer => Some(*icmp),
                _ => None,
            })
        })
        .await
    }

    pub(crate) fn tell(&mut self, relayed: SocketAddr, peer: SocketAddr) {
        let path = Path::udp(relayed, peer);
        self.machine.send(Instant::now(), path, Bytes::from_static(b"is anybody there?")).unwrap();
    }

    /// Has a datagram echoed, sent until one comes back: while an allocation moves they go nowhere.
    pub(crate) async fn ask(&mut self, relayed: SocketAddr, peer: SocketAddr) {
        self.received.clear();
        let end = Instant::now() + PATIENCE;
        while !self.received.iter().any(|(path, _)| path.remote == peer) {
            assert!(Instant::now() < end, "it takes too long: {:?} {:?}", self.events, self.machine.stats());
            self.tell(relayed, peer);
            self.step().await;
        }
    }

    pub(crate) async fn close(&mut self) {
        self.machine.close(Instant::now());
        self.until(|client| client.events.contains(&Event::Closed).then_some(())).await;
    }

    async fn until<T>(&mut self, ready: impl Fn(&Self) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = ready(self) {
                return value;
            }
            assert!(Instant::now() < end, "it takes too long: {:?} {:?}", self.events, self.machine.stats());
            self.step().await;
        }
    }

    /// Binds a channel to a peer.
    pub(crate) async fn bind(&mut self, peer: SocketAddr) {
        self.machine.bind_channel(Instant::now(), peer).unwrap();
        let is_bound =
            |event: &Event| matches!(event, Event::ChannelBound { peer: bound, .. } if *bound == peer);
        self.until(|client| client.events.iter().any(is_bound).then_some(())).await;
    }

    /// Sends to a peer, and does not wait for anything.
    pub(crate) async fn send(&mut self, path: Path, payload: Vec<u8>) {
        self.machine.send(Instant::now(), path, Bytes::from(payload)).unwrap();
        self.flush().await;
    }

    /// Waits for data from peers.
    pub(crate) async fn receive(&mut self, count: usize) -> Vec<(Path, BytesMut)> {
        self.until(|client| (client.received.len() >= count).then_some(())).await;
        std::mem::take(&mut self.received)
    }

    /// Sends what there is, and waits for something to come, or for the next timeout.
    async fn step(&mut self) {
        self.flush().await;
        self.wait().await;
    }

    async fn flush(&mut self) {
        let mut out = Vec::new();
        while let Some(transmit) = self.machine.poll_transmit(Instant::now(), &mut out) {
            match &mut self.wire {
                Wire::Datagrams(socket) => {
                    for datagram in out.chunks(transmit.segment_size.unwrap_or(usize::MAX)) {
                        socket.send_to(datagram, transmit.path.remote).await.unwrap();
                    }
                }
                Wire::Stream(stream) => {
                    stream.write_all(&out).await.unwrap();
                    stream.flush().await.unwrap();
                }
            }
            out.clear();
        }
    }

    async fn wait(&mut self) {
        let mut buffer = vec![0; 65_536];
        let read = async {
            match &mut self.wire {
                Wire::Datagrams(socket) => socket.recv(&mut buffer).await,
                Wire::Stream(stream) => stream.read(&mut buffer).await,
            }
        };
        let wait = Duration::from_millis(20);
        if let Ok(result) = tokio::time::timeout(wait, read).await {
            let len = result.unwrap();
            assert!(len > 0, "the server closed the connection: {:?}", self.events);
            self.machine.handle_input(Instant::now(), self.path, BytesMut::from(&buffer[..len]));
        }
        self.machine.handle_timeout(Instant::now());
        self.received.extend(std::iter::from_fn(|| self.machine.poll_received()));
        self.events.extend(std::iter::from_fn(|| self.machine.poll_event()));
    }
}

/// A connection to a server, and our address of it.
pub(crate) async fn dial(transport: Transport, server: SocketAddr) -> (Box<dyn Stream>, SocketAddr) {
    let stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let local = stream.local_addr().unwrap();
    if transport == Transport::Tls { (Box::new(tls(stream).await), local) } else { (Box::new(stream), local) }
}

/// A connection to a server whose certificate nobody signed.
async fn tls(stream: TcpStream) -> tokio_rustls::client::TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let anyone = Arc::new(Anyone(provider.signature_verification_algorithms));
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(anyone)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

/// Takes every certificate: coturn and we make our own here.
#[derive(Debug)]
struct Anyone(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_schemes()
    }
}
