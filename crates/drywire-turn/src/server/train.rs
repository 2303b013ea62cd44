//! Trains of datagrams: what the kernel has joined (UDP GRO) goes on as one piece (UDP GSO).

use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Ecn, Instant, Path, Protocol, Transmit};

use super::outgoing::{TRAIN, TRAIN_BYTES};
use super::relay::{LONGEST, Target};
use super::usage::Way;
use super::{AllocationId, Server};
use crate::ChannelData;

impl Server {
    /// Takes datagrams of `segment_size` bytes each, the last one possibly shorter, that came along one path, off the front of
    /// `batch`, and appends what they become: one datagram, or a train of datagrams of one size to one destination. To be
    /// called until there is `None`: then all of `batch` is taken, and [`poll_transmit`](Self::poll_transmit) has what
    /// else there is to send.
    ///
    /// It does for many datagrams what [`handle_input`](Self::handle_input) does for one; what is relayed does not wait in
    /// between, is copied once, and costs one look at the tables for each train.
    ///
    /// ```
    /// # use drywire_core::{Instant, Path};
    /// # fn send(_: drywire_core::Transmit, _: &[u8]) {}
    /// # fn serve(server: &mut drywire_turn::server::Server, now: Instant, path: Path, received: &[u8], size: usize) {
    /// let (mut batch, mut out) = (received, Vec::with_capacity(65_536));
    /// while let Some(transmit) = server.relay(now, path, &mut batch, size, &mut out) {
    ///     send(transmit, &out);
    ///     out.clear();
    /// }
    /// # }
    /// ```
    pub fn relay(
        &mut self,
        now: Instant,
        path: Path,
        batch: &mut &[u8],
        segment_size: usize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let now = self.advance(now);
        if path.protocol != Protocol::Udp {
            self.take_stream(now, path, BytesMut::from(std::mem::take(batch)));
            return None;
        }
        let (size, relay) = (segment_size.max(1), self.table.relay(&path.local));
        while !batch.is_empty() {
            let transmit = match relay {
                Some(id) => self.train_to_client(now, id, path.remote, batch, size, out),
                None => self.train_to_peer(now, path, batch, size, out),
            };
            if transmit.is_some() {
                return transmit;
            }
        }
        None
    }

    /// Takes as much as fits into a train to the client.
    fn train_to_client(
        &mut self,
        now: Instant,
        id: AllocationId,
        peer: SocketAddr,
        batch: &mut &[u8],
        size: usize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let all = u64::try_from(batch.len().div_ceil(size)).unwrap_or(u64::MAX);
        if size.min(batch.len()) > LONGEST {
            self.stats.malformed += all;
            *batch = &[];
            return None;
        }
        let Some(route) = self.route_to_client(now, id, peer, all) else {
            *batch = &[];
            return None;
        };
        let pitch = route.frame.framed_len(size);
        let most = size.saturating_mul((TRAIN_BYTES / pitch).clamp(1, TRAIN));
        let (part, rest) = batch.split_at_checked(most).unwrap_or((batch, &[]));
        *batch = rest;
        let count = part.len().div_ceil(size);
        if !self.charge(
            now,
            route.holder,
            Way::ToClients,
            u64::try_from(count).unwrap_or(u64::MAX),
            part.len(),
        ) {
            return None;
        }
        let start = out.len();
        out.reserve(pitch * count);
        for payload in part.chunks(size) {
            route.frame.write(&mut self.rng, payload, out);
        }
        let segment_size = (count > 1 && route.path.protocol == Protocol::Udp).then_some(pitch);
        Some(Transmit { path: route.path, ecn: Ecn::NotEct, len: out.len() - start, segment_size })
    }

    /// Takes the first message, and those that follow it on the same channel with as much data.
    fn train_to_peer(
        &mut self,
        now: Instant,
        path: Path,
        batch: &mut &[u8],
        size: usize,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let (message, rest) = first(batch, size);
        let Some(ChannelData { channel, data }) = ChannelData::parse_any(message) else {
            *batch = rest;
            self.take(now, path, BytesMut::from(message));
            return None;
        };
        let Some(route) = self.route_to_peer(now, path, Target::Channel(channel), 1) else {
            *batch = rest;
            return None;
        };
        let (start, segment) = (out.len(), data.len());
        out.reserve(batch.len().min(TRAIN_BYTES));
        let mut count = 0_usize;
        while !batch.is_empty() {
            let (message, rest) = first(batch, size);
            let next = ChannelData::parse_any(message).filter(|next| next.channel == channel);
            let fits = |next: &ChannelData<'_>| {
                let joins = (1..=segment).contains(&next.data.len())
                    && count < TRAIN
                    && out.len() - start + segment <= TRAIN_BYTES;
                count == 0 || joins
            };
            let Some(next) = next.filter(fits) else { break };
            out.extend_from_slice(next.data);
            *batch = rest;
            count += 1;
            if next.data.len() < segment || segment == 0 {
                break;
            }
        }
        let len = out.len() - start;
        if !self.charge(now, route.holder, Way::ToPeers, u64::try_from(count).unwrap_or(u64::MAX), len) {
            out.truncate(start);
            return None;
        }
        let segment_size = (count > 1).then_some(segment);
        Some(Transmit { path: route.path, ecn: Ecn::NotEct, len, segment_size })
    }
}

/// The first datagram of a batch, and the others.
fn first(batch: &[u8], size: usize) -> (&[u8], &[u8]) {
    batch.split_at_checked(size).unwrap_or((batch, &[]))
}
