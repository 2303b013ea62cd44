//! Requests: how they are made, sent, sent again and given up (RFC 8489, section 6.2).

use std::net::{IpAddr, SocketAddr};

use drywire_core::{Instant, Transmit};
use drywire_stun::attributes::{
    AdditionalAddressFamily, AddressFamily, ChannelNumber, ConnectionId, Lifetime, MobilityTicket,
    RequestedAddressFamily, RequestedTransport, XorPeerAddress,
};
use drywire_stun::{Attempt, Class, Expired, MessageBuilder, Method, Retransmission, TransactionId};

use super::{Client, Event, FailureReason, PeerRefusal, RelayedFamily, RelayedTransport, Timer};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Allocate,
    Refresh {
        lifetime: u32,
    },
    Permission(IpAddr),
    Channel {
        number: u16,
        peer: SocketAddr,
    },
    /// Makes a TCP connection.
    Connect(SocketAddr),
    /// Takes a TCP connection over.
    Bind(u32),
}

impl Purpose {
    pub(super) const fn method(self) -> Method {
        match self {
            Self::Allocate => Method::ALLOCATE,
            Self::Refresh { .. } => Method::REFRESH,
            Self::Permission(_) => Method::CREATE_PERMISSION,
            Self::Channel { .. } => Method::CHANNEL_BIND,
            Self::Connect(_) => Method::CONNECT,
            Self::Bind(_) => Method::CONNECTION_BIND,
        }
    }
}

/// A request that waits for its response.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) purpose: Purpose,
    bytes: Vec<u8>,
    /// `None` until it is sent for the first time.
    schedule: Option<Retransmission>,
    /// How often it was made anew for a 401 or 438, and with which credential.
    pub(super) attempt: Attempt,
    /// The error of a response that nobody has signed: the reason to tell if no better one comes.
    pub(super) hint: Option<u16>,
}

impl Client {
    pub(super) fn request(&mut self, purpose: Purpose) {
        self.request_again(purpose, Attempt::default());
    }

    /// Makes a request that goes before the others.
    pub(super) fn request_first(&mut self, purpose: Purpose) {
        self.request(purpose);
        if let Some(id) = self.ready.pop_back() {
            self.ready.push_front(id);
        }
    }

    /// Makes a request with the credential as it is now.
    pub(super) fn request_again(&mut self, purpose: Purpose, mut attempt: Attempt) {
        let id = TransactionId::random(&mut self.rng);
        let mut bytes = Vec::new();
        let mut request = MessageBuilder::new(&mut bytes, Class::Request, purpose.method(), id);
        match purpose {
            Purpose::Allocate => {
                request.attribute(&match self.config.transport {
                    RelayedTransport::Udp => RequestedTransport::UDP,
                    RelayedTransport::Tcp => RequestedTransport::TCP,
                });
                if self.config.mobility && !self.immobile {
                    request.attribute(&MobilityTicket(&[]));
                }
                request.attribute(&Lifetime(
                    u32::try_from(self.config.lifetime.as_secs()).unwrap_or(u32::MAX).max(1),
                ));
                match self.config.family {
                    RelayedFamily::V4 => {}
                    RelayedFamily::V6 => {
                        request.attribute(&RequestedAddressFamily(AddressFamily::V6));
                    }
                    RelayedFamily::Both => {
                        request.attribute(&AdditionalAddressFamily(AddressFamily::V6));
                    }
                }
            }
            Purpose::Refresh { lifetime } => {
                request.attribute(&Lifetime(lifetime));
                // RFC 8016, section 3.2.1: from wherever it comes, the ticket says which allocation is meant.
                if let Some(ticket) = &self.ticket {
                    request.attribute(&MobilityTicket(ticket));
                }
            }
            // The port does not matter: permissions are of addresses (RFC 8656, section 10).
            Purpose::Permission(peer) => {
                request.attribute(&XorPeerAddress(SocketAddr::new(peer, 0)));
            }
            Purpose::Channel { number, peer } => {
                request.attribute(&ChannelNumber(number)).attribute(&XorPeerAddress(peer));
            }
            Purpose::Connect(peer) => {
                request.attribute(&XorPeerAddress(peer));
            }
            Purpose::Bind(connection) => {
                request.attribute(&ConnectionId(connection));
            }
        }
        self.auth.protect(&mut attempt, &mut request);
        request.fingerprint();
        if request.finish().is_err() {
            // User name and password are longer than a message can be.
            return self.fail(FailureReason::Unauthorized);
        }
        let request = Request { purpose, bytes, schedule: None, attempt, hint: None };
        self.requests.insert(id, request);
        self.ready.push_back(id);
    }

    /// Sends the next request that is due.
    pub(super) fn send_request(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            let id = self.ready.pop_front()?;
            let Some(request) = self.requests.get_mut(&id) else { continue };
            if request.schedule.is_none() {
                let schedule = Retransmission::start(self.config.schedule(), now);
                self.timers.arm(Timer::Request(id), schedule.deadline());
                request.schedule = Some(schedule);
                self.stats.requests_sent += 1;
            } else {
                self.stats.requests_retransmitted += 1;
            }
            out.extend_from_slice(&request.bytes);
            let len = request.bytes.len();
            let path = match request.purpose {
                Purpose::Bind(id) => self.connections.path(id).unwrap_or(self.path),
                _ => self.path,
            };
            return Some(Transmit::datagram(path, len));
        }
    }

    pub(super) fn request_expired(&mut self, now: Instant, id: TransactionId) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let Some(schedule) = &mut request.schedule else { return };
        match schedule.expire(now) {
            None => self.timers.arm(Timer::Request(id), schedule.deadline()),
            Some(Expired::Retransmit) => {
                self.timers.arm(Timer::Request(id), schedule.deadline());
                if !self.ready.contains(&id) {
                    self.ready.push_back(id);
                }
            }
            Some(Expired::TimedOut) => {
                let (purpose, hint) = (request.purpose, request.hint);
                self.requests.remove(&id);
                self.give_up(now, purpose, hint);
            }
        }
    }

    pub(super) fn give_up(&mut self, now: Instant, purpose: Purpose, hint: Option<u16>) {
        if let Some(code) = hint {
            return self.peer_refused(now, purpose, code);
        }
        match purpose {
            Purpose::Allocate | Purpose::Refresh { .. } => self.fail(FailureReason::TimedOut),
            Purpose::Permission(peer) => self.permission_timed_out(peer),
            Purpose::Channel { number, .. } => self.channel_timed_out(now, number),
            Purpose::Connect(peer) => {
                self.tell(Event::ConnectFailed { peer, reason: PeerRefusal::TimedOut });
            }
            Purpose::Bind(id) => self.bind_failed(id, PeerRefusal::TimedOut),
        }
    }
}
