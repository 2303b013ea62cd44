use std::cmp::Reverse;

use drywire_core::{Duration, Instant, Path};
use drywire_stun::{Expired, Retransmission, RetransmissionConfig, TransactionId};

use crate::select::Selected;
use crate::tcp::Connection;
use crate::{Candidate, FailureReason, PairHistory, Role, StateReason};

/// The number of a local candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalId(pub(crate) u32);

/// The number of a remote candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RemoteId(pub(crate) u32);

/// The number of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PairId(pub(crate) u32);

/// How far the checks of a pair have come (RFC 8445, section 6.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairState {
    /// Waits for another pair of its foundation.
    Frozen,
    /// Waits for its turn.
    Waiting,
    /// A check is on its way.
    InProgress,
    /// A check was answered.
    Succeeded,
    /// The checks were not answered, or refused.
    Failed,
}

/// What an application may know about a pair.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CandidatePairInfo {
    /// Our candidate.
    pub local: Candidate,
    /// The peer's.
    pub remote: Candidate,
    /// Where its datagrams go.
    pub path: Path,
    /// How far its checks have come.
    pub state: PairState,
    /// Why it is in that state.
    pub reason: StateReason,
    /// Whether the controlling agent chose it.
    pub nominated: bool,
    /// Its priority (RFC 8445, section 6.1.2.3).
    pub priority: u64,
    /// The smoothed round-trip time of its checks.
    pub rtt: Option<Duration>,
    /// What has happened to it.
    pub history: PairHistory,
}

/// The request of a pair that is on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) id: TransactionId,
    /// The role that it claims.
    pub(crate) role: Role,
    /// Whether it nominates.
    pub(crate) use_candidate: bool,
    /// The number of the nomination.
    pub(crate) nomination: Option<u32>,
    pub(crate) sent_at: Instant,
    /// When the last transmission went.
    pub(crate) last_sent: Instant,
    pub(crate) schedule: Retransmission,
    /// It is to be sent again at the next poll.
    pub(crate) due: bool,
    /// The peer's check came: ours is to be sent again then, ahead of its schedule.
    again_at: Option<Instant>,
    /// It was so before.
    hastened: bool,
    /// What will have been the reason if no answer comes.
    pub(crate) suspicion: Option<FailureReason>,
}

impl Check {
    pub(crate) fn start(
        id: TransactionId,
        role: Role,
        use_candidate: bool,
        config: RetransmissionConfig,
        now: Instant,
    ) -> Self {
        let schedule = Retransmission::start(config, now);
        Self {
            id,
            role,
            use_candidate,
            nomination: None,
            sent_at: now,
            last_sent: now,
            schedule,
            due: false,
            again_at: None,
            hastened: false,
            suspicion: None,
        }
    }

    /// When there is something to do if no answer comes.
    pub(crate) fn deadline(&self) -> Instant {
        self.again_at.map_or(self.schedule.deadline(), |at| at.min(self.schedule.deadline()))
    }

    /// Something wants to ride on another transmission: send it again at that time at the latest.
    pub(crate) fn again_by(&mut self, at: Instant) {
        self.again_at = Some(self.again_at.map_or(at, |known| known.min(at)));
    }

    /// The peer's check came along the same way, so that ours, if it was lost at a NAT or a relay that was closed then, has a
    /// better chance now: send it again (RFC 8445, section 7.3.1.4). The first time at once, later not within `Ta` of the
    /// last time.
    pub(crate) fn hasten(&mut self, now: Instant, pace: Duration) {
        let at_once = !std::mem::replace(&mut self.hastened, true) && self.last_sent < now;
        let at = if at_once { now } else { self.last_sent + pace };
        self.again_at.get_or_insert(at);
    }

    /// The round-trip time that an answer at `now` shows. Which transmission was answered is not always clear: then the
    /// time since the first counts, which is never too short, and nothing if it could be more than twice too long.
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        let most = now.saturating_duration_since(self.sent_at);
        let least = now.saturating_duration_since(self.last_sent);
        (most <= least.saturating_mul(2)).then_some(most)
    }
}

/// How good a pair is: cheap before all, then by its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    cost: Reverse<u32>,
    priority: u64,
}

impl Rank {
    /// Below all pairs.
    pub(crate) const LEAST: Self = Self { cost: Reverse(u32::MAX), priority: 0 };
}

