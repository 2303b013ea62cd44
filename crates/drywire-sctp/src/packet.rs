//! SCTP packets on the wire (RFC 9260, section 3): one chunk, one file.
//!
//! Reading is in two steps: [`Packet::parse`] checks the common header and the checksum, and [`Packet::chunks`] walks
//! over the chunks; the type of each chunk then has a `parse` of its own, which borrows from the packet.

mod cause;
mod checksum;
mod chunk;
mod cookie;
mod data;
mod forward_tsn;
mod header;
mod heartbeat;
mod i_data;
mod i_forward_tsn;
mod init;
mod parameter;
mod reconfig;
mod sack;
mod shutdown;

pub use cause::{Cause, Causes};
pub use checksum::crc32c;
pub use chunk::{Chunk, ChunkType, Chunks, Unknown};
pub use cookie::CookieEcho;
pub use data::{Data, DataFlags};
pub use forward_tsn::ForwardTsn;
pub(crate) use header::has_checksum;
pub use header::{Header, Packet};
pub use heartbeat::Heartbeat;
pub use i_data::IData;
pub use i_forward_tsn::{IForwardTsn, SkippedMessage};
pub use init::Init;
pub use parameter::{Parameter, ParameterType, Parameters};
pub use reconfig::{OutgoingReset, ResetResponse, ResetResult};
pub use sack::{GapBlock, Sack};
pub use shutdown::Shutdown;

#[cfg(test)]
mod tests;
