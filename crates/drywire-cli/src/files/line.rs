use drywire::datachannel::{self, SendError};
use drywire::{DataChannel, Instant};
use drywire_file::{Message, Reason};

/// The way out of a channel: remembers the message that did not fit.
#[derive(Debug, Default)]
pub(crate) struct Line {
    held: Option<datachannel::Message>,
}

impl Line {
    /// Writes messages until there are none or there is no more room, which the channel tells with
    /// [`DataChannelBufferedAmountLow`](drywire::Event::DataChannelBufferedAmountLow).
    pub(crate) fn flush(
        &mut self,
        now: Instant,
        channel: &mut DataChannel<'_>,
        mut next: impl FnMut() -> Option<Message>,
    ) {
        loop {
            let message = self.held.take().or_else(|| next().map(datachannel_message));
            let Some(message) = message else { return };
            match channel.write(now, message.clone()) {
                Ok(()) => {}
                Err(SendError::Full) => {
                    self.held = Some(message);
                    return;
                }
                // The channel is closing: the transfer goes on on another one.
                Err(error) => {
                    tracing::debug!(%error, "a message about a file was not sent");
                    return;
                }
            }
        }
    }
}

fn datachannel_message(message: Message) -> datachannel::Message {
    match message {
        Message::Text(text) => datachannel::Message::text(text),
        Message::Data(data) => datachannel::Message::binary(data),
    }
}

/// What is said when a file was asked for that is not there: there is no transfer that it could name.
pub(crate) fn not_found() -> Message {
    drywire_file::Control::Abandon { id: drywire_file::TransferId([0; 16]), reason: Reason::NotFound }.into()
}
