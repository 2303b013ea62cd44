//! Opening channels, and taking those that the peer opens (RFC 8832, section 6).

use bytes::Bytes;
use drywire_core::Instant;

use crate::channel::{Outgoing, State};
use crate::dcep::{Ack, Dcep, Open};
use crate::ids::{MAX_STREAM, Streams};
use crate::transport::{Phase, StreamUse, Transport};
use crate::{Channel, ChannelError, ChannelId, ChannelOptions, Event, OpenError, ppid};

impl Transport {
    /// Opens a channel. It can be written to at once; its stream is known when the DTLS role is.
    pub fn open(&mut self, now: Instant, options: ChannelOptions) -> Result<ChannelId, OpenError> {
        let now = self.clock.observe(now);
        if self.phase == Phase::Ended {
            return Err(OpenError::Closed);
        }
        // What is written into the 16-bit length fields has to fit into them.
        let limit = self.config.max_label_len.min(usize::from(u16::MAX));
        if let Some(len) = [options.label.len(), options.protocol.len()].into_iter().find(|len| *len > limit)
        {
            return Err(OpenError::TextTooLong { len, limit });
        }
        if let Some(stream) = options.negotiated {
            if stream > MAX_STREAM {
                return Err(OpenError::InvalidStream(stream));
            }
            if self.streams.get(stream).is_some() {
                return Err(OpenError::StreamInUse(stream));
            }
        }
        if !self.make_place(0) {
            return Err(OpenError::TooManyChannels);
        }
        let negotiated = options.negotiated;
        let id = self.channels.insert(Channel::new(options)).ok_or(OpenError::TooManyChannels)?;
        self.stats.channels_opened += 1;
        match negotiated {
            Some(stream) => {
                self.bind(stream, id);
                if self.phase == Phase::Connected {
                    self.confirm(id);
                }
                self.take_strays(id, stream);
                self.take_in(now, stream);
            }
            None => {
                self.unassigned.push_back(id);
                self.assign_streams();
                self.flush(now, id);
            }
        }
        self.settle(now);
        Ok(id)
    }

    /// Gives streams to the channels that wait for one, once the role is known: even ones to the DTLS client's
    /// channels, odd ones to the server's (RFC 8832, section 6).
    pub(crate) fn assign_streams(&mut self) {
        let Some(role) = self.role else { return };
        while let Some(id) = self.unassigned.pop_front() {
            if self.channels.get(id).is_none_or(Channel::is_closed) {
                continue;
            }
            let Some(stream) = self.streams.lowest_free(role) else {
                self.finish(id);
                continue;
            };
            self.bind(stream, id);
            if let Some(channel) = self.channels.get_mut(id) {
                let mut data = Vec::new();
                Dcep::Open(Open {
                    ordered: channel.ordered(),
                    reliability: channel.reliability(),
                    priority: channel.priority(),
                    label: channel.label(),
                    protocol: channel.protocol(),
                })
                .write(&mut data);
                channel.return_outgoing(dcep(data));
            }
            self.unflushed.insert(id);
        }
    }

    /// Gives a stream to a channel.
    fn bind(&mut self, stream: u16, id: ChannelId) {
        self.streams.insert(stream, StreamUse::Channel(id));
        if let Some(channel) = self.channels.get_mut(id) {
            channel.stream = Some(stream);
            // A channel that had the stream before may have set another one.
            self.association.set_buffered_low_threshold(stream.into(), channel.buffered.threshold());
            self.association.set_priority(stream.into(), channel.priority());
            if channel.in_parts {
                self.association.set_read_in_parts(stream.into(), true);
            }
        }
    }

    /// The association is up, or about to be: sends what waits, and opens the negotiated channels.
    pub(crate) fn begin(&mut self, now: Instant) {
        if self.phase != Phase::New {
            return;
        }
        self.phase = Phase::Connected;
        self.events.push_back(Event::Connected);
        let negotiated: Vec<_> =
            self.channels.iter().filter(|(_, channel)| channel.negotiated()).map(|(id, _)| id).collect();
        for id in negotiated {
            self.confirm(id);
        }
        self.flush_all(now);
    }

