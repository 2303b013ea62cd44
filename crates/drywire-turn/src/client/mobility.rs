//! An allocation that goes along with its client to another address (RFC 8016).

use drywire_core::{Instant, Path};
use drywire_stun::Message;
use drywire_stun::attributes::MobilityTicket;

use super::request::Purpose;
use super::{Client, State};
use crate::CommandError;

/// The longest ticket that is kept.
const LONGEST: usize = 512;

impl Client {
    /// The host has another address, or over a stream another connection: the allocation moves there, with all that belongs
    /// to it, if the server gave a ticket for that ([`Config::mobility`](super::Config::mobility)). When it does not move,
    /// [`Event::Failed`](super::Event::Failed) tells.
    ///
    /// # Errors
    /// When there is no allocation or no ticket: make another client.
    pub fn moved(&mut self, now: Instant, path: Path) -> Result<(), CommandError> {
        self.advance(now);
        if !matches!(self.state, State::Allocated(_)) || self.ticket.is_none() {
            return Err(CommandError::State);
        }
        if path != self.path {
            self.path = Path { protocol: self.path.protocol, ..path };
            self.framer = drywire_stun::StreamFramer::default();
            let lifetime = u32::try_from(self.config.lifetime.as_secs()).unwrap_or(u32::MAX).max(1);
            // Before all that comes from the new address.
            self.request_first(Purpose::Refresh { lifetime });
        }
        Ok(())
    }

    /// Takes the ticket out of a response: the next move needs it.
    pub(super) fn note_ticket(&mut self, response: &Message<'_>) {
        if let Some(MobilityTicket(ticket)) = response.attribute()
            && (1..=LONGEST).contains(&ticket.len())
        {
            self.ticket = Some(ticket.into());
        }
    }
}
