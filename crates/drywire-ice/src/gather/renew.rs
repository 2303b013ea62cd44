//! Keeping server-reflexive candidates alive (RFC 8445, section 5.1.1.4), and noticing that they have changed.

use std::net::SocketAddr;

use drywire_core::{Instant, Path};
use drywire_stun::TransactionId;
use drywire_stun::attributes::NetworkCost;

use super::probe::Probe;
use super::{Event, Gatherer};
use crate::{Candidate, CandidateKind};

/// What a NAT has made of a socket's address on the way to a server.
#[derive(Debug)]
pub(crate) struct Mapping {
    path: Path,
    network: NetworkCost,
    local_preference: u16,
    mapped: SocketAddr,
    /// When the server is asked again.
    renew_at: Instant,
}

impl Mapping {
    pub(crate) const fn local(&self) -> SocketAddr {
        self.path.local
    }

    pub(crate) const fn set_network(&mut self, network: NetworkCost) {
        self.network = network;
    }

    pub(crate) const fn renew_at(&self) -> Instant {
        self.renew_at
    }
}

impl Gatherer {
    /// Keeps what a server sees. If it was something else before, that candidate is of no use any more.
    pub(crate) fn keep_mapping(
        &mut self,
        now: Instant,
        path: Path,
        local_preference: u16,
        network: NetworkCost,
        mapped: SocketAddr,
    ) {
        let Some(interval) = self.config.keepalive else { return };
        let renew_at = now + interval;
        match self.mappings.iter_mut().find(|mapping| mapping.path == path) {
            Some(mapping) => {
                mapping.renew_at = renew_at;
                let before = std::mem::replace(&mut mapping.mapped, mapped);
                let is_gone =
                    |mapping: &Mapping| mapping.path.local != path.local || mapping.mapped != before;
                if before == mapped {
                    return;
                }
                tracing::debug!(%path, %before, %mapped, "a NAT has changed its mapping");
                if self.mappings.iter().all(is_gone) {
                    self.withdraw(path.local, before);
                }
                self.tell(Event::MappingChanged(path));
            }
            // Where there is no NAT, nothing forgets.
            None if mapped == path.local => {}
            None => self.mappings.push(Mapping { path, network, local_preference, mapped, renew_at }),
        }
    }

    /// Has servers asked again for which it is time.
    pub(crate) fn renew_mappings(&mut self, now: Instant) {
        let Some(interval) = self.config.keepalive else { return };
        for mapping in self.mappings.iter_mut().filter(|mapping| mapping.renew_at <= now) {
            mapping.renew_at = now + interval;
            let Mapping { path, network, local_preference, .. } = *mapping;
            if !self.probes.iter().any(|probe| probe.path == path) {
                let id = TransactionId::random(&mut self.rng);
                let until = now + self.config.timeout;
                let probe = Probe::new(path, network, None, local_preference, id, until);
                self.probes.push(probe);
            }
        }
    }

    fn withdraw(&mut self, base: SocketAddr, mapped: SocketAddr) {
        let is_it = |own: &Candidate| {
            own.kind == CandidateKind::ServerReflexive && own.base == base && own.address == mapped
        };
        if let Some(at) = self.candidates.iter().position(is_it) {
            let candidate = self.candidates.remove(at);
            self.tell(Event::Withdrawn(candidate));
        }
    }
}
