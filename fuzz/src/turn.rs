//! TURN: a client and a server, the bytes between them altered at will, any command at any time. Nothing spins, queues stay
//! bounded, and what a peer gets is what the client sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use drywire_core::{Path, Protocol, Reader};
use drywire_stun::Credential;
use drywire_stun::attributes::{AddressFamily, ConnectionId, Icmp};
use drywire_turn::{client, server};

/// What the client sends to peers: only this comes out at the relay, as long as nobody alters the bytes.
const CONTENT: u8 = 0x16;

/// A byte of choice, then steps: each a byte of choice and what that reads.
pub fn run(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut world = World::new(reader.u8().unwrap_or_default());
    for _ in 0..500 {
        if world.step(&mut reader).is_none() {
            break;
        }
    }
    world.pump();
}

struct World {
    now: Instant,
    path: Path,
    client: client::Client,
    server: server::Server,
    opened: u16,
    /// The TCP connections that there were.
    connections: Vec<u32>,
    /// Where the next datagram is altered, and how.
    damage: Option<(usize, u8)>,
    pure: bool,
}

impl World {
    #[allow(clippy::disallowed_methods, reason = "the time passes in steps from here")]
    fn new(choice: u8) -> Self {
        let now = Instant::now();
        let protocol = if choice & 1 == 0 { Protocol::Udp } else { Protocol::Tcp };
        let path = Path {
            protocol,
            local: ([203, 0, 113, 1], 4000).into(),
            remote: ([198, 51, 100, 1], 3478).into(),
        };
        let provider = drywire_crypto_aws_lc::provider();
        let credential = Credential::new("alice", "secret").expect("a credential");
        let mut config = client::Config::new(provider.clone(), path, credential.clone());
        config.family = match choice >> 1 & 3 {
            0 | 1 => client::RelayedFamily::V4,
            2 => client::RelayedFamily::V6,
            _ => client::RelayedFamily::Both,
        };
        config.mobility = choice & 0x10 != 0;
        if choice & 0x20 != 0 {
            config.transport = client::RelayedTransport::Tcp;
        }
        let client = client::Client::new(config, now, [1; 32]);
        let mut config = server::Config::new(provider, "example.org");
        config.users.push(credential);
        config.ipv6 = choice & 8 == 0;
        config.mobility = choice & 0x40 != 0;
        config.tcp_allocations = choice & 0x80 == 0;
        let server = server::Server::new(config, now, [2; 32]).expect("a realm");
        Self { now, path, client, server, opened: 0, connections: Vec::new(), damage: None, pure: true }
    }

    fn step(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (choice, now) = (reader.u8().ok()?, self.now);
        match choice & 7 {
            0 => self.pump(),
            1 => {
                let len = usize::from(reader.u8().ok()?);
                let peer = ([203, 0, 113, choice >> 3], 9000).into();
                let local = self.client.allocation().map_or(self.path.local, |allocation| allocation.relayed);
                let _ = self.client.send(now, Path::udp(local, peer), Bytes::from(vec![CONTENT; len]));
            }
            2 => {
                self.now += Duration::from_secs(reader.u8().ok()?.into());
                self.client.handle_timeout(self.now);
                self.server.handle_timeout(self.now);
                assert!(self.client.poll_timeout().is_none_or(|at| at > self.now), "the client spins");
                assert!(self.server.poll_timeout().is_none_or(|at| at > self.now), "the server spins");
            }
            3 => self.damage = Some((reader.u16().ok()?.into(), choice >> 3 | 1)),
            4 | 5 => {
                self.pure = false;
                let len = usize::from(reader.u8().ok()?).min(reader.remaining());
                let bytes = BytesMut::from(reader.take(len).ok()?);
                if choice & 7 == 4 {
                    self.client.handle_input(now, self.path, bytes);
                } else {
                    self.server.handle_input(now, self.path.reversed(), bytes);
                }
            }
            6 => {
                let _ = self.client.bind_channel(now, ([203, 0, 113, choice >> 3], 9000).into());
            }
            _ => self.command(choice >> 3, reader)?,
        }
        Some(())
    }

