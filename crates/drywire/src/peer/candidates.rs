//! Candidates between ICE, which has addresses, and signalling, which has lines of text and names (RFC 8839, section 5.1).

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use drywire_core::{Instant, Path, Protocol};
use drywire_ice::gather::{Disclosure, GatherError, Gathered};
use drywire_ice::mdns::Name;
use drywire_ice::{Candidate, CandidateKind, TcpType};
use drywire_jsep::CandidateTarget;
use drywire_stun::attributes::NetworkCost;

use super::PeerConnection;
use super::negotiation::Local;
use crate::{Event, IceGatheringState, IceTransportPolicy, LocalCandidate, RemoteCandidateError};

/// How many candidates of the peer wait for the address behind their name. Browsers tell one for each interface.
const MAX_NAMED: usize = 32;

/// What stands for the address of a candidate until its name is resolved.
const UNRESOLVED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// What the peer is told of a candidate of ours, and where that begins.
pub(super) struct Signalled {
    protocol: Protocol,
    base: SocketAddr,
    pub(super) line: drywire_sdp::Candidate,
}

/// A candidate of the peer, as far as it can be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Remote {
    Address(Candidate),
    /// The address is behind a name of multicast DNS.
    Named(Name, Candidate),
}

impl PeerConnection {
    /// Adds a local candidate: for each address that the application's sockets have, a host candidate. Descriptions
    /// made afterwards carry it.
    pub fn add_local_candidate(
        &mut self,
        now: Instant,
        candidate: Candidate,
    ) -> Result<(), drywire_ice::CandidateError> {
        self.add_gathered_candidate(now, Gathered::new(candidate, Disclosure::Address))
    }

