//! What comes from the server: responses, Data indications, ChannelData.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use drywire_core::{Duration, Instant, Path, Protocol};
use drywire_stun::attributes::{
    Attribute, ConnectionId, ErrorCode, Icmp, Lifetime, XorPeerAddress, XorRelayedAddress,
};
use drywire_stun::{AttributeType, Class, HEADER_LEN, Message, Method, Refusal, TransactionId, Verdict};

use super::request::{Purpose, Request};
use super::{Allocation, Client, Event, FailureReason, PeerRefusal, State, Timer};
use crate::{CHANNEL_HEADER_LEN, ChannelData};

/// The comprehension-required attributes that responses and Data indications may carry.
const KNOWN: &[AttributeType] = &[
    AttributeType::MAPPED_ADDRESS,
    AttributeType::USERNAME,
    AttributeType::MESSAGE_INTEGRITY,
    AttributeType::MESSAGE_INTEGRITY_SHA256,
    AttributeType::ERROR_CODE,
    AttributeType::UNKNOWN_ATTRIBUTES,
    AttributeType::CHANNEL_NUMBER,
    AttributeType::LIFETIME,
    AttributeType::XOR_PEER_ADDRESS,
    AttributeType::DATA,
    AttributeType::REALM,
    AttributeType::NONCE,
    AttributeType::XOR_RELAYED_ADDRESS,
    AttributeType::PASSWORD_ALGORITHM,
    AttributeType::USERHASH,
    AttributeType::XOR_MAPPED_ADDRESS,
    AttributeType::RESERVATION_TOKEN,
    AttributeType::CONNECTION_ID,
];

impl Client {
    /// Takes one message.
    pub(super) fn take(&mut self, now: Instant, message: BytesMut) {
        if message.first().is_some_and(|first| first & 0xC0 == 0x40) {
            return self.take_channel_data(message);
        }
        let Ok(view) = Message::parse(&message) else {
            self.stats.malformed += 1;
            return;
        };
        if view.check_fingerprint() == Some(false) {
            self.stats.malformed += 1;
            return;
        }
        match (view.class(), view.method()) {
            (Class::Success | Class::Error, _) => self.take_response(now, self.path, &view),
            (Class::Indication, Method::CONNECTION_ATTEMPT) => self.attempted(&view),
            (Class::Indication, Method::DATA) => {
                let peer = view.attribute::<XorPeerAddress>().map(|peer| peer.0);
                let payload = payload_range(&view);
                // RFC 8489, section 6.3.2: an indication with what is not understood is dropped.
                if view.unknown_required(KNOWN).next().is_some() {
                    self.stats.unexpected += 1;
                    return;
                }
                let icmp = view.attribute::<Icmp>();
                match (peer, payload) {
                    (Some(peer), None) if icmp.is_some() => self.take_icmp(peer, icmp),
                    (Some(peer), Some((at, len))) => self.receive(peer, message, at, len),
                    _ => self.stats.malformed += 1,
                }
            }
            _ => self.stats.unexpected += 1,
        }
    }

    fn take_channel_data(&mut self, message: BytesMut) {
        let Some(data) = ChannelData::parse(&message) else {
            self.stats.malformed += 1;
            return;
        };
        let len = data.data.len();
        match self.channels.peer(data.channel) {
            Some(peer) => self.receive(peer, message, CHANNEL_HEADER_LEN, len),
            None => self.stats.received_dropped += 1,
        }
    }

    /// Hands on a peer's datagram, which is a part of `message`.
    fn receive(&mut self, peer: SocketAddr, mut message: BytesMut, at: usize, len: usize) {
        let State::Allocated(allocation) = &self.state else {
            self.stats.received_dropped += 1;
            return;
        };
        // RFC 8656, section 11.4: only from peers with a permission that we asked for.
        let (Some(local), Some(permission)) =
            (allocation.relayed_for(peer), self.permissions.get_mut(&peer.ip()))
        else {
            self.stats.received_dropped += 1;
            return;
        };
        (permission.used, permission.heard) = (true, true);
        self.channels.touch(peer);
        if self.received.len() >= self.config.max_received {
            self.received.pop_front();
            self.stats.received_dropped += 1;
        }
        message.advance(at.min(message.len()));
        message.truncate(len);
        self.stats.datagrams_received += 1;
        self.received.push_back((Path::udp(local, peer), message));
    }

    /// RFC 8656, section 11.6: told only of peers that we have let in.
    fn take_icmp(&mut self, peer: SocketAddr, icmp: Option<Icmp>) {
        self.stats.icmp_received += 1;
        if let Some(icmp) = icmp.filter(|_| self.permissions.contains_key(&peer.ip())) {
            self.tell(Event::Icmp { peer, icmp });
        }
    }

