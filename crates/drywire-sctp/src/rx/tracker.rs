use std::collections::VecDeque;

use drywire_core::Serial;

use crate::packet::GapBlock;

/// How far ahead of the cumulative TSN a chunk may be: what a gap block can say, and a bound on what is kept.
pub(crate) const MAX_AHEAD: u32 = 16_384;
/// How many runs behind gaps are kept. A SACK of the usual size carries about 280.
const MAX_RUNS: usize = 512;
/// How many duplicates are reported at once.
const MAX_DUPLICATES: usize = 16;

/// What a TSN means for the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The one after the cumulative TSN.
    Next,
    /// Behind a gap, not received before.
    Ahead,
    /// Received before.
    Duplicate,
    /// So far ahead, or behind so many gaps, that it is not kept.
    OutOfRange,
}

/// Which TSNs have arrived: all up to the cumulative one, and sorted runs behind gaps (RFC 9260, section 6.2.1).
#[derive(Debug)]
pub(crate) struct Tracker {
    cumulative: Serial<u32>,
    /// First and last TSN of each run; in order, with at least one missing TSN between two runs and before the first.
    runs: VecDeque<(Serial<u32>, Serial<u32>)>,
    duplicates: Vec<Serial<u32>>,
}

impl Tracker {
    pub(crate) fn new(initial_tsn: Serial<u32>) -> Self {
        Self { cumulative: initial_tsn.sub(1), runs: VecDeque::new(), duplicates: Vec::new() }
    }

    pub(crate) const fn cumulative(&self) -> Serial<u32> {
        self.cumulative
    }

