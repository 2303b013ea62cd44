use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use drywire_core::{Duration, Instant, Path, Protocol, Rng, Transmit};
use drywire_sim::{Link, Network, Node, NodeId, origin};
use drywire_stun::attributes::AddressFamily;
use drywire_stun::{
    Attempt, Class, Credential, LongTerm, Message, MessageBuilder, Method, TransactionId, Verdict,
};

use crate::client::{self, Client};
use crate::server::{self, Server};

pub(super) const SERVER: &str = "198.51.100.1:3478";
pub(super) const CLIENT: &str = "203.0.113.1:4000";
pub(super) const PEER: &str = "203.0.113.99:9000";
pub(super) const PEER6: &str = "[2606:4700::99]:9000";

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn relay_address(family: AddressFamily, index: u16) -> SocketAddr {
    match family {
        AddressFamily::V4 => ([198, 51, 100, 1], 50_000 + index).into(),
        AddressFamily::V6 => SocketAddr::new("2606:4700::1".parse().unwrap(), 50_000 + index),
    }
}

/// One inhabitant of the network.
pub(super) enum Host {
    Client(Box<ClientHost>),
    Server(Box<ServerHost>),
    Peer(Peer),
}

pub(super) struct ClientHost {
    pub(super) client: Client,
    pub(super) events: Vec<client::Event>,
    pub(super) received: Vec<(Path, BytesMut)>,
    /// Into pieces of how many bytes the stream falls.
    pieces: usize,
}

pub(super) struct ServerHost {
    pub(super) server: Server,
    pub(super) released: usize,
    opened: u16,
}

/// Sends back what it gets.
#[derive(Default)]
pub(super) struct Peer {
    pub(super) received: usize,
    echo: VecDeque<(Path, BytesMut)>,
}

impl Node for Host {
    fn handle_input(&mut self, now: Instant, path: Path, mut datagram: BytesMut) {
        match self {
            Self::Client(host) => {
                let pieces = if path.protocol == Protocol::Tcp { host.pieces } else { usize::MAX };
                while !datagram.is_empty() {
                    let piece = datagram.split_to(pieces.min(datagram.len()));
                    host.client.handle_input(now, path, piece);
                }
            }
            Self::Server(host) => host.server.handle_input(now, path, datagram),
            Self::Peer(peer) => {
                peer.received += 1;
                peer.echo.push_back((path, datagram));
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Client(host) => host.client.handle_timeout(now),
            Self::Server(host) => host.server.handle_timeout(now),
            Self::Peer(_) => {}
        }
    }

    fn react(&mut self, now: Instant) {
        match self {
            Self::Client(host) => {
                host.events.extend(std::iter::from_fn(|| host.client.poll_event()));
                host.received.extend(std::iter::from_fn(|| host.client.poll_received()));
            }
            Self::Server(host) => {
                while let Some(event) = host.server.poll_event() {
                    match event {
                        server::Event::RelayWanted { allocation, family, .. } => {
                            let relayed = relay_address(family, host.opened);
                            host.opened += 1;
                            host.server.relay_opened(now, allocation, relayed).unwrap();
                        }
                        server::Event::RelayReleased { .. } => host.released += 1,
                        _ => {}
                    }
                }
            }
            Self::Peer(_) => {}
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Client(host) => host.client.poll_transmit(now, out),
            Self::Server(host) => host.server.poll_transmit(now, out),
            Self::Peer(peer) => peer.echo.pop_front().map(|(path, datagram)| {
                out.extend_from_slice(&datagram);
                Transmit::datagram(path, datagram.len())
            }),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Client(host) => host.client.poll_timeout(),
            Self::Server(host) => host.server.poll_timeout(),
            Self::Peer(_) => None,
        }
    }
}

/// A client, a server with one user, a peer.
pub(super) struct World {
    start: Instant,
    pub(super) network: Network<Host>,
    pub(super) client: NodeId,
    pub(super) server: NodeId,
    pub(super) peer: NodeId,
}

pub(super) fn server_config() -> server::Config {
    let mut config = server::Config::new(drywire_crypto_aws_lc::provider(), "example.org");
    for user in ["alice", "bob"] {
        config.users.push(credential(user));
    }
    config.peers.own = vec![address(SERVER).ip()];
    config.ipv6 = true;
    config
}

pub(super) fn client_path(protocol: Protocol) -> Path {
    Path { protocol, local: address(CLIENT), remote: address(SERVER) }
}

pub(super) fn client_config(protocol: Protocol) -> client::Config {
    let provider = drywire_crypto_aws_lc::provider();
    client::Config::new(provider, client_path(protocol), credential("alice"))
}

pub(super) fn credential(user: &str) -> Credential {
    Credential::new(user, &format!("secret of {user}")).unwrap()
}

impl World {
    pub(super) fn new(config: client::Config, server: server::Config, seed: u8) -> Self {
        let now = origin();
        let mut network = Network::new(now, [seed; 32]);
        network.set_default_link(Link::new().delay(Duration::from_millis(20)));
        let client = Client::new(config, now, [seed.wrapping_add(1); 32]);
        let host = ClientHost {
            client,
            events: Vec::new(),
            received: Vec::new(),
            pieces: 1 + usize::from(seed % 7),
        };
        let client = network.add(Host::Client(Box::new(host)), &[address(CLIENT)]);
        let mut addresses = vec![address(SERVER)];
        for index in 0..32 {
            addresses.push(relay_address(AddressFamily::V4, index));
            addresses.push(relay_address(AddressFamily::V6, index));
        }
        let server = Server::new(server, now, [seed.wrapping_add(2); 32]).unwrap();
        let server =
            network.add(Host::Server(Box::new(ServerHost { server, released: 0, opened: 0 })), &addresses);
        let peer = network.add(Host::Peer(Peer::default()), &[address(PEER), address(PEER6)]);
        Self { start: now, network, client, server, peer }
    }

