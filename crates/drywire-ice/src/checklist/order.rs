//! Which pair is checked next (RFC 8445, sections 6.1.2.6 and 6.1.4), and which are checked again.

use std::net::SocketAddr;

use drywire_core::{Duration, Instant, Path, Protocol};

use super::Checklist;
use crate::pair::{CandidatePair, Check, PairId, PairState, Rank};

impl Checklist {
    /// Begins the checks on their way anew: they claim a role that we no longer have, and would be refused.
    pub(crate) fn repeat_checks(&mut self) {
        for pair in &mut self.pairs {
            pair.nominate = false;
            pair.nomination = None;
            if pair.check.take().is_some() && pair.state == PairState::InProgress {
                pair.state = PairState::Waiting;
                if !self.triggered.contains(&pair.id) {
                    self.triggered.push_back(pair.id);
                }
            }
        }
    }

    /// Gives the pairs that failed another chance.
    pub(crate) fn retry_failed(&mut self) {
        for pair in &mut self.pairs {
            if pair.state == PairState::Failed {
                pair.state = PairState::Waiting;
            }
        }
    }

    /// Gives the pairs above a rank that are not known to work now another chance.
    pub(crate) fn retry_above(&mut self, rank: Rank, now: Instant, timeout: Duration) {
        for pair in &mut self.pairs {
            let is_done = matches!(pair.state, PairState::Succeeded | PairState::Failed);
            if is_done && pair.rank() > rank && !pair.is_alive(now, timeout) {
                pair.state = PairState::Waiting;
                pair.check = None;
            }
        }
    }

    /// Puts a pair into the triggered-check queue. Its state becomes Waiting.
    pub(crate) fn trigger(&mut self, id: PairId) {
        if let Some(pair) = self.pair_mut(id) {
            pair.state = PairState::Waiting;
            pair.check = None;
            if !self.triggered.contains(&id) {
                self.triggered.push_back(id);
            }
        }
    }

    /// Puts a pair, whatever its state, into the queue for a check that nominates it.
    pub(crate) fn trigger_nomination(&mut self, id: PairId, number: Option<u32>) {
        if let Some(pair) = self.pair_mut(id) {
            pair.nominate = true;
            pair.nomination = number;
            if !self.triggered.contains(&id) {
                self.triggered.push_back(id);
            }
        }
    }

    pub(crate) fn is_triggered(&self, id: PairId) -> bool {
        self.triggered.contains(&id)
    }

    pub(crate) fn has_triggered(&self) -> bool {
        !self.triggered.is_empty()
    }

    pub(crate) fn next_triggered(&mut self) -> Option<PairId> {
        self.triggered.pop_front()
    }

    /// The pair whose turn it is among those `wanted`: the best that waits, else the best frozen one whose
    /// foundation nobody is checking (RFC 8445, section 6.1.4.2).
    pub(crate) fn next_ordinary(&self, wanted: impl Fn(&CandidatePair) -> bool) -> Option<PairId> {
        let best = |state: PairState| {
            let fit = self.pairs.iter().filter(|pair| {
                pair.state == state
                    && wanted(pair)
                    && (state == PairState::Waiting || !self.is_checking(pair.foundation))
            });
            fit.max_by_key(|pair| pair.priority).map(|pair| pair.id)
        };
        best(PairState::Waiting).or_else(|| best(PairState::Frozen))
    }

    /// Whether a pair of the foundation waits, or is being checked and may well be answered. RFC 8445, section 6.1.4.2,
    /// lets the others wait until its check has failed, which takes 39.5 s for each of them: longer than consent lasts,
    /// and than the wait for a first pair (RFC 8863). So one that had to be sent again holds up nobody. The pace holds for
    /// all.
    fn is_checking(&self, foundation: (u32, u32)) -> bool {
        self.pairs.iter().filter(|pair| pair.foundation == foundation).any(|pair| match pair.state {
            PairState::Waiting => true,
            PairState::InProgress => {
                pair.path.protocol == Protocol::Udp
                    && pair.check.is_some_and(|check| check.schedule.sent() < 2)
            }
            _ => false,
        })
    }

    /// A check of pair `id` succeeded: the pairs of its foundation wait no longer (RFC 8445, section 7.2.5.3.3).
    pub(crate) fn unfreeze(&mut self, id: PairId) {
        let Some(foundation) = self.pair(id).map(|pair| pair.foundation) else { return };
        for pair in &mut self.pairs {
            if pair.state == PairState::Frozen && pair.foundation == foundation {
                pair.state = PairState::Waiting;
            }
        }
    }

    /// The connection of a pair is gone: the next one will have another port. A pair whose place was taken meanwhile
    /// stays as it is, and leads nowhere.
    pub(crate) fn close_connection(&mut self, id: PairId, base: SocketAddr) {
        let Some(path) = self.pair(id).map(|pair| Path { local: base, ..pair.path }) else { return };
        if self.pair_on(path).is_none()
            && let Some(pair) = self.pair_mut(id)
        {
            pair.path = path;
        }
    }

    /// How many pairs wait or are being checked: what the retransmission timer grows with (RFC 8445, section 14.3).
    pub(crate) fn busy(&self) -> usize {
        let busy = |pair: &&CandidatePair| matches!(pair.state, PairState::Waiting | PairState::InProgress);
        self.pairs.iter().filter(busy).count()
    }

    /// The earliest retransmission of all checks.
    pub(crate) fn next_retransmission(&self) -> Option<Instant> {
        let checks = self.pairs.iter().filter_map(|pair| pair.check.as_ref()).map(Check::deadline);
        checks.chain(self.pairs.iter().filter_map(|pair| pair.connection.until())).min()
    }
}
