//! SCTP association (RFC 9260) without I/O, over DTLS (RFC 8261).

mod association;
mod config;
mod error;
mod event;
mod id;
mod message;
mod state;
mod stats;

pub use association::Association;
pub use config::Config;
pub use error::{ParseError, SendError};
pub use event::{CloseReason, Event};
pub use id::{Ppid, StreamId};
pub use message::{Message, SendOptions};
pub use state::State;
pub use stats::Stats;
