//! Permissions and channels (RFC 8656, sections 10 and 12).

use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant, Path};
use drywire_stun::attributes::{Attribute, ChannelNumber, ErrorCode, XorPeerAddress};
use drywire_stun::{AttributeType, Class, Message};

use super::Server;
use super::allocate::Allocation;
use crate::CHANNELS;
use crate::channel_data::LEGACY_CHANNELS;

/// How long a permission lasts (RFC 8656, section 9).
const PERMISSION: Duration = Duration::from_secs(300);
/// How long a channel lasts (RFC 8656, section 12).
const CHANNEL: Duration = Duration::from_secs(600);

/// The peer of a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub(super) peer: SocketAddr,
    pub(super) expires: Instant,
}

impl Allocation {
    pub(super) fn is_permitted(&self, now: Instant, peer: IpAddr) -> bool {
        self.permissions.get(&peer).is_some_and(|until| *until > now)
    }

    /// The channel to a peer, if it is bound.
    pub(super) fn channel_to(&self, now: Instant, peer: SocketAddr) -> Option<u16> {
        let number = *self.channel_of.get(&peer)?;
        self.channels.get(&number).is_some_and(|binding| binding.expires > now).then_some(number)
    }

    /// The peer of a channel, if it is bound.
    pub(super) fn peer_of(&self, now: Instant, number: u16) -> Option<SocketAddr> {
        self.channels.get(&number).filter(|binding| binding.expires > now).map(|binding| binding.peer)
    }

    /// Makes room for `new` more permissions, of those that are over. `false` when there is none.
    fn has_room_for_permissions(&mut self, now: Instant, new: usize, most: usize) -> bool {
        if self.permissions.len() + new > most {
            self.permissions.retain(|_, until| *until > now);
        }
        self.permissions.len() + new <= most
    }
}

impl Server {
    /// All peers of the request get a permission, or none does.
    pub(super) fn create_permission(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        username: &str,
    ) -> Result<(), ErrorCode<'static>> {
        let id = request.transaction_id();
        let peers: Option<Vec<IpAddr>> = request
            .attributes()
            .filter(|raw| raw.attribute == AttributeType::XOR_PEER_ADDRESS)
            .map(|raw| XorPeerAddress::parse(raw.value, id).map(|peer| peer.0.ip()))
            .collect();
        let peers = peers.filter(|peers| !peers.is_empty()).ok_or(ErrorCode::BAD_REQUEST)?;
        let (allocation, _) = self.own_allocation(path, username)?;
        for peer in &peers {
            self.check_peer(allocation, SocketAddr::new(*peer, 0))?;
        }
        let most = self.config.max_peers;
        let (_, allocation) = self.own_allocation(path, username)?;
        let new = peers.iter().filter(|peer| !allocation.permissions.contains_key(*peer)).count();
        if !allocation.has_room_for_permissions(now, new, most) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        for peer in peers {
            allocation.permissions.insert(peer, now + PERMISSION);
        }
        self.answer(path, request, username, Class::Success, |_| {});
        Ok(())
    }

    /// RFC 8656, section 12.2.
    pub(super) fn bind_channel(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        username: &str,
    ) -> Result<(), ErrorCode<'static>> {
        let (Some(ChannelNumber(number)), Some(XorPeerAddress(peer))) =
            (request.attribute::<ChannelNumber>(), request.attribute::<XorPeerAddress>())
        else {
            return Err(ErrorCode::BAD_REQUEST);
        };
        let (id, _) = self.own_allocation(path, username)?;
        // The number must be one of a channel, and neither it nor the peer bound to another (attack B09).
        let numbers = if self.config.legacy_channels { LEGACY_CHANNELS } else { CHANNELS };
        if !numbers.contains(&number) || peer.port() == 0 {
            return Err(ErrorCode::BAD_REQUEST);
        }
        self.check_peer(id, peer)?;
        let most = self.config.max_peers;
        let (_, allocation) = self.own_allocation(path, username)?;
        let of_number = allocation.peer_of(now, number);
        let of_peer = allocation.channel_to(now, peer);
        if of_number.is_some_and(|bound| bound != peer) || of_peer.is_some_and(|bound| bound != number) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let new = usize::from(!allocation.permissions.contains_key(&peer.ip()));
        if !allocation.has_room_for_permissions(now, new, most) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        if allocation.channels.len() >= most {
            allocation.channels.retain(|_, binding| binding.expires > now);
            let channels = &allocation.channels;
            allocation.channel_of.retain(|_, number| channels.contains_key(number));
        }
        if allocation.channels.len() >= most && !allocation.channels.contains_key(&number) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        if let Some(before) = allocation.channels.insert(number, Binding { peer, expires: now + CHANNEL }) {
            allocation.channel_of.remove(&before.peer);
        }
        if let Some(before) = allocation.channel_of.insert(peer, number).filter(|before| *before != number) {
            allocation.channels.remove(&before);
        }
        // A binding is a permission, too (RFC 8656, section 12.2).
        allocation.permissions.insert(peer.ip(), now + PERMISSION);
        self.answer(path, request, username, Class::Success, |_| {});
        Ok(())
    }

    /// Whether this allocation may reach a peer at all. Port 0 stands for any.
    fn check_peer(&self, id: super::AllocationId, peer: SocketAddr) -> Result<(), ErrorCode<'static>> {
        // The policy comes first: what is forbidden is forbidden for every allocation (attacks B01 to B03).
        if !self.may_reach(peer) {
            return Err(ErrorCode::FORBIDDEN);
        }
        match self.allocations.get(&id).and_then(|allocation| allocation.relayed_for(peer.ip())) {
            Some(_) => Ok(()),
            None => Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH),
        }
    }

    /// The policy, and the relayed addresses of this server among its own addresses: two clients of one server meet there.
    pub(super) fn may_reach(&self, peer: SocketAddr) -> bool {
        if !self.config.peers.allows(peer.ip()) {
            return false;
        }
        if !self.config.peers.is_own(peer.ip()) {
            return true;
        }
        if peer.port() != 0 {
            return self.by_relay.contains_key(&peer);
        }
        let (first, last) = (SocketAddr::new(peer.ip(), 0), SocketAddr::new(peer.ip(), u16::MAX));
        self.by_relay.range(first..=last).next().is_some()
    }
}
