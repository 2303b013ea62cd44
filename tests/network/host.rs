//! What lives at the ends of the network: agents with their gatherers and TURN clients, and the server of both.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::BytesMut;
use drywire_core::{Path, Protocol, Rng, Transmit};
use drywire_ice::gather::{
    self, Disclosure, GatherError, Gatherer, LocalAddress, RelayId, RelayTransport, StunServer,
};
use drywire_ice::{Agent, Candidate, Config, ConnectionState, Event, Role};
use drywire_sim::Node;
use drywire_stun::attributes::AddressFamily;
use drywire_stun::{Credential, is_stun};
use drywire_turn::client::{self, Client, RelayedFamily};
use drywire_turn::server::{self, Server};

pub enum Host {
    Agent(Box<AgentHost>),
    Server(Box<ServerHost>),
}

impl Host {
    pub fn agent(&self) -> &AgentHost {
        match self {
            Self::Agent(host) => host,
            Self::Server(_) => panic!("the server"),
        }
    }

    pub fn agent_mut(&mut self) -> &mut AgentHost {
        match self {
            Self::Agent(host) => host,
            Self::Server(_) => panic!("the server"),
        }
    }
}

/// What servers a host knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    None,
    Stun,
    Turn,
    TurnOverTcp,
}

/// A TURN client, and which candidates the gatherer waits for.
struct Relay {
    client: Client,
    waiting: Vec<RelayId>,
    base: SocketAddr,
}

pub struct AgentHost {
    pub agent: Agent,
    gatherer: Gatherer,
    relays: Vec<Relay>,
    service: Service,
    servers: Vec<SocketAddr>,
    rng: Rng,
    /// Candidates that are to be signalled, and whether these are all.
    pub gathered: VecDeque<Candidate>,
    pub done: bool,
    /// Data that goes along the selected path.
    pub pings: VecDeque<Vec<u8>>,
    pub heard: Vec<(Path, Vec<u8>)>,
    pub states: Vec<ConnectionState>,
}

impl AgentHost {
    pub fn new(role: Role, service: Service, servers: &[SocketAddr], now: Instant, rng: &mut Rng) -> Self {
        let provider = drywire_crypto_aws_lc::provider();
        let mut gathering = gather::Config::default();
        if service != Service::None {
            gathering.servers =
                servers.iter().map(|server| StunServer::new(format!("stun:{server}"), *server)).collect();
        }
        Self {
            agent: Agent::new(Config::new(provider, role), now, rng.seed()),
            gatherer: Gatherer::new(gathering, now, rng.seed()),
            relays: Vec::new(),
            service,
            servers: servers.to_vec(),
            rng: Rng::new(rng.seed()),
            gathered: VecDeque::new(),
            done: false,
            pings: VecDeque::new(),
            heard: Vec::new(),
            states: Vec::new(),
        }
    }

    /// Interfaces come up: each with an address for UDP, and one for TCP.
    pub fn add_interfaces(&mut self, now: Instant, interfaces: &[(SocketAddr, SocketAddr)]) {
        self.done = false;
        for (udp, tcp) in interfaces {
            let over_tcp = self.service == Service::TurnOverTcp;
            let local = if over_tcp { *tcp } else { *udp };
            let server = self.servers.iter().find(|server| server.is_ipv4() == local.is_ipv4()).copied();
            let Some(remote) = server.filter(|_| over_tcp || self.service == Service::Turn) else { continue };
            let protocol = if over_tcp { Protocol::Tcp } else { Protocol::Udp };
            let credential = Credential::new("alice", "secret").unwrap();
            let path = Path { protocol, local, remote };
            let mut config = client::Config::new(drywire_crypto_aws_lc::provider(), path, credential);
            config.family = RelayedFamily::Both;
            let client = Client::new(config, now, self.rng.seed());
            let transport = if over_tcp { RelayTransport::Tcp } else { RelayTransport::Udp };
            let mut expect = || self.gatherer.expect_relayed(now, "turn:example.org", *udp, transport);
            let waiting = vec![expect(), expect()];
            self.relays.push(Relay { client, waiting, base: *udp });
        }
        let locals: Vec<_> = interfaces.iter().map(|(udp, _)| LocalAddress::new(*udp)).collect();
        self.gatherer.add_addresses(now, &locals);
    }

