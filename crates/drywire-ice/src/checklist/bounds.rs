//! What keeps the checklist small (RFC 8445, section 6.1.2.5), and what is remembered of what left it.

use std::net::SocketAddr;

use drywire_core::{Instant, Path, Protocol};

use super::{Checklist, LocalCandidate, RemoteCandidate, is_base};
use crate::pair::{CandidatePair, LocalId, PairState, RemoteId};
use crate::{CandidateKind, DiscardReason, Discarded};

/// How many peer-reflexive candidates of one host, none of which works, are checked from one base. A peer has no more
/// sockets behind one address, as a rule.
const MAX_MIRRORED: usize = 5;

impl Checklist {
    /// Drops our candidates with a base, with their pairs. Returns how many there were.
    pub(crate) fn remove_locals(
        &mut self,
        now: Instant,
        reason: DiscardReason,
        protocol: Protocol,
        base: SocketAddr,
    ) -> usize {
        let is_gone =
            |local: &&LocalCandidate| (local.candidate.protocol, local.candidate.base) == (protocol, base);
        let gone: Vec<LocalId> = self.locals.iter().filter(is_gone).map(|local| local.id).collect();
        self.locals.retain(|local| !gone.contains(&local.id));
        self.retain_pairs(now, reason, |pair| !gone.contains(&pair.local));
        gone.len()
    }

    /// Drops the oldest of our reflexive candidates, which have no pairs: they are known for the statistics only. Says whether
    /// there was one.
    pub(crate) fn evict_reflexive(&mut self) -> bool {
        let oldest = self.locals.iter().position(|local| !is_base(&local.candidate));
        oldest.map(|at| self.locals.remove(at)).is_some()
    }

    /// Drops remote candidates that `keep` refuses, with their pairs.
    pub(crate) fn retain_remotes(
        &mut self,
        now: Instant,
        reason: DiscardReason,
        keep: impl Fn(&RemoteCandidate) -> bool,
    ) {
        let gone: Vec<RemoteId> =
            self.remotes.iter().filter(|remote| !keep(remote)).map(|remote| remote.id).collect();
        self.remotes.retain(|remote| !gone.contains(&remote.id));
        self.retain_pairs(now, reason, |pair| !gone.contains(&pair.remote));
    }

    /// Drops pairs that `keep` refuses, and remembers why.
    pub(super) fn retain_pairs(
        &mut self,
        now: Instant,
        reason: DiscardReason,
        keep: impl Fn(&CandidatePair) -> bool,
    ) {
        let discarded = &mut self.discarded;
        self.pairs.retain(|pair| {
            let kept = keep(pair);
            if !kept {
                discarded.push(Discarded {
                    at: now,
                    protocol: pair.path.protocol,
                    local: Some(pair.path.local),
                    remote: Some(pair.path.remote),
                    reason,
                    failure: pair.history.failure,
                });
            }
            kept
        });
        let pairs = &self.pairs;
        self.triggered.retain(|id| pairs.iter().any(|pair| pair.id == *id));
    }

    /// Remembers that a candidate of the peer was not taken.
    pub(crate) fn discard_remote(
        &mut self,
        now: Instant,
        protocol: Protocol,
        remote: SocketAddr,
        reason: DiscardReason,
    ) {
        let remote = Some(remote);
        self.discarded.push(Discarded { at: now, protocol, local: None, remote, reason, failure: None });
    }

    /// Whether as many peer-reflexive candidates as may be came to one of our bases from one host of the peer, and none of
    /// them was ever answered. Where two translators each map anew for every destination, but let everybody in, each
    /// check in return shows the peer another port, and its check in return shows us another one, without end.
    pub(crate) fn is_hall_of_mirrors(&self, path: Path) -> bool {
        let mirrored = self.pairs.iter().filter(|pair| {
            (pair.path.protocol, pair.path.local, pair.path.remote.ip())
                == (path.protocol, path.local, path.remote.ip())
                && pair.history.requests_received > 0
                && pair.history.first_answered_at.is_none()
                && self.remote(pair.remote).is_some_and(|remote| remote.kind == CandidateKind::PeerReflexive)
        });
        mirrored.count() >= MAX_MIRRORED
    }

    /// Drops the peer-reflexive remote candidate of which least can be hoped for. Says whether there was one.
    pub(crate) fn evict_remote(&mut self, now: Instant) -> bool {
        let worst = self
            .remotes
            .iter()
            .filter(|remote| {
                let mut pairs = self.pairs.iter().filter(|pair| pair.remote == remote.id);
                remote.candidate.kind == CandidateKind::PeerReflexive
                    && pairs.all(|pair| pair.state == PairState::Failed)
            })
            .min_by_key(|remote| remote.candidate.priority)
            .map(|remote| remote.id);
        if let Some(worst) = worst {
            self.retain_remotes(now, DiscardReason::TooManyCandidates, |remote| remote.id != worst);
        }
        worst.is_some()
    }

    /// Drops the worst pair that no check has been spent on, or whose checks failed, if it is worse than `priority`.
    pub(super) fn drop_worst(&mut self, now: Instant, priority: u64) -> bool {
        let worst = self
            .pairs
            .iter()
            .filter(|pair| !pair.valid && pair.check.is_none() && !self.triggered.contains(&pair.id))
            .min_by_key(|pair| (pair.state != PairState::Failed, pair.priority))
            .filter(|pair| pair.state == PairState::Failed || pair.priority < priority)
            .map(|pair| pair.id);
        self.retain_pairs(now, DiscardReason::TooManyPairs, |pair| Some(pair.id) != worst);
        worst.is_some()
    }
}
