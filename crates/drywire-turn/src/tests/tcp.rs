use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Protocol};
use drywire_sim::origin;
use drywire_stun::attributes::{ConnectionId, DontFragment, EvenPort, RequestedTransport, XorPeerAddress};
use drywire_stun::{Class, Message, MessageBuilder, Method};

use super::world::*;
use crate::client::{self, Client, PeerRefusal, RelayedTransport};
use crate::server::{self, Server};
use crate::{CommandError, SendError};

const RELAYED: &str = "198.51.100.1:50000";

fn tcp_config() -> server::Config {
    let mut config = server_config();
    config.tcp_allocations = true;
    config
}

/// Client and server, with streams between them that keep what is sent in its order.
struct Pair {
    now: Instant,
    client: Client,
    server: Server,
    heard: Vec<client::Event>,
    asked: Vec<server::Event>,
}

impl Pair {
    fn new(config: server::Config) -> Self {
        let now = origin();
        let mut client = client_config(Protocol::Tcp);
        client.transport = RelayedTransport::Tcp;
        let client = Client::new(client, now, [1; 32]);
        let server = Server::new(config, now, [2; 32]).unwrap();
        let mut pair = Self { now, client, server, heard: Vec::new(), asked: Vec::new() };
        pair.run();
        pair
    }

