mod bounds;
mod order;

use std::collections::VecDeque;
use std::net::SocketAddr;

use drywire_core::{Instant, Path, Protocol};

use drywire_stun::attributes::NetworkCost;

use crate::candidate::can_pair;
use crate::history::Latest;
use crate::pair::{CandidatePair, LocalId, PairId, PairState, RemoteId};
use crate::tcp::Connection;
use crate::{Candidate, CandidateKind, DiscardReason, Discarded, PairHistory, Role};

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

    /// The number of a local candidate, if it is there.
    pub(crate) fn id_of(&self, candidate: &Candidate) -> Option<LocalId> {
        let is_it = |own: &Candidate| {
            (own.protocol, own.base, own.address) == (candidate.protocol, candidate.base, candidate.address)
        };
        self.locals.iter().find(|local| is_it(&local.candidate)).map(|local| local.id)
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