    pub(super) fn now(&self) -> Instant {
        self.start + self.network.elapsed()
    }

    pub(super) fn client(&mut self) -> &mut ClientHost {
        let Host::Client(host) = &mut self.network[self.client] else { panic!("no client") };
        host
    }

    pub(super) fn server(&mut self) -> &mut ServerHost {
        let Host::Server(host) = &mut self.network[self.server] else { panic!("no server") };
        host
    }

    pub(super) fn heard_by_peer(&self) -> usize {
        let Host::Peer(peer) = &self.network[self.peer] else { panic!("no peer") };
        peer.received
    }

    pub(super) fn run(&mut self, seconds: f64) {
        let _ = self.network.run_for(Duration::from_secs_f64(seconds));
    }

    /// Sends along the relay.
    pub(super) fn send(&mut self, peer: &str, payload: &[u8]) -> Result<(), crate::SendError> {
        let (now, peer) = (self.now(), address(peer));
        let client = &mut self.client().client;
        let local = client.allocation().and_then(|allocation| allocation.relayed_for(peer));
        let path = Path::udp(local.unwrap_or_else(|| address(CLIENT)), peer);
        client.send(now, path, Bytes::copy_from_slice(payload))
    }

    /// What came back from peers since the last call.
    pub(super) fn received(&mut self) -> Vec<(Path, Vec<u8>)> {
        self.client().received.drain(..).map(|(path, datagram)| (path, datagram.to_vec())).collect()
    }
}

/// A client by hand, directly at a server: says what it likes.
pub(super) struct Raw {
    pub(super) path: Path,
    pub(super) auth: LongTerm,
    attempt: Attempt,
    rng: Rng,
    pub(super) last: Vec<u8>,
}

/// The class, the error code and the bytes of an answer.
pub(super) struct Answer {
    pub(super) code: Option<u16>,
    pub(super) bytes: Vec<u8>,
}

impl Raw {
    pub(super) fn new(user: &str, port: u16) -> Self {
        Self::with(credential(user), port)
    }

    pub(super) fn with(credential: Credential, port: u16) -> Self {
        let path = Path::udp(address(SERVER), ([203, 0, 113, 1], port).into());
        let auth = LongTerm::new(credential, path.local);
        Self { path, auth, attempt: Attempt::default(), rng: Rng::new([9; 32]), last: Vec::new() }
    }

