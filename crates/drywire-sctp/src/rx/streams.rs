use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::OVERHEAD;
use crate::packet::DataFlags;
use crate::{Event, Message, Ppid, Rest, StreamId};

/// A message that can be read, or waits for those before it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) ppid: Ppid,
    pub(crate) ordered: bool,
    /// `None` keeps the place of a message that was dropped.
    pub(crate) data: Option<Bytes>,
    pub(crate) rest: Rest,
}

impl Ready {
    /// What it is charged of the window. That a message is cut off costs nothing: there is one such note for a part, at most.
    fn cost(&self) -> usize {
        match self.rest {
            Rest::Lost => 0,
            Rest::None | Rest::Follows => self.data.as_ref().map_or(0, Bytes::len) + OVERHEAD,
        }
    }
}

/// What every stream keeps for ever.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The message identifier of the next ordered message. Without such, its low half is the stream sequence number.
    next: u32,
    /// The queue of the stream, if it has one.
    queue: Option<u16>,
}

/// What a stream keeps while it has messages.
#[derive(Debug, Default)]
struct Queue {
    /// To be read.
    ready: VecDeque<Ready>,
    /// Ordered messages that came before those in front of them, by their place in the stream.
    held: BTreeMap<u64, Ready>,
    /// The place of the next ordered message.
    place: u64,
    /// What the message at that place is, if it is read in parts and has begun.
    open: Option<Ppid>,
    /// Unordered messages that came meanwhile: they do not come between its parts.
    later: VecDeque<Ready>,
    /// Whether `Readable` was not polled yet.
    announced: bool,
    /// How much waits to be read, with overhead, and whether it was told that this is too much.
    unread: usize,
    too_much: bool,
}

/// The incoming streams: what can be read and what waits for its turn (RFC 9260, sections 6.5 and 6.6).
#[derive(Debug)]
pub(crate) struct InboundStreams {
    initial_mid: u32,
    /// Whether messages have identifiers (RFC 8260), not only stream sequence numbers.
    interleaved: bool,
    /// How much may wait to be read on a stream until that is told.
    unread_limit: usize,
    /// The streams whose messages are read in parts.
    in_parts: BTreeSet<StreamId>,
    entries: Vec<Entry>,
    queues: Vec<Queue>,
    free: Vec<u16>,
}

