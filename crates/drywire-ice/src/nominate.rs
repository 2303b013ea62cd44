//! Nomination (RFC 8445, section 8.1).

use std::net::SocketAddr;

use drywire_core::{Duration, Instant};
use drywire_stun::attributes::NetworkCost;

use crate::pair::{CandidatePair, PairId, PairState};
use crate::{Agent, Role};

/// Within this time of the nomination of a better pair, that of a worse one is taken for a straggler: networks reorder by
/// milliseconds, but a lost nomination comes again only with the retransmission of its check, `RTO` later (RFC 8445,
/// section 14.3), and one more. A peer that means a worse pair is followed by this much later at most: browsers repeat the
/// nomination with each of their checks, drywire with each for consent.
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
            .map(CandidatePair::rank);
        let in_use = self.selected.as_ref().and_then(|selected| selected.pair);
        let best = self
            .checklist
            .pairs()
            .iter()
            .filter(|pair| pair.is_alive(now, timeout) && !pair.nominated && !pair.nominate)
            .filter(|pair| chosen.is_none_or(|chosen| pair.rank() > chosen))
            .max_by_key(|pair| (chosen.is_none() && Some(pair.id) == in_use, pair.rank()))
            .map(|pair| (pair.id, pair.rank()));
        let Some((best, rank)) = best else { return };
        // While the nomination of a pair is under way, only a better one is worth another.
        let pending = |pair: &CandidatePair| pair.nominate && pair.valid && pair.rank() > rank;
        if !self.checklist.pairs().iter().any(pending) {
            let number = self.next_nomination();
            self.checklist.trigger_nomination(best, number);
        }
    }

    /// Says whether the peer knows numbered nominations (`renomination` among its `a=ice-options`). If we do, too
    /// ([`Config::renomination`](crate::Config::renomination)), ours are numbered from now on, so that the peer follows
    /// them in the order that we made them. Those of the peer are followed in any case.
    pub fn set_remote_renomination(&mut self, renomination: bool) {
        self.remote_renomination = renomination;
    }

    /// The interface of our candidates with this base has become another one, or costs something else. If others are
    /// better now, they are checked, and as the controlling agent we choose them.
    pub fn set_network_cost(&mut self, now: Instant, base: SocketAddr, network: NetworkCost) {
        let now = self.advance(now);
        self.checklist.set_cost(base, network, self.role);
        let in_use = self.selected.as_ref().and_then(|selected| selected.pair);
        let rank = in_use.and_then(|id| self.checklist.pair(id)).map(CandidatePair::rank);
        if let (Some(selected), Some(rank)) = (&mut self.selected, rank) {
            selected.rank = rank;
            if selected.local.base == base {
                selected.local.network = network;
            }
            for pair in self.checklist.pairs_mut() {
                if Some(pair.id) != in_use && pair.rank() > rank && !pair.is_open() {
                    pair.state = PairState::Waiting;
                }
            }
        }
        self.settle(now);
    }

    /// Whether our nominations are numbered.
    pub(crate) const fn renominates(&self) -> bool {
        self.config.renomination && self.remote_renomination
    }

    /// The number of a new nomination.
    fn next_nomination(&mut self) -> Option<u32> {
        let numbered = self.renominates();
        numbered.then(|| {
            self.nomination = self.nomination.saturating_add(1);
            self.nomination
        })
    }

    /// Whether a nomination of another pair than the one in use is on its way: to repeat the old one now could undo it.
    pub(crate) fn is_nominating_other(&self) -> bool {
        let in_use = self.selected.as_ref().and_then(|selected| selected.pair);
        self.checklist.pairs().iter().any(|pair| pair.nominate && Some(pair.id) != in_use)
    }

    /// The number of the nomination that a consent check repeats, or makes.
    pub(crate) fn number_consent(&mut self) -> Option<u32> {
        let id = self.selected.as_ref()?.pair.filter(|_| self.role == Role::Controlling)?;
        let known = self.checklist.pair(id)?.nomination.filter(|_| self.renominates());
        let number = known.or_else(|| self.next_nomination());
        self.checklist.pair_mut(id)?.nomination = number;
        number
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
        let (rank, at, number) = (pair.rank(), pair.chosen_at.unwrap_or(now), pair.nomination);
        let chosen = self.chosen.and_then(|chosen| self.checklist.pair(chosen));
        let stays =
            chosen.filter(|chosen| chosen.id != id && chosen.is_alive(now, timeout)).is_some_and(|chosen| {
                let better = chosen.rank() > rank;
                match (self.role, chosen.chosen_at) {
                    // Numbered nominations leave no doubt which is the latest (draft-thatcher-ice-renomination-01,
                    // section 4).
                    (Role::Controlled, _) if number.is_some() && chosen.nomination.is_some() => {
                        chosen.nomination > number
                    }
                    (Role::Controlling, _) => better,
                    // What we chose in the other role does not count against the peer's choice.
                    (Role::Controlled, None) => false,
                    // The nomination of `id` may be an old one, whose check has been answered only now.
                    (Role::Controlled, Some(latest)) if at < latest => better || latest > at + STRAGGLERS,
                    // It was chosen first, not repeated, a moment ago.
                    (Role::Controlled, Some(_)) => {
                        better && self.chosen_since.is_some_and(|since| at < since + STRAGGLERS)
                    }
                }
            });
        if !stays {
            if self.chosen != Some(id) {
                self.chosen_since = Some(at);
            }
            let left = self.chosen.replace(id).filter(|left| *left != id && self.role == Role::Controlling);
            // What we have left we would have to nominate again.
            if let Some(left) = left.and_then(|left| self.checklist.pair_mut(left)) {
                left.nominated = false;
            }
        }
    }
}
