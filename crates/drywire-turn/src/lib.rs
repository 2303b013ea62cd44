//! TURN (RFC 8656) without I/O: how hosts reach each other through a relay.
//!
//! [`client::Client`] holds one allocation on one server: a relayed address, the permissions of peers, channels.
//! [`server::Server`] is the other side for any number of clients.
//!
//! ```
//! # #[allow(clippy::disallowed_methods)] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::{Bytes, BytesMut};
//! use drywire_core::{Instant, Path};
//! use drywire_stun::Credential;
//! use drywire_turn::{client, server};
//!
//! let provider = drywire_crypto_aws_lc::provider();
//! let (now, seed) = (Instant::now(), [7; 32]); // a fresh one from the operating system
//! let mut config = server::Config::new(provider.clone(), "example.org");
//! config.users.push(Credential::new("alice", "secret")?);
//! let mut server = server::Server::new(config, now, seed)?;
//!
//! let path = Path::udp("203.0.113.1:4000".parse()?, "198.51.100.1:3478".parse()?);
//! let mut client = client::Client::new(client::Config::new(provider, path, Credential::new("alice", "secret")?), now, seed);
//!
//! // Two loops of adapters, as one. The relayed address would be that of a fresh socket.
//! let mut buffer = Vec::new();
//! while client.allocation().is_none() {
//!     if client.poll_transmit(now, &mut buffer).is_some() {
//!         server.handle_input(now, path.reversed(), BytesMut::from(&*buffer));
//!     }
//!     if let Some(server::Event::RelayWanted { allocation, .. }) = server.poll_event() {
//!         server.relay_opened(now, allocation, "198.51.100.1:50000".parse()?)?;
//!     }
//!     buffer.clear();
//!     if server.poll_transmit(now, &mut buffer).is_some() {
//!         client.handle_input(now, path, BytesMut::from(&*buffer));
//!     }
//!     buffer.clear();
//! }
//!
//! // A peer is reached along a path that begins at the relayed address.
//! let relayed = client.allocation().ok_or("no allocation")?.relayed;
//! let peer = Path::udp(relayed, "203.0.113.99:9000".parse()?);
//! client.send(now, peer, Bytes::from_static(b"hello"))?;
//! # Ok(()) }
//! ```
//!
//! # Paths
//!
//! A client speaks to its server along [`client::Config::path`]. Datagrams through the allocation have paths of their
//! own: `local` is the relayed address, `remote` the peer, as if the relay were a socket of this host. That is what
//! `drywire_ice` calls the base of a relayed candidate.
//!
//! # TCP connections
//!
//! Where both sides switch it on, a relay makes TCP connections instead (RFC 6062): the server's adapter carries the bytes
//! of [`server::Event::ConnectionBound`] between the client's stream and the peer's, the client's adapter those of
//! [`client::Event::ConnectionBound`]. Neither machine sees them.
//!
//! # Trust
//!
//! Only who knows the password is believed when a request is answered. Data carries no proof of its origin, neither as
//! indication nor on a channel: it is as good as an unknown UDP datagram.

mod channel_data;
pub mod client;
mod deadlines;
mod error;
mod hash;
pub mod server;
mod time_limited;

pub use channel_data::{CHANNEL_HEADER_LEN, CHANNELS, ChannelData};
pub use error::{CommandError, ConfigError, SendError};
pub use time_limited::TimeLimited;

#[cfg(test)]
mod tests;
