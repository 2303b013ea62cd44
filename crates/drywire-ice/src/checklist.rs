use std::collections::VecDeque;
use std::net::SocketAddr;

use drywire_core::{Duration, Instant, Path, Protocol};

use drywire_stun::attributes::NetworkCost;

use crate::candidate::can_pair;
use crate::history::Latest;
use crate::pair::{CandidatePair, Check, LocalId, PairId, PairState, Rank, RemoteId};
use crate::tcp::Connection;
use crate::{Candidate, CandidateKind, DiscardReason, Discarded, PairHistory, Role};

/// How many peer-reflexive candidates of one host, none of which works, are checked from one base. A peer has no more
/// sockets behind one address, as a rule.
const MAX_MIRRORED: usize = 5;

/// A remote candidate and what the agent remembers about it.
#[derive(Clone, Debug)]
pub(crate) struct RemoteCandidate {
    pub(crate) id: RemoteId,
    pub(crate) candidate: Candidate,
    /// The number of its foundation.
    foundation: u32,
}

#[derive(Debug)]
struct LocalCandidate {
    id: LocalId,
    candidate: Candidate,
    foundation: u32,
}

/// The candidates of both sides and their pairs (RFC 8445, section 6.1.2).
///
/// There is one checklist per agent: one data stream with one component, which carries everything.
#[derive(Debug)]
pub(crate) struct Checklist {
    locals: Vec<LocalCandidate>,
    remotes: Vec<RemoteCandidate>,
    pairs: Vec<CandidatePair>,
    /// The triggered-check queue (RFC 8445, section 6.1.4.1).
    triggered: VecDeque<PairId>,
    /// What is not there, and why.
    pub(crate) discarded: Latest<Discarded>,
    next_id: u32,
    max_pairs: usize,
}

impl Checklist {
    pub(crate) fn new(max_pairs: usize) -> Self {
        Self {
            locals: Vec::new(),
            remotes: Vec::new(),
            pairs: Vec::new(),
            triggered: VecDeque::new(),
            discarded: Latest::default(),
            next_id: 0,
            max_pairs,
        }
    }

    pub(crate) fn locals(&self) -> impl Iterator<Item = &Candidate> {
        self.locals.iter().map(|local| &local.candidate)
    }

    pub(crate) fn remotes(&self) -> &[RemoteCandidate] {
        &self.remotes
    }

    pub(crate) fn pairs(&self) -> &[CandidatePair] {
        &self.pairs
    }

    pub(crate) fn pairs_mut(&mut self) -> &mut [CandidatePair] {
        &mut self.pairs
    }

    pub(crate) fn pair(&self, id: PairId) -> Option<&CandidatePair> {
        self.pairs.iter().find(|pair| pair.id == id)
    }

    pub(crate) fn pair_mut(&mut self, id: PairId) -> Option<&mut CandidatePair> {
        self.pairs.iter_mut().find(|pair| pair.id == id)
    }

    pub(crate) fn pair_on(&self, path: Path) -> Option<PairId> {
        self.pairs.iter().find(|pair| pair.path == path).map(|pair| pair.id)
    }

    pub(crate) fn local(&self, id: LocalId) -> Option<&Candidate> {
        self.locals.iter().find(|local| local.id == id).map(|local| &local.candidate)
    }

    pub(crate) fn remote(&self, id: RemoteId) -> Option<&Candidate> {
        self.remotes.iter().find(|remote| remote.id == id).map(|remote| &remote.candidate)
    }

    /// The local candidate whose socket a datagram of `path` came to.
    pub(crate) fn local_on(&self, path: Path) -> Option<LocalId> {
        self.locals
            .iter()
            .find(|local| {
                is_base(&local.candidate)
                    && local.candidate.address == path.local
                    && local.candidate.protocol == path.protocol
            })
            .map(|local| local.id)
            // A connection that we opened has got a port of its own.
            .or_else(|| self.pairs.iter().find(|pair| pair.path == path).map(|pair| pair.local))
    }

    pub(crate) fn remote_at(&self, path: Path) -> Option<RemoteId> {
        self.remotes
            .iter()
            .find(|remote| {
                remote.candidate.address == path.remote && remote.candidate.protocol == path.protocol
            })
            .map(|remote| remote.id)
    }

