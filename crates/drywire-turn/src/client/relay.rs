//! Datagrams to peers: the headers before them, and the few that wait.

use std::net::SocketAddr;

use bytes::Bytes;
use drywire_core::{Ecn, Instant, Path, Transmit, Writer};
use drywire_stun::attributes::XorPeerAddress;
use drywire_stun::{AttributeType, Class, HEADER_LEN, MessageBuilder, Method, TransactionId, is_stun};

use super::{Client, RelayedTransport, State};
use crate::SendError;

/// The longest datagram: with its headers it fits into one of UDP.
const LONGEST: usize = 65_000;

/// A datagram that waits for its turn.
#[derive(Debug)]
pub(super) struct Outgoing {
    peer: SocketAddr,
    payload: Bytes,
    ecn: Ecn,
}

impl Client {
    /// Sends a datagram to `path.remote` from `path.local`, which must be a relayed address of this client.
    /// [`poll_transmit`](Self::poll_transmit) gives it out, after the request for the permission that it needs.
    pub fn send(&mut self, now: Instant, path: Path, payload: Bytes) -> Result<(), SendError> {
        let now = self.advance(now);
        let result = self
            .prepare(now, path, &payload)
            .and_then(|()| self.enqueue(Outgoing { peer: path.remote, payload, ecn: Ecn::NotEct }));
        if result.is_err() {
            self.stats.datagrams_dropped += 1;
        }
        result
    }

    /// Turns what another machine has just appended to `out` for a peer, the last `transmit.len` bytes, into what goes to
    /// the server: the headers are put in, in the same memory, and a train stays a train. That is the way for everything
    /// whose path begins at a relayed address.
    ///
    /// `None`, and the bytes are gone from `out`: they wait for a request that [`poll_transmit`](Self::poll_transmit) gives
    /// out first, or they were dropped and counted.
    pub fn wrap(&mut self, now: Instant, transmit: Transmit, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.advance(now);
        let start = out.len().saturating_sub(transmit.len);
        let (peer, size) = (transmit.path.remote, transmit.segment_size.unwrap_or(usize::MAX).max(1));
        let appended = out.get(start..).unwrap_or_default();
        let count = appended.len().div_ceil(size).max(1);
        let first = appended.get(..size.min(appended.len())).unwrap_or_default();
        if let Err(error) = self.prepare(now, transmit.path, first) {
            tracing::trace!(%error, path = %transmit.path, "not relayed");
            self.stats.datagrams_dropped += u64::try_from(count).unwrap_or(u64::MAX);
            out.truncate(start);
            return None;
        }
        if !self.ready.is_empty() || !self.outgoing.is_empty() {
            // What was asked for before goes out before. It happens when a peer is new, not in the steady state.
            for payload in appended.chunks(size) {
                let payload = Bytes::copy_from_slice(payload);
                if self.enqueue(Outgoing { peer, payload, ecn: transmit.ecn }).is_err() {
                    self.stats.datagrams_dropped += 1;
                }
            }
            out.truncate(start);
            return None;
        }
        let segment = self.spread(peer, size, count, start, out);
        self.stats.datagrams_sent += u64::try_from(count).unwrap_or(u64::MAX);
        self.sent_at = now;
        let len = out.len() - start;
        // A stream has no datagrams: the pieces follow each other.
        let segment_size = transmit.segment_size.filter(|_| !self.config.is_stream()).map(|_| segment);
        Some(Transmit { path: self.path, ecn: transmit.ecn, len, segment_size })
    }

    /// Moves the payloads apart, from the last on, and writes the headers between them. Returns the length of one
    /// datagram with its header.
    fn spread(
        &mut self,
        peer: SocketAddr,
        size: usize,
        count: usize,
        start: usize,
        out: &mut Vec<u8>,
    ) -> usize {
        let channel = self.channels.bound(peer);
        let payloads = out.len() - start;
        self.write_header(channel, peer, 0);
        let header = self.header.len();
        let full = size.min(payloads);
        let pitch = header + full + self.padding(channel, full);
        let last = payloads - full * (count - 1);
        out.resize(start + pitch * (count - 1) + header + last + self.padding(channel, last), 0);
        for index in (0..count).rev() {
            let len = if index + 1 == count { last } else { full };
            let (from, to) = (start + full * index, start + pitch * index);
            out.copy_within(from..from + len, to + header);
            self.write_header(channel, peer, len);
            if let Some(place) = out.get_mut(to..to + header) {
                place.copy_from_slice(&self.header);
            }
            let end = to + header + len;
            if let Some(padding) = out.get_mut(end..end + self.padding(channel, len)) {
                // What stood there before belongs to nobody else.
                padding.fill(0);
            }
        }
        pitch
    }

