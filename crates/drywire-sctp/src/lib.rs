//! SCTP association (RFC 9260) without I/O, over DTLS (RFC 8261).

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
pub use config::Config;
pub use error::{ParseError, SendError};
pub use event::{CloseReason, Event};
pub use id::{Ppid, StreamId};
pub use message::{Message, SendOptions};
pub use state::State;
pub use stats::Stats;
