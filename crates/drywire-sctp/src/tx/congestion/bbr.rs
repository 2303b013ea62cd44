use drywire_core::{Duration, Instant};

use super::ceiling::{Ceiling, Path};
use super::losses::Losses;
use super::{Ack, Congestion, INITIAL_PACKETS, LEAST_PACKETS};

/// A controller that models the path instead of waiting for losses, after the ideas of BBR (draft-ietf-ccwg-bbr): how fast
/// data arrives at most, and how long a round trip takes at least. It sends at that rate and keeps two round trips' worth in
/// flight. Losses that have nothing to do with congestion do not slow it down; where a queue overflows it makes room for others.
#[derive(Debug)]
pub(super) struct Bbr {
    mtu: usize,
    window: usize,
    pub(super) phase: Phase,
    /// How many round trips there were.
    rounds: u64,
    /// The greatest rates of the latest rounds, in bytes per second, the greatest first, with their rounds.
    rates: [(u64, u64); 3],
    /// The least round trip and when it was seen.
    pub(super) least_rtt: Option<(Duration, Instant)>,
    /// The rate when it last grew by a quarter, and for how many rounds it has not since.
    full: (u64, u32),
    losses: Losses,
    ceiling: Ceiling,
    /// The window before the latest timeout.
    before: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// Twice as fast each round, until that does not help any more.
    Startup,
    /// What that has queued goes away.
    Drain,
    /// At the rate of the path; once in a while faster to see whether there is more, and slower to let go what that queued.
    Cruise { step: usize, since: Instant },
    /// Next to nothing in flight, so that the least round trip shows.
    ProbeRtt { until: Option<Instant>, full: bool },
}

/// Gains in percent. That of the beginning doubles the rate each round: 2/ln 2.
const STARTUP: u64 = 277;
const DRAIN: u64 = 35;
const CRUISE: [u64; 8] = [125, 75, 100, 100, 100, 100, 100, 100];
const WINDOW: u64 = 200;
/// How many rounds a rate counts for.
const RATE_ROUNDS: u64 = 10;
/// How long the least round trip counts for, and how long it is looked for.
const RTT_LIFE: Duration = Duration::from_secs(10);
const PROBE_RTT: Duration = Duration::from_millis(200);

impl Bbr {
    pub(super) fn new(mtu: usize) -> Self {
        Self {
            mtu,
            window: INITIAL_PACKETS * mtu,
            phase: Phase::Startup,
            rounds: 0,
            rates: [(0, 0); 3],
            least_rtt: None,
            full: (0, 0),
            losses: Losses::default(),
            ceiling: Ceiling::default(),
            before: None,
        }
    }

    /// The rate of the path in bytes per second.
    pub(super) const fn rate(&self) -> u64 {
        let [(rate, _), ..] = self.rates;
        rate
    }

    /// What is in flight when the path is just full, times `gain`/100.
    fn flight(&self, gain: u64) -> Option<usize> {
        let (rtt, _) = self.least_rtt.filter(|_| self.rate() > 0)?;
        let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        let flight = self.rate().saturating_mul(micros) / 1_000_000;
        usize::try_from(flight.saturating_mul(gain) / 100).ok()
    }

    /// The greatest rate of the latest rounds: a windowed filter with the best of all, of the last two thirds and of the last
    /// third.
    fn note_rate(&mut self, rate: u64) {
        let now = (rate, self.rounds);
        let [best, second, third] = &mut self.rates;
        if rate >= best.0 || self.rounds.saturating_sub(third.1) > RATE_ROUNDS {
            (*best, *second, *third) = (now, now, now);
            return;
        }
        if rate >= second.0 {
            (*second, *third) = (now, now);
        } else if rate >= third.0 {
            *third = now;
        }
        let age = self.rounds.saturating_sub(best.1);
        if age > RATE_ROUNDS {
            (*best, *second, *third) = (*second, *third, now);
        } else if best.1 == second.1 && age > RATE_ROUNDS / 4 {
            (*second, *third) = (now, now);
        } else if second.1 == third.1 && age > RATE_ROUNDS / 2 {
            *third = now;
        }
    }

    /// A round is over: whether it lost too much, and whether the rate still grows.
    fn end_round(&mut self, ack: &Ack) {
        self.rounds += 1;
        let least_rtt = self.least_rtt.map(|(rtt, _)| rtt);
        let verdict = self.losses.end_round(least_rtt, self.mtu);
        let path =
            Path { mtu: self.mtu, least_rtt, fills: self.flight(100).unwrap_or(0), in_flight: ack.in_flight };
        let starting = self.phase == Phase::Startup;
        if self.ceiling.end_round(ack.now, &verdict, &path, starting) && starting {
            self.phase = Phase::Drain;
        }
        if self.phase == Phase::Startup && !ack.rate.is_some_and(|rate| rate.app_limited) {
            let rate = self.rate();
            if rate >= self.full.0 + self.full.0 / 4 {
                self.full = (rate, 0);
            } else {
                self.full.1 += 1;
                if self.full.1 >= 3 {
                    self.phase = Phase::Drain;
                }
            }
        }
    }

