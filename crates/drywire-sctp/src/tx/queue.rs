use std::collections::VecDeque;

use drywire_core::Instant;

use super::messages::{MessageKey, Messages};
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

/// An outgoing stream.
#[derive(Debug)]
struct Stream {
    id: StreamId,
    /// The stream sequence number of the next ordered message.
    next_ssn: u16,
    queue: VecDeque<MessageKey>,
    /// How much of the first message was sent.
    offset: usize,
    /// How many bytes are queued.
    buffered: usize,
    low_threshold: usize,
    /// A write was refused: its sender waits for room.
    refused: bool,
    /// `BufferedAmountLow` was not polled yet.
    announced: bool,
    /// It is in the round.
    active: bool,
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
    pub(crate) ssn: u16,
    pub(crate) flags: DataFlags,
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

/// The outgoing streams and whose turn it is: one message of each stream that has any, then the next stream's.
/// Without I-DATA (RFC 8260) a message cannot be interrupted by another one.
#[derive(Debug)]
pub(crate) struct OutboundStreams {
    initial_ssn: u16,
    /// Where in `streams` a stream is.
    table: Vec<Option<u16>>,
    streams: Vec<Stream>,
    /// The streams that have something queued; the first is the one whose turn it is.
    round: VecDeque<usize>,
    /// How many bytes are queued on all streams.
    buffered: usize,
}

impl OutboundStreams {
    pub(crate) const fn new(initial_ssn: u16) -> Self {
        Self { initial_ssn, table: Vec::new(), streams: Vec::new(), round: VecDeque::new(), buffered: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.round.is_empty()
    }

    pub(crate) fn buffered(&self, stream: StreamId) -> usize {
        self.find(stream).map_or(0, |stream| stream.buffered)
    }

    pub(crate) fn reset_stage(&self, stream: StreamId) -> ResetStage {
        self.find(stream).map_or(ResetStage::None, |stream| stream.reset)
    }

    pub(crate) fn set_reset_stage(&mut self, stream: StreamId, stage: ResetStage) {
        if let Some(stream) = self.make(stream) {
            stream.reset = stage;
        }
    }

    /// Whether nothing of `stream` is queued or unacknowledged.
    pub(crate) fn is_drained(&self, stream: StreamId) -> bool {
        self.find(stream).is_none_or(|stream| stream.queue.is_empty() && stream.unacknowledged == 0)
    }

    /// The peer has performed the reset: sequence numbers begin anew.
    pub(crate) fn restart(&mut self, stream: StreamId) {
        let initial = self.initial_ssn;
        if let Some(stream) = self.make(stream) {
            stream.next_ssn = initial;
            stream.reset = ResetStage::None;
        }
    }

    pub(crate) fn set_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        if let Some(stream) = self.make(stream) {
            stream.low_threshold = threshold;
        }
    }

    /// The event `BufferedAmountLow` of `stream` was polled.
    pub(crate) fn announced(&mut self, stream: StreamId) {
        if let Some(stream) = self.make(stream) {
            stream.announced = false;
        }
    }

    /// Takes note that a write on `stream` was refused.
    pub(crate) fn refused(&mut self, stream: StreamId) {
        if let Some(stream) = self.make(stream) {
            stream.refused = true;
        }
    }

    pub(crate) fn push(&mut self, stream: StreamId, message: MessageKey, len: usize) {
        let Some(slot) = self.slot(stream) else { return };
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.queue.push_back(message);
        stream.buffered += len;
        self.buffered += len;
        if !stream.active {
            stream.active = true;
            self.round.push_back(slot);
        }
    }

    /// The next fragment of at most `space` bytes, in a packet that could take `most`. A message that fits into a
    /// packet of its own is not cut.
    pub(crate) fn peek(&self, messages: &Messages, space: usize, most: usize) -> Option<NextFragment> {
        let slot = *self.round.front()?;
        let stream = self.streams.get(slot)?;
        let message = *stream.queue.front()?;
        let outgoing = messages.get(message)?;
        let left = outgoing.data.len() - stream.offset;
        let len = if left <= space {
            left
        } else if stream.offset == 0 && left <= most {
            return None;
        } else {
            // Fragments end at a multiple of four, so that packets are filled to the last byte.
            space & !3
        };
        if len == 0 {
            return None;
        }
        let mut flags = 0;
        if stream.offset == 0 {
            flags |= DataFlags::BEGINNING;
        }
        if len == left {
            flags |= DataFlags::ENDING;
        }
        if !outgoing.ordered {
            flags |= DataFlags::UNORDERED;
        }
        Some(NextFragment {
            slot,
            message,
            stream: stream.id,
            ssn: if outgoing.ordered { stream.next_ssn } else { 0 },
            flags: DataFlags(flags),
            offset: stream.offset,
            len,
        })
    }

    /// `fragment`, which [`peek`](Self::peek) gave last, is sent. `limit` is what a stream may queue.
    pub(crate) fn advance(
        &mut self,
        messages: &mut Messages,
        fragment: &NextFragment,
        limit: usize,
        events: &mut VecDeque<Event>,
    ) {
        let Some(stream) = self.streams.get_mut(fragment.slot) else { return };
        messages.retain(fragment.message);
        stream.unacknowledged += 1;
        stream.offset += fragment.len;
        let before = stream.buffered;
        stream.buffered -= fragment.len.min(before);
        self.buffered -= fragment.len.min(self.buffered);
        if fragment.flags.is_ending() {
            stream.offset = 0;
            stream.queue.pop_front();
            if !fragment.flags.is_unordered() {
                stream.next_ssn = stream.next_ssn.wrapping_add(1);
            }
            messages.release(fragment.message);
            self.round.pop_front();
            stream.active = !stream.queue.is_empty();
            if stream.active {
                self.round.push_back(fragment.slot);
            }
        }
        stream.announce(before, limit, events);
    }

