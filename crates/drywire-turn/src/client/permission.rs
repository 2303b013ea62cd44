//! Permissions: which peers may send (RFC 8656, section 10).

use std::net::IpAddr;

use drywire_core::{Duration, Instant};

use super::request::Purpose;
use super::{Client, Event, PeerRefusal, State, Timer};

/// How long a permission lasts (RFC 8656, section 9).
const LIFETIME: Duration = Duration::from_secs(300);
/// How long before its end it is refreshed: all retransmissions fit in.
const EARLY: Duration = Duration::from_secs(60);

/// What the client knows about one peer address.
#[derive(Debug)]
pub(super) struct Permission {
    /// The server refuses the peer. It is asked again no sooner than a permission would last.
    pub(super) refused: bool,
    /// Something went there or came from there since the last refresh.
    pub(super) used: bool,
    /// Something came from there.
    pub(super) heard: bool,
    /// When it was asked for.
    since: Instant,
}

impl Permission {
    const fn new(now: Instant, refused: bool) -> Self {
        Self { refused, used: true, heard: false, since: now }
    }
}

impl Client {
    /// Asks for a permission unless there is one. `None` when there is no room for another peer.
    pub(super) fn ensure_permission(&mut self, now: Instant, peer: IpAddr) -> Option<()> {
        if let Some(permission) = self.permissions.get_mut(&peer) {
            permission.used = true;
            return Some(());
        }
        let State::Allocated(allocation) = self.state else { return None };
        if self.permissions.len() >= self.config.max_permissions && !self.evict_permission() {
            return None;
        }
        if allocation.relayed_for((peer, 0).into()).is_none() {
            self.permissions.insert(peer, Permission::new(now, true));
            self.permission_refused(now, peer, PeerRefusal::FamilyMismatch);
            return Some(());
        }
        self.permissions.insert(peer, Permission::new(now, false));
        self.request(Purpose::Permission(peer));
        Some(())
    }

    /// Forgets the oldest permission of those from whose peers nothing ever came: peers name more addresses than they have, and
    /// must not keep others out by it. The server keeps it for its time, which is its affair.
    fn evict_permission(&mut self) -> bool {
        let silent = self.permissions.iter().filter(|(_, permission)| !permission.heard);
        let oldest = silent.min_by_key(|(_, permission)| permission.since).map(|(peer, _)| *peer);
        if let Some(peer) = oldest {
            self.permissions.remove(&peer);
            self.timers.disarm(Timer::Permission(peer));
        }
        oldest.is_some()
    }

    pub(super) fn permitted(&mut self, now: Instant, peer: IpAddr) {
        if let Some(permission) = self.permissions.get_mut(&peer) {
            permission.used = false;
            self.timers.arm(Timer::Permission(peer), now + (LIFETIME - EARLY));
        }
    }

    pub(super) fn permission_refused(&mut self, now: Instant, peer: IpAddr, reason: PeerRefusal) {
        if let Some(permission) = self.permissions.get_mut(&peer) {
            permission.refused = true;
            permission.used = false;
            self.timers.arm(Timer::Permission(peer), now + LIFETIME);
            self.tell(Event::PeerRefused { peer, reason });
        }
    }

    /// The server said nothing: it is asked anew as soon as something goes to the peer.
    pub(super) fn permission_timed_out(&mut self, peer: IpAddr) {
        if self.permissions.remove(&peer).is_some() {
            self.tell(Event::PeerRefused { peer, reason: PeerRefusal::TimedOut });
        }
    }

    /// Refreshes a permission that was used, forgets others.
    pub(super) fn permission_expired(&mut self, _now: Instant, peer: IpAddr) {
        match self.permissions.get(&peer) {
            Some(permission) if permission.used && !permission.refused => {
                self.request(Purpose::Permission(peer));
            }
            // The server keeps it for another minute, which is its affair.
            Some(_) => {
                self.permissions.remove(&peer);
            }
            None => {}
        }
    }
}
