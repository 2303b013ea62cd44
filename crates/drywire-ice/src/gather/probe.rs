//! Asking a STUN server how it sees a socket (RFC 8445, section 5.1.1.2).

use std::net::SocketAddr;

use drywire_core::{Instant, Path};
use drywire_stun::attributes::{AlternateServer, ErrorCode, MappedAddress, NetworkCost};
use drywire_stun::{
    Class, Expired, Message, MessageBuilder, Method, Retransmission, RetransmissionConfig, TransactionId,
};

use super::GatherFailure;
use crate::candidate::{can_pair, is_usable};

/// 300: another server is to be asked (RFC 8489, section 14.8).
const TRY_ALTERNATE: u16 = 300;
/// How often a question is sent on.
const MAX_REDIRECTIONS: usize = 3;

/// A question to a server about a socket.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) path: Path,
    /// What the socket's interface costs.
    pub(crate) network: NetworkCost,
    /// The server's place in the list; `None`: it has answered before, and is asked again.
    pub(crate) server: Option<usize>,
    pub(crate) local_preference: u16,
    pub(crate) gives_up: Instant,
    /// The servers that have sent us on.
    left: Vec<SocketAddr>,
    id: TransactionId,
    /// `None`: not asked yet.
    schedule: Option<Retransmission>,
    due: bool,
}

/// What a server's answer amounts to.
#[derive(Debug)]
pub(crate) enum Answer {
    Mapped(SocketAddr),
    /// Another server is to be asked.
    Elsewhere(SocketAddr),
    Error {
        reason: GatherFailure,
        code: u16,
        text: String,
    },
}

impl Probe {
    pub(crate) const fn new(
        path: Path,
        network: NetworkCost,
        server: Option<usize>,
        local_preference: u16,
        id: TransactionId,
        gives_up: Instant,
    ) -> Self {
        let left = Vec::new();
        Self { path, network, server, local_preference, gives_up, left, id, schedule: None, due: false }
    }

    /// The same question for another server, unless it is one of those that were asked already, or there were too many
    /// (RFC 8489, section 10).
    pub(crate) fn redirected(&self, server: SocketAddr, id: TransactionId) -> Option<Self> {
        let mut left = self.left.clone();
        left.push(self.path.remote);
        let fits = left.len() <= MAX_REDIRECTIONS && can_pair(self.path.local, server) && is_usable(server);
        (fits && !left.contains(&server)).then(|| {
            let path = Path { remote: server, ..self.path };
            let again = Self::new(path, self.network, self.server, self.local_preference, id, self.gives_up);
            Self { left, ..again }
        })
    }

    /// Whether a candidate came of the same question before.
    pub(crate) const fn renews(&self) -> bool {
        self.server.is_none()
    }

    pub(crate) const fn is_asked(&self) -> bool {
        self.schedule.is_some()
    }

    pub(crate) const fn is_due(&self) -> bool {
        self.due
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.schedule.map_or(self.gives_up, |schedule| schedule.deadline().min(self.gives_up))
    }

    /// Lets the time pass. Says whether there is still hope.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        match self.schedule.as_mut().and_then(|schedule| schedule.expire(now)) {
            Some(Expired::TimedOut) => return false,
            Some(Expired::Retransmit) => self.due = true,
            None => {}
        }
        now < self.gives_up
    }

    /// Appends the request.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        config: RetransmissionConfig,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        self.due = false;
        self.schedule.get_or_insert_with(|| Retransmission::start(config, now));
        let mut message = MessageBuilder::new(out, Class::Request, Method::BINDING, self.id);
        message.fingerprint();
        message.finish().ok()
    }

    /// Whether a message that came along `path` is the answer.
    pub(crate) fn awaits(&self, path: Path, message: &Message<'_>) -> bool {
        self.is_asked()
            && path == self.path
            && message.transaction_id() == self.id
            && message.method() == Method::BINDING
            && matches!(message.class(), Class::Success | Class::Error)
    }
}

/// Reads an answer. Nobody has signed it: all it can do is give us an address that does not work.
pub(crate) fn read(message: &Message<'_>) -> Answer {
    if message.class() == Class::Error {
        let error = message.attribute::<ErrorCode<'_>>();
        let moved = error.filter(|error| error.code == TRY_ALTERNATE);
        if let Some(AlternateServer(server)) = moved.and_then(|_| message.attribute()) {
            return Answer::Elsewhere(server);
        }
        let (code, reason) = error.map_or((500, ""), |error| (error.code, error.reason));
        let text = reason.chars().take(128).collect();
        return Answer::Error { reason: GatherFailure::Refused, code, text };
    }
    // Servers older than RFC 5389 know only the plain one.
    let plain = || message.attribute::<MappedAddress>().map(|mapped| mapped.0);
    match message.xor_mapped_address().or_else(plain).filter(|mapped| is_usable(*mapped)) {
        Some(mapped) => Answer::Mapped(mapped),
        None => Answer::Error { reason: GatherFailure::Useless, code: 500, text: String::new() },
    }
}
