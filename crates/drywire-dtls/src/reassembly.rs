//! Puts the handshake messages of the peer together and in order (RFC 9147, section 5.5).

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::message::{FragmentHeader, HandshakeType};
use crate::ranges::Ranges;

/// The longest message that is accepted, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// How many bytes all messages in progress may occupy.
const MAX_TOTAL: usize = 128 * 1024;
/// How far ahead of the next message a fragment may be.
const MAX_AHEAD: u16 = 16;
/// The most separate pieces of one message; more come only from a peer that plays games.
const MAX_PIECES: usize = 1024;

/// A complete message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: HandshakeType,
    pub(crate) message_seq: u16,
    /// The epoch of the records that carried it.
    pub(crate) epoch: u64,
    /// What the record carried, when it was the whole message; else what was put together.
    pub(crate) body: Cow<'a, [u8]>,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// Kept, or already there, or nothing that needs to be kept.
    Kept,
    /// Of a message that was completed before: the peer sends its flight again.
    Old,
    /// Contradicts what is there, is too far ahead, or there is no room.
    Rejected,
}

#[derive(Debug)]
struct Partial {
    kind: HandshakeType,
    length: usize,
    epoch: u64,
    body: Vec<u8>,
    /// The ranges that have arrived.
    pieces: Ranges,
}

/// The messages in progress.
#[derive(Debug, Default)]
pub(crate) struct Reassembler {
    next: u16,
    partial: BTreeMap<u16, Partial>,
    total: usize,
}

impl Reassembler {
    /// The number of the next message in order.
    pub(crate) const fn next(&self) -> u16 {
        self.next
    }

    /// Whether the next message is complete.
    #[cfg(test)]
    pub(crate) fn is_ready(&self) -> bool {
        self.partial.get(&self.next).is_some_and(Partial::is_complete)
    }

    /// Whether something waits for its missing parts.
    #[cfg(test)]
    pub(crate) fn has_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Forgets all that is in progress and waits for message 0 again.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Takes a fragment that is the whole of the next message, as they mostly are, when nothing else is known of that
    /// message: it need not be kept.
    pub(crate) fn pass<'a>(
        &mut self,
        epoch: u64,
        header: FragmentHeader,
        fragment: &'a [u8],
    ) -> Option<Message<'a>> {
        let whole = usize::try_from(header.length) == Ok(fragment.len()) && fragment.len() <= MAX_MESSAGE;
        let message_seq = header.message_seq;
        if !whole || message_seq != self.next || self.partial.contains_key(&message_seq) {
            return None;
        }
        self.next = self.next.saturating_add(1);
        let kind = HandshakeType::from_code(header.kind);
        Some(Message { kind, message_seq, epoch, body: Cow::Borrowed(fragment) })
    }

    /// Takes a fragment.
    pub(crate) fn insert(&mut self, epoch: u64, header: FragmentHeader, fragment: &[u8]) -> Insertion {
        if header.message_seq < self.next {
            return Insertion::Old;
        }
        let kind = HandshakeType::from_code(header.kind);
        let (Ok(length), Ok(offset)) = (usize::try_from(header.length), usize::try_from(header.offset))
        else {
            return Insertion::Rejected;
        };
        let end = offset + fragment.len();
        if length > MAX_MESSAGE || header.message_seq - self.next >= MAX_AHEAD || end > length {
            return Insertion::Rejected;
        }
        // Progress rule: an empty fragment says something only when its message is empty (attack C01).
        if fragment.is_empty() && length > 0 {
            return Insertion::Kept;
        }
        // What is better protected takes the place of what anybody could have sent.
        if self.partial.get(&header.message_seq).is_some_and(|partial| partial.epoch < epoch) {
            self.remove(header.message_seq);
        }
        // Memory is taken as bytes arrive, not as lengths are declared (attack C02).
        let present = self.partial.get(&header.message_seq).map_or(0, |partial| partial.body.len());
        let grown = end.saturating_sub(present);
        if self.total + grown > MAX_TOTAL {
            return Insertion::Rejected;
        }
        let partial = self.partial.entry(header.message_seq).or_insert_with(|| Partial {
            kind,
            length,
            epoch,
            body: Vec::new(),
            pieces: Ranges::default(),
        });
        // Fragments of different messages are never mixed (attack C03), nor are those of different keys.
        if (partial.kind, partial.length, partial.epoch) != (kind, length, epoch)
            || partial.pieces.len() >= MAX_PIECES
        {
            return Insertion::Rejected;
        }
        if end > partial.body.len() {
            partial.body.resize(end, 0);
            self.total += grown;
        }
        partial.fill(offset, fragment);
        Insertion::Kept
    }

    /// Forgets what came with less protection than is expected from now on; gives the highest epoch of it, if any.
    pub(crate) fn retain_from(&mut self, epoch: u64) -> u64 {
        let mut highest = 0;
        while let Some((at, one)) = self.partial.iter().find(|(_, one)| one.epoch < epoch) {
            let at = *at;
            highest = highest.max(one.epoch);
            self.remove(at);
        }
        highest
    }

    fn remove(&mut self, message_seq: u16) {
        if let Some(partial) = self.partial.remove(&message_seq) {
            self.total = self.total.saturating_sub(partial.body.len());
        }
    }

    /// Skips message 0 when message 1 is there: a ClientHello with a cookie may be the first that a server sees, because
    /// it has forgotten the one before it.
    pub(crate) fn skip_forgotten(&mut self) {
        if self.next == 0
            && !self.partial.get(&0).is_some_and(Partial::is_complete)
            && self.partial.get(&1).is_some_and(Partial::is_complete)
        {
            self.remove(0);
            self.next = 1;
        }
    }

    /// Takes the next message, if it is complete.
    pub(crate) fn pop(&mut self) -> Option<Message<'static>> {
        let entry = self.partial.first_entry()?;
        if *entry.key() != self.next || !entry.get().is_complete() {
            return None;
        }
        let (message_seq, partial) = entry.remove_entry();
        self.total = self.total.saturating_sub(partial.body.len());
        self.next = self.next.saturating_add(1);
        Some(Message {
            kind: partial.kind,
            message_seq,
            epoch: partial.epoch,
            body: Cow::Owned(partial.body),
        })
    }
}

