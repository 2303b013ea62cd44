//! Network address translators and firewalls (RFC 4787).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant, Protocol};

/// What of the far end a translator distinguishes (RFC 4787, sections 4.1 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dependence {
    /// Nothing. A mapping for all, or a filter that lets all in: with both of it "full cone".
    Endpoint,
    /// The address.
    Address,
    /// The address and the port. As a mapping it is called "symmetric".
    AddressAndPort,
}

/// A translator, or a firewall, between a [`Realm`](crate::Realm) and the one around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nat {
    /// Its address outside. `None`: it translates nothing, and only filters: a firewall.
    pub outside: Option<IpAddr>,
    /// Whether it is for IPv6.
    pub ipv6: bool,
    /// Which destinations share a mapping.
    pub mapping: Dependence,
    /// From where something may come in through a mapping.
    pub filtering: Dependence,
    /// Whether hosts inside reach each other by their addresses outside.
    pub hairpinning: bool,
    /// How long a mapping, and a hole in the filter, stay after something last went out.
    pub timeout: Duration,
    /// Whether it lets UDP pass at all.
    pub passes_udp: bool,
}

impl Nat {
    /// A translator with this address outside, of the kind that is commonest at home: the mapping depends on nothing, the
    /// filter on address and port; no hairpinning.
    #[must_use]
    pub const fn new(outside: IpAddr) -> Self {
        Self {
            outside: Some(outside),
            ipv6: outside.is_ipv6(),
            mapping: Dependence::Endpoint,
            filtering: Dependence::AddressAndPort,
            hairpinning: false,
            timeout: Duration::from_secs(120),
            passes_udp: true,
        }
    }

    /// A firewall that lets in what answers to what went out.
    #[must_use]
    pub const fn firewall(ipv6: bool) -> Self {
        Self {
            outside: None,
            ipv6,
            mapping: Dependence::Endpoint,
            filtering: Dependence::AddressAndPort,
            hairpinning: true,
            timeout: Duration::from_secs(120),
            passes_udp: true,
        }
    }
}

/// A mapping, and the holes in the filter that belong to it.
#[derive(Clone, Debug)]
struct Mapping {
    protocol: Protocol,
    inside: SocketAddr,
    /// The far end that it is for, as far as that matters.
    destination: Option<(IpAddr, Option<u16>)>,
    outside: SocketAddr,
    used: Instant,
    /// Where something went to, and when it last did.
    holes: BTreeMap<SocketAddr, Instant>,
}

/// A translator at work.
#[derive(Clone, Debug)]
pub(crate) struct NatState {
    pub(crate) nat: Nat,
    mappings: Vec<Mapping>,
    next_port: u16,
}

impl NatState {
    pub(crate) const fn new(nat: Nat) -> Self {
        Self { nat, mappings: Vec::new(), next_port: 20_000 }
    }

    /// Forgets everything, as after a power cut. New mappings get other ports.
    pub(crate) fn reset(&mut self) {
        self.mappings.clear();
    }

