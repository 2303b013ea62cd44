//! Which pair carries the data, and what that means for the state.

use drywire_core::{Duration, Instant, Path};

use crate::consent::Consent;
use crate::pair::{CandidatePair, PairId, PairState, Rank};
use crate::state::Condition;
use crate::timer::Timer;
use crate::{
    Agent, Candidate, CandidateKind, CandidatePairInfo, Event, FailureReason, PairHistory, Role,
    SelectionReason, StateReason,
};

/// The pair in use.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    /// `None`: a pair of the time before a restart that has not completed.
    pub(crate) pair: Option<PairId>,
    pub(crate) path: Path,
    pub(crate) local: Candidate,
    pub(crate) remote: Candidate,
    pub(crate) priority: u64,
    pub(crate) rank: Rank,
    pub(crate) nominated: bool,
    pub(crate) rtt: Option<Duration>,
    pub(crate) consent: Consent,
    /// What had happened to the pair when it was selected.
    history: PairHistory,
}

impl Selected {
    pub(crate) const fn history(&self) -> &PairHistory {
        &self.history
    }

    /// What may be known of it; `history` is the one of the pair, if that is still there.
    pub(crate) fn info(&self, history: Option<&PairHistory>) -> CandidatePairInfo {
        let history = history.unwrap_or(&self.history).clone();
        let answered_at = history.last_answered_at.unwrap_or(history.formed_at);
        CandidatePairInfo {
            local: self.local.clone(),
            remote: self.remote.clone(),
            path: self.path,
            state: PairState::Succeeded,
            reason: StateReason::Answered(answered_at),
            nominated: self.nominated,
            priority: self.priority,
            rtt: self.rtt,
            history,
        }
    }
}

impl Agent {
    /// Selects the pair to use: the chosen one; before one is chosen the best valid one; when the one in use is silent,
    /// one that answers.
    pub(crate) fn select(&mut self, now: Instant) {
        self.drop_expired(now);
        if self.is_in_doubt(now) {
            self.call_for_help();
        }
        if self.is_silent(now) {
            if let Some(other) = self.answering(now) {
                self.leave_selected(now, FailureReason::Silent);
                // Its nomination, if there was one, is an old one: it takes a new one to bring the peer there.
                if let Some(pair) = self.checklist.pair_mut(other) {
                    pair.nomination = None;
                }
                self.use_pair(now, other, SelectionReason::Fallback);
            }
            return;
        }
        let timeout = self.config.consent_timeout;
        let alive = |pair: &&CandidatePair| pair.is_alive(now, timeout);
        let chosen = self.chosen.and_then(|id| self.checklist.pair(id)).filter(alive).map(|pair| pair.id);
        if let Some(chosen) = chosen {
            if self.selected.as_ref().is_some_and(|selected| selected.pair.is_none()) {
                self.retired = self.selected_path();
            }
            let reason = match self.role {
                Role::Controlling => SelectionReason::Nominated,
                Role::Controlled => SelectionReason::NominatedByPeer,
            };
            self.use_pair(now, chosen, reason);
            // RFC 8445, section 9: the restart is complete, and the old credentials are no longer good (attack A12).
            self.previous = None;
            return;
        }
        // The old pair stays until a new one is chosen.
        if self.selected.as_ref().is_none_or(|selected| selected.pair.is_some()) {
            let best = self.checklist.pairs().iter().filter(alive).max_by_key(|pair| pair.rank());
            if let Some(best) = best.map(|pair| pair.id) {
                self.use_pair(now, best, SelectionReason::BestValid);
            }
        }
    }

    /// The state that all this amounts to.
    pub(crate) fn condition(&self, now: Instant) -> Condition {
        let open = self.checklist.pairs().iter().any(CandidatePair::is_open);
        let Some(selected) = &self.selected else {
            return match &self.remote {
                _ if self.is_roaming(now) => Condition::Roaming,
                _ if self.consent_lost => Condition::Exhausted,
                None => Condition::Idle,
                // RFC 8863, section 4: peer-reflexive candidates may come up until patience is over.
                Some(_) if self.patience_over && (!open || self.config.lite) => Condition::Exhausted,
                Some(_) => Condition::Searching,
            };
        };
        if self.is_silent(now) {
            return Condition::Silent;
        }
        let floor = self.least_wanted();
        let busy = self.checklist.pairs().iter().any(|pair| pair.is_open() && pair.rank() > floor);
        let restarting = selected.pair.is_none();
        if selected.nominated && self.remote_ended && !busy && !restarting {
            Condition::Settled
        } else {
            Condition::Usable
        }
    }

