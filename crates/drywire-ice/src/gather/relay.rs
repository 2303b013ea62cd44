//! Relayed candidates: others get them (RFC 8656), the gatherer waits for them.

use std::net::SocketAddr;
use std::sync::Arc;

use drywire_core::{Instant, Protocol};

use super::event::{Disclosure, GatherError, GatherFailure};
use super::{Gatherer, UnknownRelay};
use crate::{Candidate, CandidateKind};

/// The number of a relay that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelayId(u32);

/// How the host talks to a TURN server: which relay is preferred depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelayTransport {
    /// Over UDP.
    Udp,
    /// Over TCP: worse, as the loss of one datagram delays others.
    Tcp,
    /// Over TLS.
    Tls,
}

/// A relay that is waited for.
#[derive(Debug)]
pub(crate) struct Expected {
    id: RelayId,
    url: Arc<str>,
    pub(crate) local: SocketAddr,
    transport: RelayTransport,
    pub(crate) gives_up: Instant,
}

impl Gatherer {
    /// Says that an allocation is being made from a local address on a TURN server: `Done` waits for it. At most 64
    /// are waited for; more get a number that nobody waits for.
    pub fn expect_relayed(
        &mut self,
        now: Instant,
        url: impl Into<Arc<str>>,
        local: SocketAddr,
        transport: RelayTransport,
    ) -> RelayId {
        let now = self.advance(now);
        self.next_relay = self.next_relay.wrapping_add(1);
        let id = RelayId(self.next_relay);
        if self.relays.len() < 64 {
            let gives_up = now + self.config.timeout;
            self.relays.push(Expected { id, url: url.into(), local, transport, gives_up });
            self.open = true;
        }
        self.settle();
        id
    }

    /// The allocation is there: `address` on the relay; `related` is where the server sees this host, `server` the
    /// server's address.
    pub fn add_relayed(
        &mut self,
        now: Instant,
        id: RelayId,
        address: SocketAddr,
        related: SocketAddr,
        server: SocketAddr,
    ) -> Result<(), UnknownRelay> {
        self.advance(now);
        let relay = self.take_relay(id)?;
        // Below what is direct in any case; among relays, the better transport first, then the earlier one.
        let class: u16 = match relay.transport {
            RelayTransport::Udp => 3,
            RelayTransport::Tcp => 2,
            RelayTransport::Tls => 1,
        };
        self.relayed = self.relayed.saturating_add(1);
        let preference = class << 14 | 0x3FFF_u16.saturating_sub(self.relayed.min(0x3FFF));
        let mut candidate = Candidate::relayed(address, related).with_local_preference(preference);
        candidate.foundation =
            self.foundation(CandidateKind::Relayed, Protocol::Udp, address.ip(), Some(server.ip()));
        self.hide_related(&mut candidate);
        if crate::candidate::is_usable(address) {
            self.add(candidate, Disclosure::Address);
        } else {
            self.report(relay.error(self.shown(relay.local), GatherFailure::Useless, 500, String::new()));
        }
        self.settle();
        Ok(())
    }

    /// The allocation failed. `code` is the error code of STUN, or [`GatherError::UNREACHED`].
    pub fn fail_relayed(
        &mut self,
        now: Instant,
        id: RelayId,
        code: u16,
        text: &str,
    ) -> Result<(), UnknownRelay> {
        self.advance(now);
        let relay = self.take_relay(id)?;
        let unreached = code == GatherError::UNREACHED;
        let reason = if unreached { GatherFailure::Unreachable } else { GatherFailure::Refused };
        self.report(relay.error(self.shown(relay.local), reason, code, text.chars().take(128).collect()));
        self.settle();
        Ok(())
    }

    pub(crate) fn expire_relays(&mut self, now: Instant) {
        while let Some(at) = self.relays.iter().position(|relay| relay.gives_up <= now) {
            let relay = self.relays.remove(at);
            self.report(relay.error(
                self.shown(relay.local),
                GatherFailure::Timeout,
                GatherError::UNREACHED,
                String::new(),
            ));
        }
    }

    fn take_relay(&mut self, id: RelayId) -> Result<Expected, UnknownRelay> {
        let at = self.relays.iter().position(|relay| relay.id == id).ok_or(UnknownRelay)?;
        Ok(self.relays.remove(at))
    }
}

impl Expected {
    fn error(
        &self,
        local: Option<SocketAddr>,
        reason: GatherFailure,
        code: u16,
        text: String,
    ) -> GatherError {
        GatherError { url: self.url.clone(), local, reason, code, text }
    }
}