    /// Checks whether a datagram can go, and asks the server for what it needs.
    fn prepare(&mut self, now: Instant, path: Path, payload: &[u8]) -> Result<(), SendError> {
        let State::Allocated(allocation) = self.state else { return Err(SendError::NoAllocation) };
        // An allocation of TCP carries no datagrams.
        if self.config.transport == RelayedTransport::Tcp {
            return Err(SendError::NoAllocation);
        }
        if allocation.relayed_for(path.remote) != Some(path.local) {
            return Err(SendError::NoAllocation);
        }
        if payload.len() > LONGEST {
            return Err(SendError::TooLong);
        }
        self.ensure_permission(now, path.remote.ip()).ok_or(SendError::Refused)?;
        if self.permissions.get(&path.remote.ip()).is_none_or(|permission| permission.refused) {
            return Err(SendError::Refused);
        }
        // Checks go to many candidates, few of which are ever used: they need no channel.
        if !is_stun(payload) {
            self.ensure_channel(now, path.remote);
        }
        Ok(())
    }

    fn enqueue(&mut self, outgoing: Outgoing) -> Result<(), SendError> {
        // Each counts for its bookkeeping, too, so that empty ones are bounded.
        let cost = outgoing.payload.len() + 64;
        if self.outgoing_bytes + cost > self.config.max_queued {
            return Err(SendError::Full);
        }
        self.outgoing_bytes += cost;
        self.outgoing.push_back(outgoing);
        Ok(())
    }

    pub(super) fn send_outgoing(&mut self, out: &mut Vec<u8>) -> Option<Transmit> {
        let Outgoing { peer, payload, ecn } = self.outgoing.pop_front()?;
        self.outgoing_bytes = self.outgoing_bytes.saturating_sub(payload.len() + 64);
        let (start, channel) = (out.len(), self.channels.bound(peer));
        self.write_header(channel, peer, payload.len());
        let padding = self.padding(channel, payload.len());
        Writer::new(out).bytes(&self.header).bytes(&payload).zeros(padding);
        self.stats.datagrams_sent += 1;
        Some(Transmit { path: self.path, ecn, len: out.len() - start, segment_size: None })
    }

    /// Writes what stands before a payload of `len` bytes into `self.header`.
    fn write_header(&mut self, channel: Option<u16>, peer: SocketAddr, len: usize) {
        self.header.clear();
        // `prepare` has checked the length.
        let short = u16::try_from(len).unwrap_or(u16::MAX);
        if let Some(channel) = channel {
            Writer::new(&mut self.header).u16(channel).u16(short);
            return;
        }
        let id = TransactionId::random(&mut self.rng);
        let mut indication = MessageBuilder::new(&mut self.header, Class::Indication, Method::SEND, id);
        indication.attribute(&XorPeerAddress(peer));
        // One attribute of an address cannot be too long.
        let _ = indication.finish();
        Writer::new(&mut self.header).u16(AttributeType::DATA.number()).u16(short);
        let total = self.header.len() - HEADER_LEN + len.next_multiple_of(4);
        if let (Some(field), Ok(total)) = (self.header.get_mut(2..4), u16::try_from(total)) {
            field.copy_from_slice(&total.to_be_bytes());
        }
    }

    fn padding(&self, channel: Option<u16>, len: usize) -> usize {
        // RFC 8656, section 12.5: ChannelData is padded over streams, and need not be over UDP.
        if channel.is_some() && !self.config.is_stream() { 0 } else { len.next_multiple_of(4) - len }
    }
}