/// A local and a remote candidate, and what is known about the way between them.
#[derive(Clone, Debug)]
pub(crate) struct CandidatePair {
    pub(crate) id: PairId,
    pub(crate) local: LocalId,
    pub(crate) remote: RemoteId,
    /// The numbers of the foundations of both.
    pub(crate) foundation: (u32, u32),
    pub(crate) path: Path,
    pub(crate) priority: u64,
    /// What the interfaces of both sides cost.
    pub(crate) cost: u32,
    pub(crate) state: PairState,
    /// In the valid list: a check was answered, and nothing speaks against the pair since.
    pub(crate) valid: bool,
    /// Whether datagrams can go along the path.
    pub(crate) connection: Connection,
    pub(crate) check: Option<Check>,
    /// The next check of this pair is to nominate it.
    pub(crate) nominate: bool,
    /// The controlling agent chose it, and the check has succeeded.
    pub(crate) nominated: bool,
    /// When the peer last chose it.
    pub(crate) chosen_at: Option<Instant>,
    /// The number of its latest nomination, if the controlling agent numbers them.
    pub(crate) nomination: Option<u32>,
    /// The check that was answered last.
    pub(crate) answered: Option<TransactionId>,
    /// When a check was last answered.
    pub(crate) answered_at: Option<Instant>,
    pub(crate) rtt: Option<Duration>,
    pub(crate) history: PairHistory,
}

impl CandidatePair {
    /// RFC 8445, section 6.1.2.3.
    pub(crate) fn priority(role: Role, local: u32, remote: u32) -> u64 {
        let (controlling, controlled) = match role {
            Role::Controlling => (local, remote),
            Role::Controlled => (remote, local),
        };
        // A peer may claim a priority past the 2^31 - 1 of the RFC.
        (u64::from(controlling.min(controlled)) << 32)
            .saturating_add(2 * u64::from(controlling.max(controlled)))
            .saturating_add(u64::from(controlling > controlled))
    }

    /// Whether the pair may carry data at `now`: valid, and its consent not expired.
    pub(crate) fn is_alive(&self, now: Instant, timeout: Duration) -> bool {
        self.valid && self.answered_at.is_some_and(|at| now < at + timeout)
    }

    /// How good the pair is, compared with others.
    pub(crate) const fn rank(&self) -> Rank {
        Rank { cost: Reverse(self.cost), priority: self.priority }
    }

    /// It is the path in use of before a restart that was taken back.
    pub(crate) fn resume(&mut self, selected: &Selected) {
        self.path = selected.path;
        self.state = PairState::Succeeded;
        self.valid = true;
        self.connection = Connection::Open;
        self.nominated = selected.nominated;
        self.answered_at = Some(selected.consent.renewed());
        self.rtt = selected.rtt;
        self.history = selected.history().clone();
    }

    /// Whether its checks can still bring something.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.state, PairState::Frozen | PairState::Waiting | PairState::InProgress)
    }

    /// Takes a round-trip time into the average (RFC 6298, section 2).
    pub(crate) fn measure(&mut self, rtt: Option<Duration>) {
        smooth(&mut self.rtt, rtt);
    }

    /// Gives the pair up.
    pub(crate) fn fail(&mut self, now: Instant, reason: FailureReason) {
        self.history.failed(now, reason);
        self.withdraw();
    }

    /// The agent stops: the pair is given up, if that has not happened yet.
    pub(crate) fn stop(&mut self, now: Instant) {
        if self.state != PairState::Failed {
            self.history.failed(now, FailureReason::Stopped);
        }
        self.withdraw();
    }

    fn withdraw(&mut self) {
        self.state = PairState::Failed;
        self.valid = false;
        self.nominated = false;
        self.nominate = false;
        self.chosen_at = None;
        self.nomination = None;
        self.check = None;
    }

    /// Lets the time pass for the check on its way.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.expire_connection(now);
        let Some(check) = &mut self.check else { return };
        if check.again_at.is_some_and(|at| at <= now) {
            check.again_at = None;
            check.due = true;
        }
        match check.schedule.expire(now) {
            None => {}
            Some(Expired::Retransmit) => check.due = true,
            // RFC 8445, section 7.2.5.2.3: no response, the pair has failed. So has a nomination (section 8.1.1).
            Some(Expired::TimedOut) => {
                let reason = check.suspicion.unwrap_or(FailureReason::Timeout);
                self.fail(now, reason);
            }
        }
    }
}

pub(crate) fn smooth(average: &mut Option<Duration>, sample: Option<Duration>) {
    if let Some(sample) = sample {
        *average = Some(average.map_or(sample, |average| (average * 7 + sample) / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_agents_compute_the_same_priority() {
        for (a, b) in [(1, 2), (2, 1), (7, 7), (u32::MAX, 1), (u32::MAX, u32::MAX)] {
            let ours = CandidatePair::priority(Role::Controlling, a, b);
            assert_eq!(ours, CandidatePair::priority(Role::Controlled, b, a));
        }
        assert_eq!(CandidatePair::priority(Role::Controlling, 2, 1), (1 << 32) + 4 + 1);
        assert_eq!(CandidatePair::priority(Role::Controlled, 2, 1), (1 << 32) + 4);
    }
}
