//! Endpoints that find their candidates by servers, relays and names.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use drywire::datachannel::{ChannelId, ChannelOptions, Message};
use drywire::ice::mdns::Interface;
use drywire::jsep::{DescriptionType, SessionDescription};
use drywire::turn::server;
use drywire::{
    Config, ConnectionState, Endpoint, EndpointConfig, Event, IceGatheringState, IceServer,
    IceTransportPolicy, Path, PeerId, Protocol, StreamRequest, Transmit, ice,
};
use drywire_sim::{Link, Network, Node, NodeId, Outcome};

use crate::harness::{binary, config};

const TURN: [u8; 4] = [198, 51, 100, 1];
const USER: (&str, &str) = ("alice", "secret of alice");

fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, host], port))
}

/// An application with one peer connection, whose adapter opens connections at once.
struct App {
    endpoint: Endpoint,
    peer: Option<PeerId>,
    host: u8,
    ports: u16,
    refuse_connections: bool,
    connections: Vec<Path>,
    candidates: VecDeque<String>,
    errors: Vec<u16>,
    states: Vec<ConnectionState>,
    opened: Option<ChannelId>,
    received: Vec<Message>,
}

impl App {
    fn connection(&self) -> &drywire::PeerConnection {
        self.peer.and_then(|id| self.endpoint.peer(id)).expect("the peer connection")
    }

    /// How many relayed addresses there are.
    fn relays(&self) -> usize {
        let locals = self.connection().ice().local_candidates();
        locals.filter(|own| own.kind == ice::CandidateKind::Relayed).count()
    }

    fn is_connected(&self) -> bool {
        self.connection().connection_state() == ConnectionState::Connected
    }

    fn local_kind(&self) -> Option<ice::CandidateKind> {
        self.connection().stats().selected_pair.map(|pair| pair.local.kind)
    }

    fn follow(&mut self, now: Instant, request: StreamRequest) {
        match request {
            StreamRequest::Connect { id, .. } if self.refuse_connections => {
                self.endpoint.connect_failed(now, id)
            }
            StreamRequest::Connect { id, remote, .. } => {
                self.ports += 1;
                let path = Path { protocol: Protocol::Tcp, local: address(self.host, self.ports), remote };
                self.connections.push(path);
                self.endpoint.connected(now, id, path);
            }
            StreamRequest::Close { path } => self.connections.retain(|other| *other != path),
            other => panic!("{other:?}"),
        }
    }
}

/// A TURN server whose adapter opens relayed addresses at once.
struct Turn {
    server: server::Server,
    opened: u16,
}

enum Host {
    App(Box<App>),
    Turn(Box<Turn>),
}

impl Host {
    fn app(&self) -> &App {
        match self {
            Self::App(app) => app,
            Self::Turn(_) => panic!("the server"),
        }
    }

    fn app_mut(&mut self) -> &mut App {
        match self {
            Self::App(app) => app,
            Self::Turn(_) => panic!("the server"),
        }
    }

    fn turn(&mut self) -> &mut Turn {
        match self {
            Self::Turn(turn) => turn,
            Self::App(_) => panic!("an application"),
        }
    }
}

