//! Associations that share one slow link with a queue that drops what does not fit, in virtual time: what they achieve, and what
//! they leave each other. The same in each run.

use std::collections::BTreeMap;

use bytes::Bytes;
use drywire_core::{Duration, Instant, Rng};

use super::link::start;
use crate::{Association, Config, CongestionControl, Event, Ppid, SendOptions, StreamId};

use CongestionControl::{Bbr, Cubic, NewReno};

/// What DTLS, UDP and IP add to a packet.
const OVERHEAD: usize = 65;
const MESSAGE: usize = 16 * 1024;
/// Payload of a packet, and what it takes of the link.
const PAYLOAD: u64 = 1_160;
const PACKET: u64 = 1_250;

/// A link. What comes back goes over one that is as long and never full.
#[derive(Clone, Copy)]
struct Link {
    /// Bytes per second.
    rate: u64,
    rtt: Duration,
    /// Bytes that fit into the queue.
    queue: usize,
    /// Of a thousand packets so many are lost, both ways.
    loss: u32,
}

impl Link {
    const fn new(megabits: u64, rtt: u64) -> Self {
        let rate = megabits * 125_000;
        Self { rate, rtt: Duration::from_millis(rtt), queue: 0, loss: 0 }
    }

    /// Bytes that are on their way when it is just full.
    fn product(&self) -> u64 {
        self.rate * u64::try_from(self.rtt.as_micros()).unwrap() / 1_000_000
    }

    /// A queue of so many percent of the product of rate and delay.
    fn queue(mut self, percent: u64) -> Self {
        self.queue = usize::try_from(self.product() * percent / 100).unwrap();
        self
    }

    const fn loss(mut self, per_mille: u32) -> Self {
        self.loss = per_mille;
        self
    }

    /// Bytes of payload that it carries in `time`.
    fn carries(&self, time: Duration) -> u64 {
        self.rate * time.as_secs() / PACKET * PAYLOAD
    }
}

/// A sender and a receiver.
struct Flow {
    sides: [Association; 2],
    begins: Instant,
    received: u64,
}

struct World {
    now: Instant,
    link: Link,
    flows: Vec<Flow>,
    flying: BTreeMap<(Instant, u64), (usize, usize, Bytes)>,
    count: u64,
    /// When the link has sent all that waits.
    free: Instant,
    rng: Rng,
    message: Bytes,
}

impl World {
    /// Each flow begins `apart` after the one before.
    fn new(link: Link, controls: &[CongestionControl], apart: Duration, seed: u8) -> Self {
        let now = start();
        let mut begins = now;
        let mut number = seed;
        let flows = controls.iter().map(|control| {
            let config = Config { congestion_control: *control, zero_checksum: true, ..Config::default() };
            let config = Config { receive_window: 4 << 20, send_buffer: 1 << 20, ..config };
            number = number.wrapping_add(2);
            let side = |number| Association::new(config.clone(), now, [number; 32]);
            let flow = Flow { sides: [side(number), side(number ^ 1)], begins, received: 0 };
            begins += apart;
            flow
        });
        Self {
            now,
            link,
            flows: flows.collect(),
            flying: BTreeMap::new(),
            count: 0,
            free: now,
            rng: Rng::new([seed; 32]),
            message: vec![7; MESSAGE].into(),
        }
    }

    fn fly(&mut self, flow: usize, to: usize, packet: Bytes) {
        if self.rng.below(1_000) < self.link.loss {
            return;
        }
        let mut at = self.now;
        if to == 1 {
            let len = u64::try_from(packet.len() + OVERHEAD).unwrap();
            let nanos = |bytes: u64| Duration::from_nanos(bytes * 1_000_000_000 / self.link.rate);
            let waiting = self.free.saturating_duration_since(self.now) + nanos(len);
            if waiting > nanos(u64::try_from(self.link.queue).unwrap()) {
                return;
            }
            self.free = self.now + waiting;
            at = self.free;
        }
        self.count += 1;
        self.flying.insert((at + self.link.rtt / 2, self.count), (flow, to, packet));
    }

