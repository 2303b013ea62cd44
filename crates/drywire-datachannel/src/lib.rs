//! WebRTC data channels (RFC 8831, RFC 8832) without I/O.
//!
//! A [`Transport`] is all the data channels of one connection: it owns the SCTP association, and is fed with the
//! plaintext of DTLS. Channels are opened by either side, or by both on a stream agreed upon; each carries messages
//! of text or bytes.
//!
//! ```
//! use std::time::Instant;
//! use bytes::Bytes;
//! use drywire_datachannel::{ChannelOptions, Config, Event, Message, Role, Transport};
//!
//! # #[allow(clippy::disallowed_methods)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Instant::now();
//! let mut here = Transport::new(Config::default(), now, [1; 32]);
//! let mut there = Transport::new(Config::default(), now, [2; 32]);
//! let chat = here.open(now, ChannelOptions::new("chat"))?;
//! here.write(now, chat, Message::text("hello"))?;
//!
//! // Once DTLS is connected, its role is known:
//! here.set_role(now, Role::Client);
//! there.set_role(now, Role::Server);
//! here.connect(now);
//! there.connect(now);
//!
//! let mut heard = None;
//! while heard.is_none() {
//!     let mut packet = Vec::new();
//!     while here.poll_transmit(now, &mut packet).is_some() {
//!         there.handle_input(now, Bytes::from(std::mem::take(&mut packet)));
//!     }
//!     while there.poll_transmit(now, &mut packet).is_some() {
//!         here.handle_input(now, Bytes::from(std::mem::take(&mut packet)));
//!     }
//!     while let Some(event) = there.poll_event() {
//!         if let Event::Readable(id) = event {
//!             assert_eq!(there.channel(id).map(|channel| channel.label()), Some("chat"));
//!             heard = there.read(id);
//!         }
//!     }
//! }
//! assert_eq!(heard, Some(Message::text("hello")));
//! # Ok(())
//! # }
//! ```
//!
//! # The way of a channel
//!
//! A channel that this side opens is open as soon as the association is up ([`Event::Opened`]): it is announced on its
//! stream (DATA_CHANNEL_OPEN), and messages follow the announcement without waiting for the answer (RFC 8832, section
//! 6). One that the peer opens is open at once ([`Event::Announced`]). One that was negotiated by other means is open when
//! the association is up. Messages can be written from the first moment on. Until the peer has answered the announcement
//! ([`Channel::acknowledged`]) they are sent in order, also on an unordered channel; a peer that never does holds nothing
//! up, and one that will not have the channel resets its stream: it is [closed](Event::Closed) then.
//! Channels are independent of each other: what is wrong on one closes that one only.
//!
//! Closing delivers what was written, then resets the stream; the peer resets its direction, too; then the channel is
//! closed at both ends and its stream free for another one.
//!
//! # Slow readers
//!
//! Messages stay where they arrived until they are [read](Transport::read), and fill the window that all channels share: so a
//! reader that does not keep up holds the peer back. It does so on all channels, unless [`Config::max_unread`] says that its
//! channel is closed instead.
//!
//! # Long messages
//!
//! A message can be written [in parts](Transport::write_part), and a channel can be [read in parts](Transport::read_in_parts) while its
//! messages come. Neither side needs memory for more than what is on its way then, however long the message is; the other
//! channels go on meanwhile where the peer takes messages that are interleaved (RFC 8260).
//!
//! # Partial reliability
//!
//! A channel may give messages up after so many retransmissions, or after a time: [`ChannelOptions::reliability`]. Both
//! sides do so with what they send, whoever opened the channel; a peer that cannot do without messages (RFC 3758) gets all
//! of them. A message that is given up is no event: who wants to know sends over the channel what it needs to count.

mod buffered;
mod channel;
mod close;
mod config;
pub mod dcep;
mod error;
mod event;
mod ids;
mod message;
mod open;
mod options;
mod ppid;
mod receive;
mod send;
mod stray;
mod table;
mod transport;

#[cfg(test)]
mod tests;

pub use channel::{Channel, ChannelState, ChannelStats};
pub use config::Config;
pub use drywire_sctp::Rest;
pub use error::{ChannelError, InvalidText, OpenError, ParseError, SendError};
pub use event::{Event, Stats};
pub use ids::Role;
pub use message::{Message, MessageKind, MessagePart};
pub use options::{ChannelOptions, Reliability};
pub use table::ChannelId;
pub use transport::Transport;
