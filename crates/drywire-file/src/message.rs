use bytes::Bytes;

use crate::{Control, FileHash};

/// A message for the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// To be sent as a text message.
    Text(String),
    /// Bytes of the file, to be sent as a binary message. Never empty.
    Data(Bytes),
}

impl From<Control> for Message {
    fn from(control: Control) -> Self {
        Self::Text(control.to_string())
    }
}

/// How far a transfer has come, in bytes from the start of the file on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What was handed to the channel, or came from it.
    pub transferred: u64,
    /// What the receiver said that it has. At the receiver, the same as `transferred`.
    pub acknowledged: u64,
    /// The length of the file.
    pub total: u64,
}

/// Whether a transfer is over, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has the file, and its hash is this.
    Done(FileHash),
    /// There will be no file.
    Failed(crate::Failure),
}