    /// The peer's association has lost its state: none of the channels is there any more, new ones can be opened.
    pub(crate) fn restart(&mut self) {
        self.stats.restarts += 1;
        self.finish_all();
        self.streams = Streams::new();
        self.strays.clear();
        self.resets.clear();
    }

    /// The peer knows a channel of ours: it has acknowledged it, or sent a message on it (RFC 8832, section 6).
    pub(crate) fn confirm(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        channel.confirmed = true;
        self.make_open(id);
    }

    /// A channel of ours can be used: the peer knows it, or its announcement is on the way and comes before all that is
    /// written to it. RFC 8832, section 6: its acknowledgement need not be waited for.
    pub(crate) fn make_open(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        if channel.state == State::Connecting {
            channel.state = State::Open;
            self.events.push_back(Event::Opened(id));
        }
    }

    /// Takes a message of the establishment protocol on a stream that no channel has.
    pub(crate) fn take_announcement(&mut self, now: Instant, stream: u16, message: &[u8]) {
        let open = match Dcep::parse(message) {
            Ok(Dcep::Open(open)) => open,
            Ok(Dcep::Ack(Ack)) => {
                self.stats.messages_dropped += 1;
                return;
            }
            Err(error) => {
                tracing::debug!(stream, %error, "an announcement is malformed");
                return self.refuse(now, stream);
            }
        };
        // RFC 8832, section 6: the peer uses the streams of its own parity.
        let ours = self.role.is_some_and(|role| role.chooses(stream));
        let text = open.label.len() + open.protocol.len();
        let too_long = open.label.len().max(open.protocol.len()) > self.config.max_label_len;
        if ours || stream > MAX_STREAM || too_long || !self.make_place(text) {
            tracing::debug!(stream, ours, too_long, "an announcement is refused");
            return self.refuse(now, stream);
        }
        let mut channel = Channel::new(ChannelOptions {
            label: open.label.to_owned(),
            protocol: open.protocol.to_owned(),
            ordered: open.ordered,
            reliability: open.reliability,
            priority: open.priority,
            negotiated: None,
        });
        channel.announced = true;
        channel.confirmed = true;
        channel.state = State::Open;
        let mut ack = Vec::new();
        Dcep::Ack(Ack).write(&mut ack);
        channel.push_outgoing(dcep(ack));
        let Some(id) = self.channels.insert(channel) else { return self.refuse(now, stream) };
        self.announced_text += text;
        self.bind(stream, id);
        self.stats.channels_announced += 1;
        self.events.push_back(Event::Announced(id));
        self.flush(now, id);
        self.take_strays(id, stream);
    }

    /// Takes a message of the establishment protocol on the stream of a channel.
    pub(crate) fn take_dcep(&mut self, now: Instant, id: ChannelId, message: &[u8]) {
        match Dcep::parse(message) {
            Ok(Dcep::Ack(Ack)) => self.confirm(id),
            // The stream is in use (attack E09): it cannot be told which of the two channels the peer means.
            Ok(Dcep::Open(_)) => self.fail(now, id, ChannelError::Protocol),
            Err(error) => {
                tracing::debug!(?id, %error, "malformed message of the establishment protocol");
                self.fail(now, id, ChannelError::Protocol);
            }
        }
    }

    /// Whether there is place for one more channel, with `text` bytes of the peer's. Closed ones that the
    /// application was told of give their place.
    fn make_place(&mut self, text: usize) -> bool {
        while self.channels.len() >= self.config.max_channels
            || text > 0 && self.announced_text + text > self.config.max_announced_text
        {
            let Some(oldest) = self.told.pop_front() else { return false };
            self.forget(oldest);
        }
        true
    }
}

fn dcep(data: Vec<u8>) -> Outgoing {
    Outgoing { ppid: ppid::DCEP, data: Bytes::from(data), user_bytes: 0 }
}
