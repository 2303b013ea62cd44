//! Sending checks (RFC 8445, sections 6.1.4.2 and 7.2.4).

use drywire_core::{Duration, Instant, Path, Protocol, Transmit};
use drywire_stun::attributes::{
    IceControlled, IceControlling, NetworkCost, Nomination, Priority, UseCandidate, Username,
};
use drywire_stun::{Class, IntegrityAlgorithm, MessageBuilder, Method, RetransmissionConfig, TransactionId};

use crate::credentials::RemoteCredentials;
use crate::pair::{CandidatePair, Check, PairId, PairState, Rank};
use crate::{Agent, Attach, Role, attachment};

/// What is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Consent,
    Retransmission(PairId),
    Triggered,
    Ordinary(PairId),
}

/// What a request says.
struct Request {
    id: TransactionId,
    role: Role,
    tie_breaker: u64,
    priority: u32,
    use_candidate: bool,
    /// The number of the nomination, if the peer knows numbered ones.
    nomination: Option<u32>,
    network: NetworkCost,
    /// Whether the path that it goes along is valid already.
    is_valid: bool,
}

impl Agent {
    /// What is to be sent next, and when.
    pub(crate) fn next_due(&self, now: Instant) -> Option<(Instant, Due)> {
        let consent = self
            .selected
            .as_ref()
            .filter(|_| !self.config.lite)
            .map(|selected| (selected.consent.next(), Due::Consent));
        let check = self.next_check(now);
        match (consent, check) {
            (Some(consent), Some(check)) => Some(if check.0 < consent.0 { check } else { consent }),
            (consent, check) => consent.or(check),
        }
    }

    fn next_check(&self, now: Instant) -> Option<(Instant, Due)> {
        if self.config.lite || self.remote.is_none() {
            return None;
        }
        let ahead = self.pace.triggered_at().unwrap_or(now);
        let due = |pair: &&CandidatePair| pair.check.is_some_and(|check| check.due);
        if let Some(pair) = self.checklist.pairs().iter().find(due) {
            return Some((ahead, Due::Retransmission(pair.id)));
        }
        if self.checklist.has_triggered() {
            return Some((ahead, Due::Triggered));
        }
        let floor = self.least_wanted();
        let ordinary = self.checklist.next_ordinary(|pair| pair.rank() > floor)?;
        Some((self.pace.ordinary_at().unwrap_or(now), Due::Ordinary(ordinary)))
    }

    /// Pairs up to this rank are not checked on our own account: a better one is in use, and answers
    /// (RFC 8445, section 8.1.2).
    pub(crate) fn least_wanted(&self) -> Rank {
        match &self.selected {
            Some(selected)
                if selected.nominated && selected.pair.is_some() && !selected.consent.called_for_help =>
            {
                selected.rank
            }
            _ => Rank::LEAST,
        }
    }

    /// Sends what is due.
    pub(crate) fn send_due(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        attach: &mut dyn Attach,
    ) -> Option<Transmit> {
        match self.next_due(now).filter(|(at, _)| *at <= now)?.1 {
            Due::Consent => self.send_consent(now, out, attach),
            Due::Retransmission(pair) => self.send_retransmission(now, pair, out, attach),
            Due::Triggered => {
                let pair = self.checklist.next_triggered()?;
                self.send_check(now, pair, out, attach)
            }
            Due::Ordinary(pair) => self.send_check(now, pair, out, attach),
        }
    }

    /// Begins a check of a pair.
    fn send_check(
        &mut self,
        now: Instant,
        id: PairId,
        out: &mut Vec<u8>,
        attach: &mut dyn Attach,
    ) -> Option<Transmit> {
        if !self.has_connection(now, id) {
            return None;
        }
        let retransmission = match self.checklist.pair(id)?.path.protocol {
            Protocol::Tcp => self.tcp_schedule(),
            _ => RetransmissionConfig {
                rto: self.rto(),
                max_sent: self.config.max_sent,
                last_wait: self.config.last_wait,
            },
        };
        let transaction = TransactionId::random(&mut self.rng);
        let (role, renominates) = (self.role, self.renominates());
        let pair = self.checklist.pair_mut(id)?;
        let use_candidate = pair.nominate && role == Role::Controlling;
        pair.history.sent(now);
        let mut check = Check::start(transaction, role, use_candidate, retransmission, now);
        check.nomination = pair.nomination.filter(|_| renominates);
        pair.check = Some(check);
        if !(pair.state == PairState::Succeeded && use_candidate) {
            pair.state = PairState::InProgress;
        }
        self.stats.checks_sent += 1;
        self.write_check(now, id, out, attach)
    }