impl Node for Host {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        match self {
            Self::App(app) => app.endpoint.handle_input(now, path, datagram),
            Self::Turn(turn) => turn.server.handle_input(now, path, datagram),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::App(app) => app.endpoint.handle_timeout(now),
            Self::Turn(turn) => turn.server.handle_timeout(now),
        }
    }

    fn react(&mut self, now: Instant) {
        match self {
            Self::App(app) => {
                while let Some(request) = app.endpoint.poll_stream() {
                    app.follow(now, request);
                }
                while let Some((id, event)) = app.endpoint.poll_event() {
                    match event {
                        Event::LocalCandidate(candidate) => app.candidates.push_back(candidate.candidate),
                        Event::ConnectionStateChanged(state) => app.states.push(state),
                        Event::IceCandidateError(error) => app.errors.push(error.code),
                        Event::DataChannelOpened(channel) | Event::DataChannelAnnounced(channel) => {
                            app.opened = Some(channel);
                        }
                        Event::DataChannelReadable(channel) => {
                            let mut peer = app.endpoint.peer_mut(id).unwrap();
                            let mut channel = peer.channel(channel).unwrap();
                            app.received.extend(std::iter::from_fn(|| channel.read()));
                        }
                        _ => {}
                    }
                }
            }
            Self::Turn(turn) => {
                while let Some(event) = turn.server.poll_event() {
                    if let server::Event::RelayWanted { allocation, family, .. } = event {
                        turn.opened += 1;
                        let relayed = SocketAddr::from((TURN, 50_000 + turn.opened));
                        let result = if family == drywire::stun::attributes::AddressFamily::V4 {
                            turn.server.relay_opened(now, allocation, relayed)
                        } else {
                            turn.server.relay_unavailable(now, allocation, family)
                        };
                        result.unwrap();
                    }
                }
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::App(app) => {
                let mut transmit = app.endpoint.poll_transmit(now, out)?;
                if transmit.path.remote.ip().is_multicast() {
                    // The one other host of the link.
                    let other = HOSTS.into_iter().find(|host| *host != app.host).unwrap();
                    transmit.path.remote = address(other, 5353);
                }
                Some(transmit)
            }
            Self::Turn(turn) => turn.server.poll_transmit(now, out),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::App(app) => app.endpoint.poll_timeout(),
            Self::Turn(turn) => turn.server.poll_timeout(),
        }
    }
}

fn turn_server(now: Instant, seed: u8) -> server::Server {
    let mut config = server::Config::new(drywire::default_provider(), "example.org");
    config.users.push(drywire::stun::Credential::new(USER.0, USER.1).unwrap());
    config.peers.own = vec![TURN.into()];
    server::Server::new(config, now, [seed; 32]).unwrap()
}

/// Two applications and a TURN server, 10 ms apart.
struct World {
    network: Network<Host>,
    apps: [NodeId; 2],
    turn: NodeId,
}

const HOSTS: [u8; 2] = [10, 20];

impl World {
    fn new(change: impl Fn(&mut EndpointConfig)) -> Self {
        let now = drywire_sim::origin();
        let mut network = Network::new(now, [60; 32]);
        network.set_default_link(Link::new().delay(Duration::from_millis(10)));
        let apps = HOSTS.map(|host| {
            let mut config = EndpointConfig::default();
            change(&mut config);
            let mut app = App {
                endpoint: Endpoint::new(config, now, [host; 32]),
                peer: None,
                host,
                ports: 40_000,
                refuse_connections: false,
                connections: Vec::new(),
                candidates: VecDeque::new(),
                errors: Vec::new(),
                states: Vec::new(),
                opened: None,
                received: Vec::new(),
            };
            app.endpoint.add_local_address(now, address(host, 5000));
            let mut addresses = vec![address(host, 5000), address(host, 5353)];
            addresses.extend((40_001..40_020).map(|port| address(host, port)));
            network.add(Host::App(Box::new(app)), &addresses)
        });
        let turn = Turn { server: turn_server(now, 61), opened: 0 };
        let mut addresses: Vec<_> = (50_001..50_020).map(|port| SocketAddr::from((TURN, port))).collect();
        addresses.push((TURN, 3478).into());
        addresses.push((TURN, 5349).into());
        let turn = network.add(Host::Turn(Box::new(turn)), &addresses);
        Self { network, apps, turn }
    }

    /// Endpoints that show names in the place of addresses.
    fn with_names() -> Self {
        let mut world = Self::new(|config| {
            config.gathering.hide_hosts = true;
            config.multicast_dns = Some(ice::mdns::Config::default());
        });
        let now = world.network.now();
        for (host, app) in HOSTS.into_iter().zip(world.apps) {
            let interface = Interface { address: address(host, 5353), prefix: 24, index: 1 };
            let endpoint = &mut world.network[app].app_mut().endpoint;
            endpoint.add_multicast_interface(now, interface).unwrap();
            endpoint.remove_local_address(now, address(host, 5000));
            endpoint.add_local_address(now, address(host, 5000));
        }
        world
    }

