use std::collections::VecDeque;
use std::mem::discriminant;

use bytes::Bytes;

use crate::hash::len;
use crate::{Control, Failure, FileHash, Message, Offer, Outcome, Prefix, Progress, Reason, Violation};

/// How many bytes arrive between two acknowledgements.
const ACKNOWLEDGED_EVERY: u64 = 256 * 1024;

/// What a [`Receiver`] tells. Of each kind, only the newest is kept until it is polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverEvent {
    /// The peer offers a file: [`Receiver::accept`] or [`Receiver::refuse`] answers.
    Offered(Offer),
    /// The same file was offered again, on another channel, and goes on where it was.
    Resumed {
        /// How many bytes there were already.
        offset: u64,
    },
    /// All bytes have arrived, and their hash is the sender's. When the file is where it belongs:
    /// [`Receiver::confirm`].
    Verified(FileHash),
    /// The transfer is over.
    Over(Outcome),
}

/// Bytes of the file that have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where they belong. Chunks come in order and without gaps.
    pub offset: u64,
    /// The bytes, at least one.
    pub data: Bytes,
}

/// The receiving end of a transfer. It outlives the channel: when the sender offers the same file on another one, it goes on
/// where it was.
///
/// It holds no data: [`handle_data`](Self::handle_data) gives the bytes back, with the place where they belong.
#[derive(Debug, Default)]
pub struct Receiver {
    state: State,
    /// Whether the peer may send: it has offered on this channel.
    connected: bool,
    /// Whether the peer waits for a confirmation: it has sent its hash on this channel.
    asked: bool,
    /// How much was acknowledged.
    acknowledged: u64,
    /// An answer to be sent.
    answer: Option<Control>,
    /// The refusal of another transfer, while this one is going on.
    busy: Option<Control>,
    events: VecDeque<ReceiverEvent>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Offered(Offer),
    Receiving(Offer, Prefix),
    /// All is there, and not confirmed.
    Verified(Offer, FileHash),
    Done(Offer, FileHash),
    Failed(Option<Offer>, Failure),
}

/// Why an offer was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// There is no offer, or no longer.
    #[error("nothing is offered")]
    NotOffered,
    /// There are more bytes already than the file is long.
    #[error("more bytes are there already than the file has")]
    PrefixTooLong,
}

impl Receiver {
    /// A receiver that waits for an offer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is offered or received.
    #[must_use]
    pub const fn offer(&self) -> Option<&Offer> {
        match &self.state {
            State::Idle | State::Failed(None, _) => None,
            State::Offered(offer)
            | State::Receiving(offer, _)
            | State::Verified(offer, _)
            | State::Done(offer, _)
            | State::Failed(Some(offer), _) => Some(offer),
        }
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let total = self.offer().map_or(0, Offer::len);
        let have = match &self.state {
            State::Receiving(_, prefix) => prefix.len(),
            State::Verified(..) | State::Done(..) => total,
            State::Idle | State::Offered(_) | State::Failed(..) => 0,
        };
        Progress { transferred: have, acknowledged: have, total }
    }

