//! Many peer connections behind one socket.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use drywire::jsep::DescriptionType;
use drywire::{ConnectionState, Endpoint, EndpointConfig, Event, Path, PeerId, Transmit};
use drywire_sim::{Link, Network, Node, NodeId, Outcome, Probability};

use crate::harness::{CONFIG, Manner, Peer, address, binary, open, pass, text};

/// A server: an endpoint whose channels echo.
struct Server {
    endpoint: Endpoint,
    unsent: Vec<(PeerId, drywire::datachannel::ChannelId, drywire::datachannel::Message)>,
    ended: Vec<PeerId>,
}

impl Server {
    fn echo(&mut self, now: Instant, peer: PeerId, id: drywire::datachannel::ChannelId) {
        let Some(mut connection) = self.endpoint.peer_mut(peer) else { return };
        let Some(mut channel) = connection.channel(id) else { return };
        while let Some(message) = channel.read() {
            if channel.write(now, message.clone()).is_err() {
                self.unsent.push((peer, id, message));
                return;
            }
        }
    }
}

enum Host {
    Server(Box<Server>),
    Client(Box<Peer>),
}

impl Host {
    fn server(&mut self) -> &mut Server {
        match self {
            Self::Server(server) => server,
            Self::Client(_) => panic!("a client"),
        }
    }

    fn client(&mut self) -> &mut Peer {
        match self {
            Self::Client(peer) => peer,
            Self::Server(_) => panic!("the server"),
        }
    }

    fn peer(&self) -> &Peer {
        match self {
            Self::Client(peer) => peer,
            Self::Server(_) => panic!("the server"),
        }
    }
}

impl Node for Host {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        match self {
            Self::Server(server) => server.endpoint.handle_input(now, path, datagram),
            Self::Client(peer) => peer.handle_input(now, path, datagram),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Server(server) => server.endpoint.handle_timeout(now),
            Self::Client(peer) => peer.handle_timeout(now),
        }
    }

    fn react(&mut self, now: Instant) {
        let server = match self {
            Self::Server(server) => server,
            Self::Client(peer) => return peer.react(now),
        };
        while let Some((id, event)) = server.endpoint.poll_event() {
            match event {
                Event::DataChannelReadable(channel) => server.echo(now, id, channel),
                Event::DataChannelBufferedAmountLow(channel) => {
                    for (peer, channel, message) in std::mem::take(&mut server.unsent) {
                        if let Some(mut connection) = server.endpoint.peer_mut(peer)
                            && let Some(mut handle) = connection.channel(channel)
                            && handle.write(now, message.clone()).is_err()
                        {
                            server.unsent.push((peer, channel, message));
                        }
                    }
                    server.echo(now, id, channel);
                }
                Event::Closed { .. } | Event::ConnectionStateChanged(ConnectionState::Failed) => {
                    server.endpoint.remove(id);
                    server.ended.push(id);
                }
                _ => {}
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Server(server) => server.endpoint.poll_transmit(now, out),
            Self::Client(peer) => peer.poll_transmit(now, out),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Server(server) => server.endpoint.poll_timeout(),
            Self::Client(peer) => peer.poll_timeout(),
        }
    }
}

fn server(max_peers: usize) -> (Network<Host>, NodeId) {
    let now = drywire_sim::origin();
    let mut network = Network::new(now, [50; 32]);
    let mut config = EndpointConfig::default();
    config.max_peers = max_peers;
    let mut endpoint = Endpoint::new(config, now, [51; 32]);
    endpoint.add_local_address(now, address(1));
    let server = Server { endpoint, unsent: Vec::new(), ended: Vec::new() };
    let id = network.add(Host::Server(Box::new(server)), &[address(1)]);
    (network, id)
}

fn connect(
    network: &mut Network<Host>,
    server: NodeId,
    host: u8,
) -> (NodeId, PeerId, drywire::datachannel::ChannelId) {
    let now = network.now();
    let mut peer = Peer::new(&CONFIG, Manner::Keep, host, [host; 32], now);
    let channel = open(&mut peer, now, "first", true);
    let offer = peer.offer(now);
    let endpoint = &mut network[server].server().endpoint;
    let id = endpoint.create_peer(now, CONFIG.clone()).expect("room for a peer");
    let answer = endpoint.peer_mut(id).expect("the peer").accept_offer(now, &offer).expect("an answer");
    peer.take(now, DescriptionType::Answer, &answer);
    (network.add(Host::Client(Box::new(peer)), &[address(host)]), id, channel)
}

#[test]
fn each_peer_gets_its_own_messages_back() {
    let (mut network, id) = server(100);
    network.set_default_link(Link::new().delay(Duration::from_millis(10)).loss(Probability::percent(5)));
    let clients: Vec<_> = (2..22).map(|host| (host, connect(&mut network, id, host))).collect();
    for (host, (client, _, channel)) in &clients {
        let now = network.now();
        network[*client].client().send(now, *channel, text(format!("I am {host}")));
        network[*client].client().send(now, *channel, binary(20_000 + usize::from(*host)));
    }
    let reached = network.run_until(
        |network| {
            clients
                .iter()
                .all(|(_, (client, _, channel))| network[*client].peer().messages(*channel).len() == 2)
        },
        Duration::from_secs(120),
    );
    assert_eq!(reached, Outcome::Reached);
    for (host, (client, _, channel)) in &clients {
        let expected = [text(format!("I am {host}")), binary(20_000 + usize::from(*host))];
        assert_eq!(network[*client].peer().messages(*channel), expected);
    }
}

