#[cfg(test)]
mod tests;
mod turns;

use std::collections::VecDeque;

use drywire_core::Instant;

use super::messages::{MessageKey, Messages, Queue};
use super::schedule::{Schedule, Share};
use crate::config::Scheduler;
use crate::packet::DataFlags;
use crate::{Event, StreamId};

/// How far the reset of a stream is (RFC 6525).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ResetStage {
    /// Not wanted.
    #[default]
    None,
    /// Wanted: what is queued and in flight is delivered first.
    Draining,
    /// The peer was asked.
    Requested,
}

/// What every stream keeps for ever.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The message identifiers of the next ordered and the next unordered message, unless it is busy.
    next_mids: [u32; 2],
    low_threshold: usize,
    weight: u16,
    /// Where it is among the busy ones.
    slot: Option<u16>,
}

/// A message of which there are parts to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenMessage {
    /// How long the parts so far are.
    pub(crate) len: usize,
    pub(crate) ordered: bool,
}

/// What a stream keeps while it has something to send or to be told.
#[derive(Debug, Default)]
struct Stream {
    id: StreamId,
    /// The message identifiers of the next ordered and the next unordered message.
    next_mids: [u32; 2],
    queue: Queue,
    /// How much of the first message was sent.
    offset: usize,
    /// The fragment sequence number of the next fragment.
    fsn: u32,
    /// The last message of the queue, or the last one that left it, if it goes on in parts to come.
    open: Option<OpenMessage>,
    /// How many bytes are queued.
    buffered: usize,
    low_threshold: usize,
    /// A write was refused: its sender waits for room.
    refused: bool,
    /// `BufferedAmountLow` was not polled yet.
    announced: bool,
    share: Share,
    /// How much is left of the message that was begun, while others may come between its fragments.
    begun: Option<usize>,
    /// How many fragments are not acknowledged.
    unacknowledged: u32,
    reset: ResetStage,
}

/// A fragment that can be sent next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextFragment {
    slot: usize,
    pub(crate) message: MessageKey,
    pub(crate) stream: StreamId,
    pub(crate) mid: u32,
    pub(crate) fsn: u32,
    pub(crate) flags: DataFlags,
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

/// The outgoing streams and whose turn it is. Without I-DATA (RFC 8260) a message cannot be interrupted by another one.
#[derive(Debug)]
pub(crate) struct OutboundStreams {
    initial_mid: u32,
    table: Vec<Entry>,
    /// The busy streams, and those that were.
    streams: Vec<Stream>,
    /// The places of those that were.
    free: Vec<u16>,
    schedule: Schedule,
    /// Whether messages of other streams may come between the fragments of one.
    interleaved: bool,
    /// The stream that goes on: its message must be sent to its end first, or its turn is not over.
    locked: Option<usize>,
    /// How much a turn takes of a message that others may interrupt, and what is left of this turn.
    quantum: usize,
    turn_left: usize,
    /// The streams with a message that was begun, the longest ago first, and how much is left of all these messages.
    begun: Vec<usize>,
    begun_left: usize,
    /// What the peer has room for, now and when nothing was sent yet.
    room: usize,
    whole_room: usize,
    /// How many messages, or parts of such, are queued on all streams.
    queued: usize,
}