    fn add_servers(&mut self, uri: &str) {
        let now = self.network.now();
        for app in self.apps {
            let uri: drywire::stun::ServerUri = uri.parse().unwrap();
            let addresses = vec![SocketAddr::from((TURN, uri.port()))];
            let server = if uri.scheme.is_turn() {
                IceServer::turn(uri, addresses, USER.0, USER.1)
            } else {
                IceServer::stun(uri, addresses)
            };
            self.network[app].app_mut().endpoint.add_ice_server(now, server).unwrap();
        }
    }

    /// Has both sides gather all candidates, with a server.
    fn gather(&mut self, uri: &str) {
        self.add_servers(uri);
        self.create_peers(&Arc::new(config()));
        self.run_until(is_complete);
    }

    fn create_peers(&mut self, config: &Arc<Config>) {
        let now = self.network.now();
        for app in self.apps {
            let app = self.network[app].app_mut();
            app.peer = Some(app.endpoint.create_peer(now, config.clone()).unwrap());
        }
    }

    /// Nothing goes between the hosts but by way of the server.
    fn separate(&mut self) {
        let [a, b] = self.apps;
        self.network.set_link(a, b, Link::down());
        self.network.set_link(b, a, Link::down());
    }

    fn run_until(&mut self, reached: impl Fn(&App) -> bool) {
        let apps = self.apps;
        let all = |network: &Network<Host>| apps.iter().all(|app| reached(network[*app].app()));
        let outcome = self.network.run_until(all, Duration::from_secs(60));
        assert_eq!(outcome, Outcome::Reached, "{:?}", self.describe());
    }

    fn run_for(&mut self, time: Duration) {
        let outcome = self.network.run_for(time);
        assert!(matches!(outcome, Outcome::Limit | Outcome::Idle), "{outcome:?}");
    }

    fn describe(&self) -> Vec<String> {
        let of = |app: &App| format!("{:?}", app.connection().stats());
        self.apps.iter().map(|app| of(self.network[*app].app())).collect()
    }

    /// What the first application would tell the second.
    fn offer(&mut self) -> SessionDescription {
        let now = self.network.now();
        let app = self.network[self.apps[0]].app_mut();
        let mut peer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap();
        if peer.channels().next().is_none() {
            peer.create_data_channel(now, ChannelOptions::new("x")).unwrap();
        }
        peer.create_offer(now).unwrap()
    }

    fn signal(&mut self) {
        let (now, offer) = (self.network.now(), self.offer());
        let [a, b] = self.apps;
        let app = self.network[a].app_mut();
        let mut peer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap();
        peer.set_local_description(now, DescriptionType::Offer, &offer).unwrap();
        drop(peer);
        let app = self.network[b].app_mut();
        let mut peer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap();
        let answer = peer.accept_offer(now, &offer).unwrap();
        drop(peer);
        let app = self.network[a].app_mut();
        let mut peer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap();
        peer.set_remote_description(now, DescriptionType::Answer, &answer).unwrap();
    }

    /// Brings the candidates that were found since to the other side.
    fn trickle(&mut self) {
        let now = self.network.now();
        for (from, to) in [(0, 1), (1, 0)] {
            let candidates = std::mem::take(&mut self.network[self.apps[from]].app_mut().candidates);
            let app = self.network[self.apps[to]].app_mut();
            let mut peer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap();
            for candidate in candidates {
                peer.add_remote_candidate(now, Some("0"), &candidate).unwrap();
            }
        }
    }

    fn exchange(&mut self) {
        self.run_until(|app| app.is_connected() && app.opened.is_some());
        let now = self.network.now();
        for app in self.apps {
            let app = self.network[app].app_mut();
            let mut peer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap();
            for len in [1, 1200, 60_000] {
                peer.channel(app.opened.unwrap()).unwrap().write(now, binary(len)).unwrap();
            }
        }
        self.run_until(|app| app.received.len() == 3);
        for app in self.apps {
            let lens: Vec<_> =
                self.network[app].app().received.iter().map(|message| message.data().len()).collect();
            assert_eq!(lens, [1, 1200, 60_000]);
        }
    }
}

