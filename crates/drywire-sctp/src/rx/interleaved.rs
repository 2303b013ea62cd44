use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use drywire_core::Serial;

use super::OVERHEAD;
use super::passing::Passing;
use super::reassembly::{Assembled, Fragment, Inserted, Unusable};
use crate::packet::DataFlags;
use crate::{Ppid, StreamId};

/// Which message of the peer a fragment belongs to (RFC 8260, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    stream: u16,
    unordered: bool,
    mid: u32,
}

/// What is known of an incomplete message.
#[derive(Debug, Default)]
struct Partial {
    /// The fragment that came last; the others follow it.
    newest: Option<u32>,
    /// How many have come, whether they are still kept or not.
    count: u32,
    bytes: usize,
    /// What it is charged of the window.
    charged: usize,
    /// The number of the last fragment, once that has come.
    last: Option<u32>,
    ppid: Ppid,
    /// It is longer than allowed: what comes of it is only counted.
    too_long: bool,
}

/// A fragment that is kept.
#[derive(Debug)]
struct Kept {
    fsn: u32,
    data: Bytes,
    /// Its number among those that lie in a packet that is much larger, which they would keep in memory; zero is none.
    part: u64,
    /// The one that came before it, of the same message; or the next free place.
    next: Option<u32>,
}

/// The fragments of incomplete messages of a peer that interleaves them (RFC 8260). Which of them have arrived is known
/// by their number; they are put in order when the message is complete, and until then none is looked for.
#[derive(Debug)]
pub(crate) struct Interleaved {
    messages: BTreeMap<Key, Partial>,
    kept: Vec<Kept>,
    /// The numbers and places of fragments that may keep a much larger packet in memory; those whose message is complete by
    /// now are gone from their places.
    parts: VecDeque<(u64, u32)>,
    /// The last of these numbers.
    part: u64,
    free: Option<u32>,
    /// The fragments of the message that is put together: number and place.
    order: Vec<(u32, u32)>,
    /// Of streams on which the peer has given up unordered messages: the last one.
    skipped: BTreeMap<u16, Serial<u32>>,
    /// Messages that are read while they come: on each stream, one at most.
    passing: Passing,
    /// What all are charged.
    charged: usize,
    max_message_size: usize,
}

/// An entry that is always there, of a stream that cannot exist: without it the tree would be allocated for each message.
const ANCHOR: Key = Key { stream: u16::MAX, unordered: true, mid: u32::MAX };

/// How many fragments may keep a much larger packet in memory. In most cases their messages are complete soon, and they
/// were not copied in vain.
const PARTS: usize = 256;

impl Interleaved {
    pub(crate) fn new(max_message_size: usize) -> Self {
        Self {
            messages: BTreeMap::from([(ANCHOR, Partial::default())]),
            kept: Vec::new(),
            parts: VecDeque::new(),
            part: 0,
            free: None,
            order: Vec::new(),
            skipped: BTreeMap::new(),
            passing: Passing::default(),
            charged: 0,
            max_message_size,
        }
    }

    /// Whether the peer has said that nothing more comes of this unordered message.
    pub(crate) fn is_skipped(&self, stream: StreamId, mid: u32) -> bool {
        self.skipped.get(&stream.0).is_some_and(|last| Serial(mid) <= *last)
    }

    /// What all incomplete messages are charged.
    pub(crate) const fn charged(&self) -> usize {
        self.charged + self.passing.charged()
    }

    /// Takes a fragment, whose TSN has not arrived before, of a message that is still waited for.
    pub(crate) fn insert(&mut self, fsn: u32, fragment: Fragment) -> Inserted {
        let Fragment { flags, stream, mid, ppid, data, part, endless } = fragment;
        let key = Key { stream: stream.0, unordered: flags.is_unordered(), mid };
        if key == ANCHOR {
            return Inserted::Refused;
        }
        let partial = self.messages.entry(key).or_default();
        partial.count = partial.count.saturating_add(1);
        partial.bytes = partial.bytes.saturating_add(data.len());
        if flags.is_beginning() {
            partial.ppid = ppid;
        }
        if flags.is_ending() {
            partial.last = Some(fsn);
        }
        self.charged -= partial.charged;
        if partial.bytes > self.max_message_size && !endless {
            // Too long (RFC 8841, section 6): what it holds is let go, and what belongs to it later.
            release(&mut self.kept, &mut self.free, partial.newest.take());
            partial.too_long = true;
            partial.charged = OVERHEAD;
        } else {
            partial.charged += data.len() + OVERHEAD;
            self.part += u64::from(part);
            let number = if part { self.part } else { 0 };
            let fragment = Kept { fsn, data, part: number, next: partial.newest };
            partial.newest = Some(keep(&mut self.kept, &mut self.free, fragment));
        }
        self.charged += partial.charged;
        if partial.last.is_some_and(|last| partial.count > last) {
            return Inserted::Completes(self.assemble(key));
        }
        if part && let Some(newest) = partial.newest {
            self.parts.push_back((self.part, newest));
            if self.parts.len() > PARTS
                && let Some((number, place)) = self.parts.pop_front()
                && let Some(before) = self.kept.get_mut(count(place))
                && before.part == number
            {
                before.part = 0;
                before.data = Bytes::copy_from_slice(&before.data);
            }
        }
        Inserted::Waits
    }

