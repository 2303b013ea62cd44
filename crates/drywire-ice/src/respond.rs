//! Answering the peer's checks (RFC 8445, section 7.3).

use drywire_core::{Duration, Instant, Path, Protocol, Transmit};
use drywire_stun::attributes::{
    ErrorCode, IceControlled, IceControlling, NetworkCost, Nomination, UnknownAttributes, XorMappedAddress,
};
use drywire_stun::{
    AttributeType, Class, IntegrityAlgorithm, Message, MessageBuilder, Method, TransactionId,
};

use crate::candidate::is_usable;
use crate::pair::{PairId, PairState};
use crate::role::{Conflict, resolve};
use crate::tcp::Connection;
use crate::{Agent, Attach, Candidate, CandidateKind, DiscardReason, Event, Role, attachment};

/// The most responses that wait to be sent. More requests at once than this are as if lost on the way.
const MAX_REPLIES: usize = 64;

/// The comprehension-required attributes that are understood, or may be ignored, in ICE.
const KNOWN: &[AttributeType] = &[
    AttributeType::USERNAME,
    AttributeType::PRIORITY,
    AttributeType::USE_CANDIDATE,
    AttributeType::MAPPED_ADDRESS,
    AttributeType::XOR_MAPPED_ADDRESS,
    AttributeType::ERROR_CODE,
    AttributeType::UNKNOWN_ATTRIBUTES,
    AttributeType::REALM,
    AttributeType::NONCE,
    AttributeType::USERHASH,
    AttributeType::PASSWORD_ALGORITHM,
];

/// A response that waits to be sent. It is written when it is polled, straight into the caller's buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    path: Path,
    id: TransactionId,
    algorithm: IntegrityAlgorithm,
    /// Signed with the credentials of the time before the restart.
    previous: bool,
    kind: ReplyKind,
}

impl Reply {
    pub(crate) const fn path(&self) -> Path {
        self.path
    }

    /// Whether it is signed with the credentials of the time before the restart.
    pub(crate) const fn is_previous(&self) -> bool {
        self.previous
    }

    /// A response outlives one restart, as its credentials do.
    pub(crate) const fn outlive_restart(&mut self) -> bool {
        !std::mem::replace(&mut self.previous, true)
    }

    /// When the restart is taken back, the credentials of before it are the only ones.
    pub(crate) const fn survive_return(&mut self) -> bool {
        std::mem::replace(&mut self.previous, false)
    }
}

#[derive(Clone, Copy, Debug)]
enum ReplyKind {
    Success,
    RoleConflict,
    BadRequest,
    UnknownAttributes(UnknownAttributes),
}

/// What an authentic check says.
struct Claims {
    priority: u32,
    use_candidate: bool,
    nomination: Option<u32>,
    network: Option<NetworkCost>,
}

impl Agent {
    /// Takes the bytes of one datagram.
    pub(crate) fn receive(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        let Ok(message) = Message::parse(datagram) else {
            self.stats.malformed += 1;
            return;
        };
        if message.method() != Method::BINDING {
            self.stats.unexpected += 1;
            return;
        }
        if message.check_fingerprint() == Some(false) {
            self.stats.malformed += 1;
            return;
        }
        match message.class() {
            Class::Request => self.receive_request(now, path, &message),
            Class::Success | Class::Error => {
                // RFC 8489, section 6.3.3: a response that is not understood is dropped.
                if message.unknown_required(KNOWN).next().is_some() {
                    self.stats.malformed += 1;
                } else {
                    self.receive_response(now, path, &message);
                }
            }
            // Keepalives of RFC 8445, section 11. They prove nothing.
            Class::Indication => self.stats.unexpected += 1,
        }
    }

    /// A request. Nothing is done, and nothing answered, before it is authentic (attacks A03 and A04): the error 401
    /// of RFC 8489 would help nobody but those who look for somebody that answers.
    fn receive_request(&mut self, now: Instant, path: Path, message: &Message<'_>) {
        let Some((ours, theirs)) = message.username().and_then(|username| username.split_once(':')) else {
            self.stats.unauthenticated += 1;
            return;
        };
        let (key, previous) = match &self.previous {
            _ if ours == self.local.credentials.ufrag() => (&self.local.key, false),
            Some(previous) if ours == previous.local.credentials.ufrag() => (&previous.local.key, true),
            _ => {
                self.stats.unauthenticated += 1;
                return;
            }
        };
        let Ok(algorithm) = message.check_integrity(key) else {
            self.stats.unauthenticated += 1;
            return;
        };
        self.stats.requests_received += 1;
        if self.checklist.local_on(path).is_none() && self.selected_path() != Some(path) {
            self.stats.refused += 1;
            return;
        }
        let id = message.transaction_id();
        let mut reply = Reply { path, id, algorithm, previous, kind: ReplyKind::Success };
        let unknown: UnknownAttributes = message.unknown_required(KNOWN).collect();
        if !unknown.is_empty() {
            reply.kind = ReplyKind::UnknownAttributes(unknown);
            self.queue(reply);
            return;
        }
        if previous {
            // What such a request wishes is outdated; that we still live is not, nor, for a lite agent, that the peer does.
            self.queue(reply);
            self.renew_previous_consent(now, path);
            return;
        }
        let Some(priority) = message.priority() else {
            reply.kind = ReplyKind::BadRequest;
            self.queue(reply);
            return;
        };
        if self.has_conflict(message) {
            reply.kind = ReplyKind::RoleConflict;
            self.queue(reply);
            return;
        }
        self.queue(reply);
        let claims = Claims {
            priority,
            nomination: message.attribute::<Nomination>().map(|nomination| nomination.0),
            use_candidate: message.has_use_candidate(),
            network: message.attribute::<NetworkCost>(),
        };
        if self.learn(now, path, theirs, &claims) {
            self.take_attachment(message);
        }
    }

