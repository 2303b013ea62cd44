//! drywire against the WebRTC stacks of others.
//!
//! A peer that is not installed is a test that is skipped, with the reason printed. With `DRYWIRE_REQUIRE_PEERS=1` in
//! the environment it fails instead. See `README.md` beside this file.

mod aiortc;
mod browser;
mod dial;
mod peer;
mod server;
mod str0m;
