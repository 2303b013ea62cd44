use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Rng};

use crate::machine::Machine;

/// How often a machine may ask for a timeout at one instant without anything to poll.
const IDLE_TIMEOUTS: u32 = 16;
/// What one drain may yield at most: more is a flood.
const DRAIN: u32 = 20_000;
/// How many packets the driver remembers for each direction.
const REMEMBERED: usize = 64;

/// The paths between the two sides: the first is where they meet, the others are an attacker's.
pub(crate) fn path(index: u32) -> Path {
    let address = |host: u8, port: u16| SocketAddr::from(([192, 0, 2, host], port));
    match index {
        0 => Path::udp(address(1, 1001), address(2, 2002)),
        1 => Path::udp(address(1, 1001), address(99, 2002)),
        _ => Path::udp(address(1, 1001), address(2, 9)),
    }
}

/// A pair of machines and what passes between them, driven at random.
pub(crate) struct Drive<M> {
    pub(crate) sides: [M; 2],
    pub(crate) now: Instant,
    rng: Rng,
    /// What each side has sent and the other one was not given yet.
    waiting: [Vec<Vec<u8>>; 2],
    /// What each side has sent at some time.
    sent: [Vec<Vec<u8>>; 2],
    log: String,
}

impl<M: Machine> Drive<M> {
    pub(crate) fn new(sides: [M; 2], now: Instant, seed: u64) -> Self {
        let mut bytes = [0x5a; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            sides,
            now,
            rng: Rng::new(bytes),
            waiting: [Vec::new(), Vec::new()],
            sent: [Vec::new(), Vec::new()],
            log: String::new(),
        }
    }

    /// Takes `steps` random steps. Some runs are gentle at first, so that the machines get far before it gets rough.
    pub(crate) fn run(&mut self, steps: u32) {
        let gentle = self.rng.below(2) * self.rng.below(steps.max(1));
        for step in 0..steps {
            let side = if self.rng.below(2) == 0 { 0 } else { 1 };
            if step < gentle {
                self.gentle(side);
            } else {
                self.rough(side);
            }
        }
        // Whatever happened, both still obey when they are treated well again.
        for side in [0, 1] {
            self.timeout(side);
            self.drain(side);
        }
    }

    /// What a good caller does.
    fn gentle(&mut self, side: usize) {
        match self.rng.below(32) {
            0 => {
                self.note(side, "command");
                self.sides[side].command(self.now, &mut self.rng);
            }
            1..=8 => {
                if let Some(at) = self.sides[side].poll_timeout() {
                    self.now = self.now.max(at);
                }
                self.timeout(side);
            }
            _ => {
                self.drain(side);
                self.deliver(side, 0);
                self.drain(1 - side);
            }
        }
    }

    /// Anything at all.
    fn rough(&mut self, side: usize) {
        match self.rng.below(20) {
            0..=3 => self.deliver(side, 0),
            4 => {
                let elsewhere = 1 + self.rng.below(2);
                self.deliver(side, elsewhere);
            }
            5..=7 => self.damaged(side),
            8 => self.replayed(side),
            9 => self.random(side),
            10 | 11 => self.timeout(side),
            12 | 13 => {
                self.note(side, "command");
                self.sides[side].command(self.now, &mut self.rng);
            }
            14 => {
                self.transmit(side);
            }
            15 => {
                self.sides[side].poll_event(self.now);
            }
            16 | 17 => self.drain(side),
            18 => self.tick(),
            _ => {
                let _ = self.sides[side].poll_timeout();
            }
        }
    }

    /// Time goes on: a little, a lot, to the next timeout, or back.
    fn tick(&mut self) {
        match self.rng.below(8) {
            0 => self.now += Duration::from_millis(u64::from(self.rng.below(1_000))),
            1 => self.now += Duration::from_secs(u64::from(self.rng.below(120))),
            2 => self.now += Duration::from_secs(86_400 * u64::from(self.rng.below(30))),
            3 => {
                let back = Duration::from_millis(u64::from(self.rng.below(60_000)));
                self.now = self.now.checked_sub(back).unwrap_or(self.now);
            }
            _ => {
                let next = self.sides.iter().filter_map(Machine::poll_timeout).min();
                self.now = next.map_or(self.now, |at| at.max(self.now));
            }
        }
    }