    /// Adds a local candidate that a [`Gatherer`](drywire_ice::gather::Gatherer) found. Descriptions made afterwards
    /// carry what the peer may be told of it: its address, a name in the place of that, or nothing.
    pub fn add_gathered_candidate(
        &mut self,
        now: Instant,
        mut gathered: Gathered,
    ) -> Result<(), drywire_ice::CandidateError> {
        let now = self.clock.observe(now);
        if self.config.ice_transport_policy == IceTransportPolicy::Relay {
            if gathered.candidate.kind != CandidateKind::Relayed {
                return Ok(());
            }
            // It would tell where this host is.
            gathered.candidate.related = Some(SocketAddr::new(UNRESOLVED, 0));
        }
        let (text, protocol, base) =
            (to_sdp(&gathered), gathered.candidate.protocol, gathered.candidate.base);
        if self.transport.ice.add_local_candidate(now, gathered.candidate)? {
            if self.local.gathering == IceGatheringState::New {
                self.gathering(IceGatheringState::Gathering);
            }
            if let Some(line) = text {
                self.local.candidates.push(Signalled { protocol, base, line });
                self.tell_candidates();
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Says that there are no more local candidates. Descriptions made afterwards say so to the peer. Candidates that come all
    /// the same (another interface) are used, but the peer is told of them by the next description only.
    pub fn local_candidates_ended(&mut self) {
        self.gathering(IceGatheringState::Complete);
    }

    /// Takes back the local candidates with this base: the address of a socket that is closed, of an interface that is gone,
    /// or of a relay that was lost. If the path in use is among them, another one takes over as soon as one works: see
    /// [`Agent::remove_local_candidates`](drywire_ice::Agent::remove_local_candidates).
    pub fn remove_local_candidates(&mut self, now: Instant, protocol: Protocol, base: SocketAddr) {
        let now = self.clock.observe(now);
        if self.transport.ice.remove_local_candidates(now, protocol, base) > 0 {
            self.forget_candidates(|own| (own.protocol, own.base) == (protocol, base));
        }
        self.settle(now);
    }

    /// Leaves a candidate out of what the peer is told from now on: it is of no use any more. Peers cannot be told to forget
    /// one.
    pub(crate) fn withdraw_candidate(&mut self, gathered: &Gathered) {
        if let Some(text) = to_sdp(gathered) {
            self.forget_candidates(|own| own.line == text);
        }
    }

    /// The network of a candidate costs something else: ICE prefers others, or this one, and later descriptions tell of it.
    pub(crate) fn candidate_changed(&mut self, now: Instant, before: &Gathered, after: &Gathered) {
        let now = self.clock.observe(now);
        let Candidate { base, network, .. } = after.candidate;
        self.transport.ice.set_network_cost(now, base, network);
        if let (Some(before), Some(after)) = (to_sdp(before), to_sdp(after))
            && let Some(own) = self.local.candidates.iter_mut().find(|own| own.line == before)
        {
            own.line = after;
        }
        self.settle(now);
    }

    fn forget_candidates(&mut self, is_gone: impl Fn(&Signalled) -> bool) {
        let Local { candidates, described, told, .. } = &mut self.local;
        for known in [described, told] {
            *known -= candidates.iter().take(*known).filter(|own| is_gone(own)).count();
        }
        candidates.retain(|own| !is_gone(own));
    }

    /// How far the gathering of local candidates is.
    #[must_use]
    pub const fn ice_gathering_state(&self) -> IceGatheringState {
        self.local.gathering
    }

    fn gathering(&mut self, state: IceGatheringState) {
        if self.local.gathering != state && self.closed.is_none() {
            self.local.gathering = state;
            self.local.told_end |=
                state == IceGatheringState::Complete && self.negotiation.local_description().is_some();
            self.tell(Event::IceGatheringStateChanged(state));
        }
    }

    /// Tells the candidates that the local description does not have, once there is one (W3C webrtc-pc, section 4.4.1.3).
    pub(super) fn tell_candidates(&mut self) {
        let Some(description) = self.negotiation.local_description() else { return };
        // RFC 8838, section 14: after the end none may come until the next restart. We use it all the same: the peer learns
        // of it by our checks.
        if self.local.told_end {
            return;
        }
        let mid = description.media_section(0).and_then(|section| section.mid()).map(str::to_owned);
        let ufrag = self.local_ufrag().to_owned();
        let fresh: Vec<String> = self
            .local
            .candidates
            .iter()
            .skip(self.local.told)
            .map(|own| format!("candidate:{}", own.line))
            .collect();
        self.local.told = self.local.candidates.len();
        for candidate in fresh {
            self.tell(Event::LocalCandidate(LocalCandidate {
                candidate,
                mid: mid.clone(),
                ufrag: ufrag.clone(),
            }));
        }
    }

    /// A server did not help to find candidates.
    pub(crate) fn gathering_failed(&mut self, error: GatherError) {
        if self.local.gathering != IceGatheringState::Complete {
            self.tell(Event::IceCandidateError(error));
        }
    }

    /// The next connection that a pair of TCP candidates needs: see [`Agent::poll_connect`](drywire_ice::Agent::poll_connect).
    /// What goes over it is framed ([`Deframer`](drywire_ice::Deframer)); [`handle_input`](Self::handle_input) takes, and
    /// [`poll_transmit`](Self::poll_transmit) gives, the datagrams within. An [`Endpoint`](crate::Endpoint) does all of that.
    pub fn poll_connect(&mut self) -> Option<Path> {
        self.transport.ice.poll_connect()
    }

    /// A connection of [`poll_connect`](Self::poll_connect) is open, from the address `local`.
    pub fn connected(&mut self, now: Instant, path: Path, local: SocketAddr) {
        let now = self.clock.observe(now);
        self.transport.ice.connected(now, path, local);
        self.settle(now);
    }

    /// A connection of [`poll_connect`](Self::poll_connect) could not be opened.
    pub fn connect_failed(&mut self, now: Instant, path: Path) {
        let now = self.clock.observe(now);
        self.transport.ice.connect_failed(now, path);
        self.settle(now);
    }

    /// A connection is gone, whoever opened it.
    pub fn disconnected(&mut self, now: Instant, path: Path) {
        let now = self.clock.observe(now);
        self.transport.ice.disconnected(now, path);
        self.settle(now);
    }

    /// Adds a candidate that the peer signalled after its description: the value of `a=candidate`, with or without the
    /// attribute's name; empty for the end of candidates. `mid` is the m-section that it was signalled for. Candidates
    /// that cannot be used (a protocol or a kind of name that we do not speak) are ignored.
    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        mid: Option<&str>,
        candidate: &str,
    ) -> Result<(), RemoteCandidateError> {
        let now = self.clock.observe(now);
        if self.closed.is_some() {
            return Err(RemoteCandidateError::Closed);
        }
        let text = candidate.trim();
        let text = text.strip_prefix("a=").unwrap_or(text);
        let text = text.strip_prefix("candidate:").unwrap_or(text);
        let target = CandidateTarget { mid, ..CandidateTarget::default() };
        if text.is_empty() {
            self.negotiation.end_remote_candidates(target)?;
        } else {
            let candidate = drywire_sdp::Candidate::from_str(text)?;
            self.negotiation.add_remote_candidate(target, candidate)?;
        }
        self.apply_remote_candidates(now);
        self.settle(now);
        Ok(())
    }

    /// Tells the address behind a name that [`Event::NameToResolve`] asked for. Candidates of the peer that have it are
    /// used from now on. Names that were not asked for are ignored. For a name that cannot be resolved nothing needs to
    /// be done (draft-ietf-mmusic-mdns-ice-candidates, section 3.2.1).
    pub fn name_resolved(&mut self, now: Instant, name: &Name, address: IpAddr) {
        let now = self.clock.observe(now);
        let mut at = 0;
        while let Some((waiting, _)) = self.local.named.get(at) {
            if waiting == name {
                let (_, mut candidate) = self.local.named.remove(at);
                candidate.address.set_ip(address);
                candidate.base = candidate.address;
                self.give_remote_candidate(now, candidate);
            } else {
                at += 1;
            }
        }
        self.settle(now);
    }

    /// Nobody knows the address behind a name: its candidates make room for others.
    pub(crate) fn name_unresolved(&mut self, name: &Name) {
        self.local.named.retain(|(waiting, _)| waiting != name);
    }

    /// Gives ICE the remote candidates that it was not given yet.
    pub(super) fn apply_remote_candidates(&mut self, now: Instant) {
        let Some(remote) = self.negotiation.remote_transport() else { return };
        let fresh: Vec<_> = remote
            .candidates
            .iter()
            .filter(|candidate| !self.local.remote_candidates.contains(candidate))
            .cloned()
            .collect();
        let ended = remote.end_of_candidates;
        for candidate in fresh {
            match from_sdp(&candidate) {
                Some(Remote::Address(candidate)) => self.give_remote_candidate(now, candidate),
                Some(Remote::Named(name, candidate)) => self.await_name(name, candidate),
                None => tracing::debug!(%candidate, "a remote candidate is of no use"),
            }
            self.local.remote_candidates.push(candidate);
        }
        if ended {
            self.transport.ice.remote_candidates_ended(now);
        }
    }

    fn give_remote_candidate(&mut self, now: Instant, candidate: Candidate) {
        if let Err(error) = self.transport.ice.add_remote_candidate(now, candidate) {
            tracing::debug!(%error, "a remote candidate was not taken");
        }
    }

    /// Keeps a candidate until somebody finds out what address its name stands for.
    fn await_name(&mut self, name: Name, candidate: Candidate) {
        if self.local.named.len() >= MAX_NAMED {
            tracing::debug!("too many remote candidates have names");
            return;
        }
        if !self.local.named.iter().any(|(waiting, _)| *waiting == name) {
            self.tell(Event::NameToResolve(name.clone()));
        }
        self.local.named.push((name, candidate));
    }
}

/// What the peer is told of a candidate of ours.
pub(super) fn to_sdp(gathered: &Gathered) -> Option<drywire_sdp::Candidate> {
    let candidate = &gathered.candidate;
    let kind = match candidate.kind {
        CandidateKind::Host => drywire_sdp::CandidateKind::Host,
        CandidateKind::ServerReflexive => drywire_sdp::CandidateKind::ServerReflexive,
        CandidateKind::Relayed => drywire_sdp::CandidateKind::Relayed,
        // RFC 8445, section 5.3: peer-reflexive candidates are not signalled.
        CandidateKind::PeerReflexive => return None,
    };
    // A name hides nothing if the related address beside it is told.
    let (name, related) = match &gathered.disclosure {
        Disclosure::Address => (None, candidate.related),
        Disclosure::Name(name) => (Some(name), candidate.related.map(|_| SocketAddr::new(UNRESOLVED, 0))),
        Disclosure::Nothing => return None,
    };
    let text = drywire_sdp::Candidate::udp(
        &candidate.foundation,
        candidate.priority,
        candidate.address,
        kind,
        related,
    );
    let text = text.and_then(|text| match name {
        Some(name) => text.with_name(name.as_str()),
        None => Ok(text),
    });
    let mut text =
        text.inspect_err(|error| tracing::debug!(%error, "a local candidate cannot be signalled")).ok()?;
    match (candidate.protocol, candidate.tcp_type) {
        (Protocol::Udp, _) => {}
        (Protocol::Tcp, Some(tcp_type)) => {
            text = text.with_tcp_type(match tcp_type {
                TcpType::Active => drywire_sdp::TcpType::Active,
                TcpType::Passive => drywire_sdp::TcpType::Passive,
                TcpType::SimultaneousOpen => drywire_sdp::TcpType::SimultaneousOpen,
            });
        }
        _ => return None,
    }
    if candidate.network != NetworkCost(0) {
        text = text.with_network(candidate.network.id(), candidate.network.cost());
    }
    Some(text)
}

/// The candidate for ICE; `None` for what it does not use: other protocols, kinds and components, and names of unicast
/// DNS, which the peer could make us ask for (attack A14).
pub(super) fn from_sdp(candidate: &drywire_sdp::Candidate) -> Option<Remote> {
    let (protocol, tcp_type) = match (candidate.transport(), candidate.tcp_type()) {
        (drywire_sdp::Transport::Udp, _) => (Protocol::Udp, None),
        (drywire_sdp::Transport::Tcp, Some(drywire_sdp::TcpType::Active)) => {
            (Protocol::Tcp, Some(TcpType::Active))
        }
        (drywire_sdp::Transport::Tcp, Some(drywire_sdp::TcpType::Passive)) => {
            (Protocol::Tcp, Some(TcpType::Passive))
        }
        (drywire_sdp::Transport::Tcp, Some(drywire_sdp::TcpType::SimultaneousOpen)) => {
            (Protocol::Tcp, Some(TcpType::SimultaneousOpen))
        }
        // RFC 6544, section 4.5: without the attribute it is no candidate of ICE over TCP.
        _ => return None,
    };
    let kind = match candidate.kind() {
        drywire_sdp::CandidateKind::Host => CandidateKind::Host,
        drywire_sdp::CandidateKind::ServerReflexive => CandidateKind::ServerReflexive,
        drywire_sdp::CandidateKind::PeerReflexive => CandidateKind::PeerReflexive,
        drywire_sdp::CandidateKind::Relayed => CandidateKind::Relayed,
        _ => return None,
    };
    let (name, address) = match candidate.address() {
        drywire_sdp::CandidateAddress::Ip(ip) => (None, *ip),
        drywire_sdp::CandidateAddress::Name(name) => (Some(Name::from_str(name).ok()?), UNRESOLVED),
    };
    let mut remote = Candidate::remote(
        protocol,
        kind,
        SocketAddr::new(address, candidate.port()),
        candidate.priority(),
        candidate.foundation().to_owned(),
    );
    remote.component = candidate.component();
    remote.tcp_type = tcp_type;
    remote.related = candidate.related();
    remote.ufrag = candidate.ufrag().map(str::to_owned);
    let network = (candidate.network_id().unwrap_or(0), candidate.network_cost().unwrap_or(0));
    remote.network = NetworkCost::new(network.0, network.1);
    Some(match name {
        Some(name) => Remote::Named(name, remote),
        None => Remote::Address(remote),
    })
}

#[cfg(test)]
mod tests {
    use drywire_core::Rng;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_told_comes_out_as_it_went_in() {
        let (host, mapped) = (address("10.0.0.1:5000"), address("203.0.113.1:6000"));
        let mut dear = Candidate::host(host, 7);
        dear.network = NetworkCost::new(3, 50);
        for candidate in [
            dear,
            Candidate::host(address("[2001:db8::1]:5000"), 65_535),
            Candidate::server_reflexive(mapped, host),
            Candidate::relayed(address("198.51.100.1:49152"), mapped),
            Candidate::tcp_host(host, TcpType::Active, 9),
            Candidate::tcp_host(host, TcpType::Passive, 9),
            Candidate::tcp_host(host, TcpType::SimultaneousOpen, 9),
        ] {
            let text = to_sdp(&Gathered::new(candidate.clone(), Disclosure::Address)).unwrap().to_string();
            let Some(Remote::Address(remote)) = from_sdp(&text.parse().unwrap()) else { panic!("{text}") };
            let mut expected = candidate;
            expected.base = expected.address;
            assert_eq!(remote, expected, "{text}");
        }
    }

    #[test]
    fn active_candidates_have_port_9() {
        let active = Candidate::tcp_host(address("10.0.0.1:5000"), TcpType::Active, 9);
        let text = to_sdp(&Gathered::new(active, Disclosure::Address)).unwrap().to_string();
        assert!(text.contains(" tcp ") && text.ends_with(" 10.0.0.1 9 typ host tcptype active"), "{text}");
    }

    #[test]
    fn names_stand_for_addresses() {
        let name = Name::random(&mut Rng::new([7; 32]));
        let named =
            Gathered::new(Candidate::host(address("10.0.0.1:5000"), 7), Disclosure::Name(name.clone()));
        let text = to_sdp(&named).unwrap().to_string();
        assert!(text.contains(&format!(" {name} 5000 typ host")) && !text.contains("10.0.0.1"), "{text}");
        let Some(Remote::Named(read, candidate)) = from_sdp(&text.parse().unwrap()) else { panic!("{text}") };
        assert_eq!((read, candidate.address), (name, address("0.0.0.0:5000")));
        let nothing = Gathered::new(Candidate::host(address("10.0.0.1:5000"), 7), Disclosure::Nothing);
        assert_eq!(to_sdp(&nothing), None);
    }

    #[test]
    fn what_is_of_no_use() {
        for text in [
            // No name of multicast DNS.
            "1 1 udp 1 example.com 9 typ host",
            "1 1 udp 1 a.b.local 9 typ host",
            // RFC 6544 wants a direction.
            "1 1 tcp 1 192.0.2.1 9 typ host",
            "1 1 sctp 1 192.0.2.1 9 typ host",
            "1 1 udp 1 192.0.2.1 9 typ other",
        ] {
            assert_eq!(from_sdp(&text.parse().unwrap()), None, "{text}");
        }
    }
}
