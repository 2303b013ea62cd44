//! A virtual clock and network, to test poll-style protocols in.
//!
//! A [`Network`] runs any number of [`Node`]s, each with its addresses. Datagrams travel over [`Link`]s that delay,
//! jitter, lose, reorder, duplicate, damage and queue them; time is virtual and jumps to the next thing that happens,
//! so that an hour of protocol takes milliseconds. The seed decides everything random: the same seed and the same
//! nodes give the same run, datagram by datagram.
//!
//! Machines that talk to one peer over a pipe (they know no addresses) implement [`Pipe`] and run as a pair of
//! [`OnPath`] nodes.
//!
//! Addresses are public unless they are given out in a [`Realm`] behind translators and firewalls ([`Nat`]).
//!
//! The network watches its nodes, too: a node that asks for a timeout again and again at one instant without doing
//! anything, or that never stops sending, ends the run with [`Outcome::Busy`] or [`Outcome::Flood`].
//!
//! # Example
//!
//! Two nodes, of which one sends a greeting every second until it is answered, over a link that loses half of all
//! datagrams:
//!
//! ```
//! use bytes::BytesMut;
//! use drywire_core::{Duration, Instant, Path, Transmit};
//! use drywire_sim::{Link, Network, Node, Outcome, Probability};
//!
//! struct Greeter {
//!     path: Path,
//!     next: Option<Instant>,
//!     to_send: bool,
//!     heard: usize,
//! }
//!
//! impl Node for Greeter {
//!     fn handle_input(&mut self, _now: Instant, _path: Path, _datagram: BytesMut) {
//!         self.heard += 1;
//!         // The one that greets stops; the other one answers.
//!         self.to_send = self.next.take().is_none();
//!     }
//!     fn handle_timeout(&mut self, now: Instant) {
//!         if self.next.is_some_and(|at| at <= now) {
//!             self.to_send = true;
//!             self.next = Some(now + Duration::from_secs(1));
//!         }
//!     }
//!     fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
//!         std::mem::take(&mut self.to_send).then(|| {
//!             out.extend_from_slice(b"hello");
//!             Transmit::datagram(self.path, 5)
//!         })
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         self.next
//!     }
//! }
//!
//! let path = Path::udp("192.0.2.1:1000".parse().unwrap(), "192.0.2.2:2000".parse().unwrap());
//! let start = drywire_sim::origin();
//! let mut network = Network::new(start, [7; 32]);
//! network.set_default_link(Link::new().delay(Duration::from_millis(50)).loss(Probability::percent(50)));
//! let a = network.add(Greeter { path, next: Some(start), to_send: false, heard: 0 }, &[path.local]);
//! let b = network.add(Greeter { path: path.reversed(), next: None, to_send: false, heard: 0 }, &[path.remote]);
//!
//! let outcome = network.run_until(|network| network[a].heard > 0, Duration::from_secs(60));
//! assert_eq!(outcome, Outcome::Reached);
//! assert!(network[b].heard > 0);
//! ```

mod clock;
mod link;
mod nat;
mod network;
mod node;
mod pcap;
mod pipe;
mod probability;
mod topology;
mod trace;

pub use clock::origin;
pub use link::{Bottleneck, Link, Loss};
pub use nat::{Dependence, Nat};
pub use network::{Network, NodeId, Outcome, Stats};
pub use node::Node;
pub use pcap::PcapWriter;
pub use pipe::{OnPath, Pipe, pair};
pub use probability::Probability;
pub use topology::{Realm, Topology};
pub use trace::{Fate, TraceEntry};
