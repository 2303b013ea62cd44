//! The client of `drywire-turn` with an allocation of TCP (RFC 6062).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use drywire::stun::Credential;
use drywire::stun::attributes::ConnectionId;
use drywire::{Path, Protocol};
use drywire_turn::client::{Client, Config, Event, RelayedFamily, RelayedTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Stream, Transport, dial};
use crate::world::PATIENCE;

pub(crate) struct TcpClient {
    pub(crate) machine: Client,
    transport: Transport,
    server: SocketAddr,
    path: Path,
    control: Box<dyn Stream>,
    /// The connection that is being taken over.
    data: Option<(Path, Box<dyn Stream>)>,
    pub(crate) events: Vec<Event>,
    pub(crate) relayed: SocketAddr,
}

impl TcpClient {
    pub(crate) async fn allocate(transport: Transport, server: SocketAddr) -> Self {
        let mut client = Self::begin(transport, server).await;
        let relayed = |event: &Event| match event {
            Event::Allocated(allocation) => Some(allocation.relayed),
            _ => None,
        };
        client.relayed = client.until(relayed).await;
        client
    }

    /// Asks for an allocation.
    pub(crate) async fn begin(transport: Transport, server: SocketAddr) -> Self {
        let (control, local) = dial(transport, server).await;
        let path = Path { protocol: Protocol::Tcp, local, remote: server };
        let credential = Credential::new("alice", "secret").unwrap();
        let mut config = Config::new(drywire::default_provider(), path, credential);
        config.transport = RelayedTransport::Tcp;
        if server.is_ipv6() {
            config.family = RelayedFamily::V6;
        }
        let mut seed = [0; 32];
        drywire::default_provider().random(&mut seed).unwrap();
        let machine = Client::new(config, Instant::now(), seed);
        let (data, events, relayed) = (None, Vec::new(), server);
        Self { machine, transport, server, path, control, data, events, relayed }
    }

    /// Connects to a peer.
    pub(crate) async fn connect(&mut self, peer: SocketAddr) -> Box<dyn Stream> {
        self.machine.connect(Instant::now(), peer).unwrap();
        let (connection, from) = self.ready().await;
        assert_eq!(from, peer);
        self.bind(connection).await
    }

    /// Waits for a connection that can be taken over.
    pub(crate) async fn ready(&mut self) -> (ConnectionId, SocketAddr) {
        self.until(|event| match event {
            Event::ConnectionReady { connection, peer, .. } => Some((*connection, *peer)),
            _ => None,
        })
        .await
    }

    /// Takes a connection over. What came with the answer comes first.
    pub(crate) async fn bind(&mut self, connection: ConnectionId) -> Box<dyn Stream> {
        let (stream, local) = dial(self.transport, self.server).await;
        let path = Path { local, ..self.path };
        self.data = Some((path, stream));
        self.machine.bind_connection(Instant::now(), connection, path).unwrap();
        self.until(|event| match event {
            Event::ConnectionBound { connection: bound, .. } => (*bound == connection).then_some(()),
            _ => None,
        })
        .await;
        let pending = self.machine.take_pending(connection);
        let (_, stream) = self.data.take().unwrap();
        Box::new(Rest { pending, stream })
    }

    /// Lets peers at this address in.
    pub(crate) async fn permit(&mut self, peer: SocketAddr) {
        self.machine.permit(Instant::now(), peer.ip()).unwrap();
        // There is no event for it: what is asked is answered in its order.
        let refused = SocketAddr::from(([127, 0, 0, 1], 1));
        self.machine.connect(Instant::now(), refused).unwrap();
        self.until(|event| matches!(event, Event::ConnectFailed { .. }).then_some(())).await;
    }

    pub(crate) async fn close(&mut self) {
        self.machine.close(Instant::now());
        self.until(|event| (*event == Event::Closed).then_some(())).await;
    }