    /// Consent of the pair in use has expired: stop sending at once (RFC 7675, section 5.1).
    fn drop_expired(&mut self, now: Instant) {
        if !self.selected.as_ref().is_some_and(|selected| selected.consent.is_expired(now)) {
            return;
        }
        self.leave_selected(now, FailureReason::ConsentExpired);
        let timeout = self.config.consent_timeout;
        let hope = self.remote.is_none() || self.previous.take().is_some();
        self.consent_lost = !hope && !self.checklist.pairs().iter().any(|pair| pair.is_alive(now, timeout));
    }

    /// The path in use is gone for good: no time is lost waiting for it.
    pub(crate) fn lose_selected(&mut self, now: Instant, reason: FailureReason) {
        self.call_for_help();
        self.leave_selected(now, reason);
        // The peer may have a way, too: it is given the time that it had at the beginning (RFC 8863, section 4).
        self.patience_over = false;
        self.timers.arm(Timer::Patience, now + self.config.patience);
    }

    /// Gives up the pair in use.
    fn leave_selected(&mut self, now: Instant, reason: FailureReason) {
        let Some(left) = self.selected.take() else { return };
        if self.chosen == left.pair {
            self.chosen = None;
        }
        if let Some(pair) = left.pair.and_then(|id| self.checklist.pair_mut(id)) {
            pair.fail(now, reason);
        }
    }

    fn use_pair(&mut self, now: Instant, id: PairId, reason: SelectionReason) {
        let Some(pair) = self.checklist.pair(id) else { return };
        let (nominated, path) = (pair.nominated, pair.path);
        if let Some(selected) = &mut self.selected
            && selected.pair == Some(id)
        {
            selected.nominated = nominated;
            selected.priority = pair.priority;
            selected.rank = pair.rank();
            selected.rtt = selected.rtt.or(pair.rtt);
            // The peer may have signalled meanwhile what its check had shown (RFC 8838, section 11.4).
            if selected.remote.kind == CandidateKind::PeerReflexive
                && let Some(remote) = self.checklist.remote(pair.remote)
                && remote.kind != CandidateKind::PeerReflexive
            {
                selected.remote = remote.clone();
            }
            if reason != SelectionReason::BestValid {
                self.remember_selection(now, path, reason);
            }
            return;
        }
        let Some(info) = self.info(pair) else { return };
        let (answered, rank) = (pair.answered_at.unwrap_or(now), pair.rank());
        let interval = self.consent_interval();
        let consent = Consent::new(&self.config, answered, interval);
        if self.selected_path() != Some(info.path) {
            tracing::debug!(path = %info.path, nominated, "ice selected path");
            self.tell(Event::SelectedPathChanged(info.path));
        }
        self.remember_selection(now, path, reason);
        self.roaming_until = None;
        if self.selected.as_ref().is_some_and(|before| before.rank > rank) {
            // The peer knows why; something has changed. What is better than this, and has not been heard of for a while, may
            // work now, and a translator may wait for a check of ours to let those of the peer in.
            self.checklist.retry_above(rank, now, self.config.consent_timeout);
        }
        self.selected = Some(Selected {
            pair: Some(id),
            path: info.path,
            local: info.local,
            remote: info.remote,
            priority: info.priority,
            rank,
            nominated,
            rtt: info.rtt,
            consent,
            history: info.history,
        });
    }

    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        self.selected
            .as_ref()
            .is_some_and(|selected| selected.consent.is_silent(&self.config, selected.rtt, now))
    }

    /// Whether answers are overdue, although not for so long that the path counts as silent.
    fn is_in_doubt(&self, now: Instant) -> bool {
        self.selected.as_ref().is_some_and(|selected| {
            selected.consent.help_at(&self.config, selected.rtt).is_some_and(|at| at <= now)
        })
    }

    /// The best pair, other than the silent one in use, that was answered since the silence began.
    fn answering(&self, now: Instant) -> Option<PairId> {
        let selected = self.selected.as_ref()?;
        let since = selected.consent.unanswered_since()?;
        let timeout = self.config.consent_timeout;
        self.checklist
            .pairs()
            .iter()
            .filter(|pair| Some(pair.id) != selected.pair && pair.is_alive(now, timeout))
            .filter(|pair| pair.answered_at.is_some_and(|at| at >= since))
            .max_by_key(|pair| (pair.nominated, pair.rank()))
            .map(|pair| pair.id)
    }

    /// Checks all other pairs anew, once in a silence. None waits for another of its foundation: a check takes longer to fail
    /// than consent lasts.
    fn call_for_help(&mut self) {
        let Some(selected) = &mut self.selected else { return };
        if std::mem::replace(&mut selected.consent.called_for_help, true) {
            return;
        }
        let in_use = selected.pair;
        for pair in self.checklist.pairs_mut() {
            if Some(pair.id) != in_use
                && matches!(pair.state, PairState::Frozen | PairState::Succeeded | PairState::Failed)
            {
                pair.state = PairState::Waiting;
                pair.check = None;
                pair.nominate = false;
            }
        }
    }
}
