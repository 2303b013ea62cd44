use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use drywire_core::Duration;
use drywire_sctp::SendOptions;

use crate::buffered::Buffered;
use crate::{ChannelError, ChannelOptions, MessageKind, MessagePart, Reliability};

/// One data channel: what it is, and how far it has come. An association may have 65,535 of them, most of them idle.
#[derive(Debug)]
pub struct Channel {
    /// The label, and the subprotocol after it.
    text: Box<str>,
    /// The peer counts it in 16 bits, and what is longer is not opened.
    label_len: u16,
    reliability: Reliability,
    priority: u16,
    ordered: bool,
    negotiated: bool,
    pub(crate) stream: Option<u16>,
    pub(crate) state: State,
    /// Whether the peer opened it.
    pub(crate) announced: bool,
    /// Whether the peer knows the channel for sure. Until then also an unordered channel sends in order, so that
    /// nothing overtakes its announcement (RFC 8832, section 6).
    pub(crate) confirmed: bool,
    /// Whether its messages are read in parts.
    pub(crate) in_parts: bool,
    /// The events of this channel that wait to be polled.
    pub(crate) queued: Queued,
    pub(crate) buffered: Buffered,
    pub(crate) figures: ChannelStats,
    pub(crate) error: Option<ChannelError>,
    pending: Option<Box<Pending>>,
}

/// What a channel keeps only now and then.
#[derive(Debug, Default)]
struct Pending {
    /// What the association has not taken yet: everything before there is a stream, and the establishment protocol's
    /// messages when the association was full.
    outbox: VecDeque<Outgoing>,
    /// What was taken from the association and not read yet: it came before the channel did, or the channel is closed.
    held: VecDeque<MessagePart>,
    /// The parts of a message that goes on (RFC 8831, section 6.6).
    partial: Option<(MessageKind, BytesMut)>,
    /// A message that is written in parts and not at its end: what kind it is and how long it is so far.
    open: Option<(MessageKind, usize)>,
}

/// How far a channel has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Ours, and not announced yet.
    Connecting,
    Open,
    Closing(Closing),
    Closed,
}

/// The way to closed (RFC 8831, section 6.7): the streams of both directions are reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) outgoing: Outward,
    /// The peer has reset its stream.
    pub(crate) incoming_reset: bool,
    /// The peer has reset it once more after something has come: it knows that the stream is free, has used it for another channel and has
    /// closed that one, too, before we know.
    pub(crate) reset_again: bool,
    /// Whether what is still unread can be read; a channel that this side closes takes no more.
    pub(crate) readable: bool,
}

/// How far our direction of a closing channel has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outward {
    /// There is still something to be given to the association, or to be read.
    Draining,
    /// The association resets the stream when all is delivered.
    Resetting,
    Reset,
}

/// A message on its way into the association.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) ppid: u32,
    pub(crate) data: Bytes,
    /// How many bytes of it are the user's.
    pub(crate) user_bytes: usize,
}

/// Which events of a channel wait to be polled: each at most once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Queued {
    pub(crate) readable: bool,
    pub(crate) low: bool,
}

/// What state a channel is in (W3C `RTCDataChannelState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// Opened by this side; the association is not up yet. Messages can be written, and wait.
    Connecting,
    /// Messages go both ways.
    Open,
    /// Being closed by one side. What the peer sent before it closed can be read; nothing can be written.
    Closing,
    /// Closed. It is forgotten soon.
    Closed,
}

/// What a channel has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStats {
    /// Messages written.
    pub messages_sent: u64,
    /// Bytes of the messages written.
    pub bytes_sent: u64,
    /// Messages read.
    pub messages_received: u64,
    /// Bytes of the messages read.
    pub bytes_received: u64,
}

impl Channel {
    pub(crate) fn new(options: ChannelOptions) -> Self {
        let label_len = u16::try_from(options.label.len()).unwrap_or(u16::MAX);
        Self {
            text: (options.label + &options.protocol).into_boxed_str(),
            label_len,
            reliability: options.reliability,
            priority: options.priority,
            ordered: options.ordered,
            negotiated: options.negotiated.is_some(),
            stream: options.negotiated,
            confirmed: options.negotiated.is_some(),
            announced: false,
            in_parts: false,
            state: State::Connecting,
            queued: Queued::default(),
            buffered: Buffered::default(),
            figures: ChannelStats::default(),
            error: None,
            pending: None,
        }
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.text.get(..self.label_len.into()).unwrap_or_default()
    }

