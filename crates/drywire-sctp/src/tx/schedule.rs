//! Whose turn it is among the streams that have something to send (RFC 8260, section 3).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::config::Scheduler;

/// A stream that waits for its turn. The least one is next: the order of a turn is one number, because a heap compares often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    order: u128,
    slot: usize,
}

impl Turn {
    /// Higher priorities first, then by the virtual time at which they may begin, else in the order in which they came.
    fn new(class: u16, start: u64, number: u64, slot: usize) -> Self {
        let number = number & 0xffff_ffff_ffff;
        Self { order: u128::from(!class) << 112 | u128::from(start) << 48 | u128::from(number), slot }
    }

    /// The virtual time at which it may begin.
    fn start(self) -> u64 {
        u64::try_from(self.order >> 48 & u128::from(u64::MAX)).unwrap_or(u64::MAX)
    }
}

/// The streams that wait for their turn, each at most once.
#[derive(Debug)]
pub(super) struct Schedule {
    policy: Scheduler,
    waiting: BinaryHeap<Reverse<Turn>>,
    /// The virtual time: the start of the turn that was taken last. A stream that has been idle begins here, so that it
    /// neither saves up for later nor pays for the time before.
    clock: u64,
    count: u64,
}

/// For how many streams the memory is kept when none waits.
const KEPT: usize = 256;

/// What a stream must know of its turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// The priority of the stream, or its part of the bandwidth.
    pub(super) weight: u16,
    /// The virtual time at which what it has sent is paid for.
    paid: u64,
    /// It waits for its turn.
    waits: bool,
}

impl Default for Share {
    fn default() -> Self {
        Self::new(256)
    }
}

impl Share {
    /// That of a stream which has been idle.
    pub(super) const fn new(weight: u16) -> Self {
        Self { weight, paid: 0, waits: false }
    }

    /// `len` bytes are sent: the heavier the stream, the less virtual time it takes.
    pub(super) fn pay(&mut self, len: usize) {
        let len = u64::try_from(len).unwrap_or(u64::MAX >> 17);
        self.paid = self.paid.saturating_add((len << 16) / u64::from(self.weight.max(1)));
    }
}

impl Schedule {
    pub(super) const fn new(policy: Scheduler) -> Self {
        Self { policy, waiting: BinaryHeap::new(), clock: 0, count: 0 }
    }

    /// Whether a stream keeps its turn for a while; it is none where the one of the highest priority goes first.
    pub(super) const fn has_turns(&self) -> bool {
        !matches!(self.policy, Scheduler::Priority)
    }

    /// The stream in `slot` waits for its turn; returns `false` if it does so already.
    pub(super) fn enter(&mut self, slot: usize, share: &mut Share) -> bool {
        if std::mem::replace(&mut share.waits, true) {
            return false;
        }
        share.paid = share.paid.max(self.clock);
        self.count += 1;
        let (class, start) = match self.policy {
            Scheduler::RoundRobin => (0, 0),
            Scheduler::Priority => (share.weight, 0),
            Scheduler::WeightedFair => (0, share.paid),
        };
        self.waiting.push(Reverse(Turn::new(class, start, self.count, slot)));
        true
    }

    /// Whose turn it is.
    pub(super) fn first(&self) -> Option<usize> {
        self.waiting.peek().map(|Reverse(turn)| turn.slot)
    }

    /// The first one takes its turn. It must be told so by [`Share::left`].
    pub(super) fn take_first(&mut self) -> Option<usize> {
        let Reverse(turn) = self.waiting.pop()?;
        self.clock = self.clock.max(turn.start());
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = BinaryHeap::new();
        }
        Some(turn.slot)
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl Share {
    /// Whether the stream waits for its turn.
    pub(super) const fn waits(&self) -> bool {
        self.waits
    }

    /// The stream does not wait any more.
    pub(super) const fn left(&mut self) {
        self.waits = false;
    }
}
