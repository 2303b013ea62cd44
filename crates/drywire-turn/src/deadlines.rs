use std::collections::{BTreeMap, BTreeSet};

use drywire_core::Instant;

/// Deadlines of things that come and go, at most one for each. The earliest is kept, so asking for it is O(1).
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    at: BTreeMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
    earliest: Option<Instant>,
}

impl<K: Copy + Ord> Deadlines<K> {
    pub(crate) const fn new() -> Self {
        Self { at: BTreeMap::new(), order: BTreeSet::new(), earliest: None }
    }

    /// Arms the deadline of `key`, in place of the one that it had.
    pub(crate) fn arm(&mut self, key: K, at: Instant) {
        if let Some(before) = self.at.insert(key, at) {
            self.order.remove(&(before, key));
        }
        self.order.insert((at, key));
        self.refresh();
    }

    pub(crate) fn disarm(&mut self, key: K) {
        if let Some(at) = self.at.remove(&key) {
            self.order.remove(&(at, key));
            self.refresh();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.at.clear();
        self.order.clear();
        self.earliest = None;
    }

    pub(crate) const fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Takes one key whose deadline has come, the earliest first.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<K> {
        self.earliest.filter(|at| *at <= now)?;
        let (_, key) = self.order.pop_first()?;
        self.at.remove(&key);
        self.refresh();
        Some(key)
    }

    fn refresh(&mut self) {
        self.earliest = self.order.first().map(|(at, _)| *at);
    }
}
