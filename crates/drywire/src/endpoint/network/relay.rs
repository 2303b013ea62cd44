//! Allocations on TURN servers: each is a local address more, for all peer connections.

use std::net::SocketAddr;
use std::sync::Arc;

use drywire_core::{Duration, Instant, Path};
use drywire_ice::gather::{RelayId, RelayTransport};
use drywire_stun::Credential;
use drywire_turn::client::{Client, FailureReason};

use super::stream::ConnectId;

/// How long an allocation that failed is let be, at first; each time twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// And at most.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// One server over one transport and one IP version.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) url: Arc<str>,
    pub(super) server: SocketAddr,
    pub(super) transport: RelayTransport,
    pub(super) tls: Option<Arc<str>>,
    pub(super) credential: Credential,
    /// Since the credential was used last, there has come another one.
    renewed: bool,
    pub(super) state: State,
    /// Whether the allocation was asked for before.
    pub(super) tried: bool,
    /// What the gatherer waits for.
    pub(super) expected: Option<RelayId>,
    /// The relayed addresses: one, or one of each IP version.
    pub(super) relayed: Vec<SocketAddr>,
    wait: Duration,
    /// Since when there is an allocation.
    since: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum State {
    /// No address of the host leads there, or nothing was begun yet.
    Idle,
    /// A connection is being opened.
    Connecting(ConnectId),
    /// The client holds the allocation, or asks for it.
    Active(Box<Client>),
    /// The client waits for a connection to another server.
    Redirected(ConnectId, Box<Client>),
    /// It is tried again then.
    Failed(Instant),
    /// The server does not want us: it is not asked again.
    Refused,
}

impl Relay {
    pub(super) const fn new(
        url: Arc<str>,
        server: SocketAddr,
        transport: RelayTransport,
        tls: Option<Arc<str>>,
        credential: Credential,
    ) -> Self {
        Self {
            url,
            server,
            transport,
            tls,
            credential,
            renewed: false,
            state: State::Idle,
            tried: false,
            expected: None,
            relayed: Vec::new(),
            wait: FIRST_WAIT,
            since: None,
        }
    }

    pub(super) const fn client(&self) -> Option<&Client> {
        match &self.state {
            State::Active(client) => Some(client),
            _ => None,
        }
    }

    pub(super) const fn client_mut(&mut self) -> Option<&mut Client> {
        match &mut self.state {
            State::Active(client) => Some(client),
            _ => None,
        }
    }

    /// The way to the server, while there is one.
    pub(super) fn path(&self) -> Option<Path> {
        self.client().map(Client::path)
    }

    /// Another credential is to be used from the next allocation on: those of TURN REST are good for a time only. One that was
    /// refused is tried again with it.
    pub(super) fn renew_credential(&mut self, credential: Credential) {
        if self.credential != credential {
            self.credential = credential;
            self.wait = FIRST_WAIT;
            self.renewed = true;
            if matches!(self.state, State::Failed(_) | State::Refused) {
                self.state = State::Idle;
            }
        }
    }

    /// The allocation is being asked for.
    pub(super) const fn tried(&mut self) {
        (self.tried, self.renewed) = (true, false);
    }

    /// The allocation is there.
    pub(super) const fn succeeded(&mut self, now: Instant) {
        self.wait = FIRST_WAIT;
        self.since = Some(now);
    }

    /// There is no allocation, or no more: when to try again. One that had worked for a while is asked for at once, as its server
    /// may only have been started anew.
    pub(super) fn failed(&mut self, now: Instant, reason: Option<FailureReason>) {
        let worked = self.since.take().is_some_and(|since| now >= since + FIRST_WAIT);
        let renewed = std::mem::take(&mut self.renewed);
        self.state = match reason {
            // To ask again with the same password is what attackers do, and locks accounts.
            Some(
                FailureReason::Unauthorized | FailureReason::WrongCredentials | FailureReason::Forbidden,
            ) if !renewed => State::Refused,
            _ if worked => return self.state = State::Failed(now),
            _ => State::Failed(now + self.wait),
        };
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
    }

    /// When something is to be done.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Active(client) | State::Redirected(_, client) => client.poll_timeout(),
            State::Failed(until) => Some(*until),
            State::Idle | State::Connecting(_) | State::Refused => None,
        }
    }
}

/// What W3C's `icecandidateerror` says of a failure: the code, and words.
pub(super) fn explain(reason: FailureReason) -> (u16, &'static str) {
    match reason {
        FailureReason::TimedOut => (701, "the server did not answer"),
        FailureReason::Unauthorized => (401, "the server does not take the user name and the password"),
        FailureReason::BidDown => (701, "somebody changed the server's challenge"),
        FailureReason::NoCommonAlgorithm => {
            (701, "the server offers no password algorithm that is known here")
        }
        FailureReason::StaleNonce => (438, "the server finds every nonce stale"),
        FailureReason::Redirected => (300, "the server redirects without end"),
        FailureReason::Forbidden => (403, "the server forbids it"),
        FailureReason::AllocationMismatch => (437, "another allocation lives on these addresses"),
        FailureReason::UnsupportedFamily => (440, "the server has no addresses of this IP version"),
        FailureReason::WrongCredentials => (441, "the allocation belongs to another user"),
        FailureReason::UnsupportedTransport => (442, "the server does not relay UDP"),
        FailureReason::QuotaReached => (486, "the user has too many allocations"),
        FailureReason::InsufficientCapacity => (508, "the server has no capacity left"),
        FailureReason::Refused(code) => (code, "the server refused"),
        FailureReason::Expired => (701, "the allocation is over"),
        _ => (701, "the server's answer made no sense"),
    }
}
