use std::collections::VecDeque;

/// How many bytes of the user's messages wait, of what the association says waits on a stream.
///
/// The association counts every byte: also the announcement of the channel, and the one byte that stands for an empty
/// message. W3C's `bufferedAmount` counts the user's bytes only. Messages leave a stream's buffer in the order in
/// which they were written, so that it is enough to know where the other bytes lie.
#[derive(Debug, Default)]
pub(crate) struct Buffered {
    /// User bytes that the association has not taken yet.
    pub(crate) outbox: usize,
    /// Bytes given to the association since nothing waited.
    written: u64,
    /// Of these, the ones that are not the user's.
    overhead: u64,
    marks: Option<Box<Marks>>,
    /// The threshold of the low event, in user bytes: 32 bits of it, as in W3C's `bufferedAmountLowThreshold`.
    threshold: u32,
    /// The amount was above the threshold since the last low event.
    above: bool,
}

/// Messages that are not the user's, or not all of them: where they end in what was written, and how much of what was
/// written up to there is overhead.
#[derive(Debug, Default)]
struct Marks(VecDeque<(u64, u64)>);

impl Buffered {
    /// Notes a message that the association took; `waiting` is what it says that waits now.
    pub(crate) fn wrote(&mut self, len: usize, user_bytes: usize, waiting: usize) {
        self.rest(waiting.saturating_sub(len));
        self.written += to_u64(len);
        if let Some(other) = len.checked_sub(user_bytes).filter(|other| *other > 0) {
            self.overhead += to_u64(other);
            self.marks.get_or_insert_default().0.push_back((self.written, self.overhead));
        }
        let done = self.written.saturating_sub(to_u64(waiting));
        if let Some(marks) = &mut self.marks {
            // The last mark that is done stays: it tells how much of what is done was overhead.
            while marks.0.get(1).is_some_and(|(end, _)| *end <= done) {
                marks.0.pop_front();
            }
        }
        self.note(waiting);
    }

    /// Counts anew if nothing waits: an idle channel keeps nothing.
    pub(crate) fn rest(&mut self, waiting: usize) {
        if waiting == 0 {
            (self.written, self.overhead, self.marks) = (0, 0, None);
        }
    }

    /// The user's bytes that wait, when the association says that `waiting` bytes wait.
    pub(crate) fn amount(&self, waiting: usize) -> usize {
        let done = self.written.saturating_sub(to_u64(waiting));
        // Marks are dropped only up to one that is done: when the first one is not, none ever was.
        let done_overhead = self.marks.as_ref().map_or(0, |marks| {
            let after = marks.0.partition_point(|(end, _)| *end <= done);
            let last = after.checked_sub(1).and_then(|index| marks.0.get(index));
            last.map_or(0, |(_, overhead)| *overhead)
        });
        let waiting_overhead = self.overhead.saturating_sub(done_overhead);
        let user = to_u64(waiting).saturating_sub(waiting_overhead);
        usize::try_from(user).unwrap_or(usize::MAX).saturating_add(self.outbox)
    }

    /// Sets the threshold of the low event.
    pub(crate) fn set_threshold(&mut self, threshold: usize, waiting: usize) {
        self.threshold = u32::try_from(threshold).unwrap_or(u32::MAX);
        self.above = self.amount(waiting) > self.threshold();
    }

    pub(crate) fn threshold(&self) -> usize {
        usize::try_from(self.threshold).unwrap_or(usize::MAX)
    }

    /// Notes that the amount may have risen.
    pub(crate) fn note(&mut self, waiting: usize) {
        self.above |= self.amount(waiting) > self.threshold();
    }

    /// Whether the amount has fallen to the threshold since it was last above; says so once.
    pub(crate) fn take_low(&mut self, waiting: usize) -> bool {
        let low = self.above && self.amount(waiting) <= self.threshold();
        if low {
            self.above = false;
        }
        low
    }
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_user_bytes_count() {
        let mut buffered = Buffered::default();
        buffered.wrote(16, 0, 16);
        assert_eq!(buffered.amount(16), 0);
        buffered.wrote(100, 100, 116);
        buffered.wrote(1, 0, 117);
        buffered.wrote(50, 50, 167);
        assert_eq!(buffered.amount(167), 150);
        assert_eq!(buffered.amount(151), 150);
        assert_eq!(buffered.amount(101), 100);
        assert_eq!(buffered.amount(51), 50);
        assert_eq!(buffered.amount(50), 50);
        assert_eq!(buffered.amount(0), 0);
    }

    #[test]
    fn low_is_an_edge() {
        let mut buffered = Buffered::default();
        buffered.wrote(1, 0, 1);
        assert!(!buffered.take_low(0));
        buffered.wrote(10, 10, 10);
        assert!(!buffered.take_low(5));
        buffered.set_threshold(5, 8);
        assert!(buffered.take_low(5));
        assert!(!buffered.take_low(0));
        buffered.outbox = 6;
        buffered.note(0);
        assert!(!buffered.take_low(0));
        buffered.outbox = 0;
        assert!(buffered.take_low(0));
    }

    proptest! {
        #[test]
        fn it_counts_like_a_queue(steps in proptest::collection::vec((any::<bool>(), 1_usize..50, any::<bool>()), 0..200)) {
            let mut buffered = Buffered::default();
            let mut queue: VecDeque<(usize, usize)> = VecDeque::new();
            for (write, len, user) in steps {
                if write {
                    let user = if user { len } else { 0 };
                    queue.push_back((len, user));
                    let waiting = queue.iter().map(|(len, _)| len).sum();
                    buffered.wrote(len, user, waiting);
                } else {
                    queue.pop_front();
                }
                let waiting = queue.iter().map(|(len, _)| len).sum();
                let expected: usize = queue.iter().map(|(_, user)| user).sum();
                prop_assert_eq!(buffered.amount(waiting), expected);
            }
        }
    }
}
