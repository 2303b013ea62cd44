use std::collections::VecDeque;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Monotonic, Path, Rng, TimerTable, Transmit};

use crate::attachment::Attachments;
use crate::candidate::is_usable;
use crate::checklist::Checklist;
use crate::credentials::{LocalCredentials, RemoteCredentials};
use crate::history::Latest;
use crate::pace::Pace;
use crate::pair::PairId;
use crate::respond::Reply;
use crate::restart::Previous;
use crate::select::Selected;
use crate::state::Condition;
use crate::timer::Timer;
use crate::{
    Attach, Candidate, CandidateError, CandidatePairInfo, Config, ConnectionState, Credentials,
    DiscardReason, Event, RemoteCredentialsError, Role, Selection, Stats,
};

/// The most events that wait to be polled. Older ones are dropped: [`Agent::state`] and the other getters are right
/// at any time.
const MAX_EVENTS: usize = 64;

/// An ICE agent (RFC 8445) for one data stream with one component.
///
/// It finds the paths to the peer by checks, keeps the peer's consent (RFC 7675) on the one in use, and says at any
/// time where to send: [`selected_path`](Self::selected_path). It takes only STUN messages; all other datagrams go
/// elsewhere, and only if [`is_valid_path`](Self::is_valid_path) knows their path.
///
/// Candidates may be added at any time (trickle ICE, RFC 8838), before or after the credentials.
#[derive(Debug)]
pub struct Agent {
    pub(crate) config: Config,
    clock: Monotonic,
    pub(crate) rng: Rng,
    pub(crate) timers: TimerTable<Timer, 3>,
    /// When `poll_transmit` has something to send next.
    pub(crate) send_at: Option<Instant>,
    pub(crate) pace: Pace,
    pub(crate) role: Role,
    pub(crate) tie_breaker: u64,
    pub(crate) remote_lite: bool,
    pub(crate) remote_ended: bool,
    pub(crate) remote_renomination: bool,
    /// The number of our latest nomination.
    pub(crate) nomination: u32,
    pub(crate) local: LocalCredentials,
    pub(crate) remote: Option<RemoteCredentials>,
    pub(crate) checklist: Checklist,
    /// What is left of the time before a restart that has not completed.
    pub(crate) previous: Option<Previous>,
    pub(crate) selected: Option<Selected>,
    /// The path that the last restart left: the peer's last datagrams may still come along it.
    pub(crate) retired: Option<Path>,
    /// The pair that the controlling agent chose last.
    pub(crate) chosen: Option<PairId>,
    /// When it was chosen, repetitions aside.
    pub(crate) chosen_since: Option<Instant>,
    pub(crate) replies: VecDeque<Reply>,
    pub(crate) selections: Latest<Selection>,
    /// How often a check had to wait for a connection.
    pub(crate) connects: u32,
    /// The same when [`poll_connect`](Self::poll_connect) had told all.
    pub(crate) connects_polled: u32,
    pub(crate) attachments: Attachments,
    /// The patience of RFC 8863 is at its end.
    pub(crate) patience_over: bool,
    /// Consent expired, and no other path was there.
    pub(crate) consent_lost: bool,
    /// The path in use went away, and no other was found yet: until then the state stays.
    pub(crate) roaming_until: Option<Instant>,
    state: ConnectionState,
    events: VecDeque<Event>,
    pub(crate) stats: Stats,
}

impl Agent {
    /// An agent without candidates.
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Self {
        let config = config.bounded();
        let mut rng = Rng::new(seed);
        let credentials = config.local_credentials.clone().unwrap_or_else(|| Credentials::random(&mut rng));
        Self {
            clock: Monotonic::new(now),
            timers: TimerTable::default(),
            send_at: None,
            pace: Pace::new(config.pace, config.triggered_burst),
            role: config.role,
            tie_breaker: rng.u64(),
            remote_lite: false,
            remote_ended: false,
            remote_renomination: false,
            nomination: 0,
            local: LocalCredentials::new(&*config.provider, credentials),
            remote: None,
            checklist: Checklist::new(config.max_pairs),
            previous: None,
            selected: None,
            retired: None,
            chosen: None,
            chosen_since: None,
            replies: VecDeque::new(),
            selections: Latest::default(),
            connects: 0,
            connects_polled: 0,
            attachments: Attachments::default(),
            patience_over: false,
            consent_lost: false,
            roaming_until: None,
            state: ConnectionState::New,
            events: VecDeque::new(),
            stats: Stats::default(),
            rng,
            config,
        }
    }