    /// Sends a check again: the same transaction, in the same words. Only what rides on it can be another thing: each
    /// transmission is answered for itself, by what the peer has to say then.
    fn send_retransmission(
        &mut self,
        now: Instant,
        id: PairId,
        out: &mut Vec<u8>,
        attach: &mut dyn Attach,
    ) -> Option<Transmit> {
        let pair = self.checklist.pair_mut(id)?;
        let check = pair.check.as_mut()?;
        check.due = false;
        check.last_sent = now;
        pair.history.sent(now);
        self.stats.checks_retransmitted += 1;
        self.write_check(now, id, out, attach)
    }

    fn write_check(
        &mut self,
        now: Instant,
        id: PairId,
        out: &mut Vec<u8>,
        attach: &mut dyn Attach,
    ) -> Option<Transmit> {
        self.pace.sent(now);
        let remote = self.remote.as_ref()?;
        let pair = self.checklist.pair(id)?;
        let check = pair.check.as_ref()?;
        let ours = self.checklist.local(pair.local)?;
        let request = Request {
            id: check.id,
            role: check.role,
            tie_breaker: self.tie_breaker,
            priority: ours.reflexive_priority(),
            use_candidate: check.use_candidate,
            nomination: check.nomination,
            network: ours.network,
            is_valid: self.is_valid_path(pair.path),
        };
        tracing::trace!(path = %pair.path, id = ?check.id, nominates = check.use_candidate, "ice check");
        let (transmit, again) = write(pair.path, &request, remote, out, attach)?;
        let udp = |pair: &&mut CandidatePair| pair.path.protocol != Protocol::Tcp;
        let pair = self.checklist.pair_mut(id).filter(udp);
        if let Some((check, after)) = pair.and_then(|pair| pair.check.as_mut()).zip(again) {
            check.again_by(now + after);
        }
        Some(transmit)
    }

    /// A check of the path in use, for consent (RFC 7675, section 5.1). That of the controlling agent nominates, be
    /// it again, so that the peer ends up where we are, whatever was lost.
    fn send_consent(&mut self, now: Instant, out: &mut Vec<u8>, attach: &mut dyn Attach) -> Option<Transmit> {
        let nominates = self.role == Role::Controlling && !self.is_nominating_other();
        let nomination = if nominates { self.number_consent() } else { None };
        let selected = self.selected.as_mut()?;
        let id = TransactionId::random(&mut self.rng);
        selected.consent.sent(&self.config, id, self.role, selected.rtt, now);
        self.stats.consent_checks_sent += 1;
        let remote = match selected.pair {
            Some(_) => self.remote.as_ref()?,
            None => &self.previous.as_ref()?.remote,
        };
        let request = Request {
            id,
            role: self.role,
            tie_breaker: self.tie_breaker,
            priority: selected.local.reflexive_priority(),
            use_candidate: nominates && selected.pair.is_some(),
            nomination,
            network: selected.local.network,
            is_valid: true,
        };
        Some(write(selected.path, &request, remote, out, attach)?.0)
    }

    /// RFC 8445, section 14.3.
    fn rto(&self) -> Duration {
        let busy = u32::try_from(self.checklist.busy()).unwrap_or(u32::MAX);
        self.config.rto.max(self.config.pace.saturating_mul(busy))
    }

    /// The time to the next consent check (RFC 7675, section 5.1).
    pub(crate) fn consent_interval(&mut self) -> Duration {
        self.config.consent_interval.saturating_mul(800 + self.rng.below(401)) / 1000
    }
}

/// Appends a Binding request; says how soon what rides on it wants another chance.
fn write(
    path: Path,
    request: &Request,
    remote: &RemoteCredentials,
    out: &mut Vec<u8>,
    attach: &mut dyn Attach,
) -> Option<(Transmit, Option<Duration>)> {
    let mut message = MessageBuilder::new(out, Class::Request, Method::BINDING, request.id);
    message.attribute(&Username(&remote.username)).attribute(&Priority(request.priority));
    match request.role {
        Role::Controlling => message.attribute(&IceControlling(request.tie_breaker)),
        Role::Controlled => message.attribute(&IceControlled(request.tie_breaker)),
    };
    match request.nomination.filter(|_| request.use_candidate) {
        // The draft, section 4: it takes the place of USE-CANDIDATE.
        Some(number) => drop(message.attribute(&Nomination(number))),
        None if request.use_candidate => drop(message.attribute(&UseCandidate)),
        None => {}
    }
    if request.network != NetworkCost(0) {
        message.attribute(&request.network);
    }
    let again = attachment::write(&mut message, path, request.is_valid, attach);
    message.integrity(&remote.key, IntegrityAlgorithm::Sha1).fingerprint();
    let len = message.finish().ok()?;
    Some((Transmit::datagram(path, len), again))
}