    /// Something goes out. Returns its source as the world outside sees it.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        protocol: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Option<SocketAddr> {
        if protocol == Protocol::Udp && !self.nat.passes_udp {
            return None;
        }
        let timeout = self.nat.timeout;
        self.mappings.retain(|mapping| now < mapping.used + timeout);
        let key = match self.nat.mapping {
            // Without translation there is nothing that could differ.
            _ if self.nat.outside.is_none() => None,
            Dependence::Endpoint => None,
            Dependence::Address => Some((destination.ip(), None)),
            Dependence::AddressAndPort => Some((destination.ip(), Some(destination.port()))),
        };
        let same = |mapping: &&mut Mapping| {
            (mapping.protocol, mapping.inside, mapping.destination) == (protocol, source, key)
        };
        let outside = if let Some(mapping) = self.mappings.iter_mut().find(same) {
            mapping.used = now;
            mapping.holes.insert(destination, now);
            mapping.outside
        } else {
            let outside = match self.nat.outside {
                Some(ip) => SocketAddr::new(ip, self.fresh_port()),
                None => source,
            };
            let holes = BTreeMap::from([(destination, now)]);
            self.mappings.push(Mapping {
                protocol,
                inside: source,
                destination: key,
                outside,
                used: now,
                holes,
            });
            outside
        };
        Some(outside)
    }

    /// Something comes from outside. Returns where it goes to inside, if it is let in.
    pub(crate) fn inbound(
        &self,
        now: Instant,
        protocol: Protocol,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Option<SocketAddr> {
        let mapping = self.mapping(now, protocol, destination)?;
        let open = |hole: &SocketAddr| match self.nat.filtering {
            Dependence::Endpoint => true,
            Dependence::Address => hole.ip() == source.ip(),
            Dependence::AddressAndPort => *hole == source,
        };
        let alive = |(hole, at): (&SocketAddr, &Instant)| now < *at + self.nat.timeout && open(hole);
        mapping.holes.iter().any(alive).then_some(mapping.inside)
    }

    /// Who is behind an address outside, whoever asks.
    pub(crate) fn owner(&self, now: Instant, protocol: Protocol, outside: SocketAddr) -> Option<SocketAddr> {
        self.mapping(now, protocol, outside).map(|mapping| mapping.inside)
    }

    fn mapping(&self, now: Instant, protocol: Protocol, outside: SocketAddr) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| {
            (mapping.protocol, mapping.outside) == (protocol, outside)
                && now < mapping.used + self.nat.timeout
        })
    }

    fn fresh_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = if port == u16::MAX { 20_000 } else { port + 1 };
        port
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin;

    const INSIDE: &str = "10.0.0.1:5000";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn nat(mapping: Dependence, filtering: Dependence) -> NatState {
        let mut nat = Nat::new(address("203.0.113.1:0").ip());
        (nat.mapping, nat.filtering) = (mapping, filtering);
        NatState::new(nat)
    }

    #[test]
    fn mappings_depend_on_what_they_shall() {
        for (mapping, same_port, same_address, other) in [
            (Dependence::Endpoint, true, true, true),
            (Dependence::Address, true, true, false),
            (Dependence::AddressAndPort, true, false, false),
        ] {
            let mut nat = nat(mapping, Dependence::Endpoint);
            let mut out = |to| nat.outbound(origin(), Protocol::Udp, address(INSIDE), address(to)).unwrap();
            let first = out("192.0.2.1:1");
            assert_eq!(out("192.0.2.1:1") == first, same_port);
            assert_eq!(out("192.0.2.1:2") == first, same_address);
            assert_eq!(out("192.0.2.2:1") == first, other);
            let tcp = nat.outbound(origin(), Protocol::Tcp, address(INSIDE), address("192.0.2.1:1"));
            assert_ne!(tcp, Some(first));
        }
    }

    #[test]
    fn filters_let_in_whom_they_shall() {
        for (filtering, known_address, stranger) in [
            (Dependence::Endpoint, true, true),
            (Dependence::Address, true, false),
            (Dependence::AddressAndPort, false, false),
        ] {
            let mut nat = nat(Dependence::Endpoint, filtering);
            let outside =
                nat.outbound(origin(), Protocol::Udp, address(INSIDE), address("192.0.2.1:1")).unwrap();
            let enters =
                |from| nat.inbound(origin(), Protocol::Udp, address(from), outside) == Some(address(INSIDE));
            assert!(enters("192.0.2.1:1"));
            assert_eq!(enters("192.0.2.1:2"), known_address);
            assert_eq!(enters("192.0.2.2:1"), stranger);
            assert_eq!(nat.inbound(origin(), Protocol::Tcp, address("192.0.2.1:1"), outside), None);
        }
    }

    #[test]
    fn mappings_go_with_time_and_power() {
        let mut nat = nat(Dependence::Endpoint, Dependence::Endpoint);
        let (start, to) = (origin(), address("192.0.2.1:1"));
        let first = nat.outbound(start, Protocol::Udp, address(INSIDE), to).unwrap();
        let later = start + Duration::from_secs(119);
        assert!(nat.inbound(later, Protocol::Udp, to, first).is_some());
        // What comes in keeps nothing open (RFC 4787, section 4.3).
        assert!(nat.inbound(start + Duration::from_secs(120), Protocol::Udp, to, first).is_none());
        assert_eq!(nat.outbound(later, Protocol::Udp, address(INSIDE), to), Some(first));
        assert!(nat.inbound(start + Duration::from_secs(200), Protocol::Udp, to, first).is_some());
        nat.reset();
        assert!(nat.inbound(later, Protocol::Udp, to, first).is_none());
        assert_ne!(nat.outbound(later, Protocol::Udp, address(INSIDE), to), Some(first));
    }

    #[test]
    fn firewalls_translate_nothing() {
        let mut wall = NatState::new(Nat::firewall(false));
        let (inside, to) = (address("192.0.2.7:5000"), address("192.0.2.1:1"));
        assert_eq!(wall.inbound(origin(), Protocol::Udp, to, inside), None);
        assert_eq!(wall.outbound(origin(), Protocol::Udp, inside, to), Some(inside));
        assert_eq!(wall.inbound(origin(), Protocol::Udp, to, inside), Some(inside));
        assert_eq!(wall.inbound(origin(), Protocol::Udp, address("192.0.2.2:1"), inside), None);
        wall.nat.passes_udp = false;
        assert_eq!(wall.outbound(origin(), Protocol::Udp, inside, to), None);
        assert_eq!(wall.outbound(origin(), Protocol::Tcp, inside, to), Some(inside));
    }
}