    /// Takes a datagram that came along `path`. Anything but an authentic STUN message is counted and dropped.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let now = self.advance(now);
        if !self.is_over() {
            self.receive(now, path, &datagram);
            self.settle(now);
        }
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// Our credentials, to be signalled.
    #[must_use]
    pub const fn local_credentials(&self) -> &Credentials {
        &self.local.credentials
    }

    /// The peer's credentials, if they are known.
    #[must_use]
    pub fn remote_credentials(&self) -> Option<&Credentials> {
        self.remote.as_ref().map(|remote| &remote.credentials)
    }

    /// The role, which may have been switched by a conflict.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Takes another role: the offerer controls, unless it is lite and the answerer is not (RFC 8445, section 6.1.1).
    /// A full agent whose peer is lite stays controlling.
    pub fn set_role(&mut self, role: Role) {
        self.take_role(if self.must_control() { Role::Controlling } else { role });
    }

    /// Whether this agent is lite.
    #[must_use]
    pub const fn is_lite(&self) -> bool {
        self.config.lite
    }

    /// Says whether the peer is lite (`a=ice-lite`). If it is, and we are not, we control.
    pub fn set_remote_lite(&mut self, lite: bool) {
        self.remote_lite = lite;
        self.set_role(self.role);
    }

    /// Takes the peer's credentials; checks begin. The same ones again change nothing. Other ones are those of an
    /// ICE restart, and are refused unless [`restart`](Self::restart) was called.
    ///
    /// Checks of the peer that came before were answered already, and are returned now.
    pub fn set_remote_credentials(
        &mut self,
        now: Instant,
        credentials: Credentials,
    ) -> Result<(), RemoteCredentialsError> {
        let now = self.advance(now);
        if self.state == ConnectionState::Closed {
            return Err(RemoteCredentialsError::Closed);
        }
        match &self.remote {
            Some(remote) if remote.credentials == credentials => return Ok(()),
            Some(_) => return Err(RemoteCredentialsError::RestartRequired),
            None => {}
        }
        let ufrag = credentials.ufrag();
        self.checklist.retain_remotes(now, DiscardReason::Generation, |remote| {
            remote.candidate.ufrag.as_deref().is_none_or(|own| own == ufrag)
        });
        let remote = RemoteCredentials::new(&*self.config.provider, credentials, &self.local.credentials);
        self.remote = Some(remote);
        // RFC 8863, section 4: patience is counted from when checks can begin.
        self.patience_over = false;
        self.timers.arm(Timer::Patience, now + self.config.patience);
        self.settle(now);
        Ok(())
    }

    /// Adds a candidate of ours. `Ok(false)`: it was known already.
    pub fn add_local_candidate(
        &mut self,
        now: Instant,
        candidate: Candidate,
    ) -> Result<bool, CandidateError> {
        let now = self.advance(now);
        self.check_candidate(&candidate)?;
        if !self.has_room_for_local() {
            return Err(CandidateError::TooMany);
        }
        let new = self.checklist.add_local(now, candidate, self.role);
        self.settle(now);
        Ok(new)
    }

    /// Adds a candidate that the peer signalled. One that is known already changes nothing.
    pub fn add_remote_candidate(&mut self, now: Instant, candidate: Candidate) -> Result<(), CandidateError> {
        let now = self.advance(now);
        if let Err((error, reason)) = self.check_remote(now, &candidate) {
            self.checklist.discard_remote(now, candidate.protocol, candidate.address, reason);
            return Err(error);
        }
        self.checklist.add_remote(now, candidate, self.role);
        self.settle(now);
        Ok(())
    }

    /// The peer has no more candidates to signal (RFC 8838, section 14).
    pub fn remote_candidates_ended(&mut self, now: Instant) {
        let now = self.advance(now);
        self.remote_ended = true;
        self.settle(now);
    }

    /// Stops everything. Nothing is sent or answered any more, so that the peer's consent expires.
    pub fn close(&mut self, now: Instant) {
        let now = self.advance(now);
        self.transition(Condition::Closing);
        self.settle(now);
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> ConnectionState {
        self.state
    }

    /// Where to send media and data now. `None`: nothing must be sent, because no path works, or because the peer's
    /// consent has expired (RFC 7675, section 5.1).
    #[must_use]
    pub fn selected_path(&self) -> Option<Path> {
        self.selected.as_ref().map(|selected| selected.path)
    }

    /// Whether datagrams that are not STUN may be taken from `path`: our check along it was answered. There is no
    /// other way for an address to become known (attacks A16, A17 and A19).
    #[must_use]
    pub fn is_valid_path(&self, path: Path) -> bool {
        self.selected_path() == Some(path)
            || self.retired == Some(path)
            || self.checklist.pairs().iter().any(|pair| pair.answered_at.is_some() && pair.path == path)
    }

    /// The pair in use.
    #[must_use]
    pub fn selected_pair(&self) -> Option<CandidatePairInfo> {
        let selected = self.selected.as_ref()?;
        let pair = selected.pair.and_then(|id| self.checklist.pair(id));
        Some(selected.info(pair.map(|pair| &pair.history)))
    }

    /// The smoothed round-trip time of the path in use.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.selected.as_ref().and_then(|selected| selected.rtt)
    }

