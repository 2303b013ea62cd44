//! Allocations: how they come about and end (RFC 8656, section 7.2).

use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant, Path, Protocol};
use drywire_stun::attributes::{
    AdditionalAddressFamily, AddressErrorCode, AddressFamily, DontFragment, ErrorCode, EvenPort, Lifetime,
    MobilityTicket, RequestedAddressFamily, RequestedTransport, ReservationToken, XorMappedAddress,
    XorRelayedAddress,
};
use drywire_stun::{Class, Message, Method, TransactionId};

use super::mobility::Ticket;
use super::peers::Peers;
use super::request::Requester;
use super::usage::HolderId;
use super::{AllocationId, Event, RelayPort, Server, Timer};
use crate::CommandError;

/// What each datagram needs stands first and side by side: with thousands of clients it comes from memory, not from the
/// cache.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Allocation {
    pub(super) client: Path,
    v4: Relay,
    v6: Relay,
    pub(super) holder: HolderId,
    /// By which protocol peers are reached.
    pub(super) transport: Protocol,
    /// Whether the client has been told its address.
    is_open: bool,
    pub(super) peers: Peers,
    /// Who made it.
    pub(super) requester: Requester,
    /// The request that made it: repeated, it gets the same answer.
    transaction: TransactionId,
    response: Vec<u8>,
    port: RelayPort,
    /// What moves the allocation to another address, if that is allowed.
    pub(super) ticket: Option<Ticket>,
    lifetime: u32,
}

/// A relayed address of one IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relay {
    Unwanted,
    /// The adapter opens it.
    Wanted,
    Open(SocketAddr),
    /// The adapter cannot open it now.
    Unavailable,
    /// The server has none of this IP version.
    Unsupported,
}

impl Relay {
    const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Open(address) => Some(address),
            _ => None,
        }
    }
}

impl Allocation {
    /// Whether the client has been told its address.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// The relayed address with the IP version of `peer`.
    pub(super) const fn relayed_for(&self, peer: IpAddr) -> Option<SocketAddr> {
        if peer.is_ipv4() { self.v4.address() } else { self.v6.address() }
    }

    fn relayed(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        [self.v4, self.v6].into_iter().filter_map(Relay::address)
    }
}

/// What an Allocate request asks for.
struct Wish {
    v4: bool,
    v6: bool,
    port: RelayPort,
    transport: Protocol,
    is_mobile: bool,
    /// A port that was kept, in place of new ones.
    reserved: Option<(ReservationToken, SocketAddr)>,
    lifetime: u32,
}

