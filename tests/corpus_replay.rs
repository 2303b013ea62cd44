//! Runs the committed seeds of all fuzz targets through the targets' bodies.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "../fuzz/src/lib.rs"]
#[allow(
    clippy::disallowed_methods,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "it is a library of its own, too"
)]
mod bodies;

use std::fs;
use std::path::Path;

#[test]
fn every_seed_of_every_target_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, run) in bodies::TARGETS {
        let folder = corpus.join(target);
        let mut seeds: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{target} has no seeds");
        println!("{target}: {} seeds", seeds.len());
        for seed in seeds {
            let data = fs::read(&seed).unwrap_or_else(|error| panic!("{}: {error}", seed.display()));
            // What panics names the seed.
            let result = std::panic::catch_unwind(|| run(&data));
            assert!(result.is_ok(), "target {target} fails with {}", seed.display());
        }
    }
}

/// Every way of cutting a seed short must hold, too: most crashes of parsers are about ends that come too early.
#[test]
fn every_seed_cut_short_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, run) in bodies::TARGETS {
        for entry in fs::read_dir(corpus.join(target)).expect("a corpus") {
            let seed = entry.expect("a readable folder").path();
            let data = fs::read(&seed).expect("a readable seed");
            let step = data.len() / 64 + 1;
            for len in (0..data.len()).step_by(step) {
                let result = std::panic::catch_unwind(|| run(&data[..len]));
                assert!(
                    result.is_ok(),
                    "target {target} fails with the first {len} bytes of {}",
                    seed.display()
                );
            }
        }
    }
}

/// Each kind of handshake message at each place of a handshake of each version, to each end, with bodies that nobody
/// negotiated: no panic, and nobody connects.
#[test]
fn c15_messages_that_were_not_negotiated() {
    for choice in 0..32 {
        for kind in (0..=26).chain([254]) {
            for body in [&[][..], &[0; 4], &[0xff; 70], &[0, 1, 0, 0, 0, 30, 0, 2, 0, 0, 5, 5, 5, 5, 0, 0]] {
                bodies::dtls::dtls_handshake_message(&[&[choice, kind], body].concat());
            }
        }
    }
}
