//! Datagrams on their way through, and what else is sent.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use drywire_core::{Ecn, Instant, Path, Protocol, Transmit};
use drywire_stun::attributes::XorPeerAddress;
use drywire_stun::{AttributeType, Class, HEADER_LEN, Message, MessageBuilder, Method, TransactionId};

use super::{AllocationId, Server};
use crate::{CHANNEL_HEADER_LEN, ChannelData};

/// The longest train, in datagrams and bytes: what UDP segmentation offload takes.
const TRAIN: usize = 64;
const TRAIN_BYTES: usize = 64_000;
/// The longest datagram of a peer.
const LONGEST: usize = 65_400;

/// Something to send.
#[derive(Debug)]
pub(super) struct Outgoing {
    path: Path,
    frame: Frame,
    payload: BytesMut,
}

/// What stands before the payload.
#[derive(Clone, Copy, Debug)]
enum Frame {
    /// Nothing: a message, or a datagram to a peer.
    Bare,
    Channel(u16),
    /// A Data indication.
    Data(SocketAddr),
}

impl Outgoing {
    /// The length on the wire, where it is easily known.
    fn wire_len(&self) -> Option<usize> {
        match self.frame {
            _ if self.path.protocol != Protocol::Udp => None,
            Frame::Bare => Some(self.payload.len()),
            Frame::Channel(_) => Some(CHANNEL_HEADER_LEN + self.payload.len()),
            Frame::Data(_) => None,
        }
    }

    fn cost(&self) -> usize {
        self.payload.len() + 64
    }
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
    pub(super) fn take_channel_data(&mut self, now: Instant, path: Path, message: BytesMut) {
        let Some(ChannelData { channel, data }) = ChannelData::parse_any(&message) else {
            self.stats.malformed += 1;
            return;
        };
        let len = data.len();
        let allocation = self.by_client.get(&path).and_then(|id| self.allocations.get(id));
        match allocation.and_then(|allocation| allocation.peer_of(now, channel)) {
            Some(peer) => self.relay_to_peer(now, path, peer, message, CHANNEL_HEADER_LEN, len),
            None => self.stats.not_permitted += 1,
        }
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
        self.relay_to_peer(now, path, peer, message, at, len);
    }

    /// Sends a part of a client's message to a peer, if there is a permission (attack B08).
    fn relay_to_peer(
        &mut self,
        now: Instant,
        path: Path,
        peer: SocketAddr,
        mut message: BytesMut,
        at: usize,
        len: usize,
    ) {
        let allocation = self.by_client.get(&path).and_then(|id| self.allocations.get(id));
        let Some(allocation) = allocation.filter(|allocation| allocation.is_open()) else {
            self.stats.unexpected += 1;
            return;
        };
        let relayed = allocation.relayed_for(peer.ip()).filter(|_| allocation.is_permitted(now, peer.ip()));
        // Permissions say nothing of ports: the policy is asked again.
        let Some(relayed) = relayed.filter(|_| peer.port() != 0 && self.may_reach(peer)) else {
            self.stats.not_permitted += 1;
            return;
        };
        message.advance(at.min(message.len()));
        message.truncate(len);
        self.stats.bytes_relayed += u64::try_from(len).unwrap_or(u64::MAX);
        if self.enqueue(Outgoing { path: Path::udp(relayed, peer), frame: Frame::Bare, payload: message }) {
            self.stats.datagrams_to_peers += 1;
        }
    }

    pub(super) fn take_from_peer(
        &mut self,
        now: Instant,
        id: AllocationId,
        peer: SocketAddr,
        datagram: BytesMut,
    ) {
        let allocation =
            self.allocations.get(&id).filter(|allocation| allocation.is_permitted(now, peer.ip()));
        let Some(allocation) = allocation else {
            self.stats.not_permitted += 1;
            return;
        };
        // No socket gives more; what has no room for its headers could not be sent.
        if datagram.len() > LONGEST {
            self.stats.malformed += 1;
            return;
        }
        let frame = allocation.channel_to(now, peer).map_or(Frame::Data(peer), Frame::Channel);
        self.stats.bytes_relayed += u64::try_from(datagram.len()).unwrap_or(u64::MAX);
        if self.enqueue(Outgoing { path: allocation.client, frame, payload: datagram }) {
            self.stats.datagrams_to_clients += 1;
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
        if !message.is_empty() {
            self.enqueue(Outgoing { path, frame: Frame::Bare, payload: BytesMut::from(&*message) });
        }
    }

    fn enqueue(&mut self, outgoing: Outgoing) -> bool {
        if self.outgoing_bytes + outgoing.cost() > self.config.max_queued {
            self.stats.queue_full += 1;
            return false;
        }
        self.outgoing_bytes += outgoing.cost();
        self.outgoing.push_back(outgoing);
        true
    }

    /// Sends what is first, and what follows it of the same size to the same destination.
    pub(super) fn send_outgoing(&mut self, out: &mut Vec<u8>) -> Option<Transmit> {
        let start = out.len();
        let first = self.pop()?;
        let (path, segment) = (first.path, first.wire_len());
        self.write(&first, out);
        let mut count = 1;
        while let (Some(segment), Some(next)) = (segment, self.outgoing.front()) {
            let fits = next.path == path
                && next.wire_len().is_some_and(|len| len <= segment && len > 0)
                && count < TRAIN
                && out.len() - start + segment <= TRAIN_BYTES;
            let last = next.wire_len() != Some(segment);
            let Some(next) = fits.then(|| self.pop()).flatten() else { break };
            self.write(&next, out);
            count += 1;
            if last {
                break;
            }
        }
        let segment_size = segment.filter(|_| count > 1);
        Some(Transmit { path, ecn: Ecn::NotEct, len: out.len() - start, segment_size })
    }

    fn pop(&mut self) -> Option<Outgoing> {
        let outgoing = self.outgoing.pop_front()?;
        self.outgoing_bytes = self.outgoing_bytes.saturating_sub(outgoing.cost());
        Some(outgoing)
    }

    fn write(&mut self, outgoing: &Outgoing, out: &mut Vec<u8>) {
        let payload = &outgoing.payload;
        match outgoing.frame {
            Frame::Bare => out.extend_from_slice(payload),
            Frame::Channel(channel) => {
                let padded = outgoing.path.protocol != Protocol::Udp;
                // A datagram is never longer than 65,535 bytes.
                let _ = ChannelData { channel, data: payload }.write(padded, out);
            }
            Frame::Data(peer) => {
                let id = TransactionId::random(&mut self.rng);
                let start = out.len();
                let mut indication = MessageBuilder::new(out, Class::Indication, Method::DATA, id);
                indication.attribute(&XorPeerAddress(peer));
                indication.attribute(&drywire_stun::attributes::Data(payload));
                if indication.finish().is_err() {
                    out.truncate(start);
                }
            }
        }
    }
}
