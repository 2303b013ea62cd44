//! Names in the place of addresses: multicast DNS (RFC 6762) for ICE candidates
//! (draft-ietf-mmusic-mdns-ice-candidates).
//!
//! A host candidate can be signalled with a name like `d4df7acb-4c9f-4dc0-8396-275c234b4555.local` in the place of its
//! address. Peers on the same link find the address by multicast; all others learn nothing. [`Mdns`] plays both
//! parts: it answers for the names that it made, and finds the addresses behind the names of others. It knows no
//! other records, asks for no other names, and never asks a DNS server.
//!
//! ```
//! # #[allow(clippy::disallowed_methods)] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::BytesMut;
//! use drywire_core::{Instant, Path};
//! use drywire_ice::mdns::{Config, Event, Interface, Mdns};
//!
//! let now = Instant::now();
//! let (here, there) = ("192.0.2.1:5353".parse()?, "192.0.2.2:5353".parse()?);
//! let mut asker = Mdns::new(Config::default(), now, [1; 32]);
//! let mut owner = Mdns::new(Config::default(), now, [2; 32]);
//! asker.add_interface(now, Interface { address: here, prefix: 24, index: 1 })?;
//! owner.add_interface(now, Interface { address: there, prefix: 24, index: 1 })?;
//!
//! let name = owner.register(now, there.ip())?;
//! asker.resolve(now, &name)?;
//!
//! // The link: what one sends to the group, the other receives.
//! let mut datagram = Vec::new();
//! asker.poll_transmit(now, &mut datagram).expect("a query");
//! owner.handle_input(now, Path::udp(there, here), BytesMut::from(&datagram[..]));
//! datagram.clear();
//! owner.poll_transmit(now, &mut datagram).expect("the answer");
//! asker.handle_input(now, Path::udp(here, there), BytesMut::from(&datagram[..]));
//! assert_eq!(asker.poll_event(), Some(Event::Resolved { name, address: there.ip() }));
//! # Ok(()) }
//! ```

mod error;
mod machine;
mod message;
mod name;
mod resolve;
mod respond;

pub use error::{InterfaceError, NameError, RegisterError, ResolveError};
pub use machine::{Config, Event, Interface, Mdns, Stats};
pub use name::Name;

#[cfg(test)]
mod tests;
