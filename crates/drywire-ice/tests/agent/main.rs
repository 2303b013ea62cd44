//! Agents in a virtual network.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod attachments;
mod attacks;
mod chaos;
mod connect;
mod consent;
mod gathering;
mod history;
mod misuse;
mod net;
mod nomination;
mod renomination;
mod restart;
mod roaming;
mod tcp;
