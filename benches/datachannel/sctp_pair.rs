use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use drywire_core::{Duration, Instant};
use drywire_sctp::{Association, Config, Event, Ppid, SendError, SendOptions, StreamId};

use crate::{MESSAGE, POOL};

/// Two associations in memory, without anything around them.
pub(crate) struct SctpPair {
    sides: [Association; 2],
    now: Instant,
    queue: VecDeque<(usize, Bytes)>,
    pool: BytesMut,
    out: Vec<u8>,
    message: Bytes,
    received: usize,
    connected: [bool; 2],
    pub(crate) datagrams: u32,
    /// Count what sending allocates. What the application and the receiver allocate is not in it.
    pub(crate) counts_sending: bool,
    pub(crate) sending_allocations: u64,
}

impl SctpPair {
    /// Connects, with `window` bytes of send buffer.
    pub(crate) fn new(window: usize) -> Self {
        let now = drywire_sim::origin();
        let mut config = Config::new();
        config.send_buffer = window;
        let mut sides = [1, 2].map(|seed| Association::new(config.clone(), now, [seed; 32]));
        for side in &mut sides {
            side.connect(now);
        }
        let mut pair = Self {
            sides,
            now,
            queue: VecDeque::new(),
            pool: BytesMut::new(),
            out: Vec::with_capacity(1 << 16),
            message: Bytes::from(vec![0x5a; usize::try_from(MESSAGE).expect("a size")]),
            received: 0,
            connected: [false; 2],
            datagrams: 0,
            counts_sending: false,
            sending_allocations: 0,
        };
        pair.drain(0);
        pair.drain(1);
        while pair.connected != [true; 2] {
            pair.step();
        }
        pair
    }

    /// Sends `count` messages one way, and waits for them.
    pub(crate) fn transfer(&mut self, count: u32) {
        let all = self.received + self.message.len() * usize::try_from(count).expect("a count");
        let mut left = count;
        while self.received < all {
            while left > 0 && self.write() {
                left -= 1;
            }
            self.drain(0);
            self.step();
        }
    }

    fn write(&mut self) -> bool {
        let (data, options) = (self.message.clone(), SendOptions::default());
        match self.sides[0].write(self.now, StreamId(1), Ppid(53), data, options) {
            Ok(()) => true,
            Err(SendError::Full) => false,
            Err(error) => panic!("the association is not open: {error}"),
        }
    }

    fn step(&mut self) {
        if self.queue.is_empty() {
            let next = self.sides.iter().filter_map(Association::poll_timeout).min();
            self.now = next.unwrap_or(self.now).max(self.now) + Duration::from_micros(1);
            for side in [0, 1] {
                self.sides[side].handle_timeout(self.now);
                self.drain(side);
            }
        }
        while let Some((to, packet)) = self.queue.pop_front() {
            self.sides[to].handle_input(self.now, packet);
            self.drain(to);
        }
    }

    fn transmit(&mut self, side: usize) -> Option<usize> {
        if !self.counts_sending {
            return self.sides[side].poll_transmit(self.now, &mut self.out);
        }
        let mut len = None;
        let info =
            allocation_counter::measure(|| len = self.sides[side].poll_transmit(self.now, &mut self.out));
        self.sending_allocations += info.count_total;
        len
    }

    fn drain(&mut self, side: usize) {
        loop {
            self.out.clear();
            let Some(len) = self.transmit(side) else { break };
            self.datagrams += 1;
            if self.pool.capacity() < len {
                self.pool.reserve(POOL);
            }
            self.pool.extend_from_slice(&self.out);
            self.queue.push_back((1 - side, self.pool.split().freeze()));
        }
        while let Some(event) = self.sides[side].poll_event() {
            match event {
                Event::Connected => self.connected[side] = true,
                Event::Readable(stream) => {
                    while let Some(message) = self.sides[side].read(stream) {
                        self.received += message.data.len();
                    }
                }
                _ => {}
            }
        }
    }
}
