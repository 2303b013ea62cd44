//! What rides on checks and their responses (draft-hancke-webrtc-sped-00): payloads that the agent carries and never
//! looks into.

use std::collections::VecDeque;

use bytes::BytesMut;
use drywire_core::{Duration, Path};
use drywire_stun::attributes::{DtlsInStunAck, DtlsInStunData};
use drywire_stun::{Message, MessageBuilder};

use crate::Agent;

/// The most attachments that wait to be taken. Those of more messages at once are as if lost on the way.
const MAX_RECEIVED: usize = 16;
/// The longest payload that is taken: no message of a peer is longer than a packet of the network.
const MAX_PAYLOAD: usize = 1500;

/// What one message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment<'a> {
    /// The payload; empty when there is none now. With the rest of the message it should fit into one packet of the
    /// network; 900 bytes do.
    pub payload: &'a [u8],
    /// The checksums of the payloads that came from the peer.
    pub received: DtlsInStunAck,
    /// How long after this message our check of the same path, if it is unanswered, is sent again at the latest, with
    /// what is to be attached then; `None`: only as its schedule says. The pace of checks holds in any case, with
    /// [`Config::triggered_burst`](crate::Config::triggered_burst).
    pub again: Option<Duration>,
}

/// A message that is about to be sent, and that can carry something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Where it goes.
    pub path: Path,
    /// Whether the peer is known to be there: see [`Agent::is_valid_path`]. If not, whoever lives there gets a
    /// datagram that is larger than a check without attachment; so bound how many there are.
    pub is_valid: bool,
}

/// Who decides what rides on a message: see [`Agent::poll_transmit_with`].
pub trait Attach {
    /// What the message shall carry; `None`: it says nothing, not even that it could carry something.
    fn attach(&mut self, carrier: Carrier) -> Option<Attachment<'_>>;
}

/// Nothing rides.
impl Attach for () {
    fn attach(&mut self, _: Carrier) -> Option<Attachment<'_>> {
        None
    }
}

/// What an authentic message of the peer carried. Both are `None` when the peer does not speak of such things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedAttachment {
    /// The payload; empty when the peer had none.
    pub payload: Option<BytesMut>,
    /// The checksums of our payloads that the peer has received.
    pub acknowledged: Option<DtlsInStunAck>,
}

/// What came and was not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    wanted: bool,
    received: VecDeque<ReceivedAttachment>,
}

impl Attachments {
    pub(crate) const fn are_wanted(&self) -> bool {
        self.wanted
    }
}

impl Agent {
    /// Says whether attachments of the peer are of interest. If so, each request that is authentic and taken up, and
    /// each authentic success response to a check, leaves a [`ReceivedAttachment`] to be taken, be it empty. At the
    /// beginning they are not, and cost nothing.
    pub fn want_attachments(&mut self, wanted: bool) {
        self.attachments.wanted = wanted;
        if !wanted {
            self.attachments.received = VecDeque::new();
        }
    }

    /// Takes what the next message of the peer carried. Up to 16 wait; what more messages carry is lost.
    pub fn poll_attachment(&mut self) -> Option<ReceivedAttachment> {
        self.attachments.received.pop_front()
    }

    /// Keeps what an authentic message carries.
    pub(crate) fn take_attachment(&mut self, message: &Message<'_>) {
        if !self.attachments.wanted || self.attachments.received.len() >= MAX_RECEIVED {
            return;
        }
        let payload = message.attribute::<DtlsInStunData<'_>>();
        let payload = payload.filter(|data| data.0.len() <= MAX_PAYLOAD).map(|data| BytesMut::from(data.0));
        let acknowledged = message.attribute();
        self.attachments.received.push_back(ReceivedAttachment { payload, acknowledged });
    }
}

/// Adds to a message what it shall carry; says how soon another chance is wanted.
pub(crate) fn write(
    message: &mut MessageBuilder<'_>,
    path: Path,
    is_valid: bool,
    attach: &mut dyn Attach,
) -> Option<Duration> {
    let attachment = attach.attach(Carrier { path, is_valid })?;
    message.attribute(&attachment.received).attribute(&DtlsInStunData(attachment.payload));
    attachment.again
}