impl Partial {
    fn is_complete(&self) -> bool {
        self.pieces.contains(0, self.length)
    }

    /// Copies what is new of `fragment`: the first to say what a byte is has said it.
    fn fill(&mut self, offset: usize, fragment: &[u8]) {
        let end = offset + fragment.len();
        let mut at = offset;
        for (from, to) in self.pieces.iter() {
            if at < from.min(end) {
                copy(&mut self.body, fragment, offset, at, from.min(end));
            }
            at = at.max(to);
        }
        if at < end {
            copy(&mut self.body, fragment, offset, at, end);
        }
        self.pieces.insert(offset, end);
    }
}

fn copy(body: &mut [u8], fragment: &[u8], offset: usize, from: usize, to: usize) {
    if let (Some(target), Some(source)) = (body.get_mut(from..to), fragment.get(from - offset..to - offset)) {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(kind: u8, length: u32, message_seq: u16, offset: u32) -> FragmentHeader {
        FragmentHeader { kind, length, message_seq, offset }
    }

    #[test]
    fn c01_empty_fragments_make_no_progress_and_no_loop() {
        let mut reassembler = Reassembler::default();
        for _ in 0..10_000 {
            assert_eq!(reassembler.insert(0, header(1, 5, 0, 0), &[]), Insertion::Kept);
            assert!(reassembler.pop().is_none() && !reassembler.has_partial());
        }
        assert_eq!(reassembler.insert(0, header(14, 0, 0, 0), &[]), Insertion::Kept);
        assert_eq!(reassembler.pop().unwrap().kind, HandshakeType::ServerHelloDone);
    }

    #[test]
    fn c02_memory_follows_the_bytes_and_has_a_cap() {
        let mut reassembler = Reassembler::default();
        for _ in 0..100_000 {
            assert_eq!(reassembler.insert(0, header(1, (1 << 24) - 1, 0, 0), &[1]), Insertion::Rejected);
        }
        for at in 0..100_000_u32 {
            let sequence = u16::try_from(at % 40).unwrap();
            reassembler.insert(0, header(1, 65_536, sequence, at * 37 % 65_536), &[1]);
            assert!(reassembler.total <= MAX_TOTAL);
        }
        let held: usize = reassembler.partial.values().map(|partial| partial.body.len()).sum();
        assert_eq!(held, reassembler.total);
        assert!(reassembler.partial.values().all(|partial| partial.pieces.len() <= MAX_PIECES));
    }

    #[test]
    fn what_is_protected_takes_the_place_of_what_is_not() {
        let mut reassembler = Reassembler::default();
        assert_eq!(reassembler.insert(0, header(8, 4, 0, 0), &[1, 2]), Insertion::Kept);
        assert_eq!(reassembler.insert(2, header(11, 3, 0, 0), &[3]), Insertion::Kept);
        assert_eq!(reassembler.insert(0, header(11, 3, 0, 1), &[4, 5]), Insertion::Rejected);
        assert_eq!(reassembler.insert(2, header(11, 3, 0, 1), &[6, 7]), Insertion::Kept);
        reassembler.retain_from(2);
        assert_eq!(reassembler.pop().unwrap().body[..], [3, 6, 7]);
        assert_eq!(reassembler.insert(0, header(8, 4, 1, 0), &[1, 2]), Insertion::Kept);
        reassembler.retain_from(2);
        assert_eq!((reassembler.has_partial(), reassembler.total), (false, 0));
    }

    #[test]
    fn c03_fragments_of_different_messages_never_mix() {
        let mut reassembler = Reassembler::default();
        assert_eq!(reassembler.insert(0, header(1, 4, 0, 0), &[1, 2]), Insertion::Kept);
        assert_eq!(reassembler.insert(0, header(2, 4, 0, 2), &[3, 4]), Insertion::Rejected);
        assert_eq!(reassembler.insert(0, header(1, 5, 0, 2), &[3, 4]), Insertion::Rejected);
        // An overlap does not change what is there.
        assert_eq!(reassembler.insert(0, header(1, 4, 0, 1), &[9, 3, 4]), Insertion::Kept);
        assert_eq!(reassembler.pop().unwrap().body[..], [1, 2, 3, 4]);
        assert_eq!(reassembler.insert(0, header(1, 4, 0, 0), &[1, 2]), Insertion::Old);
    }

    #[test]
    fn whole_messages_pass_in_their_order_only() {
        let mut reassembler = Reassembler::default();
        assert_eq!(reassembler.pass(0, header(1, 2, 1, 0), &[1, 2]), None);
        assert_eq!(reassembler.pass(0, header(1, 3, 0, 0), &[1, 2]), None);
        let message = reassembler.pass(0, header(1, 2, 0, 0), &[1, 2]).unwrap();
        assert_eq!((message.message_seq, &message.body[..]), (0, &[1, 2][..]));
        assert_eq!(reassembler.pass(0, header(1, 2, 0, 0), &[1, 2]), None);
        assert_eq!(reassembler.insert(0, header(1, 2, 0, 0), &[1, 2]), Insertion::Old);
        // The first to say what a byte is has said it.
        assert_eq!(reassembler.insert(0, header(1, 2, 1, 0), &[3]), Insertion::Kept);
        assert_eq!(reassembler.pass(0, header(1, 2, 1, 0), &[1, 2]), None);
        assert_eq!(reassembler.pass(0, header(14, 0, 1, 0), &[]), None);
        assert_eq!(reassembler.insert(0, header(1, 2, 1, 0), &[1, 2]), Insertion::Kept);
        assert_eq!(reassembler.pop().unwrap().body[..], [3, 2]);
        assert_eq!(reassembler.pass(0, header(14, 0, 2, 0), &[]).unwrap().body[..], []);
    }

    proptest! {
        #[test]
        fn any_order_and_overlap_gives_the_message_back(
            body in proptest::collection::vec(any::<u8>(), 1..400),
            cuts in proptest::collection::vec((0_usize..400, 1_usize..120), 0..40),
        ) {
            let mut reassembler = Reassembler::default();
            let length = u32::try_from(body.len()).unwrap();
            let whole = (0..body.len()).step_by(50).map(|at| (at, 50));
            for (start, len) in cuts.into_iter().filter(|cut| cut.0 < body.len()).chain(whole) {
                let end = (start + len).min(body.len());
                let offset = u32::try_from(start).unwrap();
                reassembler.insert(0, header(11, length, 0, offset), &body[start..end]);
            }
            let message = reassembler.pop().unwrap();
            prop_assert_eq!(message.body, body);
            prop_assert_eq!(reassembler.total, 0);
            prop_assert!(!reassembler.has_partial());
        }
    }
}