fn is_complete(app: &App) -> bool {
    app.connection().ice_gathering_state() == IceGatheringState::Complete
}

#[test]
fn without_servers_all_candidates_are_there_at_once() {
    let mut world = World::new(|_| {});
    world.create_peers(&Arc::new(config()));
    assert!(is_complete(world.network[world.apps[0]].app()));
    world.signal();
    world.exchange();
    assert_eq!(world.network[world.apps[0]].app().local_kind(), Some(ice::CandidateKind::Host));
}

#[test]
fn hosts_that_cannot_reach_each_other_meet_at_a_relay() {
    for uri in ["turn:turn.example.org", "turn:turn.example.org?transport=tcp", "turns:turn.example.org"] {
        let mut world = World::new(|_| {});
        world.separate();
        world.add_servers(uri);
        world.create_peers(&Arc::new(config()));
        assert!(!is_complete(world.network[world.apps[0]].app()), "{uri}");
        world.run_until(is_complete);
        world.signal();
        world.exchange();
        let pair = world.apps.map(|app| world.network[app].app().local_kind());
        assert!(pair.contains(&Some(ice::CandidateKind::Relayed)), "{uri}: {pair:?}");
        let stats = world.network[world.turn].turn().server.stats().clone();
        assert_eq!(stats.allocations, 2, "{uri}");
        assert!(stats.bytes_to_peers + stats.bytes_to_clients > 120_000, "{uri}: {stats:?}");
    }
}

#[test]
fn candidates_that_come_late_are_trickled() {
    let mut world = World::new(|_| {});
    world.separate();
    world.add_servers("stun:stun.example.org");
    world.add_servers("turn:turn.example.org");
    world.create_peers(&Arc::new(config()));
    world.signal();
    let mut told = 0;
    for _ in 0..20 {
        world.run_for(Duration::from_millis(50));
        told += world.network[world.apps[0]].app().candidates.len();
        world.trickle();
    }
    assert_eq!(told, 1, "the relay's; what the STUN server sees is the host's own address");
    world.exchange();
}

#[test]
fn an_address_that_comes_after_the_end_is_used_and_not_told() {
    let mut world = World::new(|_| {});
    world.create_peers(&Arc::new(config()));
    world.signal();
    world.exchange();
    let (now, [a, b]) = (world.network.now(), world.apps);
    world.network.add_address(a, address(99, 5000));
    let app = world.network[a].app_mut();
    app.endpoint.add_local_address(now, address(99, 5000));
    app.endpoint.remove_local_address(now, address(HOSTS[0], 5000));
    for app in [a, b] {
        world.network[app].app_mut().received.clear();
    }
    world.exchange();
    let app = world.network[a].app();
    assert_eq!(app.connection().path().unwrap().local, address(99, 5000));
    assert!(app.candidates.is_empty(), "{:?}", app.candidates);
    assert!(!app.states.contains(&ConnectionState::Disconnected), "{:?}", app.states);
}

