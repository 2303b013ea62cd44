use drywire_core::Instant;
use drywire_datachannel::{Channel, ChannelId, ChannelOptions, Message, MessagePart, OpenError, SendError};

use super::{MAX_EVENTS, PeerConnection};
use crate::{CloseReason, Event};

impl PeerConnection {
    /// Creates a data channel. Messages may be written at once; they leave when the connection is made. The first
    /// channel makes a negotiation necessary, further ones do not.
    pub fn create_data_channel(
        &mut self,
        now: Instant,
        options: ChannelOptions,
    ) -> Result<ChannelId, OpenError> {
        let now = self.clock.observe(now);
        if self.closed.is_some() {
            return Err(OpenError::Closed);
        }
        let id = self.data.open(now, options)?;
        self.negotiation.enable_data();
        self.settle(now);
        Ok(id)
    }

    /// A data channel, to use; `None` if there is none with this name any more.
    pub fn channel(&mut self, id: ChannelId) -> Option<DataChannel<'_>> {
        self.data.channel(id)?;
        Some(DataChannel { connection: self, id })
    }

    /// The data channels.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.data.channels()
    }

    pub(super) fn settle_data(&mut self, now: Instant) {
        use drywire_datachannel::Event as Data;
        // What the application does not take stays where it is bounded: a peer can open and close channels for ever.
        while self.events.len() < MAX_EVENTS
            && let Some(event) = self.data.poll_event()
        {
            self.tell(match event {
                Data::Opened(id) => Event::DataChannelOpened(id),
                Data::Announced(id) => Event::DataChannelAnnounced(id),
                Data::Readable(id) => Event::DataChannelReadable(id),
                Data::BufferedAmountLow(id) => Event::DataChannelBufferedAmountLow(id),
                Data::Closed(id) => Event::DataChannelClosed(id),
                Data::Failed { reason } => {
                    self.end(now, CloseReason::Sctp(reason));
                    continue;
                }
                other => {
                    tracing::trace!(event = ?other, "data channels");
                    continue;
                }
            });
        }
    }
}

/// A data channel of a [`PeerConnection`], borrowed to use it.
pub struct DataChannel<'a> {
    connection: &'a mut PeerConnection,
    id: ChannelId,
}

impl DataChannel<'_> {
    /// The name that the application uses.
    #[must_use]
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// What the channel is: label, protocol, order, stream, state, figures.
    #[must_use]
    pub fn info(&self) -> Option<&Channel> {
        self.connection.data.channel(self.id)
    }

    /// The next message; `None` when there is none yet. What is not read holds the peer back, on all channels.
    pub fn read(&mut self) -> Option<Message> {
        let message = self.connection.data.read(self.id);
        self.settle();
        message
    }

    /// From now on the messages of this channel are read with [`read_part`](Self::read_part) while they come, whatever their length: a long
    /// one need not be in memory at once. See [`read_in_parts`](drywire_datachannel::Transport::read_in_parts) of the transport. The peer
    /// sends messages as long as [`max_message_size`](drywire_jsep::Config::max_message_size) of the negotiation says.
    pub fn read_in_parts(&mut self) {
        self.connection.data.read_in_parts(self.id);
        self.settle();
    }

    /// The next message, or part of one; `None` when there is none yet.
    pub fn read_part(&mut self) -> Option<MessagePart> {
        let part = self.connection.data.read_part(self.id);
        self.settle();
        part
    }

    /// Queues a message. [`SendError::Full`] says to wait for [`Event::DataChannelBufferedAmountLow`].
    pub fn write(&mut self, now: Instant, message: Message) -> Result<(), SendError> {
        let now = self.connection.clock.observe(now);
        let written = self.connection.data.write(now, self.id, message);
        self.settle();
        written
    }

    /// Queues a part of a message, so that a long one need not be in memory at once; `ends` says that it is the last part. See
    /// [`write_part`](drywire_datachannel::Transport::write_part) of the transport.
    pub fn write_part(&mut self, now: Instant, part: Message, ends: bool) -> Result<(), SendError> {
        let now = self.connection.clock.observe(now);
        let written = self.connection.data.write_part(now, self.id, part, ends);
        self.settle();
        written
    }

    /// The largest message that can be written, in bytes: what the peer's description says, and what we can send.
    #[must_use]
    pub fn max_message_size(&self) -> usize {
        self.connection.data.max_message_size()
    }

    /// How many bytes of messages wait to be sent or to be acknowledged.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.connection.data.buffered_amount(self.id)
    }

    /// Sets the amount at which [`Event::DataChannelBufferedAmountLow`] is told when the buffered amount falls to it.
    /// Default: 0.
    pub fn set_buffered_amount_low_threshold(&mut self, threshold: usize) {
        self.connection.data.set_buffered_amount_low_threshold(self.id, threshold);
        self.settle();
    }

    /// Closes the channel after what is buffered was delivered.
    pub fn close(&mut self, now: Instant) {
        let now = self.connection.clock.observe(now);
        self.connection.data.close(now, self.id);
        self.settle();
    }

    /// Makes events of what a command made happen: the last message that was read closes a channel, for one.
    fn settle(&mut self) {
        self.connection.settle_data(self.connection.clock.latest());
    }
}
