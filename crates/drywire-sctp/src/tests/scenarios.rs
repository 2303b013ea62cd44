//! The scenarios that conformance lists of SCTP name.

mod messages;
mod partial;
mod setup;
mod streams;
mod termination;
mod tester;
mod transfer;