    /// Adds a local candidate with its pairs, unless it is known.
    pub(crate) fn add_local(&mut self, now: Instant, candidate: Candidate, role: Role) -> bool {
        // RFC 8445, section 5.1.3: redundant when address and base are known.
        let known = |local: &Candidate| {
            local.address == candidate.address
                && local.base == candidate.base
                && local.protocol == candidate.protocol
        };
        if self.locals().any(known) {
            return false;
        }
        let id = LocalId(self.fresh_id());
        let base = is_base(&candidate);
        let same = self.locals.iter().find(|local| local.candidate.foundation == candidate.foundation);
        let foundation = same.map_or(id.0, |local| local.foundation);
        let (protocol, address) = (candidate.protocol, candidate.address);
        self.locals.push(LocalCandidate { id, candidate, foundation });
        // A reflexive candidate is paired as its base, and then is redundant (section 6.1.2.4).
        if !base {
            let reason = DiscardReason::Redundant;
            let local = Some(address);
            self.discarded.push(Discarded { at: now, protocol, local, remote: None, reason, failure: None });
        } else {
            let remotes: Vec<RemoteId> = self.remotes.iter().map(|remote| remote.id).collect();
            for remote in remotes {
                self.form(now, id, remote, role);
            }
        }
        true
    }

    /// Adds a remote candidate with its pairs. If a peer-reflexive one with its address is known, that becomes the
    /// new one (RFC 8838, section 11.4), and is paired with those of our candidates, too, that no check of the peer came to.
    pub(crate) fn add_remote(&mut self, now: Instant, candidate: Candidate, role: Role) {
        let known = self.remotes.iter_mut().find(|remote| {
            remote.candidate.address == candidate.address && remote.candidate.protocol == candidate.protocol
        });
        let remote = match known {
            Some(known) if known.candidate.kind == CandidateKind::PeerReflexive => {
                known.candidate = candidate;
                let id = known.id;
                self.reprioritize(role);
                id
            }
            Some(_) => return,
            None => self.push_remote(candidate),
        };
        let bases = self.locals.iter().filter(|local| is_base(&local.candidate));
        let locals: Vec<LocalId> = bases.map(|local| local.id).collect();
        for local in locals {
            self.form(now, local, remote, role);
        }
    }