    /// Carries what there is to carry.
    fn run(&mut self) {
        let mut out = Vec::new();
        loop {
            out.clear();
            if let Some(transmit) = self.client.poll_transmit(self.now, &mut out) {
                self.server.handle_input(self.now, transmit.path.reversed(), BytesMut::from(&*out));
            } else if let Some(transmit) = self.server.poll_transmit(self.now, &mut out) {
                self.client.handle_input(self.now, transmit.path.reversed(), BytesMut::from(&*out));
            } else {
                break;
            }
            while let Some(event) = self.server.poll_event() {
                if let server::Event::RelayWanted { allocation, transport, .. } = event {
                    assert_eq!(transport, Protocol::Tcp);
                    self.server.relay_opened(self.now, allocation, address(RELAYED)).unwrap();
                } else {
                    self.asked.push(event);
                }
            }
        }
        self.heard.extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    /// Connects to a peer, and answers for the adapter.
    fn connect(&mut self, peer: &str, works: bool) -> ConnectionId {
        self.client.connect(self.now, address(peer)).unwrap();
        self.run();
        let Some(server::Event::ConnectWanted { connection, relayed, peer: to }) = self.asked.pop() else {
            panic!("{:?}", self.heard)
        };
        assert_eq!((relayed, to), (address(RELAYED), address(peer)));
        let result = if works {
            self.server.connected(self.now, connection)
        } else {
            self.server.connect_failed(self.now, connection)
        };
        result.unwrap();
        self.run();
        connection
    }
}

fn data_path() -> Path {
    Path { local: address("203.0.113.1:4001"), ..client_path(Protocol::Tcp) }
}

#[test]
fn a_connection_is_made_and_taken_over() {
    let mut pair = Pair::new(tcp_config());
    let peer = address(PEER);
    assert!(pair.client.allocation().is_some());
    // There are no datagrams.
    let path = Path::udp(address(RELAYED), peer);
    assert_eq!(pair.client.send(pair.now, path, b"x"[..].into()), Err(SendError::NoAllocation));
    assert_eq!(pair.client.bind_channel(pair.now, peer), Err(CommandError::TooMany));
    let connection = pair.connect(PEER, true);
    let ready = client::Event::ConnectionReady { connection, peer, incoming: false };
    assert_eq!(pair.heard.pop(), Some(ready));
    let unknown = ConnectionId(connection.0 ^ 1);
    assert_eq!(pair.client.bind_connection(pair.now, unknown, data_path()), Err(CommandError::Unknown));
    let first = client_path(Protocol::Tcp);
    assert_eq!(pair.client.bind_connection(pair.now, connection, first), Err(CommandError::State));
    pair.client.bind_connection(pair.now, connection, data_path()).unwrap();
    // The nonce is good for all connections of the client. What follows the request and the response in the same read is data.
    let mut out = Vec::new();
    let transmit = pair.client.poll_transmit(pair.now, &mut out).unwrap();
    assert_eq!(transmit.path, data_path());
    out.extend(b"to the peer");
    pair.server.handle_input(pair.now, data_path().reversed(), BytesMut::from(&*out));
    let bound = server::Event::ConnectionBound { connection, path: data_path().reversed() };
    assert_eq!(pair.server.poll_event(), Some(bound));
    assert_eq!(pair.server.take_pending(connection), b"to the peer"[..]);
    out.clear();
    let transmit = pair.server.poll_transmit(pair.now, &mut out).unwrap();
    assert_eq!(transmit.path, data_path().reversed());
    out.extend(b"from the peer");
    for byte in out {
        pair.client.handle_input(pair.now, data_path(), BytesMut::from(&[byte][..]));
    }
    let bound = client::Event::ConnectionBound { connection, path: data_path() };
    assert_eq!(pair.client.poll_event(), Some(bound));
    assert_eq!(pair.client.take_pending(connection), b"from the peer"[..]);
    // The end of one is the end of the other; the end of the allocation is the end of all.
    let other = pair.connect("203.0.113.98:7", true);
    pair.server.disconnected(pair.now, data_path().reversed());
    assert_eq!(pair.server.poll_event(), Some(server::Event::ConnectionReleased { connection }));
    pair.client.close(pair.now);
    pair.run();
    assert!(pair.asked.contains(&server::Event::ConnectionReleased { connection: other }));
    let released = server::Event::RelayReleased { relayed: address(RELAYED), transport: Protocol::Tcp };
    assert!(pair.asked.contains(&released));
    assert_eq!((pair.server.allocations(), pair.server.poll_timeout()), (0, None));
    assert_eq!(pair.heard.last(), Some(&client::Event::Closed));
}

#[test]
fn who_cannot_be_reached_is_told_of() {
    let mut pair = Pair::new(tcp_config());
    let refused = |pair: &mut Pair, peer: &str, reason| {
        let failed = client::Event::ConnectFailed { peer: address(peer), reason };
        assert_eq!(pair.heard.pop(), Some(failed));
    };
    pair.connect(PEER, false);
    refused(&mut pair, PEER, PeerRefusal::Unreachable);
    // The adapter may take half a minute.
    pair.client.connect(pair.now, address(PEER)).unwrap();
    pair.run();
    pair.now += Duration::from_secs(30);
    pair.server.handle_timeout(pair.now);
    pair.run();
    refused(&mut pair, PEER, PeerRefusal::Unreachable);
    assert!(matches!(pair.asked.pop(), Some(server::Event::ConnectionReleased { .. })));
    // And the client as long to take a connection over. Meanwhile there is no other to the same peer.
    let connection = pair.connect(PEER, true);
    assert!(matches!(pair.heard.pop(), Some(client::Event::ConnectionReady { .. })));
    pair.client.connect(pair.now, address(PEER)).unwrap();
    pair.run();
    refused(&mut pair, PEER, PeerRefusal::AlreadyConnected);
    pair.now += Duration::from_secs(30);
    pair.server.handle_timeout(pair.now);
    pair.run();
    assert_eq!(
        pair.server.poll_event().or(pair.asked.pop()),
        Some(server::Event::ConnectionReleased { connection })
    );
    pair.client.bind_connection(pair.now, connection, data_path()).unwrap();
    pair.run();
    let failed = client::Event::ConnectionFailed { connection, reason: PeerRefusal::Refused(400) };
    assert_eq!(pair.heard.pop(), Some(failed));
    // The policy holds here, too (attacks B01 to B03).
    for peer in ["127.0.0.1:80", "10.0.0.1:80", "169.254.169.254:80", "198.51.100.1:22"] {
        pair.client.connect(pair.now, address(peer)).unwrap();
        pair.run();
        refused(&mut pair, peer, PeerRefusal::Forbidden);
    }
    // Where there is no TCP, there is no allocation.
    let mut pair = Pair::new(server_config());
    let reason = client::FailureReason::UnsupportedTransport;
    assert_eq!(pair.heard.pop(), Some(client::Event::Failed { reason }));
    assert_eq!(pair.client.connect(pair.now, address(PEER)), Err(CommandError::State));
}

#[test]
fn a_peer_that_is_let_in_connects() {
    let mut pair = Pair::new(tcp_config());
    let (peer, relayed) = (address(PEER), address(RELAYED));
    assert_eq!(pair.server.accepted(pair.now, relayed, peer), Err(CommandError::State));
    assert_eq!(pair.server.accepted(pair.now, address(PEER), peer), Err(CommandError::Unknown));
    pair.client.permit(pair.now, peer.ip()).unwrap();
    pair.run();
    let connection = pair.server.accepted(pair.now, relayed, peer).unwrap();
    pair.run();
    let ready = client::Event::ConnectionReady { connection, peer, incoming: true };
    assert_eq!(pair.heard.pop(), Some(ready));
    pair.client.bind_connection(pair.now, connection, data_path()).unwrap();
    pair.run();
    assert_eq!(pair.heard.pop(), Some(client::Event::ConnectionBound { connection, path: data_path() }));
    // What nobody carries on ends.
    pair.server.handle_input(pair.now, data_path().reversed(), BytesMut::from(&[0; 65_000][..]));
    pair.server.handle_input(pair.now, data_path().reversed(), BytesMut::from(&[0; 65_000][..]));
    while let Some(event) = pair.server.poll_event() {
        pair.asked.push(event);
    }
    assert!(pair.asked.contains(&server::Event::ConnectionReleased { connection }));
    assert!(pair.asked.contains(&server::Event::Disconnect { path: data_path().reversed() }));
}

#[test]
fn what_connections_carry_is_charged_and_counted() {
    let mut config = tcp_config();
    config.max_user_bytes_per_second = Some(200_000);
    let mut pair = Pair::new(config);
    let connection = pair.connect(PEER, true);
    assert_eq!(pair.server.carry_to_peer(pair.now, connection, 1), 0, "nobody has taken it over");
    pair.client.bind_connection(pair.now, connection, data_path()).unwrap();
    pair.run();
    assert!(pair.server.is_bound(data_path().reversed()) && !pair.server.is_bound(data_path()));
    // Half a second of the rate at once, each way, and then what the rate gives.
    assert_eq!(pair.server.carry_to_peer(pair.now, connection, 60_000), 60_000);
    assert_eq!(pair.server.carry_to_peer(pair.now, connection, 60_000), 40_000);
    assert_eq!(pair.server.carry_to_peer(pair.now, connection, 60_000), 0);
    assert_eq!(pair.server.carry_to_client(pair.now, connection, 100_001), 100_000);
    pair.now += Duration::from_millis(100);
    assert_eq!(pair.server.carry_to_peer(pair.now, connection, 60_000), 20_000);
    let stats = pair.server.stats();
    let counted = (stats.connections_bound, stats.stream_bytes_to_peers, stats.stream_bytes_to_clients);
    assert_eq!(counted, (1, 120_000, 100_000));
    assert_eq!((stats.bytes_to_peers, stats.over_bandwidth), (0, 0));
    pair.server.connection_closed(pair.now, connection);
    assert_eq!(pair.server.carry_to_peer(pair.now, connection, 1), 0);
    assert!(!pair.server.is_bound(data_path().reversed()));
}

#[test]
fn b07_a_connection_belongs_to_who_made_it() {
    let mut pair = Pair::new(tcp_config());
    let connection = pair.connect(PEER, true);
    let mut bob = Raw::new("bob", 5000);
    bob.path.protocol = Protocol::Tcp;
    let bind = |request: &mut MessageBuilder<'_>| {
        request.attribute(&connection);
    };
    let now = pair.now;
    assert_eq!(bob.ask(&mut pair.server, now, Method::CONNECTION_BIND, bind).code, Some(441));
    let mut alice = Raw::new("alice", 5001);
    // Not over UDP, and not where an allocation is.
    assert_eq!(alice.ask(&mut pair.server, now, Method::CONNECTION_BIND, bind).code, Some(400));
    alice.path.protocol = Protocol::Tcp;
    assert_eq!(alice.ask(&mut pair.server, now, Method::CONNECTION_BIND, bind).code, None);
    let mut again = Raw::new("alice", 5002);
    again.path.protocol = Protocol::Tcp;
    assert_eq!(again.ask(&mut pair.server, now, Method::CONNECTION_BIND, bind).code, Some(400));
    assert_eq!(again.ask(&mut pair.server, now, Method::CONNECTION_BIND, |_| {}).code, Some(400));
    let connect = |request: &mut MessageBuilder<'_>| {
        request.attribute(&XorPeerAddress(address(PEER)));
    };
    assert_eq!(again.ask(&mut pair.server, now, Method::CONNECT, connect).code, Some(437));
}

