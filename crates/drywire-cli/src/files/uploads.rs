use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use drywire::crypto::Provider;
use drywire::datachannel::{ChannelId, MessageKind};
use drywire::{DataChannel, Instant};
use drywire_file::{Control, Message, Outcome, Reason, TransferId};

use super::folder::Folder;
use super::incoming::{Incoming, Rules};
use super::line::{Line, not_found};
use super::outgoing::Outgoing;

/// The most files being received or remembered, those included whose connection was lost.
const MOST: usize = 64;
/// The most answers of this file that wait for room.
const MOST_ANSWERS: usize = 16;

/// The channel that a file comes through: the number of its session, and which one it is there.
pub(crate) type Owner = (u64, ChannelId);

/// All files being received by a server. They outlive their channels, so that they can be taken up again.
pub(crate) struct Uploads {
    provider: Arc<dyn Provider>,
    folder: Folder,
    rules: Rules,
    files: HashMap<TransferId, Upload>,
    /// Counts what is done to uploads, so that the one is known that nothing was done to for the longest time.
    touched: u64,
}

struct Upload {
    incoming: Incoming,
    owner: Option<Owner>,
    touched: u64,
}

impl Uploads {
    pub(crate) fn new(provider: Arc<dyn Provider>, folder: Folder, rules: Rules) -> Self {
        Self { provider, folder, rules, files: HashMap::new(), touched: 0 }
    }

    /// The file that `owner` sends.
    fn owned(&mut self, id: TransferId, owner: Owner) -> Option<&mut Incoming> {
        let upload = self.files.get_mut(&id).filter(|upload| upload.owner == Some(owner))?;
        Some(&mut upload.incoming)
    }

    /// Gives a file to a channel, from the channel that had it before if there was one: whoever knows the name of a
    /// transfer has begun it. False if there are too many.
    fn take(&mut self, id: TransferId, owner: Owner) -> bool {
        let gone = |upload: &Upload| match &upload.incoming.stored {
            Some(name) => self.folder.source(&*self.provider, name).is_err(),
            None => false,
        };
        if self.files.get(&id).is_some_and(gone) {
            self.files.remove(&id);
        }
        if !self.files.contains_key(&id) && self.files.len() >= MOST && !self.forget_one() {
            return false;
        }
        self.touched += 1;
        let new = Upload { incoming: Incoming::default(), owner: None, touched: 0 };
        let upload = self.files.entry(id).or_insert(new);
        upload.touched = self.touched;
        if upload.owner != Some(owner) {
            upload.incoming.receiver.disconnected();
            upload.owner = Some(owner);
        }
        true
    }

    /// Forgets the file that has waited for its sender the longest. False if none waits.
    fn forget_one(&mut self) -> bool {
        let waiting = self.files.iter().filter(|(_, upload)| upload.owner.is_none());
        let Some(id) = waiting.min_by_key(|(_, upload)| upload.touched).map(|(id, _)| *id) else {
            return false;
        };
        self.remove(id);
        true
    }

    fn remove(&mut self, id: TransferId) {
        if let Some(mut upload) = self.files.remove(&id) {
            upload.incoming.discard();
        }
    }

    /// A channel is gone.
    fn release(&mut self, id: TransferId, owner: Owner) {
        if let Some(upload) = self.files.get_mut(&id).filter(|upload| upload.owner == Some(owner)) {
            upload.owner = None;
            upload.incoming.receiver.disconnected();
        }
    }
}

/// A channel of the file protocol at the server: takes files, and sends each back that has arrived; gives those that are asked
/// for.
#[derive(Debug, Default)]
pub(crate) struct FileChannel {
    line: Line,
    incoming: Option<TransferId>,
    outgoing: Option<Outgoing>,
    /// Answers that no transfer gives.
    answers: VecDeque<Message>,
}

