use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::{Duration, Instant};

use crate::engine::{Engine, Options, Pool};

/// How many datagrams an endpoint is given before it is polled, as with a socket that reads batches.
const BATCH: usize = 64;

/// For how long it may take to connect.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two endpoints in memory, on one thread: what one sends, the other has at once.
pub(crate) struct Pair<E: Engine> {
    sides: [E; 2],
    now: Instant,
    /// What is on the way to each side.
    queues: [VecDeque<E::Packet>; 2],
    pool: Pool,
    window: usize,
    channels: u16,
    /// The channel of the next message.
    channel: u16,
    batch: usize,
    written: usize,
    received: usize,
    /// The most bytes that were on the way at once.
    pub(crate) most_in_flight: usize,
    in_flight: usize,
}

impl<E: Engine> Pair<E> {
    /// Connects a pair that reads its datagrams in batches.
    pub(crate) fn new(options: &Options) -> Self {
        let now = drywire_sim::origin();
        let mut pair = Self {
            sides: E::pair(options, now),
            now,
            queues: [VecDeque::new(), VecDeque::new()],
            pool: Pool::default(),
            window: options.window,
            channels: options.channels.max(1),
            channel: 0,
            batch: BATCH,
            written: 0,
            received: 0,
            most_in_flight: 0,
            in_flight: 0,
        };
        pair.settle();
        pair
    }

    /// The same, but every datagram is answered before the next one is read.
    pub(crate) fn one_by_one(mut self) -> Self {
        self.batch = 1;
        self
    }

    /// Sends messages of `bytes` altogether, one way, and waits for them.
    pub(crate) fn transfer(&mut self, message: &Bytes, bytes: usize) {
        let end = self.written + bytes;
        while self.received < end {
            while self.written < end && self.write(message) {}
            self.drain(0);
            self.step();
        }
    }

    pub(crate) fn sides(&mut self) -> &mut [E; 2] {
        &mut self.sides
    }

    pub(crate) fn into_sides(self) -> [E; 2] {
        self.sides
    }

    /// How many bytes of messages have arrived.
    pub(crate) fn transferred(&self) -> usize {
        self.received
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Spreads what is sent over so many channels.
    pub(crate) fn spread(&mut self, channels: u16) {
        self.channels = channels;
    }

    /// Lets time pass until both are connected and nothing is on the way.
    pub(crate) fn settle(&mut self) {
        self.drain(0);
        self.drain(1);
        let end = self.now + PATIENCE;
        while !self.sides.iter().all(Engine::is_connected) {
            assert!(self.now < end, "{} does not connect", E::NAME);
            self.step();
        }
        while self.queues.iter().any(|queue| !queue.is_empty()) {
            self.step();
        }
    }

    fn write(&mut self, message: &Bytes) -> bool {
        let room = self.written - self.received < self.window;
        let wrote = room && self.sides[0].write(self.now, self.channel, message);
        if wrote {
            self.written += message.len();
            self.channel = (self.channel + 1) % self.channels;
        }
        wrote
    }

    /// Delivers what is on the way; if nothing is, lets time pass to the next timeout.
    fn step(&mut self) {
        if self.queues.iter().all(VecDeque::is_empty) {
            let next = self.sides.iter().filter_map(Engine::poll_timeout).min();
            // As fast as the CPU allows, but not at a standstill.
            self.now = next.unwrap_or(self.now).max(self.now) + Duration::from_micros(1);
            for side in [0, 1] {
                self.sides[side].handle_timeout(self.now);
                self.drain(side);
            }
        }
        for side in [1, 0] {
            while !self.queues[side].is_empty() {
                for _ in 0..self.batch {
                    let Some(packet) = self.queues[side].pop_front() else { break };
                    self.in_flight -= packet.as_ref().len();
                    self.sides[side].handle_input(self.now, packet);
                }
                self.drain(side);
            }
        }
    }

    fn drain(&mut self, side: usize) {
        self.received += self.sides[side].read(self.now);
        let (sides, queue) = (&mut self.sides, &mut self.queues[1 - side]);
        let before = queue.len();
        while sides[side].transmit(self.now, &mut self.pool, queue) {}
        self.in_flight += queue.range(before..).map(|packet| packet.as_ref().len()).sum::<usize>();
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }
}
