//! Agents in a virtual network.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod connect;
mod net;
