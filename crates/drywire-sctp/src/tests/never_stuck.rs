//! Whatever is lost, reset, stopped or begun anew: all reliable data is delivered once, in order, and while any is queued or in
//! flight a timer is armed.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use drywire_core::{Duration, Rng};
use proptest::prelude::*;

use super::cases;
use super::link::{Pair, Weather};
use crate::{Association, Config, Event, Ppid, SendError, SendOptions, State, StreamId};

const STREAMS: u16 = 4;

/// Counters that wrap early; no heartbeats, so that every timer there is has something to do; nobody gives up.
fn config(near: u32, window: u32, interleaving: bool) -> Config {
    Config {
        initial_tsn: Some(u32::MAX - near),
        initial_mid: u32::MAX - near % 5,
        receive_window: window,
        max_message_size: 20_000,
        send_buffer: 50_000,
        interleaving,
        heartbeat_interval: None,
        max_retransmits: u32::MAX,
        max_init_retransmits: u32::MAX,
        ..Config::default()
    }
}

/// What one side's application has written and read.
#[derive(Default)]
struct Application {
    /// By stream, what waits to be taken.
    waiting: BTreeMap<u16, VecDeque<Bytes>>,
    /// What was taken and has not come, even streams in order.
    missing: BTreeMap<u16, VecDeque<Bytes>>,
    /// Resets that were asked for and those that are done.
    resets: [usize; 2],
    number: u64,
}

struct World {
    pair: Pair,
    applications: [Application; 2],
    reads: [bool; 2],
    rng: Rng,
    seen: [usize; 2],
}

impl World {
    fn new(pair: Pair, seed: u8) -> Self {
        let rng = Rng::new([seed ^ 0x55; 32]);
        Self { pair, applications: Default::default(), reads: [true; 2], rng, seen: [0; 2] }
    }

    fn below(&mut self, most: u32) -> usize {
        usize::try_from(self.rng.below(most)).unwrap()
    }

    fn write_some(&mut self) {
        let (side, count) = (self.below(2), self.below(6));
        for _ in 0..count {
            let stream = u16::try_from(self.below(STREAMS.into())).unwrap();
            let len = if self.below(5) == 0 { self.below(20_000) } else { self.below(600) };
            let application = &mut self.applications[side];
            application.number += 1;
            let mut data = application.number.to_be_bytes().to_vec();
            data.resize(8 + len.min(19_000), 0x5a);
            application.waiting.entry(stream).or_default().push_back(data.into());
        }
    }

    fn reset_some(&mut self) {
        let (side, stream) = (self.below(2), u16::try_from(self.below(STREAMS.into())).unwrap());
        if self.pair.is_established() {
            // One at a time, so that each has an answer of its own.
            let resets = &mut self.applications[side].resets;
            if resets[0] == resets[1] {
                resets[0] += 1;
                self.pair.sides[side].reset_streams(self.pair.now, &[StreamId(stream)]);
            }
        }
    }