    /// The subprotocol.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.text.get(self.label_len.into()..).unwrap_or_default()
    }

    /// Whether messages arrive in the order in which they were sent.
    #[must_use]
    pub const fn ordered(&self) -> bool {
        self.ordered
    }

    /// When a message is given up: whichever side opened the channel, both do so with what they send.
    #[must_use]
    pub const fn reliability(&self) -> Reliability {
        self.reliability
    }

    /// The priority.
    #[must_use]
    pub const fn priority(&self) -> u16 {
        self.priority
    }

    /// Whether the peer is known to have the channel: it opened or acknowledged it, or a message came on it; always for a
    /// negotiated one. Nothing depends on it but that an unordered channel sends in order until then (RFC 8832, section
    /// 6): a peer that never acknowledges costs just that.
    #[must_use]
    pub const fn acknowledged(&self) -> bool {
        self.confirmed
    }

    /// Whether both sides agreed upon the stream by other means, so that nothing was announced.
    #[must_use]
    pub const fn negotiated(&self) -> bool {
        self.negotiated
    }

    /// The stream, once it is known: the DTLS roles decide it.
    #[must_use]
    pub const fn stream(&self) -> Option<u16> {
        self.stream
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> ChannelState {
        match self.state {
            State::Connecting => ChannelState::Connecting,
            State::Open => ChannelState::Open,
            State::Closing(_) => ChannelState::Closing,
            State::Closed => ChannelState::Closed,
        }
    }

    /// Why this side closed it without being asked to, if it did.
    #[must_use]
    pub const fn error(&self) -> Option<ChannelError> {
        self.error
    }

    /// What it has carried.
    #[must_use]
    pub const fn stats(&self) -> ChannelStats {
        self.figures
    }

    /// How the next message is sent. Until the peer knows the channel, messages stay behind its announcement (RFC 8832,
    /// section 6).
    pub(crate) fn send_options(&self) -> SendOptions {
        let ordered = self.ordered || !self.confirmed;
        let options = if ordered { SendOptions::ordered() } else { SendOptions::unordered() };
        match self.reliability {
            Reliability::Reliable => options,
            Reliability::MaxRetransmits(count) => options.with_max_retransmits(count.into()),
            Reliability::MaxPacketLifeTime(millis) => {
                options.with_lifetime(Duration::from_millis(millis.into()))
            }
        }
    }

    /// Whether what is unread on the stream is of this channel, and for the application.
    pub(crate) const fn is_readable(&self) -> bool {
        match self.state {
            State::Connecting | State::Open => true,
            State::Closing(closing) => closing.readable,
            State::Closed => false,
        }
    }

    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Bytes of the label and the protocol of a channel that the peer opened.
    pub(crate) fn announced_text(&self) -> usize {
        if self.announced { self.text.len() } else { 0 }
    }

    /// What waits for the association, the oldest first.
    pub(crate) fn outbox(&self) -> impl Iterator<Item = &Outgoing> {
        self.pending.iter().flat_map(|pending| &pending.outbox)
    }

    pub(crate) fn outbox_len(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.outbox.len())
    }

    /// Lets a message wait behind the others.
    pub(crate) fn push_outgoing(&mut self, outgoing: Outgoing) {
        self.pending.get_or_insert_default().outbox.push_back(outgoing);
    }

    /// Lets a message wait before the others.
    pub(crate) fn return_outgoing(&mut self, outgoing: Outgoing) {
        self.pending.get_or_insert_default().outbox.push_front(outgoing);
    }

    /// Takes the message that waits first.
    pub(crate) fn pop_outgoing(&mut self) -> Option<Outgoing> {
        self.take_pending(|pending| pending.outbox.pop_front())
    }

    /// Drops what waits.
    pub(crate) fn clear_outbox(&mut self) {
        self.buffered.outbox = 0;
        self.take_pending(|pending| {
            pending.outbox.clear();
            None::<()>
        });
    }

    /// Keeps a message for the application.
    pub(crate) fn hold(&mut self, message: MessagePart) {
        self.pending.get_or_insert_default().held.push_back(message);
    }

    /// Takes the next one that was kept.
    pub(crate) fn pop_held(&mut self) -> Option<MessagePart> {
        self.take_pending(|pending| pending.held.pop_front())
    }

    /// Drops what was kept.
    pub(crate) fn clear_held(&mut self) {
        self.take_pending(|pending| {
            pending.held.clear();
            None::<()>
        });
    }

    /// Bytes of the messages that were taken from the association and not read.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pending.iter().flat_map(|pending| &pending.held).map(|message| message.data.len()).sum()
    }

    /// The message that is written in parts and not at its end.
    pub(crate) fn open_message(&self) -> Option<(MessageKind, usize)> {
        self.pending.as_ref()?.open
    }

    /// A part was written; `None` after the last one.
    pub(crate) fn set_open_message(&mut self, open: Option<(MessageKind, usize)>) {
        if open.is_some() {
            self.pending.get_or_insert_default().open = open;
        } else {
            self.take_pending(|pending| pending.open.take());
        }
    }

    pub(crate) fn has_partial(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.partial.is_some())
    }

    /// Adds a part to a message; `None` if it is not of the same kind as those before.
    pub(crate) fn join(&mut self, kind: MessageKind, part: &[u8]) -> Option<()> {
        let partial = &mut self.pending.get_or_insert_default().partial;
        let (first, so_far) = partial.get_or_insert_with(|| (kind, BytesMut::new()));
        (*first == kind).then(|| so_far.extend_from_slice(part))
    }

    /// Takes the parts that have come.
    pub(crate) fn take_partial(&mut self) -> Option<(MessageKind, BytesMut)> {
        self.take_pending(|pending| pending.partial.take())
    }

    /// Takes something of what is kept, and forgets the rest when it is empty.
    fn take_pending<T>(&mut self, take: impl FnOnce(&mut Pending) -> Option<T>) -> Option<T> {
        let taken = take(self.pending.as_mut()?);
        self.pending.take_if(|pending| pending.is_empty());
        taken
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.outbox.is_empty() && self.held.is_empty() && self.partial.is_none() && self.open.is_none()
    }
}