#[test]
fn closed_and_vanished_peers_are_freed_and_their_names_are_not_used_again() {
    let (mut network, id) = server(2);
    network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let (closing, closing_id, _) = connect(&mut network, id, 2);
    let (vanishing, vanishing_id, _) = connect(&mut network, id, 3);
    pass(&mut network, Duration::from_secs(2));
    let now = network.now();
    assert!(network[id].server().endpoint.create_peer(now, CONFIG.clone()).is_err());
    network[closing].client().connection.close(now);
    network.set_link(vanishing, id, Link::down());
    pass(&mut network, Duration::from_secs(60));
    let server = network[id].server();
    assert_eq!(server.ended, [closing_id, vanishing_id]);
    assert!(server.endpoint.is_empty());
    assert_eq!(server.endpoint.poll_timeout(), None);
    let (_, next, _) = connect(&mut network, id, 4);
    assert!(next != closing_id && next != vanishing_id);
    assert!(network[id].server().endpoint.peer(closing_id).is_none());
}

#[test]
fn a20_datagrams_of_strangers_and_of_other_sessions_change_nothing() {
    let (mut network, id) = server(100);
    network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let clients: Vec<_> = (2..6).map(|host| connect(&mut network, id, host)).collect();
    // What one client sends comes from the others' addresses, too.
    let mut echoes = Vec::new();
    for _ in 0..20 {
        pass(&mut network, Duration::from_millis(50));
        for host in 2..6_u8 {
            for stranger in 2..10 {
                let path = Path::udp(address(stranger), address(1));
                for first in [0x00, 0x16, 0x2e, 0x80, 0xff] {
                    echoes.push((path, vec![first; 20 + usize::from(host)]));
                }
            }
        }
        for (path, datagram) in echoes.drain(..) {
            network.inject(path, &datagram);
        }
    }
    for (client, _, channel) in &clients {
        let now = network.now();
        network[*client].client().send(now, *channel, text("still here"));
    }
    let reached = network.run_until(
        |network| {
            clients.iter().all(|(client, _, channel)| network[*client].peer().messages(*channel).len() == 1)
        },
        Duration::from_secs(10),
    );
    assert_eq!(reached, Outcome::Reached);
}

/// The path in use is checked for consent with the credentials of before, until a restart has completed: however often one is
/// begun before that.
#[test]
fn restarts_that_are_begun_again_and_again_cut_nothing() {
    let (mut network, id) = server(10);
    network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let (client, peer, channel) = connect(&mut network, id, 2);
    pass(&mut network, Duration::from_secs(2));
    for _ in 0..5 {
        let now = network.now();
        let connection = &mut network[client].client().connection;
        connection.restart_ice(now);
        let offer = connection.create_offer(now).expect("an offer");
        connection.set_local_description(now, DescriptionType::Offer, &offer).expect("our own offer");
        connection.set_local_description(now, DescriptionType::Rollback, &offer).expect("and taken back");
        let mut server = network[id].server().endpoint.peer_mut(peer).expect("the peer");
        let before = server.ice().local_credentials().clone();
        server.set_remote_description(now, DescriptionType::Offer, &offer).expect("the offer is taken");
        assert_ne!(*server.ice().local_credentials(), before);
    }
    pass(&mut network, Duration::from_secs(100));
    assert!(network[client].peer().is_connected());
    let server = network[id].server().endpoint.peer(peer).expect("the peer");
    assert_eq!(server.connection_state(), ConnectionState::Connected);
    assert!(
        !network[client]
            .peer()
            .events
            .iter()
            .any(|event| matches!(event, Event::ConnectionStateChanged(ConnectionState::Disconnected)))
    );
    let now = network.now();
    network[client].client().send(now, channel, text("still here"));
    pass(&mut network, Duration::from_secs(1));
    assert_eq!(network[client].peer().messages(channel).len(), 1);
}

/// A peer can name any address for its own. While the one who lives there is not connected yet, checks to it for the other lead
/// nobody astray for longer than their answers take.
#[test]
fn a_peer_that_names_the_address_of_another_does_not_keep_it_away() {
    for wait in [0, 50, 100, 150, 200, 250, 300] {
        let (mut network, id) = server(10);
        network.set_default_link(Link::new().delay(Duration::from_millis(150)));
        let (client, ..) = connect(&mut network, id, 2);
        pass(&mut network, Duration::from_millis(wait));
        let now = network.now();
        let mut hostile = Peer::new(&CONFIG, Manner::Keep, 3, [3; 32], now);
        open(&mut hostile, now, "first", true);
        let offer = hostile.connection.create_offer(now).expect("an offer").to_string();
        let named = offer.replace(&address(3).ip().to_string(), &address(2).ip().to_string());
        assert_ne!(offer, named);
        let endpoint = &mut network[id].server().endpoint;
        let peer = endpoint.create_peer(now, CONFIG.clone()).expect("room for a peer");
        let named = named.parse().expect("an offer");
        endpoint.peer_mut(peer).expect("the peer").accept_offer(now, &named).expect("an answer");
        let reached =
            network.run_until(|network| network[client].peer().is_connected(), Duration::from_secs(8));
        assert_eq!(reached, Outcome::Reached, "after {wait} ms");
    }
}