#[test]
fn who_wants_relays_only_shows_nothing_else() {
    let mut world = World::new(|_| {});
    world.add_servers("stun:stun.example.org");
    world.add_servers("turn:turn.example.org");
    let mut config = config();
    config.ice_transport_policy = IceTransportPolicy::Relay;
    world.create_peers(&Arc::new(config));
    world.run_until(is_complete);
    let offer = world.offer().to_string();
    assert!(offer.contains("typ relay"), "{offer}");
    assert!(!offer.contains("203.0.113."), "the host's address shows: {offer}");
    world.signal();
    world.exchange();
    for app in world.apps {
        assert_eq!(world.network[app].app().local_kind(), Some(ice::CandidateKind::Relayed));
    }
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again() {
    let mut world = World::new(|_| {});
    let now = world.network.now();
    let [a, _] = world.apps;
    let uri = "turn:turn.example.org".parse().unwrap();
    let server = IceServer::turn(uri, vec![(TURN, 3478).into()], USER.0, "wrong");
    world.network[a].app_mut().endpoint.add_ice_server(now, server).unwrap();
    world.create_peers(&Arc::new(config()));
    world.run_until(is_complete);
    assert_eq!(world.network[a].app().errors, [401]);
    let refused = world.network[world.turn].turn().server.stats().refused_with(401);
    world.run_for(Duration::from_secs(3600));
    assert_eq!(world.network[world.turn].turn().server.stats().refused_with(401), refused);
}

#[test]
fn a_server_that_is_away_is_found_when_it_comes_back() {
    let mut world = World::new(|_| {});
    world.network[world.apps[0]].app_mut().refuse_connections = true;
    world.gather("turn:turn.example.org?transport=tcp");
    assert_eq!(world.network[world.apps[0]].app().errors, [701]);
    world.network[world.apps[0]].app_mut().refuse_connections = false;
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.network[world.apps[0]].app().relays(), 1);

    // The connection breaks: the relay is gone, and another one comes.
    let path = world.network[world.apps[0]].app().connections[0];
    let now = world.network.now();
    world.network[world.apps[0]].app_mut().endpoint.disconnected(now, path);
    assert_eq!(world.network[world.apps[0]].app().relays(), 0);
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.network[world.apps[0]].app().relays(), 1);
}

#[test]
fn a_server_that_was_started_anew_is_asked_again_at_once() {
    let mut world = World::new(|_| {});
    world.gather("turn:turn.example.org");
    world.run_for(Duration::from_secs(10));
    let (now, turn) = (world.network.now(), world.turn);
    world.network[turn].turn().server = turn_server(now, 62);
    // The next refresh finds out.
    let mut noticed = None;
    for _ in 0..6_000 {
        world.run_for(Duration::from_millis(100));
        let now = world.network.now();
        let server = &world.network[turn].turn().server;
        if server.stats().refused_with(437) == 2 {
            noticed.get_or_insert(now);
        }
        if server.allocations() == 2 {
            break;
        }
    }
    let took = world.network.now() - noticed.expect("a refresh");
    assert!(took <= Duration::from_millis(200), "{took:?}");
    for app in world.apps {
        let app = world.network[app].app();
        assert_eq!(app.relays(), 1);
    }
}

/// Of a program that was killed, and started again on its port, the server still has the allocation.
#[test]
fn an_endpoint_that_is_started_again_on_its_port_has_its_relay_at_once() {
    let mut world = World::new(|_| {});
    world.gather("turn:turn.example.org");
    world.run_for(Duration::from_secs(10));
    let (now, turn) = (world.network.now(), world.turn);
    for node in world.apps {
        let app = world.network[node].app_mut();
        app.endpoint = Endpoint::new(EndpointConfig::default(), now, [app.host + 100; 32]);
        app.endpoint.add_local_address(now, address(app.host, 5000));
    }
    world.gather("turn:turn.example.org");
    let took = world.network.now() - now;
    assert!(took <= Duration::from_millis(200), "{took:?}");
    for node in world.apps {
        let app = world.network[node].app();
        assert_eq!(app.errors, []);
        assert_eq!(app.relays(), 1);
    }
    let server = &world.network[turn].turn().server;
    assert_eq!((server.allocations(), server.stats().refused_with(437)), (2, 2));
    world.separate();
    world.signal();
    world.exchange();
}

#[test]
fn an_address_that_has_lost_its_default_route_is_left() {
    let policy = ice::gather::AddressPolicy::DefaultRoute;
    let mut world = World::new(|config| config.gathering.policy = policy);
    world.create_peers(&Arc::new(config()));
    world.signal();
    world.exchange();
    // A tunnel has become the way out.
    let (now, [a, b]) = (world.network.now(), world.apps);
    world.network.add_address(a, address(99, 5000));
    let tunnel = ice::gather::LocalAddress::new(address(99, 5000));
    let mut before = ice::gather::LocalAddress::new(address(HOSTS[0], 5000));
    before.default_route = false;
    world.network[a].app_mut().endpoint.add_local_addresses(now, &[before, tunnel]);
    for app in [a, b] {
        world.network[app].app_mut().received.clear();
    }
    world.exchange();
    let app = world.network[a].app();
    assert_eq!(app.connection().path().unwrap().local, address(99, 5000));
    assert!(!app.states.contains(&ConnectionState::Disconnected), "{:?}", app.states);
    let app = world.network[a].app_mut();
    let offer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap().create_offer(now).unwrap().to_string();
    assert!(offer.contains("203.0.113.99 5000 typ host") && !offer.contains("203.0.113.10 "), "{offer}");
}

