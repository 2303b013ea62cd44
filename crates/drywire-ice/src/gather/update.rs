//! What changes of an address that is known: what its network costs, and whether the policy still lets it be used.

use drywire_core::Protocol;

use super::{Event, Gatherer, LocalAddress};

impl LocalAddress {
    /// Whether both give the same candidate.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.address == other.address && self.tcp_type == other.tcp_type
    }

    const fn protocol(&self) -> Protocol {
        match self.tcp_type {
            None => Protocol::Udp,
            Some(_) => Protocol::Tcp,
        }
    }
}

impl Gatherer {
    /// Takes what is said of an address that is used.
    pub(crate) fn update(&mut self, said: &LocalAddress) {
        let known = self.locals.iter_mut().find(|local| local.address.is_same(said));
        let Some(known) = known.map(|local| &mut local.address) else { return };
        known.default_route = said.default_route;
        let (protocol, base, network) = (said.protocol(), said.address, said.network);
        if std::mem::replace(&mut known.network, network) == network {
            return;
        }
        for candidate in &mut self.candidates {
            if candidate.base == base && candidate.protocol == protocol {
                candidate.network = network;
            }
        }
        if protocol == Protocol::Udp {
            for probe in self.probes.iter_mut().filter(|probe| probe.path.local == base) {
                probe.network = network;
            }
            for mapping in self.mappings.iter_mut().filter(|mapping| mapping.local() == base) {
                mapping.set_network(network);
            }
        }
        self.tell(Event::NetworkChanged { protocol, base, network });
    }

    /// An address is there, but may not be used any more.
    pub(crate) fn take_back(&mut self, local: &LocalAddress) {
        let (protocol, base) = (local.protocol(), local.address);
        self.locals.retain(|known| !known.address.is_same(local));
        self.candidates.retain(|candidate| candidate.base != base || candidate.protocol != protocol);
        if protocol == Protocol::Udp {
            self.probes.retain(|probe| probe.path.local != base);
            self.mappings.retain(|mapping| mapping.local() != base);
        }
        self.tell(Event::Removed { protocol, base });
    }
}