    /// Whether the peer claims our role and has to give it up. If it is we who have to, we do (RFC 8445,
    /// section 7.3.1.1).
    fn has_conflict(&mut self, message: &Message<'_>) -> bool {
        let claimed = match self.role {
            Role::Controlling => message.attribute::<IceControlling>().map(|controlling| controlling.0),
            Role::Controlled => message.attribute::<IceControlled>().map(|controlled| controlled.0),
        };
        let Some(theirs) = claimed else { return false };
        match resolve(self.role, self.tie_breaker, theirs) {
            Conflict::PeerSwitches => true,
            // A full agent controls a lite one, whatever that says.
            Conflict::WeSwitch if self.must_control() => true,
            Conflict::WeSwitch => {
                self.switch_role();
                false
            }
        }
    }

    /// Draws what can be learnt from an authentic request: the peer's address (RFC 8445, section 7.3.1.3), a pair to
    /// be checked in return (section 7.3.1.4) and the nomination of it (section 7.3.1.5). Returns whether the request is
    /// taken up.
    fn learn(&mut self, now: Instant, path: Path, theirs: &str, claims: &Claims) -> bool {
        // Another fragment than the signalled one is of another generation.
        let stale = self.remote.as_ref().is_some_and(|remote| remote.credentials.ufrag() != theirs);
        let refusal = if stale {
            Some(DiscardReason::Generation)
        } else if !is_usable(path.remote) {
            Some(DiscardReason::Unusable)
        } else if !(self.config.accept_remote)(path.remote) {
            Some(DiscardReason::PolicyDenied)
        } else {
            None
        };
        if let Some(reason) = refusal {
            self.stats.refused += 1;
            self.checklist.discard_remote(now, path.protocol, path.remote, reason);
            return false;
        }
        let Some(pair) = self.pair_of(now, path, theirs, claims.priority) else {
            self.stats.refused += 1;
            return false;
        };
        let nominates = claims.use_candidate || claims.nomination.is_some();
        let use_candidate = nominates && self.role == Role::Controlled;
        if let (Some(network), Some(remote)) = (claims.network, self.checklist.remote_at(path)) {
            self.checklist.set_remote_cost(remote, network, self.role);
        }
        if let Some(known) = self.checklist.pair_mut(pair) {
            known.history.requested(now);
            if use_candidate {
                known.nomination = claims.nomination;
            }
            // It is open, whether that was reported already or not: our own check need not wait for the report.
            let opened = std::mem::replace(&mut known.connection, Connection::Open).until().is_some();
            if opened && !self.config.lite {
                self.checklist.trigger(pair);
            }
        }
        // The peer checks another way: it may have moved, so ask whether it is still where we send to.
        if let Some(selected) = self.selected.as_mut().filter(|selected| selected.path != path) {
            selected.consent.hurry(&self.config, now);
        }
        if self.config.lite {
            self.learn_lite(now, pair, use_candidate);
            return true;
        }
        let (pace, timeout) = (self.config.pace, self.config.consent_timeout);
        let Some(known) = self.checklist.pair_mut(pair) else { return false };
        if use_candidate {
            known.chosen_at = Some(now);
        }
        match known.state {
            PairState::Succeeded if !use_candidate => {}
            PairState::Succeeded if known.is_alive(now, timeout) => self.choose(now, pair),
            // Its consent is outdated, as it was not in use: ask anew, and choose it then.
            PairState::Succeeded => self.checklist.trigger(pair),
            PairState::InProgress => {
                known.hasten(now, pace);
            }
            PairState::Frozen | PairState::Waiting | PairState::Failed => self.checklist.trigger(pair),
        }
        true
    }

