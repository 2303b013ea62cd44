//! Messages that are read in parts while they come.

use std::collections::VecDeque;

use super::reassembly::Fragment;
use super::{Inbound, OVERHEAD};
use crate::{Event, Stats, StreamId};

impl Inbound {
    /// Gives what there is of messages that are read in parts to their readers. `stream` is one on which something has come.
    pub(super) fn read_parts(&mut self, stream: StreamId, events: &mut VecDeque<Event>, stats: &mut Stats) {
        self.deliver_parts(events, stats);
        if !self.streams.any_in_parts() {
            return;
        }
        match &mut self.interleaved {
            Some(interleaved) if self.streams.is_read_in_parts(stream) => {
                interleaved.read_front(stream, self.streams.next_mid(stream));
            }
            Some(_) => (),
            None => {
                let streams = &self.streams;
                self.reassembly.read_front(self.tracker.cumulative(), |stream, mid| {
                    streams.is_read_in_parts(stream) && streams.ahead(stream, mid) == Some(0)
                });
            }
        }
        self.deliver_parts(events, stats);
    }

    /// Hands the parts that can be read to their streams.
    fn deliver_parts(&mut self, events: &mut VecDeque<Event>, stats: &mut Stats) {
        let parts = match &mut self.interleaved {
            Some(interleaved) => interleaved.parts(),
            None => self.reassembly.parts(),
        };
        for Fragment { stream, ppid, flags, data, .. } in parts.drain(..) {
            let len = data.len();
            if self.streams.deliver_part(stream, ppid, flags, data, events) {
                self.used += len + OVERHEAD;
                stats.bytes_received += u64::try_from(len).unwrap_or(u64::MAX);
                stats.messages_received += u64::from(flags.is_ending());
            } else {
                stats.chunks_dropped += 1;
            }
        }
    }

    /// Ordered messages of `stream` are read in parts from now on, or whole again.
    pub(crate) fn set_read_in_parts(
        &mut self,
        stream: StreamId,
        in_parts: bool,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        self.streams.set_read_in_parts(stream, in_parts);
        self.read_parts(stream, events, stats);
    }
}
