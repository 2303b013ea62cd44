//! Messages out (RFC 8831, section 6.6): what is written goes to the association as soon as it takes it.

use bytes::Bytes;
use drywire_core::Instant;
use drywire_sctp::SendOptions;

use crate::channel::{Outgoing, State};
use crate::transport::{Phase, StreamUse, Transport};
use crate::{Channel, ChannelError, ChannelId, Event, Message, Reliability, SendError, ppid};

impl Transport {
    /// Queues a message. It is taken as a whole or not at all.
    pub fn write(&mut self, now: Instant, id: ChannelId, message: Message) -> Result<(), SendError> {
        let now = self.clock.observe(now);
        let remote_limit = self.remote_limit;
        let channel = self.writable(id)?;
        if channel.open_message().is_some() {
            return Err(SendError::MessageOpen);
        }
        let user_bytes = message.data().len();
        if user_bytes > remote_limit {
            return Err(SendError::TooLarge { limit: remote_limit });
        }
        let ppid = ppid::of(message.kind(), user_bytes == 0);
        // RFC 8831, section 6.6: SCTP has no empty messages, so that one zero byte stands for them.
        let data = if user_bytes == 0 { Bytes::from_static(&[0]) } else { message.into_data() };
        let outgoing = Outgoing { ppid, data, user_bytes };
        let taken = match self.phase {
            Phase::Connected if channel.stream.is_none() => self.queue(id, outgoing),
            // What waits goes first.
            Phase::Connected if channel.outbox_len() > 0 => Err(SendError::Full),
            Phase::Connected => self.give(now, id, &outgoing, true),
            Phase::New | Phase::Ended => self.queue(id, outgoing),
        };
        match taken {
            Ok(()) => {}
            Err(SendError::Full) => {
                self.blocked.insert(id);
                return Err(SendError::Full);
            }
            Err(error) => return Err(error),
        }
        self.count_sent(id, user_bytes, true);
        Ok(())
    }

    /// Queues a part of a message, so that a long one need not be in memory at once; `ends` says that it is the last part. All
    /// parts are of one kind, and text is cut between characters. [`SendError::Full`] is also the answer while the channel has no
    /// stream. A message that is not brought to its end is cut off when the channel closes: the peer gets nothing of it.
    ///
    /// Other channels go on meanwhile if the peer takes messages that are interleaved (RFC 8260), else they wait.
    pub fn write_part(
        &mut self,
        now: Instant,
        id: ChannelId,
        part: Message,
        ends: bool,
    ) -> Result<(), SendError> {
        let now = self.clock.observe(now);
        let (kind, len) = (part.kind(), part.data().len());
        let channel = self.writable(id)?;
        let so_far = match channel.open_message() {
            Some((open, _)) if open != kind => return Err(SendError::MessageOpen),
            open => open.map_or(0, |(_, so_far)| so_far),
        };
        if len == 0 || channel.reliability() != Reliability::Reliable {
            return Err(SendError::InvalidPart);
        }
        let written = so_far.saturating_add(len);
        if written > self.remote_limit {
            return Err(SendError::TooLarge { limit: self.remote_limit });
        }
        let ready = self.phase == Phase::Connected && channel.stream.is_some() && channel.outbox_len() == 0;
        let outgoing = Outgoing { ppid: ppid::of(kind, false), data: part.into_data(), user_bytes: len };
        let taken = if ready { self.give(now, id, &outgoing, ends) } else { Err(SendError::Full) };
        if taken == Err(SendError::Full) {
            self.blocked.insert(id);
        }
        taken?;
        if let Some(channel) = self.channels.get_mut(id) {
            channel.set_open_message((!ends).then_some((kind, written)));
        }
        self.count_sent(id, len, ends);
        Ok(())
    }

    /// A channel that takes messages.
    fn writable(&self, id: ChannelId) -> Result<&Channel, SendError> {
        let channel = self.channels.get(id).ok_or(SendError::UnknownChannel)?;
        match channel.state {
            State::Connecting | State::Open => Ok(channel),
            State::Closing(_) => Err(SendError::Closing),
            State::Closed => Err(SendError::Closed),
        }
    }

    fn count_sent(&mut self, id: ChannelId, bytes: usize, ends: bool) {
        let (bytes, messages) = (to_u64(bytes), u64::from(ends));
        self.stats.messages_sent += messages;
        self.stats.bytes_sent += bytes;
        if let Some(channel) = self.channels.get_mut(id) {
            channel.figures.messages_sent += messages;
            channel.figures.bytes_sent += bytes;
        }
    }

