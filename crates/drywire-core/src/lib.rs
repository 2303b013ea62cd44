//! The words that two or more drywire crates share in their signatures.
//!
//! # The contract of every machine
//!
//! Every protocol of drywire is a state machine without I/O. Each has the same five verbs, in this order:
//!
//! ```text
//! fn new(config, now: Instant, seed: [u8; 32]) -> Self;
//! fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut);  // machines on a socket
//! fn handle_input(&mut self, now: Instant, packet: Bytes);                   // machines on a pipe
//! fn handle_timeout(&mut self, now: Instant);
//! fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit>;
//! fn poll_event(&mut self) -> Option<Event>;
//! fn poll_timeout(&self) -> Option<Instant>;
//! ```
//!
//! A machine on a pipe (it has one peer and knows no address: DTLS, SCTP, data channels) returns from
//! `poll_transmit` the length of the one packet that it appended, as `Option<usize>`. DTLS takes its input as
//! `BytesMut`, because it decrypts in place.
//!
//! - **Any call, any order, any number of times.** No rule says that a machine must be drained before it is touched
//!   again. Nothing panics, no input is lost, memory stays bounded.
//! - `handle_input` returns nothing: bytes from the network are never the caller's fault. What cannot be used is
//!   counted in `stats()`, traced and dropped. A fatal failure of the protocol is an event `Closed`. The misuse of a
//!   *command* is a typed `Err`.
//! - `poll_transmit` appends exactly one datagram, or one train of equal-sized datagrams to one destination, to the
//!   caller's buffer. It never reads or changes what was in the buffer before.
//! - `poll_timeout` is O(1); `None` means never; a value in the past only when there is something to do.
//!   After `handle_timeout(now)` the next timeout is later than `now`, unless there is something to poll.
//! - `now` comes first and is monotonic. No machine reads a clock. Time that goes back is treated as standing still
//!   (see [`Monotonic`]).
//! - All randomness derives from the seed (see [`Rng`]); keys come from the crypto provider.
//! - Every machine is `Send`.

mod path;
mod random;
mod read;
mod serial;
mod time;
mod timer;
mod write;

pub use path::{Ecn, Path, Protocol, Transmit};
pub use random::Rng;
pub use read::{Reader, UnexpectedEnd};
pub use serial::Serial;
pub use time::{Duration, Instant, Monotonic, WallClock};
pub use timer::{TimerIndex, TimerTable};
pub use write::Writer;
