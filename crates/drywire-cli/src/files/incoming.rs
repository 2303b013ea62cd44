use std::io;

use bytes::Bytes;
use drywire::crypto::Provider;
use drywire_file::{
    Control, Failure, FileName, Message, Offer, Outcome, Prefix, Reason, Receiver, ReceiverEvent,
};

use super::folder::{Folder, Part};

/// How files are received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The longest file, in bytes.
    pub(crate) max_len: u64,
    /// Whether what a run of the program before this one has left is read again, which takes time.
    pub(crate) rereads: bool,
}

/// A file on its way in.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) receiver: Receiver,
    part: Option<Part>,
    /// The name that it was stored under.
    pub(crate) stored: Option<FileName>,
    /// Where it was taken up again, at the last of the channels.
    pub(crate) offset: u64,
}

impl Incoming {
    pub(crate) fn handle_control(
        &mut self,
        provider: &dyn Provider,
        folder: &Folder,
        rules: Rules,
        control: Control,
    ) {
        self.receiver.handle_control(control);
        self.settle(provider, folder, rules);
    }

    pub(crate) fn handle_data(
        &mut self,
        provider: &dyn Provider,
        folder: &Folder,
        rules: Rules,
        data: Bytes,
    ) {
        if let (Some(chunk), Some(part)) = (self.receiver.handle_data(data), &mut self.part)
            && let Err(error) = part.append(&chunk.data)
        {
            tracing::warn!(%error, "a file cannot be written");
            self.receiver.refuse(Reason::Storage);
        }
        self.settle(provider, folder, rules);
    }

    pub(crate) fn next(&mut self) -> Option<Message> {
        self.receiver.poll_transmit()
    }

    /// Whether it is over.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.receiver.outcome()
    }

    /// Nobody waits for the rest of it.
    pub(crate) fn discard(&mut self) {
        if let Some(part) = self.part.take() {
            part.remove();
        }
    }

    fn settle(&mut self, provider: &dyn Provider, folder: &Folder, rules: Rules) {
        while let Some(event) = self.receiver.poll_event() {
            match event {
                ReceiverEvent::Offered(offer) if offer.len() > rules.max_len => {
                    self.receiver.refuse(Reason::TooLarge);
                }
                ReceiverEvent::Offered(offer) => {
                    if let Err(error) = self.accept(provider, folder, rules, &offer) {
                        tracing::warn!(name = %offer.name(), %error, "a file cannot be stored");
                        self.receiver.refuse(Reason::Storage);
                    }
                }
                ReceiverEvent::Resumed { offset } => self.offset = offset,
                ReceiverEvent::Verified(_) => match self.keep(folder) {
                    Ok(()) => self.receiver.confirm(),
                    Err(error) => {
                        tracing::warn!(%error, "a file cannot be kept");
                        self.receiver.refuse(Reason::Storage);
                    }
                },
                ReceiverEvent::Over(outcome) => self.over(outcome),
            }
        }
    }

    fn accept(
        &mut self,
        provider: &dyn Provider,
        folder: &Folder,
        rules: Rules,
        offer: &Offer,
    ) -> io::Result<()> {
        let mut prefix = Prefix::new(provider);
        self.part = Some(folder.part(offer, rules.rereads.then_some(&mut prefix))?);
        self.offset = prefix.len();
        self.receiver.accept(prefix).map_err(io::Error::other)
    }

    fn keep(&mut self, folder: &Folder) -> io::Result<()> {
        let (Some(part), Some(offer)) = (self.part.take(), self.receiver.offer()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.stored = Some(folder.keep(part, offer.name())?);
        Ok(())
    }

    fn over(&mut self, outcome: Outcome) {
        let Outcome::Failed(failure) = outcome else { return };
        let name = self.receiver.offer().map(|offer| offer.name().as_str());
        tracing::info!(name, %failure, "a file did not arrive");
        match (failure, self.part.take()) {
            // What could not be written may be so that it can be taken up again.
            (Failure::Local(Reason::Storage), _) | (_, None) => {}
            (_, Some(part)) => part.remove(),
        }
    }
}
