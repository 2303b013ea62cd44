//! Candidates over TCP (RFC 6544): who connects to whom, and what becomes of the connections.

use drywire_core::{Duration, Instant, Path, Protocol};
use drywire_stun::RetransmissionConfig;

use crate::pair::{CandidatePair, PairState};
use crate::{Agent, CandidateKind, FailureReason};

use std::fmt;
use std::net::SocketAddr;

/// Which side of a TCP candidate connects (RFC 6544, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpType {
    /// It connects, from a port that shows only then: port 9 stands for it.
    Active,
    /// It is connected to.
    Passive,
    /// Both connect at once.
    SimultaneousOpen,
}

impl TcpType {
    /// The word in SDP, after `tcptype`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }

    /// The direction preference (RFC 6544, section 4.2): what is likelier to get through NATs is better.
    pub(crate) const fn direction_preference(self, kind: CandidateKind) -> u16 {
        match (self, kind) {
            (Self::Active, CandidateKind::Host | CandidateKind::Relayed)
            | (Self::SimultaneousOpen, CandidateKind::ServerReflexive | CandidateKind::PeerReflexive) => 6,
            (Self::Passive, CandidateKind::Host | CandidateKind::Relayed)
            | (Self::Active, CandidateKind::ServerReflexive | CandidateKind::PeerReflexive) => 4,
            _ => 2,
        }
    }

    /// Whether a local candidate of this type connects to a remote one of the other. Passive ones wait: their pairs
    /// come up with the peer's check (RFC 6544, section 6.2).
    pub(crate) const fn connects_to(self, remote: Self) -> bool {
        matches!(
            (self, remote),
            (Self::Active, Self::Passive) | (Self::SimultaneousOpen, Self::SimultaneousOpen)
        )
    }
}

impl fmt::Display for TcpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far the connection of a pair is. Over UDP there is nothing to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    Open,
    /// There is none.
    None,
    /// The application shall open it.
    Wanted {
        until: Instant,
    },
    /// The application was told so.
    Opening {
        until: Instant,
    },
}

impl Connection {
    pub(crate) const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::None,
            _ => Self::Open,
        }
    }

    /// When it is given up, if it is being opened.
    pub(crate) const fn until(self) -> Option<Instant> {
        match self {
            Self::Wanted { until } | Self::Opening { until } => Some(until),
            Self::Open | Self::None => None,
        }
    }
}

impl Agent {
    /// Takes the next connection that is to be opened: from the address of `local` to `remote`. The port of `local` is
    /// 9 if any port will do, else that one (simultaneous open). Call [`connected`](Self::connected) or
    /// [`connect_failed`](Self::connect_failed) with the same path. What goes over the connection is framed:
    /// [`Deframer`](crate::Deframer).
    pub fn poll_connect(&mut self) -> Option<Path> {
        // It is asked after each datagram, and there is seldom one.
        if self.connects == self.connects_polled || self.is_over() {
            return None;
        }
        let wanted = self.checklist.pairs_mut().iter_mut().find_map(|pair| {
            let Connection::Wanted { until } = pair.connection else { return None };
            pair.connection = Connection::Opening { until };
            Some(pair.path)
        });
        if wanted.is_none() {
            self.connects_polled = self.connects;
        }
        wanted
    }

    /// A connection of [`poll_connect`](Self::poll_connect) is open; `local` is the address that it has got. Paths of
    /// it have that address from now on. Connections that the peer opened need no report: its checks are enough.
    pub fn connected(&mut self, now: Instant, path: Path, local: SocketAddr) {
        let now = self.advance(now);
        if self.is_over() {
            return;
        }
        let actual = Path { local, ..path };
        let taken = actual != path && self.checklist.pair_on(actual).is_some();
        let Some(id) = self.checklist.pair_on(path).filter(|_| !taken) else { return };
        if let Some(pair) = self.checklist.pair_mut(id).filter(|pair| pair.connection.until().is_some()) {
            pair.connection = Connection::Open;
            pair.path = actual;
            self.checklist.trigger(id);
        }
        self.settle(now);
    }

