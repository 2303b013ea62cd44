//! What an agent remembers of its pairs, so that it can say why things are as they are.

use std::collections::VecDeque;
use std::net::SocketAddr;

use drywire_core::{Instant, Path, Protocol};

use crate::pair::{CandidatePair, PairState};
use crate::{Agent, CandidatePairInfo};

/// How many discarded candidates and pairs, and how many selections are remembered: the latest.
const MAX_REMEMBERED: usize = 32;

/// What has happened to a pair, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PairHistory {
    /// When the pair came into the checklist.
    pub formed_at: Instant,
    /// When a check of it was first sent.
    pub first_sent_at: Option<Instant>,
    /// When a check of it was last sent, again or anew.
    pub last_sent_at: Option<Instant>,
    /// How many checks were sent, retransmissions included, consent checks not.
    pub checks_sent: u32,
    /// How many authentic checks of the peer came along it.
    pub requests_received: u32,
    /// When the last of those came.
    pub last_request_at: Option<Instant>,
    /// When a check was first answered.
    pub first_answered_at: Option<Instant>,
    /// When a check, be it one for consent, was last answered.
    pub last_answered_at: Option<Instant>,
    /// When the controlling agent's latest choice of it took effect.
    pub nominated_at: Option<Instant>,
    /// How often the peer refused a check for its role (487, RFC 8445, section 7.2.5.1).
    pub role_conflicts: u32,
    /// How often the pair failed.
    pub failures: u32,
    /// The latest failure, which a later success does not erase.
    pub failure: Option<Failure>,
}

impl PairHistory {
    pub(crate) const fn new(formed_at: Instant) -> Self {
        Self {
            formed_at,
            first_sent_at: None,
            last_sent_at: None,
            checks_sent: 0,
            requests_received: 0,
            last_request_at: None,
            first_answered_at: None,
            last_answered_at: None,
            nominated_at: None,
            role_conflicts: 0,
            failures: 0,
            failure: None,
        }
    }

    pub(crate) fn sent(&mut self, now: Instant) {
        self.first_sent_at.get_or_insert(now);
        self.last_sent_at = Some(now);
        self.checks_sent = self.checks_sent.saturating_add(1);
    }

    pub(crate) fn requested(&mut self, now: Instant) {
        self.last_request_at = Some(now);
        self.requests_received = self.requests_received.saturating_add(1);
    }

    pub(crate) fn answered(&mut self, now: Instant) {
        self.first_answered_at.get_or_insert(now);
        self.last_answered_at = Some(now);
    }

    pub(crate) fn failed(&mut self, at: Instant, reason: FailureReason) {
        self.failure = Some(Failure { at, reason });
        self.failures = self.failures.saturating_add(1);
    }
}

/// That a pair failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Failure {
    /// When.
    pub at: Instant,
    /// Why.
    pub reason: FailureReason,
}

/// Why a pair failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureReason {
    /// No transmission of its check was answered (RFC 8445, section 7.2.5.2.3).
    Timeout,
    /// As `Timeout`, and the network said that nobody is there: see [`Agent::path_unreachable`].
    Unreachable,
    /// As `Timeout`, but authentic answers came along another path than the check went (RFC 8445,
    /// section 7.2.5.2.1).
    Asymmetric,
    /// As `Timeout`, but answers came whose integrity was wrong: the peer has other credentials than we know.
    Unauthentic,
    /// The peer answered with this error code (RFC 8445, section 7.2.5.2.4).
    Refused(u16),
    /// It was in use and fell silent, and another one answered.
    Silent,
    /// It was in use, and the peer's consent expired (RFC 7675, section 5.1).
    ConsentExpired,
    /// Its TCP connection could not be opened.
    ConnectFailed,
    /// Its TCP connection is gone.
    ConnectionLost,
    /// Our candidate is gone: see [`Agent::remove_local_candidates`].
    LocalGone,
    /// The agent failed or was closed before an answer came.
    Stopped,
}

/// Why a pair is in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateReason {
    /// Not checked yet: the peer's credentials are unknown.
    NoCredentials,
    /// Not checked: a lite agent sends no checks (RFC 8445, section 2.5).
    Lite,
    /// Not checked: a better pair is in use (RFC 8445, section 8.1.2).
    BetterInUse,
    /// Frozen: another pair of its foundation goes first (RFC 8445, section 6.1.2.6).
    FoundationBusy,
    /// Waiting: its turn has not come (RFC 8445, section 6.1.4.2).
    Paced,
    /// Waiting, ahead of others: the peer's check asked for one in return, or it is to be nominated (RFC 8445,
    /// section 6.1.4.1).
    Triggered,
    /// In progress: its TCP connection is being opened.
    Connecting,
    /// In progress: `sent` transmissions of its checks, the first of them at `since`, await an answer.
    Unanswered {
        /// When the check on its way was first sent.
        since: Instant,
        /// How often it was sent.
        sent: u32,
    },
    /// Succeeded: a check was answered then. Of a lite agent: the peer chose it then.
    Answered(Instant),
    /// Failed.
    Failed(Failure),
}

/// Why datagrams go along a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SelectionReason {
    /// Nothing is nominated yet, and of the pairs that work it is the best.
    BestValid,
    /// We nominated it, as the controlling agent.
    Nominated,
    /// The peer nominated it, as the controlling agent.
    NominatedByPeer,
    /// The pair in use fell silent, and this one answered.
    Fallback,
}

