use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use drywire_core::{Instant, Monotonic, Path, Protocol, Rng, Transmit};
use drywire_stun::attributes::NetworkCost;
use drywire_stun::{Message, RetransmissionConfig, TransactionId};

use super::address::{is_host, order};
use super::probe::{Answer, Probe, read};
use super::relay::Expected;
use super::renew::Mapping;
use super::{
    AddressPolicy, Config, Disclosure, Event, GatherError, GatherFailure, Gathered, LocalAddress, StunServer,
};
use crate::candidate::can_pair;
use crate::{Candidate, CandidateKind};

/// The most events that wait to be polled. Older ones are dropped.
const MAX_EVENTS: usize = 1024;

/// The most candidates.
const MAX_CANDIDATES: usize = 1024;

/// An address of the host that is used, and the local preference of its candidates.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) address: LocalAddress,
    preference: u16,
}

/// What candidates of one foundation have in common (RFC 8445, section 5.1.1.3).
type Foundation = (CandidateKind, Protocol, IpAddr, Option<IpAddr>);

/// Gathers candidates: see the [module](super).
#[derive(Debug)]
pub struct Gatherer {
    pub(crate) config: Config,
    clock: Monotonic,
    pub(crate) rng: Rng,
    pub(crate) locals: Vec<Local>,
    pub(crate) candidates: Vec<Candidate>,
    /// Foundations are numbers: one computed from an address would tell it to those who can guess.
    foundations: Vec<Foundation>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) relays: Vec<Expected>,
    pub(crate) next_relay: u32,
    /// How many relayed candidates there were.
    pub(crate) relayed: u16,
    /// How many host addresses there were.
    ranks: u16,
    /// When the next server may be asked for the first time.
    paced: Option<Instant>,
    next: Option<Instant>,
    /// Something was asked for, and `Done` was not told since.
    pub(crate) open: bool,
    events: VecDeque<Event>,
}

impl Gatherer {
    /// One without addresses.
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Self {
        Self {
            config: config.bounded(),
            clock: Monotonic::new(now),
            rng: Rng::new(seed),
            locals: Vec::new(),
            candidates: Vec::new(),
            foundations: Vec::new(),
            probes: Vec::new(),
            mappings: Vec::new(),
            relays: Vec::new(),
            next_relay: 0,
            relayed: 0,
            ranks: 0,
            paced: None,
            next: None,
            open: false,
            events: VecDeque::new(),
        }
    }

    /// Takes a datagram that came along `path`. Anything but the answer of a server is dropped: ask
    /// [`awaits`](Self::awaits) who else wants it.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let now = self.advance(now);
        let Ok(message) = Message::parse(&datagram) else { return };
        if message.check_fingerprint() == Some(false) {
            return;
        }
        if let Some(at) = self.probes.iter().position(|probe| probe.awaits(path, &message)) {
            let probe = self.probes.remove(at);
            self.conclude(now, &probe, read(&message));
            self.settle();
        }
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// Adds addresses of the host: all that are there at the beginning, and later those that come up. One that is
    /// known already is not gathered again, but what else is said of it counts from now on: what its network costs
    /// ([`Event::NetworkChanged`]), and whether it may be used at all ([`Event::Removed`]). `Done` is told when all is there,
    /// be it at once.
    pub fn add_addresses(&mut self, now: Instant, addresses: &[LocalAddress]) {
        let now = self.advance(now);
        self.open = true;
        let mut fresh: Vec<LocalAddress> = Vec::new();
        let mut unwanted = Vec::new();
        for local in addresses {
            let room = self.locals.len() + fresh.len() < self.config.max_addresses;
            let wanted = self.is_wanted(local);
            if self.locals.iter().any(|other| other.address.is_same(local)) {
                if wanted {
                    self.update(local);
                } else {
                    unwanted.push(local);
                }
            } else if wanted && let Some(other) = fresh.iter_mut().find(|other| other.is_same(local)) {
                *other = local.clone();
            } else if room && wanted {
                fresh.push(local.clone());
            }
        }
        order(&mut fresh);
        for address in fresh {
            let preference = u16::MAX - self.ranks;
            self.ranks = self.ranks.saturating_add(1).min(u16::MAX / 2);
            let local = Local { address, preference };
            self.gather(&local);
            for server in 0..self.config.servers.len() {
                self.ask(now, server, &local);
            }
            self.locals.push(local);
        }
        // What comes may take over from what goes.
        for local in unwanted {
            self.take_back(local);
        }
        self.settle();
    }

    /// Adds a server, which is asked about all addresses, those that are there and those to come. `false`: it is known
    /// already, or there are 16.
    pub fn add_server(&mut self, now: Instant, server: StunServer) -> bool {
        let now = self.advance(now);
        let servers = &mut self.config.servers;
        if servers.len() >= Config::MAX_SERVERS || servers.iter().any(|other| other.address == server.address)
        {
            return false;
        }
        servers.push(server);
        let index = servers.len() - 1;
        let locals = std::mem::take(&mut self.locals);
        for local in &locals {
            self.ask(now, index, local);
        }
        self.locals = locals;
        self.open |= !self.is_done();
        self.settle();
        true
    }