    /// How many bytes of messages wait on a channel, to be sent or to be acknowledged; 0 for one that is not there.
    #[must_use]
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        self.channels.get(id).map_or(0, |channel| channel.buffered.amount(self.waiting(id)))
    }

    /// Sets the amount at which [`Event::BufferedAmountLow`] is told, once, when the buffered amount falls to it from
    /// above. At most 4 GiB, as more is not told apart. Default: 0.
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, threshold: usize) {
        let waiting = self.waiting(id);
        if let Some(channel) = self.channels.get_mut(id) {
            channel.buffered.set_threshold(threshold, waiting);
            if let Some(stream) = channel.stream {
                let threshold = channel.buffered.threshold();
                self.association.set_buffered_low_threshold(stream.into(), threshold);
            }
        }
    }

    /// Gives a message, or a part of one, to the association.
    fn give(
        &mut self,
        now: Instant,
        id: ChannelId,
        outgoing: &Outgoing,
        ends: bool,
    ) -> Result<(), SendError> {
        let channel = self.channels.get(id).ok_or(SendError::UnknownChannel)?;
        let stream = channel.stream.ok_or(SendError::Full)?;
        // RFC 8832, section 6: the announcement is sent in order, and so is its acknowledgement.
        let options = match outgoing.ppid {
            ppid::DCEP => SendOptions::ordered(),
            _ => channel.send_options(),
        };
        self.association
            .write_part(now, stream.into(), outgoing.ppid.into(), outgoing.data.clone(), options, ends)
            .map_err(|error| match error {
                drywire_sctp::SendError::Full => SendError::Full,
                drywire_sctp::SendError::TooLarge => {
                    SendError::TooLarge { limit: self.config.sctp.max_outgoing_message_size }
                }
                _ => SendError::Closed,
            })?;
        let waiting = self.association.buffered(stream.into());
        if let Some(channel) = self.channels.get_mut(id) {
            channel.buffered.wrote(outgoing.data.len(), outgoing.user_bytes, waiting);
        }
        Ok(())
    }

    /// Keeps a message until the association can take it.
    fn queue(&mut self, id: ChannelId, outgoing: Outgoing) -> Result<(), SendError> {
        let limit = self.config.max_queued;
        if outgoing.user_bytes > limit {
            return Err(SendError::TooLarge { limit });
        }
        let channel = self.channels.get_mut(id).ok_or(SendError::UnknownChannel)?;
        let queued = channel.buffered.outbox + COST * channel.outbox_len();
        if queued > 0 && queued + outgoing.user_bytes > limit {
            return Err(SendError::Full);
        }
        channel.buffered.outbox += outgoing.user_bytes;
        channel.push_outgoing(outgoing);
        channel.buffered.note(0);
        self.unflushed.insert(id);
        Ok(())
    }

    /// Gives to the association what waits of all channels.
    pub(crate) fn flush_all(&mut self, now: Instant) {
        if self.unflushed.is_empty() || self.phase != Phase::Connected {
            return;
        }
        let waiting: Vec<_> = self.unflushed.iter().copied().collect();
        for id in waiting {
            self.flush(now, id);
        }
    }

    /// Gives to the association what waits of one channel.
    pub(crate) fn flush(&mut self, now: Instant, id: ChannelId) {
        loop {
            let Some(channel) = self.channels.get_mut(id) else { return };
            if self.phase != Phase::Connected || channel.stream.is_none() {
                self.unflushed.insert(id);
                return;
            }
            let Some(outgoing) = channel.pop_outgoing() else { break };
            // What was queued before the peer's limit was known may be too large for it.
            let given = if outgoing.user_bytes > self.remote_limit {
                Err(SendError::TooLarge { limit: self.remote_limit })
            } else {
                self.give(now, id, &outgoing, true)
            };
            let Some(channel) = self.channels.get_mut(id) else { return };
            match given {
                Ok(()) => {
                    channel.buffered.outbox -= outgoing.user_bytes;
                    // The announcement is what goes first.
                    self.make_open(id);
                }
                Err(SendError::Full) => {
                    channel.return_outgoing(outgoing);
                    self.unflushed.insert(id);
                    return;
                }
                Err(SendError::TooLarge { .. }) => {
                    self.unflushed.remove(&id);
                    return self.fail(now, id, ChannelError::QueuedTooLarge);
                }
                // The two sides agreed on fewer streams than this one's number.
                Err(error) => {
                    tracing::debug!(?id, %error, "a channel cannot be used");
                    return self.finish(id);
                }
            }
        }
        self.unflushed.remove(&id);
        self.wake(id);
        self.advance(now, id);
    }

    /// What the association says that waits on the stream of a channel.
    fn waiting(&self, id: ChannelId) -> usize {
        let stream =
            self.channels.get(id).filter(|channel| !channel.is_closed()).and_then(|channel| channel.stream);
        stream.map_or(0, |stream| self.association.buffered(stream.into()))
    }

    /// The amount of a stream fell, or it has room again.
    pub(crate) fn amount_fell(&mut self, now: Instant, stream: u16) {
        let Some(StreamUse::Channel(id)) = self.streams.get(stream) else { return };
        let id = *id;
        if self.unflushed.contains(&id) {
            self.flush(now, id);
        } else {
            self.wake(id);
        }
        let waiting = self.waiting(id);
        if let Some(channel) = self.channels.get_mut(id) {
            channel.buffered.rest(waiting);
            if channel.buffered.take_low(waiting) {
                self.tell_low(id);
            }
        }
    }

    /// Tells a writer that was refused to try again.
    pub(crate) fn wake(&mut self, id: ChannelId) {
        if self.blocked.remove(&id) {
            self.tell_low(id);
        }
    }

    fn tell_low(&mut self, id: ChannelId) {
        if let Some(channel) = self.channels.get_mut(id)
            && !std::mem::replace(&mut channel.queued.low, true)
        {
            self.events.push_back(Event::BufferedAmountLow(id));
        }
    }
}

/// What a queued message costs beside its bytes.
const COST: usize = 64;

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