    /// The ordered message whose turn it is, is read from now on as it comes; what is here of it, at once.
    pub(crate) fn read_front(&mut self, stream: StreamId, mid: u32) {
        let key = Key { stream: stream.0, unordered: false, mid };
        let Some(partial) = self.messages.get(&key) else { return };
        if partial.too_long {
            return;
        }
        let (last, ppid) = (partial.last, partial.ppid);
        let mut next = partial.newest;
        while let Some(place) = next
            && let Some(kept) = self.kept.get(count(place))
        {
            next = kept.next;
            let begins = if kept.fsn == 0 { DataFlags::BEGINNING } else { 0 };
            let ends = if last == Some(kept.fsn) { DataFlags::ENDING } else { 0 };
            let (flags, data, part) = (DataFlags(begins | ends), kept.data.clone(), kept.part != 0);
            self.passing.take(kept.fsn, Fragment { flags, stream, mid, ppid, data, part, endless: true });
        }
        self.take(key);
    }

    /// Takes a fragment of the ordered message whose turn it is, which is read as it comes.
    pub(crate) fn pass(&mut self, fsn: u32, fragment: Fragment) -> Inserted {
        let key = Key { stream: fragment.stream.0, unordered: false, mid: fragment.mid };
        self.read_front(fragment.stream, fragment.mid);
        // It was too long already when it was not read like this yet.
        if self.messages.contains_key(&key) {
            return self.insert(fsn, fragment);
        }
        self.passing.take(fsn, fragment);
        Inserted::Waits
    }

    /// Whether this is the message of `stream` that is read as it comes.
    pub(crate) fn is_passing(&self, stream: StreamId, mid: u32) -> bool {
        self.passing.is(stream, mid)
    }

    /// What is to be read of messages that are read in parts.
    pub(crate) fn parts(&mut self) -> &mut Vec<Fragment> {
        self.passing.parts()
    }

    /// The messages of this kind on `stream` up to `mid` are over.
    pub(crate) fn skip(&mut self, stream: StreamId, unordered: bool, mid: u32) {
        if unordered {
            let last = self.skipped.entry(stream.0).or_insert(Serial(mid));
            if Serial(mid) > *last {
                *last = Serial(mid);
            }
        } else {
            self.passing.skip(stream, mid);
        }
        // What is not later by serial-number arithmetic; the numbers may wrap around within.
        let first = mid.wrapping_sub(0x7fff_ffff);
        if first <= mid {
            self.remove(stream, unordered, first..=mid);
        } else {
            self.remove(stream, unordered, first..=u32::MAX);
            self.remove(stream, unordered, 0..=mid);
        }
    }

    /// The stream begins anew.
    pub(crate) fn reset(&mut self, stream: StreamId) {
        self.skipped.remove(&stream.0);
        self.passing.reset(stream);
        self.remove(stream, false, 0..=u32::MAX);
        self.remove(stream, true, 0..=u32::MAX);
    }

