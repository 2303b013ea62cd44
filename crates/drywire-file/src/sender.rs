use std::collections::VecDeque;
use std::mem::discriminant;

use bytes::Bytes;
use drywire_crypto::Provider;

use crate::hash::len;
use crate::{Control, Failure, Message, Offer, Outcome, Prefix, Progress, Reason, Violation};

/// The most bytes of the file in one message. Every peer takes that; larger ones are not faster.
pub const MAX_CHUNK: usize = 64 * 1024;

/// What a [`Sender`] tells. Of each kind, only the newest is kept until it is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderEvent {
    /// The receiver takes the file from this byte on.
    Accepted {
        /// How many bytes the receiver had already.
        offset: u64,
    },
    /// The receiver acknowledged more: [`Sender::progress`].
    Acknowledged,
    /// The transfer is over.
    Over(Outcome),
}

/// Bytes of the file that a [`Sender`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where they begin.
    pub offset: u64,
    /// How many, at least one and at most [`MAX_CHUNK`]. Fewer may be supplied.
    pub len: usize,
}

/// The sending end of a transfer. It outlives the channel: a new one resumes it.
///
/// Output is pulled: take [`poll_transmit`](Self::poll_transmit) only when the channel has taken the message before, and
/// supply what is [`wanted`](Self::wanted) when there is none. So no more than one chunk is ever held.
#[derive(Debug)]
pub struct Sender {
    offer: Offer,
    state: State,
    /// All bytes supplied so far.
    hashed: Prefix,
    chunk: usize,
    acknowledged: u64,
    /// The next message, if it is not the end.
    out: Option<Message>,
    events: VecDeque<SenderEvent>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// There is no channel.
    Interrupted,
    /// The offer has not been polled.
    Offering,
    /// The offer is not answered.
    Offered,
    /// The next byte wanted is at `position`; those before `from` are for the hash only.
    Sending {
        position: u64,
        from: u64,
    },
    /// The hash was sent.
    Ending,
    Over(Outcome),
}

impl Sender {
    /// A transfer that waits for a channel: [`connected`](Self::connected).
    #[must_use]
    pub fn new(provider: &dyn Provider, offer: Offer) -> Self {
        Self {
            offer,
            state: State::Interrupted,
            hashed: Prefix::new(provider),
            chunk: MAX_CHUNK,
            acknowledged: 0,
            out: None,
            events: VecDeque::new(),
        }
    }