    pub(super) fn take_response(&mut self, now: Instant, path: Path, response: &Message<'_>) {
        let id = response.transaction_id();
        let connection = self.connections.id(&path);
        let expected = |request: &&mut Request| {
            // What binds a connection is answered along it, all else along the first one.
            let comes_right = match request.purpose {
                Purpose::Bind(id) => connection == Some(id),
                _ => connection.is_none(),
            };
            comes_right && request.purpose.method() == response.method()
        };
        let Some(request) = self.requests.get_mut(&id).filter(expected) else {
            self.stats.unmatched += 1;
            return;
        };
        let code = match (response.class(), response.attribute::<ErrorCode<'_>>()) {
            (Class::Success, _) => None,
            (_, Some(error)) => Some(error.code),
            (_, None) => {
                self.stats.malformed += 1;
                return;
            }
        };
        let mut attempt = request.attempt;
        let verdict = self.auth.accept(&*self.config.provider, &mut attempt, response);
        request.attempt = attempt;
        let purpose = request.purpose;
        if verdict == Verdict::Discard {
            self.stats.unauthenticated += 1;
            // What nobody vouches for is as if it had never come, so that nobody can make the client fail by guessing. When
            // nothing better comes, it is the reason.
            request.hint = request.hint.or(code.filter(|_| response.integrity().is_none()));
            let hint = request.hint;
            if self.config.is_stream() {
                // And nothing better can come over a stream (RFC 8489, section 9.2.5).
                self.end_request(id);
                self.give_up(now, purpose, hint);
            }
            return;
        }
        self.end_request(id);
        let code = match verdict {
            Verdict::Retry => return self.request_again(purpose, attempt),
            Verdict::Refused(refusal) => return self.refused(now, purpose, refusal),
            Verdict::Redirect { server, domain } => return self.redirected(now, purpose, server, domain),
            // RFC 8489, sections 6.3.3 and 6.3.4: the transaction has failed.
            _ if code.is_none() && response.unknown_required(KNOWN).next().is_some() => Some(420),
            _ => code,
        };
        match (purpose, code) {
            (Purpose::Allocate, None) => self.allocated(now, response),
            (Purpose::Allocate, Some(405)) if self.config.mobility && !self.immobile => {
                // RFC 8016, section 3.1.3: then one that stays where it is.
                self.immobile = true;
                self.request(Purpose::Allocate);
            }
            (Purpose::Allocate, Some(437)) => self.mismatched(),
            (Purpose::Refresh { .. }, code) if matches!(self.state, State::Replacing) => {
                self.predecessor_deleted(code);
            }
            (Purpose::Refresh { .. }, _) if matches!(self.state, State::Closing) => self.closed(),
            (Purpose::Refresh { lifetime }, None) => {
                self.note_ticket(response);
                self.refreshed(now, response.attribute::<Lifetime>().map_or(lifetime, |told| told.0));
            }
            (Purpose::Allocate | Purpose::Refresh { .. }, Some(code)) => self.fail(FailureReason::of(code)),
            // The allocation has gone, and with it all that belongs to it.
            (_, Some(437)) => self.fail(FailureReason::AllocationMismatch),
            (Purpose::Permission(peer), None) => self.permitted(now, peer),
            (Purpose::Channel { number, .. }, None) => self.channel_bound(now, number),
            (Purpose::Connect(peer), None) => match response.attribute::<ConnectionId>() {
                Some(connection) => self.ready(connection, peer, false),
                None => self.tell(Event::ConnectFailed { peer, reason: PeerRefusal::of(400) }),
            },
            (Purpose::Permission(_) | Purpose::Channel { .. } | Purpose::Connect(_), Some(code)) => {
                self.peer_refused(now, purpose, code);
            }
            (Purpose::Bind(id), None) => self.bound(id),
            (Purpose::Bind(id), Some(code)) => self.bind_failed(id, PeerRefusal::of(code)),
        }
    }

    /// Nothing goes to a peer, or not in this way. A server that has lost the allocation, because it was started anew, may say no
    /// more than that the request makes no sense: refreshing tells, and ends the client if it is so.
    pub(super) fn peer_refused(&mut self, now: Instant, purpose: Purpose, code: u16) {
        match purpose {
            Purpose::Permission(peer) => self.permission_refused(now, peer, PeerRefusal::of(code)),
            Purpose::Channel { number, .. } => self.channel_refused(now, number),
            Purpose::Connect(peer) => {
                self.tell(Event::ConnectFailed { peer, reason: PeerRefusal::of(code) });
            }
            Purpose::Bind(id) => self.bind_failed(id, PeerRefusal::of(code)),
            // Whatever it was that nobody has signed: the other allocation is still there.
            Purpose::Refresh { .. } if matches!(self.state, State::Replacing) => {
                self.fail(FailureReason::AllocationMismatch);
            }
            Purpose::Allocate | Purpose::Refresh { .. } => self.fail(FailureReason::of(code)),
        }
        if matches!(code, 400 | 437) && self.is_allocated() {
            self.timers.disarm(Timer::Refresh);
            self.refresh();
        }
    }

