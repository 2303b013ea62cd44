//! The receiving half of an association: which TSNs have arrived, what is put together, what can be read, and what the
//! peer may still send.

mod acknowledge;
mod interleaved;
mod parts;
mod passing;
mod reassembly;
mod streams;
mod tracker;

use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::Serial;

use crate::packet::{Data, DataFlags, ForwardTsn, IData, IForwardTsn, Sack};
use crate::{Config, Event, Message, Ppid, Rest, Stats, StreamId};
use acknowledge::Acknowledge;
use interleaved::Interleaved;
use reassembly::{Assembled, Fragment, Inserted, Reassembly, Unusable};
use streams::{InboundStreams, Ready};
use tracker::{Arrival, Tracker};

/// What every kept chunk or message costs of the window beside its bytes, so that small ones cannot exhaust memory.
const OVERHEAD: usize = 64;
/// What the parts of messages that the peer interleaves may take: so many times the window, and so many bytes if that is more.
/// A sender begins what its queue holds, as dcSCTP with one of 2 MB, and sends the rest of a message when others are begun.
const ROOM_FOR_PARTS: (usize, usize) = (2, 4 << 20);
/// How far a FORWARD TSN may go.
const MAX_FORWARD: u32 = 1 << 20;
/// How many events may wait before notices of messages that were too large are left out.
const MAX_NOTICES: usize = 1_024;
/// A packet up to this size may be kept alive by a small part of it.
const SMALL_PACKET: usize = 256;
/// A packet up to this size may be kept alive for a while by a small part of it.
const USUAL_PACKET: usize = 2_048;

/// A DATA or I-DATA chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) flags: DataFlags,
    pub(crate) tsn: Serial<u32>,
    pub(crate) stream: StreamId,
    /// The message identifier, or the stream sequence number where there are none.
    mid: u32,
    fsn: u32,
    ppid: Ppid,
    pub(crate) data: &'a [u8],
}

impl<'a> From<Data<'a>> for Incoming<'a> {
    fn from(chunk: Data<'a>) -> Self {
        let Data { flags, tsn, stream, ssn, ppid, data } = chunk;
        Self { flags, tsn, stream, mid: ssn.into(), fsn: 0, ppid, data }
    }
}

