//! Drives every machine through random orders of calls with random, damaged, replayed and reflected packets, and checks
//! the contract that `drywire-core` states: nothing panics, nothing in the caller's buffer is touched, timeouts lie in
//! the future unless there is something to do, memory stays bounded, whatever the clock does.
//!
//! A machine that drifts from the one shape does not compile against [`machine::Machine`].

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail, and say why"
)]

mod association;
mod datachannel;
mod drive;
mod dtls;
mod endpoint;
mod ice;
mod jsep;
mod machine;
mod media;
mod peer;
mod stun;
mod toy;

/// The seeds to run: as many as `DRYWIRE_SEEDS` says, or what is quick enough for every run; only `DRYWIRE_SEED`, if that
/// is there.
fn seeds(quick: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    match number("DRYWIRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DRYWIRE_SEEDS").unwrap_or(quick),
    }
}
