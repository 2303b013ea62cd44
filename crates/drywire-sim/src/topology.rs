//! Who has which address, and what lies between: realms of addresses with translators around them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use drywire_core::{Instant, Path, Protocol};

use crate::nat::NatState;
use crate::{Nat, NodeId};

/// A network in which addresses mean something: the public one, or one behind translators and firewalls. The same
/// private address may exist in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm(usize);

impl Realm {
    /// The realm around all others.
    pub const PUBLIC: Self = Self(0);
}

/// The realms of a [`Network`](crate::Network) and who has which address there. A copy of it answers what would become
/// of datagrams, without any effect on the network.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Each realm but the public one has one around it, and the way out of it.
    realms: Vec<(Realm, Vec<NatState>)>,
    addresses: BTreeMap<(Realm, SocketAddr), NodeId>,
}

/// A datagram on its way, as the realm sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) realm: Realm,
    pub(crate) protocol: Protocol,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
}

impl Hop {
    /// The path as the receiver sees it, at its own address.
    const fn received_at(self, local: SocketAddr) -> Path {
        Path { protocol: self.protocol, local, remote: self.source }
    }
}

impl Default for Topology {
    fn default() -> Self {
        Self { realms: vec![(Realm::PUBLIC, Vec::new())], addresses: BTreeMap::new() }
    }
}

impl Topology {
    /// Sends a datagram by a path as its sender sees it: translators map it, and open for answers. Returns who receives it
    /// and by which path, as the receiver sees it; `None` if nobody does.
    pub fn send(&mut self, now: Instant, from: NodeId, path: Path) -> Option<(NodeId, Path)> {
        let realm = self.realm_of(from, path.local)?;
        let hop = self.outbound(now, realm, path)?;
        self.inbound(now, hop)
    }

    /// Who has an address in the public realm.
    pub(crate) fn public_owner(&self, address: SocketAddr) -> Option<NodeId> {
        self.addresses.get(&(Realm::PUBLIC, address)).copied()
    }

    pub(crate) fn add_realm(&mut self, outer: Realm, gateways: Vec<Nat>) -> Realm {
        self.realms.push((outer, gateways.into_iter().map(NatState::new).collect()));
        Realm(self.realms.len() - 1)
    }

    pub(crate) fn add_address(&mut self, realm: Realm, address: SocketAddr, node: NodeId) {
        self.addresses.insert((realm, address), node);
    }

    pub(crate) fn remove_address(&mut self, realm: Realm, address: SocketAddr) {
        self.addresses.remove(&(realm, address));
    }

    pub(crate) fn reset(&mut self, realm: Realm) {
        for gateway in self.gateways_mut(realm) {
            gateway.reset();
        }
    }

    pub(crate) fn set_gateways(&mut self, realm: Realm, gateways: Vec<Nat>) {
        if let Some((_, old)) = self.realms.get_mut(realm.0) {
            *old = gateways.into_iter().map(NatState::new).collect();
        }
    }

    /// The realm in which a node has an address.
    pub(crate) fn realm_of(&self, node: NodeId, address: SocketAddr) -> Option<Realm> {
        let mut realms = (0..self.realms.len()).map(Realm);
        realms.find(|realm| self.addresses.get(&(*realm, address)) == Some(&node))
    }

    /// Lets a datagram climb until its destination is known.
    pub(crate) fn outbound(&mut self, now: Instant, realm: Realm, path: Path) -> Option<Hop> {
        let (protocol, destination) = (path.protocol, path.remote);
        let mut hop = Hop { realm, protocol, source: path.local, destination };
        // A realm is made after the one around it: this ends.
        loop {
            if self.owner(now, hop).is_some() {
                return Some(hop);
            }
            if hop.realm == Realm::PUBLIC {
                return None;
            }
            let gateway = self
                .gateways_mut(hop.realm)
                .iter_mut()
                .find(|gateway| gateway.nat.ipv6 == destination.is_ipv6())?;
            if gateway.nat.outside == Some(destination.ip()) && !gateway.nat.hairpinning {
                return None;
            }
            hop.source = gateway.outbound(now, protocol, hop.source, destination)?;
            hop.realm = self.realms.get(hop.realm.0)?.0;
        }
    }

    /// Who would receive a datagram if no filter stood in its way, which translators may have by the time it arrives.
    pub(crate) fn owner(&self, now: Instant, hop: Hop) -> Option<NodeId> {
        let owner = |gateway: &NatState, hop: Hop| match gateway.nat.outside {
            Some(_) => gateway.owner(now, hop.protocol, hop.destination),
            None => Some(hop.destination),
        };
        self.descend(hop, &owner).map(|(node, _)| node)
    }

    /// Lets a datagram descend to its receiver.
    pub(crate) fn inbound(&self, now: Instant, hop: Hop) -> Option<(NodeId, Path)> {
        let enter =
            |gateway: &NatState, hop: Hop| gateway.inbound(now, hop.protocol, hop.source, hop.destination);
        self.descend(hop, &enter)
    }

    fn descend(
        &self,
        hop: Hop,
        enter: &impl Fn(&NatState, Hop) -> Option<SocketAddr>,
    ) -> Option<(NodeId, Path)> {
        if let Some(node) = self.addresses.get(&(hop.realm, hop.destination)) {
            return Some((*node, hop.received_at(hop.destination)));
        }
        let inner = self.realms.iter().enumerate().skip(1).filter(|(_, (outer, _))| *outer == hop.realm);
        inner
            .flat_map(|(index, (_, gateways))| gateways.iter().map(move |gateway| (index, gateway)))
            .filter(|(_, gateway)| gateway.nat.ipv6 == hop.destination.is_ipv6())
            .filter(|(_, gateway)| gateway.nat.outside.is_none_or(|ip| ip == hop.destination.ip()))
            .find_map(|(index, gateway)| {
                let destination = enter(gateway, hop)?;
                self.descend(Hop { realm: Realm(index), destination, ..hop }, enter)
            })
    }

    fn gateways_mut(&mut self, realm: Realm) -> &mut [NatState] {
        self.realms.get_mut(realm.0).map_or(&mut [], |(_, gateways)| gateways)
    }
}