    /// Gives `side` the oldest packet (or now and then another one) that the other one has sent.
    fn deliver(&mut self, side: usize, on: u32) {
        let waiting = &mut self.waiting[1 - side];
        if waiting.is_empty() {
            return;
        }
        let at =
            if self.rng.below(8) == 0 { self.rng.below(u32::try_from(waiting.len()).unwrap()) } else { 0 };
        let packet = waiting.remove(usize::try_from(at).unwrap());
        self.input(side, on, &packet, "genuine");
    }

    /// Gives `side` a packet of the other one with something wrong in it.
    fn damaged(&mut self, side: usize) {
        let Some(mut packet) = self.remembered(1 - side) else { return };
        damage(&mut packet, &mut self.rng);
        let on = if self.rng.below(4) == 0 { self.rng.below(3) } else { 0 };
        self.input(side, on, &packet, "damaged");
    }

    /// Gives `side` something that was sent before, by the other one or by itself.
    fn replayed(&mut self, side: usize) {
        let from = if self.rng.below(2) == 0 { side } else { 1 - side };
        if let Some(packet) = self.remembered(from) {
            self.input(side, 0, &packet, "replayed");
        }
    }

    fn random(&mut self, side: usize) {
        let packet = random_packet(&mut self.rng);
        let on = self.rng.below(3);
        self.input(side, on, &packet, "random");
    }

    fn remembered(&mut self, side: usize) -> Option<Vec<u8>> {
        let sent = &self.sent[side];
        let count = u32::try_from(sent.len()).unwrap();
        (count > 0).then(|| sent[usize::try_from(self.rng.below(count)).unwrap()].clone())
    }

    fn input(&mut self, side: usize, on: u32, packet: &[u8], kind: &str) {
        self.note(side, &format!("input of {} bytes, {kind}, on path {on}", packet.len()));
        let path = if side == 0 { path(on) } else { swapped(path(on)) };
        self.sides[side].handle_input(self.now, path, BytesMut::from(packet));
    }

    /// `handle_timeout`, after which the next timeout is later, unless there is something to poll.
    pub(crate) fn timeout(&mut self, side: usize) {
        self.note(side, "timeout");
        self.sides[side].handle_timeout(self.now);
        let mut idle = 0;
        while self.sides[side].poll_timeout().is_some_and(|at| at <= self.now) {
            let mut something = false;
            while self.transmit(side) {
                something = true;
            }
            while self.sides[side].poll_event(self.now) {
                something = true;
            }
            if something {
                idle = 0;
            }
            idle += 1;
            assert!(idle <= IDLE_TIMEOUTS, "asks for timeouts that are due and does nothing\n{}", self.log);
            self.sides[side].handle_timeout(self.now);
        }
    }

    /// Polls until nothing is left.
    pub(crate) fn drain(&mut self, side: usize) {
        let mut count = 0;
        while self.transmit(side) || self.sides[side].poll_event(self.now) {
            count += 1;
            assert!(count < DRAIN, "does not stop\n{}", self.log);
        }
    }

    /// `poll_transmit`, which only appends.
    fn transmit(&mut self, side: usize) -> bool {
        let prefix_len = if self.rng.below(2) == 0 { 0 } else { self.rng.below(40) };
        let prefix: Vec<u8> = (0..prefix_len).map(|_| self.rng.array::<1>()[0]).collect();
        let mut out = prefix.clone();
        let transmit = self.sides[side].poll_transmit(self.now, &mut out);
        assert!(out.starts_with(&prefix), "the caller's bytes were changed\n{}", self.log);
        let appended = out.len() - prefix.len();
        match transmit {
            None => assert_eq!(appended, 0, "appended {appended} bytes and said nothing\n{}", self.log),
            Some((on, len)) => {
                assert_eq!(appended, len, "appended another number of bytes than it said\n{}", self.log);
                assert!(len > 0 && len <= 65_507, "sent {len} bytes\n{}", self.log);
                self.note(side, &format!("transmit of {len} bytes"));
                let packet = out.split_off(prefix.len());
                let expected = if side == 0 { path(0) } else { swapped(path(0)) };
                if on.is_none_or(|on| on == expected) {
                    remember(&mut self.waiting[side], packet.clone());
                }
                remember(&mut self.sent[side], packet);
            }
        }
        transmit.is_some()
    }

