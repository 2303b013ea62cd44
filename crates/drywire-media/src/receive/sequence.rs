use drywire_rtp::SequenceNumber;

/// A gap of this many sequence numbers or more is taken for a new beginning (RFC 3550, appendix A.1).
const MAX_DROPOUT: u16 = 3000;
/// A packet this many numbers back or more is not taken for a late one.
const MAX_MISORDER: u16 = 100;
const CYCLE: u64 = 1 << 16;

/// Counts what was expected and what was received of a stream (RFC 3550, appendices A.1 and A.3).
///
/// There is no probation: the packets are authentic.
#[derive(Clone, Copy, Debug)]
pub(super) struct SequenceTracker {
    /// The highest number received, extended by the count of cycles. It begins in cycle 1, so that late packets from
    /// before the first one have a number too.
    highest: u64,
    base: u64,
    received: u64,
    /// The number that would confirm a new beginning.
    restart: Option<SequenceNumber>,
    expected_before: u64,
    received_before: u64,
}

impl SequenceTracker {
    /// Starts at the first packet, which is not counted yet.
    pub(super) fn new(first: SequenceNumber) -> Self {
        let first = CYCLE + u64::from(first.0);
        Self {
            highest: first,
            base: first,
            received: 0,
            restart: None,
            expected_before: 0,
            received_before: 0,
        }
    }

    /// Counts a packet. Returns whether it is the newest one.
    pub(super) fn handle(&mut self, number: SequenceNumber) -> bool {
        let ahead = number.distance_from(self.last());
        if ahead < MAX_DROPOUT {
            self.highest += u64::from(ahead);
        } else if ahead.wrapping_neg() > MAX_MISORDER {
            if self.restart != Some(number) {
                // A single packet from far away changes nothing; if the next one follows it, the sender started anew.
                self.restart = Some(number.next());
                return false;
            }
            *self = Self::new(number);
        }
        self.received += 1;
        self.restart = None;
        number == self.last() && (ahead > 0 || self.received == 1)
    }

    fn last(&self) -> SequenceNumber {
        let [.., a, b] = self.highest.to_be_bytes();
        SequenceNumber(u16::from_be_bytes([a, b]))
    }

    /// The highest number received, with the count of cycles in the upper 16 bits.
    pub(super) fn highest(&self) -> u32 {
        let [.., a, b, c, d] = (self.highest - CYCLE).to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    const fn expected(&self) -> u64 {
        self.highest - self.base + 1
    }

    /// The packets lost since the beginning; negative when packets came more often than once.
    pub(super) fn lost(&self) -> i64 {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        signed(self.expected()) - signed(self.received)
    }

    /// The share of packets lost since the last call, in 1/256 (RFC 3550, appendix A.3).
    pub(super) fn take_fraction_lost(&mut self) -> u8 {
        let expected = self.expected().saturating_sub(self.expected_before);
        let received = self.received.saturating_sub(self.received_before);
        self.expected_before = self.expected();
        self.received_before = self.received;
        let lost = expected.saturating_sub(received);
        // 255 stands for everything, which cannot happen in a report: something was received.
        (lost << 8).checked_div(expected).map_or(0, |share| u8::try_from(share).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn tracker(numbers: &[u16]) -> SequenceTracker {
        let mut tracker = SequenceTracker::new(SequenceNumber(numbers[0]));
        for number in numbers {
            tracker.handle(SequenceNumber(*number));
        }
        tracker
    }

    #[test]
    fn losses_are_counted_across_the_wrap() {
        let mut tracker = tracker(&[65_533, 65_534, 1, 2]);
        assert_eq!(tracker.highest(), 0x0001_0002);
        assert_eq!(tracker.lost(), 2);
        assert_eq!(tracker.take_fraction_lost(), 85); // 2 of 6
        assert_eq!(tracker.take_fraction_lost(), 0);
        tracker.handle(SequenceNumber(4));
        assert_eq!(tracker.take_fraction_lost(), 128); // 1 of 2
    }

    #[test]
    fn late_packets_are_not_lost() {
        let mut tracker = tracker(&[10, 12]);
        assert_eq!(tracker.lost(), 1);
        assert!(!tracker.handle(SequenceNumber(11)));
        assert_eq!(tracker.lost(), 0);
        assert_eq!(tracker.highest(), 12);
    }

    #[test]
    fn duplicates_make_the_loss_negative_but_not_the_fraction() {
        let mut tracker = tracker(&[10, 10, 10]);
        assert_eq!(tracker.lost(), -2);
        assert_eq!(tracker.take_fraction_lost(), 0);
    }

    #[test]
    fn late_packets_from_before_the_first_are_tolerated() {
        let tracker = tracker(&[0, 65_535, 1]);
        assert_eq!(tracker.highest(), 1);
        assert_eq!(tracker.lost(), -1);
    }

    #[test]
    fn two_packets_in_a_row_begin_anew_one_does_not() {
        let mut tracker = tracker(&[10, 11]);
        assert!(!tracker.handle(SequenceNumber(30_000)));
        assert!(tracker.handle(SequenceNumber(12)));
        assert_eq!((tracker.highest(), tracker.lost()), (12, 0));
        assert!(!tracker.handle(SequenceNumber(30_000)));
        assert!(tracker.handle(SequenceNumber(30_001)));
        assert_eq!((tracker.highest(), tracker.lost()), (30_001, 0));
    }

    proptest! {
        /// With small gaps and late packets, the counts are those of a list of all extended numbers.
        #[test]
        fn counts_are_those_of_a_set(start in any::<u16>(), steps in vec((1_u64..50, 0_u64..90), 1..200)) {
            let mut tracker = SequenceTracker::new(SequenceNumber(start));
            let start = CYCLE + u64::from(start);
            let mut highest = start;
            let mut seen = BTreeSet::from([start]);
            let short = |number: u64| SequenceNumber(u16::try_from(number % CYCLE).unwrap());
            tracker.handle(short(start));
            for (ahead, late) in steps {
                highest += ahead;
                seen.insert(highest);
                prop_assert!(tracker.handle(short(highest)));
                let late = highest - late;
                if late > start && seen.insert(late) {
                    prop_assert!(!tracker.handle(short(late)));
                }
                prop_assert_eq!(u64::from(tracker.highest()), highest - CYCLE);
                let expected = i64::try_from(highest - start + 1).unwrap();
                prop_assert_eq!(tracker.lost(), expected - i64::try_from(seen.len()).unwrap());
            }
        }
    }
}
