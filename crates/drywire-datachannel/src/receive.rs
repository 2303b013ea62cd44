//! Messages in (RFC 8831, section 6.6): they stay in the association, whose window they fill, until they are read.

use bytes::Bytes;
use drywire_core::Instant;

use crate::channel::{Channel, Closing, State};
use crate::ppid::{self, Content};
use crate::stray::Stray;
use crate::transport::{Phase, StreamUse, Transport};
use crate::{ChannelError, ChannelId, Event, Message, MessageKind, MessagePart, Rest};

/// What a message from the association comes to.
enum Received {
    Message(MessagePart),
    /// Nothing to read: of the protocol, a part, or dropped.
    Nothing,
    /// The peer did what it must not.
    Invalid(ChannelError),
}

/// A message, or part of one, as the association gives it.
struct Piece {
    ppid: u32,
    data: Bytes,
    rest: Rest,
}

impl Transport {
    /// The next message of a channel; `None` when there is none now, and always for a channel that is
    /// [read in parts](Self::read_in_parts). What is not read holds the peer back, on all channels.
    pub fn read(&mut self, id: ChannelId) -> Option<Message> {
        if self.channels.get(id)?.in_parts {
            return None;
        }
        self.read_part(id).map(Message::from_whole)
    }

    /// From now on the messages of a channel are read with [`read_part`](Self::read_part) while they come, so that a long one need not
    /// be in memory at once: there is no limit to their length, whatever was announced to the peer as such. What is not read yet fills the
    /// window, and no more than the window is kept. Messages on unordered channels are not cut, and must not be longer than
    /// [`max_message_size`](drywire_sctp::Config::max_message_size).
    ///
    /// This is best said when the channel is opened or announced: what has come until then is put together, or too long already.
    pub fn read_in_parts(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.in_parts = true;
        // What was joined so far of a message goes first.
        let begun = channel.take_partial();
        self.partial_bytes =
            self.partial_bytes.saturating_sub(begun.as_ref().map_or(0, |(_, data)| data.len()));
        if let Some((kind, data)) = begun {
            channel.hold(MessagePart { kind, data: data.freeze(), rest: Rest::Follows });
        }
        if let Some(stream) = channel.stream.filter(|_| channel.is_readable()) {
            self.association.set_read_in_parts(stream.into(), true);
        }
    }

    /// The next message of a channel, or part of it; `None` when there is none now. On a channel that is not
    /// [read in parts](Self::read_in_parts) each is a whole message.
    pub fn read_part(&mut self, id: ChannelId) -> Option<MessagePart> {
        let part = self.read_held(id).or_else(|| self.read_stream(id))?;
        let (bytes, messages) =
            (u64::try_from(part.data.len()).unwrap_or(u64::MAX), u64::from(part.rest == Rest::None));
        self.stats.messages_received += messages;
        self.stats.bytes_received += bytes;
        if let Some(channel) = self.channels.get_mut(id) {
            channel.figures.messages_received += messages;
            channel.figures.bytes_received += bytes;
        }
        Some(part)
    }

    fn read_held(&mut self, id: ChannelId) -> Option<MessagePart> {
        let channel = self.channels.get_mut(id)?;
        let message = channel.pop_held()?;
        if channel.is_closed() {
            self.held_bytes = self.held_bytes.saturating_sub(message.data.len());
        }
        Some(message)
    }

    fn read_stream(&mut self, id: ChannelId) -> Option<MessagePart> {
        let now = self.clock.latest();
        let mut found = None;
        while found.is_none()
            && let Some((stream, received)) = self.next(id)
        {
            match self.decode(now, id, received) {
                Received::Message(message) => found = Some(message),
                Received::Nothing => {}
                Received::Invalid(error) => self.fail(now, id, error),
            }
            // What follows may be of the establishment protocol, or the end of a channel that the peer has closed.
            self.take_in_of_channel(now, stream, id, false);
        }
        self.settle(now);
        found
    }

