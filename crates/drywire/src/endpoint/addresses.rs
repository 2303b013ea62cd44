//! What an endpoint is told of the host: addresses, servers, connections, interfaces; and what its peer connections learn of it.

use std::net::SocketAddr;

use drywire_core::{Instant, Path};
use drywire_ice::gather::LocalAddress;
use drywire_ice::mdns::{Interface, InterfaceError};

use super::network::Change;
use super::{ConnectId, Endpoint, IceServer, IceServerError, StreamRequest, add_candidate};
use crate::{IceGatheringState, PeerId};

impl Endpoint {
    /// Adds an address of a UDP socket, which gives a host candidate; servers are asked about it. The first one is the most
    /// preferred. Give one for each interface that peers may use; an unspecified address (`0.0.0.0`) is none. Peer connections
    /// that exist get the candidates, too, and have to tell their peers
    /// ([`Event::LocalCandidate`](crate::Event::LocalCandidate)).
    ///
    /// Of an address that is known already, what else is said counts from now on: sessions move to another network when theirs
    /// has become the more expensive one, and leave an address that has lost its default route where
    /// [`AddressPolicy`](drywire_ice::gather::AddressPolicy) asks for one.
    pub fn add_local_address(&mut self, now: Instant, address: impl Into<LocalAddress>) {
        self.add_local_addresses(now, &[address.into()]);
    }

    /// Adds addresses of UDP sockets, and of TCP listeners if their `tcp_type` is passive. Their order of preference is found
    /// as RFC 8421 has it.
    pub fn add_local_addresses(&mut self, now: Instant, addresses: &[LocalAddress]) {
        let now = self.clock.observe(now);
        self.network.add_local_addresses(now, addresses);
        self.apply_changes(now);
    }

    /// Takes back an address: its interface is gone, or its socket closed. Sessions that used it go on from another one as soon
    /// as ICE has found a way.
    pub fn remove_local_address(&mut self, now: Instant, address: SocketAddr) {
        let now = self.clock.observe(now);
        self.network.remove_local_address(now, address);
        self.apply_changes(now);
    }

    /// Adds a STUN or TURN server. STUN servers are asked about all addresses; on a TURN server an allocation is made at once,
    /// which all peer connections share, and is held until [`close`](Self::close). One that fails is tried again from time to
    /// time, unless the credential was refused. The same server with another credential, as of a service that gives out
    /// credentials for a time only, is tried again with that, or uses it from its next allocation on.
    ///
    /// Add servers before the peer connections whose first description shall have their candidates, and poll until these are
    /// there ([`PeerConnection::ice_gathering_state`](crate::PeerConnection::ice_gathering_state)); or trickle them.
    pub fn add_ice_server(&mut self, now: Instant, server: IceServer) -> Result<(), IceServerError> {
        let now = self.clock.observe(now);
        let added = self.network.add_server(now, server);
        self.apply_changes(now);
        added
    }