impl OutboundStreams {
    pub(crate) const fn new(initial_mid: u32, policy: Scheduler) -> Self {
        Self {
            initial_mid,
            table: Vec::new(),
            streams: Vec::new(),
            free: Vec::new(),
            schedule: Schedule::new(policy),
            interleaved: false,
            locked: None,
            quantum: 0,
            turn_left: 0,
            begun: Vec::new(),
            begun_left: 0,
            room: 0,
            whole_room: 0,
            queued: 0,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// Whether messages of other streams may come between the fragments of one, and what the peer has room for. Nothing was
    /// sent yet.
    pub(crate) const fn begin(&mut self, interleaved: bool, room: usize) {
        self.interleaved = interleaved;
        (self.room, self.whole_room) = (room, room);
    }

    /// What the peer has room for beyond what is in flight.
    pub(crate) const fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// Up to `window` bytes are in flight: turns are long where many of them fit in.
    pub(crate) fn set_window(&mut self, window: usize) {
        self.quantum = if self.schedule.has_turns() { (window / TURNS).min(QUANTUM) } else { 0 };
    }

    /// Sets the priority of a stream, or its part of the bandwidth.
    pub(crate) fn set_weight(&mut self, stream: StreamId, weight: u16) {
        if let Some(entry) = self.entry(stream) {
            entry.weight = weight;
        }
        if let Some(stream) = self.find_mut(stream) {
            stream.share.weight = weight;
        }
    }

    /// The message on `stream` that goes on in parts to come.
    pub(crate) fn open(&self, stream: StreamId) -> Option<OpenMessage> {
        self.find(stream)?.open
    }

    pub(crate) fn buffered(&self, stream: StreamId) -> usize {
        self.find(stream).map_or(0, |stream| stream.buffered)
    }

    pub(crate) fn reset_stage(&self, stream: StreamId) -> ResetStage {
        self.find(stream).map_or(ResetStage::None, |stream| stream.reset)
    }

    pub(crate) fn set_reset_stage(&mut self, stream: StreamId, stage: ResetStage) {
        let Some(slot) = self.slot(stream) else { return };
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.reset = stage;
        }
        self.release(slot);
    }

    /// Whether nothing of `stream` is queued or unacknowledged.
    pub(crate) fn is_drained(&self, stream: StreamId) -> bool {
        self.find(stream).is_none_or(|stream| stream.queue.is_empty() && stream.unacknowledged == 0)
    }

    /// The peer has performed the reset: sequence numbers begin anew.
    pub(crate) fn restart(&mut self, stream: StreamId) {
        let initial = self.initial_mid;
        if let Some(entry) = self.entry(stream) {
            entry.next_mids = [initial; 2];
        }
        let Some(slot) = self.busy_slot(stream) else { return };
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.next_mids = [initial; 2];
            (stream.fsn, stream.open) = (0, None);
            stream.reset = ResetStage::None;
        }
        self.set_begun(slot, None);
        // A message that was not written to its end holds up the others no longer.
        self.locked.take_if(|locked| *locked == slot);
        self.release(slot);
    }