    /// Takes the next message of a readable channel from the association.
    fn next(&mut self, id: ChannelId) -> Option<(u16, Piece)> {
        let channel = self.channels.get(id)?;
        // The stream of a closed channel may belong to another one by now; not after the end, though.
        let readable = channel.is_readable() || channel.is_closed() && self.phase == Phase::Ended;
        let stream = channel.stream.filter(|_| readable)?;
        let message = self.association.read(stream.into())?;
        Some((stream, Piece { ppid: message.ppid.0, data: message.data, rest: message.rest }))
    }

    /// There is something new to read on a stream.
    pub(crate) fn take_in(&mut self, now: Instant, stream: u16) {
        loop {
            match self.streams.get(stream) {
                Some(StreamUse::Channel(id)) => {
                    let id = *id;
                    return self.take_in_of_channel(now, stream, id, true);
                }
                Some(StreamUse::Refused(refused)) if !refused.incoming_reset => {
                    return self.discard_unread(stream);
                }
                // It is for the channel that comes when the stream is free.
                Some(StreamUse::Refused(_)) => return,
                None => {
                    let Some(message) = self.association.read(stream.into()) else { return };
                    self.take_stray(now, stream, message.ppid.0, message.data);
                }
            }
        }
    }

    /// Looks at what is to be read on the stream of a channel: messages of the establishment protocol are taken out,
    /// others are `announced` and left for the application.
    fn take_in_of_channel(&mut self, now: Instant, stream: u16, id: ChannelId, announce: bool) {
        while let Some(channel) = self.channels.get_mut(id) {
            match channel.state {
                State::Connecting | State::Open | State::Closing(Closing { readable: true, .. }) => {}
                State::Closing(Closing { incoming_reset: false, .. }) => return self.discard_unread(stream),
                // The peer has reset the stream, what comes is for the next channel.
                State::Closing(_) | State::Closed => return,
            }
            let Some(next) = self.association.peek(stream.into()) else { break };
            if ppid::content(next.0) == Content::Dcep {
                let Some(message) = self.association.read(stream.into()) else { break };
                self.take_dcep(now, id, &message.data);
            } else {
                // RFC 8832, section 6: any message says that the peer knows the channel.
                self.confirm(id);
                if announce {
                    self.tell_readable(id);
                }
                return;
            }
        }
        self.advance(now, id);
    }

    fn tell_readable(&mut self, id: ChannelId) {
        if let Some(channel) = self.channels.get_mut(id)
            && !std::mem::replace(&mut channel.queued.readable, true)
        {
            self.events.push_back(Event::Readable(id));
        }
    }

    /// The association has dropped a message that was longer than what was announced (attack E11).
    pub(crate) fn message_too_large(&mut self, now: Instant, stream: u16) {
        match self.streams.get(stream) {
            Some(StreamUse::Channel(id)) if self.channels.get(*id).is_some_and(Channel::is_readable) => {
                self.fail(now, *id, ChannelError::MessageTooLarge);
            }
            _ => self.stats.messages_dropped += 1,
        }
    }

    /// More waits to be read on a stream than may.
    pub(crate) fn too_much_unread(&mut self, now: Instant, stream: u16) {
        if let Some(StreamUse::Channel(id)) = self.streams.get(stream)
            && self.channels.get(*id).is_some_and(Channel::is_readable)
        {
            self.fail(now, *id, ChannelError::Unread);
        }
    }

    /// Takes a message on a stream that no channel has.
    fn take_stray(&mut self, now: Instant, stream: u16, ppid: u32, data: Bytes) {
        match ppid::content(ppid) {
            Content::Dcep => self.take_announcement(now, stream, &data),
            Content::Unknown => self.stats.messages_dropped += 1,
            _ => {
                self.stats.messages_dropped +=
                    self.strays.hold(Stray { stream, ppid, data }, self.config.max_stray)
            }
        }
    }

