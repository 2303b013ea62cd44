//! The states of a connection and the transitions between them.

use crate::failure::Failure;
use crate::handshake::{Handshake, Verdict};
use crate::hello::{self, Offer};
use crate::message::HandshakeType;
use crate::reassembly::Message;
use crate::session::Session;
use crate::{CloseReason, Role, State, v12, v13};

/// Where a connection stands, with all that is known only there.
pub(crate) enum Machine {
    /// A client that was not asked for its ClientHello yet.
    ClientStart,
    /// A client whose ClientHello is out: the version is open.
    ClientHello(Box<Offer>),
    /// A server that waits for the first ClientHello.
    ServerStart,
    Client12(v12::client::State),
    Server12(v12::server::State),
    Client13(v13::client::State),
    Server13(v13::server::State),
    /// The handshake is complete, but whether its peer is the right one is not known yet: nothing may pass.
    Complete(Box<Session>),
    Connected(Box<Session>),
    Ended(CloseReason),
}

impl Machine {
    pub(crate) const fn new(role: Role) -> Self {
        match role {
            Role::Client => Self::ClientStart,
            Role::Server => Self::ServerStart,
        }
    }

    /// Takes the next message of the peer.
    pub(crate) fn step(self, handshake: &mut Handshake, message: &Message) -> Result<Self, Failure> {
        match self {
            Self::ClientStart => Err(Failure::UNEXPECTED),
            Self::ClientHello(offer) => hello::answered(offer, handshake, message),
            Self::ServerStart => hello::offered(handshake, message),
            Self::Client12(state) => state.step(handshake, message),
            Self::Server12(state) => state.step(handshake, message),
            Self::Client13(state) => state.step(handshake, message),
            Self::Server13(state) => state.step(handshake, message),
            Self::Complete(mut session) => {
                after_handshake(&mut session, handshake, message)?;
                Ok(Self::Complete(session))
            }
            Self::Connected(mut session) => {
                after_handshake(&mut session, handshake, message)?;
                Ok(Self::Connected(session))
            }
            Self::Ended(reason) => Ok(Self::Ended(reason)),
        }
    }

    /// The transition to connected: only with the announced certificate (RFC 8827, section 6.5; attack C10). There is
    /// no other way into [`Machine::Connected`].
    pub(crate) fn verified(self, handshake: &Handshake) -> Result<Self, Failure> {
        match self {
            Self::Complete(session) => match handshake.peer_verdict() {
                Verdict::Match => Ok(Self::Connected(session)),
                Verdict::Unknown => Ok(Self::Complete(session)),
                Verdict::Mismatch => Err(Failure::Fingerprint),
            },
            other => Ok(other),
        }
    }

    /// The epoch in which the next message must come: one of an earlier epoch is not looked at, because anybody could
    /// have sent it (attack C08).
    pub(crate) fn expected_epoch(&self) -> u64 {
        match self {
            Self::ClientStart | Self::ClientHello(_) | Self::ServerStart | Self::Ended(_) => 0,
            Self::Client12(state) => state.expected_epoch(),
            Self::Server12(state) => state.expected_epoch(),
            Self::Client13(_) => v13::HANDSHAKE_EPOCH,
            Self::Server13(state) => state.expected_epoch(),
            Self::Complete(session) | Self::Connected(session) => {
                session.traffic.as_ref().map_or(v12::PROTECTED_EPOCH, v13::TrafficKeys::read_epoch)
            }
        }
    }

    /// Whether messages of the handshake are still to come.
    pub(crate) const fn is_handshaking(&self) -> bool {
        !matches!(self, Self::Complete(_) | Self::Connected(_) | Self::Ended(_))
    }

    /// Whether this is a server of DTLS 1.3 whose flight is written: the keys of the application are there.
    pub(crate) const fn awaits_client(&self) -> bool {
        matches!(self, Self::Server13(state) if !state.awaits_hello())
    }

    /// Whether the version is known to be DTLS 1.3: a HelloRetryRequest says so, too.
    pub(crate) fn is_dtls13(&self) -> bool {
        match self {
            Self::ClientHello(offer) => offer.retry.is_some(),
            Self::Client13(_) | Self::Server13(_) => true,
            Self::Complete(session) | Self::Connected(session) => session.traffic.is_some(),
            _ => false,
        }
    }

    /// Whether the version is DTLS 1.3 or still open.
    pub(crate) fn may_be_dtls13(&self) -> bool {
        self.is_dtls13() || matches!(self, Self::ClientHello(_) | Self::ServerStart)
    }

    /// The session, once the peer is the right one.
    pub(crate) fn connected(&self) -> Option<&Session> {
        if let Self::Connected(session) = self { Some(session) } else { None }
    }

    /// The session, whether the peer is the right one or not: for keys and acknowledgements only.
    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        if let Self::Complete(session) | Self::Connected(session) = self { Some(session) } else { None }
    }

    /// The name of the state, for the table of all transitions.
    #[cfg(test)]
    pub(crate) fn name(&self) -> String {
        match self {
            Self::ClientStart => "client start".to_owned(),
            Self::ClientHello(offer) if offer.retry.is_some() => "client hello retried".to_owned(),
            Self::ClientHello(_) => "client hello sent".to_owned(),
            Self::ServerStart => "server start".to_owned(),
            Self::Client12(state) => format!("client 1.2 awaits {}", state.name()),
            Self::Server12(state) => format!("server 1.2 awaits {}", state.name()),
            Self::Client13(state) => format!("client 1.3 awaits {}", state.name()),
            Self::Server13(state) => format!("server 1.3 awaits {}", state.name()),
            Self::Complete(session) => format!("complete {}", session.info.version),
            Self::Connected(session) => format!("connected {}", session.info.version),
            Self::Ended(reason) => format!("{reason:?}"),
        }
    }

    pub(crate) const fn state(&self) -> State {
        match self {
            Self::ClientStart | Self::ServerStart => State::New,
            Self::ClientHello(_)
            | Self::Client12(_)
            | Self::Server12(_)
            | Self::Client13(_)
            | Self::Server13(_)
            | Self::Complete(_) => State::Connecting,
            Self::Connected(_) => State::Connected,
            Self::Ended(CloseReason::Local | CloseReason::Peer) => State::Closed,
            Self::Ended(_) => State::Failed,
        }
    }
}

fn after_handshake(
    session: &mut Session,
    handshake: &mut Handshake,
    message: &Message,
) -> Result<(), Failure> {
    match &mut session.traffic {
        Some(traffic) => traffic.step(handshake, message),
        // DTLS 1.2: HelloRequest and ClientHello would renegotiate, which we do not (RFC 5746, section 5 allows to
        // ignore them; attack C12). There is nothing else to say.
        None => match (handshake.role, message.kind) {
            (Role::Client, HandshakeType::HelloRequest) | (Role::Server, HandshakeType::ClientHello) => {
                Ok(())
            }
            _ => Err(Failure::UNEXPECTED),
        },
    }
}
