use std::collections::BTreeMap;

use bytes::Bytes;
use drywire_core::{Duration, Instant, Rng};

use crate::{Association, Config, Event, State, StreamId};

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
pub(super) fn start() -> Instant {
    Instant::now()
}

/// What happens to packets, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) loss: u32,
    pub(super) duplicate: u32,
    /// Held back by up to this long.
    pub(super) jitter: Duration,
}

/// Two associations and what flies between them.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) sides: [Association; 2],
    pub(super) events: [Vec<Event>; 2],
    /// The streams of the events `BufferedAmountLow`, which are not among `events`.
    pub(super) low: [Vec<StreamId>; 2],
    pub(super) weather: Weather,
    pub(super) delay: Duration,
    /// The largest packet that passes.
    pub(super) passes: usize,
    /// So many packets in which these bytes stand are lost.
    pub(super) swallows: Option<(usize, &'static [u8])>,
    flying: BTreeMap<(Instant, u64), (usize, Bytes)>,
    count: u64,
    rng: Rng,
}

impl Pair {
    pub(super) fn new(configs: [Config; 2], seed: u8) -> Self {
        let now = start();
        let [a, b] = configs;
        Self {
            now,
            sides: [Association::new(a, now, [seed; 32]), Association::new(b, now, [seed ^ 0xff; 32])],
            events: [Vec::new(), Vec::new()],
            low: [Vec::new(), Vec::new()],
            weather: Weather::default(),
            delay: Duration::from_millis(10),
            passes: usize::MAX,
            swallows: None,
            flying: BTreeMap::new(),
            count: 0,
            rng: Rng::new([seed.wrapping_add(1); 32]),
        }
    }

    /// A pair that is established over a good link.
    pub(super) fn connected(configs: [Config; 2], seed: u8) -> Self {
        let mut pair = Self::new(configs, seed);
        for side in [0, 1] {
            pair.sides[side].connect(pair.now);
        }
        pair.run_until(|pair| pair.is_established());
        for events in &mut pair.events {
            assert_eq!(std::mem::take(events), [Event::Connected]);
        }
        pair
    }

    pub(super) fn is_established(&self) -> bool {
        self.sides.iter().all(|side| side.state() == State::Established)
    }

    /// Takes out all packets that `side` has to send.
    pub(super) fn packets(&mut self, side: usize) -> Vec<Bytes> {
        let mut out = Vec::new();
        let mut packets = Vec::new();
        while let Some(len) = self.sides[side].poll_transmit(self.now, &mut out) {
            assert_eq!(len, out.len());
            packets.push(Bytes::from(std::mem::take(&mut out)));
        }
        packets
    }

    /// Gives `packet` to `side`.
    pub(super) fn deliver(&mut self, side: usize, packet: Bytes) {
        self.sides[side].handle_input(self.now, packet);
    }

    /// Sends what there is, and takes the events.
    pub(super) fn drain(&mut self) {
        for side in [0, 1] {
            for packet in self.packets(side) {
                self.fly(1 - side, packet);
            }
            while let Some(event) = self.sides[side].poll_event() {
                match event {
                    Event::BufferedAmountLow(stream) => self.low[side].push(stream),
                    event => self.events[side].push(event),
                }
            }
        }
    }

    pub(super) fn fly(&mut self, to: usize, packet: Bytes) {
        if let Some((left @ 1.., bytes)) = &mut self.swallows
            && packet.windows(bytes.len()).any(|window| window == *bytes)
        {
            *left -= 1;
            return;
        }
        if packet.len() > self.passes || self.rng.below(100) < self.weather.loss {
            return;
        }
        let copies = if self.rng.below(100) < self.weather.duplicate { 2 } else { 1 };
        for _ in 0..copies {
            let jitter = u32::try_from(self.weather.jitter.as_micros()).unwrap();
            let late = Duration::from_micros(self.rng.below(jitter.max(1)).into());
            self.count += 1;
            self.flying.insert((self.now + self.delay + late, self.count), (to, packet.clone()));
        }
    }

    /// One step: the next arrival or timeout. `false` when there is nothing to wait for.
    pub(super) fn step(&mut self) -> bool {
        self.drain();
        let arrival = self.flying.keys().next().map(|(at, _)| *at);
        let timeout = self.sides.iter().filter_map(Association::poll_timeout).min();
        let Some(next) = arrival.into_iter().chain(timeout).min() else { return false };
        self.now = self.now.max(next);
        while let Some(entry) = self.flying.first_entry()
            && entry.key().0 <= self.now
        {
            let (to, packet) = entry.remove();
            self.sides[to].handle_input(self.now, packet);
        }
        for side in [0, 1] {
            if self.sides[side].poll_timeout().is_some_and(|at| at <= self.now) {
                self.sides[side].handle_timeout(self.now);
            }
        }
        self.drain();
        for side in &self.sides {
            assert!(side.poll_timeout().is_none_or(|at| at > self.now), "the next timeout is later than now");
        }
        true
    }

    pub(super) fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..200_000 {
            if done(self) {
                return;
            }
            assert!(self.step(), "nothing to wait for");
        }
        panic!("never done; {:?} {:?}", self.sides[0].stats(), self.sides[1].stats());
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.drain();
            let arrival = self.flying.keys().next().map(|(at, _)| *at);
            let timeout = self.sides.iter().filter_map(Association::poll_timeout).min();
            if arrival.into_iter().chain(timeout).min().is_none_or(|next| next > end) {
                self.now = end;
                return;
            }
            self.step();
        }
    }

    pub(super) fn write(&mut self, side: usize, stream: u16, data: &[u8], options: crate::SendOptions) {
        let data = Bytes::copy_from_slice(data);
        self.sides[side].write(self.now, StreamId(stream), crate::Ppid(53), data, options).unwrap();
    }
}