    /// Adds a remote candidate without pairs: one that the peer's check revealed.
    pub(crate) fn push_remote(&mut self, candidate: Candidate) -> RemoteId {
        let id = RemoteId(self.fresh_id());
        // RFC 8445, section 7.3.1.3: the foundation of a peer-reflexive candidate is like no other.
        let same = self.remotes.iter().find(|remote| {
            candidate.kind != CandidateKind::PeerReflexive
                && remote.candidate.foundation == candidate.foundation
        });
        let foundation = same.map_or(id.0, |remote| remote.foundation);
        self.remotes.push(RemoteCandidate { id, candidate, foundation });
        id
    }

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
    fn retain_pairs(&mut self, now: Instant, reason: DiscardReason, keep: impl Fn(&CandidatePair) -> bool) {
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

    /// Forgets what was learnt about the peer and by checks; keeps our sockets. For a restart.
    pub(crate) fn restart(&mut self) {
        self.remotes.clear();
        self.pairs.clear();
        self.triggered.clear();
        self.locals.retain(|local| local.candidate.kind != CandidateKind::PeerReflexive);
    }

    /// Pairs two signalled candidates, if they fit.
    fn form(&mut self, now: Instant, local: LocalId, remote: RemoteId, role: Role) {
        let (Some(ours), Some(theirs)) = (self.local(local), self.remote(remote)) else { return };
        let types_fit = match (ours.tcp_type, theirs.tcp_type) {
            (None, None) => ours.protocol != Protocol::Tcp,
            (Some(ours), Some(theirs)) => ours.connects_to(theirs),
            _ => false,
        };
        if types_fit && ours.protocol == theirs.protocol && can_pair(ours.base, theirs.address) {
            self.add_pair(now, local, remote, role);
        }
    }

    /// Adds a pair, in the place of the worst one if there are too many (RFC 8445, section 6.1.2.5).
    pub(crate) fn add_pair(
        &mut self,
        now: Instant,
        local: LocalId,
        remote: RemoteId,
        role: Role,
    ) -> Option<PairId> {
        let (ours, theirs) = (self.local(local)?, self.remote(remote)?);
        let path = Path { protocol: ours.protocol, local: ours.base, remote: theirs.address };
        if let Some(known) = self.pair_on(path) {
            return Some(known);
        }
        let priority = CandidatePair::priority(role, ours.priority, theirs.priority);
        let cost = u32::from(ours.network.cost()) + u32::from(theirs.network.cost());
        if self.pairs.len() >= self.max_pairs && !self.drop_worst(now, priority) {
            self.discarded.push(Discarded {
                at: now,
                protocol: path.protocol,
                local: Some(path.local),
                remote: Some(path.remote),
                reason: DiscardReason::TooManyPairs,
                failure: None,
            });
            return None;
        }
        let foundation = self.foundation(local, remote)?;
        let id = PairId(self.fresh_id());
        let mut pair = CandidatePair {
            id,
            foundation,
            local,
            remote,
            path,
            priority,
            cost,
            state: PairState::Frozen,
            valid: false,
            connection: Connection::of(path.protocol),
            check: None,
            nominate: false,
            nominated: false,
            chosen_at: None,
            nomination: None,
            answered: None,
            answered_at: None,
            rtt: None,
            history: PairHistory::new(now),
        };
        // RFC 8838, section 10: a pair whose foundation is new, or has succeeded, does not wait.
        let mut akin = self.pairs.iter().filter(|other| other.foundation == foundation).peekable();
        if akin.peek().is_none() || akin.any(|other| other.state == PairState::Succeeded) {
            pair.state = PairState::Waiting;
        }
        self.pairs.push(pair);
        Some(id)
    }

    /// Drops the worst pair that no check has been spent on, or whose checks failed, if it is worse than `priority`.
    fn drop_worst(&mut self, now: Instant, priority: u64) -> bool {
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

    /// Computes the priorities again, after a role or a candidate changed (RFC 8445, section 7.3.1.1).
    pub(crate) fn reprioritize(&mut self, role: Role) {
        let (locals, remotes) = (&self.locals, &self.remotes);
        for pair in &mut self.pairs {
            let local = locals.iter().find(|local| local.id == pair.local);
            let remote = remotes.iter().find(|remote| remote.id == pair.remote);
            if let (Some(local), Some(remote)) = (local, remote) {
                let (ours, theirs) = (local.candidate.network, remote.candidate.network);
                pair.cost = u32::from(ours.cost()) + u32::from(theirs.cost());
                let (local, remote) = (local.candidate.priority, remote.candidate.priority);
                pair.priority = CandidatePair::priority(role, local, remote);
            }
        }
    }

    /// The interface of a local candidate costs something else now.
    pub(crate) fn set_cost(&mut self, base: SocketAddr, network: NetworkCost, role: Role) {
        for local in self.locals.iter_mut().filter(|local| local.candidate.base == base) {
            local.candidate.network = network;
        }
        self.reprioritize(role);
    }

    /// The peer says what the interface of a candidate costs that only its checks have shown.
    pub(crate) fn set_remote_cost(&mut self, id: RemoteId, network: NetworkCost, role: Role) {
        let known = self.remotes.iter_mut().find(|remote| remote.id == id);
        if let Some(remote) = known.filter(|remote| {
            remote.candidate.kind == CandidateKind::PeerReflexive && remote.candidate.network != network
        }) {
            remote.candidate.network = network;
            self.reprioritize(role);
        }
    }

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

    fn foundation(&self, local: LocalId, remote: RemoteId) -> Option<(u32, u32)> {
        let local = self.locals.iter().find(|candidate| candidate.id == local)?;
        let remote = self.remotes.iter().find(|candidate| candidate.id == remote)?;
        Some((local.foundation, remote.foundation))
    }

    fn fresh_id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }
}

/// Whether a local candidate sends from its own address: host and relayed ones.
fn is_base(local: &Candidate) -> bool {
    matches!(local.kind, CandidateKind::Host | CandidateKind::Relayed)
}

#[cfg(test)]
mod tests;