    /// Removes an address that is gone: its candidates are forgotten, servers are no longer asked about it.
    pub fn remove_address(&mut self, now: Instant, address: SocketAddr) {
        self.advance(now);
        self.locals.retain(|local| local.address.address != address);
        self.candidates.retain(|candidate| candidate.base != address);
        self.probes.retain(|probe| probe.path.local != address);
        self.mappings.retain(|mapping| mapping.local() != address);
        self.relays.retain(|relay| relay.local != address);
        self.settle();
    }

    /// Asks nobody any more, not even for what is already there.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        self.probes.clear();
        self.mappings.clear();
        self.relays.clear();
        self.settle();
    }

    /// Whether a datagram is the answer that this machine waits for. The sockets are shared with the agent, which
    /// takes the other STUN messages.
    #[must_use]
    pub fn awaits(&self, path: Path, datagram: &[u8]) -> bool {
        self.probes.iter().any(|probe| probe.path == path)
            && Message::parse(datagram)
                .is_ok_and(|message| self.probes.iter().any(|probe| probe.awaits(path, &message)))
    }

    /// All candidates so far.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter()
    }

    /// Whether no new candidate is waited for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.probes.iter().all(Probe::renews) && self.relays.is_empty()
    }

    /// Appends the next request.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.advance(now);
        if self.next.is_none_or(|at| at > now) {
            return None;
        }
        // RFC 8445, section 14.3: the retransmissions slow down with the number of those who wait.
        let waiting = u32::try_from(self.probes.len()).unwrap_or(u32::MAX);
        let rto = self.config.rto.max(self.config.pace.saturating_mul(waiting));
        let config = RetransmissionConfig { rto, ..RetransmissionConfig::default() };
        let paced = self.paced.is_none_or(|at| at <= now);
        let probe = self.probes.iter_mut().find(|probe| probe.is_due() || (paced && !probe.is_asked()))?;
        if !probe.is_asked() {
            self.paced = Some(now + self.config.pace);
        }
        let path = probe.path;
        let len = probe.write(now, config, out);
        self.settle();
        len.map(|len| Transmit::datagram(path, len))
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, or to poll what is to be sent; `None` never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Whether the policy and the filter let an address be used (RFC 8828, section 5.2).
    fn is_wanted(&self, local: &LocalAddress) -> bool {
        let allowed = match self.config.policy {
            AddressPolicy::All => true,
            AddressPolicy::DefaultRoute | AddressPolicy::PublicOnly => local.default_route,
            AddressPolicy::RelayOnly => false,
        };
        allowed && is_host(local.address) && (self.config.filter)(local)
    }

    /// Makes the host candidate of an address.
    fn gather(&mut self, local: &Local) {
        let Local { address: local, preference } = local;
        let mut host = match local.tcp_type {
            None => Candidate::host(local.address, *preference),
            Some(tcp_type) => Candidate::tcp_host(local.address, tcp_type, *preference),
        };
        host.foundation = self.foundation(CandidateKind::Host, host.protocol, local.address.ip(), None);
        host.network = local.network;
        let disclosure = match &local.name {
            _ if self.config.policy == AddressPolicy::PublicOnly => Disclosure::Nothing,
            _ if !self.config.hide_hosts => Disclosure::Address,
            Some(name) => Disclosure::Name(name.clone()),
            None => Disclosure::Nothing,
        };
        self.add(host, disclosure);
    }

    /// Has a server asked about an address, if it can be reached from there.
    fn ask(&mut self, now: Instant, server: usize, local: &Local) {
        let Some(address) = self.config.servers.get(server).map(|server| server.address) else { return };
        let Local { address: local, preference } = local;
        if local.tcp_type.is_none() && can_pair(local.address, address) {
            let path = Path::udp(local.address, address);
            let id = TransactionId::random(&mut self.rng);
            let until = now + self.config.timeout;
            self.probes.push(Probe::new(path, local.network, Some(server), *preference, id, until));
        }
    }

    /// A server has answered.
    fn conclude(&mut self, now: Instant, probe: &Probe, answer: Answer) {
        match answer {
            Answer::Mapped(mapped) => {
                self.add_mapped(now, probe.path, probe.local_preference, probe.network, mapped);
            }
            Answer::Elsewhere(server) => match probe.redirected(server, TransactionId::random(&mut self.rng))
            {
                Some(again) => self.probes.push(again),
                None => self.fail(probe, GatherFailure::Refused, 300, "sent on in vain".to_owned()),
            },
            Answer::Error { reason, code, text } => self.fail(probe, reason, code, text),
        }
    }

    /// A server that is asked for something else over UDP has told what it sees one of the addresses at: a TURN server does
    /// with its allocation.
    pub fn add_server_reflexive(&mut self, now: Instant, path: Path, mapped: SocketAddr) {
        let now = self.advance(now);
        let of_path =
            |local: &&Local| local.address.tcp_type.is_none() && local.address.address == path.local;
        if let Some(local) = self.locals.iter().find(of_path) {
            let (preference, network) = (local.preference, local.address.network);
            self.add_mapped(now, path, preference, network, mapped);
            self.settle();
        }
    }

    fn add_mapped(
        &mut self,
        now: Instant,
        path: Path,
        preference: u16,
        network: NetworkCost,
        mapped: SocketAddr,
    ) {
        self.keep_mapping(now, path, preference, network, mapped);
        let (base, kind) = (path.local, CandidateKind::ServerReflexive);
        let mut candidate = Candidate::server_reflexive(mapped, base).with_local_preference(preference);
        candidate.foundation = self.foundation(kind, Protocol::Udp, base.ip(), Some(path.remote.ip()));
        candidate.network = network;
        self.hide_related(&mut candidate);
        // RFC 8445, section 5.1.3: what a host candidate says already is redundant; but not if the peer was not told that
        // one, or only a name which it may be unable to resolve.
        if mapped != base || self.hides_hosts() {
            self.add(candidate, Disclosure::Address);
        }
    }

    fn fail(&mut self, probe: &Probe, reason: GatherFailure, code: u16, text: String) {
        // What it said before may still be true.
        if let Some(server) = probe.server.and_then(|server| self.config.servers.get(server)) {
            let url = server.url.clone();
            let local = self.shown(probe.path.local);
            self.report(GatherError { url, local, reason, code, text });
        }
    }

    /// Tells a candidate, unless one with the same address and base was told before (RFC 8445, section 5.1.3).
    pub(crate) fn add(&mut self, candidate: Candidate, disclosure: Disclosure) {
        let same = |other: &Candidate| {
            other.address == candidate.address
                && other.base == candidate.base
                && other.tcp_type == candidate.tcp_type
                && (other.kind == candidate.kind || !self.hides_hosts())
        };
        if !self.candidates.iter().any(same) && self.candidates.len() < MAX_CANDIDATES {
            self.candidates.push(candidate.clone());
            self.tell(Event::Candidate(Gathered { candidate, disclosure }));
        }
    }

    pub(crate) fn report(&mut self, error: GatherError) {
        tracing::debug!(url = %error.url, code = error.code, "a server did not help to gather candidates");
        self.tell(Event::Failed(error));
    }

    /// The related address would tell what the candidates are to hide (draft-ietf-mmusic-mdns-ice-candidates,
    /// section 3.1.2; RFC 8828, section 5.2).
    pub(crate) fn hide_related(&self, candidate: &mut Candidate) {
        if self.hides_hosts() || self.config.policy == AddressPolicy::RelayOnly {
            candidate.related = candidate.related.map(|related| {
                let nowhere: IpAddr = if related.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
                SocketAddr::new(nowhere, 0)
            });
        }
    }

    /// A local address as an error may tell it.
    pub(crate) fn shown(&self, local: SocketAddr) -> Option<SocketAddr> {
        let hidden = self.hides_hosts() || self.config.policy == AddressPolicy::RelayOnly;
        (!hidden).then_some(local)
    }

    fn hides_hosts(&self) -> bool {
        self.config.hide_hosts || self.config.policy == AddressPolicy::PublicOnly
    }

    pub(crate) fn foundation(
        &mut self,
        kind: CandidateKind,
        protocol: Protocol,
        base: IpAddr,
        server: Option<IpAddr>,
    ) -> String {
        let key = (kind, protocol, base, server);
        let at = self.foundations.iter().position(|known| *known == key).unwrap_or_else(|| {
            // Of very old ones nothing is left to be confused with.
            if self.foundations.len() >= 10_000 {
                self.foundations.clear();
            }
            self.foundations.push(key);
            self.foundations.len() - 1
        });
        (at + 1).to_string()
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        let now = self.clock.observe(now);
        if self.next.is_some_and(|at| at <= now) {
            let mut at = 0;
            while let Some(probe) = self.probes.get_mut(at) {
                if probe.expire(now) {
                    at += 1;
                } else {
                    let probe = self.probes.remove(at);
                    self.fail(&probe, GatherFailure::Timeout, GatherError::UNREACHED, String::new());
                }
            }
            self.expire_relays(now);
            self.renew_mappings(now);
            self.settle();
        }
        now
    }

    /// Tells `Done`, or finds out when something is to be done next.
    pub(crate) fn settle(&mut self) {
        if self.is_done() && std::mem::take(&mut self.open) {
            self.tell(Event::Done);
        }
        let now = self.clock.latest();
        let probes = self.probes.iter().map(|probe| match probe {
            _ if probe.is_due() => now,
            _ if !probe.is_asked() => self.paced.unwrap_or(now).min(probe.gives_up),
            _ => probe.deadline(),
        });
        let relays = self.relays.iter().map(|relay| relay.gives_up);
        self.next = probes.chain(relays).chain(self.mappings.iter().map(Mapping::renew_at)).min();
    }
}
