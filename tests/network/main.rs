//! Two agents with gatherers, a STUN and TURN server, and all that can lie between them, in virtual time: both come to
//! use the same path, a direct one where one exists, a relayed one where one is needed, or both fail.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail"
)]
#![allow(missing_docs, unreachable_pub, reason = "a test has no readers of its documentation")]

mod draw;
mod host;
mod matrix;
mod oracle;
mod roaming;
mod topologies;
mod world;