    /// How far the gathering of candidates is that all peer connections share: those of all addresses, by all servers. A peer
    /// connection made when it is complete has all of them in its first description.
    #[must_use]
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        if self.network.is_done() { IceGatheringState::Complete } else { IceGatheringState::Gathering }
    }

    /// Adds an interface for multicast DNS: see [`EndpointConfig::multicast_dns`](crate::EndpointConfig::multicast_dns).
    /// Datagrams of its socket are input with the interface's address as `local`; what is sent from that address leaves through
    /// it. Without multicast DNS in the configuration this does nothing.
    pub fn add_multicast_interface(
        &mut self,
        now: Instant,
        interface: Interface,
    ) -> Result<(), InterfaceError> {
        let now = self.clock.observe(now);
        self.network.names_mut().map_or(Ok(()), |names| names.add_interface(now, interface))
    }

    /// Takes an interface for multicast DNS back.
    pub fn remove_multicast_interface(&mut self, now: Instant, address: SocketAddr) {
        let now = self.clock.observe(now);
        if let Some(names) = self.network.names_mut() {
            names.remove_interface(now, address);
        }
    }

    /// What is to be done with TCP connections next: those to servers, and those to peers. What is read from a connection is
    /// input with its path, of the protocol TCP; what is sent on such a path is to be written as it is. When too much waits to
    /// be written already, leave out whole transmits.
    pub fn poll_stream(&mut self) -> Option<StreamRequest> {
        self.network.poll_stream()
    }

    /// A connection of [`poll_stream`](Self::poll_stream) is open, TLS included if that was asked for.
    pub fn connected(&mut self, now: Instant, id: ConnectId, path: Path) {
        let now = self.clock.observe(now);
        self.network.connected(now, id, path);
        self.apply_changes(now);
    }

    /// A connection of [`poll_stream`](Self::poll_stream) could not be opened.
    pub fn connect_failed(&mut self, now: Instant, id: ConnectId) {
        let now = self.clock.observe(now);
        self.network.connect_failed(now, id);
        self.apply_changes(now);
    }

    /// A connection has ended, whoever opened it.
    pub fn disconnected(&mut self, now: Instant, path: Path) {
        let now = self.clock.observe(now);
        self.network.disconnected(now, path);
        if let Some(owner) = self.routes.owner(path)
            && let Some(slot) = self.slot_mut(owner)
        {
            slot.peer.disconnected(now, path);
            self.touched(owner);
        }
        self.apply_changes(now);
    }

    /// Closes all peer connections and gives back what servers hold for this endpoint. Poll what is left to send.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.each_peer(|peer| peer.close(now));
        self.network.close(now);
        self.apply_changes(now);
    }

    /// Carries what changed in the network to the peer connections.
    pub(super) fn apply_changes(&mut self, now: Instant) {
        while let Some(change) = self.network.poll_change() {
            match change {
                Change::Candidate(gathered) => self.each_peer(|peer| add_candidate(peer, now, &gathered)),
                Change::Withdrawn(gathered) => self.each_peer(|peer| peer.withdraw_candidate(&gathered)),
                Change::Gone(protocol, base) => {
                    self.each_peer(|peer| peer.remove_local_candidates(now, protocol, base));
                }
                Change::Network(before, after) => {
                    self.each_peer(|peer| peer.candidate_changed(now, &before, &after));
                }
                Change::Error(error) => {
                    let (server, reason, code) = (&error.url, error.reason, error.code);
                    tracing::warn!(%server, ?reason, code, text = ?error.text, "a server gave no candidate");
                    self.each_peer(|peer| peer.gathering_failed(error.clone()));
                }
                Change::Done => self.each_peer(crate::PeerConnection::local_candidates_ended),
                Change::Connected(id, path, local) if self.peer(id).is_some() => {
                    // It may be lost, or its peer removed, before anything is sent along it.
                    self.note_route(id, Path { local, ..path });
                    self.with_peer(id, |peer| peer.connected(now, path, local));
                }
                Change::Connected(_, path, local) => self.network.close_stream(Path { local, ..path }),
                Change::ConnectFailed(id, path) => self.with_peer(id, |peer| peer.connect_failed(now, path)),
                Change::Resolved(peers, name, address) => {
                    self.stats.names_resolved += u64::from(address.is_some());
                    for id in peers {
                        self.with_peer(id, |peer| match address {
                            Some(address) => peer.name_resolved(now, &name, address),
                            None => peer.name_unresolved(&name),
                        });
                    }
                }
            }
        }
    }

    fn each_peer(&mut self, mut change: impl FnMut(&mut crate::PeerConnection)) {
        let ids: Vec<PeerId> = self.peers().map(|(id, _)| id).collect();
        for id in ids {
            self.with_peer(id, &mut change);
        }
    }

    fn with_peer(&mut self, id: PeerId, change: impl FnOnce(&mut crate::PeerConnection)) {
        if let Some(slot) = self.slot_mut(id) {
            change(&mut slot.peer);
            self.touched(id);
        }
    }
}
