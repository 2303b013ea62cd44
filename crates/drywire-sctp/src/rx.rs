//! The receiving half of an association: which TSNs have arrived, what is put together, what can be read, and what the
//! peer may still send.

mod acknowledge;
mod reassembly;
mod streams;
mod tracker;

use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::Serial;

use crate::packet::{Data, ForwardTsn, Sack};
use crate::{Config, Event, Message, Ppid, Stats, StreamId};
use acknowledge::Acknowledge;
use reassembly::{Assembled, Fragment, Inserted, Reassembly};
use streams::{InboundStreams, Ready};
use tracker::{Arrival, Tracker};

/// What every kept chunk or message costs of the window beside its bytes, so that small ones cannot exhaust memory.
const OVERHEAD: usize = 64;
/// How far a FORWARD TSN may go.
const MAX_FORWARD: u32 = 1 << 20;
/// How many events may wait before notices of messages that were too large are left out.
const MAX_NOTICES: usize = 1_024;
/// A packet up to this size may be kept alive by a small part of it.
const SMALL_PACKET: usize = 256;

/// What became of a DATA chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// It was taken, or had been taken before.
    Acknowledged,
    /// There is no room for it: it counts as lost.
    Dropped,
    /// Its stream does not exist.
    InvalidStream,
}

/// The receiving half.
#[derive(Debug)]
pub(crate) struct Inbound {
    tracker: Tracker,
    reassembly: Reassembly,
    streams: InboundStreams,
    acknowledge: Acknowledge,
    /// How many streams the peer may send on.
    stream_count: u16,
    /// What can be kept, in bytes with overhead.
    capacity: usize,
    /// What may be kept above that, so that the message at the front can always be completed.
    reserve: usize,
    /// What is kept.
    used: usize,
    /// The window that the peer was told of.
    advertised: usize,
}

impl Inbound {
    pub(crate) fn new(config: &Config, initial_tsn: Serial<u32>) -> Self {
        let wanted = usize::try_from(config.receive_window).unwrap_or(usize::MAX);
        let capacity = wanted.max(config.max_message_size.saturating_mul(2)).max(4096);
        Self {
            tracker: Tracker::new(initial_tsn),
            reassembly: Reassembly::new(config.max_message_size),
            streams: InboundStreams::new(config.initial_ssn),
            acknowledge: Acknowledge::default(),
            stream_count: config.max_inbound_streams.max(1),
            capacity,
            reserve: config
                .max_message_size
                .saturating_add(config.max_message_size / 4)
                .saturating_add(65_536),
            used: 0,
            advertised: capacity,
        }
    }

    /// The window to announce in INIT and INIT ACK.
    pub(crate) fn full_window(&self) -> u32 {
        u32::try_from(self.capacity).unwrap_or(u32::MAX)
    }

    /// The peer's first TSN is known: nothing has arrived yet. What can be read stays.
    pub(crate) fn begin(&mut self, config: &Config, initial_tsn: Serial<u32>) {
        let (bytes, messages) = self.streams.reset_all();
        self.used = self.used.saturating_sub(bytes + messages * OVERHEAD);
        let (bytes, fragments) = self.reassembly.clear();
        self.used = self.used.saturating_sub(bytes + fragments * OVERHEAD);
        self.reassembly = Reassembly::new(config.max_message_size);
        self.tracker = Tracker::new(initial_tsn);
        self.acknowledge = Acknowledge::default();
        self.advertised = self.window();
    }

    /// The last TSN before the first gap.
    pub(crate) const fn cumulative(&self) -> Serial<u32> {
        self.tracker.cumulative()
    }

    /// Whether all TSNs up to `tsn` have arrived.
    pub(crate) fn covers(&self, tsn: Serial<u32>) -> bool {
        self.tracker.covers(tsn)
    }