    /// Writes what there is room for, and reads.
    fn react(&mut self) {
        for side in [0, 1] {
            let Application { waiting, missing, .. } = &mut self.applications[side];
            for (stream, waiting) in waiting {
                while let Some(data) = waiting.front() {
                    let options = if stream.is_multiple_of(2) {
                        SendOptions::ordered()
                    } else {
                        SendOptions::unordered()
                    };
                    let id = StreamId(*stream);
                    match self.pair.sides[side].write(self.pair.now, id, Ppid(53), data.clone(), options) {
                        Ok(()) => missing.entry(*stream).or_default().push_back(waiting.pop_front().unwrap()),
                        Err(SendError::Full | SendError::StreamResetting) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
        for side in [0, 1] {
            while self.reads[side]
                && let Some(message) =
                    (0..STREAMS).find_map(|stream| self.pair.sides[side].read(StreamId(stream)))
            {
                let stream = message.stream.0;
                let missing = self.applications[1 - side].missing.get_mut(&stream).unwrap();
                let at = missing.iter().position(|data| *data == message.data);
                let at = at.expect("a message that was not sent, or that came twice");
                assert!(at == 0 || !stream.is_multiple_of(2), "out of order");
                missing.remove(at);
            }
            for event in &self.pair.events[side][self.seen[side]..] {
                match event {
                    Event::OutgoingStreamsReset(streams) => {
                        self.applications[side].resets[1] += streams.len()
                    }
                    Event::Closed { .. } | Event::StreamResetFailed(_) | Event::Restarted => {
                        panic!("{event:?}")
                    }
                    _ => (),
                }
            }
            self.seen[side] = self.pair.events[side].len();
        }
    }

    fn has_more(&self) -> bool {
        self.applications.iter().any(|application| {
            let left = application.waiting.values().chain(application.missing.values());
            left.into_iter().any(|left| !left.is_empty()) || application.resets[0] != application.resets[1]
        })
    }

    /// While anything is queued or in flight, or the handshake goes on, a timer is armed.
    fn assert_armed(&self) {
        for side in &self.pair.sides {
            let queued: usize = (0..STREAMS).map(|stream| side.buffered(StreamId(stream))).sum();
            let (state, stats) = (side.state(), side.stats());
            let busy = queued > 0 || stats.bytes_in_flight > 0 || state != State::Established;
            // One that is not begun waits for its user or its peer.
            let waits = state == State::Closed;
            assert!(waits || !busy || side.poll_timeout().is_some(), "no timer: {state:?} {stats:?}");
        }
    }

    fn step(&mut self) {
        self.react();
        self.pair.step();
        self.react();
        self.pair.drain();
        self.assert_armed();
    }

    /// The clock of the machine was set: both sides are told of a time that is far off, for once.
    fn step_clock(&mut self) {
        let ahead = Duration::from_millis(u64::from(self.rng.below(100_000)));
        let side = self.below(2);
        let now = if self.below(2) == 0 {
            self.pair.now + ahead
        } else {
            self.pair.now.checked_sub(ahead).unwrap()
        };
        if now > self.pair.now {
            self.pair.now = now;
        }
        self.pair.sides[side].handle_timeout(now);
    }

    /// Traffic of all kinds, and then until all has come.
    fn run(&mut self, rounds: u32) {
        for _ in 0..rounds {
            match self.below(10) {
                0..5 => self.write_some(),
                5 => self.reset_some(),
                6 => self.reads = [self.below(2) == 0, self.below(2) == 0],
                7 => self.step_clock(),
                _ => (),
            }
            for _ in 0..self.below(40) {
                self.step();
            }
        }
        self.reads = [true; 2];
        let mut steps = 0;
        while self.has_more() {
            self.step();
            steps += 1;
            let stats = self.pair.sides.each_ref().map(Association::stats);
            assert!(steps < 200_000, "never done: {stats:?}");
        }
        self.pair.run_for(Duration::from_secs(60));
        self.react();
        assert!(!self.has_more());
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn everything_arrives_once_whatever_happens(
        seed: u8, near in 0_u32..60,
        loss in prop_oneof![4 => 0_u32..30, 1 => 30_u32..75], duplicate in 0_u32..30, jitter in 0_u64..80,
        window in prop_oneof![Just(1_u32), Just(1_u32 << 20)],
        interleaving: [bool; 2], restarts in 0_usize..3, rounds in 10_u32..60,
    ) {
        let configs = interleaving.map(|on| config(near, window, on));
        let mut pair = Pair::new(configs.clone(), seed);
        pair.weather = Weather { loss, duplicate, jitter: Duration::from_millis(jitter) };
        pair.sides[0].connect(pair.now);
        if seed % 2 == 0 {
            pair.sides[1].connect(pair.now);
        }
        let mut world = World::new(pair, seed);
        world.run(rounds);
        // A side loses all that it knows, once everything was delivered, and begins anew: so does the other one, by that.
        for restart in 0..restarts {
            let (side, mut pair) = (world.below(2), world.pair);
            let age = u8::try_from(restart).unwrap() + 1;
            pair.sides[side] = Association::new(configs[side].clone(), pair.now, [seed.wrapping_add(age); 32]);
            pair.sides[side].connect(pair.now);
            pair.events = [Vec::new(), Vec::new()];
            pair.run_until(|pair| pair.is_established() && pair.events[1 - side].contains(&Event::Restarted));
            pair.run_for(Duration::from_secs(120));
            prop_assert!(pair.is_established());
            pair.events = [Vec::new(), Vec::new()];
            world = World::new(pair, seed.wrapping_add(age));
            world.run(rounds / 2);
        }
    }
}