    fn drain(&mut self, at: usize, side: usize) {
        let (now, message) = (self.now, self.message.clone());
        let flow = &mut self.flows[at];
        let end = &mut flow.sides[side];
        if end.poll_timeout().is_some_and(|at| at <= now) {
            end.handle_timeout(now);
        }
        if side == 0 {
            let write = |end: &mut Association| {
                end.write(now, StreamId(1), Ppid(53), message.clone(), SendOptions::ordered()).is_ok()
            };
            while write(end) {}
        }
        let mut packets = Vec::new();
        let mut out = Vec::new();
        while end.poll_transmit(now, &mut out).is_some() {
            packets.push(Bytes::from(std::mem::take(&mut out)));
        }
        while let Some(event) = end.poll_event() {
            if let Event::Readable(stream) = event {
                while let Some(message) = end.read(stream) {
                    flow.received += u64::try_from(message.data.len()).unwrap();
                }
            }
        }
        for packet in packets {
            self.fly(at, 1 - side, packet);
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        let mut touched: Vec<_> = (0..self.flows.len()).flat_map(|flow| [(flow, 0), (flow, 1)]).collect();
        loop {
            for (flow, side) in touched.drain(..) {
                if self.flows[flow].begins <= self.now {
                    if side == 0 {
                        let now = self.now;
                        self.flows[flow].sides[0].connect(now);
                    }
                    self.drain(flow, side);
                }
            }
            let mut next = end;
            for flow in &self.flows {
                if flow.begins > self.now {
                    next = next.min(flow.begins);
                } else {
                    let timeouts = flow.sides.iter().filter_map(Association::poll_timeout);
                    next = timeouts.fold(next, Instant::min);
                }
            }
            next = self.flying.keys().next().map_or(next, |(at, _)| next.min(*at));
            self.now = self.now.max(next);
            if self.now >= end {
                return;
            }
            while let Some(entry) = self.flying.first_entry()
                && entry.key().0 <= self.now
            {
                let (flow, to, packet) = entry.remove();
                self.flows[flow].sides[to].handle_input(self.now, packet);
                touched.push((flow, to));
            }
            for (index, flow) in self.flows.iter().enumerate() {
                for (side, end) in flow.sides.iter().enumerate() {
                    let due = end.poll_timeout().is_some_and(|at| at <= self.now);
                    if (due || flow.begins == self.now) && !touched.contains(&(index, side)) {
                        touched.push((index, side));
                    }
                }
            }
            touched.dedup();
        }
    }
}

/// What one flow achieves of what the link carries, in percent.
fn goodput(link: Link, control: CongestionControl, seconds: u64, seed: u8) -> u64 {
    let mut world = World::new(link, &[control], Duration::ZERO, seed);
    let time = Duration::from_secs(seconds);
    world.run_for(time);
    world.flows[0].received * 100 / link.carries(time)
}

#[test]
fn the_default_fills_a_link_that_loses_nothing() {
    let share = goodput(Link::new(100, 50).queue(100), CongestionControl::default(), 12, 1);
    assert!(share >= 90, "{share} %");
}

#[test]
fn the_model_fills_a_link_that_loses_some_packets() {
    let link = Link::new(100, 50).queue(100);
    let share = goodput(link.loss(10), Bbr, 12, 1);
    assert!(share >= 80, "1 %: {share} %");
    let (share, reno) = (goodput(link.loss(50), Bbr, 8, 1), goodput(link.loss(50), NewReno, 8, 1));
    assert!(share >= 70 && reno * 10 <= share, "5 %: {share} %, NewReno {reno} %");
}

#[test]
fn the_model_fills_links_with_short_queues() {
    let link = Link::new(20, 50).queue(25);
    for loss in [0, 1, 10] {
        let share = goodput(link.loss(loss), Bbr, 20, 1);
        assert!(share >= 80, "{loss}: {share} %");
    }
}

/// What the second flow has of what both have, in percent, in half a minute after the first one has filled the link. The queue
/// holds so many percent of the product of rate and delay.
fn share(first: CongestionControl, second: CongestionControl, queue: u64) -> u64 {
    let before = Duration::from_secs(10);
    let mut world = World::new(Link::new(10, 50).queue(queue), &[first, second], before, 1);
    world.run_for(before);
    let begun = world.flows[0].received;
    let time = Duration::from_secs(30);
    world.run_for(time);
    let (first_had, second_had) = (world.flows[0].received - begun, world.flows[1].received);
    let both = first_had + second_had;
    let used = both * 100 / world.link.carries(time);
    let share = second_had * 100 / both;
    println!(
        "{first:?} then {second:?}, queue {queue} %: the second has {share} %, both {used} % of the link"
    );
    assert!(used >= 80, "{first:?} then {second:?}, queue {queue} %: {used} %");
    share
}

/// Neither has less than `least` percent beside the other, whoever came first and however long the queue.
fn neither_starves(first: CongestionControl, second: CongestionControl, least: u64) {
    for queue in [50, 100, 200, 400] {
        let share = share(first, second, queue);
        let fair = least..=100 - least;
        assert!(fair.contains(&share), "{first:?} then {second:?}, queue {queue} %: {share} %");
    }
}

#[test]
fn new_reno_shares_with_new_reno() {
    neither_starves(NewReno, NewReno, 30);
}

/// In a long queue a window that was large before it was there stays so for a while.
#[test]
fn new_reno_shares_with_cubic() {
    neither_starves(Cubic, NewReno, 12);
}

#[test]
fn cubic_shares_with_new_reno() {
    neither_starves(NewReno, Cubic, 20);
}

#[test]
fn new_reno_shares_with_the_model() {
    neither_starves(Bbr, NewReno, 20);
}

#[test]
fn the_model_shares_with_new_reno() {
    neither_starves(NewReno, Bbr, 20);
}

#[test]
fn the_model_shares_with_itself() {
    neither_starves(Bbr, Bbr, 25);
}
