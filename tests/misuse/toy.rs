//! The driver itself: it finds machines that break the contract, and leaves one that keeps it alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::BytesMut;
use drywire_core::{Instant, Monotonic, Path, Rng};

use crate::drive::Drive;
use crate::machine::Machine;

/// Echoes what it is given, after a second.
struct Toy {
    clock: Monotonic,
    queue: Vec<(Instant, Vec<u8>)>,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Leaves its timeout in the past.
    Busy,
    /// Clears the caller's buffer.
    Clears,
    /// Says a wrong length.
    Lies,
    /// Sends for ever.
    Floods,
    /// Panics on damaged packets.
    Panics,
    /// Keeps everything.
    Hoards,
}

impl Machine for Toy {
    fn handle_input(&mut self, now: Instant, _path: Path, datagram: BytesMut) {
        let now = self.clock.observe(now);
        assert!(self.fault != Fault::Panics || datagram.first() != Some(&0xff));
        if (self.queue.len() < 16 || self.fault == Fault::Hoards) && !datagram.is_empty() {
            self.queue.push((now + std::time::Duration::from_secs(1), datagram.to_vec()));
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.clock.observe(now);
    }

    fn command(&mut self, now: Instant, rng: &mut Rng) {
        let bytes = rng.array::<32>();
        self.handle_input(now, crate::drive::path(0), BytesMut::from(&bytes[..]));
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        let now = self.clock.observe(now);
        if self.fault == Fault::Clears {
            out.clear();
        }
        if self.fault == Fault::Floods {
            out.push(1);
            return Some((None, 1));
        }
        self.queue.first().filter(|(at, _)| *at <= now && self.fault != Fault::Busy)?;
        let (_, packet) = self.queue.remove(0);
        out.extend_from_slice(&packet);
        Some((None, packet.len() + usize::from(self.fault == Fault::Lies)))
    }

    fn poll_event(&mut self, _now: Instant) -> bool {
        false
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    fn arrived(&self) -> bool {
        true
    }
}

fn run(fault: Fault) -> bool {
    let start = drywire_sim::origin();
    catch_unwind(AssertUnwindSafe(|| {
        for seed in 0..20 {
            let toy = || Toy { clock: Monotonic::new(start), queue: Vec::new(), fault };
            let mut drive = Drive::new([toy(), toy()], start, seed);
            drive.run(300);
            assert!(drive.flood(0, 1_000) < 100_000);
        }
    }))
    .is_ok()
}

#[test]
fn faults_are_found() {
    assert!(run(Fault::None));
    for fault in [Fault::Busy, Fault::Clears, Fault::Lies, Fault::Floods, Fault::Panics, Fault::Hoards] {
        assert!(!run(fault), "{fault:?} was not found");
    }
}
