/// Which parts of something are there: ranges that are sorted and apart from each other. As long as there is one, as
/// usual, nothing is allocated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    first: Option<(usize, usize)>,
    others: Vec<(usize, usize)>,
}

impl Ranges {
    /// Adds `start..end`.
    pub(crate) fn insert(&mut self, start: usize, end: usize) {
        if start >= end {
            return;
        }
        let touches = |&(from, to): &(usize, usize)| from <= end && start <= to;
        let (mut start_all, mut end_all) = (start, end);
        let mut unite = |range: &(usize, usize)| {
            start_all = start_all.min(range.0);
            end_all = end_all.max(range.1);
        };
        self.others.retain(|range| {
            let touches = touches(range);
            if touches {
                unite(range);
            }
            !touches
        });
        let first = self.first.take();
        match first {
            Some(range) if touches(&range) => unite(&range),
            Some(range) => self.others.insert(0, range),
            None => {}
        }
        let united = (start_all, end_all);
        if self.others.first().is_none_or(|range| united < *range) {
            self.first = Some(united);
        } else {
            let at = self.others.partition_point(|range| *range < united);
            self.others.insert(at, united);
            self.first = Some(self.others.remove(0));
        }
    }

    /// The ranges in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.first.iter().chain(&self.others).copied()
    }

    /// How many ranges there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    /// Whether `start..end` is there as a whole.
    pub(crate) fn contains(&self, start: usize, end: usize) -> bool {
        start >= end || self.iter().any(|(from, to)| from <= start && end <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_added_is_there_and_nothing_else(added in proptest::collection::vec((0_usize..60, 0_usize..12), 0..20)) {
            let mut ranges = Ranges::default();
            let mut bytes = [false; 80];
            for (start, len) in added {
                ranges.insert(start, start + len);
                bytes[start..start + len].fill(true);
                let list: Vec<_> = ranges.iter().collect();
                prop_assert_eq!(list.len(), ranges.len());
                prop_assert!(list.iter().all(|(from, to)| from < to));
                prop_assert!(list.windows(2).all(|pair| pair[0].1 < pair[1].0));
                for (at, there) in bytes.iter().enumerate() {
                    prop_assert_eq!(ranges.contains(at, at + 1), *there);
                }
            }
        }
    }
}
