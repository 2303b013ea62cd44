//! Datagrams on their way through.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use drywire_core::{Instant, Path, Protocol};
use drywire_stun::attributes::{Icmp, XorPeerAddress};
use drywire_stun::{AttributeType, Class, HEADER_LEN, Message, MessageBuilder, Method, TransactionId};

use super::allocate::Allocation;
use super::outgoing::{Frame, Outgoing};
use super::usage::{HolderId, Way};
use super::{AllocationId, Server};
use crate::{CHANNEL_HEADER_LEN, ChannelData};

/// The longest datagram of a peer.
pub(super) const LONGEST: usize = 65_400;

/// To whom a client sends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Channel(u16),
    Peer(SocketAddr),
}

/// Which way a datagram takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) path: Path,
    pub(super) frame: Frame,
    pub(super) holder: HolderId,
}

/// Peer, and place and length of the payload, of a Send indication.
pub(super) fn sent(message: &Message<'_>) -> Option<(SocketAddr, usize, usize)> {
    let peer = message.attribute::<XorPeerAddress>()?.0;
    let mut at = HEADER_LEN;
    for raw in message.attributes() {
        if raw.attribute == AttributeType::DATA {
            return Some((peer, at + 4, raw.value.len()));
        }
        at += 4 + raw.value.len().next_multiple_of(4);
    }
    None
}

impl Server {
    /// The way to a peer, if there is a permission (attack B08). Counts what is dropped.
    pub(super) fn route_to_peer(
        &mut self,
        now: Instant,
        client: Path,
        target: Target,
        count: u64,
    ) -> Option<Route> {
        let allocation = self.table.client(&client).and_then(|id| self.table.get(id));
        let carries =
            |allocation: &&Allocation| allocation.is_open() && allocation.transport == Protocol::Udp;
        let Some(allocation) = allocation.filter(carries) else {
            self.stats.unexpected += count;
            return None;
        };
        let route = self.permitted(now, allocation, target);
        if route.is_none() {
            self.stats.not_permitted += count;
        }
        route
    }

    fn permitted(&self, now: Instant, allocation: &Allocation, target: Target) -> Option<Route> {
        let (peer, permission) = match target {
            Target::Channel(number) => allocation.peers.of_channel(now, number)?,
            Target::Peer(peer) => (peer, allocation.peers.permission(now, peer.ip())?),
        };
        // Permissions say nothing of ports: on our own addresses only relayed ones are reached.
        if peer.port() == 0 || (permission.is_own && !self.is_relayed(peer)) {
            return None;
        }
        let path = Path::udp(allocation.relayed_for(peer.ip())?, peer);
        Some(Route { path, frame: Frame::Bare, holder: allocation.holder })
    }

    /// The way to the client, if there is a permission. Counts what is dropped.
    pub(super) fn route_to_client(
        &mut self,
        now: Instant,
        id: AllocationId,
        peer: SocketAddr,
        count: u64,
    ) -> Option<Route> {
        let allocation = self.table.get(id).filter(|allocation| allocation.is_open());
        let known =
            allocation.and_then(|allocation| Some((allocation, allocation.peers.channel_to(now, peer)?)));
        let Some((allocation, channel)) = known else {
            self.stats.not_permitted += count;
            return None;
        };
        let (path, padded) = (allocation.client, allocation.client.protocol != Protocol::Udp);
        let frame = channel.map_or(Frame::Data(peer), |number| Frame::Channel { number, padded });
        Some(Route { path, frame, holder: allocation.holder })
    }

