//! The whole stack against itself, in virtual time: two peer connections and a network between them.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]
#![allow(missing_docs, unreachable_pub, reason = "a test has no readers of its documentation")]

mod backends;
mod connect;
mod data;
mod endpoint;
mod gathering;
mod harness;
mod media;
mod restart;
mod security;
mod snap;
mod sped;