    pub(crate) fn set_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        if let Some(entry) = self.entry(stream) {
            entry.low_threshold = threshold;
        }
        if let Some(stream) = self.find_mut(stream) {
            stream.low_threshold = threshold;
        }
    }

    /// The event `BufferedAmountLow` of `stream` was polled.
    pub(crate) fn announced(&mut self, stream: StreamId) {
        if let Some(slot) = self.busy_slot(stream)
            && let Some(stream) = self.streams.get_mut(slot)
        {
            stream.announced = false;
            self.release(slot);
        }
    }

    /// Takes note that a write on `stream` was refused.
    pub(crate) fn refused(&mut self, stream: StreamId) {
        if let Some(stream) = self.make(stream) {
            stream.refused = true;
        }
    }

    /// Queues a message, or a part of one that goes on as `open` says.
    pub(crate) fn push(
        &mut self,
        stream: StreamId,
        messages: &mut Messages,
        message: MessageKey,
        len: usize,
        open: Option<OpenMessage>,
    ) {
        let Some(slot) = self.slot(stream) else { return };
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.queue.push(message, messages);
        stream.open = open;
        stream.buffered += len;
        self.queued += 1;
        if self.locked != Some(slot) && self.schedule.enter(slot, &mut stream.share) {
            self.interrupt();
        }
    }

    /// A chunk of `stream` is in flight that only takes the place of what is not sent.
    pub(crate) fn note_sent(&mut self, stream: StreamId) {
        if let Some(stream) = self.make(stream) {
            stream.unacknowledged += 1;
        }
    }

    /// Drops the first message of `stream`.
    pub(crate) fn drop_first(
        &mut self,
        stream: StreamId,
        messages: &mut Messages,
        limit: usize,
        events: &mut VecDeque<Event>,
    ) {
        let Some(slot) = self.busy_slot(stream) else { return };
        self.drop_front_of(slot, messages, limit, events);
        if self.locked == Some(slot) {
            self.end_turn(slot, true);
        } else {
            self.skip_empty();
        }
        self.release(slot);
    }

    /// Drops the messages at the front of `stream` of which nothing was sent and whose time is over. Returns how many.
    pub(crate) fn drop_late(
        &mut self,
        stream: StreamId,
        messages: &mut Messages,
        now: Instant,
        limit: usize,
        events: &mut VecDeque<Event>,
    ) -> u64 {
        let Some(slot) = self.busy_slot(stream) else { return 0 };
        let mut count = 0;
        while let Some(stream) = self.streams.get(slot).filter(|stream| stream.offset == 0)
            && let Some(message) = stream.queue.first()
            && messages.get(message).is_some_and(|outgoing| outgoing.is_late(now))
        {
            self.drop_front_of(slot, messages, limit, events);
            count += 1;
        }
        self.skip_empty();
        self.release(slot);
        count
    }

    fn drop_front_of(
        &mut self,
        slot: usize,
        messages: &mut Messages,
        limit: usize,
        events: &mut VecDeque<Event>,
    ) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let Some(message) = stream.queue.pop(messages) else { return };
        let Some(outgoing) = messages.get(message) else { return };
        let left = outgoing.data.len().saturating_sub(stream.offset);
        // What has begun has its number.
        if stream.offset > 0 {
            stream.end_message(outgoing.ordered);
        }
        stream.offset = 0;
        self.queued -= 1;
        messages.release(message);
        let before = stream.buffered;
        stream.buffered -= left.min(before);
        stream.announce(before, limit, events);
        self.set_begun(slot, None);
    }

    /// Whether another message may be queued on `stream`.
    pub(crate) fn has_room(&self, stream: StreamId, limit: usize) -> bool {
        self.find(stream).is_none_or(|stream| stream.has_room(limit))
    }

    /// A fragment of `stream` was acknowledged.
    pub(crate) fn acknowledged(&mut self, stream: StreamId) {
        if let Some(slot) = self.busy_slot(stream)
            && let Some(stream) = self.streams.get_mut(slot)
        {
            stream.unacknowledged = stream.unacknowledged.saturating_sub(1);
            if stream.unacknowledged == 0 {
                self.release(slot);
            }
        }
    }

    /// Drops what is queued on the streams from `first` on.
    pub(crate) fn drop_from(&mut self, first: u16, messages: &mut Messages) {
        self.schedule.clear();
        for slot in 0..self.streams.len() {
            if self.streams.get(slot).is_some_and(|stream| stream.id.0 >= first) {
                self.set_begun(slot, None);
            }
        }
        for (slot, stream) in self.streams.iter_mut().enumerate() {
            if stream.id.0 >= first {
                self.locked.take_if(|locked| *locked == slot);
                self.queued -= stream.queue.len();
                while let Some(message) = stream.queue.pop(messages) {
                    messages.release(message);
                }
                (stream.buffered, stream.offset, stream.fsn, stream.open) = (0, 0, 0, None);
            }
            stream.share.left();
            if !stream.queue.is_empty() && self.locked != Some(slot) {
                self.schedule.enter(slot, &mut stream.share);
            }
        }
    }

    /// Starts all streams anew, with nothing queued or in flight. Thresholds stay.
    pub(crate) fn clear(&mut self, messages: &mut Messages) {
        self.drop_from(0, messages);
        for entry in &mut self.table {
            entry.next_mids = [self.initial_mid; 2];
        }
        for slot in 0..self.streams.len() {
            if let Some(stream) = self.streams.get_mut(slot) {
                stream.next_mids = [self.initial_mid; 2];
                stream.unacknowledged = 0;
                stream.refused = false;
                stream.reset = ResetStage::None;
            }
            self.release(slot);
        }
    }

    /// Where a stream is among the busy ones, if it is.
    fn busy_slot(&self, stream: StreamId) -> Option<usize> {
        self.table.get(usize::from(stream.0))?.slot.map(usize::from)
    }

    fn find(&self, stream: StreamId) -> Option<&Stream> {
        self.streams.get(self.busy_slot(stream)?)
    }

    fn find_mut(&mut self, stream: StreamId) -> Option<&mut Stream> {
        let slot = self.busy_slot(stream)?;
        self.streams.get_mut(slot)
    }

    fn make(&mut self, stream: StreamId) -> Option<&mut Stream> {
        let slot = self.slot(stream)?;
        self.streams.get_mut(slot)
    }

    /// What `stream` keeps for ever.
    fn entry(&mut self, stream: StreamId) -> Option<&mut Entry> {
        let at = usize::from(stream.0);
        if self.table.len() <= at {
            let next_mids = [self.initial_mid; 2];
            let entry = Entry { next_mids, low_threshold: 0, weight: Share::default().weight, slot: None };
            self.table.resize(at + 1, entry);
        }
        self.table.get_mut(at)
    }

    /// Where a stream is among the busy ones; it is one of them now.
    fn slot(&mut self, id: StreamId) -> Option<usize> {
        let entry = *self.entry(id)?;
        if let Some(slot) = entry.slot {
            return Some(usize::from(slot));
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.streams.push(Stream::default());
                u16::try_from(self.streams.len() - 1).ok()?
            }
        };
        self.entry(id)?.slot = Some(slot);
        let slot = usize::from(slot);
        let stream = self.streams.get_mut(slot)?;
        (stream.id, stream.next_mids, stream.low_threshold) = (id, entry.next_mids, entry.low_threshold);
        stream.share = Share::new(entry.weight);
        Some(slot)
    }

    /// Takes its place among the busy ones away from a stream that is idle.
    fn release(&mut self, slot: usize) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let Some(entry) = self.table.get_mut(usize::from(stream.id.0)) else { return };
        let is_its = entry.slot.is_some_and(|its| usize::from(its) == slot);
        if !is_its || !stream.is_idle() || self.locked == Some(slot) {
            return;
        }
        entry.next_mids = stream.next_mids;
        self.free.extend(entry.slot.take());
        if self.free.len() == self.streams.len() && self.free.len() > KEPT {
            (self.free, self.streams) = (Vec::new(), Vec::new());
        }
    }
}

