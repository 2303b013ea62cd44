/// The window of sequence numbers that were received (RFC 9147, section 4.5.1): the newest number and the 255 before
/// it. It is moved only after a record was authenticated (attack C07).
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplayWindow {
    /// The highest number received plus one.
    next: u64,
    /// Bit `n`: the number `next - 1 - n` was received. The newer half, and the older.
    newer: u128,
    older: u128,
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
        match self.next - 1 - sequence {
            age @ 0..128 => self.newer >> age & 1 == 0,
            age @ 128..256 => self.older >> (age - 128) & 1 == 0,
            _ => false,
        }
    }

    /// Marks `sequence`, which was authenticated, as received.
    pub(crate) const fn mark(&mut self, sequence: u64) {
        if sequence < self.next {
            match self.next - 1 - sequence {
                age @ 0..128 => self.newer |= 1 << age,
                age @ 128..256 => self.older |= 1 << (age - 128),
                _ => {}
            }
            return;
        }
        (self.newer, self.older) = match sequence - self.next + 1 {
            ahead @ 1..128 => (self.newer << ahead, self.older << ahead | self.newer >> (128 - ahead)),
            ahead @ 128..256 => (0, self.newer << (ahead - 128)),
            _ => (0, 0),
        };
        self.newer |= 1;
        self.next = sequence + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn accepts_each_number_once(jumps in proptest::collection::vec((0_u64..700, any::<bool>()), 1..300)) {
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
                prop_assert!(fresh || seen.contains(&sequence) || sequence + 256 < window.next());
                if fresh {
                    window.mark(sequence);
                    seen.insert(sequence);
                }
            }
        }
    }
}