impl<'a> From<IData<'a>> for Incoming<'a> {
    fn from(chunk: IData<'a>) -> Self {
        let IData { flags, tsn, stream, mid, ppid_or_fsn, data } = chunk;
        // The first fragment has the number zero, and where others have theirs it says what the message is.
        let (fsn, ppid) = if flags.is_beginning() { (0, ppid_or_fsn) } else { (ppid_or_fsn, 0) };
        Self { flags, tsn, stream, mid, fsn, ppid: Ppid(ppid), data }
    }
}

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
    /// Instead of it, when the peer interleaves messages.
    interleaved: Option<Interleaved>,
    streams: InboundStreams,
    acknowledge: Acknowledge,
    /// How many streams the peer may send on.
    stream_count: u16,
    /// What can be kept, in bytes with overhead.
    capacity: usize,
    /// What may be kept above that, so that the message at the front can always be completed.
    reserve: usize,
    /// What messages that are complete are charged.
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
            interleaved: None,
            streams: InboundStreams::new(config.initial_mid, config.unread_limit),
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

    /// The peer's first TSN is known: nothing has arrived yet. What can be read stays. `interleaved` says that data comes as
    /// I-DATA (RFC 8260).
    pub(crate) fn begin(
        &mut self,
        config: &Config,
        initial_tsn: Serial<u32>,
        interleaved: bool,
        events: &mut VecDeque<Event>,
    ) {
        self.end(events);
        self.interleaved = interleaved.then(|| Interleaved::new(config.max_message_size));
        self.streams.set_interleaved(interleaved);
        self.tracker = Tracker::new(initial_tsn);
        self.acknowledge = Acknowledge::default();
        self.advertised = self.window();
    }

    /// Nothing more comes: what can be read stays, what lacks a part or waits for another is let go.
    pub(crate) fn end(&mut self, events: &mut VecDeque<Event>) {
        self.reset_all(events);
        self.reassembly.clear();
    }

    /// Lets go of what can be read.
    pub(crate) fn forget_unread(&mut self) {
        self.streams.forget_unread();
        self.used = 0;
    }

    /// The last TSN before the first gap.
    pub(crate) const fn cumulative(&self) -> Serial<u32> {
        self.tracker.cumulative()
    }

    /// Whether all TSNs up to `tsn` have arrived.
    pub(crate) fn covers(&self, tsn: Serial<u32>) -> bool {
        self.tracker.covers(tsn)
    }

    /// Takes a DATA or I-DATA chunk with user data; `packet` is what it lies in (RFC 9260, section 6.2).
    pub(crate) fn receive(
        &mut self,
        data: &Incoming<'_>,
        packet: &Bytes,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) -> Received {
        let arrival = self.tracker.arrival(data.tsn);
        if self.tracker.has_gaps() {
            // What fills a gap is news, too (section 6.7).
            self.acknowledge.hurry();
        }
        let cost = data.data.len() + OVERHEAD;
        let limit = match arrival {
            Arrival::Next => self.limit().max(self.capacity.saturating_add(self.reserve)),
            Arrival::Ahead => self.limit(),
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
        if self.charged().saturating_add(cost) > limit {
            self.acknowledge.hurry();
            return Received::Dropped;
        }
        if data.stream.0 >= self.stream_count {
            // The TSN is acknowledged, the data is not kept (section 6.5).
            self.tracker.insert(data.tsn);
            return Received::InvalidStream;
        }
        // A small part of a big packet would keep all of the packet in memory: it is copied, unless it is a fragment whose
        // message may soon be complete.
        let part = 2 * data.data.len() < packet.len() && packet.len() > SMALL_PACKET;
        let is_whole = data.flags.is_beginning() && data.flags.is_ending();
        let copied = part && (is_whole || packet.len() > USUAL_PACKET);
        let bytes = if copied { Bytes::copy_from_slice(data.data) } else { packet.slice_ref(data.data) };
        if is_whole {
            self.used += cost;
            let ordered = !data.flags.is_unordered();
            let message = Ready { ppid: data.ppid, ordered, data: Some(bytes), rest: Rest::None };
            self.deliver(data.stream, data.mid, message, events, stats);
        } else if !self.is_over(data) {
            let fragment = Fragment {
                flags: data.flags,
                stream: data.stream,
                mid: data.mid,
                ppid: data.ppid,
                data: bytes,
                part: part && !copied,
                endless: !data.flags.is_unordered() && self.streams.is_read_in_parts(data.stream),
            };
            match self.insert(data.tsn, data.fsn, fragment) {
                Inserted::Refused => return Received::Dropped,
                Inserted::Waits => (),
                Inserted::Completes(message) => self.complete(message, events, stats),
            }
        }
        self.tracker.insert(data.tsn);
        self.reassembly.drop_stale(self.tracker.cumulative());
        self.read_parts(data.stream, events, stats);
        Received::Acknowledged
    }

    /// Takes a fragment whose TSN has not arrived before.
    fn insert(&mut self, tsn: Serial<u32>, fsn: u32, fragment: Fragment) -> Inserted {
        let Some(interleaved) = &mut self.interleaved else { return self.reassembly.insert(tsn, fragment) };
        let (stream, mid) = (fragment.stream, fragment.mid);
        let is_due = fragment.endless && self.streams.next_mid(stream) == mid;
        let passes = is_due || !fragment.flags.is_unordered() && interleaved.is_passing(stream, mid);
        if passes { interleaved.pass(fsn, fragment) } else { interleaved.insert(fsn, fragment) }
    }

    /// Whether the peer may name this TSN as given up. Nobody has more in flight than can be acknowledged.
    pub(crate) fn can_forward(&self, tsn: Serial<u32>) -> bool {
        self.tracker.covers(tsn) || tsn.distance_from(self.tracker.cumulative()) <= MAX_FORWARD
    }

    /// The peer has given up messages (RFC 3758, section 3.6): nothing up to the TSN that it names is waited for any more.
    pub(crate) fn forward(
        &mut self,
        forward: &ForwardTsn<'_>,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        if !self.forward_to(forward.cumulative) {
            return;
        }
        self.reassembly.drop_until(forward.cumulative);
        let stream_count = self.stream_count;
        for (stream, ssn) in forward.skipped().filter(|(stream, _)| stream.0 < stream_count) {
            self.streams.skip(stream, ssn.into(), events);
            self.read_parts(stream, events, stats);
        }
    }

    /// The same from a peer that interleaves messages (RFC 8260, section 2.3.1).
    pub(crate) fn forward_interleaved(
        &mut self,
        forward: &IForwardTsn<'_>,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        if !self.forward_to(forward.cumulative) {
            return;
        }
        let stream_count = self.stream_count;
        for entry in forward.skipped().filter(|entry| entry.stream.0 < stream_count) {
            if let Some(interleaved) = &mut self.interleaved {
                interleaved.skip(entry.stream, entry.unordered, entry.mid);
            }
            if !entry.unordered {
                self.streams.skip(entry.stream, entry.mid, events);
                self.read_parts(entry.stream, events, stats);
            }
        }
    }

    /// Nothing up to `tsn` is waited for any more. Returns whether that is news.
    fn forward_to(&mut self, tsn: Serial<u32>) -> bool {
        // Whether it is or not, the peer wants to know how far we are.
        self.acknowledge.hurry();
        let is_news = !self.tracker.covers(tsn);
        if is_news {
            self.tracker.forward(tsn);
        }
        is_news
    }

    /// Whether the peer has given up the message that this is a fragment of: it would be waited for for ever.
    fn is_over(&self, data: &Incoming<'_>) -> bool {
        self.interleaved.as_ref().is_some_and(|interleaved| {
            if data.flags.is_unordered() {
                interleaved.is_skipped(data.stream, data.mid)
            } else {
                self.streams.ahead(data.stream, data.mid).is_none()
            }
        })
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
        let (message, cost) = self.streams.read(stream)?;
        self.used = self.used.saturating_sub(cost);
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
    pub(crate) fn reset(&mut self, stream: StreamId, events: &mut VecDeque<Event>) {
        let (bytes, messages) = self.streams.reset(stream, events);
        self.used = self.used.saturating_sub(bytes + messages * OVERHEAD);
        if let Some(interleaved) = &mut self.interleaved {
            interleaved.reset(stream);
        }
    }

    /// The peer has started all its streams anew.
    pub(crate) fn reset_all(&mut self, events: &mut VecDeque<Event>) {
        if let Some(interleaved) = &mut self.interleaved {
            interleaved.clear();
        }
        let (bytes, messages) = self.streams.reset_all(events);
        self.used = self.used.saturating_sub(bytes + messages * OVERHEAD);
    }

    /// What is kept, in bytes with overhead.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.charged()
    }

    fn window(&self) -> usize {
        self.limit().saturating_sub(self.charged()).min(self.capacity)
    }

    /// How much may be kept. A peer that interleaves can fill the window with parts of many messages, so that none is ever
    /// completed and no reading makes room: where there is nothing to read, parts may take more.
    fn limit(&self) -> usize {
        let only_parts = self.interleaved.is_some() && self.used == 0;
        let (times, least) = ROOM_FOR_PARTS;
        if only_parts { self.capacity.saturating_mul(times).max(least) } else { self.capacity }
    }

    /// What all that is kept is charged.
    fn charged(&self) -> usize {
        let of_interleaved = self.interleaved.as_ref().map_or(0, Interleaved::charged);
        self.used + self.reassembly.charged() + of_interleaved
    }

    fn complete(&mut self, message: Assembled, events: &mut VecDeque<Event>, stats: &mut Stats) {
        match &message.data {
            Ok(data) => self.used += data.len() + OVERHEAD,
            Err(Unusable::TooLong) if events.len() < MAX_NOTICES => {
                events.push_back(Event::MessageTooLarge(message.stream));
            }
            Err(_) => (),
        }
        let Assembled { ppid, unordered, .. } = message;
        let ready = Ready { ppid, ordered: !unordered, data: message.data.ok(), rest: Rest::None };
        self.deliver(message.stream, message.mid, ready, events, stats);
    }

    /// Hands a message, which is charged, to its stream.
    fn deliver(
        &mut self,
        stream: StreamId,
        mid: u32,
        message: Ready,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        let len = message.data.as_ref().map_or(0, Bytes::len);
        match self.streams.deliver(stream, mid, message, events) {
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
