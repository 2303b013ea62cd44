//! Our association against `dcsctp`, the SCTP of libwebrtc, in virtual time and over bad links.
//!
//! Each scenario is run with many seeds (`DRYWIRE_SEEDS` says how many). The test [`dissection`] runs all of them again
//! and lets `tshark` read every packet.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test expects and does not find is a failure"
)]

mod capture;
mod dissection;
#[path = "../interop/peer.rs"]
#[allow(dead_code, reason = "the tests of interoperability use more of it")]
mod peer;
mod side;
mod world;

use world::Case;

/// The seeds to run: as many as `DRYWIRE_SEEDS` says, or what is quick enough for every run; only `DRYWIRE_SEED`, if that
/// is there.
fn seeds(quick: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    match number("DRYWIRE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DRYWIRE_SEEDS").unwrap_or(quick),
    }
}

/// The scenarios, by the file that they stand in: each is a test of its own, and all of them are in `ALL`.
macro_rules! scenarios {
    ($($module:ident { $($name:ident),* $(,)? })*) => {
        $(mod $module;)*

        const ALL: &[(&str, fn(&Case))] = &[$($((stringify!($name), $module::$name)),*),*];

        mod each {
            $(mod $module {
                $(#[test]
                fn $name() {
                    for seed in crate::seeds(24) {
                        println!("seed {seed}");
                        crate::$module::$name(&crate::Case::new(seed));
                    }
                })*
            })*
        }
    };
}

scenarios! {
    messages { all_sizes_arrive_whatever_is_lost, a_slow_reader_loses_nothing }
    partial { what_is_given_up_holds_up_nothing, who_does_not_know_of_it_gets_everything }
    resets { streams_begin_anew_again_and_again, what_they_drop_is_not_waited_for }
    lifecycle { shutdown_delivers_everything_first, an_abort_is_heard, who_forgets_everything_begins_anew }
    checksums { are_left_out_where_both_agree }
}
