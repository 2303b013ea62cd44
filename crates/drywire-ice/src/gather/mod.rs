//! Gathering candidates (RFC 8445, section 5.1.1): from addresses of the host and what servers say, to candidates for
//! an [`Agent`](crate::Agent) and for the peer.
//!
//! A [`Gatherer`] is given the sockets that are bound to the host's addresses and the STUN servers. It decides which
//! addresses are used and shown (RFC 8828), in which order of preference (RFC 8421), and asks each server about each
//! socket. Relayed candidates are got elsewhere and pass through it, so that all candidates come out of one place.
//! Resolving the names of servers is not its business.
//!
//! ```
//! # #[allow(clippy::disallowed_methods)] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::BytesMut;
//! use drywire_core::Instant;
//! use drywire_ice::CandidateKind;
//! use drywire_ice::gather::{Config, Event, Gatherer, LocalAddress, StunServer};
//! use drywire_stun::{Message, binding};
//!
//! let now = Instant::now();
//! let mut config = Config::default();
//! config.servers.push(StunServer::new("stun:stun.example.org", "192.0.2.1:3478".parse()?));
//! let mut gatherer = Gatherer::new(config, now, [1; 32]);
//! gatherer.add_addresses(now, &[LocalAddress::new("10.0.0.7:5000".parse()?)]);
//! let Some(Event::Candidate(host)) = gatherer.poll_event() else { panic!() };
//! assert_eq!(host.candidate.kind, CandidateKind::Host);
//!
//! // The server, behind a NAT that maps the socket to another address.
//! let (mut request, mut response) = (Vec::new(), Vec::new());
//! let transmit = gatherer.poll_transmit(now, &mut request).expect("a request");
//! binding::respond(&Message::parse(&request)?, "198.51.100.9:4711".parse()?, None, &mut response);
//! gatherer.handle_input(now, transmit.path, BytesMut::from(&response[..]));
//! let Some(Event::Candidate(reflexive)) = gatherer.poll_event() else { panic!() };
//! assert_eq!(reflexive.candidate.address, "198.51.100.9:4711".parse()?);
//! assert_eq!(gatherer.poll_event(), Some(Event::Done));
//! # Ok(()) }
//! ```

mod address;
mod config;
mod error;
mod event;
mod machine;
mod probe;
mod relay;
mod renew;
mod update;

pub use address::LocalAddress;
pub use config::{AddressPolicy, Config, StunServer};
pub use error::UnknownRelay;
pub use event::{Disclosure, Event, GatherError, GatherFailure, Gathered};
pub use machine::Gatherer;
pub use relay::{RelayId, RelayTransport};

#[cfg(test)]
mod tests;