    /// How it ended, once it is over.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Done(_, hash) => Some(Outcome::Done(hash)),
            State::Failed(_, failure) => Some(Outcome::Failed(failure)),
            _ => None,
        }
    }

    /// A text message of the channel. What is meant for a sender, or for another transfer, is ignored.
    pub fn handle_text(&mut self, text: &str) {
        match text.parse() {
            Ok(control) => self.handle_control(control),
            Err(error) if self.connected && self.outcome().is_none() => {
                self.violation(Violation::Unreadable(error));
            }
            Err(_) => {}
        }
    }

    /// A control message, as [`handle_text`](Self::handle_text) parses it.
    pub fn handle_control(&mut self, control: Control) {
        match control {
            Control::Offer(offer) => self.offered(offer),
            Control::End { id, hash } if self.is_ours(id) => self.ended(hash),
            Control::Abandon { id, reason } if self.is_ours(id) => {
                if matches!(self.state, State::Offered(_) | State::Receiving(..)) {
                    self.fail(Failure::Remote(reason), None);
                }
            }
            _ => {}
        }
    }

    /// A binary message of the channel. Returns the bytes with the place where they belong; none if nothing is being received,
    /// which is what a sender is allowed that has not heard the refusal yet.
    pub fn handle_data(&mut self, data: Bytes) -> Option<Chunk> {
        let State::Receiving(offer, prefix) = &mut self.state else { return None };
        if !self.connected || data.is_empty() {
            return None;
        }
        let offset = prefix.len();
        if len(&data) > offer.len().saturating_sub(offset) {
            self.violation(Violation::TooMuchData);
            return None;
        }
        prefix.update(&data);
        Some(Chunk { offset, data })
    }

    /// Takes the file that is offered, of which the first bytes are here already, or none.
    pub fn accept(&mut self, prefix: Prefix) -> Result<(), AcceptError> {
        let State::Offered(offer) = &self.state else { return Err(AcceptError::NotOffered) };
        if prefix.len() > offer.len() {
            return Err(AcceptError::PrefixTooLong);
        }
        self.acknowledged = prefix.len();
        self.answer = Some(Control::Accept { id: offer.id(), offset: prefix.len() });
        self.state = State::Receiving(offer.clone(), prefix);
        Ok(())
    }

    /// Does not take the file that is offered, or no more of it, and tells the peer why. Does nothing if the transfer is
    /// over or none was offered.
    pub fn refuse(&mut self, reason: Reason) {
        if self.outcome().is_none() && self.offer().is_some() {
            self.fail(Failure::Local(reason), Some(reason));
        }
    }

    /// The file that was [`Verified`](ReceiverEvent::Verified) is where it belongs: tells the sender that it is done.
    pub fn confirm(&mut self) {
        let State::Verified(offer, hash) = &self.state else { return };
        let (offer, hash) = (offer.clone(), *hash);
        // A sender that began anew meanwhile is told when it asks.
        if self.asked {
            self.answer = Some(Control::Done { id: offer.id(), hash });
        }
        self.state = State::Done(offer, hash);
        self.event(ReceiverEvent::Over(Outcome::Done(hash)));
    }

    /// The channel is gone. Unless the transfer is over it goes on when the same file is offered again.
    pub fn disconnected(&mut self) {
        (self.connected, self.asked) = (false, false);
        (self.answer, self.busy) = (None, None);
        if matches!(self.state, State::Offered(_)) {
            self.state = State::Idle;
        }
    }

    /// The next message for the channel.
    pub fn poll_transmit(&mut self) -> Option<Message> {
        let control = self.answer.take().or_else(|| self.busy.take()).or_else(|| self.acknowledgement())?;
        Some(control.into())
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<ReceiverEvent> {
        self.events.pop_front()
    }

    fn is_ours(&self, id: crate::TransferId) -> bool {
        self.connected && self.offer().is_some_and(|offer| offer.id() == id)
    }

    fn offered(&mut self, offered: Offer) {
        let (id, len) = (offered.id(), offered.len());
        let same = |offer: &Offer| offer.id() == id && offer.len() == len;
        match &self.state {
            State::Idle | State::Offered(_) => {
                self.connected = true;
                self.state = State::Offered(offered.clone());
                self.event(ReceiverEvent::Offered(offered));
            }
            State::Receiving(offer, prefix) if same(offer) => {
                let offset = prefix.len();
                self.resume(id, offset);
                self.event(ReceiverEvent::Resumed { offset });
            }
            // The sender has not heard that all is here.
            State::Verified(offer, _) | State::Done(offer, _) if same(offer) => self.resume(id, len),
            State::Failed(_, failure) => {
                let reason = match failure {
                    Failure::Local(reason) | Failure::Remote(reason) => *reason,
                    Failure::Protocol(_) => Reason::Protocol,
                    Failure::HashMismatch => Reason::HashMismatch,
                };
                self.busy = Some(Control::Refuse { id, reason });
            }
            _ => self.busy = Some(Control::Refuse { id, reason: Reason::Busy }),
        }
    }

    fn resume(&mut self, id: crate::TransferId, offset: u64) {
        (self.connected, self.asked) = (true, false);
        self.acknowledged = offset;
        self.answer = Some(Control::Accept { id, offset });
    }

    fn ended(&mut self, sent: FileHash) {
        self.asked = true;
        match &self.state {
            State::Receiving(offer, prefix) if prefix.len() == offer.len() => {
                let arrived = prefix.hash();
                if arrived == sent {
                    self.state = State::Verified(offer.clone(), arrived);
                    self.event(ReceiverEvent::Verified(arrived));
                } else {
                    self.fail(Failure::HashMismatch, Some(Reason::HashMismatch));
                }
            }
            State::Receiving(..) => self.violation(Violation::EndTooEarly),
            State::Verified(offer, hash) | State::Done(offer, hash) if *hash != sent => {
                self.answer = Some(Control::Refuse { id: offer.id(), reason: Reason::HashMismatch });
            }
            State::Done(offer, hash) => self.answer = Some(Control::Done { id: offer.id(), hash: *hash }),
            _ => {}
        }
    }

    /// What is said about how much has arrived, if that is due.
    fn acknowledgement(&mut self) -> Option<Control> {
        let State::Receiving(offer, prefix) = &self.state else { return None };
        let new = prefix.len().saturating_sub(self.acknowledged);
        let due = new >= ACKNOWLEDGED_EVERY || (new > 0 && prefix.len() == offer.len());
        if !due || !self.connected {
            return None;
        }
        self.acknowledged = prefix.len();
        Some(Control::Have { id: offer.id(), bytes: prefix.len() })
    }

    fn violation(&mut self, violation: Violation) {
        tracing::debug!(%violation, "the sender does not follow the protocol");
        self.fail(Failure::Protocol(violation), Some(Reason::Protocol));
    }

    /// Ends it; `told` is what the peer is told.
    fn fail(&mut self, failure: Failure, told: Option<Reason>) {
        let offer = self.offer().cloned();
        self.answer = match (&offer, told) {
            (Some(offer), Some(reason)) if self.connected => Some(Control::Refuse { id: offer.id(), reason }),
            _ => None,
        };
        self.state = State::Failed(offer, failure);
        self.event(ReceiverEvent::Over(Outcome::Failed(failure)));
    }

    fn event(&mut self, event: ReceiverEvent) {
        self.events.retain(|before| discriminant(before) != discriminant(&event));
        self.events.push_back(event);
    }
}
