use drywire_core::{Instant, TimerIndex};

use crate::Agent;
use crate::pair::PairState;

/// The timers of an agent. What is to be sent has its own, [`Agent::send_at`], because it stays due until it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The earliest retransmission of all checks.
    Retransmission,
    /// The selected path becomes silent, or its consent expires.
    Liveness,
    /// The wait for a first pair ends (RFC 8863).
    Patience,
}

impl TimerIndex for Timer {
    const ALL: &'static [Self] = &[Self::Retransmission, Self::Liveness, Self::Patience];

    fn index(self) -> usize {
        match self {
            Self::Retransmission => 0,
            Self::Liveness => 1,
            Self::Patience => 2,
        }
    }
}

impl Agent {
    /// Does what has expired. What follows from it is drawn by `settle`.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Retransmission => self.expire_checks(now),
                Timer::Liveness => {}
                Timer::Patience => {
                    self.patience_over = true;
                    self.retry_restart(now);
                }
            }
        }
    }

    fn expire_checks(&mut self, now: Instant) {
        let floor = self.least_wanted();
        for pair in self.checklist.pairs_mut() {
            let nominates = pair.check.is_some_and(|check| check.use_candidate) || pair.chosen_at.is_some();
            if pair.rank() <= floor && !pair.valid && !nominates && pair.check.is_some() {
                // RFC 8445, section 8.1.2: a better pair is in use; stop retransmitting.
                pair.check = None;
                pair.state = PairState::Frozen;
            } else {
                pair.expire(now);
            }
        }
    }

    /// Arms all timers but the patience, which runs by itself.
    pub(crate) fn arm(&mut self, now: Instant) {
        self.send_at = self.next_due(now).map(|(at, _)| at);
        match self.checklist.next_retransmission() {
            Some(at) => self.timers.arm(Timer::Retransmission, at),
            None => self.timers.disarm(Timer::Retransmission),
        }
        match self.next_liveness(now) {
            Some(at) => self.timers.arm(Timer::Liveness, at),
            None => self.timers.disarm(Timer::Liveness),
        }
    }

    fn next_liveness(&self, now: Instant) -> Option<Instant> {
        let Some(selected) = &self.selected else { return self.roaming_until.filter(|at| *at > now) };
        let consent = &selected.consent;
        let help = consent.help_at(&self.config, selected.rtt);
        let silent = consent.silent_at(&self.config, selected.rtt);
        let soon = [help, silent].into_iter().flatten().filter(|at| *at > now).min();
        Some(soon.map_or(consent.expires(), |at| at.min(consent.expires())))
    }

    /// Nothing is to be done any more.
    pub(crate) fn fall_silent(&mut self, now: Instant) {
        self.timers.clear();
        self.send_at = None;
        self.selected = None;
        self.retired = None;
        self.roaming_until = None;
        self.previous = None;
        self.chosen = None;
        self.replies.clear();
        for pair in self.checklist.pairs_mut() {
            pair.stop(now);
            pair.answered_at = None;
        }
    }
}
