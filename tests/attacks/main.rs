//! Known attacks on WebRTC stacks, each an executable test named by its row in the catalogue. Most stand beside the code
//! they attack, in the crates; those that need the whole stack stand here. What cannot be attacked yet is an ignored
//! test with the reason, so that it stays in sight.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail"
)]
#![allow(missing_docs, unreachable_pub, reason = "a test has no readers of its documentation")]

mod addresses;
mod catalogue;
mod debug;
mod descriptions;
mod handshake;
#[path = "../pair/harness.rs"]
#[allow(dead_code, reason = "the tests in pair/ use the rest")]
mod harness;
#[cfg(target_os = "linux")]
mod memory;
mod sped;
mod transport;
