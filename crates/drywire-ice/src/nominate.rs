//! Nomination (RFC 8445, section 8.1).

use drywire_core::{Duration, Instant};

use crate::pair::{CandidatePair, PairId};
use crate::{Agent, Role};

/// Within this time of the nomination of a better pair, that of a worse one is taken for a straggler.
const STRAGGLERS: Duration = Duration::from_secs(1);

impl Agent {
    /// Nominates as the controlling agent: the pair in use, and later any better one. Data flows on a valid pair
    /// before it is nominated (RFC 8445, section 12.1), so that no time is lost by it.
    pub(crate) fn nominate(&mut self, now: Instant) {
        if self.role != Role::Controlling || self.config.lite {
            return;
        }
        let timeout = self.config.consent_timeout;
        let chosen = self
            .chosen
            .and_then(|id| self.checklist.pair(id))
            .filter(|pair| pair.nominated && pair.is_alive(now, timeout))
            .map(|pair| pair.priority);
        let in_use = self.selected.as_ref().and_then(|selected| selected.pair);
        let best = self
            .checklist
            .pairs()
            .iter()
            .filter(|pair| pair.is_alive(now, timeout) && !pair.nominated && !pair.nominate)
            .filter(|pair| chosen.is_none_or(|chosen| pair.priority > chosen))
            .max_by_key(|pair| (chosen.is_none() && Some(pair.id) == in_use, pair.priority))
            .map(|pair| (pair.id, pair.priority));
        let Some((best, priority)) = best else { return };
        // While the nomination of a pair is under way, only a better one is worth another.
        let pending = |pair: &CandidatePair| pair.nominate && pair.valid && pair.priority > priority;
        if !self.checklist.pairs().iter().any(pending) {
            self.checklist.trigger_nomination(best);
        }
    }

    /// The controlling agent, be it we or the peer, has chosen a valid pair.
    ///
    /// A peer may choose again and again: some nominate every pair (RFC 5245), browsers repeat the nomination of the
    /// pair in use with every check and move it to another pair when they like. So the latest nomination counts, but
    /// among those of the same moment, whose order the network may have changed, the best pair.
    pub(crate) fn choose(&mut self, now: Instant, id: PairId) {
        let timeout = self.config.consent_timeout;
        let Some(pair) = self.checklist.pair_mut(id) else { return };
        pair.nominated = true;
        pair.history.nominated_at = Some(now);
        let (priority, at) = (pair.priority, pair.chosen_at.unwrap_or(now));
        let chosen = self.chosen.and_then(|chosen| self.checklist.pair(chosen));
        let stays =
            chosen.filter(|chosen| chosen.id != id && chosen.is_alive(now, timeout)).is_some_and(|chosen| {
                let better = chosen.priority > priority;
                match (self.role, chosen.chosen_at) {
                    (Role::Controlling, _) => better,
                    // What we chose in the other role does not count against the peer's choice.
                    (Role::Controlled, None) => false,
                    // The nomination of `id` may be an old one, whose check has been answered only now.
                    (Role::Controlled, Some(latest)) if at < latest => better || latest > at + STRAGGLERS,
                    (Role::Controlled, Some(earlier)) => better && at < earlier + STRAGGLERS,
                }
            });
        if !stays {
            self.chosen = Some(id);
        }
    }
}
