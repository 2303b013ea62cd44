//! What is given up: messages that were promised for a time, or for a number of retransmissions (RFC 3758, RFC 7496).

use std::collections::VecDeque;

use drywire_core::{Instant, Serial};

use super::flight::Sent;
use super::messages::{MessageKey, Outgoing};
use super::queue::NextFragment;
use super::{Outbound, ssn};
use crate::packet::{ForwardTsn, IForwardTsn, SkippedMessage};
use crate::{Event, Stats, StreamId};

/// How many streams one FORWARD TSN names. Those of the rest of what is given up wait for the next one.
const MAX_STREAMS: usize = 64;

/// What the peer was told last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) cumulative: Serial<u32>,
    /// How far what was given up went then, whether it could all be told or not.
    until: Serial<u32>,
    at: Instant,
}

impl Outbound {
    /// Whether the peer does without messages that are given up.
    pub(crate) const fn set_partial(&mut self, partial: bool) {
        self.partial = partial;
    }

    /// Gives up what has come to its limit of what would be sent next: lost fragments first, then what is queued.
    pub(crate) fn give_up(&mut self, now: Instant, events: &mut VecDeque<Event>, stats: &mut Stats) {
        if !self.partial || !self.limited {
            return;
        }
        while let Some((_, sent)) = self.flight.first_lost()
            && self.messages.get(sent.message).is_some_and(|message| {
                message.is_late(now)
                    || message.max_retransmits.is_some_and(|most| sent.transmissions() > most)
            })
        {
            let (message, stream) = (sent.message, sent.stream);
            let rest = self.streams.rest(stream, &self.messages).filter(|rest| rest.message == message);
            self.abandon(now, message, rest, events);
            stats.messages_abandoned += 1;
        }
        while let Some(stream) = self.streams.late(&self.messages, now) {
            match self.streams.rest(stream, &self.messages) {
                Some(rest) => self.abandon(now, rest.message, Some(rest), events),
                None => self.streams.drop_first(stream, &mut self.messages, self.limit, events),
            }
            stats.messages_abandoned += 1;
        }
    }

    /// Gives up a message of which something was sent, and what is left of it.
    fn abandon(
        &mut self,
        now: Instant,
        message: MessageKey,
        rest: Option<NextFragment>,
        events: &mut VecDeque<Event>,
    ) {
        if let Some(last) = self.messages.get(message).and_then(Outgoing::last_tsn) {
            self.flight.abandon(last);
        }
        if let Some(rest) = rest {
            self.abandon_rest(now, &rest, events);
        }
    }

    /// What is too late on a full stream makes room for what is not.
    pub(crate) fn make_room(
        &mut self,
        now: Instant,
        stream: StreamId,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        if self.partial && self.limited && !self.streams.has_room(stream, self.limit) {
            stats.messages_abandoned +=
                self.streams.drop_late(stream, &mut self.messages, now, self.limit, events);
        }
    }

    /// What is left of a message of which a part was sent is not sent. It gets a TSN, which is given up: the peer, that may
    /// have all the other parts, is told by it that nothing more comes.
    fn abandon_rest(&mut self, now: Instant, rest: &NextFragment, events: &mut VecDeque<Event>) {
        let back = self.messages.sent(rest.message, self.flight.next_tsn());
        self.flight.push_abandoned(Sent::new(rest, back, self.packet, now));
        self.streams.note_sent(rest.stream);
        self.streams.drop_first(rest.stream, &mut self.messages, self.limit, events);
    }

    /// Whether the peer is to be told of what was given up: when there is something new, and again after a round trip
    /// (RFC 3758, section 3.5, C3 to C5).
    pub(crate) fn is_forward_due(&self, now: Instant) -> bool {
        let Some(until) = self.flight.abandoned_until() else { return false };
        self.told.is_none_or(|told| {
            told.until < until || now.saturating_duration_since(told.at) >= self.rto.current()
        })
    }

    /// Appends a FORWARD TSN, or an I-FORWARD TSN, of at most `space` bytes, for as much as it can tell.
    pub(crate) fn write_forward(&mut self, now: Instant, out: &mut Vec<u8>, space: usize) {
        let entry_len = if self.interleaved { IForwardTsn::STREAM_LEN } else { ForwardTsn::STREAM_LEN };
        let most = (space.saturating_sub(ForwardTsn::LEN) / entry_len).min(MAX_STREAMS);
        let mut skipped: Vec<SkippedMessage> = Vec::new();
        let mut cumulative = None;
        for (tsn, sent) in self.flight.abandoned() {
            let unordered = sent.flags.is_unordered();
            // Without interleaving nobody asks which unordered messages are missing.
            if self.interleaved || !unordered {
                let is_same =
                    |entry: &&mut SkippedMessage| (entry.stream, entry.unordered) == (sent.stream, unordered);
                if let Some(entry) = skipped.iter_mut().find(is_same) {
                    // Later messages have later numbers.
                    entry.mid = sent.mid;
                } else if skipped.len() < most {
                    skipped.push(SkippedMessage { stream: sent.stream, unordered, mid: sent.mid });
                } else {
                    break;
                }
            }
            cumulative = Some(tsn);
        }
        let until = self.flight.abandoned_until();
        if let Some((cumulative, until)) = cumulative.zip(until).filter(|_| space >= ForwardTsn::LEN) {
            if self.interleaved {
                IForwardTsn::write(out, cumulative, skipped.into_iter());
            } else {
                let ssn = |entry: SkippedMessage| (entry.stream, ssn(entry.mid));
                ForwardTsn::write(out, cumulative, skipped.into_iter().map(ssn));
            }
            self.told = Some(Told { cumulative, until, at: now });
        }
    }
}
