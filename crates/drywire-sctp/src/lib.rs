//! SCTP association (RFC 9260) without I/O, over DTLS (RFC 8261): the carrier of WebRTC data channels.
//!
//! [`Association`] is the machine. Packets of the peer and the time go in; packets to send, the next timeout and events
//! come out. Messages are [written](Association::write) with a budget for each stream and [read](Association::read) when
//! the user wants them; what is not read closes the window and so slows the peer.
//!
//! What there is: associations begun by either side or both at once, restart, authenticated cookies, fragmentation and
//! bundling, ordered and unordered delivery, selective acknowledgements, loss recovery, congestion control with pacing,
//! flow control with probes, heartbeats, shutdown, abort, the reset of streams (RFC 6525), messages that are given up after
//! a time or a number of retransmissions (RFC 3758, RFC 7496), packets without a checksum over DTLS (RFC 9653), the search
//! for larger packets (RFC 8899), and the beginning without a handshake (draft-hancke-tsvwg-snap-00). Messages of several
//! streams are interleaved (RFC 8260) if both sides want it, by the rules of a [`Scheduler`]. What may be in flight is
//! decided by a [`CongestionControl`]. A message may be written [in parts](Association::write_part) and
//! [read in parts](Association::set_read_in_parts), and so be longer than all memory.
//!
//! ```
//! # #![allow(clippy::disallowed_methods, reason = "the example reads a clock, as an application does")]
//! use bytes::Bytes;
//! use drywire_sctp::{Association, Config, Event, Ppid, SendOptions, StreamId};
//! use std::time::Instant;
//!
//! let now = Instant::now();
//! // The seeds come from the operating system.
//! let mut alice = Association::new(Config::default(), now, [1; 32]);
//! let mut bob = Association::new(Config::default(), now, [2; 32]);
//!
//! // Both sides begin when DTLS is connected; what is written before that waits.
//! alice.connect(now);
//! bob.connect(now);
//! let hello = Bytes::from_static(b"hello");
//! alice.write(now, StreamId(1), Ppid(51), hello.clone(), SendOptions::ordered())?;
//!
//! // Each side's packets go to the other one, here without DTLS and UDP between them.
//! for _ in 0..4 {
//!     let mut out = Vec::new();
//!     while alice.poll_transmit(now, &mut out).is_some() {
//!         bob.handle_input(now, Bytes::from(std::mem::take(&mut out)));
//!     }
//!     while bob.poll_transmit(now, &mut out).is_some() {
//!         alice.handle_input(now, Bytes::from(std::mem::take(&mut out)));
//!     }
//! }
//! assert_eq!(bob.poll_event(), Some(Event::Connected));
//! assert_eq!(bob.poll_event(), Some(Event::Readable(StreamId(1))));
//! assert_eq!(bob.read(StreamId(1)).unwrap().data, hello);
//! # Ok::<(), drywire_sctp::SendError>(())
//! ```

mod association;
mod config;
mod connect;
mod cookie;
mod error;
mod event;
mod heartbeat;
mod id;
mod input;
mod message;
pub mod packet;
mod path_mtu;
mod reset;
mod retransmit;
mod rx;
mod shutdown;
mod state;
mod stats;
#[cfg(test)]
mod tests;
mod timer;
mod transmit;
mod tx;

pub use association::Association;
pub use config::{Config, CongestionControl, Scheduler};
pub use error::{ParseError, SendError};
pub use event::{CloseReason, Event};
pub use id::{Ppid, StreamId};
pub use message::{Message, Rest, SendOptions};
pub use state::State;
pub use stats::Stats;
