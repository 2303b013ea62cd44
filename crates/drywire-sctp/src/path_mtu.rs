//! How large packets may be: packetization layer path MTU discovery (RFC 8899, section 6.2 for SCTP). Probes are HEARTBEATs that
//! are padded (RFC 4820): nothing is lost with them.

use drywire_core::{Duration, Instant};

use crate::Association;
use crate::association::usable_mtu;
use crate::packet::{Chunk, ChunkType, Header, Heartbeat};
use crate::timer::Timer;

/// How often a size is tried before it counts as too large (section 5.1.2: MAX_PROBES).
const MAX_PROBES: u32 = 3;
/// The search ends when it is known this closely, in bytes.
const PRECISION: usize = 32;
/// After this time a path that was found too narrow is tried again (section 5.1.1: PMTU_RAISE_TIMER).
const RAISE_TIMER: Duration = Duration::from_secs(600);
/// So many timeouts in a row mean that large packets do not arrive any more (section 4.3).
const BLACK_HOLE: u32 = 2;

/// What is known of the size of packets.
#[derive(Debug)]
pub(crate) struct PathMtu {
    /// What passes everywhere.
    base: usize,
    /// What is wanted at most.
    most: usize,
    /// The largest size that has arrived.
    passes: usize,
    /// Sizes from here on do not.
    fails: usize,
    probe: Option<Probe>,
}

/// A probe that was not answered.
#[derive(Clone, Copy, Debug)]
struct Probe {
    nonce: [u8; 8],
    size: usize,
    count: u32,
    /// It is to be sent.
    due: bool,
}

impl PathMtu {
    pub(crate) fn new(base: usize, most: usize) -> Self {
        let most = evenly(usable_mtu(most)).max(base);
        Self { base, most, passes: base, fails: most + 4, probe: None }
    }

    /// The size of packets now.
    pub(crate) const fn current(&self) -> usize {
        self.passes
    }

    /// How long a packet may be without data. A receiver has no timer that would tell it that its acknowledgements are too long
    /// for a path that has become narrow.
    pub(crate) fn control_len(&self) -> usize {
        self.base.min(self.passes)
    }

    /// How long a chunk may be. Chunks cannot be cut any more once they were sent, so they must fit where the path becomes
    /// narrow again: larger packets carry two of them.
    pub(crate) fn chunk_len(&self) -> usize {
        let base = self.base - Header::LEN;
        let half = (self.passes - Header::LEN) / 2;
        if self.passes > self.base { base.min(half) } else { base }
    }

    pub(crate) fn is_due(&self) -> bool {
        self.probe.is_some_and(|probe| probe.due)
    }

    /// The size to try next: the largest first, then half way.
    fn next_size(&self) -> Option<usize> {
        if self.passes >= self.most || self.fails - self.passes <= PRECISION {
            return None;
        }
        let untried = self.fails > self.most;
        Some(if untried { self.most } else { evenly(self.passes.midpoint(self.fails)) })
    }
}

/// Two chunks of the same size fill a packet of this one.
const fn evenly(size: usize) -> usize {
    Header::LEN + ((size - Header::LEN) & !7)
}

impl Association {
    /// The association is established, or the sizes are others: what passes is looked for.
    pub(crate) fn search_mtu(&mut self, now: Instant) {
        self.path.probe = None;
        self.probe_mtu(now);
    }

    fn probe_mtu(&mut self, now: Instant) {
        if !self.phase.sends_data() {
            return;
        }
        match self.path.next_size() {
            Some(size) => {
                self.path.probe = Some(Probe { nonce: self.rng.array(), size, count: 1, due: true });
                self.timers.arm(Timer::PathMtu, now + self.tx.rto());
            }
            None if self.path.passes < self.path.most => self.timers.arm(Timer::PathMtu, now + RAISE_TIMER),
            None => self.timers.disarm(Timer::PathMtu),
        }
    }

    /// A probe was not answered, or it is time to try again what was too large.
    pub(crate) fn path_mtu_timed_out(&mut self, now: Instant) {
        match &mut self.path.probe {
            Some(probe) if probe.count < MAX_PROBES => {
                probe.count += 1;
                probe.due = true;
                self.timers.arm(Timer::PathMtu, now + self.tx.rto());
            }
            Some(probe) => {
                self.path.fails = probe.size;
                if self.path.fails <= self.path.passes {
                    tracing::debug!(size = self.path.passes, "large packets do not arrive any more");
                    self.path.passes = self.path.base;
                    self.use_mtu();
                }
                self.search_mtu(now);
            }
            None => {
                self.path.fails = self.path.most + 4;
                self.search_mtu(now);
            }
        }
    }

    /// Appends the probe that is due: a packet of its own.
    pub(crate) fn write_probe(&mut self, out: &mut Vec<u8>, tag: u32) {
        let Some(probe) = &mut self.path.probe else { return };
        probe.due = false;
        let (nonce, size) = (probe.nonce, probe.size);
        let start = self.write_header(out, tag);
        Heartbeat { info: &nonce }.write(out, ChunkType::HEARTBEAT);
        let padding = size.saturating_sub(out.len() - start).saturating_sub(Chunk::HEADER_LEN);
        Chunk::write(out, ChunkType::PAD, 0, |out| out.resize(out.len() + padding, 0));
    }

    /// A HEARTBEAT ACK may be the answer to a probe. Returns whether it is.
    pub(crate) fn probe_answered(&mut self, now: Instant, info: &[u8]) -> bool {
        let Some(probe) = self.path.probe.take_if(|probe| probe.nonce == info) else { return false };
        self.path.passes = probe.size;
        self.use_mtu();
        self.search_mtu(now);
        true
    }

    /// The retransmission timer has expired: perhaps because packets are too large now.
    pub(crate) fn suspect_black_hole(&mut self, now: Instant) {
        if self.errors >= BLACK_HOLE && self.path.passes > self.path.base {
            tracing::debug!(size = self.path.passes, "large packets do not arrive any more");
            (self.path.fails, self.path.passes) = (self.path.passes, self.path.base);
            self.path.probe = None;
            self.use_mtu();
            self.timers.arm(Timer::PathMtu, now + RAISE_TIMER);
        } else if self.path.passes > self.path.base
            && self.path.probe.is_none_or(|probe| probe.size > self.path.passes)
        {
            // Packets that are not full may get through, so that there is never a second timeout: this size is tried again.
            let size = self.path.passes;
            self.path.probe = Some(Probe { nonce: self.rng.array(), size, count: 1, due: true });
            self.timers.arm(Timer::PathMtu, now + self.tx.rto());
        }
    }

    pub(crate) fn use_mtu(&mut self) {
        self.mtu = self.path.current();
        self.tx.set_mtu(self.mtu, self.path.chunk_len());
    }
}
