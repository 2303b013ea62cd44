use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use drywire_core::Serial;

use super::OVERHEAD;
use crate::packet::DataFlags;
use crate::{Ppid, StreamId};

/// How many TSNs the store may span.
const MAX_SPAN: u32 = 65_536;

/// One fragment of a message in several DATA chunks.
#[derive(Debug)]
pub(crate) struct Fragment {
    pub(crate) flags: DataFlags,
    pub(crate) stream: StreamId,
    /// The message identifier; or the stream sequence number where there are none.
    pub(crate) mid: u32,
    pub(crate) ppid: Ppid,
    pub(crate) data: Bytes,
    /// Whether it lies in a packet that is much larger, which it would keep in memory.
    pub(crate) part: bool,
    /// Whether its message may be of any length, because it is read in parts.
    pub(crate) endless: bool,
}

impl Fragment {
    /// The same, for the application: it does not keep a larger packet.
    pub(crate) fn detach(mut self) -> Self {
        if std::mem::take(&mut self.part) {
            self.data = Bytes::copy_from_slice(&self.data);
        }
        self
    }
}

#[derive(Debug)]
struct Stored {
    fragment: Fragment,
    /// In the first and last fragment of a run: how many fragments it has.
    run: u32,
    /// In the first and last fragment of a run: how many bytes it has.
    bytes: usize,
}

/// What became of a fragment.
#[derive(Debug)]
pub(crate) enum Inserted {
    /// It waits for others.
    Waits,
    /// It completes a message.
    Completes(Assembled),
    /// There is no room for it.
    Refused,
}

/// A message that was put together.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) stream: StreamId,
    /// The message identifier; or the stream sequence number where there are none.
    pub(crate) mid: u32,
    pub(crate) ppid: Ppid,
    pub(crate) unordered: bool,
    pub(crate) data: Result<Bytes, Unusable>,
}

/// Why a message that is complete is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is longer than allowed.
    TooLong,
    /// Its fragments do not follow one another.
    Broken,
}

/// The fragments of incomplete messages, in order of their TSNs. The fragments of a message have consecutive TSNs
/// (RFC 9260, section 6.9), so neighbours form runs; a run knows its length at both ends, and each arrival costs the same.
#[derive(Debug)]
pub(crate) struct Reassembly {
    /// The TSN of the first slot.
    base: Serial<u32>,
    slots: VecDeque<Option<Stored>>,
    /// What all fragments are charged of the window.
    charged: usize,
    /// The one fragment that may keep a much larger packet in memory. In most cases its message is complete before there is
    /// a second one, and it was not copied in vain.
    part: Option<Serial<u32>>,
    /// A message that is not kept, and of which all has come so far.
    passing: Option<Passing>,
    /// What is to be read of a message that is read in parts.
    parts: Vec<Fragment>,
    max_message_size: usize,
}

/// A message that does not wait for its end.
#[derive(Debug)]
struct Passing {
    /// The TSN of its next fragment.
    next: Serial<u32>,
    /// Its latest one, without the data.
    latest: Fragment,
    fate: Fate,
}

/// What becomes of fragments that are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// They are let go: the message is too long, or can never be complete.
    Dropped,
    /// They are read.
    Read,
}

impl Reassembly {
    pub(crate) const fn new(max_message_size: usize) -> Self {
        Self {
            base: Serial(0),
            slots: VecDeque::new(),
            charged: 0,
            part: None,
            passing: None,
            parts: Vec::new(),
            max_message_size,
        }
    }