    /// Takes a DATA chunk with user data; `packet` is what it lies in (RFC 9260, section 6.2).
    pub(crate) fn receive(
        &mut self,
        data: &Data<'_>,
        packet: &Bytes,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) -> Received {
        let arrival = self.tracker.arrival(data.tsn);
        let cost = data.data.len() + OVERHEAD;
        let limit = match arrival {
            Arrival::Next => self.capacity.saturating_add(self.reserve),
            Arrival::Ahead => self.capacity,
            Arrival::Duplicate => {
                self.tracker.duplicate(data.tsn);
                self.acknowledge.hurry();
                stats.duplicates += 1;
                return Received::Acknowledged;
            }
            Arrival::OutOfRange => {
                self.acknowledge.hurry();
                return Received::Dropped;
            }
        };
        if self.used.saturating_add(cost) > limit {
            self.acknowledge.hurry();
            return Received::Dropped;
        }
        if data.stream.0 >= self.stream_count {
            // The TSN is acknowledged, the data is not kept (section 6.5).
            self.tracker.insert(data.tsn);
            return Received::InvalidStream;
        }
        // A small part of a big packet is copied, or it would keep all of the packet in memory.
        let part = 2 * data.data.len() < packet.len() && packet.len() > SMALL_PACKET;
        let bytes = if part { Bytes::copy_from_slice(data.data) } else { packet.slice_ref(data.data) };
        if data.flags.is_beginning() && data.flags.is_ending() {
            self.used += cost;
            let message = Ready { ppid: data.ppid, ordered: !data.flags.is_unordered(), data: Some(bytes) };
            self.deliver(data.stream, data.ssn, message, events, stats);
        } else {
            let fragment = Fragment {
                flags: data.flags,
                stream: data.stream,
                ssn: data.ssn,
                ppid: data.ppid,
                data: bytes,
            };
            match self.reassembly.insert(data.tsn, fragment) {
                Inserted::Refused => return Received::Dropped,
                Inserted::Waits { dropped } => {
                    self.used = (self.used + cost).saturating_sub(dropped);
                }
                Inserted::Completes(message) => self.complete(message, events, stats),
            }
        }
        self.tracker.insert(data.tsn);
        let (fragments, bytes) = self.reassembly.drop_stale(self.tracker.cumulative());
        self.used = self.used.saturating_sub(bytes + fragments * OVERHEAD);
        Received::Acknowledged
    }

    /// Whether the peer may name this TSN as given up. Nobody has more in flight than can be acknowledged.
    pub(crate) fn can_forward(&self, tsn: Serial<u32>) -> bool {
        self.tracker.covers(tsn) || tsn.distance_from(self.tracker.cumulative()) <= MAX_FORWARD
    }

    /// The peer has given up messages (RFC 3758, section 3.6): nothing up to the TSN that it names is waited for any more.
    pub(crate) fn forward(&mut self, forward: &ForwardTsn<'_>, events: &mut VecDeque<Event>) {
        // Whether it is news or not, the peer wants to know how far we are.
        self.acknowledge.hurry();
        if self.tracker.covers(forward.cumulative) {
            return;
        }
        self.tracker.forward(forward.cumulative);
        let (fragments, bytes) = self.reassembly.drop_until(forward.cumulative);
        self.used = self.used.saturating_sub(bytes + fragments * OVERHEAD);
        for (stream, ssn) in forward.skipped().filter(|(stream, _)| stream.0 < self.stream_count) {
            self.streams.skip(stream, ssn, events);
        }
    }

    /// A packet was worked through. `has_data` when there was data in it, `immediate` when its sender wants to know
    /// at once what became of it. A gap is reported at once (section 6.2).
    pub(crate) fn end_of_packet(&mut self, has_data: bool, immediate: bool) {
        if has_data {
            self.acknowledge.packet(immediate || self.tracker.has_gaps());
        }
    }

    /// Whether a SACK must be sent now.
    pub(crate) const fn is_sack_due(&self) -> bool {
        self.acknowledge.is_due()
    }