    /// Floods `side` with damaged and random packets without ever polling, and returns by how many bytes the heap grew.
    pub(crate) fn flood(&mut self, side: usize, packets: u32) -> i64 {
        let info = allocation_counter::measure(|| {
            for _ in 0..packets {
                match self.rng.below(4) {
                    0 => self.random(side),
                    1 => self.replayed(side),
                    _ => self.damaged(side),
                }
                self.log.clear();
            }
        });
        info.bytes_current
    }

    fn note(&mut self, side: usize, what: &str) {
        // Only the end of a long run is of use.
        if self.log.len() > 4_000 {
            let cut = self.log.len() - 2_000;
            self.log.drain(..cut);
        }
        let _ = writeln!(self.log, "  side {side}: {what}");
    }
}

/// Runs a pair for each seed; demands that a tenth of them get far.
pub(crate) fn run_all<M: Machine>(seeds: std::ops::Range<u64>, steps: u32, pair: impl Fn(u64) -> Drive<M>) {
    let count = seeds.end - seeds.start;
    let mut arrived = 0;
    for seed in seeds {
        // Printed when the test fails.
        println!("seed {seed}");
        let mut drive = pair(seed);
        drive.run(steps);
        arrived += u64::from(drive.sides.iter().all(Machine::arrived));
    }
    println!("{arrived} of {count} arrived");
    assert!(arrived * 10 >= count, "only {arrived} of {count} runs got anywhere");
}

fn swapped(path: Path) -> Path {
    // The second side lives where the path ends; an attacker is a stranger to both.
    let meeting = crate::drive::path(0);
    if path == meeting { path.reversed() } else { Path { local: meeting.remote, ..path } }
}

fn remember(packets: &mut Vec<Vec<u8>>, packet: Vec<u8>) {
    if packets.len() >= REMEMBERED {
        packets.remove(0);
    }
    packets.push(packet);
}

/// Flips bits, cuts, extends, overwrites: what damage and attackers do.
pub(crate) fn damage(packet: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let len = u32::try_from(packet.len()).unwrap();
        let at = usize::try_from(rng.below(len)).unwrap();
        match rng.below(6) {
            0 => packet.truncate(at),
            1 => {
                let more = usize::try_from(rng.below(64)).unwrap();
                packet.extend(std::iter::repeat_n(rng.array::<1>()[0], more));
            }
            2 if at + 1 < packet.len() => packet[at..at + 2].copy_from_slice(&[0xff, 0xff]),
            3 if at < packet.len() => packet[at] = 0,
            4 if at < packet.len() => {
                let tail = packet[at..].to_vec();
                packet.extend(tail);
            }
            _ if at < packet.len() => packet[at] ^= 1 << rng.below(8),
            _ => {}
        }
        packet.truncate(4_096);
    }
}

/// Bytes that begin like a packet of one of the protocols.
pub(crate) fn random_packet(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.below(4) {
        0 => rng.below(8),
        1 => rng.below(64),
        _ => rng.below(1_400),
    };
    let mut packet = vec![0; usize::try_from(len).unwrap()];
    rng.fill(&mut packet);
    // STUN, DTLS 1.2, DTLS 1.3, RTP, RTCP (RFC 7983); or anything.
    let firsts = [0x00, 0x01, 0x14, 0x15, 0x16, 0x17, 0x2c, 0x2f, 0x80, 0x81, 0x90];
    if rng.below(4) > 0
        && let Some(first) = packet.first_mut()
    {
        *first = firsts[usize::try_from(rng.below(11)).unwrap()];
    }
    packet
}