    /// An interface goes, and with it what was reached through it.
    pub fn remove_interface(&mut self, now: Instant, base: SocketAddr) {
        self.gatherer.remove_address(now, base);
        self.agent.remove_local_candidates(now, Protocol::Udp, base);
        for relay in self.relays.extract_if(.., |relay| relay.base == base) {
            forget(&mut self.agent, now, &relay.client);
        }
    }

    /// The ways to the servers that hold our allocations, how the servers see us, and the relayed addresses.
    pub fn allocations(&self) -> impl Iterator<Item = (Path, client::Allocation)> {
        self.relays.iter().filter_map(|relay| Some((relay.client.path(), *relay.client.allocation()?)))
    }

    /// The relayed addresses.
    pub fn relayed(&self) -> Vec<SocketAddr> {
        let allocations = self.relays.iter().filter_map(|relay| relay.client.allocation());
        allocations
            .flat_map(|allocation| [Some(allocation.relayed), allocation.additional])
            .flatten()
            .collect()
    }

    fn deliver(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        if self.gatherer.awaits(path, &datagram) {
            self.gatherer.handle_input(now, path, datagram);
        } else if is_stun(&datagram) {
            self.agent.handle_input(now, path, datagram);
        } else {
            self.heard.push((path, datagram.to_vec()));
        }
    }

