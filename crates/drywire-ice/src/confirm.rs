//! Taking the responses to our checks (RFC 8445, section 7.2.5).

use std::net::SocketAddr;

use drywire_core::{Instant, Path};
use drywire_stun::attributes::ErrorCode;
use drywire_stun::{Class, Message, TransactionId};

use crate::credentials::RemoteCredentials;
use crate::pair::{CandidatePair, LocalId, PairId, PairState, smooth};
use crate::{Agent, Candidate, CandidateKind, FailureReason, Role};

impl Agent {
    /// A response. It counts only if it answers a check that is on its way, came along the same path (RFC 8445,
    /// section 7.2.5.2.1), and is signed with the peer's password (attack A06).
    pub(crate) fn receive_response(&mut self, now: Instant, path: Path, message: &Message<'_>) {
        let id = message.transaction_id();
        if self.selected.as_ref().is_some_and(|selected| selected.consent.is_awaiting(id)) {
            self.receive_consent(now, path, message);
            return;
        }
        let awaiting = |pair: &&CandidatePair| pair.check.is_some_and(|check| check.id == id);
        let Some((pair, expected)) =
            self.checklist.pairs().iter().find(awaiting).map(|pair| (pair.id, pair.path))
        else {
            if !self.receive_repetition(path, message) {
                self.stats.unmatched += 1;
            }
            return;
        };
        let authentic = |remote: &RemoteCredentials| message.check_integrity(&remote.key).is_ok();
        let authentic = self.remote.as_ref().is_some_and(authentic);
        if path != expected {
            self.stats.unmatched += 1;
            if authentic {
                self.suspect(expected, FailureReason::Asymmetric);
            }
            return;
        }
        if !authentic {
            self.stats.unauthenticated += 1;
            self.suspect(expected, FailureReason::Unauthentic);
            return;
        }
        self.stats.responses_received += 1;
        if message.class() == Class::Error {
            self.refused(now, pair, message);
        } else {
            self.succeeded(now, pair, message);
        }
    }

    /// One more response to a check that was sent more than once and is answered already. All that it can bring is what
    /// rides on it.
    fn receive_repetition(&mut self, path: Path, message: &Message<'_>) -> bool {
        let id = message.transaction_id();
        let known = self.checklist.pairs().iter().any(|pair| pair.answered == Some(id) && pair.path == path);
        let authentic = |remote: &RemoteCredentials| message.check_integrity(&remote.key).is_ok();
        let taken = known
            && self.attachments.are_wanted()
            && message.class() == Class::Success
            && self.remote.as_ref().is_some_and(authentic);
        if taken {
            self.take_attachment(message);
        }
        taken
    }

    /// A check succeeded (RFC 8445, section 7.2.5.3).
    fn succeeded(&mut self, now: Instant, id: PairId, message: &Message<'_>) {
        let Some(mapped) = message.xor_mapped_address() else {
            self.stats.malformed += 1;
            return;
        };
        let role = self.role;
        let Some(pair) = self.checklist.pair_mut(id) else { return };
        let Some(check) = pair.check.take() else { return };
        pair.state = PairState::Succeeded;
        pair.valid = true;
        pair.answered_at = Some(now);
        pair.history.answered(now);
        pair.answered = Some(check.id);
        pair.measure(check.round_trip(now));
        let nominated = match role {
            // Section 8.1.1: the nomination is complete.
            Role::Controlling => check.use_candidate,
            // Section 7.3.1.5: the nomination came before the check was answered.
            Role::Controlled => pair.chosen_at.is_some(),
        };
        if check.use_candidate {
            pair.nominate = false;
        }
        let (local, path) = (pair.local, pair.path);
        self.take_attachment(message);
        if mapped != path.local {
            self.learn_own_address(now, local, path, mapped);
        }
        self.checklist.unfreeze(id);
        if nominated {
            self.choose(now, id);
        }
    }

    /// The peer sees us at an address that we did not know (RFC 8445, section 7.2.5.3.1). It is told for the
    /// statistics; datagrams keep going out from the base.
    fn learn_own_address(&mut self, now: Instant, local: LocalId, path: Path, mapped: SocketAddr) {
        if !self.has_room_for_local() {
            return;
        }
        let Some(base) = self.checklist.local(local) else { return };
        let mut candidate = Candidate::remote(
            path.protocol,
            CandidateKind::PeerReflexive,
            mapped,
            base.reflexive_priority(),
            base.foundation.clone(),
        );
        candidate.base = path.local;
        candidate.related = Some(path.local);
        self.checklist.add_local(now, candidate, self.role);
    }

