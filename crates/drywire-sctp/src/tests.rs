//! Two associations over a virtual link.

use proptest::test_runner::Config as ProptestConfig;

/// How often a costly property is tried: `count` times, and more where more than the default of 256 is asked for.
fn cases(count: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(256) / 256 * count, max_shrink_iters: 300, ..config }
}

mod attacks;
mod bottleneck;
mod checksum;
mod delivery;
mod endings;
mod interleaving;
mod lifecycle;
mod link;
mod misuse;
mod never_stuck;
mod partial;
mod parts;
mod path_mtu;
mod recovery;
mod resets;
mod scenarios;
mod snap;
mod stale;
mod steady;
mod table;