    /// Takes the bytes from the bandwidth, and counts the datagrams: as relayed or as dropped.
    pub(super) fn charge(
        &mut self,
        now: Instant,
        holder: HolderId,
        way: Way,
        count: u64,
        bytes: usize,
    ) -> bool {
        if !self.usage.charge(now, holder, way, bytes) {
            self.stats.over_bandwidth += count;
            return false;
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let (datagrams, total) = match way {
            Way::ToPeers => (&mut self.stats.datagrams_to_peers, &mut self.stats.bytes_to_peers),
            Way::ToClients => (&mut self.stats.datagrams_to_clients, &mut self.stats.bytes_to_clients),
        };
        *datagrams += count;
        *total += bytes;
        true
    }

    pub(super) fn take_channel_data(&mut self, now: Instant, path: Path, message: BytesMut) {
        let Some(ChannelData { channel, data }) = ChannelData::parse_any(&message) else {
            self.stats.malformed += 1;
            return;
        };
        let len = data.len();
        self.relay_to_peer(now, path, Target::Channel(channel), message, CHANNEL_HEADER_LEN, len);
    }

    pub(super) fn take_send(
        &mut self,
        now: Instant,
        path: Path,
        peer: SocketAddr,
        message: BytesMut,
        at: usize,
        len: usize,
    ) {
        self.relay_to_peer(now, path, Target::Peer(peer), message, at, len);
    }

    /// Sends a part of a client's message to a peer.
    fn relay_to_peer(
        &mut self,
        now: Instant,
        client: Path,
        target: Target,
        mut message: BytesMut,
        at: usize,
        len: usize,
    ) {
        let Some(route) = self.route_to_peer(now, client, target, 1) else { return };
        message.advance(at.min(message.len()));
        message.truncate(len);
        self.relay_one(now, route, Way::ToPeers, message);
    }

    pub(super) fn take_from_peer(
        &mut self,
        now: Instant,
        id: AllocationId,
        peer: SocketAddr,
        datagram: BytesMut,
    ) {
        // No socket gives more; what has no room for its headers could not be sent.
        if datagram.len() > LONGEST {
            self.stats.malformed += 1;
            return;
        }
        let Some(route) = self.route_to_client(now, id, peer, 1) else { return };
        self.relay_one(now, route, Way::ToClients, datagram);
    }

    fn relay_one(&mut self, now: Instant, route: Route, way: Way, payload: BytesMut) {
        let Route { path, frame, holder } = route;
        if !self.outgoing.has_room(payload.len()) {
            self.stats.queue_full += 1;
        } else if self.charge(now, holder, way, 1, payload.len()) {
            self.outgoing.push(Outgoing { path, frame, payload });
        }
    }

    /// Tells the client of an ICMP error for what it sent to a peer (RFC 8656, section 11.5).
    pub(super) fn take_icmp(&mut self, now: Instant, relayed: SocketAddr, peer: SocketAddr, icmp: Icmp) {
        // Types of errors (RFC 792, RFC 4443), which others could misuse to make clients answer.
        let is_error = match peer {
            SocketAddr::V4(_) => matches!(icmp.icmp_type, 3 | 11 | 12),
            SocketAddr::V6(_) => matches!(icmp.icmp_type, 1..=4),
        };
        let Some(id) = self.table.relay(&relayed).filter(|_| is_error) else {
            self.stats.unexpected += 1;
            return;
        };
        let Some(route) = self.route_to_client(now, id, peer, 1) else { return };
        let mut message = Vec::new();
        let id = TransactionId::random(&mut self.rng);
        let mut indication = MessageBuilder::new(&mut message, Class::Indication, Method::DATA, id);
        indication.attribute(&XorPeerAddress(peer)).attribute(&icmp);
        if indication.finish().is_ok() && self.charge(now, route.holder, Way::ToClients, 0, message.len()) {
            self.stats.icmp_forwarded += 1;
            self.reply(route.path, message);
        }
    }

    /// Sends a message to where a datagram says it comes from. A stream has proven it by its handshake.
    pub(super) fn reply_unproven(&mut self, now: Instant, path: Path, message: Vec<u8>) {
        if path.protocol == Protocol::Udp && !self.limit.allows(now, path.remote, message.len()) {
            self.stats.limited += 1;
            return;
        }
        self.reply(path, message);
    }

    /// Sends a message to a client.
    pub(super) fn reply(&mut self, path: Path, message: Vec<u8>) {
        let payload = BytesMut::from(&*message);
        if !message.is_empty() && !self.outgoing.push(Outgoing { path, frame: Frame::Bare, payload }) {
            self.stats.queue_full += 1;
        }
    }
}
