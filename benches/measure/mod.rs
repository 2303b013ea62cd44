//! How the benches measure: the CPU time of this thread, rivals interleaved in one process, the best and the median of
//! several rounds, allocations counted. Only ratios within one run mean something.

#![allow(dead_code, reason = "each bench uses its own part")]

mod clock;
mod report;

use std::fmt;

use clock::ThreadTime;
pub(crate) use report::Report;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds of CPU per operation of this name. Less is better.
    Nanoseconds(&'static str),
    /// Millions of payload bytes per second of CPU. More is better.
    Throughput,
}

impl Unit {
    /// `seconds` of CPU for `amount` operations or bytes, in this unit.
    fn value(self, seconds: f64, amount: f64) -> f64 {
        match self {
            Self::Nanoseconds(_) => seconds * 1e9 / amount,
            Self::Throughput => amount / seconds / 1e6,
        }
    }
}

impl Unit {
    /// Allocations per operation or byte, as they are shown: for bytes per the payload of a usual datagram.
    fn allocations(self, each: f64) -> (f64, &'static str) {
        match self {
            Self::Nanoseconds(operation) => (each, operation),
            Self::Throughput => (each * 1160.0, "1160 B"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nanoseconds(operation) => write!(f, "ns/{operation}"),
            Self::Throughput => f.write_str("MB/s per core"),
        }
    }
}

/// Takes the time of a part of a round; the rest of the round is preparation.
pub(crate) struct Stopwatch {
    /// Count allocations, or take the time: one of the two, because counting costs time.
    counts: bool,
    seconds: f64,
    allocations: u64,
}

impl Stopwatch {
    const fn new(counts: bool) -> Self {
        Self { counts, seconds: 0.0, allocations: 0 }
    }

    /// Runs `work` on the clock.
    pub(crate) fn time(&mut self, work: impl FnOnce()) {
        if self.counts {
            self.allocations += allocation_counter::measure(work).count_total;
        } else {
            let begin = ThreadTime::now();
            work();
            self.seconds += begin.elapsed().as_secs_f64();
        }
    }
}

/// One of those that a row compares.
struct Contestant<'a> {
    name: String,
    /// Does the work of one round, and says how many operations or bytes it was.
    round: Box<dyn FnMut(&mut Stopwatch) -> u32 + 'a>,
    values: Vec<f64>,
    allocations: f64,
}

/// A row of a report: the same work done by drywire, by rivals, and at the limit of the machine.
pub(crate) struct Row<'a> {
    name: String,
    unit: Unit,
    /// The first is drywire.
    contestants: Vec<Contestant<'a>>,
}

/// The name that marks the limit of the machine among the contestants.
const LIMIT: &str = "limit";
const DRYWIRE: &str = "drywire";

impl<'a> Row<'a> {
    pub(crate) fn new(name: impl Into<String>, unit: Unit) -> Self {
        Self { name: name.into(), unit, contestants: Vec::new() }
    }

    /// Adds our side. `round` does the work of one round and says how many operations or bytes it was.
    pub(crate) fn drywire(self, round: impl FnMut(&mut Stopwatch) -> u32 + 'a) -> Self {
        self.rival(DRYWIRE, round)
    }

    /// Adds a rival.
    pub(crate) fn rival(mut self, name: &str, round: impl FnMut(&mut Stopwatch) -> u32 + 'a) -> Self {
        self.contestants.push(Contestant {
            name: name.to_owned(),
            round: Box::new(round),
            values: Vec::new(),
            allocations: 0.0,
        });
        self
    }

    /// Adds what the machine allows: the same work without any protocol around it.
    pub(crate) fn limit(self, round: impl FnMut(&mut Stopwatch) -> u32 + 'a) -> Self {
        self.rival(LIMIT, round)
    }

    /// Measures all, taking turns.
    pub(crate) fn measure(mut self) -> Measured {
        let rounds = rounds();
        for contestant in &mut self.contestants {
            // The first round warms up, in the second one allocations are counted.
            (contestant.round)(&mut Stopwatch::new(false));
            let mut watch = Stopwatch::new(true);
            let amount = (contestant.round)(&mut watch);
            contestant.allocations = float(watch.allocations) / f64::from(amount.max(1));
        }
        let count = self.contestants.len();
        for round in 0..rounds {
            for turn in 0..count {
                // Each round begins with another one, so that none always follows the same.
                let Some(contestant) = self.contestants.get_mut((round + turn) % count) else { continue };
                let mut watch = Stopwatch::new(false);
                let amount = (contestant.round)(&mut watch);
                contestant.values.push(self.unit.value(watch.seconds, f64::from(amount)));
            }
        }
        let entries = self
            .contestants
            .into_iter()
            .map(|mut contestant| {
                contestant.values.sort_by(f64::total_cmp);
                if self.unit == Unit::Throughput {
                    contestant.values.reverse();
                }
                let best = contestant.values.first().copied().unwrap_or(f64::NAN);
                let median = contestant.values.get(contestant.values.len() / 2).copied().unwrap_or(f64::NAN);
                Entry { name: contestant.name, best, median, allocations: contestant.allocations }
            })
            .collect();
        Measured { name: self.name, unit: self.unit, entries }
    }
}

/// What came out for one contestant.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) best: f64,
    pub(crate) median: f64,
    /// Allocations per operation, or per byte.
    pub(crate) allocations: f64,
}

/// What came out for one row.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) entries: Vec<Entry>,
}

impl Measured {
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Our side.
    pub(crate) fn ours(&self) -> Option<&Entry> {
        self.entry(DRYWIRE)
    }

    /// The limit of the machine.
    pub(crate) fn limit(&self) -> Option<&Entry> {
        self.entry(LIMIT)
    }

    /// The same without one of the others: another way to run our side is no rival.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.entries.retain(|entry| entry.name != name);
        self
    }

    /// All others.
    pub(crate) fn rivals(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.name != DRYWIRE && entry.name != LIMIT)
    }
}

/// How many rounds to measure: 5 to 21, `DRYWIRE_ROUNDS`, 11 at first.
fn rounds() -> usize {
    std::env::var("DRYWIRE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(11).clamp(5, 21)
}

fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
