//! The queues of a connection, each with its cap.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::Event;
use crate::record::{Header, RawRecord};

/// How many records wait for their keys or for the peer to be verified, and how many bytes they have (attack C04).
const MAX_EARLY_RECORDS: usize = 32;
const MAX_EARLY_BYTES: usize = 64 * 1024;
/// How much application data waits for `poll_event`.
const MAX_DATA_RECORDS: usize = 4096;
const MAX_DATA_BYTES: usize = 4 << 20;

/// Records that came before they can be used.
#[derive(Debug, Default)]
pub(crate) struct Early {
    /// Not readable yet: their keys are not there.
    sealed: VecDeque<RawRecord>,
    /// Read, but the peer is not known to be the right one.
    opened: VecDeque<Bytes>,
    bytes: usize,
}

impl Early {
    fn has_room(&self, len: usize) -> bool {
        self.sealed.len() + self.opened.len() < MAX_EARLY_RECORDS && self.bytes + len <= MAX_EARLY_BYTES
    }

    /// Keeps a record whose keys are not there. It is copied, so that it keeps no larger buffer alive.
    pub(crate) fn keep_sealed(&mut self, mut record: RawRecord) -> bool {
        let len = record.bytes.len();
        let room = self.has_room(len);
        if room {
            self.bytes += len;
            record.bytes = BytesMut::from(&record.bytes[..]);
            self.sealed.push_back(record);
        }
        room
    }

    /// Keeps application data that may not be delivered yet.
    pub(crate) fn keep_opened(&mut self, data: &[u8]) -> bool {
        let room = self.has_room(data.len());
        if room {
            self.bytes += data.len();
            self.opened.push_back(Bytes::copy_from_slice(data));
        }
        room
    }

    /// How many sealed records there are.
    pub(crate) fn sealed_len(&self) -> usize {
        self.sealed.len()
    }

    /// Whether a sealed record of DTLS 1.3 is among them.
    pub(crate) fn has_sealed13(&self) -> bool {
        self.sealed.iter().any(|record| matches!(record.header, Header::Unified(_)))
    }

    /// Takes the oldest sealed record.
    pub(crate) fn pop_sealed(&mut self) -> Option<RawRecord> {
        let record = self.sealed.pop_front()?;
        self.bytes = self.bytes.saturating_sub(record.bytes.len());
        Some(record)
    }

    /// Takes the oldest application data.
    pub(crate) fn pop_opened(&mut self) -> Option<Bytes> {
        let data = self.opened.pop_front()?;
        self.bytes = self.bytes.saturating_sub(data.len());
        Some(data)
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Events that wait to be polled.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    data_bytes: usize,
}

impl Events {
    /// Adds an event of the session. There are few: connected and closed, once each.
    pub(crate) fn push(&mut self, event: Event) {
        self.queue.push_back(event);
    }

    /// Adds application data, or says that there is no room.
    pub(crate) fn push_data(&mut self, data: Bytes) -> bool {
        let room = self.queue.len() < MAX_DATA_RECORDS && self.data_bytes + data.len() <= MAX_DATA_BYTES;
        if room {
            self.data_bytes += data.len();
            self.queue.push_back(Event::ApplicationData(data));
        }
        room
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.queue.pop_front()?;
        if let Event::ApplicationData(data) = &event {
            self.data_bytes = self.data_bytes.saturating_sub(data.len());
        }
        Some(event)
    }
}