#[test]
fn a_network_that_has_become_expensive_is_left() {
    let mut world = World::new(|_| {});
    let (now, [a, b]) = (world.network.now(), world.apps);
    world.network.add_address(a, address(99, 5000));
    world.network[a].app_mut().endpoint.add_local_address(now, address(99, 5000));
    world.create_peers(&Arc::new(config()));
    world.signal();
    world.exchange();
    assert_eq!(world.network[a].app().connection().path().unwrap().local, address(HOSTS[0], 5000));
    let now = world.network.now();
    let mut dear = ice::gather::LocalAddress::new(address(HOSTS[0], 5000));
    dear.network = drywire::stun::attributes::NetworkCost::new(2, 900);
    world.network[a].app_mut().endpoint.add_local_addresses(now, &[dear]);
    world.run_for(Duration::from_secs(5));
    for app in [a, b] {
        world.network[app].app_mut().received.clear();
    }
    world.exchange();
    let app = world.network[a].app_mut();
    assert_eq!(app.connection().path().unwrap().local, address(99, 5000));
    let offer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap().create_offer(now).unwrap().to_string();
    assert!(offer.contains("network-cost 900"), "{offer}");
}

#[test]
fn an_endpoint_that_closes_gives_its_allocations_back() {
    let mut world = World::new(|_| {});
    world.gather("turn:turn.example.org");
    assert_eq!(world.network[world.turn].turn().server.allocations(), 2);
    let now = world.network.now();
    for app in world.apps {
        world.network[app].app_mut().endpoint.close(now);
    }
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.network[world.turn].turn().server.allocations(), 0);
}

#[test]
fn connections_over_tcp_where_udp_is_dropped() {
    let mut world = World::new(|config| config.tcp = true);
    let now = world.network.now();
    let mut listener = ice::gather::LocalAddress::new(address(HOSTS[1], 40_010));
    listener.tcp_type = Some(ice::TcpType::Passive);
    world.network[world.apps[1]].app_mut().endpoint.add_local_addresses(now, &[listener]);
    world.network.set_filter(|_, path, _| path.protocol == Protocol::Tcp);
    world.create_peers(&Arc::new(config()));
    world.signal();
    world.exchange();
    let path = world.network[world.apps[0]].app().connection().path().unwrap();
    assert_eq!((path.protocol, path.remote), (Protocol::Tcp, address(HOSTS[1], 40_010)));

    // The connection breaks, and is opened again.
    let broken = world.network[world.apps[0]].app().connections.clone();
    let now = world.network.now();
    for path in broken {
        world.network[world.apps[0]].app_mut().endpoint.disconnected(now, path);
        let mirrored = Path { local: path.remote, remote: path.local, ..path };
        world.network[world.apps[1]].app_mut().endpoint.disconnected(now, mirrored);
    }
    for app in world.apps {
        world.network[app].app_mut().received.clear();
    }
    world.run_for(Duration::from_secs(5));
    world.exchange();
}

#[test]
fn names_are_told_in_the_place_of_addresses_and_found() {
    let mut world = World::with_names();
    world.create_peers(&Arc::new(config()));
    let offer = world.offer().to_string();
    assert!(offer.contains(".local 5000 typ host"), "{offer}");
    assert!(!offer.contains("203.0.113."), "{offer}");
    world.signal();
    world.exchange();
    // Both found the other's address by its name, so that none had to learn it from a check.
    for app in world.apps {
        let kinds: Vec<_> =
            world.network[app].app().connection().ice().remote_candidates().map(|own| own.kind).collect();
        assert_eq!(kinds, [ice::CandidateKind::Host]);
        assert_eq!(world.network[app].app().endpoint.stats().names_resolved, 1);
    }
}