    /// Lets go of everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.max_message_size);
    }

    fn remove(&mut self, stream: StreamId, unordered: bool, mids: RangeInclusive<u32>) {
        let key = |mid| Key { stream: stream.0, unordered, mid };
        let range = key(*mids.start())..=key(*mids.end());
        while let Some(found) = self.messages.range(range.clone()).next().map(|(key, _)| *key)
            && found != ANCHOR
        {
            self.take(found);
        }
    }

    /// Takes a message out and lets go of its fragments.
    fn take(&mut self, key: Key) -> Partial {
        let partial = self.messages.remove(&key).unwrap_or_default();
        self.charged -= partial.charged;
        release(&mut self.kept, &mut self.free, partial.newest);
        partial
    }

    /// Takes a message out, of which as many fragments have come as it has, and puts it together: its one copy.
    fn assemble(&mut self, key: Key) -> Assembled {
        let data = match self.messages.get(&key) {
            Some(partial) if partial.too_long => Err(Unusable::TooLong),
            Some(partial) => join(&self.kept, &mut self.order, partial),
            None => Err(Unusable::Broken),
        };
        let partial = self.take(key);
        Assembled {
            stream: StreamId(key.stream),
            mid: key.mid,
            ppid: partial.ppid,
            unordered: key.unordered,
            data,
        }
    }
}

/// Puts the fragments of a message together; `order` is memory for it.
fn join(kept: &[Kept], order: &mut Vec<(u32, u32)>, partial: &Partial) -> Result<Bytes, Unusable> {
    order.clear();
    let mut next = partial.newest;
    while let Some(place) = next
        && let Some(fragment) = kept.get(count(place))
    {
        order.push((fragment.fsn, place));
        next = fragment.next;
    }
    // Newest first, and the newest is nearly always the last one.
    order.reverse();
    order.sort_unstable();
    let mut data = BytesMut::with_capacity(partial.bytes);
    for (expected, (fsn, place)) in (0..).zip(&*order) {
        let fragment = kept.get(count(*place)).filter(|_| *fsn == expected).ok_or(Unusable::Broken)?;
        data.extend_from_slice(&fragment.data);
    }
    Ok(data.freeze())
}

/// Keeps a fragment.
fn keep(kept: &mut Vec<Kept>, free: &mut Option<u32>, fragment: Kept) -> u32 {
    if let Some(place) = *free
        && let Some(slot) = kept.get_mut(count(place))
    {
        *free = std::mem::replace(slot, fragment).next;
        return place;
    }
    let place = u32::try_from(kept.len()).unwrap_or(u32::MAX);
    kept.push(fragment);
    place
}

/// Lets go of the fragments of a message.
fn release(kept: &mut [Kept], free: &mut Option<u32>, newest: Option<u32>) {
    let mut next = newest;
    while let Some(place) = next
        && let Some(fragment) = kept.get_mut(count(place))
    {
        (fragment.data, fragment.part) = (Bytes::new(), 0);
        next = std::mem::replace(&mut fragment.next, *free);
        *free = Some(place);
    }
}