    /// Waits for an event, and forgets those before it.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let found =
                self.events.iter().enumerate().find_map(|(index, event)| Some((index, wanted(event)?)));
            if let Some((index, value)) = found {
                self.events.drain(..=index);
                return value;
            }
            assert!(Instant::now() < end, "it takes too long: {:?} {:?}", self.events, self.machine.stats());
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let mut out = Vec::new();
        while let Some(transmit) = self.machine.poll_transmit(Instant::now(), &mut out) {
            let stream = match &mut self.data {
                Some((path, stream)) if *path == transmit.path => stream,
                _ => &mut self.control,
            };
            stream.write_all(&out).await.unwrap();
            stream.flush().await.unwrap();
            out.clear();
        }
        let (mut buffer, mut other) = (vec![0; 2048], vec![0; 2048]);
        let control = self.control.read(&mut buffer);
        let data = async {
            match &mut self.data {
                Some((path, stream)) => (*path, stream.read(&mut other).await),
                None => std::future::pending().await,
            }
        };
        let (path, bytes) = tokio::select! {
            read = control => (self.path, &buffer[..read.unwrap()]),
            (path, read) = data => (path, &other[..read.unwrap()]),
            () = tokio::time::sleep(Duration::from_millis(20)) => (self.path, &[][..]),
        };
        if !bytes.is_empty() {
            self.machine.handle_input(Instant::now(), path, BytesMut::from(bytes));
        }
        self.machine.handle_timeout(Instant::now());
        self.events.extend(std::iter::from_fn(|| self.machine.poll_event()));
    }
}

/// A stream of which something was read already.
struct Rest {
    pending: BytesMut,
    stream: Box<dyn Stream>,
}

impl tokio::io::AsyncRead for Rest {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.pending.is_empty() {
            return std::pin::Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let most = self.pending.len().min(buffer.remaining());
        buffer.put_slice(&self.pending.split_to(most));
        std::task::Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Rest {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Starts a peer that sends back what it gets, and then ends.
pub(crate) async fn tcp_echo() -> SocketAddr {
    tcp_echo_at("127.0.0.1:0").await
}

pub(crate) async fn tcp_echo_at(address: &str) -> SocketAddr {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    address
}

/// Bytes that do not repeat soon.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from((index * 31 + index / 251) % 256).unwrap()).collect()
}

/// Sends bytes and no more, and gives what comes until the other side has sent all.
pub(crate) async fn exchange(stream: impl Stream, sent: &[u8]) -> Vec<u8> {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut received = Vec::new();
    let sending = async {
        write.write_all(sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let both = async { tokio::join!(sending, read.read_to_end(&mut received)) };
    let ((), result) = tokio::time::timeout(PATIENCE, both).await.expect("it takes too long");
    result.unwrap();
    received
}

/// Connects to a peer, and has a peer connect; with some data each way.
pub(crate) async fn connects_there_and_back(transport: Transport, server: SocketAddr) {
    let mut client = TcpClient::allocate(transport, server).await;
    let data = bytes(100_000);
    let mut stream = client.connect(tcp_echo().await).await;
    stream.write_all(&data).await.unwrap();
    stream.flush().await.unwrap();
    let mut back = vec![0; data.len()];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut back)).await.expect("it takes too long").unwrap();
    assert!(back == data);

    client.permit(client.relayed).await;
    let mut peer = TcpStream::connect(client.relayed).await.unwrap();
    // Before anybody has taken the connection over.
    peer.write_all(&data[..1000]).await.unwrap();
    let (connection, from) = client.ready().await;
    assert_eq!(from, peer.local_addr().unwrap());
    let mut stream = client.bind(connection).await;
    peer.write_all(&data[1000..]).await.unwrap();
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut back)).await.expect("it takes too long").unwrap();
    assert!(back == data);
    stream.write_all(b"so long").await.unwrap();
    stream.flush().await.unwrap();
    let mut word = [0; 7];
    tokio::time::timeout(PATIENCE, peer.read_exact(&mut word)).await.expect("it takes too long").unwrap();
    assert_eq!(&word, b"so long");
    client.close().await;
}