    /// What is offered.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// How far it has come.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        let total = self.offer.len();
        let transferred = match self.state {
            State::Sending { position, from } if position > from => position,
            State::Ending | State::Over(Outcome::Done(_)) => total,
            _ => self.acknowledged,
        };
        Progress { transferred, acknowledged: self.acknowledged, total }
    }

    /// How it ended, once it is over.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// A text message of the channel. What is meant for a receiver, or for another transfer, is ignored.
    pub fn handle_text(&mut self, text: &str) {
        match text.parse() {
            Ok(control) => self.handle_control(&control),
            Err(error) if self.is_active() => self.violation(Violation::Unreadable(error)),
            Err(_) => {}
        }
    }

    /// A control message, as [`handle_text`](Self::handle_text) parses it.
    pub fn handle_control(&mut self, control: &Control) {
        if !self.is_active() {
            return;
        }
        let ours = self.offer.id();
        match *control {
            Control::Accept { id, offset } if id == ours => self.accepted(offset),
            Control::Have { id, bytes } if id == ours => self.have(bytes),
            Control::Done { id, hash } if id == ours => match self.state {
                State::Ending if hash == self.hashed.hash() => {
                    self.acknowledged = self.offer.len();
                    self.end(Outcome::Done(hash));
                }
                State::Ending => self.end(Outcome::Failed(Failure::HashMismatch)),
                State::Sending { .. } => self.violation(Violation::Unasked),
                // Said on the channel before this one.
                _ => {}
            },
            Control::Refuse { id, reason: Reason::HashMismatch } if id == ours => {
                self.end(Outcome::Failed(Failure::HashMismatch));
            }
            Control::Refuse { id, reason } if id == ours => {
                self.end(Outcome::Failed(Failure::Remote(reason)));
            }
            _ => {}
        }
    }

    /// There is a channel, the first or another one, whose peer takes messages of so many bytes (0: of any length). What
    /// the channel before brought or takes is of no interest any more.
    pub fn connected(&mut self, max_message_size: usize) {
        if self.outcome().is_some() {
            return;
        }
        self.chunk = if max_message_size == 0 { MAX_CHUNK } else { max_message_size.min(MAX_CHUNK) };
        self.state = State::Offering;
        self.out = Some(Control::Offer(self.offer.clone()).into());
    }

    /// The channel is gone. Unless the transfer is over it can be resumed on another.
    pub fn disconnected(&mut self) {
        self.out = None;
        if self.outcome().is_none() {
            self.state = State::Interrupted;
        }
    }

    /// Gives up, and tells the peer why. Does nothing if the transfer is over.
    pub fn abandon(&mut self, reason: Reason) {
        if self.outcome().is_none() {
            self.fail(Failure::Local(reason), reason);
        }
    }

    /// The bytes that are needed next. None while a message waits to be polled, and as long as none are needed.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted> {
        let State::Sending { position, from } = self.state else { return None };
        // No chunk is partly for the hash only.
        let end = if position < from { from } else { self.offer.len() };
        let left = end.saturating_sub(position);
        if left == 0 || self.out.is_some() {
            return None;
        }
        let len = usize::try_from(left).map_or(self.chunk, |left| left.min(self.chunk));
        Some(Wanted { offset: position, len })
    }

    /// Supplies bytes from where they are [`wanted`](Self::wanted) on. More than were wanted are cut off; none at all say
    /// that the file has ended too early, which ends the transfer. Ignored when none are wanted.
    pub fn supply(&mut self, mut data: Bytes) {
        let (Some(wanted), State::Sending { position, from }) = (self.wanted(), self.state) else { return };
        data.truncate(wanted.len);
        if data.is_empty() {
            return self.abandon(Reason::Storage);
        }
        // What is sent again is in the hash already.
        let known = usize::try_from(self.hashed.len().saturating_sub(position)).unwrap_or(usize::MAX);
        if let Some(new) = data.get(known..) {
            self.hashed.update(new);
        }
        self.state = State::Sending { position: position.saturating_add(len(&data)), from };
        if position >= from {
            self.out = Some(Message::Data(data));
        }
    }

    /// The next message for the channel.
    pub fn poll_transmit(&mut self) -> Option<Message> {
        match self.state {
            State::Offering => self.state = State::Offered,
            State::Sending { position, .. } if self.out.is_none() && position == self.offer.len() => {
                self.state = State::Ending;
                return Some(Control::End { id: self.offer.id(), hash: self.hashed.hash() }.into());
            }
            _ => {}
        }
        self.out.take()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        self.events.pop_front()
    }

    /// Whether what the peer says matters: it knows the offer, and the transfer is not over.
    const fn is_active(&self) -> bool {
        matches!(self.state, State::Offered | State::Sending { .. } | State::Ending)
    }

    fn accepted(&mut self, offset: u64) {
        if !matches!(self.state, State::Offered) {
            return;
        }
        if offset > self.offer.len() {
            return self.violation(Violation::Position);
        }
        self.acknowledged = offset;
        self.state = State::Sending { position: offset.min(self.hashed.len()), from: offset };
        self.event(SenderEvent::Accepted { offset });
    }

    fn have(&mut self, bytes: u64) {
        let sent = match self.state {
            State::Sending { position, from } => position.max(from),
            State::Ending => self.offer.len(),
            _ => return,
        };
        if bytes > sent {
            return self.violation(Violation::Position);
        }
        if bytes > self.acknowledged {
            self.acknowledged = bytes;
            self.event(SenderEvent::Acknowledged);
        }
    }

    fn violation(&mut self, violation: Violation) {
        tracing::debug!(%violation, "the receiver does not follow the protocol");
        self.fail(Failure::Protocol(violation), Reason::Protocol);
    }

    fn fail(&mut self, failure: Failure, reason: Reason) {
        let told = !matches!(self.state, State::Interrupted | State::Offering);
        self.end(Outcome::Failed(failure));
        self.out = told.then(|| Control::Abandon { id: self.offer.id(), reason }.into());
    }

    fn end(&mut self, outcome: Outcome) {
        self.out = None;
        self.state = State::Over(outcome);
        self.event(SenderEvent::Over(outcome));
    }

    fn event(&mut self, event: SenderEvent) {
        self.events.retain(|before| discriminant(before) != discriminant(&event));
        self.events.push_back(event);
    }
}
