//! Names in the place of addresses (draft-ietf-mmusic-mdns-ice-candidates): ours, and those of the peers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use drywire_core::{Instant, Path, Transmit};
use drywire_ice::mdns::{Event, Interface, InterfaceError, Mdns, Name};

use super::Change;
use crate::PeerId;

/// The most peer connections that wait for one name.
const MAX_WAITING: usize = 64;

pub(crate) struct Names {
    mdns: Mdns,
    interfaces: Vec<SocketAddr>,
    /// Who waits for which name.
    waiting: BTreeMap<Name, Vec<PeerId>>,
    changes: Vec<Change>,
}

impl Names {
    pub(super) const fn new(mdns: Mdns) -> Self {
        Self { mdns, interfaces: Vec::new(), waiting: BTreeMap::new(), changes: Vec::new() }
    }

    pub(crate) fn add_interface(&mut self, now: Instant, interface: Interface) -> Result<(), InterfaceError> {
        self.mdns.add_interface(now, interface)?;
        if !self.interfaces.contains(&interface.address) {
            self.interfaces.push(interface.address);
        }
        Ok(())
    }

    pub(crate) fn remove_interface(&mut self, now: Instant, address: SocketAddr) {
        self.interfaces.retain(|other| *other != address);
        self.mdns.remove_interface(now, address);
    }

    /// Whether datagrams to this address are of multicast DNS.
    pub(super) fn owns(&self, local: SocketAddr) -> bool {
        self.interfaces.contains(&local)
    }

    /// The name of one of our addresses.
    pub(super) fn register(&mut self, now: Instant, address: IpAddr) -> Option<Name> {
        let name = self.mdns.register(now, address);
        name.inspect_err(|error| tracing::debug!(%error, "an address has no name, and is not told")).ok()
    }

    pub(super) fn unregister(&mut self, now: Instant, address: IpAddr) {
        self.mdns.unregister(now, address);
    }

    /// Looks for the address behind a name of a peer.
    pub(super) fn resolve(&mut self, now: Instant, peer: PeerId, name: Name) {
        if let Err(error) = self.mdns.resolve(now, &name) {
            tracing::debug!(%error, "a name is not looked for");
            self.changes.push(Change::Resolved(vec![peer], name, None));
            return;
        }
        let waiting = self.waiting.entry(name).or_default();
        if waiting.len() < MAX_WAITING && !waiting.contains(&peer) {
            waiting.push(peer);
        }
    }

    pub(super) fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        self.mdns.handle_input(now, path, datagram);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.mdns.handle_timeout(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.mdns.poll_timeout()
    }

    pub(super) fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.mdns.poll_transmit(now, out)
    }

    /// What became of the names.
    pub(super) fn settle(&mut self) -> Vec<Change> {
        while let Some(event) = self.mdns.poll_event() {
            let (name, address) = match event {
                Event::Resolved { name, address } => (name, Some(address)),
                Event::Unresolved { name } => (name, None),
                _ => continue,
            };
            if let Some(peers) = self.waiting.remove(&name) {
                self.changes.push(Change::Resolved(peers, name, address));
            }
        }
        std::mem::take(&mut self.changes)
    }
}
