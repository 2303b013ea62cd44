//! Permissions and channels (RFC 8656, sections 10 and 12).

use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant, Path, Protocol, Rng};
use drywire_stun::attributes::{Attribute, ChannelNumber, ErrorCode, XorPeerAddress};
use drywire_stun::{AttributeType, Class, Message};

use super::Server;
use super::request::Requester;
use crate::CHANNELS;
use crate::channel_data::LEGACY_CHANNELS;
use crate::hash::{HashMap, Seeded};

/// How long a permission lasts (RFC 8656, section 9).
const PERMISSION: Duration = Duration::from_secs(300);
/// How long a channel lasts (RFC 8656, section 12).
const CHANNEL: Duration = Duration::from_secs(600);
/// How long after the end of a channel neither its number nor its peer may be bound to another, so that nothing that is
/// still on its way comes to the wrong peer (RFC 8656, section 12).
const REST: Duration = Duration::from_secs(300);

/// How many channels are looked through one by one. They stand side by side; a map is elsewhere.
const FEW: usize = 8;

/// The peers of an allocation.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Peers {
    channels: Vec<Channel>,
    permissions: HashMap<IpAddr, Permission>,
    /// The places of the channels, where there are more than [`FEW`].
    by_number: HashMap<u16, usize>,
    by_peer: HashMap<SocketAddr, usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Permission {
    until: Instant,
    /// The peer has an address of this server: only its relayed addresses are reached there.
    pub(super) is_own: bool,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    number: u16,
    peer: SocketAddr,
    expires: Instant,
    /// That of the peer, so that one place tells everything about a datagram.
    permission: Permission,
}

impl Channel {
    /// Whether neither the number nor the peer may be another's yet.
    fn is_in_use(&self, now: Instant) -> bool {
        self.expires + REST > now
    }
}

impl Peers {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let seeded = Seeded::new(rng);
        Self {
            permissions: HashMap::with_hasher(seeded),
            channels: Vec::new(),
            by_number: HashMap::with_hasher(seeded),
            by_peer: HashMap::with_hasher(seeded),
        }
    }

    pub(super) fn permission(&self, now: Instant, peer: IpAddr) -> Option<Permission> {
        self.permissions.get(&peer).copied().filter(|permission| permission.until > now)
    }

    /// The peer of a channel that is bound, and its permission.
    pub(super) fn of_channel(&self, now: Instant, number: u16) -> Option<(SocketAddr, Permission)> {
        let channel = self.with_number(number).filter(|channel| channel.expires > now)?;
        (channel.permission.until > now).then_some((channel.peer, channel.permission))
    }

    /// The channel to a peer with a permission: `Some(None)` when none is bound, `None` without the permission.
    pub(super) fn channel_to(&self, now: Instant, peer: SocketAddr) -> Option<Option<u16>> {
        match self.with_peer(peer) {
            Some(channel) if channel.permission.until <= now => None,
            Some(channel) => Some((channel.expires > now).then_some(channel.number)),
            None => self.permission(now, peer.ip()).map(|_| None),
        }
    }

    fn with_number(&self, number: u16) -> Option<&Channel> {
        if self.channels.len() <= FEW {
            return self.channels.iter().find(|channel| channel.number == number);
        }
        self.by_number.get(&number).and_then(|place| self.channels.get(*place))
    }

    fn with_peer(&self, peer: SocketAddr) -> Option<&Channel> {
        if self.channels.len() <= FEW {
            return self.channels.iter().find(|channel| channel.peer == peer);
        }
        self.by_peer.get(&peer).and_then(|place| self.channels.get(*place))
    }

    /// Whether a number and a peer may be bound to each other.
    fn may_bind(&self, now: Instant, number: u16, peer: SocketAddr) -> bool {
        let by_number = self.with_number(number).filter(|channel| channel.is_in_use(now));
        let by_peer = self.with_peer(peer).filter(|channel| channel.is_in_use(now));
        by_number.is_none_or(|bound| bound.peer == peer) && by_peer.is_none_or(|bound| bound.number == number)
    }

    /// Makes room for `new` more permissions, of those that are over. `false` when there is none.
    fn has_room_for_permissions(&mut self, now: Instant, new: usize, most: usize) -> bool {
        if self.permissions.len() + new > most {
            self.permissions.retain(|_, permission| permission.until > now);
        }
        self.permissions.len() + new <= most
    }

    fn has_room_for_channel(&mut self, now: Instant, number: u16, most: usize) -> bool {
        if self.channels.len() >= most {
            self.channels.retain(|channel| channel.is_in_use(now));
            self.index();
        }
        self.channels.len() < most || self.with_number(number).is_some()
    }

    fn permit(&mut self, peer: IpAddr, permission: Permission) {
        self.permissions.insert(peer, permission);
        for channel in self.channels.iter_mut().filter(|channel| channel.peer.ip() == peer) {
            channel.permission = permission;
        }
    }

    fn bind(&mut self, now: Instant, number: u16, peer: SocketAddr, permission: Permission) {
        // What was bound before and has had its rest goes.
        self.channels.retain(|channel| channel.number != number && channel.peer != peer);
        self.channels.push(Channel { number, peer, expires: now + CHANNEL, permission });
        self.index();
        // A binding is a permission, too (RFC 8656, section 12.2).
        self.permit(peer.ip(), permission);
    }

    fn index(&mut self) {
        self.by_number.clear();
        self.by_peer.clear();
        if self.channels.len() > FEW {
            let places = self.channels.iter().zip(0..);
            self.by_number.extend(places.clone().map(|(channel, place)| (channel.number, place)));
            self.by_peer.extend(places.map(|(channel, place)| (channel.peer, place)));
        }
    }
}