    pub(crate) fn has_gaps(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Whether all TSNs up to `tsn` have arrived.
    pub(crate) fn covers(&self, tsn: Serial<u32>) -> bool {
        tsn <= self.cumulative
    }

    pub(crate) fn arrival(&self, tsn: Serial<u32>) -> Arrival {
        let ahead = tsn.distance_from(self.cumulative);
        match ahead {
            1 => Arrival::Next,
            0 | 0x8000_0000.. => Arrival::Duplicate,
            _ if ahead > MAX_AHEAD => Arrival::OutOfRange,
            _ => match self.before(tsn) {
                Some(at) if self.run(at).is_some_and(|(_, last)| tsn <= last) => Arrival::Duplicate,
                at if self.runs.len() < MAX_RUNS || self.touches(at, tsn) => Arrival::Ahead,
                _ => Arrival::OutOfRange,
            },
        }
    }

    /// Takes note of a TSN that [`arrival`](Self::arrival) called `Next` or `Ahead`.
    pub(crate) fn insert(&mut self, tsn: Serial<u32>) {
        if tsn == self.cumulative.next() {
            self.cumulative = tsn;
            if let Some((_, last)) = self.run(0).filter(|(first, _)| *first == tsn.next()) {
                self.cumulative = last;
                self.runs.pop_front();
            }
            return;
        }
        let before = self.before(tsn);
        let after = before.map_or(0, |at| at + 1);
        let joins_after = self.run(after).is_some_and(|(first, _)| first == tsn.next());
        match before.and_then(|at| self.runs.get_mut(at)) {
            Some((_, last)) if last.next() == tsn => {
                *last = tsn;
                if joins_after
                    && let Some((_, end)) = self.runs.remove(after)
                    && let Some((_, last)) = before.and_then(|at| self.runs.get_mut(at))
                {
                    *last = end;
                }
            }
            _ if joins_after => {
                if let Some((first, _)) = self.runs.get_mut(after) {
                    *first = tsn;
                }
            }
            _ => self.runs.insert(after, (tsn, tsn)),
        }
    }

    /// Nothing up to `tsn`, which is later than the cumulative TSN, is waited for any more.
    pub(crate) fn forward(&mut self, tsn: Serial<u32>) {
        self.cumulative = tsn;
        while let Some((first, last)) = self.run(0).filter(|(first, _)| *first <= self.cumulative.next()) {
            debug_assert!(first <= last);
            if last > self.cumulative {
                self.cumulative = last;
            }
            self.runs.pop_front();
        }
    }

    /// Takes note that `tsn` came again, to report it.
    pub(crate) fn duplicate(&mut self, tsn: Serial<u32>) {
        if self.duplicates.len() < MAX_DUPLICATES {
            self.duplicates.push(tsn);
        }
    }

    /// The runs as gap blocks.
    pub(crate) fn gaps(&self) -> impl ExactSizeIterator<Item = GapBlock> {
        let distance =
            |tsn: Serial<u32>| u16::try_from(tsn.distance_from(self.cumulative)).unwrap_or(u16::MAX);
        self.runs.iter().map(move |(first, last)| GapBlock { start: distance(*first), end: distance(*last) })
    }

    pub(crate) fn duplicates(&self) -> &[Serial<u32>] {
        &self.duplicates
    }

    pub(crate) fn clear_duplicates(&mut self) {
        self.duplicates.clear();
    }

    /// The last run that begins at `tsn` or before it. What arrives is nearly always near the end.
    fn before(&self, tsn: Serial<u32>) -> Option<usize> {
        self.runs.iter().rposition(|(first, _)| *first <= tsn)
    }

    fn run(&self, at: usize) -> Option<(Serial<u32>, Serial<u32>)> {
        self.runs.get(at).copied()
    }

    /// Whether `tsn` prolongs the run at `before` or the one after it.
    fn touches(&self, before: Option<usize>, tsn: Serial<u32>) -> bool {
        before.and_then(|at| self.run(at)).is_some_and(|(_, last)| last.next() == tsn)
            || self.run(before.map_or(0, |at| at + 1)).is_some_and(|(first, _)| first == tsn.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn agrees_with_a_set(initial: u32, tsns in proptest::collection::vec(0_u32..60, 0..80)) {
            let initial = Serial(initial);
            let mut tracker = Tracker::new(initial);
            let mut seen = BTreeSet::new();
            for offset in tsns {
                let tsn = initial.add(offset);
                let arrival = tracker.arrival(tsn);
                prop_assert_eq!(arrival == Arrival::Duplicate, !seen.insert(offset));
                if arrival != Arrival::Duplicate {
                    tracker.insert(tsn);
                    prop_assert_eq!(tracker.arrival(tsn), Arrival::Duplicate);
                }
                let cumulative = (0..).take_while(|n| seen.contains(n)).count();
                prop_assert_eq!(tracker.cumulative().next(), initial.add(u32::try_from(cumulative).unwrap()));
                let mut behind = Vec::new();
                for gap in tracker.gaps() {
                    prop_assert!(gap.start > 1 && gap.start <= gap.end);
                    prop_assert!(behind.last().is_none_or(|last| *last + 1 < u32::from(gap.start)));
                    behind.extend(u32::from(gap.start)..=u32::from(gap.end));
                }
                let expected: Vec<u32> = seen
                    .iter()
                    .map(|n| initial.add(*n))
                    .filter(|tsn| *tsn > tracker.cumulative())
                    .map(|tsn| tsn.distance_from(tracker.cumulative()))
                    .collect();
                prop_assert_eq!(behind, expected);
            }
        }
    }

    #[test]
    fn e06_gaps_are_bounded() {
        let mut tracker = Tracker::new(Serial(0));
        assert_eq!(tracker.arrival(Serial(MAX_AHEAD)), Arrival::OutOfRange);
        assert_eq!(tracker.arrival(Serial(MAX_AHEAD - 1)), Arrival::Ahead);
        for n in 1..2 * 512 {
            let tsn = Serial(2 * n);
            if tracker.arrival(tsn) == Arrival::Ahead {
                tracker.insert(tsn);
            }
        }
        assert_eq!(tracker.gaps().len(), MAX_RUNS);
        assert_eq!(tracker.arrival(Serial(2 * 512 + 2)), Arrival::OutOfRange);
        assert_eq!(tracker.arrival(Serial(2 * 512 + 1)), Arrival::Ahead, "it prolongs a run");
        assert_eq!(tracker.arrival(Serial(0)), Arrival::Next);
    }
}