    /// Any command of either side, and what only an adapter can tell.
    fn command(&mut self, choice: u8, reader: &mut Reader<'_>) -> Option<()> {
        let (now, client) = (self.now, self.client.path());
        let relayed = self.client.allocation().map_or(client.local, |allocation| allocation.relayed);
        let peer = SocketAddr::from(([203, 0, 113, choice & 3], 9000));
        let connection = ConnectionId(self.connections.last().copied().unwrap_or_default());
        let elsewhere = Path { local: ([203, 0, 113, 1], 5000 + u16::from(choice)).into(), ..self.path };
        match choice {
            0 => self.client.close(now),
            1 => self.server.disconnected(now, client.reversed()),
            2 | 3 => drop(self.client.permit(now, peer.ip())),
            4 => drop(self.client.reconnected(now, self.path)),
            5..=8 => drop(self.client.moved(now, elsewhere)),
            9..=12 => drop(self.client.connect(now, peer)),
            13..=15 => drop(self.client.bind_connection(now, connection, elsewhere)),
            16 => {
                self.client.connection_closed(now, connection);
                let _ = self.client.take_pending(connection);
            }
            17 => {
                let granted = self.server.carry_to_peer(now, connection, 1500);
                assert!(granted <= 1500, "{granted}");
                let granted = self.server.carry_to_client(now, connection, 1500);
                assert!(granted <= 1500, "{granted}");
                self.server.connection_closed(now, connection);
                let _ = self.server.take_pending(connection);
            }
            18 => {
                let _ = self.server.connected(now, connection);
                let _ = self.server.connect_failed(now, connection);
            }
            19..=21 => {
                if let Ok(connection) = self.server.accepted(now, relayed, peer) {
                    self.connections.push(connection.0);
                }
            }
            22 => {
                let icmp = Icmp { icmp_type: reader.u8().ok()? & 0x7F, code: 1, error_data: 1280 };
                self.server.handle_icmp(now, relayed, peer, icmp);
            }
            23 => {
                let until = now + Duration::from_secs(reader.u8().ok()?.into());
                self.server.drain(now, until, vec![([198, 51, 100, 9], 3478).into()]);
            }
            24 => drop(self.server.remove_user(now, "alice")),
            25 => {
                if let Ok(user) = Credential::new("alice", "secret") {
                    self.server.add_user(&user);
                }
            }
            26 => drop(self.server.set_secrets(&["north".to_owned()])),
            // What the kernel has joined, from a peer or from the client.
            _ => {
                let (len, size) = (usize::from(reader.u16().ok()?), usize::from(reader.u8().ok()?));
                let bytes = vec![CONTENT; len];
                let path = if choice & 1 == 0 { Path::udp(relayed, peer) } else { client.reversed() };
                let (mut batch, mut out) = (&bytes[..], Vec::new());
                while let Some(transmit) = self.server.relay(now, path, &mut batch, size, &mut out) {
                    assert_eq!(transmit.len, out.len(), "all that was appended is announced");
                    out.clear();
                }
                assert!(batch.is_empty(), "something is left of a batch");
                // Over a stream those bytes are not ours.
                self.pure &= path.protocol == Protocol::Udp;
            }
        }
        Some(())
    }

    /// Carries what there is to carry; peers send everything back.
    fn pump(&mut self) {
        let (now, mut out) = (self.now, Vec::new());
        for _ in 0..200 {
            let mut idle = true;
            out.clear();
            if let Some(transmit) = self.client.poll_transmit(now, &mut out) {
                idle = false;
                self.alter(&mut out);
                self.server.handle_input(now, transmit.path.reversed(), BytesMut::from(&*out));
            }
            while let Some(event) = self.server.poll_event() {
                if let server::Event::ConnectWanted { connection, .. } = event {
                    self.connections.push(connection.0);
                    let _ = self.server.connected(now, connection);
                }
                let server::Event::RelayWanted { allocation, family, .. } = event else { continue };
                self.opened += 1;
                let relayed = match family {
                    AddressFamily::V4 => ([198, 51, 100, 1], 50_000 + self.opened).into(),
                    AddressFamily::V6 => ([0x2606, 0x4700, 0, 0, 0, 0, 0, 1], 50_000 + self.opened).into(),
                };
                let _ = self.server.relay_opened(now, allocation, relayed);
            }
            out.clear();
            if let Some(transmit) = self.server.poll_transmit(now, &mut out) {
                idle = false;
                assert_eq!(transmit.len, out.len(), "all that was appended is announced");
                for datagram in out.clone().chunks(transmit.segment_size.unwrap_or(usize::MAX)) {
                    // All peers have this port, and no client has.
                    if transmit.path.remote.port() != 9000 {
                        let mut datagram = datagram.to_vec();
                        self.alter(&mut datagram);
                        self.client.handle_input(now, transmit.path.reversed(), BytesMut::from(&*datagram));
                    } else {
                        assert!(
                            !self.pure || datagram.iter().all(|byte| *byte == CONTENT),
                            "another's bytes"
                        );
                        self.server.handle_input(now, transmit.path, BytesMut::from(datagram));
                    }
                }
            }
            while let Some((path, payload)) = self.client.poll_received() {
                assert!(
                    !self.pure || payload.iter().all(|byte| *byte == CONTENT),
                    "another's bytes from {path}"
                );
            }
            while self.client.poll_event().is_some() {}
            if idle {
                break;
            }
        }
        assert!(self.server.allocations() <= 1, "one client has one allocation");
    }

    fn alter(&mut self, datagram: &mut [u8]) {
        let Some((at, bits)) = self.damage.take() else { return };
        self.pure = false;
        if let Some(byte) = datagram.get_mut(at) {
            *byte ^= bits;
        }
    }
}