impl FileChannel {
    /// Takes what has come, and sends what there is room for.
    pub(crate) fn pump(
        &mut self,
        now: Instant,
        channel: &mut DataChannel<'_>,
        owner: Owner,
        uploads: &mut Uploads,
    ) {
        // Everything is read at once: it goes to the disk, and whoever waits for room before it reads can wait for ever.
        while let Some(message) = channel.read() {
            match message.kind() {
                MessageKind::Text => {
                    // What is no control message is of a later version.
                    if let Some(Ok(control)) = message.as_text().map(str::parse) {
                        self.handle_control(control, channel.max_message_size(), owner, uploads);
                    }
                }
                MessageKind::Binary => {
                    let (provider, folder, rules) =
                        (uploads.provider.clone(), uploads.folder.clone(), uploads.rules);
                    if let Some(incoming) = self.incoming.and_then(|id| uploads.owned(id, owner)) {
                        incoming.handle_data(&*provider, &folder, rules, message.into_data());
                    }
                }
            }
        }
        let Self { line, incoming, outgoing, answers } = self;
        line.flush(now, channel, || {
            let received = incoming.and_then(|id| uploads.owned(id, owner)?.next());
            received.or_else(|| answers.pop_front()).or_else(|| outgoing.as_mut()?.next())
        });
        if self.outgoing.as_mut().is_some_and(|outgoing| outgoing.outcome().is_some()) {
            self.outgoing = None;
        }
        if let Some(id) = self.incoming {
            let failed = uploads
                .owned(id, owner)
                .is_some_and(|incoming| matches!(incoming.outcome(), Some(Outcome::Failed(_))));
            if failed {
                uploads.remove(id);
                self.incoming = None;
            }
        }
    }

    /// The channel is gone.
    pub(crate) fn closed(&mut self, owner: Owner, uploads: &mut Uploads) {
        if let Some(id) = self.incoming.take() {
            uploads.release(id, owner);
        }
    }

    fn handle_control(&mut self, control: Control, largest: usize, owner: Owner, uploads: &mut Uploads) {
        match &control {
            Control::Offer(offer) => self.begin(offer.id(), owner, uploads),
            Control::Get(name) => {
                match uploads.folder.source(&*uploads.provider, name) {
                    Ok(source) => self.send(Outgoing::new(&*uploads.provider, source), largest),
                    Err(error) => {
                        tracing::debug!(%name, %error, "a file was asked for that cannot be sent");
                        self.answer(not_found());
                    }
                }
                return;
            }
            _ => {}
        }
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.sender.handle_control(&control);
        }
        let ended = matches!(control, Control::End { .. });
        let (provider, folder, rules) = (uploads.provider.clone(), uploads.folder.clone(), uploads.rules);
        let Some(id) = self.incoming else { return };
        let Some(incoming) = uploads.owned(id, owner) else { return };
        incoming.handle_control(&*provider, &folder, rules, control);
        if let (true, Some(Outcome::Done(_)), Some(name)) = (ended, incoming.outcome(), &incoming.stored) {
            match folder.source(&*provider, name) {
                Ok(source) => self.send(Outgoing::new(&*provider, source.named(id)), largest),
                Err(error) => tracing::warn!(%name, %error, "a file that was received cannot be sent back"),
            }
        }
    }

    /// A transfer is offered: it takes the place of the one before if that is over.
    fn begin(&mut self, id: TransferId, owner: Owner, uploads: &mut Uploads) {
        if let Some(before) = self.incoming.filter(|before| *before != id) {
            if uploads.owned(before, owner).is_some_and(|incoming| incoming.outcome().is_none()) {
                // It says itself that it is busy.
                return;
            }
            uploads.release(before, owner);
        }
        if uploads.take(id, owner) {
            self.incoming = Some(id);
        } else {
            self.incoming = None;
            self.answer(Control::Refuse { id, reason: Reason::Busy }.into());
        }
    }

    /// Offers a file, with chunks that fit into messages of the largest size.
    fn send(&mut self, mut outgoing: Outgoing, largest: usize) {
        if self.outgoing.is_some() {
            return self
                .answer(Control::Abandon { id: outgoing.sender.offer().id(), reason: Reason::Busy }.into());
        }
        outgoing.sender.connected(largest);
        self.outgoing = Some(outgoing);
    }

    fn answer(&mut self, message: Message) {
        if self.answers.len() < MOST_ANSWERS {
            self.answers.push_back(message);
        }
    }
}