    /// Takes the fragment with the TSN `tsn`, which has not arrived before.
    pub(crate) fn insert(&mut self, tsn: Serial<u32>, fragment: Fragment) -> Inserted {
        if let Some(passing) = self.passing.take_if(|passing| passing.next == tsn)
            && continues(&passing.latest, &fragment)
        {
            return self.pass(tsn, fragment, passing.fate);
        }
        let Some(at) = self.make_slot(tsn) else { return Inserted::Refused };
        let left = at
            .checked_sub(1)
            .and_then(|at| self.slot(at))
            .filter(|left| continues(&left.fragment, &fragment));
        let right = self.slot(at + 1).filter(|right| continues(&fragment, &right.fragment));
        let length = |stored: Option<&Stored>| stored.map_or((0, 0), |stored| (stored.run, stored.bytes));
        let ((left_run, left_bytes), (right_run, right_bytes)) = (length(left), length(right));
        let run = left_run + 1 + right_run;
        let size = fragment.data.len();
        let mut bytes = left_bytes.saturating_add(size).saturating_add(right_bytes);
        self.charged += size + OVERHEAD;

        let first = at.saturating_sub(count(left_run));
        let last = at + count(right_run);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(Stored { fragment, run, bytes });
        }
        let endless = self.slot(at).is_some_and(|stored| stored.fragment.endless);
        if bytes > self.max_message_size && !endless {
            // Too long (RFC 8841, section 6): what it holds is let go, and what belongs to it later.
            // What was too long already holds nothing.
            let from = if left_bytes == usize::MAX { at } else { first };
            let until = if right_bytes == usize::MAX { at } else { last };
            for stored in self.slots.range_mut(from..=until).flatten() {
                self.charged -= std::mem::take(&mut stored.fragment.data).len();
            }
            bytes = usize::MAX;
        }
        for end in [first, last] {
            if let Some(Some(stored)) = self.slots.get_mut(end) {
                (stored.run, stored.bytes) = (run, bytes);
            }
        }
        let begins = self.slot(first).is_some_and(|stored| stored.fragment.flags.is_beginning());
        let ends = self.slot(last).is_some_and(|stored| stored.fragment.flags.is_ending());
        if begins
            && ends
            && let Some(assembled) = self.assemble(first, last, bytes)
        {
            return Inserted::Completes(assembled);
        }
        if self.slot(at).is_some_and(|stored| stored.fragment.part)
            && let Some(before) = self.part.replace(tsn)
        {
            self.copy(before);
        }
        Inserted::Waits
    }

    /// Another fragment of the message that is not kept, whose TSN is `tsn`, and what has come behind it.
    fn pass(&mut self, tsn: Serial<u32>, fragment: Fragment, fate: Fate) -> Inserted {
        let (mut next, mut latest) = (tsn.next(), self.dispose(fragment, fate));
        if self.base == next
            && let Some(run) =
                self.slot(0).filter(|stored| continues(&latest, &stored.fragment)).map(|stored| stored.run)
        {
            latest = self.drop_run(run, fate).unwrap_or(latest);
            next = next.add(run);
        }
        if !latest.flags.is_ending() {
            self.passing = Some(Passing { next, latest, fate });
        } else if fate == Fate::Dropped {
            return Inserted::Completes(Assembled {
                stream: latest.stream,
                mid: latest.mid,
                ppid: latest.ppid,
                unordered: latest.flags.is_unordered(),
                data: Err(Unusable::TooLong),
            });
        }
        Inserted::Waits
    }

    /// Gives a fragment to its reader, or lets it go. Returns it without its data.
    fn dispose(&mut self, fragment: Fragment, fate: Fate) -> Fragment {
        let Fragment { flags, stream, mid, ppid, endless, .. } = fragment;
        if fate == Fate::Read {
            self.parts.push(fragment.detach());
        }
        Fragment { flags, stream, mid, ppid, data: Bytes::new(), part: false, endless }
    }

    /// Takes so many fragments at the front away. Returns the last of them, without its data.
    fn drop_run(&mut self, run: u32, fate: Fate) -> Option<Fragment> {
        let mut latest = None;
        for _ in 0..run {
            if let Some(stored) = self.slots.pop_front().flatten() {
                self.charged -= stored.fragment.data.len() + OVERHEAD;
                latest = Some(self.dispose(stored.fragment, fate));
            }
        }
        self.base = self.base.add(run);
        self.trim();
        latest
    }

    /// The message at the front is read from now on as it comes, if `is_due` says so of its stream and identifier, and if it
    /// is here from its beginning on: all up to `cumulative` has come.
    pub(crate) fn read_front(&mut self, cumulative: Serial<u32>, is_due: impl FnOnce(StreamId, u32) -> bool) {
        if let Some(first) = self.slot(0)
            && first.fragment.flags.is_beginning()
            && !first.fragment.flags.is_unordered()
            && first.bytes != usize::MAX
            && self.base.add(first.run).sub(1) == cumulative
            && is_due(first.fragment.stream, first.fragment.mid)
        {
            self.pass_front(cumulative, Fate::Read);
        }
    }

    /// The message at the front, of which all up to `cumulative` has come, is not kept any longer.
    fn pass_front(&mut self, cumulative: Serial<u32>, fate: Fate) {
        let Some(run) = self.slot(0).map(|first| first.run) else { return };
        let latest = self.drop_run(run, fate);
        self.passing = latest.map(|latest| Passing { next: cumulative.next(), latest, fate });
    }

    /// What is to be read of messages that are read in parts.
    pub(crate) fn parts(&mut self) -> &mut Vec<Fragment> {
        &mut self.parts
    }

    /// Copies a fragment, if it is still there, so that it does not keep its packet.
    fn copy(&mut self, tsn: Serial<u32>) {
        let at = count(tsn.distance_from(self.base));
        if let Some(Some(Stored { fragment, .. })) = self.slots.get_mut(at)
            && std::mem::take(&mut fragment.part)
        {
            fragment.data = Bytes::copy_from_slice(&fragment.data);
        }
    }

    /// What all fragments are charged.
    pub(crate) const fn charged(&self) -> usize {
        self.charged
    }

    /// Lets go of what can never be completed, because the TSN before it or behind it has arrived, or was given up, and does not
    /// belong to it.
    pub(crate) fn drop_stale(&mut self, cumulative: Serial<u32>) {
        // A message that is too long, and all here so far, must not take a place for each of its fragments: there may be more
        // of them than places.
        if let Some(first) = self.slot(0)
            && first.bytes == usize::MAX
            && first.fragment.flags.is_beginning()
            && self.base.add(first.run).sub(1) == cumulative
        {
            self.pass_front(cumulative, Fate::Dropped);
        }
        while let Some(first) = self.slot(0)
            && (self.base.add(first.run) <= cumulative
                || !first.fragment.flags.is_beginning() && self.base.sub(1) <= cumulative)
        {
            let run = first.run;
            self.drop_run(run, Fate::Dropped);
        }
    }

    /// Lets go of what lies at `tsn` or before it, of which nothing more comes, and of what goes on behind `tsn` with such
    /// a message.
    pub(crate) fn drop_until(&mut self, tsn: Serial<u32>) {
        self.passing.take_if(|passing| passing.next <= tsn);
        let mut cut = !self.slots.is_empty() && self.base <= tsn.next();
        while cut {
            let first = self.slots.front().and_then(Option::as_ref);
            let continues = first.is_some_and(|stored| !stored.fragment.flags.is_beginning());
            cut = !self.slots.is_empty() && (self.base <= tsn || continues);
            if cut {
                if let Some(stored) = self.slots.pop_front().flatten() {
                    self.charged -= stored.fragment.data.len() + OVERHEAD;
                }
                self.base = self.base.next();
            }
        }
        self.trim();
    }

    /// Lets go of everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.max_message_size);
    }

    /// The index of the slot for `tsn`, made if there was none.
    fn make_slot(&mut self, tsn: Serial<u32>) -> Option<usize> {
        if self.slots.is_empty() {
            self.base = tsn;
        }
        let behind = self.base.distance_from(tsn);
        if behind != 0 && behind < 0x8000_0000 {
            if behind + count_u32(self.slots.len()) > MAX_SPAN {
                return None;
            }
            for _ in 0..behind {
                self.slots.push_front(None);
            }
            self.base = tsn;
        }
        let ahead = tsn.distance_from(self.base);
        if ahead >= MAX_SPAN {
            return None;
        }
        let at = count(ahead);
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        Some(at)
    }

    fn slot(&self, at: usize) -> Option<&Stored> {
        self.slots.get(at)?.as_ref()
    }

    /// Takes the run from `first` to `last` out and puts it together: the one copy of a fragmented message.
    fn assemble(&mut self, first: usize, last: usize, bytes: usize) -> Option<Assembled> {
        let too_long = bytes == usize::MAX;
        let mut data = BytesMut::with_capacity(if too_long { 0 } else { bytes });
        let mut head = None;
        for slot in self.slots.range_mut(first..=last) {
            if let Some(stored) = slot.take() {
                data.extend_from_slice(&stored.fragment.data);
                self.charged -= stored.fragment.data.len() + OVERHEAD;
                let fragment = stored.fragment;
                head = head.or(Some((fragment.stream, fragment.mid, fragment.ppid, fragment.flags)));
            }
        }
        self.trim();
        // The payload protocol identifier of the first fragment counts.
        let (stream, mid, ppid, flags) = head?;
        Some(Assembled {
            stream,
            mid,
            ppid,
            unordered: flags.is_unordered(),
            data: if too_long { Err(Unusable::TooLong) } else { Ok(data.freeze()) },
        })
    }

    /// Drops empty slots at both ends.
    fn trim(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.base = self.base.next();
        }
        while let Some(None) = self.slots.back() {
            self.slots.pop_back();
        }
    }
}

