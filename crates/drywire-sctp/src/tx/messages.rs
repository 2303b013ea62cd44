use bytes::Bytes;
use drywire_core::{Instant, Serial};

use crate::{Ppid, SendOptions};

/// A message that is queued or in flight, by its place in [`Messages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageKey(u32);

/// A message that is queued or in flight.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) data: Bytes,
    pub(crate) ppid: Ppid,
    pub(crate) ordered: bool,
    /// Whether it is a message from its first byte, and to its last one: else a part of one.
    pub(crate) begins: bool,
    pub(crate) ends: bool,
    /// The TSN of the fragment that was sent last.
    last_tsn: Option<Serial<u32>>,
    /// When it is too late for it.
    expires: Option<Instant>,
    /// After how many retransmissions of a fragment it is given up.
    pub(crate) max_retransmits: Option<u32>,
    /// Fragments in flight, and one for being queued.
    uses: u32,
    /// The message behind it in its queue.
    next: Option<MessageKey>,
}

impl Outgoing {
    /// The TSN of the fragment that was sent last.
    pub(crate) const fn last_tsn(&self) -> Option<Serial<u32>> {
        self.last_tsn
    }

    /// Whether its time is over.
    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at < now)
    }
}

/// All messages that are queued or in flight. Fragments refer to them by key, offset and length: no reference counts
/// in memory that others share, no allocation per fragment.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    slots: Vec<Option<Outgoing>>,
    free: Vec<MessageKey>,
}

impl Messages {
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        data: Bytes,
        ppid: Ppid,
        options: SendOptions,
        (begins, ends): (bool, bool),
    ) -> Option<MessageKey> {
        let outgoing = Outgoing {
            data,
            ppid,
            ordered: options.ordered,
            begins,
            ends,
            last_tsn: None,
            expires: options.lifetime.and_then(|lifetime| now.checked_add(lifetime)),
            max_retransmits: options.max_retransmits,
            uses: 1,
            next: None,
        };
        match self.free.pop() {
            Some(key) => {
                *self.slots.get_mut(index(key))? = Some(outgoing);
                Some(key)
            }
            None => {
                let key = MessageKey(u32::try_from(self.slots.len()).ok()?);
                self.slots.push(Some(outgoing));
                Some(key)
            }
        }
    }

    pub(crate) fn get(&self, key: MessageKey) -> Option<&Outgoing> {
        self.slots.get(index(key))?.as_ref()
    }

    /// A fragment is in flight with this TSN. Returns how many TSNs before it that of the fragment before it is; zero for
    /// the first one.
    pub(crate) fn sent(&mut self, key: MessageKey, tsn: Serial<u32>) -> u32 {
        let Some(Some(outgoing)) = self.slots.get_mut(index(key)) else { return 0 };
        outgoing.uses += 1;
        outgoing.last_tsn.replace(tsn).map_or(0, |before| tsn.distance_from(before))
    }

    /// One fragment was acknowledged, or the message left its queue.
    pub(crate) fn release(&mut self, key: MessageKey) {
        if let Some(slot) = self.slots.get_mut(index(key))
            && let Some(outgoing) = slot
        {
            outgoing.uses -= 1;
            if outgoing.uses == 0 {
                *slot = None;
                self.free.push(key);
                if self.free.len() == self.slots.len() && self.free.len() > KEPT {
                    (self.slots, self.free) = (Vec::new(), Vec::new());
                }
            }
        }
    }
}

/// For how many messages the memory is kept when there is none.
const KEPT: usize = 1_024;

/// Messages that wait one behind the other. They hold the queue together, so that it needs no memory of its own.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    first: Option<MessageKey>,
    last: Option<MessageKey>,
    len: usize,
}

impl Queue {
    pub(crate) const fn first(&self) -> Option<MessageKey> {
        self.first
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Adds a message, which is in no queue.
    pub(crate) fn push(&mut self, message: MessageKey, messages: &mut Messages) {
        let before =
            self.last.replace(message).and_then(|last| messages.slots.get_mut(index(last))?.as_mut());
        match before {
            Some(before) => before.next = Some(message),
            None => self.first = Some(message),
        }
        self.len += 1;
    }

    /// Takes the first message out. It must be [released](Messages::release).
    pub(crate) fn pop(&mut self, messages: &Messages) -> Option<MessageKey> {
        let first = self.first?;
        self.first = messages.get(first).and_then(|outgoing| outgoing.next);
        if self.first.is_none() {
            self.last = None;
        }
        self.len -= 1;
        Some(first)
    }
}

fn index(key: MessageKey) -> usize {
    usize::try_from(key.0).unwrap_or(usize::MAX)
}
