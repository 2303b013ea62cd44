//! drywire against the WebRTC stacks of others.
//!
//! A peer that is not installed is a test that is skipped, with the reason printed. With `DRYWIRE_REQUIRE_PEERS=1` in
//! the environment it fails instead. See `README.md` beside this file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test expects and does not find is a failure"
)]

mod aiortc;
mod browser;
mod dial;
mod files;
mod libsrtp;
mod peer;
mod relay;
mod server;
mod str0m;
mod turn;