    /// Writes a request with the credential as it is known.
    pub(super) fn sign(&mut self, out: &mut Vec<u8>, method: Method, fill: impl Fn(&mut MessageBuilder<'_>)) {
        let id = TransactionId::random(&mut self.rng);
        let mut request = MessageBuilder::new(out, Class::Request, method, id);
        fill(&mut request);
        self.auth.protect(&mut self.attempt, &mut request);
        request.fingerprint();
        request.finish().unwrap();
    }

    /// Sends a request, once more after a challenge. What is answered to a credential is signed, or refuses the credential.
    pub(super) fn ask(
        &mut self,
        server: &mut Server,
        now: Instant,
        method: Method,
        fill: impl Fn(&mut MessageBuilder<'_>),
    ) -> Answer {
        self.attempt = Attempt::default();
        for _ in 0..3 {
            let mut request = std::mem::take(&mut self.last);
            request.clear();
            self.sign(&mut request, method, &fill);
            self.last = request;
            let id = Message::parse(&self.last).unwrap().transaction_id();
            let answer = self.again(server, now).expect("an answer");
            let message = Message::parse(&answer.bytes).unwrap();
            assert_eq!(message.transaction_id(), id);
            let provider = drywire_crypto_aws_lc::provider();
            match self.auth.accept(&*provider, &mut self.attempt, &message) {
                Verdict::Retry => {}
                Verdict::Discard => panic!("answers are signed"),
                Verdict::Accepted | Verdict::Redirect { .. } | Verdict::Refused(_) => return answer,
            }
        }
        panic!("challenged again and again");
    }

    /// Sends the last request once more.
    pub(super) fn again(&mut self, server: &mut Server, now: Instant) -> Option<Answer> {
        server.handle_input(now, self.path, BytesMut::from(&*self.last));
        open_relays(server, now);
        let mut bytes = Vec::new();
        let transmit = server.poll_transmit(now, &mut bytes)?;
        assert_eq!((transmit.path, transmit.len), (self.path, bytes.len()));
        let message = Message::parse(&bytes).unwrap();
        let code = message.attribute::<drywire_stun::attributes::ErrorCode<'_>>().map(|error| error.code);
        Some(Answer { code, bytes })
    }

    /// Makes an allocation whose relayed address is the one of this index after `first`.
    pub(super) fn allocate_at(&mut self, server: &mut Server, now: Instant, first: SocketAddr, index: u32) {
        let (ip, port) = (index / 10_000, u16::try_from(index % 10_000).unwrap());
        let relayed = SocketAddr::from(([198, 51, 101, u8::try_from(ip).unwrap()], first.port() + port));
        self.attempt = Attempt::default();
        let mut out = Vec::new();
        for _ in 0..2 {
            let mut request = Vec::new();
            self.sign(&mut request, Method::ALLOCATE, |request| {
                request.attribute(&drywire_stun::attributes::RequestedTransport::UDP);
            });
            self.tell(server, now, &request);
            while let Some(event) = server.poll_event() {
                if let server::Event::RelayWanted { allocation, .. } = event {
                    server.relay_opened(now, allocation, relayed).unwrap();
                }
            }
            out.clear();
            server.poll_transmit(now, &mut out).expect("an answer");
            let message = Message::parse(&out).unwrap();
            let provider = drywire_crypto_aws_lc::provider();
            self.auth.accept(&*provider, &mut self.attempt, &message);
        }
        assert_eq!(Message::parse(&out).unwrap().class(), Class::Success);
    }

    pub(super) fn tell(&mut self, server: &mut Server, now: Instant, message: &[u8]) {
        server.handle_input(now, self.path, BytesMut::from(message));
    }

    /// Makes an allocation and returns its relayed address.
    pub(super) fn allocate(&mut self, server: &mut Server, now: Instant) -> SocketAddr {
        let answer = self.ask(server, now, Method::ALLOCATE, |request| {
            request.attribute(&drywire_stun::attributes::RequestedTransport::UDP);
        });
        assert_eq!(answer.code, None);
        let message = Message::parse(&answer.bytes).unwrap();
        message.attribute::<drywire_stun::attributes::XorRelayedAddress>().unwrap().0
    }
}

/// Gives the server what it wants, on ports that follow each other.
pub(super) fn open_relays(server: &mut Server, now: Instant) {
    while let Some(event) = server.poll_event() {
        if let server::Event::RelayWanted { allocation, family, .. } = event {
            let index = (0..2000)
                .find(|index| server.relay_opened(now, allocation, relay_address(family, *index)).is_ok());
            assert!(index.is_some());
        }
    }
}