    /// A lite agent sends no checks: it goes by the nominations, and by that the requests keep coming (RFC 8445,
    /// section 8.2).
    fn learn_lite(&mut self, now: Instant, id: PairId, use_candidate: bool) {
        let Some(pair) = self.checklist.pair_mut(id) else { return };
        if use_candidate {
            pair.state = PairState::Succeeded;
            pair.valid = true;
            pair.chosen_at = Some(now);
        }
        if pair.valid {
            pair.answered_at = Some(now);
            pair.history.answered(now);
            self.renew_consent(now, id);
        }
        if use_candidate {
            self.choose(now, id);
        }
    }

    /// The pair of a path, which is made if it is new, as is the peer-reflexive candidate.
    fn pair_of(&mut self, now: Instant, path: Path, theirs: &str, priority: u32) -> Option<PairId> {
        // A connection that we opened has another port than its candidate.
        if let Some(known) = self.checklist.pair_on(path) {
            return Some(known);
        }
        let local = self.checklist.local_on(path)?;
        let remote = match self.checklist.remote_at(path) {
            Some(known) => known,
            None if !self.checklist.is_hall_of_mirrors(path) && self.has_room_for_remote(now) => {
                let foundation = format!("p{:x}", self.rng.u32());
                let kind = CandidateKind::PeerReflexive;
                let mut candidate = Candidate::remote(path.protocol, kind, path.remote, priority, foundation);
                candidate.ufrag = Some(theirs.to_owned());
                self.tell(Event::RemoteCandidateDiscovered(candidate.clone()));

                self.checklist.push_remote(candidate)
            }
            None => {
                let reason = DiscardReason::TooManyCandidates;
                self.checklist.discard_remote(now, path.protocol, path.remote, reason);
                return None;
            }
        };
        self.checklist.add_pair(now, local, remote, self.role)
    }

    fn queue(&mut self, reply: Reply) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.push_back(reply);
        } else {
            self.stats.responses_dropped += 1;
        }
    }

    /// Sends the next response: to where the request came from, from where it came to (RFC 8445, section 7.3).
    pub(crate) fn send_reply(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        attach: &mut dyn Attach,
    ) -> Option<Transmit> {
        loop {
            let reply = self.replies.pop_front()?;
            if let Some((len, again)) = self.write_reply(&reply, out, attach) {
                self.stats.responses_sent += 1;
                if let Some(after) = again {
                    self.repeat_check(now, reply.path, after);
                }
                return Some(Transmit::datagram(reply.path, len));
            }
        }
    }

    /// What rides wants another chance: our own check of that path, if it is on its way, can give it.
    fn repeat_check(&mut self, now: Instant, path: Path, after: Duration) {
        let pair = self.checklist.pair_on(path).and_then(|id| self.checklist.pair_mut(id));
        let pair = pair.filter(|pair| pair.path.protocol != Protocol::Tcp);
        if let Some(check) = pair.and_then(|pair| pair.check.as_mut()) {
            check.again_by(now + after);
            self.arm(now);
        }
    }

    /// Writes a response; says how long it is, and how soon what rides on it wants another chance.
    fn write_reply(
        &self,
        reply: &Reply,
        out: &mut Vec<u8>,
        attach: &mut dyn Attach,
    ) -> Option<(usize, Option<Duration>)> {
        let local = if reply.previous { &self.previous.as_ref()?.local } else { &self.local };
        let class = if matches!(reply.kind, ReplyKind::Success) { Class::Success } else { Class::Error };
        let mut response = MessageBuilder::new(out, class, Method::BINDING, reply.id);
        match &reply.kind {
            ReplyKind::Success => response.attribute(&XorMappedAddress(reply.path.remote)),
            ReplyKind::RoleConflict => response.attribute(&ErrorCode::ROLE_CONFLICT),
            ReplyKind::BadRequest => response.attribute(&ErrorCode::BAD_REQUEST),
            ReplyKind::UnknownAttributes(list) => {
                response.attribute(&ErrorCode::UNKNOWN_ATTRIBUTE).attribute(list)
            }
        };
        let again = match reply.kind {
            ReplyKind::Success if !reply.previous => {
                attachment::write(&mut response, reply.path, self.is_valid_path(reply.path), attach)
            }
            _ => None,
        };
        response.integrity(&local.key, reply.algorithm).fingerprint();
        Some((response.finish().ok()?, again))
    }

    /// Switches to the other role, after a conflict.
    pub(crate) fn switch_role(&mut self) {
        self.take_role(self.role.other());
        self.tell(Event::RoleChanged(self.role));
    }

    pub(crate) fn take_role(&mut self, role: Role) {
        if role == self.role {
            return;
        }
        self.role = role;
        self.checklist.reprioritize(role);
        self.checklist.repeat_checks();
        let selected = self.selected.as_ref().and_then(|selected| selected.pair);
        let priority = selected.and_then(|id| self.checklist.pair(id)).map(|pair| pair.priority);
        if let (Some(selected), Some(priority)) = (&mut self.selected, priority) {
            selected.priority = priority;
        }
    }
}