/// Whether `second`, whose TSN is the next one, goes on with the message of `first`.
fn continues(first: &Fragment, second: &Fragment) -> bool {
    !first.flags.is_ending()
        && !second.flags.is_beginning()
        && first.stream == second.stream
        && first.flags.is_unordered() == second.flags.is_unordered()
        && (first.flags.is_unordered() || first.mid == second.mid)
}

fn count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn count_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fragment(index: usize, of: usize, stream: u16) -> Fragment {
        let begin = if index == 0 { DataFlags::BEGINNING } else { 0 };
        let end = if index + 1 == of { DataFlags::ENDING } else { 0 };
        Fragment {
            flags: DataFlags(begin | end),
            stream: StreamId(stream),
            mid: 9,
            ppid: Ppid(53),
            data: Bytes::from(vec![u8::try_from(index).unwrap(); index + 1]),
            part: false,
            endless: false,
        }
    }

    proptest! {
        #[test]
        fn every_order_completes_every_message(
            start: u32,
            lengths in proptest::collection::vec(2_usize..8, 1..8),
            shuffle: u64,
        ) {
            let mut all = Vec::new();
            let mut tsn = Serial(start);
            for (stream, length) in lengths.iter().enumerate() {
                for index in 0..*length {
                    all.push((tsn, index, *length, u16::try_from(stream).unwrap()));
                    tsn = tsn.next();
                }
            }
            all.sort_by_key(|(tsn, ..)| (u64::from(tsn.0) + 7).wrapping_mul(shuffle | 1).rotate_left(17));
            let mut reassembly = Reassembly::new(1000);
            let mut complete = Vec::new();
            for (tsn, index, of, stream) in all {
                match reassembly.insert(tsn, fragment(index, of, stream)) {
                    Inserted::Completes(message) => {
                        let expected: Vec<u8> =
                            (0..of).flat_map(|n| vec![u8::try_from(n).unwrap(); n + 1]).collect();
                        prop_assert_eq!(message.data.unwrap(), expected);
                        complete.push(message.stream.0);
                    }
                    Inserted::Waits => (),
                    Inserted::Refused => prop_assert!(false),
                }
            }
            complete.sort_unstable();
            prop_assert_eq!(complete.len(), lengths.len());
            complete.dedup();
            prop_assert_eq!(complete.len(), lengths.len());
            prop_assert!(reassembly.slots.is_empty());
            prop_assert_eq!(reassembly.charged(), 0);
        }
    }

    #[test]
    fn e11_a_message_that_is_too_long_is_dropped_and_later_ones_are_not() {
        let mut reassembly = Reassembly::new(8);
        for index in 0..6 {
            match reassembly.insert(Serial(5 + u32::try_from(index).unwrap()), fragment(index, 6, 1)) {
                Inserted::Waits => {
                    let bytes = [1, 1 + 2, 1 + 2 + 3, 0, 0][index];
                    assert_eq!(reassembly.charged(), bytes + (index + 1) * OVERHEAD);
                }
                Inserted::Completes(message) => {
                    assert_eq!((index, message.data), (5, Err(Unusable::TooLong)));
                }
                Inserted::Refused => panic!(),
            }
        }
        assert_eq!(reassembly.charged(), 0);
        assert!(matches!(reassembly.insert(Serial(11), fragment(0, 2, 1)), Inserted::Waits));
        assert!(matches!(reassembly.insert(Serial(12), fragment(1, 2, 1)), Inserted::Completes(_)));
    }

    #[test]
    fn what_can_never_be_complete_goes() {
        let mut reassembly = Reassembly::new(1000);
        let _ = reassembly.insert(Serial(0), fragment(0, 2, 1));
        let far = Serial(5_000);
        let _ = reassembly.insert(far, fragment(0, 2, 1));
        reassembly.drop_stale(Serial(0));
        assert_eq!(reassembly.charged(), 2 * (1 + OVERHEAD), "the second half may come");
        reassembly.drop_stale(Serial(1));
        assert_eq!(reassembly.charged(), 1 + OVERHEAD, "something else came in its place");
        assert_eq!(reassembly.base, far);
    }

    #[test]
    fn one_fragment_at_most_keeps_a_larger_packet() {
        let packet = Bytes::from(vec![7; 1_000]);
        let mut reassembly = Reassembly::new(1000);
        for n in 0..10 {
            let begins = Fragment { data: packet.slice(..3), part: true, ..fragment(0, 2, 1) };
            assert!(matches!(reassembly.insert(Serial(n * 2), begins), Inserted::Waits));
        }
        let within = packet.as_ptr_range();
        let waiting = reassembly.slots.iter().flatten();
        let kept = waiting.filter(|stored| within.contains(&stored.fragment.data.as_ptr())).count();
        assert_eq!(kept, 1);
        assert!(reassembly.slots.iter().flatten().all(|stored| stored.fragment.data == [7; 3][..]));
    }
}