    /// Our candidates, with those that checks have shown.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.checklist.locals()
    }

    /// The peer's candidates, with those that checks have shown.
    pub fn remote_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.checklist.remotes().iter().map(|remote| &remote.candidate)
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Appends the next STUN message to send.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.poll_transmit_with(now, out, &mut ())
    }

    /// Appends the next STUN message to send. If it is a check, or a success response, `attach` is asked once what it
    /// shall carry besides (draft-hancke-webrtc-sped-00).
    pub fn poll_transmit_with(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        attach: &mut dyn Attach,
    ) -> Option<Transmit> {
        let now = self.advance(now);
        if let Some(transmit) = self.send_reply(now, out, attach) {
            return Some(transmit);
        }
        while self.send_at.is_some_and(|at| at <= now) {
            let connects = self.connects;
            let transmit = self.send_due(now, out, attach);
            self.arm(now);
            // A check that waits for its connection lets others go first.
            if transmit.is_some() || connects == self.connects {
                return transmit;
            }
        }
        None
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.send_at, self.timers.earliest()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Observes the time and does what is due. Every public call begins with it, so that consent never outlives its
    /// time, whoever calls what.
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        let now = self.clock.observe(now);
        if self.timers.earliest().is_some_and(|at| at <= now) {
            self.expire(now);
            self.settle(now);
        }
        now
    }

    /// Draws the consequences of whatever has happened.
    pub(crate) fn settle(&mut self, now: Instant) {
        if !self.is_over() {
            self.select(now);
            self.nominate(now);
            self.transition(self.condition(now));
        }
        if self.is_over() {
            self.fall_silent(now);
        } else {
            self.arm(now);
        }
    }

    /// A full agent controls a lite one, whatever that says (RFC 8445, section 6.1.1).
    pub(crate) const fn must_control(&self) -> bool {
        self.remote_lite && !self.config.lite
    }

    /// Whether the agent takes and sends nothing any more, at least until a restart.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, ConnectionState::Failed | ConnectionState::Closed)
    }

    pub(crate) fn transition(&mut self, condition: Condition) {
        let next = self.state.next(condition);
        if next != self.state {
            tracing::debug!(from = %self.state, to = %next, "ice state");
            self.state = next;
            self.tell(Event::StateChanged(next));
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.events.pop_front();
            self.stats.events_dropped += 1;
        }
        self.events.push_back(event);
    }

    /// A NAT that maps anew again and again must not take the room of addresses that come up.
    pub(crate) fn has_room_for_local(&mut self) -> bool {
        let has_room = self.checklist.locals().count() < self.config.max_local_candidates;
        has_room || self.checklist.evict_reflexive()
    }

    pub(crate) fn has_room_for_remote(&mut self, now: Instant) -> bool {
        self.checklist.remotes().len() < self.config.max_remote_candidates || self.checklist.evict_remote(now)
    }

    /// Whether a signalled candidate can be taken. The reason of a refusal is remembered, too.
    fn check_remote(
        &mut self,
        now: Instant,
        candidate: &Candidate,
    ) -> Result<(), (CandidateError, DiscardReason)> {
        self.check_candidate(candidate).map_err(|error| (error, DiscardReason::Unusable))?;
        if !(self.config.accept_remote)(candidate.address) {
            return Err((CandidateError::Unusable, DiscardReason::PolicyDenied));
        }
        if let (Some(remote), Some(ufrag)) = (&self.remote, &candidate.ufrag)
            && remote.credentials.ufrag() != ufrag
        {
            return Err((CandidateError::Generation, DiscardReason::Generation));
        }
        let path = Path { protocol: candidate.protocol, local: candidate.address, remote: candidate.address };
        let known = self.checklist.remote_at(path).is_some();
        if !known && !self.has_room_for_remote(now) {
            return Err((CandidateError::TooMany, DiscardReason::TooManyCandidates));
        }
        Ok(())
    }

    fn check_candidate(&self, candidate: &Candidate) -> Result<(), CandidateError> {
        if self.state == ConnectionState::Closed {
            return Err(CandidateError::Closed);
        }
        if candidate.component != 1 {
            return Err(CandidateError::Component);
        }
        if !is_usable(candidate.address) || !is_usable(candidate.base) {
            return Err(CandidateError::Unusable);
        }
        Ok(())
    }
}
