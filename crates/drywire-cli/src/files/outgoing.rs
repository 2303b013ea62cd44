use drywire::crypto::Provider;
use drywire_file::{Message, Outcome, Reason, Sender, SenderEvent};

use super::folder::Source;

/// A file on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) sender: Sender,
    source: Source,
    /// Where it was taken up again, at the last of the channels.
    pub(crate) offset: u64,
}

impl Outgoing {
    pub(crate) fn new(provider: &dyn Provider, source: Source) -> Self {
        Self { sender: Sender::new(provider, source.offer().clone()), source, offset: 0 }
    }

    /// The next message for the channel, which may be a piece of the file.
    pub(crate) fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.sender.poll_transmit() {
                return Some(message);
            }
            let wanted = self.sender.wanted()?;
            match self.source.read(wanted.offset, wanted.len) {
                Ok(data) => self.sender.supply(data),
                Err(error) => {
                    tracing::warn!(name = %self.source.offer().name(), %error, "a file cannot be read");
                    self.sender.abandon(Reason::Storage);
                }
            }
        }
    }

    /// Whether it is over.
    pub(crate) fn outcome(&mut self) -> Option<Outcome> {
        while let Some(event) = self.sender.poll_event() {
            if let SenderEvent::Accepted { offset } = event {
                self.offset = offset;
            }
        }
        self.sender.outcome()
    }
}