    /// Gives a new channel what came before it.
    pub(crate) fn take_strays(&mut self, id: ChannelId, stream: u16) {
        let now = self.clock.latest();
        for stray in self.strays.take(stream) {
            let Stray { ppid, data, .. } = stray;
            match self.decode(now, id, Piece { ppid, data, rest: Rest::None }) {
                Received::Message(message) => {
                    if let Some(channel) = self.channels.get_mut(id) {
                        channel.hold(message);
                    }
                    self.tell_readable(id);
                }
                Received::Nothing => {}
                Received::Invalid(error) => return self.fail(now, id, error),
            }
        }
    }

    /// Takes what is unread out of the association, for the application to read while the channel closes.
    pub(crate) fn hold_unread(&mut self, now: Instant, id: ChannelId) {
        let mut room = self.config.max_queued;
        while let Some((_, received)) = self.next(id) {
            if let Received::Message(message) = self.decode(now, id, received)
                && let Some(channel) = self.channels.get_mut(id)
            {
                // Nothing behind what does not fit: it could be of the same message.
                let cost = message.data.len() + COST;
                room = room.saturating_sub(cost);
                if room > 0 {
                    channel.hold(message);
                }
            }
        }
    }

    /// Drops what is unread on a stream.
    pub(crate) fn discard_unread(&mut self, stream: u16) {
        while self.association.read(stream.into()).is_some() {
            self.stats.messages_dropped += 1;
        }
    }

    fn decode(&mut self, now: Instant, id: ChannelId, Piece { ppid, data, rest }: Piece) -> Received {
        let (kind, last) = match ppid::content(ppid) {
            Content::Dcep => {
                self.take_dcep(now, id, &data);
                return Received::Nothing;
            }
            Content::Unknown => {
                self.stats.messages_dropped += 1;
                return Received::Nothing;
            }
            Content::Empty(kind) => (kind, true),
            Content::Whole(kind) => (kind, true),
            Content::Part(kind) => (kind, false),
        };
        // RFC 8831, section 6.6: the receiver ignores the byte of an empty message.
        let empty = matches!(ppid::content(ppid), Content::Empty(_));
        let data = if empty { Bytes::new() } else { data };
        let Some(channel) = self.channels.get_mut(id) else { return Received::Nothing };
        if channel.in_parts {
            let rest = if last || rest == Rest::Lost { rest } else { Rest::Follows };
            return Received::Message(MessagePart { kind, data, rest });
        }
        let data = if last && !channel.has_partial() {
            data
        } else {
            match self.join(id, kind, &data) {
                Some(_) if !last => return Received::Nothing,
                Some(()) => self.take_partial(id),
                None => return Received::Invalid(ChannelError::Protocol),
            }
        };
        // The association drops what is put together of several chunks and too large.
        if data.len() > self.config.sctp.max_message_size {
            return Received::Invalid(ChannelError::MessageTooLarge);
        }
        if kind == MessageKind::Text && std::str::from_utf8(&data).is_err() {
            return Received::Invalid(ChannelError::Protocol);
        }
        Received::Message(MessagePart::whole(kind, data))
    }

    /// Adds a part to a message; `None` when it is not of the same kind as those before, or too much.
    fn join(&mut self, id: ChannelId, kind: MessageKind, part: &Bytes) -> Option<()> {
        // All channels share what one message may take: parts are not charged to the association's window any more.
        let limit = self.config.sctp.max_message_size;
        let total = self.partial_bytes.checked_add(part.len()).filter(|total| *total <= limit)?;
        let channel = self.channels.get_mut(id)?;
        channel.join(kind, part)?;
        self.partial_bytes = total;
        Some(())
    }

    fn take_partial(&mut self, id: ChannelId) -> Bytes {
        let partial = self.channels.get_mut(id).and_then(Channel::take_partial);
        let data = partial.map(|(_, data)| data.freeze()).unwrap_or_default();
        self.partial_bytes = self.partial_bytes.saturating_sub(data.len());
        data
    }

    pub(crate) fn drop_partial(&mut self, id: ChannelId) {
        self.take_partial(id);
    }
}

/// What a held message costs beside its bytes.
const COST: usize = 64;
