//! Allocations that go along with their client to another address (RFC 8016).

use std::collections::BTreeMap;

use drywire_core::{Duration, Instant, Path};
use drywire_stun::attributes::{ErrorCode, Lifetime, MobilityTicket};
use drywire_stun::{Class, Message};

use super::request::Requester;
use super::{AllocationId, Server, Timer};

/// Which allocation each ticket is of.
pub(super) type Tickets = BTreeMap<[u8; 16], AllocationId>;

/// What moves an allocation. It cannot be guessed, and is worth nothing without the password.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) current: [u8; 16],
    /// The one that was used last: when the answer was lost, the client uses it again.
    before: Option<[u8; 16]>,
}

impl Server {
    /// Whether an Allocate request asks for a ticket (RFC 8016, section 3.1.2).
    pub(super) fn wants_mobility(&self, request: &Message<'_>) -> Result<bool, ErrorCode<'static>> {
        match request.attribute::<MobilityTicket<'_>>() {
            None => Ok(false),
            Some(_) if !self.config.mobility => Err(ErrorCode::MOBILITY_FORBIDDEN),
            Some(MobilityTicket([])) => Ok(true),
            Some(_) => Err(ErrorCode::BAD_REQUEST),
        }
    }

    /// Gives an allocation its next ticket.
    pub(super) fn give_ticket(&mut self, id: AllocationId) {
        let current = self.rng.array();
        let Some(allocation) = self.table.get_mut(id) else { return };
        let used = allocation.ticket.map(|ticket| ticket.current);
        let outdated = allocation.ticket.and_then(|ticket| ticket.before);
        allocation.ticket = Some(Ticket { current, before: used });
        self.tickets.insert(current, id);
        if let Some(outdated) = outdated {
            self.tickets.remove(&outdated);
        }
    }

    pub(super) fn drop_ticket(&mut self, ticket: Option<Ticket>) {
        for ticket in ticket.into_iter().flat_map(|ticket| [Some(ticket.current), ticket.before]).flatten() {
            self.tickets.remove(&ticket);
        }
    }

    /// A Refresh request with a ticket: from where it comes the client is from now on (RFC 8016, section 3.2.2).
    pub(super) fn refresh_by_ticket(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
        ticket: &[u8],
    ) -> Result<(), ErrorCode<'static>> {
        if !self.config.mobility {
            return Err(ErrorCode::MOBILITY_FORBIDDEN);
        }
        let wanted = request.find::<Lifetime>().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let ticket: [u8; 16] = ticket.try_into().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let id = *self.tickets.get(&ticket).ok_or(ErrorCode::BAD_REQUEST)?;
        let allocation = self.table.get(id).filter(|allocation| allocation.is_open());
        let allocation = allocation.ok_or(ErrorCode::BAD_REQUEST)?;
        // A ticket that somebody has found is worth nothing to them (attack B07).
        if allocation.requester.username() != requester.username() {
            return Err(ErrorCode::WRONG_CREDENTIALS);
        }
        let (client, current) = (allocation.client, allocation.ticket.map(|ticket| ticket.current));
        if path != client {
            // The way that is outdated leads nowhere any more.
            if current != Some(ticket) {
                return Err(ErrorCode::BAD_REQUEST);
            }
            // A stream cannot become datagrams, and an address has one allocation.
            if path.protocol != client.protocol || self.table.client(&path).is_some() {
                return Err(ErrorCode::ALLOCATION_MISMATCH);
            }
            self.table.move_client(id, &client, path);
            self.usage.moved(client.remote, path.remote);
            if let Some(allocation) = self.table.get_mut(id) {
                allocation.client = path;
            }
            self.give_ticket(id);
        }
        let seconds = self.lifetime(wanted);
        let current = self.table.get(id).and_then(|allocation| allocation.ticket);
        if wanted == Some(Lifetime(0)) {
            self.delete(id);
        } else {
            self.timers.arm(Timer::Allocation(id), now + Duration::from_secs(seconds.into()));
        }
        self.answer(path, request, requester, Class::Success, |response| {
            if wanted == Some(Lifetime(0)) {
                response.attribute(&Lifetime(0));
            } else if let Some(ticket) = &current {
                response.attribute(&Lifetime(seconds)).attribute(&MobilityTicket(&ticket.current));
            }
        });
        Ok(())
    }
}
