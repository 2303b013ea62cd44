use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::OVERHEAD;
use crate::{Event, Message, Ppid, StreamId};

/// A message that can be read, or waits for those before it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) ppid: Ppid,
    pub(crate) ordered: bool,
    /// `None` keeps the place of a message that was dropped.
    pub(crate) data: Option<Bytes>,
}

impl Ready {
    /// What it is charged of the window.
    fn cost(&self) -> usize {
        self.data.as_ref().map_or(0, Bytes::len) + OVERHEAD
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
        let next = self.entries.get(usize::from(stream.0)).map_or(self.initial_mid, |entry| entry.next);
        let ahead = mid.wrapping_sub(next);
        if self.interleaved {
            return Some(ahead).filter(|ahead| *ahead < 0x8000_0000);
        }
        // Stream sequence numbers are the low halves.
        Some(ahead & 0xffff).filter(|ahead| *ahead < 0x8000)
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

    /// The next message to be read.
    pub(crate) fn read(&mut self, stream: StreamId) -> Option<Message> {
        let at = self.entries.get(usize::from(stream.0))?.queue?;
        let queue = self.queues.get_mut(usize::from(at))?;
        let ready = queue.ready.pop_front()?;
        queue.unread = queue.unread.saturating_sub(ready.cost());
        queue.too_much &= queue.unread > self.unread_limit;
        self.release(stream);
        Some(Message { stream, ppid: ready.ppid, ordered: ready.ordered, data: ready.data? })
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
    /// longer be delivered, because those before them never came.
    pub(crate) fn reset(&mut self, stream: StreamId) -> (usize, usize) {
        let initial = self.initial_mid;
        let Some(entry) = self.entries.get_mut(usize::from(stream.0)) else { return (0, 0) };
        entry.next = initial;
        let Some(queue) = entry.queue.and_then(|at| self.queues.get_mut(usize::from(at))) else {
            return (0, 0);
        };
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
    pub(crate) fn reset_all(&mut self) -> (usize, usize) {
        let (mut bytes, mut messages) = (0, 0);
        for id in 0..self.entries.len() {
            let lost = self.reset(StreamId(u16::try_from(id).unwrap_or(u16::MAX)));
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
        Ready { ppid: Ppid(53), ordered, data: Some(Bytes::copy_from_slice(&n.to_be_bytes())) }
    }

    fn read_all(streams: &mut InboundStreams, stream: StreamId) -> Vec<u16> {
        std::iter::from_fn(|| streams.read(stream))
            .map(|message| u16::from_be_bytes([message.data[0], message.data[1]]))
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
        assert_eq!(streams.reset(stream), (2, 1));
        streams.deliver(stream, 0, message(10, true), &mut events).unwrap();
        assert_eq!(read_all(&mut streams, stream), [0, 10]);
        assert_eq!(streams.reset_all(), (0, 0));
    }
}
