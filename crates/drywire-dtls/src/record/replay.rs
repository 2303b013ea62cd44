/// The window of sequence numbers that were received (RFC 9147, section 4.5.1): the newest number and the 127 before
/// it. It is moved only after a record was authenticated (attack C07).
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplayWindow {
    /// The highest number received plus one.
    next: u64,
    /// Bit `n`: the number `next - 1 - n` was received.
    received: u128,
}

impl ReplayWindow {
    /// The highest number received plus one.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Whether `sequence` was not received yet and is not too old to tell.
    pub(crate) const fn is_fresh(&self, sequence: u64) -> bool {
        if sequence >= self.next {
            return true;
        }
        let age = self.next - 1 - sequence;
        age < 128 && self.received >> age & 1 == 0
    }

    /// Marks `sequence`, which was authenticated, as received.
    pub(crate) const fn mark(&mut self, sequence: u64) {
        if sequence >= self.next {
            let ahead = sequence - self.next + 1;
            self.received = if ahead < 128 { self.received << ahead } else { 0 };
            self.received |= 1;
            self.next = sequence + 1;
        } else {
            let age = self.next - 1 - sequence;
            if age < 128 {
                self.received |= 1 << age;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn accepts_each_number_once(jumps in proptest::collection::vec((0_u64..400, any::<bool>()), 1..300)) {
            let mut window = ReplayWindow::default();
            let mut seen = HashSet::new();
            let mut base = 0_u64;
            for (offset, forward) in jumps {
                let sequence = base + offset;
                if forward {
                    base += offset / 2;
                }
                let fresh = window.is_fresh(sequence);
                prop_assert!(!fresh || !seen.contains(&sequence));
                prop_assert!(fresh || seen.contains(&sequence) || sequence + 128 < window.next());
                if fresh {
                    window.mark(sequence);
                    seen.insert(sequence);
                }
            }
        }
    }
}