    fn cruise(&self, now: Instant) -> Phase {
        // Not all flows that meet begin with the fast step.
        let step = 2 + usize::try_from(self.rounds % 6).unwrap_or(0);
        Phase::Cruise { step, since: now }
    }

    fn go_on(&mut self, ack: &Ack) {
        let now = ack.now;
        let just_full = self.flight(100).unwrap_or(usize::MAX);
        match &mut self.phase {
            Phase::Drain if ack.in_flight <= just_full => self.phase = self.cruise(now),
            Phase::Cruise { step, since } => {
                let rtt = self.least_rtt.map_or(ack.smoothed, |(rtt, _)| rtt);
                let over = now.saturating_duration_since(*since) > rtt;
                let done = match *step {
                    1 => over || ack.in_flight <= just_full,
                    _ => over,
                };
                if done {
                    let next = (*step + 1) % CRUISE.len();
                    let yields = next == 0 && self.ceiling.yields(now);
                    (*step, *since) = (if yields { 2 } else { next }, now);
                }
            }
            Phase::ProbeRtt { until: until @ None, .. } if ack.in_flight <= self.mtu * LEAST_PACKETS => {
                *until = Some(now + PROBE_RTT);
            }
            Phase::ProbeRtt { until: Some(until), full } if now >= *until => {
                let full = *full;
                self.least_rtt = self.least_rtt.map(|(rtt, _)| (rtt, now));
                self.phase = if full { self.cruise(now) } else { Phase::Startup };
            }
            _ => (),
        }
    }

    fn note_rtt(&mut self, ack: &Ack) {
        let Some(rtt) = ack.rtt else { return };
        let (least, seen) = *self.least_rtt.get_or_insert((rtt, ack.now));
        let probing = matches!(self.phase, Phase::ProbeRtt { .. });
        let stale = !probing && ack.now.saturating_duration_since(seen) > RTT_LIFE;
        // While it is looked for the latest is taken: what others queue is a part of the path.
        if rtt <= least || stale || matches!(self.phase, Phase::ProbeRtt { until: None, .. }) {
            self.least_rtt = Some((rtt, ack.now));
        }
        if stale && rtt > least {
            self.phase = Phase::ProbeRtt { until: None, full: self.phase != Phase::Startup };
        }
    }
}

impl Congestion for Bbr {
    fn window(&self) -> usize {
        match self.phase {
            Phase::ProbeRtt { .. } => self.window.min(LEAST_PACKETS * self.mtu),
            _ => self.window,
        }
    }

    fn pacing_rate(&self) -> Option<u64> {
        let gain = match self.phase {
            Phase::Startup => STARTUP,
            Phase::Drain => DRAIN,
            Phase::Cruise { step, .. } => CRUISE.get(step).copied().unwrap_or(100),
            Phase::ProbeRtt { .. } => 100,
        };
        // Where round trips take next to no time the rates that are measured are those of the processors.
        self.least_rtt.filter(|(rtt, _)| *rtt >= Duration::from_millis(1))?;
        Some(self.rate().saturating_mul(gain) / 100).filter(|rate| *rate > 0)
    }

    fn acknowledged(&mut self, ack: &Ack) {
        if let Some(rate) = ack.rate
            && (!rate.app_limited || rate.bytes_per_second > self.rate())
        {
            self.note_rate(rate.bytes_per_second);
        }
        self.note_rtt(ack);
        self.losses.note(ack, self.least_rtt.map(|(rtt, _)| rtt), self.mtu);
        if ack.round {
            self.end_round(ack);
        }
        self.go_on(ack);
        // Some packets more than the model says, because acknowledgements come in lumps.
        let gain = if self.phase == Phase::Startup { STARTUP } else { WINDOW };
        let target = self.flight(gain).map_or(usize::MAX, |flight| flight + 3 * LEAST_PACKETS * self.mtu);
        let target = target.min(self.ceiling.limit()).max(LEAST_PACKETS * self.mtu);
        let grown =
            self.window.saturating_add(if ack.limited || target != usize::MAX { ack.bytes } else { 0 });
        self.window = match self.phase {
            // What helps in the beginning is not known yet.
            Phase::Startup if !self.ceiling.is_set() => grown.min(target.max(self.window)),
            _ => grown.min(target),
        };
    }

    fn lost(&mut self, _now: Instant) {}

    fn timed_out(&mut self, _now: Instant, again: bool) {
        if !again {
            self.before = Some(self.window);
        }
        self.window = LEAST_PACKETS * self.mtu;
    }

    fn undo(&mut self) {
        if let Some(window) = self.before.take() {
            self.window = self.window.max(window);
        }
    }

    fn idle(&mut self) {}

    fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
        self.window = self.window.max(LEAST_PACKETS * mtu);
    }

    fn wants_rate(&self) -> bool {
        true
    }
}
