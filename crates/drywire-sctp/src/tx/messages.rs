use bytes::Bytes;
use drywire_core::Instant;

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
    /// When it is too late for it.
    expires: Option<Instant>,
    /// After how many retransmissions of a fragment it is given up.
    pub(crate) max_retransmits: Option<u32>,
    /// Fragments in flight, and one for being queued.
    uses: u32,
}

impl Outgoing {
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
    ) -> Option<MessageKey> {
        let outgoing = Outgoing {
            data,
            ppid,
            ordered: options.ordered,
            expires: options.lifetime.and_then(|lifetime| now.checked_add(lifetime)),
            max_retransmits: options.max_retransmits,
            uses: 1,
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

    /// One fragment more is in flight.
    pub(crate) fn retain(&mut self, key: MessageKey) {
        if let Some(Some(outgoing)) = self.slots.get_mut(index(key)) {
            outgoing.uses += 1;
        }
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
            }
        }
    }
}

fn index(key: MessageKey) -> usize {
    usize::try_from(key.0).unwrap_or(usize::MAX)
}