/// Browsers make a name for each network that they come into, which those in other networks cannot resolve.
#[test]
fn names_that_nobody_answers_for_make_room_for_others() {
    let mut world = World::with_names();
    // Not all is there when the descriptions are made: they say nothing of an end.
    world.add_servers("stun:stun.example.org");
    world.create_peers(&Arc::new(config()));
    let offer = world.offer().to_string();
    let name = offer.split(' ').find(|word| word.ends_with(".local")).unwrap().to_owned();
    world.signal();
    world.exchange();
    let tell = |world: &mut World, line: String| {
        let now = world.network.now();
        let app = world.network[world.apps[1]].app_mut();
        let mut peer = app.endpoint.peer_mut(app.peer.unwrap()).unwrap();
        peer.add_remote_candidate(now, Some("0"), &line).unwrap();
    };
    for number in 0..40 {
        tell(
            &mut world,
            format!("candidate:7 1 udp 7 {number:08}-0000-4000-8000-000000000000.local 9 typ host"),
        );
    }
    world.run_for(Duration::from_secs(10));
    tell(&mut world, format!("candidate:7 1 udp 7 {name} 6000 typ host"));
    world.run_for(Duration::from_secs(1));
    let connection = world.network[world.apps[1]].app().connection();
    assert!(connection.ice().remote_candidates().any(|candidate| candidate.address.port() == 6000));
}

#[test]
fn an_address_that_is_gone_is_not_told_and_its_neighbour_is() {
    let mut world = World::new(|_| {});
    let now = world.network.now();
    let app = world.network[world.apps[0]].app_mut();
    app.endpoint.add_local_address(now, address(HOSTS[0], 5001));
    let id = app.endpoint.create_peer(now, Arc::new(config())).unwrap();
    app.endpoint.remove_local_address(now, address(HOSTS[0], 5000));
    let mut peer = app.endpoint.peer_mut(id).unwrap();
    peer.create_data_channel(now, ChannelOptions::new("x")).unwrap();
    let offer = peer.create_offer(now).unwrap().to_string();
    assert!(offer.contains(" 5001 typ host") && !offer.contains(" 5000 typ host"), "{offer}");
}

#[test]
fn an_endpoint_that_closes_says_goodbye_by_way_of_its_relay() {
    for uri in ["turn:turn.example.org", "turn:turn.example.org?transport=tcp"] {
        let mut world = World::new(|_| {});
        world.separate();
        world.add_servers(uri);
        let mut config = config();
        config.ice_transport_policy = IceTransportPolicy::Relay;
        world.create_peers(&Arc::new(config));
        world.run_until(is_complete);
        world.signal();
        world.exchange();
        let (now, [a, b]) = (world.network.now(), world.apps);
        world.network[a].app_mut().endpoint.close(now);
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.network[b].app().connection().connection_state(), ConnectionState::Closed, "{uri}");
        let left = world.network[world.turn].turn().server.allocations();
        assert_eq!(left, 1, "{uri}: the other one's");
    }
}

/// Credentials of TURN REST are good for a time only.
#[test]
fn a_relay_is_asked_for_again_with_another_credential() {
    let mut world = World::new(|_| {});
    world.create_peers(&Arc::new(config()));
    let uri: drywire::stun::ServerUri = "turn:turn.example.org".parse().unwrap();
    for (password, relays) in [("of yesterday", 0), ("of yesterday", 0), (USER.1, 1), (USER.1, 1)] {
        let now = world.network.now();
        let endpoint = &mut world.network[world.apps[0]].app_mut().endpoint;
        let server = IceServer::turn(uri.clone(), vec![(TURN, 3478).into()], USER.0, password);
        endpoint.add_ice_server(now, server).unwrap();
        world.run_for(Duration::from_secs(2));
        assert_eq!(world.network[world.apps[0]].app().relays(), relays);
    }
    assert_eq!(world.network[world.turn].turn().server.stats().allocations, 1);
}