    fn end_request(&mut self, id: TransactionId) {
        self.requests.remove(&id);
        self.timers.disarm(Timer::Request(id));
    }

    /// The request failed for good, because of the credential or of what the server makes of it (RFC 8489,
    /// sections 9.2.5 and 10).
    fn refused(&mut self, now: Instant, purpose: Purpose, refusal: Refusal) {
        match purpose {
            Purpose::Allocate | Purpose::Refresh { .. } => self.fail(refusal.into()),
            _ => self.peer_refused(now, purpose, 401),
        }
    }

    /// RFC 8656, section 7.3.
    fn allocated(&mut self, now: Instant, response: &Message<'_>) {
        let id = response.transaction_id();
        let mut relayed = response
            .attributes()
            .filter(|raw| raw.attribute == AttributeType::XOR_RELAYED_ADDRESS)
            .filter_map(|raw| XorRelayedAddress::parse(raw.value, id))
            .map(|address| address.0);
        let first = relayed.next();
        let additional = relayed.find(|other| first.is_some_and(|first| first.is_ipv4() != other.is_ipv4()));
        let (Some(relayed), Some(mapped), Some(lifetime)) =
            (first, response.xor_mapped_address(), response.attribute::<Lifetime>())
        else {
            return self.fail(FailureReason::Malformed);
        };
        if relayed.port() == 0 || relayed.ip().is_unspecified() || relayed.ip().is_multicast() {
            return self.fail(FailureReason::Malformed);
        }
        let allocation = Allocation { relayed, additional, mapped, lifetime: bounded(lifetime.0) };
        self.state = State::Allocated(allocation);
        self.note_ticket(response);
        self.refreshed(now, lifetime.0);
        self.tell(Event::Allocated(allocation));
    }

    /// Asks for more time, unless that is asked for already.
    pub(super) fn refresh(&mut self) {
        let mut purposes = self.requests.values().map(|request| request.purpose);
        if !purposes.any(|purpose| matches!(purpose, Purpose::Refresh { .. })) {
            let lifetime = u32::try_from(self.config.lifetime.as_secs()).unwrap_or(u32::MAX).max(1);
            self.request(Purpose::Refresh { lifetime });
        }
    }

    fn refreshed(&mut self, now: Instant, seconds: u32) {
        let State::Allocated(allocation) = &mut self.state else { return };
        let lifetime = bounded(seconds);
        allocation.lifetime = lifetime;
        // A minute before the end (RFC 8656, section 8), which leaves time for all retransmissions.
        let early = Duration::from_secs(60).min(lifetime / 2);
        self.timers.arm(Timer::Refresh, now + (lifetime - early));
        self.timers.arm(Timer::Expiry, now + lifetime);
    }

    /// 300: another server shall be asked (RFC 8489, section 10), on the same transport and of the same IP version.
    fn redirected(&mut self, now: Instant, purpose: Purpose, server: SocketAddr, domain: Option<&str>) {
        match purpose {
            Purpose::Allocate => {}
            // What there is cannot move: a new allocation is a new client's affair.
            Purpose::Refresh { .. } => return self.fail(FailureReason::Redirected),
            _ => return self.peer_refused(now, purpose, 300),
        }
        self.auth.follow(server);
        self.alternate_domain = domain.map(Into::into);
        self.tell(Event::Redirected { server });
        if self.path.protocol == Protocol::Udp {
            self.path = Path { remote: server, ..self.path };
            self.request(Purpose::Allocate);
        } else {
            self.state = State::Reconnecting;
            self.timers.arm(Timer::Reconnect, now + Duration::from_millis(39_500));
        }
    }
}

/// What servers grant, in a range where refreshing makes sense: from 10 seconds to a day.
fn bounded(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds.clamp(10, 86_400)))
}

/// Where the first DATA stands in its message, and its length.
fn payload_range(message: &Message<'_>) -> Option<(usize, usize)> {
    let mut at = HEADER_LEN;
    for raw in message.attributes() {
        if raw.attribute == AttributeType::DATA {
            return Some((at + 4, raw.value.len()));
        }
        at += 4 + raw.value.len().next_multiple_of(4);
    }
    None
}