    /// A connection of [`poll_connect`](Self::poll_connect) could not be opened.
    pub fn connect_failed(&mut self, now: Instant, path: Path) {
        let now = self.advance(now);
        let pair = self.checklist.pair_on(path).and_then(|id| self.checklist.pair_mut(id));
        if let Some(pair) = pair.filter(|pair| pair.connection.until().is_some()) {
            pair.fail(now, FailureReason::ConnectFailed);
            pair.connection = Connection::None;
        }
        self.settle(now);
    }

    /// A connection is gone, whoever opened it. If it was in use, another pair takes over, and a connection that we
    /// opened is opened again.
    pub fn disconnected(&mut self, now: Instant, path: Path) {
        let now = self.advance(now);
        let reason = FailureReason::ConnectionLost;
        if path.protocol != Protocol::Tcp || self.is_over() {
            return;
        }
        let id = self.checklist.pair_on(path);
        let was_valid = id.and_then(|id| self.checklist.pair(id)).is_some_and(|pair| pair.valid);
        if self.selected_path() == Some(path) {
            self.lose_selected(now, reason);
        } else if let Some(pair) = id.and_then(|id| self.checklist.pair_mut(id)) {
            pair.fail(now, reason);
        }
        if let Some(pair) = id.and_then(|id| self.checklist.pair_mut(id)) {
            pair.connection = Connection::None;
            let (id, ours) = (pair.id, pair.local);
            let dials = self.checklist.local(ours).filter(|ours| ours.tcp_type != Some(TcpType::Passive));
            if let Some(base) = dials.map(|ours| ours.base) {
                self.checklist.close_connection(id, base);
                if was_valid {
                    self.checklist.trigger(id);
                }
            }
        }
        self.settle(now);
    }

    /// Wants the connection of a pair opened, if there is none. Whether a check can be sent.
    pub(crate) fn has_connection(&mut self, now: Instant, id: crate::pair::PairId) -> bool {
        let wait = self.tcp_schedule().rto.saturating_mul(self.tcp_schedule().last_wait);
        let ours = self.checklist.pair(id).and_then(|pair| self.checklist.local(pair.local));
        let listens = ours.is_some_and(|ours| ours.tcp_type == Some(TcpType::Passive));
        let Some(pair) = self.checklist.pair_mut(id) else { return false };
        match pair.connection {
            Connection::Open => return true,
            // RFC 6544, section 6.2: who listens does not connect. The peer may come again.
            Connection::None if listens => {
                pair.state = PairState::Failed;
                self.connects = self.connects.wrapping_add(1);
                return false;
            }
            Connection::None => pair.connection = Connection::Wanted { until: now + wait },
            Connection::Wanted { .. } | Connection::Opening { .. } => {}
        }
        pair.state = PairState::InProgress;
        self.connects = self.connects.wrapping_add(1);
        self.pace.sent(now);
        false
    }

    /// Over TCP nothing is sent again, and an answer is waited for as long as over UDP (RFC 6544, section 7.1;
    /// RFC 8489, section 6.2.2).
    pub(crate) fn tcp_schedule(&self) -> RetransmissionConfig {
        let doubled = 1_u32.checked_shl(self.config.max_sent.saturating_sub(1)).unwrap_or(u32::MAX);
        let last_wait = doubled.saturating_sub(1).saturating_add(self.config.last_wait).min(1000);
        RetransmissionConfig { rto: self.config.rto, max_sent: 1, last_wait }
    }
}

impl CandidatePair {
    /// Lets the time pass for the connection.
    pub(crate) fn expire_connection(&mut self, now: Instant) {
        if self.connection.until().is_some_and(|until| until <= now) {
            self.fail(now, FailureReason::Timeout);
            self.connection = Connection::None;
        }
    }

    /// The peer's check came along its way: see [`Check::hasten`](crate::pair::Check::hasten). TCP loses nothing.
    pub(crate) fn hasten(&mut self, now: Instant, pace: Duration) {
        if let Some(check) = self.check.as_mut().filter(|_| self.path.protocol != Protocol::Tcp) {
            check.hasten(now, pace);
        }
    }
}
