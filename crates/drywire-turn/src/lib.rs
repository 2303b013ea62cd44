//! TURN (RFC 8656) without I/O: how hosts reach each other through a relay.
//!
//! [`client::Client`] holds one allocation on one server: a relayed address, the permissions of peers, channels.
//! [`server::Server`] is the other side for any number of clients.
//!
//! # Paths
//!
//! A client speaks to its server along [`client::Config::path`]. Datagrams through the allocation have paths of their
//! own: `local` is the relayed address, `remote` the peer, as if the relay were a socket of this host. That is what
//! `drywire_ice` calls the base of a relayed candidate.
//!
//! # Trust
//!
//! Only who knows the password is believed when a request is answered. Data carries no proof of its origin, neither as
//! indication nor on a channel: it is as good as an unknown UDP datagram.

mod channel_data;
pub mod client;
mod credential;
mod deadlines;
mod error;
mod framer;
pub mod server;

pub use channel_data::{CHANNEL_HEADER_LEN, CHANNELS, ChannelData};
pub use error::{CommandError, SendError};

#[cfg(test)]
mod tests;