    /// Whether the time of the message whose turn it is is over.
    pub(crate) fn is_late(&self, messages: &Messages, now: Instant) -> bool {
        let stream = self.round.front().and_then(|slot| self.streams.get(*slot));
        let message = stream.and_then(|stream| stream.queue.front());
        message.and_then(|key| messages.get(*key)).is_some_and(|message| message.is_late(now))
    }

    /// What is left of the message whose turn it is, if a part of it was sent.
    pub(crate) fn rest(&self, messages: &Messages) -> Option<NextFragment> {
        self.peek(messages, usize::MAX, usize::MAX).filter(|rest| rest.offset > 0)
    }

    /// A fragment of `message` is in flight.
    pub(crate) fn note_sent(&mut self, stream: StreamId, message: MessageKey, messages: &mut Messages) {
        messages.retain(message);
        if let Some(stream) = self.make(stream) {
            stream.unacknowledged += 1;
        }
    }

    /// Drops the message whose turn it is.
    pub(crate) fn drop_first(&mut self, messages: &mut Messages, limit: usize, events: &mut VecDeque<Event>) {
        let Some(slot) = self.round.pop_front() else { return };
        self.drop_front_of(slot, messages, limit, events);
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.active = !stream.queue.is_empty();
            if stream.active {
                self.round.push_back(slot);
            }
        }
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
        let Some(slot) = self.slot(stream) else { return 0 };
        let mut count = 0;
        while let Some(stream) = self.streams.get(slot).filter(|stream| stream.offset == 0)
            && let Some(message) = stream.queue.front()
            && messages.get(*message).is_some_and(|outgoing| outgoing.is_late(now))
        {
            self.drop_front_of(slot, messages, limit, events);
            count += 1;
        }
        self.leave_round(slot);
        count
    }

    /// Takes a stream that has nothing queued out of the round.
    fn leave_round(&mut self, slot: usize) {
        if let Some(stream) = self.streams.get_mut(slot)
            && stream.queue.is_empty()
            && std::mem::take(&mut stream.active)
        {
            self.round.retain(|active| *active != slot);
        }
    }

    fn drop_front_of(
        &mut self,
        slot: usize,
        messages: &mut Messages,
        limit: usize,
        events: &mut VecDeque<Event>,
    ) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let Some(message) = stream.queue.pop_front() else { return };
        let Some(outgoing) = messages.get(message) else { return };
        let left = outgoing.data.len().saturating_sub(stream.offset);
        // What has begun has its number.
        if stream.offset > 0 && outgoing.ordered {
            stream.next_ssn = stream.next_ssn.wrapping_add(1);
        }
        stream.offset = 0;
        messages.release(message);
        let before = stream.buffered;
        stream.buffered -= left.min(before);
        self.buffered -= left.min(self.buffered);
        stream.announce(before, limit, events);
    }

    /// Whether another message may be queued on `stream`.
    pub(crate) fn has_room(&self, stream: StreamId, limit: usize) -> bool {
        self.find(stream).is_none_or(|stream| stream.has_room(limit))
    }

    /// A fragment of `stream` was acknowledged.
    pub(crate) fn acknowledged(&mut self, stream: StreamId) {
        if let Some(Some(slot)) = self.table.get(usize::from(stream.0))
            && let Some(stream) = self.streams.get_mut(usize::from(*slot))
        {
            stream.unacknowledged = stream.unacknowledged.saturating_sub(1);
        }
    }

    /// Drops what is queued on the streams from `first` on.
    pub(crate) fn drop_from(&mut self, first: u16, messages: &mut Messages) {
        for stream in self.streams.iter_mut().filter(|stream| stream.id.0 >= first) {
            for message in stream.queue.drain(..) {
                messages.release(message);
            }
            self.buffered -= stream.buffered.min(self.buffered);
            (stream.buffered, stream.offset, stream.active) = (0, 0, false);
        }
        let streams = &self.streams;
        self.round.retain(|slot| streams.get(*slot).is_some_and(|stream| stream.active));
    }

    /// Starts all streams anew, with nothing queued or in flight. Thresholds stay.
    pub(crate) fn clear(&mut self, messages: &mut Messages) {
        self.drop_from(0, messages);
        for stream in &mut self.streams {
            stream.next_ssn = self.initial_ssn;
            stream.unacknowledged = 0;
            stream.refused = false;
            stream.reset = ResetStage::None;
        }
    }

    fn find(&self, stream: StreamId) -> Option<&Stream> {
        let slot = (*self.table.get(usize::from(stream.0))?)?;
        self.streams.get(usize::from(slot))
    }

    fn make(&mut self, stream: StreamId) -> Option<&mut Stream> {
        let slot = self.slot(stream)?;
        self.streams.get_mut(slot)
    }

    fn slot(&mut self, stream: StreamId) -> Option<usize> {
        let at = usize::from(stream.0);
        if self.table.len() <= at {
            self.table.resize(at + 1, None);
        }
        let entry = self.table.get_mut(at)?;
        if let Some(slot) = entry {
            return Some(usize::from(*slot));
        }
        let slot = u16::try_from(self.streams.len()).ok()?;
        *entry = Some(slot);
        self.streams.push(Stream {
            id: stream,
            next_ssn: self.initial_ssn,
            queue: VecDeque::new(),
            offset: 0,
            buffered: 0,
            low_threshold: 0,
            refused: false,
            announced: false,
            active: false,
            unacknowledged: 0,
            reset: ResetStage::None,
        });
        Some(usize::from(slot))
    }
}

/// What each queued message costs of the budget beside its bytes.
const OVERHEAD: usize = 32;

impl Stream {
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