impl InboundStreams {
    pub(crate) fn new(initial_mid: u32, unread_limit: Option<usize>) -> Self {
        Self {
            initial_mid,
            interleaved: false,
            unread_limit: unread_limit.unwrap_or(usize::MAX),
            in_parts: BTreeSet::new(),
            entries: Vec::new(),
            queues: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Whether messages have identifiers (RFC 8260), not only stream sequence numbers.
    pub(crate) const fn set_interleaved(&mut self, interleaved: bool) {
        self.interleaved = interleaved;
    }

    /// How far the ordered message `mid` is ahead of the next one of `stream`; `None` when its time is over.
    pub(crate) fn ahead(&self, stream: StreamId, mid: u32) -> Option<u32> {
        let ahead = mid.wrapping_sub(self.next_mid(stream));
        if self.interleaved {
            return Some(ahead).filter(|ahead| *ahead < 0x8000_0000);
        }
        // Stream sequence numbers are the low halves.
        Some(ahead & 0xffff).filter(|ahead| *ahead < 0x8000)
    }

    /// Whether ordered messages of this stream are read in parts.
    pub(crate) fn set_read_in_parts(&mut self, stream: StreamId, in_parts: bool) {
        if in_parts {
            self.in_parts.insert(stream);
        } else {
            self.in_parts.remove(&stream);
        }
    }

    /// Whether there is a stream whose messages are read in parts.
    pub(crate) fn any_in_parts(&self) -> bool {
        !self.in_parts.is_empty()
    }

    /// Whether ordered messages of this stream are read in parts.
    pub(crate) fn is_read_in_parts(&self, stream: StreamId) -> bool {
        self.any_in_parts() && self.in_parts.contains(&stream)
    }

    /// The identifier of the next ordered message.
    pub(crate) fn next_mid(&self, stream: StreamId) -> u32 {
        self.entries.get(usize::from(stream.0)).map_or(self.initial_mid, |entry| entry.next)
    }

    /// Takes a part of the ordered message whose turn it is. Returns whether it goes on with what came before it.
    pub(crate) fn deliver_part(
        &mut self,
        stream: StreamId,
        ppid: Ppid,
        flags: DataFlags,
        data: Bytes,
        events: &mut VecDeque<Event>,
    ) -> bool {
        let limit = self.unread_limit;
        let Some(queue) = self.queue(stream) else { return false };
        let (open, ends) = (queue.open, flags.is_ending());
        let goes_on = flags.is_beginning() == open.is_none();
        let mut taken = 0;
        if goes_on {
            // The payload protocol identifier of the first fragment counts.
            let ppid = open.unwrap_or(ppid);
            queue.open = Some(ppid);
            let rest = if ends { Rest::None } else { Rest::Follows };
            queue.push(stream, Ready { ppid, ordered: true, data: Some(data), rest }, limit, events);
            if ends {
                queue.close(stream, limit, events);
                queue.place += 1;
                taken = queue.take_held(stream, limit, events).wrapping_add(1);
            }
        }
        if let Some(entry) = self.entry(stream) {
            entry.next = entry.next.wrapping_add(taken);
        }
        self.release(stream);
        goes_on
    }

    /// Takes a complete message.
    ///
    /// # Errors
    /// Gives back an ordered message whose place in the stream has passed or is taken.
    pub(crate) fn deliver(
        &mut self,
        stream: StreamId,
        mid: u32,
        message: Ready,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Ready> {
        let ahead = if message.ordered { self.ahead(stream, mid) } else { Some(0) };
        let Some(ahead) = ahead else { return Err(message) };
        let limit = self.unread_limit;
        let Some(queue) = self.queue(stream) else { return Err(message) };
        let mut taken = 0;
        if ahead > 0 {
            if let Some(double) = queue.held.insert(queue.place + u64::from(ahead), message) {
                return Err(double);
            }
        } else if queue.open.is_some() {
            if message.ordered {
                return Err(message);
            }
            queue.later.push_back(message);
        } else {
            let ordered = message.ordered;
            queue.push(stream, message, limit, events);
            if ordered {
                queue.place += 1;
                taken = queue.take_held(stream, limit, events).wrapping_add(1);
            }
        }
        if let Some(entry) = self.entry(stream) {
            entry.next = entry.next.wrapping_add(taken);
        }
        self.release(stream);
        Ok(())
    }

    /// The ordered messages up to the number `mid` do not come any more, unless they are here: what waited for them can
    /// be read.
    pub(crate) fn skip(&mut self, stream: StreamId, mid: u32, events: &mut VecDeque<Event>) {
        let Some(ahead) = self.ahead(stream, mid) else { return };
        let limit = self.unread_limit;
        let Some(queue) = self.queue(stream) else { return };
        queue.cut(stream, limit, events);
        let place = queue.place + u64::from(ahead) + 1;
        while let Some(held) = queue.held.first_entry().filter(|held| *held.key() < place) {
            let message = held.remove();
            queue.push(stream, message, limit, events);
        }
        queue.place = place;
        let taken = queue.take_held(stream, limit, events);
        if let Some(entry) = self.entry(stream) {
            entry.next = entry.next.wrapping_add(ahead).wrapping_add(1).wrapping_add(taken);
        }
        self.release(stream);
    }

    /// The next message to be read, and what it was charged.
    pub(crate) fn read(&mut self, stream: StreamId) -> Option<(Message, usize)> {
        let at = self.entries.get(usize::from(stream.0))?.queue?;
        let queue = self.queues.get_mut(usize::from(at))?;
        let ready = queue.ready.pop_front()?;
        let cost = ready.cost();
        queue.unread = queue.unread.saturating_sub(cost);
        queue.too_much &= queue.unread > self.unread_limit;
        self.release(stream);
        let Ready { ppid, ordered, data, rest } = ready;
        Some((Message { stream, ppid, ordered, data: data?, rest }, cost))
    }

    /// What the next message to be read is.
    pub(crate) fn peek(&self, stream: StreamId) -> Option<Ppid> {
        let at = self.entries.get(usize::from(stream.0))?.queue?;
        self.queues.get(usize::from(at))?.ready.front().map(|ready| ready.ppid)
    }

    /// The event `Readable` of `stream` was polled: the next one is due when the queue has been empty.
    pub(crate) fn announced(&mut self, stream: StreamId) {
        if let Some(at) = self.entries.get(usize::from(stream.0)).and_then(|entry| entry.queue)
            && let Some(queue) = self.queues.get_mut(usize::from(at))
        {
            queue.announced = false;
            self.release(stream);
        }
    }

    /// Starts a stream anew (RFC 6525, section 5.2.2). Returns the bytes and the number of messages that can no
    /// longer be delivered, because those before them never came. One of which a part was delivered is cut off.
    pub(crate) fn reset(&mut self, stream: StreamId, events: &mut VecDeque<Event>) -> (usize, usize) {
        let (initial, limit) = (self.initial_mid, self.unread_limit);
        let Some(entry) = self.entries.get_mut(usize::from(stream.0)) else { return (0, 0) };
        entry.next = initial;
        let Some(queue) = entry.queue.and_then(|at| self.queues.get_mut(usize::from(at))) else {
            return (0, 0);
        };
        queue.cut(stream, limit, events);
        let lost = std::mem::take(&mut queue.held);
        self.release(stream);
        let (mut bytes, mut messages) = (0, 0);
        for data in lost.into_values().filter_map(|held| held.data) {
            bytes += data.len();
            messages += 1;
        }
        (bytes, messages)
    }

    /// Starts all streams anew.
    pub(crate) fn reset_all(&mut self, events: &mut VecDeque<Event>) -> (usize, usize) {
        let (mut bytes, mut messages) = (0, 0);
        for id in 0..self.entries.len() {
            let lost = self.reset(StreamId(u16::try_from(id).unwrap_or(u16::MAX)), events);
            bytes += lost.0;
            messages += lost.1;
        }
        (bytes, messages)
    }

    /// Lets go of all messages, whether they can be read or not.
    pub(crate) fn forget_unread(&mut self) {
        for entry in &mut self.entries {
            entry.queue = None;
        }
        (self.queues, self.free) = (Vec::new(), Vec::new());
    }

    /// What `stream` keeps, made if it had nothing.
    fn entry(&mut self, stream: StreamId) -> Option<&mut Entry> {
        let at = usize::from(stream.0);
        if self.entries.len() <= at {
            self.entries.resize(at + 1, Entry { next: self.initial_mid, queue: None });
        }
        self.entries.get_mut(at)
    }

    /// The queue of `stream`, made if it had none.
    fn queue(&mut self, stream: StreamId) -> Option<&mut Queue> {
        if self.entry(stream)?.queue.is_none() {
            let at = match self.free.pop() {
                Some(at) => at,
                None => {
                    self.queues.push(Queue::default());
                    u16::try_from(self.queues.len() - 1).ok()?
                }
            };
            self.entry(stream)?.queue = Some(at);
        }
        let at = self.entry(stream)?.queue?;
        self.queues.get_mut(usize::from(at))
    }

    /// Takes the queue away from a stream that does not need it now.
    fn release(&mut self, stream: StreamId) {
        if let Some(entry) = self.entries.get_mut(usize::from(stream.0))
            && let Some(at) = entry.queue
            && let Some(queue) = self.queues.get_mut(usize::from(at))
            && queue.ready.is_empty()
            && queue.held.is_empty()
            && queue.open.is_none()
            && !queue.announced
        {
            // A short queue keeps its memory for the next one.
            if queue.ready.capacity() > 64 {
                queue.ready = VecDeque::new();
            }
            queue.place = 0;
            entry.queue = None;
            self.free.push(at);
        }
    }
}

impl Queue {
    fn push(&mut self, stream: StreamId, message: Ready, limit: usize, events: &mut VecDeque<Event>) {
        if message.data.is_none() {
            return;
        }
        self.unread += message.cost();
        if self.ready.is_empty() && !self.announced {
            self.announced = true;
            events.push_back(Event::Readable(stream));
        }
        self.ready.push_back(message);
        if self.unread > limit && !std::mem::replace(&mut self.too_much, true) {
            events.push_back(Event::UnreadLimit(stream));
        }
    }

    /// The message that was read in parts is at its end.
    fn close(&mut self, stream: StreamId, limit: usize, events: &mut VecDeque<Event>) {
        self.open = None;
        for message in std::mem::take(&mut self.later) {
            self.push(stream, message, limit, events);
        }
    }

    /// Nothing more comes of the message that was read in parts, if there is one.
    fn cut(&mut self, stream: StreamId, limit: usize, events: &mut VecDeque<Event>) {
        if let Some(ppid) = self.open {
            let note = Ready { ppid, ordered: true, data: Some(Bytes::new()), rest: Rest::Lost };
            self.push(stream, note, limit, events);
            self.close(stream, limit, events);
        }
    }

    /// Moves the ordered messages whose turn has come to those that can be read. Returns how many.
    fn take_held(&mut self, stream: StreamId, limit: usize, events: &mut VecDeque<Event>) -> u32 {
        let mut taken = 0_u32;
        while let Some(message) = self.held.remove(&self.place) {
            self.place += 1;
            taken = taken.wrapping_add(1);
            self.push(stream, message, limit, events);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(n: u16, ordered: bool) -> Ready {
        Ready {
            ppid: Ppid(53),
            ordered,
            data: Some(Bytes::copy_from_slice(&n.to_be_bytes())),
            rest: Rest::None,
        }
    }

    fn read_all(streams: &mut InboundStreams, stream: StreamId) -> Vec<u16> {
        std::iter::from_fn(|| streams.read(stream))
            .map(|(message, _)| u16::from_be_bytes([message.data[0], message.data[1]]))
            .collect()
    }

    proptest! {
        #[test]
        fn e13_ordered_messages_are_read_in_order_across_the_wrap(
            count in 1_u16..40, shuffle: u64, interleaved: bool,
        ) {
            let first = u32::MAX - 5;
            // Without identifiers only the low half is on the wire.
            let mid = |n: u16| first.wrapping_add(n.into()) & if interleaved { u32::MAX } else { 0xffff };
            let mut streams = InboundStreams::new(first, None);
            streams.set_interleaved(interleaved);
            let mut events = VecDeque::new();
            let mut order: Vec<u16> = (0..count).collect();
            order.sort_by_key(|n| (u64::from(*n) + 3).wrapping_mul(shuffle | 1).rotate_left(23));
            for n in order {
                prop_assert!(streams.deliver(StreamId(3), mid(n), message(n, true), &mut events).is_ok());
            }
            prop_assert_eq!(Vec::from(events), vec![Event::Readable(StreamId(3))]);
            prop_assert_eq!(read_all(&mut streams, StreamId(3)), (0..count).collect::<Vec<_>>());
            prop_assert!(streams.deliver(StreamId(3), mid(0), message(0, true), &mut VecDeque::new()).is_err());
            streams.announced(StreamId(3));
            prop_assert_eq!(streams.free.len(), 1);
        }
    }

    #[test]
    fn readable_is_announced_once_until_polled() {
        let mut streams = InboundStreams::new(0, None);
        let mut events = VecDeque::new();
        let stream = StreamId(7);
        for n in 0..3 {
            streams.deliver(stream, n.into(), message(n, true), &mut events).unwrap();
        }
        streams.deliver(stream, 0, message(9, false), &mut events).unwrap();
        assert_eq!(read_all(&mut streams, stream), [0, 1, 2, 9]);
        streams.deliver(stream, 3, message(3, true), &mut events).unwrap();
        assert_eq!(events.len(), 1, "the first is still to be polled");
        streams.announced(stream);
        assert_eq!(read_all(&mut streams, stream), [3]);
        streams.deliver(stream, 4, message(4, true), &mut events).unwrap();
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn a_reset_starts_at_the_beginning_and_keeps_what_can_be_read() {
        let mut streams = InboundStreams::new(0, None);
        let mut events = VecDeque::new();
        let stream = StreamId(0);
        streams.deliver(stream, 0, message(0, true), &mut events).unwrap();
        streams.deliver(stream, 2, message(2, true), &mut events).unwrap();
        assert_eq!(streams.reset(stream, &mut events), (2, 1));
        streams.deliver(stream, 0, message(10, true), &mut events).unwrap();
        assert_eq!(read_all(&mut streams, stream), [0, 10]);
        assert_eq!(streams.reset_all(&mut events), (0, 0));
    }
}