impl Server {
    /// Begins an allocation: the answer comes when the adapter has opened what it needs.
    pub(super) fn allocate(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
    ) -> Result<(), ErrorCode<'static>> {
        let transaction = request.transaction_id();
        if let Some(known) = self.table.client(&path).and_then(|id| self.table.get(id)) {
            if known.transaction != transaction || known.requester.username() != requester.username() {
                return Err(ErrorCode::ALLOCATION_MISMATCH);
            }
            if known.is_open() {
                let response = known.response.clone();
                self.reply(path, response);
            }
            return Ok(());
        }
        let wish = self.wish(path, request, requester)?;
        if self.is_draining() {
            return self.send_elsewhere(path, request, requester);
        }
        self.check_quotas(path, requester, wish.port)?;
        let relay = |wanted, is_supported| match (wanted, is_supported) {
            (false, _) => Relay::Unwanted,
            (true, false) => Relay::Unsupported,
            (true, true) => Relay::Wanted,
        };
        let (v4, v6) = (relay(wish.v4, self.config.ipv4), relay(wish.v6, self.config.ipv6));
        let allocation = Allocation {
            client: path,
            requester: requester.clone(),
            holder: self.usage.add(now, requester.holder(), path.remote),
            transaction,
            response: Vec::new(),
            is_open: false,
            v4,
            v6,
            port: wish.port,
            transport: wish.transport,
            ticket: None,
            lifetime: wish.lifetime,
            peers: Peers::new(&mut self.rng),
        };
        let holder = allocation.holder;
        let Some(id) = self.table.insert(allocation) else {
            self.usage.remove(holder, path.remote);
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        };
        if wish.is_mobile {
            self.give_ticket(id);
        }
        if let Some((token, relayed)) = wish.reserved {
            self.timers.disarm(Timer::Reservation(token.0));
            self.reservations.remove(token);
            self.table.unrelay(Protocol::Udp, &relayed);
            // The socket is there: nothing is to be waited for.
            return self
                .opened(now, id, AddressFamily::of(relayed), Some(relayed))
                .map_err(|_| ErrorCode::SERVER_ERROR);
        }
        self.timers.arm(Timer::Allocation(id), now + self.config.open_timeout.max(Duration::from_millis(1)));
        for (relay, family) in [(v4, AddressFamily::V4), (v6, AddressFamily::V6)] {
            if relay == Relay::Wanted {
                self.events.push_back(Event::RelayWanted {
                    allocation: id,
                    family,
                    port: wish.port,
                    transport: wish.transport,
                });
            }
        }
        Ok(())
    }

    /// Reads what is asked for (RFC 8656, section 7.2, steps 3 to 8).
    fn wish(
        &self,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
    ) -> Result<Wish, ErrorCode<'static>> {
        let bad = |_| ErrorCode::BAD_REQUEST;
        let transport = match request.find::<RequestedTransport>().map_err(bad)? {
            None => return Err(ErrorCode::BAD_REQUEST),
            Some(RequestedTransport::UDP) => Protocol::Udp,
            // RFC 6062, section 5.1: the way to the client must be a stream, too.
            Some(RequestedTransport::TCP) if !self.config.tcp_allocations => {
                return Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL);
            }
            Some(RequestedTransport::TCP) if path.protocol == Protocol::Udp => {
                return Err(ErrorCode::BAD_REQUEST);
            }
            Some(RequestedTransport::TCP) => Protocol::Tcp,
            Some(_) => return Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL),
        };
        let is_mobile = self.wants_mobility(request)?;
        let (mut v4, mut v6) = self.families(request)?;
        let even = request.find::<EvenPort>().map_err(bad)?;
        let token = request.find::<ReservationToken>().map_err(bad)?;
        // RFC 6062, section 5.1.
        let of_udp = even.is_some() || token.is_some() || request.attribute::<DontFragment>().is_some();
        if transport == Protocol::Tcp && of_udp {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let both = request.attribute::<AdditionalAddressFamily>().is_some();
        let one = request.attribute::<RequestedAddressFamily>().is_some();
        let port = match even {
            None => RelayPort::Any,
            Some(EvenPort { reserve_next: false }) => RelayPort::Even,
            // A pair of ports for each of two families cannot be told by one token.
            Some(_) if both => return Err(ErrorCode::BAD_REQUEST),
            Some(_) => RelayPort::EvenAndNext,
        };
        let reserved = match token {
            None => None,
            Some(_) if even.is_some() || both || one => return Err(ErrorCode::BAD_REQUEST),
            Some(token) => {
                let relayed = self.reservations.relayed(token, requester.username());
                let relayed = relayed.ok_or(ErrorCode::INSUFFICIENT_CAPACITY)?;
                (v4, v6) = (relayed.is_ipv4(), relayed.is_ipv6());
                Some((token, relayed))
            }
        };
        let lifetime = self.lifetime(request.find::<Lifetime>().map_err(bad)?);
        Ok(Wish { v4, v6, port, transport, is_mobile, reserved, lifetime })
    }

    /// Which relayed addresses to open, IPv4 and IPv6.
    fn families(&self, request: &Message<'_>) -> Result<(bool, bool), ErrorCode<'static>> {
        // A family that is not known here is malformed for `find`.
        let unsupported = |_| ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED;
        let requested = request.find::<RequestedAddressFamily>().map_err(unsupported)?;
        let additional = request.find::<AdditionalAddressFamily>().map_err(|_| ErrorCode::BAD_REQUEST)?;
        match (requested.map(|family| family.0), additional.map(|family| family.0)) {
            (Some(_), Some(_)) | (_, Some(AddressFamily::V4)) => Err(ErrorCode::BAD_REQUEST),
            // One of the two is enough: the answer says which is missing.
            (None, Some(AddressFamily::V6)) if self.config.ipv4 || self.config.ipv6 => Ok((true, true)),
            (Some(AddressFamily::V6), None) if self.config.ipv6 => Ok((false, true)),
            (Some(AddressFamily::V4) | None, None) if self.config.ipv4 => Ok((true, false)),
            _ => Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED),
        }
    }

    /// RFC 8656, section 7.2, steps 9 and 10 (attack B13).
    fn check_quotas(
        &self,
        path: Path,
        requester: &Requester,
        port: RelayPort,
    ) -> Result<(), ErrorCode<'static>> {
        let mut of_user = self.usage.of_holder(requester.holder());
        if port == RelayPort::EvenAndNext {
            of_user += self.reservations.of_user(requester.username());
        }
        if of_user >= self.config.max_allocations_per_user
            || self.usage.of_source(path.remote) >= self.config.max_allocations_per_source
        {
            return Err(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        let in_all = self.table.len() + self.reservations.len();
        if in_all >= self.config.max_allocations || !self.has_room_for_events() {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        Ok(())
    }

    pub(super) fn opened(
        &mut self,
        now: Instant,
        id: AllocationId,
        family: AddressFamily,
        relayed: Option<SocketAddr>,
    ) -> Result<(), CommandError> {
        let allocation = self.table.get(id).ok_or(CommandError::Unknown)?;
        let next = relayed.filter(|_| allocation.port == RelayPort::EvenAndNext).map(above);
        let transport = allocation.transport;
        let in_use = |relayed: SocketAddr| match transport {
            Protocol::Tcp => self.table.listener(&relayed).is_some(),
            _ => self.table.relay(&relayed).is_some(),
        };
        if relayed.into_iter().chain(next.flatten()).any(in_use) || next == Some(None) {
            return Err(CommandError::State);
        }
        let allocation = self.table.get_mut(id).ok_or(CommandError::Unknown)?;
        let relay = match family {
            AddressFamily::V4 => &mut allocation.v4,
            AddressFamily::V6 => &mut allocation.v6,
        };
        if *relay != Relay::Wanted {
            return Err(CommandError::State);
        }
        *relay = relayed.map_or(Relay::Unavailable, Relay::Open);
        let is_waiting = [allocation.v4, allocation.v6].contains(&Relay::Wanted);
        let is_empty = allocation.relayed().next().is_none();
        let username = allocation.requester.clone();
        if let Some(relayed) = relayed {
            self.table.enrelay(transport, relayed, id);
        }
        let token = next.flatten().map(|next| self.reserve(now, next, username.username()));
        if is_waiting {
            return Ok(());
        }
        if is_empty {
            self.allocation_expired(id);
            return Ok(());
        }
        self.complete(now, id, token);
        Ok(())
    }

    /// Everything is open: tells the client (RFC 8656, section 7.2, step 10).
    fn complete(&mut self, now: Instant, id: AllocationId, token: Option<ReservationToken>) {
        let Some(allocation) = self.table.get(id) else { return };
        let (client, lifetime) = (allocation.client, allocation.lifetime);
        let response = allocation.requester.response(
            Class::Success,
            Method::ALLOCATE,
            allocation.transaction,
            |response| {
                for relayed in allocation.relayed() {
                    response.attribute(&XorRelayedAddress(relayed));
                }
                response.attribute(&Lifetime(lifetime)).attribute(&XorMappedAddress(client.remote));
                for (relay, family) in
                    [(allocation.v4, AddressFamily::V4), (allocation.v6, AddressFamily::V6)]
                {
                    let ErrorCode { code, reason } = match relay {
                        Relay::Unwanted | Relay::Wanted | Relay::Open(_) => continue,
                        Relay::Unavailable => ErrorCode::INSUFFICIENT_CAPACITY,
                        Relay::Unsupported => ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED,
                    };
                    response.attribute(&AddressErrorCode { family, code, reason });
                }
                if let Some(token) = token {
                    response.attribute(&token);
                }
                if let Some(ticket) = &allocation.ticket {
                    response.attribute(&MobilityTicket(&ticket.current));
                }
            },
        );
        if let Some(allocation) = self.table.get_mut(id) {
            allocation.response.clone_from(&response);
            allocation.is_open = true;
        }
        self.timers.arm(Timer::Allocation(id), now + Duration::from_secs(lifetime.into()));
        self.stats.allocations += 1;
        self.reply(client, response);
    }

    /// The time is over, of the allocation or of the adapter to open it.
    pub(super) fn allocation_expired(&mut self, id: AllocationId) {
        if let Some(allocation) = self.table.get(id)
            && !allocation.is_open()
        {
            let (path, transaction) = (allocation.client, allocation.transaction);
            let requester = allocation.requester.clone();
            self.refuse(path, Method::ALLOCATE, transaction, &requester, ErrorCode::INSUFFICIENT_CAPACITY);
        }
        self.delete(id);
    }

    pub(super) fn delete(&mut self, id: AllocationId) {
        let Some(allocation) = self.table.remove(id) else { return };
        self.timers.disarm(Timer::Allocation(id));
        for relayed in allocation.relayed() {
            self.table.unrelay(allocation.transport, &relayed);
            let transport = allocation.transport;
            self.events.push_back(Event::RelayReleased { relayed, transport });
        }
        self.drop_ticket(allocation.ticket);
        self.release_connections(id);
        self.usage.remove(allocation.holder, allocation.client.remote);
        self.tell_when_drained();
    }
}

/// The same address with the next port, of an even one that has a next.
fn above(relayed: SocketAddr) -> Option<SocketAddr> {
    let next = relayed.port().checked_add(1).filter(|next| !next.is_multiple_of(2))?;
    Some(SocketAddr::new(relayed.ip(), next))
}