    /// Whether a SACK could be sent along with something else.
    pub(crate) const fn is_sack_pending(&self) -> bool {
        self.acknowledge.is_pending()
    }

    /// The next SACK must not wait.
    pub(crate) fn hurry_sack(&mut self) {
        self.acknowledge.hurry();
    }

    /// Appends a SACK of at most `space` bytes; the gap blocks that do not fit are left out.
    pub(crate) fn write_sack(&mut self, out: &mut Vec<u8>, space: usize) {
        let words = space.saturating_sub(Sack::LEN) / 4;
        let gaps = self.tracker.gaps();
        let gap_count = gaps.len().min(words);
        let duplicates = self.tracker.duplicates();
        let duplicates = duplicates.get(..words - gap_count).unwrap_or(duplicates);
        let window = self.window();
        let announced = u32::try_from(window).unwrap_or(u32::MAX);
        Sack::write(out, self.tracker.cumulative(), announced, gaps.take(gap_count), duplicates);
        self.tracker.clear_duplicates();
        self.advertised = window;
        self.acknowledge.sent();
    }

    /// The next message on `stream`. `mtu` decides when the peer is told of the room that this makes.
    pub(crate) fn read(&mut self, stream: StreamId, mtu: usize) -> Option<Message> {
        let message = self.streams.read(stream)?;
        self.used = self.used.saturating_sub(message.data.len() + OVERHEAD);
        // The peer may be waiting for room; small steps are not worth a packet (section 6.2.1: silly windows).
        let step = (2 * mtu).min(self.capacity / 2);
        if self.advertised < self.capacity / 4 && self.window() >= self.advertised + step {
            self.acknowledge.hurry();
        }
        Some(message)
    }

    /// What the next message on `stream` is.
    pub(crate) fn peek(&self, stream: StreamId) -> Option<Ppid> {
        self.streams.peek(stream)
    }

    /// The event `Readable` of `stream` was polled.
    pub(crate) fn announced(&mut self, stream: StreamId) {
        self.streams.announced(stream);
    }

    /// The peer has started this stream anew.
    pub(crate) fn reset(&mut self, stream: StreamId) {
        let (bytes, messages) = self.streams.reset(stream);
        self.used = self.used.saturating_sub(bytes + messages * OVERHEAD);
    }

    /// The peer has started all its streams anew.
    pub(crate) fn reset_all(&mut self) {
        let (bytes, messages) = self.streams.reset_all();
        self.used = self.used.saturating_sub(bytes + messages * OVERHEAD);
    }

    /// What is kept, in bytes with overhead.
    #[cfg(test)]
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    fn window(&self) -> usize {
        self.capacity.saturating_sub(self.used)
    }

    fn complete(&mut self, message: Assembled, events: &mut VecDeque<Event>, stats: &mut Stats) {
        // The last fragment was not charged yet.
        self.used = self.used.saturating_sub(message.held + (message.fragments - 1) * OVERHEAD);
        match &message.data {
            Some(data) => self.used += data.len() + OVERHEAD,
            None if events.len() < MAX_NOTICES => events.push_back(Event::MessageTooLarge(message.stream)),
            None => (),
        }
        let ready = Ready { ppid: message.ppid, ordered: !message.unordered, data: message.data };
        self.deliver(message.stream, message.ssn, ready, events, stats);
    }

    /// Hands a message, which is charged, to its stream.
    fn deliver(
        &mut self,
        stream: StreamId,
        ssn: u16,
        message: Ready,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        let len = message.data.as_ref().map_or(0, Bytes::len);
        match self.streams.deliver(stream, ssn, message, events) {
            Ok(()) => {
                stats.messages_received += 1;
                stats.bytes_received += u64::try_from(len).unwrap_or(u64::MAX);
            }
            Err(refused) => {
                if let Some(data) = refused.data {
                    self.used = self.used.saturating_sub(data.len() + OVERHEAD);
                }
                stats.chunks_dropped += 1;
            }
        }
    }
}
