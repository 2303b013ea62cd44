/// The highest index of an RTP packet: 32 bits of rollover counter and 16 of sequence number (RFC 3711, section 3.3.1).
pub(crate) const MAX_RTP_INDEX: u64 = (1 << 48) - 1;

/// Which of the last `64 * WORDS` packet indices were seen (RFC 3711, section 3.3.2).
///
/// The RFC asks for 64 at least. RTP gets 1,024: a packet that is sent again on the same SSRC after a loss comes late,
/// a round trip of a fast stream behind.
#[derive(Clone, Debug)]
pub(crate) struct ReplayWindow<const WORDS: usize> {
    highest: u64,
    /// A ring: the bit of index `i` is bit `i % (64 * WORDS)`.
    seen: [u64; WORDS],
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    /// Starts with one index, which is seen.
    pub(crate) fn new(first: u64) -> Self {
        let mut window = Self { highest: first, seen: [0; WORDS] };
        window.mark(first);
        window
    }

    const fn len() -> u64 {
        let mut len = 0;
        let mut word = 0;
        while word < WORDS {
            len += 64;
            word += 1;
        }
        len
    }

    /// The highest index seen.
    pub(crate) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `index` lies so far back that nothing is known about it.
    pub(crate) const fn is_past(&self, index: u64) -> bool {
        index < self.highest && self.highest - index >= Self::len()
    }

    /// Whether `index` is known not to have been seen.
    pub(crate) fn is_new(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        if self.is_past(index) {
            return false;
        }
        let (word, bit) = Self::place(index);
        self.seen.get(word).is_some_and(|seen| seen & bit == 0)
    }

    /// Marks `index` as seen, and moves the window up to it. Only to be called for what is authentic.
    pub(crate) fn mark(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= Self::len() {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.highest + 1..=index {
                    let (word, bit) = Self::place(skipped);
                    if let Some(seen) = self.seen.get_mut(word) {
                        *seen &= !bit;
                    }
                }
            }
            self.highest = index;
        } else if self.is_past(index) {
            return;
        }
        let (word, bit) = Self::place(index);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen |= bit;
        }
    }

    fn place(index: u64) -> (usize, u64) {
        let position = index % Self::len();
        (usize::try_from(position / 64).unwrap_or(0), 1 << (position % 64))
    }
}

/// The index of a packet with a rollover counter.
pub(crate) fn join_index(rollover_counter: u32, sequence_number: u16) -> u64 {
    u64::from(rollover_counter) << 16 | u64::from(sequence_number)
}

/// The rollover counter in an index.
pub(crate) const fn rollover_counter(index: u64) -> u32 {
    let [_, _, a, b, c, d, _, _] = index.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// The index of an RTP packet: its sequence number extended by the number of cycles, nearest to the `highest` index so
/// far (RFC 3711, section 3.3.1 and appendix A).
pub(crate) fn estimate_index(highest: u64, sequence_number: u16) -> u64 {
    let [.., a, b] = highest.to_be_bytes();
    let last = u16::from_be_bytes([a, b]);
    let ahead = sequence_number.wrapping_sub(last);
    if ahead < 0x8000 {
        return highest.saturating_add(u64::from(ahead));
    }
    let behind = u64::from(ahead.wrapping_neg());
    // Before the first cycle there is nothing: then the number can only be ahead.
    highest.checked_sub(behind).unwrap_or_else(|| highest.saturating_add(u64::from(ahead)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_index_is_new_once() {
        let mut window = ReplayWindow::<2>::new(1000);
        assert!(!window.is_new(1000) && window.is_new(999) && window.is_new(1001));
        window.mark(1127);
        assert!(!window.is_new(1000) && window.is_new(1001) && !window.is_past(1000));
        window.mark(1128);
        assert!(!window.is_new(1000) && window.is_past(1000));
        window.mark(5000);
        assert!(window.is_new(4999) && !window.is_new(4872) && window.is_new(4873));
    }

    #[test]
    fn the_nearest_index_is_taken() {
        assert_eq!(estimate_index(0xFFFF, 0), 0x1_0000);
        assert_eq!(estimate_index(0x1_0000, 0xFFFF), 0xFFFF);
        assert_eq!(estimate_index(0x1_0005, 0x8004), 0x1_8004);
        assert_eq!(estimate_index(0x1_0005, 0x8005), 0x8005);
        assert_eq!(estimate_index(5, 0xFFFF), 0xFFFF);
        assert_eq!(estimate_index(7, 7), 7);
    }

    proptest! {
        /// The window says what a set of all indices would say, within its length.
        #[test]
        fn the_window_is_a_set(start in 0_u64..1 << 48, steps in vec(-200_i64..200, 0..300)) {
            let mut window = ReplayWindow::<2>::new(start);
            let mut seen = BTreeSet::from([start]);
            let mut at = start;
            for step in steps {
                at = at.saturating_add_signed(step);
                let highest = *seen.last().unwrap();
                prop_assert_eq!(window.highest(), highest);
                let expected = !seen.contains(&at) && at + 128 > highest;
                prop_assert_eq!(window.is_new(at), expected);
                if expected {
                    window.mark(at);
                    seen.insert(at);
                }
            }
        }
    }
}
