//! When allocations are asked for, and what becomes of them.

use std::net::SocketAddr;
use std::sync::Arc;

use drywire_core::{Instant, Path, Protocol};
use drywire_ice::gather::{GatherError, RelayTransport};
use drywire_stun::Credential;
use drywire_turn::client::{Allocation, Event, FailureReason};

use super::relay::{Relay, State, explain};
use super::stream::Purpose;
use super::{IceServer, IceServerError, MAX_RELAYS, Network};

impl Network {
    /// Notes the relays of a server: one for each IP version that it is reached by.
    pub(super) fn add_relays(&mut self, server: &IceServer) -> Result<(), IceServerError> {
        let uri = || server.uri.clone();
        let Some(transport) = server.transport() else {
            return Err(IceServerError::Transport { uri: uri() });
        };
        if self.provider.is_none() {
            return Err(IceServerError::NoProvider { uri: uri() });
        }
        let credential = Credential::new(&server.username, &server.password)
            .map_err(|_| IceServerError::Credential { uri: uri() })?;
        let url: Arc<str> = server.uri.to_string().into();
        for address in server.first_addresses() {
            // RFC 8656, section 3.1: there is one allocation for each way to a server.
            let same = |relay: &Relay| relay.server == address && relay.transport == transport;
            if let Some(known) = self.relays.iter_mut().find(|relay| same(relay)) {
                known.renew_credential(credential.clone());
                continue;
            }
            if self.relays.len() >= MAX_RELAYS {
                return Err(IceServerError::TooMany { uri: uri(), limit: MAX_RELAYS });
            }
            self.relays.push(Relay::new(
                url.clone(),
                address,
                transport,
                server.tls_name(),
                credential.clone(),
            ));
        }
        Ok(())
    }

    /// Asks for the allocations that nobody asked for yet, from where their servers can be reached.
    pub(super) fn allocate(&mut self, now: Instant) {
        for index in 0..self.relays.len() {
            let Some(relay) = self.relays.get(index) else { return };
            if self.closed || !matches!(relay.state, State::Idle) {
                continue;
            }
            let Some(local) = self.local_for(relay.server) else { continue };
            let (url, server, transport, tls) =
                (relay.url.clone(), relay.server, relay.transport, relay.tls.clone());
            // Gathering waits for the first attempt only: what comes of later ones is told when it comes.
            let expected = match relay.expected {
                None if !relay.tried => Some(self.gatherer.expect_relayed(now, url, local, transport)),
                expected => expected,
            };
            let state = if transport == RelayTransport::Udp {
                let client = self.client(now, Path::udp(local, server), index);
                client.map_or(State::Refused, |client| State::Active(Box::new(client)))
            } else {
                let id = self.streams.connect(Purpose::Relay(index), None, server, tls);
                id.map_or(State::Refused, State::Connecting)
            };
            if let Some(relay) = self.relays.get_mut(index) {
                (relay.state, relay.expected) = (state, expected);
                relay.tried();
            }
        }
    }

    /// The address to reach a server from: one that a default route leads over, if there is one; loopback addresses only
    /// among themselves.
    fn local_for(&self, server: SocketAddr) -> Option<SocketAddr> {
        let mut usable = self.locals.iter().filter(|local| {
            local.address.is_ipv4() == server.is_ipv4()
                && local.address.ip().is_loopback() == server.ip().is_loopback()
        });
        let first = usable.next()?;
        let best = std::iter::once(first).chain(usable).find(|local| local.default_route);
        Some(best.unwrap_or(first).address)
    }

    /// The connection to a relay's server is open.
    pub(super) fn relay_connected(&mut self, now: Instant, index: usize, path: Path) {
        let Some(relay) = self.relays.get_mut(index) else { return };
        let path = Path { protocol: Protocol::Tcp, ..path };
        let client = match std::mem::replace(&mut relay.state, State::Idle) {
            State::Redirected(_, mut client) => client.reconnected(now, path).is_ok().then_some(client),
            State::Connecting(_) => self.client(now, path, index).map(Box::new),
            other => {
                relay.state = other;
                None
            }
        };
        match (client, self.relays.get_mut(index)) {
            (Some(client), Some(relay)) => relay.state = State::Active(client),
            // Nobody waits for it any more.
            _ => self.streams.close(path),
        }
    }