impl Server {
    /// All peers of the request get a permission, or none does.
    pub(super) fn create_permission(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
    ) -> Result<(), ErrorCode<'static>> {
        let id = request.transaction_id();
        let peers: Option<Vec<IpAddr>> = request
            .attributes()
            .filter(|raw| raw.attribute == AttributeType::XOR_PEER_ADDRESS)
            .map(|raw| XorPeerAddress::parse(raw.value, id).map(|peer| peer.0.ip()))
            .collect();
        let peers = peers.filter(|peers| !peers.is_empty()).ok_or(ErrorCode::BAD_REQUEST)?;
        let (allocation, _) = self.own_allocation(path, requester)?;
        for peer in &peers {
            self.check_peer(allocation, SocketAddr::new(*peer, 0))?;
        }
        let is_own: Vec<bool> = peers.iter().map(|peer| self.config.peers.is_own(*peer)).collect();
        let most = self.config.max_peers;
        let (_, allocation) = self.own_allocation(path, requester)?;
        let new = peers.iter().filter(|peer| !allocation.peers.permissions.contains_key(*peer)).count();
        if !allocation.peers.has_room_for_permissions(now, new, most) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        for (peer, is_own) in peers.into_iter().zip(is_own) {
            allocation.peers.permit(peer, Permission { until: now + PERMISSION, is_own });
        }
        self.answer(path, request, requester, Class::Success, |_| {});
        Ok(())
    }

    /// RFC 8656, section 12.2.
    pub(super) fn bind_channel(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
    ) -> Result<(), ErrorCode<'static>> {
        let (Some(ChannelNumber(number)), Some(XorPeerAddress(peer))) =
            (request.attribute::<ChannelNumber>(), request.attribute::<XorPeerAddress>())
        else {
            return Err(ErrorCode::BAD_REQUEST);
        };
        let (id, allocation) = self.own_allocation(path, requester)?;
        // RFC 6062, section 5.1: an allocation of TCP has no channels.
        if allocation.transport != Protocol::Udp {
            return Err(ErrorCode::BAD_REQUEST);
        }
        // The number must be one of a channel, and neither it nor the peer bound to another (attack B09).
        let numbers = if self.config.legacy_channels { LEGACY_CHANNELS } else { CHANNELS };
        if !numbers.contains(&number) || peer.port() == 0 {
            return Err(ErrorCode::BAD_REQUEST);
        }
        self.check_peer(id, peer)?;
        let (most, is_own) = (self.config.max_peers, self.config.peers.is_own(peer.ip()));
        let (_, allocation) = self.own_allocation(path, requester)?;
        let peers = &mut allocation.peers;
        if !peers.may_bind(now, number, peer) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let new = usize::from(!peers.permissions.contains_key(&peer.ip()));
        if !peers.has_room_for_permissions(now, new, most) || !peers.has_room_for_channel(now, number, most) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        peers.bind(now, number, peer, Permission { until: now + PERMISSION, is_own });
        self.answer(path, request, requester, Class::Success, |_| {});
        Ok(())
    }

    /// Whether this allocation may reach a peer at all. Port 0 stands for any.
    pub(super) fn check_peer(
        &self,
        id: super::AllocationId,
        peer: SocketAddr,
    ) -> Result<(), ErrorCode<'static>> {
        // The policy comes first: what is forbidden is forbidden for every allocation (attacks B01 to B03).
        if !self.may_reach(peer) {
            return Err(ErrorCode::FORBIDDEN);
        }
        match self.table.get(id).and_then(|allocation| allocation.relayed_for(peer.ip())) {
            Some(_) => Ok(()),
            None => Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH),
        }
    }

    /// The policy, and the relayed addresses of this server among its own addresses: two clients of one server meet there.
    fn may_reach(&self, peer: SocketAddr) -> bool {
        if !self.config.peers.allows(peer.ip()) {
            return false;
        }
        if !self.config.peers.is_own(peer.ip()) {
            return true;
        }
        if peer.port() != 0 { self.is_relayed(peer) } else { self.table.has_relay_on(&peer.ip()) }
    }

    /// Whether an address is a relayed one of this server.
    pub(super) fn is_relayed(&self, address: SocketAddr) -> bool {
        self.table.relay(&address).is_some()
    }
}
