use std::collections::BTreeSet;

use drywire_core::Instant;

use super::PeerId;

/// The deadlines of all peer connections, ordered.
///
/// A deadline that moves away is left where it was noted: its peer is looked at once too often, instead of being moved
/// with every packet. The peer's slot holds what is noted for it.
#[derive(Default)]
pub(super) struct Timers {
    ordered: BTreeSet<(Instant, PeerId)>,
}

impl Timers {
    pub(super) fn note(&mut self, id: PeerId, noted: &mut Option<Instant>, at: Instant) {
        if noted.is_some_and(|noted| noted <= at) {
            return;
        }
        if let Some(before) = noted.replace(at) {
            self.ordered.remove(&(before, id));
        }
        self.ordered.insert((at, id));
    }

    pub(super) fn forget(&mut self, id: PeerId, noted: Option<Instant>) {
        if let Some(at) = noted {
            self.ordered.remove(&(at, id));
        }
    }

    pub(super) fn earliest(&self) -> Option<Instant> {
        self.ordered.first().map(|(at, _)| *at)
    }

    /// Takes one peer whose deadline was noted for `now` or before. The caller clears what its slot has noted.
    pub(super) fn expire(&mut self, now: Instant) -> Option<PeerId> {
        let (at, id) = *self.ordered.first()?;
        if at > now {
            return None;
        }
        self.ordered.pop_first();
        Some(id)
    }
}
