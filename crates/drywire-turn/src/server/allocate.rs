//! Allocations: how they come about and end (RFC 8656, section 7.2).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant, Path};
use drywire_stun::attributes::{
    AdditionalAddressFamily, AddressErrorCode, AddressFamily, ErrorCode, EvenPort, Lifetime,
    RequestedAddressFamily, RequestedTransport, ReservationToken, XorMappedAddress, XorRelayedAddress,
};
use drywire_stun::{Class, Message, Method, TransactionId};

use super::peers::Binding;
use super::{AllocationId, Event, Server};
use crate::CommandError;

#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) client: Path,
    pub(super) username: String,
    /// The request that made it: repeated, it gets the same answer.
    transaction: TransactionId,
    response: Vec<u8>,
    v4: Relay,
    v6: Relay,
    lifetime: u32,
    /// Until when each peer may send.
    pub(super) permissions: BTreeMap<IpAddr, Instant>,
    pub(super) channels: BTreeMap<u16, Binding>,
    pub(super) channel_of: BTreeMap<SocketAddr, u16>,
}

/// A relayed address of one IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relay {
    Unwanted,
    /// The adapter opens it.
    Wanted,
    Open(SocketAddr),
    Unavailable,
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
        !self.response.is_empty()
    }

    /// The relayed address with the IP version of `peer`.
    pub(super) const fn relayed_for(&self, peer: IpAddr) -> Option<SocketAddr> {
        if peer.is_ipv4() { self.v4.address() } else { self.v6.address() }
    }

    fn relayed(&self) -> impl Iterator<Item = SocketAddr> {
        [self.v4, self.v6].into_iter().filter_map(Relay::address)
    }
}

impl Server {
    /// Begins an allocation: the answer comes when the adapter has opened what it needs.
    pub(super) fn allocate(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        username: &str,
    ) -> Result<(), ErrorCode<'static>> {
        let transaction = request.transaction_id();
        if let Some(known) = self.by_client.get(&path).and_then(|id| self.allocations.get(id)) {
            if known.transaction != transaction || known.username != username {
                return Err(ErrorCode::ALLOCATION_MISMATCH);
            }
            if known.is_open() {
                let response = known.response.clone();
                self.reply(path, response);
            }
            return Ok(());
        }
        let bad = |_| ErrorCode::BAD_REQUEST;
        match request.find::<RequestedTransport>().map_err(bad)? {
            None => return Err(ErrorCode::BAD_REQUEST),
            Some(RequestedTransport::UDP) => {}
            Some(_) => return Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL),
        }
        let (v4, v6) = self.families(request)?;
        let even = request.find::<EvenPort>().map_err(bad)?;
        let token = request.find::<ReservationToken>().map_err(bad)?;
        if token.is_some() && (even.is_some() || request.attribute::<RequestedAddressFamily>().is_some()) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        // No ports are reserved here: who needs the next one, or names one, finds that there is none.
        if token.is_some() || even.is_some_and(|even| even.reserve_next) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        let of_user = self.users.get(username).copied().unwrap_or(0);
        if of_user >= self.config.max_allocations_per_user {
            return Err(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        if self.allocations.len() >= self.config.max_allocations || !self.has_room_for_events() {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        let id = AllocationId(self.next_id);
        self.next_id += 1;
        let lifetime = self.lifetime(request.find::<Lifetime>().map_err(bad)?);
        let relay = |wanted| if wanted { Relay::Wanted } else { Relay::Unwanted };
        let allocation = Allocation {
            client: path,
            username: username.to_owned(),
            transaction,
            response: Vec::new(),
            v4: relay(v4),
            v6: relay(v6),
            lifetime,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            channel_of: BTreeMap::new(),
        };
        self.allocations.insert(id, allocation);
        self.by_client.insert(path, id);
        *self.users.entry(username.to_owned()).or_default() += 1;
        self.timers.arm(id, now + self.config.open_timeout.max(Duration::from_millis(1)));
        for (wanted, family) in [(v4, AddressFamily::V4), (v6, AddressFamily::V6)] {
            if wanted {
                self.events.push_back(Event::RelayWanted {
                    allocation: id,
                    family,
                    even_port: even.is_some(),
                });
            }
        }
        Ok(())
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

    pub(super) fn opened(
        &mut self,
        now: Instant,
        id: AllocationId,
        family: AddressFamily,
        relayed: Option<SocketAddr>,
    ) -> Result<(), CommandError> {
        if relayed.is_some_and(|relayed| self.by_relay.contains_key(&relayed)) {
            return Err(CommandError::State);
        }
        let allocation = self.allocations.get_mut(&id).ok_or(CommandError::Unknown)?;
        let relay = match family {
            AddressFamily::V4 => &mut allocation.v4,
            AddressFamily::V6 => &mut allocation.v6,
        };
        if *relay != Relay::Wanted {
            return Err(CommandError::State);
        }
        *relay = relayed.map_or(Relay::Unavailable, Relay::Open);
        if let Some(relayed) = relayed {
            self.by_relay.insert(relayed, id);
        }
        if [allocation.v4, allocation.v6].contains(&Relay::Wanted) {
            return Ok(());
        }
        if allocation.relayed().next().is_none() {
            self.expired(id);
            return Ok(());
        }
        self.complete(now, id);
        Ok(())
    }

    /// Everything is open: tells the client.
    fn complete(&mut self, now: Instant, id: AllocationId) {
        let Some(allocation) = self.allocations.get(&id) else { return };
        let (client, lifetime) = (allocation.client, allocation.lifetime);
        let response = self.build(
            Class::Success,
            Method::ALLOCATE,
            allocation.transaction,
            &allocation.username,
            |response| {
                for relayed in allocation.relayed() {
                    response.attribute(&XorRelayedAddress(relayed));
                }
                response.attribute(&Lifetime(lifetime)).attribute(&XorMappedAddress(client.remote));
                for (relay, family) in
                    [(allocation.v4, AddressFamily::V4), (allocation.v6, AddressFamily::V6)]
                {
                    if relay == Relay::Unavailable {
                        let ErrorCode { code, reason } = ErrorCode::INSUFFICIENT_CAPACITY;
                        response.attribute(&AddressErrorCode { family, code, reason });
                    }
                }
            },
        );
        if let Some(allocation) = self.allocations.get_mut(&id) {
            allocation.response.clone_from(&response);
        }
        self.timers.arm(id, now + Duration::from_secs(lifetime.into()));
        self.stats.allocations += 1;
        self.reply(client, response);
    }

    /// The time is over, of the allocation or of the adapter to open it.
    pub(super) fn expired(&mut self, id: AllocationId) {
        if let Some(allocation) = self.allocations.get(&id)
            && !allocation.is_open()
        {
            let (path, transaction) = (allocation.client, allocation.transaction);
            let username = allocation.username.clone();
            self.refuse(path, Method::ALLOCATE, transaction, &username, ErrorCode::INSUFFICIENT_CAPACITY);
        }
        self.delete(id);
    }

    pub(super) fn delete(&mut self, id: AllocationId) {
        let Some(allocation) = self.allocations.remove(&id) else { return };
        self.timers.disarm(id);
        self.by_client.remove(&allocation.client);
        for relayed in allocation.relayed() {
            self.by_relay.remove(&relayed);
            self.events.push_back(Event::RelayReleased { relayed });
        }
        if let Some(count) = self.users.get_mut(&allocation.username) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.users.remove(&allocation.username);
            }
        }
    }
}