/// That a path was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {
    /// When.
    pub at: Instant,
    /// Where datagrams go since.
    pub path: Path,
    /// Why.
    pub reason: SelectionReason,
}

/// A candidate that was not taken, or a pair that is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// When.
    pub at: Instant,
    /// The transport protocol.
    pub protocol: Protocol,
    /// Our address, of a pair or of a candidate of ours.
    pub local: Option<SocketAddr>,
    /// The peer's address, of a pair or of a candidate of the peer.
    pub remote: Option<SocketAddr>,
    /// Why.
    pub reason: DiscardReason,
    /// Of a pair that had failed before, why.
    pub failure: Option<Failure>,
}

/// Why a candidate or a pair was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiscardReason {
    /// Nothing can be sent to the address: multicast, unspecified, port 0 and the like.
    Unusable,
    /// [`Config::accept_remote`](crate::Config::accept_remote) refuses the address.
    PolicyDenied,
    /// Our candidate is gone: see [`Agent::remove_local_candidates`].
    LocalGone,
    /// It belongs to another generation than the remote credentials in use.
    Generation,
    /// There were as many candidates as the configuration allows.
    TooManyCandidates,
    /// There were as many pairs as the configuration allows, and the others are better (RFC 8445, section 6.1.2.5).
    TooManyPairs,
    /// A reflexive candidate is not paired itself: its base is, which is the same way (RFC 8445, section 6.1.2.4).
    Redundant,
}

/// The latest of something, a bounded number.
#[derive(Clone, Debug)]
pub(crate) struct Latest<T>(VecDeque<T>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Latest<T> {
    pub(crate) fn push(&mut self, entry: T) {
        if self.0.len() >= MAX_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.0.back()
    }
}

impl Agent {
    /// All pairs of the current generation, each with its history.
    pub fn pairs(&self) -> impl Iterator<Item = CandidatePairInfo> {
        self.checklist.pairs().iter().filter_map(|pair| self.info(pair))
    }

    /// The latest changes of the selected path and of the reason for it, oldest first; at most 32. The last one is
    /// about the path in use, if one is in use.
    pub fn selections(&self) -> impl Iterator<Item = &Selection> {
        self.selections.iter()
    }

    /// The latest candidates and pairs that are not in the checklist although they were signalled, gathered or
    /// revealed by checks, oldest first; at most 32.
    pub fn discarded(&self) -> impl Iterator<Item = &Discarded> {
        self.checklist.discarded.iter()
    }

    /// The network says that a path leads nowhere: an ICMP error, or an error of the socket. It explains why checks
    /// fail, but ends none: anybody can forge an ICMP error, and the peer's socket may be about to open (RFC 8445,
    /// section 7.2.5.2.2, leaves it to the agent).
    pub fn path_unreachable(&mut self, now: Instant, path: Path) {
        self.advance(now);
        self.suspect(path, FailureReason::Unreachable);
    }

    /// If the check on its way along a path fails for want of an answer, this is the reason.
    pub(crate) fn suspect(&mut self, path: Path, reason: FailureReason) {
        let pair = self.checklist.pair_on(path).and_then(|id| self.checklist.pair_mut(id));
        if let Some(check) = pair.and_then(|pair| pair.check.as_mut())
            && check.suspicion != Some(FailureReason::Asymmetric)
        {
            check.suspicion = Some(reason);
        }
    }

    pub(crate) fn info(&self, pair: &CandidatePair) -> Option<CandidatePairInfo> {
        Some(CandidatePairInfo {
            local: self.checklist.local(pair.local)?.clone(),
            remote: self.checklist.remote(pair.remote)?.clone(),
            path: pair.path,
            state: pair.state,
            reason: self.state_reason(pair),
            nominated: pair.nominated,
            priority: pair.priority,
            rtt: pair.rtt,
            history: pair.history.clone(),
        })
    }

    fn state_reason(&self, pair: &CandidatePair) -> StateReason {
        let formed_at = pair.history.formed_at;
        match pair.state {
            PairState::Succeeded => {
                StateReason::Answered(pair.answered_at.or(pair.history.last_answered_at).unwrap_or(formed_at))
            }
            PairState::Failed => StateReason::Failed(
                pair.history.failure.unwrap_or(Failure { at: formed_at, reason: FailureReason::Stopped }),
            ),
            PairState::InProgress => match &pair.check {
                Some(check) => StateReason::Unanswered { since: check.sent_at, sent: check.schedule.sent() },
                None => StateReason::Connecting,
            },
            PairState::Frozen | PairState::Waiting if self.config.lite => StateReason::Lite,
            PairState::Frozen | PairState::Waiting if self.remote.is_none() => StateReason::NoCredentials,
            PairState::Waiting if self.checklist.is_triggered(pair.id) => StateReason::Triggered,
            _ if pair.rank() <= self.least_wanted() => StateReason::BetterInUse,
            PairState::Waiting => StateReason::Paced,
            PairState::Frozen => StateReason::FoundationBusy,
        }
    }

    pub(crate) fn remember_selection(&mut self, at: Instant, path: Path, reason: SelectionReason) {
        let same = |last: &Selection| last.path == path && last.reason == reason;
        if !self.selections.last().is_some_and(same) {
            self.selections.push(Selection { at, path, reason });
        }
    }
}
