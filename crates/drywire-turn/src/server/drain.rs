//! An end without interruption: no new allocations, and time for those that there are.

use std::net::SocketAddr;

use drywire_core::{Instant, Path};
use drywire_stun::attributes::{AlternateServer, ErrorCode};
use drywire_stun::{Class, Message};

use super::request::Requester;
use super::{Event, Server, Timer};

/// How far the end has come.
#[derive(Debug)]
pub(super) struct Drain {
    alternates: Vec<SocketAddr>,
    is_told: bool,
}

impl Server {
    /// Makes no more allocations. Clients that ask are sent to the first of `alternates` that has their IP version (300), or
    /// refused (508). What is still there at `until` is deleted then. [`Event::Drained`] tells when the last is over.
    ///
    /// Called again, it changes the servers and the time.
    pub fn drain(&mut self, now: Instant, until: Instant, alternates: Vec<SocketAddr>) {
        let now = self.advance(now);
        let is_told = self.draining.as_ref().is_some_and(|drain| drain.is_told);
        self.draining = Some(Drain { alternates, is_told });
        self.timers.arm(Timer::Drain, until.max(now));
        self.tell_when_drained();
        self.advance(now);
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub const fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// The time is over.
    pub(super) fn drain_expired(&mut self) {
        let ids: Vec<_> = self.table.ids().collect();
        for id in ids {
            self.delete(id);
        }
        self.tell_when_drained();
    }

    pub(super) fn tell_when_drained(&mut self) {
        if self.table.len() == 0
            && let Some(drain) = self.draining.as_mut().filter(|drain| !drain.is_told)
        {
            drain.is_told = true;
            self.timers.disarm(Timer::Drain);
            self.events.push_back(Event::Drained);
        }
    }

    /// Answers who asks for an allocation (RFC 8489, section 10).
    pub(super) fn send_elsewhere(
        &mut self,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
    ) -> Result<(), ErrorCode<'static>> {
        let alternates = self.draining.iter().flat_map(|drain| &drain.alternates);
        // The other server must have the IP version that the client used.
        let server = alternates.copied().find(|server| server.is_ipv4() == path.remote.is_ipv4());
        let server = server.ok_or(ErrorCode::INSUFFICIENT_CAPACITY)?;
        self.stats.refuse(ErrorCode::TRY_ALTERNATE.code);
        self.answer(path, request, requester, Class::Error, |response| {
            response.attribute(&ErrorCode::TRY_ALTERNATE).attribute(&AlternateServer(server));
        });
        Ok(())
    }
}
