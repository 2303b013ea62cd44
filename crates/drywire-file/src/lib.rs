//! File transfer over one reliable, ordered data channel, without I/O: chunks, progress, cancelling, resumption after the
//! connection was lost, and a hash over the whole file at the end.
//!
//! A [`Sender`] and a [`Receiver`] make messages for a channel and take those that come from it. They know no files and no
//! channels: the caller reads, writes, and connects. They outlive the channel: on the next one the transfer goes on where
//! it was.
//!
//! ```
//! use bytes::Bytes;
//! use drywire_file::{FileName, Message, Offer, Outcome, Prefix, Receiver, ReceiverEvent, Sender, TransferId};
//!
//! let provider = drywire_crypto_aws_lc::provider();
//! let file = Bytes::from(vec![7; 200_000]);
//! let offer = Offer::new(TransferId([1; 16]), 200_000, FileName::sanitized("sevens.bin")).unwrap();
//! let mut sender = Sender::new(&*provider, offer);
//! let mut receiver = Receiver::new();
//! let mut stored = Vec::new();
//!
//! sender.connected(262_144);
//! while sender.outcome().is_none() {
//!     // At the sender, when the channel takes a message:
//!     if let Some(wanted) = sender.wanted() {
//!         let start = usize::try_from(wanted.offset).unwrap();
//!         sender.supply(file.slice(start..start + wanted.len));
//!     }
//!     if let Some(message) = sender.poll_transmit() {
//!         // At the receiver, when a message comes:
//!         match message {
//!             Message::Text(text) => receiver.handle_text(&text),
//!             Message::Data(data) => stored.extend(receiver.handle_data(data).map(|chunk| chunk.data)),
//!         }
//!     }
//!     match receiver.poll_event() {
//!         Some(ReceiverEvent::Offered(_)) => receiver.accept(Prefix::new(&*provider)).unwrap(),
//!         Some(ReceiverEvent::Verified(_)) => receiver.confirm(),
//!         _ => {}
//!     }
//!     while let Some(Message::Text(text)) = receiver.poll_transmit() {
//!         sender.handle_text(&text);
//!     }
//! }
//! assert!(matches!(sender.outcome(), Some(Outcome::Done(_))));
//! assert_eq!(stored.concat(), file);
//! ```
//!
//! # The protocol
//!
//! The channel is reliable and ordered, and has the protocol [`PROTOCOL`]. Binary messages are bytes of the file and
//! nothing else, so that neither side copies them; text messages are [`Control`] messages, one verb and its words.
//!
//! ```text
//! sender                                     receiver
//!   OFFER id length name  ─────────────────────▶
//!   ◀──────────────────────────  ACCEPT id offset      or REFUSE id reason
//!   the bytes from offset on  ─────────────────▶
//!   ◀────────────────────────────  HAVE id number      now and then
//!   END id sha-256  ───────────────────────────▶
//!   ◀─────────────────────────────  DONE id sha-256    or REFUSE id hash-mismatch
//! ```
//!
//! - `id` names the transfer, and is the same each time that the same file is offered. The receiver answers with how many
//!   bytes it has, be it from a channel before this one or from a run of the program before this one, and the sender goes
//!   on from there. The hash is always that of the whole file.
//! - At any time the sender may `ABANDON id reason`, and the receiver may `REFUSE id reason`. What the other has sent until it
//!   hears of that is ignored.
//! - Verbs are those of a sender or those of a receiver, so that one channel carries a transfer each way at the same
//!   time. It also follows that a peer that sends every message back is a peer: what it returns is the file.
//! - `GET name` asks the other side to offer a file. Which ones it has is its own business.
//! - Lengths and positions go up to 2^53 - 1, because programs in JavaScript take part.
//!
//! # The contract
//!
//! Any call, in any order, any number of times: nothing panics, and messages of the network end a transfer at most. Memory
//! is bounded: a sender holds one chunk at most, a receiver none. There is no timer: the channel is reliable, and whoever
//! knows that it is gone says so.

mod control;
mod error;
mod hash;
mod message;
mod name;
mod offer;
mod receiver;
mod sender;

#[cfg(test)]
mod tests;

pub use control::Control;
pub use error::{Failure, ParseError, Reason, Violation};
pub use hash::{FileHash, Prefix};
pub use message::{Message, Outcome, Progress};
pub use name::FileName;
pub use offer::{MAX_FILE_LEN, Offer, TransferId};
pub use receiver::{AcceptError, Chunk, Receiver, ReceiverEvent};
pub use sender::{MAX_CHUNK, Sender, SenderEvent, Wanted};

/// The protocol of channels on which files are transferred (RFC 8832, section 5.1).
pub const PROTOCOL: &str = "drywire-file";
