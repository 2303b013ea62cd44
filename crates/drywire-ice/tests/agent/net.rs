//! A virtual network between agents: delay, loss, reordering, duplication, and addresses that do not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Protocol, Rng};
use drywire_ice::{Agent, Candidate, Config, ConnectionState, Event, Role};
use drywire_stun::{Class, Message};

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn host(text: &str) -> Candidate {
    Candidate::host(address(text), 65_535)
}

pub(crate) fn config(role: Role) -> Config {
    Config::new(drywire_crypto_aws_lc::provider(), role)
}

/// How many seeds a test goes through: more in the nightly run.
pub(crate) fn seeds(quick: u64) -> std::ops::Range<u64> {
    0..std::env::var("DRYWIRE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(quick)
}

/// A NAT in front of an agent: it maps one address to another one, and lets in only what comes from where something
/// went out to (endpoint-independent mapping, address- and port-dependent filtering, RFC 4787).
pub(crate) struct Nat {
    pub(crate) agent: usize,
    pub(crate) inside: SocketAddr,
    pub(crate) outside: SocketAddr,
    pub(crate) open: BTreeSet<SocketAddr>,
}

/// A datagram that was sent: when, by which agent, where.
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) by: usize,
    pub(crate) path: Path,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Net {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) agents: Vec<Agent>,
    pub(crate) events: Vec<Vec<Event>>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) rng: Rng,
    /// Of 100 datagrams, how many are lost, and how many come twice.
    pub(crate) loss: u32,
    pub(crate) duplication: u32,
    pub(crate) delay: std::ops::Range<u32>,
    /// Where datagrams are swallowed.
    pub(crate) blocked: fn(&Path) -> bool,
    pub(crate) nats: Vec<Nat>,
    /// Only requests of this user name fragment are carried.
    pub(crate) only_ufrag: Option<String>,
    /// The agent whom no response reaches.
    pub(crate) drop_responses_to: Option<usize>,
    /// TCP connections: who opened them, from where, to whom, to where.
    pub(crate) connections: Vec<(usize, SocketAddr, usize, SocketAddr)>,
    /// Whether connections can be opened.
    pub(crate) accepts: bool,
    /// How often an agent was woken by its timer.
    pub(crate) wakes: u32,
    flying: BTreeMap<(Instant, u64), (usize, Path, Vec<u8>)>,
    count: u64,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let now = start();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            now,
            start: now,
            agents: Vec::new(),
            events: Vec::new(),
            sent: Vec::new(),
            rng: Rng::new(bytes),
            loss: 0,
            duplication: 0,
            delay: 0..1,
            blocked: |_| false,
            nats: Vec::new(),
            only_ufrag: None,
            drop_responses_to: None,
            connections: Vec::new(),
            accepts: true,
            wakes: 0,
            flying: BTreeMap::new(),
            count: 0,
        }
    }

    /// Two agents that know nothing of each other.
    pub(crate) fn pair(seed: u64, a: Config, b: Config) -> Self {
        let mut net = Self::new(seed);
        for config in [a, b] {
            let agent = Agent::new(config, net.now, net.rng.seed());
            net.agents.push(agent);
            net.events.push(Vec::new());
        }
        net
    }

    /// Two agents with one address each that know all of each other.
    pub(crate) fn connected_pair(seed: u64) -> Self {
        let mut net = Self::pair(seed, config(Role::Controlling), config(Role::Controlled));
        net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
        net.run_until(Duration::from_secs(5), Net::is_connected);
        assert!(net.is_connected());
        net
    }

    /// Exchanges credentials and candidates.
    pub(crate) fn introduce(&mut self, a: &[Candidate], b: &[Candidate]) {
        let now = self.now;
        for (index, candidates) in [a, b].into_iter().enumerate() {
            for candidate in candidates {
                self.agents[index].add_local_candidate(now, candidate.clone()).unwrap();
                self.agents[1 - index].add_remote_candidate(now, candidate.clone()).unwrap();
            }
        }
        self.exchange_credentials();
        for agent in &mut self.agents {
            agent.remote_candidates_ended(now);
        }
    }

    pub(crate) fn exchange_credentials(&mut self) {
        for index in 0..2 {
            let credentials = self.agents[index].local_credentials().clone();
            self.agents[1 - index].set_remote_credentials(self.now, credentials).unwrap();
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.agents
            .iter()
            .all(|agent| matches!(agent.state(), ConnectionState::Connected | ConnectionState::Completed))
    }

    /// Both use the same pair, and it was nominated.
    pub(crate) fn agree(&self) -> bool {
        let (a, b) = (self.agents[0].selected_pair(), self.agents[1].selected_pair());
        matches!((a, b), (Some(a), Some(b)) if a.nominated && b.nominated && a.path == b.path.reversed())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Delivers, drains and jumps to what comes next, until `done` or for `limit`.
    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Net) -> bool) {
        let end = self.now + limit;
        loop {
            self.drain();
            if done(self) {
                return;
            }
            let timers = self.agents.iter().filter_map(Agent::poll_timeout);
            let next = timers.chain(self.flying.keys().next().map(|(at, _)| *at)).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, path, bytes) = entry.remove();
                self.agents[to].handle_input(self.now, path, BytesMut::from(&bytes[..]));
                self.drain();
            }
            self.wakes += 1;
            for agent in &mut self.agents {
                agent.handle_timeout(self.now);
            }
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Takes all that the agents have to say.
    pub(crate) fn drain(&mut self) {
        for by in 0..self.agents.len() {
            let mut bytes = Vec::new();
            while let Some(transmit) = self.agents[by].poll_transmit(self.now, &mut bytes) {
                assert_eq!(transmit.len, bytes.len());
                self.carry(by, transmit.path, std::mem::take(&mut bytes));
            }
            assert!(bytes.is_empty());
            self.connect(by);
            while let Some(transmit) = self.agents[by].poll_transmit(self.now, &mut bytes) {
                self.carry(by, transmit.path, std::mem::take(&mut bytes));
                assert_eq!(transmit.path.protocol, Protocol::Tcp);
            }
            // An agent that was drained has nothing to do at the same moment (no busy loop).
            self.agents[by].handle_timeout(self.now);
            assert!(self.agents[by].poll_timeout().is_none_or(|at| at > self.now));
            while let Some(event) = self.agents[by].poll_event() {
                self.events[by].push(event);
            }
        }
    }

    /// Opens the connections that an agent wants.
    fn connect(&mut self, by: usize) {
        while let Some(path) = self.agents[by].poll_connect() {
            assert_eq!(path.protocol, Protocol::Tcp);
            let listens = |agent: &Agent| {
                agent
                    .local_candidates()
                    .any(|local| local.protocol == Protocol::Tcp && local.address == path.remote)
            };
            let owner = self.agents.iter().position(listens).filter(|_| self.accepts);
            let Some(owner) = owner else {
                self.agents[by].connect_failed(self.now, path);
                continue;
            };
            let mut local = path.local;
            if local.port() == 9 {
                local.set_port(40_000 + u16::try_from(self.count % 20_000).unwrap());
                self.count += 1;
            }
            self.connections.push((by, local, owner, path.remote));
            self.agents[by].connected(self.now, path, local);
        }
    }

    /// Cuts all connections.
    pub(crate) fn cut(&mut self) {
        for (opener, from, owner, to) in std::mem::take(&mut self.connections) {
            let path = Path { protocol: Protocol::Tcp, local: from, remote: to };
            self.agents[opener].disconnected(self.now, path);
            self.agents[owner].disconnected(self.now, path.reversed());
        }
    }

    fn carry(&mut self, by: usize, path: Path, bytes: Vec<u8>) {
        self.sent.push(Sent { at: self.now, by, path, bytes: bytes.clone() });
        let Some((to, path)) = self.route(by, path).filter(|_| !(self.blocked)(&path)) else { return };
        let username = Message::parse(&bytes).ok().and_then(|message| message.username());
        if let (Some(only), Some(username)) = (&self.only_ufrag, username)
            && !username.contains(only)
        {
            return;
        }
        let is_response = Message::parse(&bytes).is_ok_and(|message| message.class() != Class::Request);
        if is_response && self.drop_responses_to == Some(to) {
            return;
        }
        let twice = self.rng.below(100) < self.duplication && path.protocol == Protocol::Udp;
        let copies = 1 + u32::from(twice);
        for _ in 0..copies {
            if path.protocol == Protocol::Udp && self.rng.below(100) < self.loss {
                continue;
            }
            let spread = self.delay.end - self.delay.start;
            let delay = Duration::from_millis(u64::from(self.delay.start + self.rng.below(spread)));
            self.count += 1;
            self.flying.insert((self.now + delay, self.count), (to, path, bytes.clone()));
        }
    }

    /// Whom a datagram reaches, and by which path as that one sees it.
    fn route(&mut self, by: usize, path: Path) -> Option<(usize, Path)> {
        if path.protocol == Protocol::Tcp {
            let (opener, from, owner, to) = *self.connections.iter().find(|(opener, from, owner, to)| {
                (*opener, *from, *to) == (by, path.local, path.remote)
                    || (*owner, *to, *from) == (by, path.local, path.remote)
            })?;
            let forth = (opener, from, to) == (by, path.local, path.remote);
            return Some((if forth { owner } else { opener }, path.reversed()));
        }
        let mut source = path.local;
        if let Some(nat) = self.nats.iter_mut().find(|nat| nat.agent == by && nat.inside == path.local) {
            nat.open.insert(path.remote);
            source = nat.outside;
        }
        if let Some(nat) = self.nats.iter().find(|nat| nat.outside == path.remote) {
            let open = nat.open.contains(&source);
            return open.then_some((nat.agent, Path::udp(nat.inside, source)));
        }
        let owner = self.agents.iter().position(|agent| {
            agent.local_candidates().any(|local| local.base == path.remote && local.address == path.remote)
        })?;
        // Nobody reaches a private address behind a NAT from outside.
        let hidden = self.nats.iter().any(|nat| nat.inside == path.remote);
        (!hidden).then_some((owner, Path::udp(path.remote, source)))
    }
}
