//! Channels: peers with a header of 4 bytes (RFC 8656, section 12).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use drywire_core::{Duration, Instant};

use super::request::Purpose;
use super::{Client, Event, RelayedTransport, Timer};
use crate::CHANNELS;

/// How long a binding lasts (RFC 8656, section 12).
const LIFETIME: Duration = Duration::from_secs(600);
/// How long before its end it is refreshed.
const EARLY: Duration = Duration::from_secs(60);
/// How long after the end of a binding neither its number nor its peer may be bound to another (RFC 8656, section 12).
const REST: Duration = Duration::from_secs(300);

#[derive(Debug)]
struct Channel {
    number: u16,
    state: ChannelState,
    used: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChannelState {
    /// The request is on its way. The server may have bound it already.
    Binding,
    Bound,
    /// Bound, and being refreshed.
    Refreshing,
    /// Not used any more: it may be bound again, but only the same number and peer.
    Resting,
    /// The server does not want it.
    Refused,
}

/// The channels of an allocation, by peer and by number.
#[derive(Debug, Default)]
pub(super) struct Channels {
    by_peer: BTreeMap<SocketAddr, Channel>,
    by_number: BTreeMap<u16, SocketAddr>,
    /// Counts the numbers that were given.
    given: u16,
}

impl Channels {
    /// The channel to send to `peer` on.
    pub(super) fn bound(&mut self, peer: SocketAddr) -> Option<u16> {
        let channel = self.by_peer.get_mut(&peer)?;
        let bound = matches!(channel.state, ChannelState::Bound | ChannelState::Refreshing);
        channel.used |= bound;
        bound.then_some(channel.number)
    }

    /// Whose datagrams come on a channel.
    pub(super) fn peer(&self, number: u16) -> Option<SocketAddr> {
        self.by_number.get(&number).copied()
    }

    pub(super) fn touch(&mut self, peer: SocketAddr) {
        if let Some(channel) = self.by_peer.get_mut(&peer) {
            channel.used = true;
        }
    }

    fn channel(&mut self, number: u16) -> Option<(SocketAddr, &mut Channel)> {
        let peer = *self.by_number.get(&number)?;
        self.by_peer.get_mut(&peer).map(|channel| (peer, channel))
    }

    /// A number that no peer has.
    fn number(&mut self) -> Option<u16> {
        let (first, count) = (*CHANNELS.start(), CHANNELS.end() - CHANNELS.start() + 1);
        for _ in 0..count {
            let number = first + self.given % count;
            self.given = (self.given + 1) % count;
            if !self.by_number.contains_key(&number) {
                return Some(number);
            }
        }
        None
    }
}

impl Client {
    /// Asks for a channel unless there is one. `false` when there is no room for another.
    pub(super) fn ensure_channel(&mut self, now: Instant, peer: SocketAddr) -> bool {
        if self.config.transport == RelayedTransport::Tcp {
            return false;
        }
        let full = self.channels.by_peer.len() >= self.config.max_channels;
        let number = match self.channels.by_peer.get_mut(&peer) {
            Some(channel) if channel.state == ChannelState::Resting => {
                channel.state = ChannelState::Binding;
                channel.used = true;
                self.timers.disarm(Timer::Channel(channel.number));
                channel.number
            }
            Some(channel) => {
                channel.used = true;
                return true;
            }
            None if full => return false,
            None => {
                let Some(number) = self.channels.number() else { return false };
                let channel = Channel { number, state: ChannelState::Binding, used: true };
                self.channels.by_peer.insert(peer, channel);
                self.channels.by_number.insert(number, peer);
                number
            }
        };
        // A channel needs the permission, too, for longer than binding alone gives it.
        if self.ensure_permission(now, peer.ip()).is_none() {
            self.channel_refused(now, number);
            return false;
        }
        self.request(Purpose::Channel { number, peer });
        true
    }

    pub(super) fn channel_bound(&mut self, now: Instant, number: u16) {
        let Some((peer, channel)) = self.channels.channel(number) else { return };
        let first = channel.state != ChannelState::Refreshing;
        channel.state = ChannelState::Bound;
        channel.used = false;
        self.timers.arm(Timer::Channel(number), now + (LIFETIME - EARLY));
        if first {
            self.tell(Event::ChannelBound { peer, channel: number });
        }
    }

    /// The peer stays reachable by indications.
    pub(super) fn channel_refused(&mut self, now: Instant, number: u16) {
        if let Some((_, channel)) = self.channels.channel(number) {
            channel.state = ChannelState::Refused;
            self.timers.arm(Timer::Channel(number), now + LIFETIME + REST);
        }
    }

    /// Whether the server has bound it is not known: the same may be tried again.
    pub(super) fn channel_timed_out(&mut self, now: Instant, number: u16) {
        if let Some((_, channel)) = self.channels.channel(number) {
            channel.state = ChannelState::Resting;
            self.timers.arm(Timer::Channel(number), now + LIFETIME + REST);
        }
    }

    /// Refreshes a channel that was used, lets others rest and then forgets them.
    pub(super) fn channel_expired(&mut self, now: Instant, number: u16) {
        let Some((peer, channel)) = self.channels.channel(number) else { return };
        match channel.state {
            ChannelState::Bound if channel.used => {
                channel.state = ChannelState::Refreshing;
                self.request(Purpose::Channel { number, peer });
            }
            ChannelState::Bound => {
                channel.state = ChannelState::Resting;
                self.timers.arm(Timer::Channel(number), now + EARLY + REST);
            }
            ChannelState::Resting | ChannelState::Refused => {
                self.channels.by_peer.remove(&peer);
                self.channels.by_number.remove(&number);
            }
            ChannelState::Binding | ChannelState::Refreshing => {}
        }
    }
}