    fn follow_relays(&mut self, now: Instant) {
        for relay in &mut self.relays {
            let server = relay.client.path().remote;
            while let Some(event) = relay.client.poll_event() {
                match event {
                    client::Event::Allocated(allocation) => {
                        let mut addresses = [Some(allocation.relayed), allocation.additional].into_iter();
                        for id in relay.waiting.drain(..) {
                            let result = match addresses.next().flatten() {
                                Some(relayed) => {
                                    self.gatherer.add_relayed(now, id, relayed, allocation.mapped, server)
                                }
                                None => self.gatherer.fail_relayed(now, id, 440, "no such family"),
                            };
                            // It may have waited too long.
                            let _ = result;
                        }
                    }
                    client::Event::Failed { .. } | client::Event::Closed => {
                        for id in relay.waiting.drain(..) {
                            let _ = self.gatherer.fail_relayed(now, id, GatherError::UNREACHED, "failed");
                        }
                        forget(&mut self.agent, now, &relay.client);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Wraps what goes through a relay.
    fn wrap(&mut self, now: Instant, transmit: Transmit, out: &mut Vec<u8>) -> Option<Transmit> {
        let local = transmit.path.local;
        let owns = |relay: &&mut Relay| {
            relay.client.allocation().is_some_and(|own| own.relayed == local || own.additional == Some(local))
        };
        match self.relays.iter_mut().find(owns) {
            Some(relay) => relay.client.wrap(now, transmit, out),
            None => Some(transmit),
        }
    }
}

/// The candidates of an allocation are gone.
fn forget(agent: &mut Agent, now: Instant, client: &Client) {
    let relayed: Vec<SocketAddr> = match client.allocation() {
        Some(allocation) => [Some(allocation.relayed), allocation.additional].into_iter().flatten().collect(),
        // It is not told any more which address is lost.
        None => Vec::new(),
    };
    for address in relayed {
        agent.remove_local_candidates(now, Protocol::Udp, address);
    }
}

pub struct ServerHost {
    server: Server,
    /// How many relayed addresses were given, and how many there are.
    opened: u16,
}

impl ServerHost {
    pub const RELAYS: u16 = 256;

    pub fn new(now: Instant, rng: &mut Rng) -> Self {
        let mut config = server::Config::new(drywire_crypto_aws_lc::provider(), "example.org");
        config.users.push(Credential::new("alice", "secret").unwrap());
        config.ipv6 = true;
        Self { server: Server::new(config, now, rng.seed()).unwrap(), opened: 0 }
    }

    /// The relayed address with a number.
    pub fn relayed(ipv6: bool, index: u16) -> SocketAddr {
        if ipv6 {
            SocketAddr::new("2606:4700::1".parse().unwrap(), 50_000 + index)
        } else {
            SocketAddr::from(([198, 51, 100, 1], 50_000 + index))
        }
    }

    pub fn addresses() -> [SocketAddr; 2] {
        [SocketAddr::from(([198, 51, 100, 1], 3478)), SocketAddr::new("2606:4700::1".parse().unwrap(), 3478)]
    }
}

impl Node for Host {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        match self {
            Self::Agent(host) => {
                let awaited = host.gatherer.awaits(path, &datagram);
                let relay = host.relays.iter_mut().find(|relay| !awaited && relay.client.path() == path);
                if let Some(relay) = relay {
                    relay.client.handle_input(now, path, datagram);
                    let received: Vec<_> = std::iter::from_fn(|| relay.client.poll_received()).collect();
                    for (path, datagram) in received {
                        host.deliver(now, path, datagram);
                    }
                } else {
                    host.deliver(now, path, datagram);
                }
            }
            Self::Server(host) => host.server.handle_input(now, path, datagram),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Agent(host) => {
                host.agent.handle_timeout(now);
                host.gatherer.handle_timeout(now);
                host.relays.iter_mut().for_each(|relay| relay.client.handle_timeout(now));
            }
            Self::Server(host) => host.server.handle_timeout(now),
        }
    }

    fn react(&mut self, now: Instant) {
        match self {
            Self::Agent(host) => {
                host.follow_relays(now);
                while let Some(event) = host.gatherer.poll_event() {
                    match event {
                        gather::Event::Candidate(gathered) => {
                            host.agent.add_local_candidate(now, gathered.candidate.clone()).unwrap();
                            assert_eq!(gathered.disclosure, Disclosure::Address);
                            host.gathered.push_back(gathered.candidate);
                        }
                        gather::Event::Done => host.done = true,
                        _ => {}
                    }
                }
                while let Some(event) = host.agent.poll_event() {
                    if let Event::StateChanged(state) = event {
                        host.states.push(state);
                    }
                }
            }
            Self::Server(host) => {
                while let Some(event) = host.server.poll_event() {
                    if let server::Event::RelayWanted { allocation, family, .. } = event {
                        let relayed = ServerHost::relayed(family == AddressFamily::V6, host.opened);
                        host.opened += 1;
                        assert!(host.opened <= ServerHost::RELAYS);
                        host.server.relay_opened(now, allocation, relayed).unwrap();
                    }
                }
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let host = match self {
            Self::Agent(host) => host,
            Self::Server(host) => return host.server.poll_transmit(now, out),
        };
        loop {
            let asked = host
                .gatherer
                .poll_transmit(now, out)
                .or_else(|| host.relays.iter_mut().find_map(|relay| relay.client.poll_transmit(now, out)));
            if asked.is_some() {
                return asked;
            }
            let transmit = host.agent.poll_transmit(now, out).or_else(|| {
                let path = host.agent.selected_path()?;
                let ping = host.pings.pop_front()?;
                out.extend_from_slice(&ping);
                Some(Transmit::datagram(path, ping.len()))
            })?;
            if let Some(wrapped) = host.wrap(now, transmit, out) {
                return Some(wrapped);
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Agent(host) => {
                let relays = host.relays.iter().filter_map(|relay| relay.client.poll_timeout());
                let machines = [host.agent.poll_timeout(), host.gatherer.poll_timeout()];
                relays.chain(machines.into_iter().flatten()).min()
            }
            Self::Server(host) => host.server.poll_timeout(),
        }
    }
}