fn count(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fragment(stream: u16, unordered: bool, mid: u32, fsn: u32, of: u32) -> (u32, Fragment) {
        let begin = if fsn == 0 { DataFlags::BEGINNING } else { 0 };
        let end = if fsn + 1 == of { DataFlags::ENDING } else { 0 };
        let unordered = if unordered { DataFlags::UNORDERED } else { 0 };
        let fragment = Fragment {
            flags: DataFlags(begin | end | unordered),
            stream: StreamId(stream),
            mid,
            ppid: Ppid(if fsn == 0 { 53 } else { 0 }),
            data: Bytes::from(vec![u8::try_from(fsn).unwrap(); count(fsn) + 1]),
            part: false,
            endless: false,
        };
        (fsn, fragment)
    }

    fn insert(interleaved: &mut Interleaved, (fsn, fragment): (u32, Fragment)) -> Option<Assembled> {
        match interleaved.insert(fsn, fragment) {
            Inserted::Completes(message) => Some(message),
            Inserted::Waits => None,
            Inserted::Refused => panic!("refused"),
        }
    }

    proptest! {
        #[test]
        fn every_order_completes_every_message(
            first: u32,
            messages in proptest::collection::vec((0_u16..3, any::<bool>(), 2_u32..8), 1..20),
            shuffle: u64,
        ) {
            let mut all = Vec::new();
            for ((stream, unordered, length), mid) in messages.iter().zip(0..) {
                for fsn in 0..*length {
                    all.push(fragment(*stream, *unordered, first.wrapping_add(mid), fsn, *length));
                }
            }
            let key = |at: &(u32, Fragment)| u64::from(at.0 * 64 + at.1.mid.wrapping_sub(first)) + 7;
            all.sort_by_key(|at| key(at).wrapping_mul(shuffle | 1).rotate_left(17));
            let mut interleaved = Interleaved::new(1000);
            let mut complete = Vec::new();
            for at in all {
                if let Some(message) = insert(&mut interleaved, at) {
                    let index = message.mid.wrapping_sub(first);
                    let (stream, unordered, length) = messages[count(index)];
                    let expected: Vec<u8> =
                        (0..length).flat_map(|n| vec![u8::try_from(n).unwrap(); count(n) + 1]).collect();
                    prop_assert_eq!(message.data.unwrap(), expected);
                    prop_assert_eq!((message.stream.0, message.unordered, message.ppid), (stream, unordered, Ppid(53)));
                    complete.push(index);
                }
            }
            complete.sort_unstable();
            complete.dedup();
            prop_assert_eq!(complete.len(), messages.len());
            prop_assert_eq!((interleaved.charged(), interleaved.messages.len()), (0, 1));
            // Every place is free again.
            let mut free = 0;
            while let Some(at) = interleaved.free {
                interleaved.free = interleaved.kept[count(at)].next;
                free += 1;
            }
            prop_assert_eq!(free, interleaved.kept.len());
        }
    }

    #[test]
    fn e11_a_message_that_is_too_long_costs_next_to_nothing() {
        let mut interleaved = Interleaved::new(8);
        for fsn in 0..5 {
            assert!(insert(&mut interleaved, fragment(1, false, 7, fsn, 6)).is_none());
            let bytes = [1, 1 + 2, 1 + 2 + 3, 0, 0][count(fsn)];
            let fragments = [1, 2, 3, 1, 1][count(fsn)];
            assert_eq!(interleaved.charged(), bytes + fragments * OVERHEAD);
        }
        let message = insert(&mut interleaved, fragment(1, false, 7, 5, 6)).unwrap();
        assert_eq!(message.data, Err(Unusable::TooLong));
        assert_eq!(interleaved.charged(), 0);
    }

    #[test]
    fn e06_fragments_that_contradict_one_another_are_let_go() {
        let mut interleaved = Interleaved::new(1000);
        assert!(insert(&mut interleaved, fragment(1, false, 7, 1, 9)).is_none());
        assert!(insert(&mut interleaved, fragment(1, false, 7, 1, 9)).is_none());
        let message = insert(&mut interleaved, fragment(1, false, 7, 2, 3)).unwrap();
        assert_eq!(message.data, Err(Unusable::Broken));
        assert_eq!(interleaved.charged(), 0);
    }

    #[test]
    fn what_is_given_up_is_let_go_across_the_wrap() {
        let mut interleaved = Interleaved::new(1000);
        for mid in [u32::MAX - 1, u32::MAX, 0, 1] {
            for unordered in [false, true] {
                assert!(insert(&mut interleaved, fragment(1, unordered, mid, 0, 2)).is_none());
                assert!(insert(&mut interleaved, fragment(2, unordered, mid, 0, 2)).is_none());
            }
        }
        let each = 1 + OVERHEAD;
        assert_eq!(interleaved.charged(), 16 * each);
        interleaved.skip(StreamId(1), true, 0);
        assert_eq!(interleaved.charged(), 13 * each);
        assert!(interleaved.is_skipped(StreamId(1), u32::MAX) && interleaved.is_skipped(StreamId(1), 0));
        assert!(!interleaved.is_skipped(StreamId(1), 1) && !interleaved.is_skipped(StreamId(2), 0));
        interleaved.skip(StreamId(2), false, 1);
        assert_eq!(interleaved.charged(), 9 * each);
        interleaved.reset(StreamId(1));
        assert_eq!(interleaved.charged(), 4 * each);
        assert!(!interleaved.is_skipped(StreamId(1), 0));
        interleaved.clear();
        assert_eq!(interleaved.charged(), 0);
    }

    #[test]
    fn few_fragments_keep_a_larger_packet() {
        let packet = Bytes::from(vec![7; 1_000]);
        let mut interleaved = Interleaved::new(1000);
        for mid in 0..1_000 {
            let (fsn, waits) = fragment(1, false, mid, 0, 2);
            let waits = Fragment { data: packet.slice(..3), part: true, ..waits };
            assert!(matches!(interleaved.insert(fsn, waits), Inserted::Waits));
        }
        let within = packet.as_ptr_range();
        let kept = interleaved.kept.iter().filter(|kept| within.contains(&kept.data.as_ptr())).count();
        assert_eq!(kept, PARTS);
        assert!(interleaved.kept.iter().all(|kept| kept.data == [7; 3][..]));
    }
}
