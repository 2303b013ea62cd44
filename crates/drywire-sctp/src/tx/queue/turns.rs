//! Whose turn it is, what it sends, and what that changes.

use std::collections::VecDeque;

use drywire_core::Instant;

use super::{NextFragment, OutboundStreams};
use crate::packet::DataFlags;
use crate::tx::messages::Messages;
use crate::{Event, StreamId};

impl OutboundStreams {
    /// The next fragment of at most `space` bytes, in a packet that could take `most`. A message that fits into a
    /// packet of its own is not cut.
    pub(crate) fn peek(&self, messages: &Messages, space: usize, most: usize) -> Option<NextFragment> {
        self.fragment(self.turn(messages)?, messages, space, most)
    }

    pub(super) fn fragment(
        &self,
        slot: usize,
        messages: &Messages,
        space: usize,
        most: usize,
    ) -> Option<NextFragment> {
        let stream = self.streams.get(slot)?;
        let message = stream.queue.first()?;
        let outgoing = messages.get(message)?;
        let left = outgoing.data.len() - stream.offset;
        let is_whole = stream.offset == 0 && outgoing.begins && outgoing.ends;
        let len = if left <= space {
            left
        } else if is_whole && left <= most {
            return None;
        } else {
            // Fragments end at a multiple of four, so that packets are filled to the last byte.
            space & !3
        };
        if len == 0 {
            return None;
        }
        let mut flags = 0;
        if stream.offset == 0 && outgoing.begins {
            flags |= DataFlags::BEGINNING;
        }
        if len == left && outgoing.ends {
            flags |= DataFlags::ENDING;
        }
        if !outgoing.ordered {
            flags |= DataFlags::UNORDERED;
        }
        Some(NextFragment {
            slot,
            message,
            stream: stream.id,
            mid: stream.next_mid(outgoing.ordered),
            fsn: stream.fsn,
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
        let slot = fragment.slot;
        self.begin_turn(slot);
        self.turn_left = self.turn_left.saturating_sub(fragment.len);
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.unacknowledged += 1;
        stream.offset += fragment.len;
        stream.fsn = stream.fsn.wrapping_add(1);
        stream.share.pay(fragment.len);
        let before = stream.buffered;
        stream.buffered -= fragment.len.min(before);
        let len = messages.get(fragment.message).map_or(0, |all| all.data.len());
        let left = len.saturating_sub(stream.offset);
        let is_sent = left == 0;
        if is_sent {
            stream.offset = 0;
            stream.queue.pop(messages);
            self.queued -= 1;
            messages.release(fragment.message);
        }
        let ends = fragment.flags.is_ending();
        if ends {
            stream.end_message(!fragment.flags.is_unordered());
        }
        stream.announce(before, limit, events);
        let counts = self.interleaved && !ends && len <= most_of(self.whole_room);
        self.set_begun(slot, counts.then_some(left));
        self.end_turn(slot, ends);
    }

    /// The stream whose turn it is.
    pub(super) fn turn(&self, messages: &Messages) -> Option<usize> {
        if self.locked.is_some() {
            return self.locked;
        }
        let first = self.schedule.first()?;
        if self.may_go_on(first, messages) {
            return Some(first);
        }
        let has_more =
            |slot: &&usize| self.streams.get(**slot).is_some_and(|stream| !stream.queue.is_empty());
        Some(self.begun.iter().find(has_more).copied().unwrap_or(first))
    }

    /// Whether the stream in `slot` may send. It may not begin a message while so many were begun that the peer may have no
    /// room for the rest of them all: it would be full of parts, none of which ever becomes a message.
    pub(super) fn may_go_on(&self, slot: usize, messages: &Messages) -> bool {
        if !self.interleaved || self.begun.is_empty() {
            return true;
        }
        let Some(stream) = self.streams.get(slot) else { return true };
        let next = stream.queue.first().and_then(|message| messages.get(message));
        let len = next.map_or(0, |message| message.data.len());
        let fits = self.begun_left.saturating_add(len) <= most_of(self.room);
        stream.begun.is_some() || fits || len > most_of(self.whole_room)
    }

    /// Takes note of what is left of the message of the stream in `slot` that was begun.
    pub(super) fn set_begun(&mut self, slot: usize, left: Option<usize>) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let before = std::mem::replace(&mut stream.begun, left);
        self.begun_left = self.begun_left - before.unwrap_or(0) + left.unwrap_or(0);
        if before.is_none() && left.is_some() {
            self.begun.push(slot);
        } else if before.is_some() && left.is_none() {
            self.begun.retain(|begun| *begun != slot);
        }
    }

    /// The stream in `slot`, whose turn it is, sends.
    pub(super) fn begin_turn(&mut self, slot: usize) {
        if self.locked.is_some() {
            return;
        }
        self.turn_left = self.quantum;
        if self.schedule.first() == Some(slot) {
            self.schedule.take_first();
            if let Some(stream) = self.streams.get_mut(slot) {
                stream.share.left();
            }
        }
    }

    /// It has sent, and perhaps all of a message.
    pub(super) fn end_turn(&mut self, slot: usize, ends: bool) {
        let has_more = self.streams.get(slot).is_some_and(|stream| !stream.queue.is_empty());
        let goes_on = if self.interleaved { has_more && self.turn_left > 0 } else { true };
        self.locked = (!ends && goes_on).then_some(slot);
        if self.locked.is_none()
            && has_more
            && let Some(stream) = self.streams.get_mut(slot)
        {
            self.schedule.enter(slot, &mut stream.share);
        }
        self.skip_empty();
    }

    /// A stream that was idle has something to send: it does not wait for the end of a long turn.
    pub(super) fn interrupt(&mut self) {
        if self.interleaved
            && let Some(slot) = self.locked
        {
            self.end_turn(slot, true);
        }
    }

    /// Streams whose queue became empty while they waited have no turn.
    pub(super) fn skip_empty(&mut self) {
        while let Some(slot) = self.schedule.first()
            && let Some(stream) = self.streams.get_mut(slot)
            && stream.queue.is_empty()
        {
            self.schedule.take_first();
            stream.share.left();
            self.release(slot);
        }
    }

    /// The stream of the message whose turn it is, if that message's time is over.
    pub(crate) fn late(&self, messages: &Messages, now: Instant) -> Option<StreamId> {
        let stream = self.streams.get(self.turn(messages)?)?;
        messages.get(stream.queue.first()?)?.is_late(now).then_some(stream.id)
    }

    /// What is left of the first message of `stream`, if a part of it was sent.
    pub(crate) fn rest(&self, stream: StreamId, messages: &Messages) -> Option<NextFragment> {
        let slot = self.busy_slot(stream)?;
        self.fragment(slot, messages, usize::MAX, usize::MAX).filter(|rest| rest.offset > 0)
    }
}

/// What the messages that are begun may fill of the peer's room: it may count more than their bytes.
const fn most_of(room: usize) -> usize {
    room / 4 * 3
}