    /// Takes what a relay's client tells.
    pub(super) fn settle_relay(&mut self, now: Instant, index: usize) {
        while let Some(event) =
            self.relays.get_mut(index).and_then(Relay::client_mut).and_then(|client| client.poll_event())
        {
            match event {
                Event::Allocated(allocation) => self.allocated(now, index, &allocation),
                Event::Redirected { server } => self.redirected(index, server),
                Event::Failed { reason } => self.lose_relay(now, index, Some(reason)),
                Event::Closed => {
                    if let Some(path) = self.relays.get(index).and_then(Relay::path) {
                        self.streams.close(path);
                    }
                    if let Some(relay) = self.relays.get_mut(index) {
                        relay.state = State::Idle;
                    }
                }
                // ICMP errors change nothing. That a datagram was too big must be proven by what it quotes (RFC 8899, section
                // 4.6.1), which the server does not pass on: probes find the size of packets without it. And that a peer
                // cannot be reached is found by checks.
                other => tracing::debug!(event = ?other, "turn"),
            }
        }
    }

    /// There are relayed addresses: candidates, like others.
    fn allocated(&mut self, now: Instant, index: usize, allocation: &Allocation) {
        let Some(relay) = self.relays.get_mut(index) else { return };
        let Some(path) = relay.path() else { return };
        relay.succeeded(now);
        relay.relayed = std::iter::once(allocation.relayed).chain(allocation.additional).collect();
        let (url, transport, mut expected) = (relay.url.clone(), relay.transport, relay.expected.take());
        if transport == RelayTransport::Udp {
            self.gatherer.add_server_reflexive(now, path, allocation.mapped);
        }
        for relayed in std::iter::once(allocation.relayed).chain(allocation.additional) {
            let id = expected
                .take()
                .unwrap_or_else(|| self.gatherer.expect_relayed(now, url.clone(), path.local, transport));
            // One that was waited for too long is expected anew: it is late, but it is there.
            if self.gatherer.add_relayed(now, id, relayed, allocation.mapped, path.remote).is_err() {
                let id = self.gatherer.expect_relayed(now, url.clone(), path.local, transport);
                let added = self.gatherer.add_relayed(now, id, relayed, allocation.mapped, path.remote);
                if let Err(error) = added {
                    tracing::debug!(%error, "a relayed address that nobody waits for");
                }
            }
        }
    }

    /// Another server is to be asked. Over UDP the client does it by itself.
    fn redirected(&mut self, index: usize, server: SocketAddr) {
        let Some(relay) = self.relays.get_mut(index) else { return };
        if relay.transport == RelayTransport::Udp {
            return;
        }
        if let Some(path) = relay.path() {
            self.streams.close(path);
        }
        let id = self.streams.connect(Purpose::Relay(index), None, server, relay.tls.clone());
        if let (State::Active(client), Some(id)) = (std::mem::replace(&mut relay.state, State::Idle), id) {
            relay.state = State::Redirected(id, client);
        }
    }

    /// For a server we are somebody else now, who has no allocation (RFC 8656, section 3.1).
    pub(super) fn relay_moved(&mut self, now: Instant, path: Path) {
        let moved = |relay: &Relay| relay.transport == RelayTransport::Udp && relay.path() == Some(path);
        if let Some(index) = self.relays.iter().position(moved) {
            self.lose_relay(now, index, None);
            if let Some(relay) = self.relays.get_mut(index) {
                relay.state = State::Idle;
            }
            self.allocate(now);
        }
    }

    /// There is no allocation, or no more: `reason` is `None` when its connection failed.
    pub(super) fn lose_relay(&mut self, now: Instant, index: usize, reason: Option<FailureReason>) {
        let Some(relay) = self.relays.get_mut(index) else { return };
        if let Some(path) = relay.path() {
            self.streams.close(path);
        }
        if let State::Connecting(id) | State::Redirected(id, _) = &relay.state {
            self.streams.abandon(*id);
        }
        let (code, text) = reason.map_or((GatherError::UNREACHED, "no connection to the server"), explain);
        tracing::debug!(url = %relay.url, code, text, "no allocation");
        relay.failed(now, reason);
        let relayed = std::mem::take(&mut relay.relayed);
        if let Some(expected) = relay.expected.take()
            && let Err(error) = self.gatherer.fail_relayed(now, expected, code, text)
        {
            tracing::debug!(%error, "nobody waits for this relay");
        }
        for address in relayed {
            self.gone(now, Protocol::Udp, address);
        }
    }
}