/// How much of what is not used is kept for the next use.
const KEPT: usize = 64;

/// What a stream sends in its turn before the next one has its own. The parts of a message lie together then, in the memory of
/// both sides: to change with each packet costs a quarter of the throughput over many streams.
const QUANTUM: usize = 8 * 1024;
/// How many turns a window has at least.
const TURNS: usize = 16;

/// What each queued message costs of the budget beside its bytes.
const OVERHEAD: usize = 32;

impl Stream {
    /// Whether everything about it is as it is with a stream that was never used, but for its numbers.
    fn is_idle(&self) -> bool {
        self.queue.is_empty()
            && (self.offset, self.fsn, self.unacknowledged) == (0, 0, 0)
            && self.open.is_none()
            && !(self.refused || self.announced || self.share.waits())
            && self.reset == ResetStage::None
    }

    fn next_mid(&self, ordered: bool) -> u32 {
        let [of_ordered, of_unordered] = self.next_mids;
        if ordered { of_ordered } else { of_unordered }
    }

    /// A message was sent to its end, or no more of it will be.
    fn end_message(&mut self, ordered: bool) {
        let [of_ordered, of_unordered] = &mut self.next_mids;
        let mid = if ordered { of_ordered } else { of_unordered };
        *mid = mid.wrapping_add(1);
        self.fsn = 0;
    }

    /// Tells that there is room, or that less is queued than the user asked to be told of, if that is new: `before` is
    /// what was queued before.
    fn announce(&mut self, before: usize, limit: usize, events: &mut VecDeque<Event>) {
        let fell = before > self.low_threshold && self.buffered <= self.low_threshold;
        let has_room = self.refused && self.has_room(limit);
        if has_room {
            self.refused = false;
        }
        if (fell || has_room) && !self.announced {
            self.announced = true;
            events.push_back(Event::BufferedAmountLow(self.id));
        }
    }

    fn has_room(&self, limit: usize) -> bool {
        self.queue.is_empty() || self.buffered + OVERHEAD * self.queue.len() < limit
    }
}

#[cfg(test)]
impl NextFragment {
    /// A message in one piece.
    pub(crate) const fn example(message: MessageKey, len: usize) -> Self {
        let flags = DataFlags(DataFlags::BEGINNING | DataFlags::ENDING);
        Self { slot: 0, message, stream: StreamId(0), mid: 0, fsn: 0, flags, offset: 0, len }
    }
}