#[test]
fn allocations_of_tcp_have_rules_of_their_own() {
    let now = origin();
    let mut server = Server::new(tcp_config(), now, [1; 32]).unwrap();
    type Fill<'a> = &'a dyn Fn(&mut MessageBuilder<'_>);
    let cases: [(Protocol, Option<u16>, Fill<'_>); 4] = [
        (Protocol::Udp, Some(400), &|_| {}),
        (Protocol::Tcp, Some(400), &|request| _ = request.attribute(&EvenPort { reserve_next: false })),
        (Protocol::Tcp, Some(420), &|request| _ = request.attribute(&DontFragment)),
        (Protocol::Tcp, None, &|_| {}),
    ];
    for (index, (protocol, code, fill)) in cases.into_iter().enumerate() {
        let mut alice = Raw::new("alice", 4000 + u16::try_from(index).unwrap());
        alice.path.protocol = protocol;
        let answer = alice.ask(&mut server, now, Method::ALLOCATE, |request| {
            request.attribute(&RequestedTransport::TCP);
            fill(request);
        });
        assert_eq!(answer.code, code, "case {index}");
        if code.is_none() {
            assert_eq!(Message::parse(&answer.bytes).unwrap().class(), Class::Success);
            let bound = alice.ask(&mut server, now, Method::CHANNEL_BIND, |request| {
                request.attribute(&drywire_stun::attributes::ChannelNumber(0x4000));
                request.attribute(&XorPeerAddress(address(PEER)));
            });
            assert_eq!(bound.code, Some(400));
        }
    }
}
