//! Ports that are kept for another allocation of the same user (RFC 8656, sections 7.2 and 18.10).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use drywire_core::{Duration, Instant, Protocol, Rng};
use drywire_stun::attributes::ReservationToken;

use super::{Event, Server, Timer};

/// How long a port is kept (RFC 8656, section 7.2).
const KEPT: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Reservations {
    by_token: BTreeMap<[u8; 8], Reservation>,
}

#[derive(Debug)]
struct Reservation {
    relayed: SocketAddr,
    username: Box<str>,
}

impl Reservations {
    /// The socket that a token stands for, if it is of this user.
    pub(super) fn relayed(&self, token: ReservationToken, username: &str) -> Option<SocketAddr> {
        let reservation =
            self.by_token.get(&token.0).filter(|reservation| *reservation.username == *username);
        reservation.map(|reservation| reservation.relayed)
    }

    pub(super) fn len(&self) -> usize {
        self.by_token.len()
    }

    pub(super) fn of_user(&self, username: &str) -> usize {
        self.by_token.values().filter(|reservation| *reservation.username == *username).count()
    }

    fn add(&mut self, rng: &mut Rng, relayed: SocketAddr, username: &str) -> ReservationToken {
        let token = rng.array();
        self.by_token.insert(token, Reservation { relayed, username: username.into() });
        ReservationToken(token)
    }

    pub(super) fn remove(&mut self, token: ReservationToken) {
        self.by_token.remove(&token.0);
    }
}

impl Server {
    /// Keeps a socket that the adapter has opened.
    pub(super) fn reserve(&mut self, now: Instant, relayed: SocketAddr, username: &str) -> ReservationToken {
        let token = self.reservations.add(&mut self.rng, relayed, username);
        self.table.reserve(relayed);
        self.timers.arm(Timer::Reservation(token.0), now + KEPT);
        token
    }

    /// A port was kept long enough.
    pub(super) fn reservation_expired(&mut self, token: [u8; 8]) {
        if let Some(reservation) = self.reservations.by_token.remove(&token) {
            self.table.unrelay(Protocol::Udp, &reservation.relayed);
            self.events
                .push_back(Event::RelayReleased { relayed: reservation.relayed, transport: Protocol::Udp });
        }
    }
}