    /// An authentic error (RFC 8445, section 7.2.5.1 and 7.2.5.2.4).
    fn refused(&mut self, now: Instant, id: PairId, message: &Message<'_>) {
        let code = message.attribute::<ErrorCode<'_>>().map_or(0, |error| error.code);
        let Some(pair) = self.checklist.pair_mut(id) else { return };
        let Some(check) = pair.check else { return };
        if code == ErrorCode::ROLE_CONFLICT.code {
            pair.history.role_conflicts = pair.history.role_conflicts.saturating_add(1);
            self.concede(check.role);
            self.checklist.trigger(id);
        } else {
            pair.fail(now, FailureReason::Refused(code));
        }
    }

    /// The peer insists on the role that a check of ours claimed: we take the other one, unless we have it already
    /// (RFC 8445, section 7.2.5.1). The new tie-breaker ends a conflict between equal ones (attack A13).
    fn concede(&mut self, claimed: Role) {
        if claimed == self.role && !self.must_control() {
            self.switch_role();
            self.tie_breaker = self.rng.u64();
        }
    }

    /// The answer to a consent check.
    fn receive_consent(&mut self, now: Instant, path: Path, message: &Message<'_>) {
        let interval = self.consent_interval();
        let Some(selected) = &mut self.selected else { return };
        let remote = match selected.pair {
            Some(_) => self.remote.as_ref(),
            None => self.previous.as_ref().map(|previous| &previous.remote),
        };
        if path != selected.path {
            self.stats.unmatched += 1;
            return;
        }
        if remote.is_none_or(|remote| message.check_integrity(&remote.key).is_err()) {
            self.stats.unauthenticated += 1;
            return;
        }
        if message.class() == Class::Error {
            // Not consent. A conflict that comes up only now is resolved as ever.
            let code = message.attribute::<ErrorCode<'_>>().map_or(0, |error| error.code);
            let claimed = selected.consent.refused(message.transaction_id());
            if let Some(claimed) = claimed.filter(|_| code == ErrorCode::ROLE_CONFLICT.code) {
                self.concede(claimed);
            }
            return;
        }
        self.stats.consent_responses_received += 1;
        let id: TransactionId = message.transaction_id();
        let Some((rtt, claimed)) = selected.consent.answered(&self.config, id, interval, now) else { return };
        smooth(&mut selected.rtt, Some(rtt));
        let Some(in_use) = selected.pair else { return };
        self.take_attachment(message);
        let Some(pair) = self.checklist.pair_mut(in_use) else { return };
        pair.answered_at = Some(now);
        pair.history.answered(now);
        pair.measure(Some(rtt));
        if pair.state == PairState::Failed {
            pair.state = PairState::Succeeded;
            pair.valid = true;
        }
        // The consent checks of the controlling agent nominate.
        if self.is_nominating_other() {
            return;
        }
        let Some(pair) = self.checklist.pair_mut(in_use) else { return };
        if claimed == Role::Controlling && self.role == Role::Controlling && !pair.nominated {
            pair.nominate = false;
            pair.check = pair.check.filter(|check| !check.use_candidate);
            self.choose(now, in_use);
        }
    }

    /// A request along the selected path, which is all the consent that a lite agent can have.
    pub(crate) fn renew_consent(&mut self, now: Instant, id: PairId) {
        let interval = self.config.consent_interval;
        if let Some(selected) = &mut self.selected
            && selected.pair == Some(id)
        {
            selected.consent.renew(&self.config, interval, now);
        }
    }

    /// The same while a restart is under way, by a request with the credentials of before.
    pub(crate) fn renew_previous_consent(&mut self, now: Instant, path: Path) {
        let (lite, interval) = (self.config.lite, self.config.consent_interval);
        if let Some(selected) = &mut self.selected
            && lite
            && selected.pair.is_none()
            && selected.path == path
        {
            selected.consent.renew(&self.config, interval, now);
        }
    }
}
