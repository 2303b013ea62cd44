//! Two ends joined by a link in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use drywire_core::{Instant, Rng};
use drywire_sctp::{Association, Config as SctpConfig};

use crate::{ChannelId, ChannelOptions, Config, Event, Message, Role, Transport};

/// What can stand at an end of a link.
pub(super) trait End {
    fn take(&mut self, now: Instant, packet: Bytes);
    fn expire(&mut self, now: Instant);
    fn give(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize>;
    fn timeout(&self) -> Option<Instant>;
}

impl End for Transport {
    fn take(&mut self, now: Instant, packet: Bytes) {
        self.handle_input(now, packet);
    }

    fn expire(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn give(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.poll_transmit(now, out)
    }

    fn timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }
}

/// A peer without channels: what it sends is up to the test.
impl End for Association {
    fn take(&mut self, now: Instant, packet: Bytes) {
        self.handle_input(now, packet);
    }

    fn expire(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn give(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.poll_transmit(now, out)
    }

    fn timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }
}

/// How bad a link is, in per cent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) loss: u32,
    pub(super) duplicate: u32,
    /// Packets take up to this much longer, so that they overtake each other.
    pub(super) jitter: u32,
}

pub(super) const BAD: Weather = Weather { loss: 20, duplicate: 10, jitter: 40 };

pub(super) struct Link<A, B> {
    pub(super) a: A,
    pub(super) b: B,
    pub(super) now: Instant,
    pub(super) weather: Weather,
    rng: Rng,
    /// Packets on their way, by when they arrive; the number keeps those of one instant in order.
    on_the_way: BTreeMap<(Instant, u64), (bool, Bytes)>,
    packets: u64,
}

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
pub(super) fn origin() -> Instant {
    Instant::now()
}

impl Link<Transport, Transport> {
    /// Two transports with their roles, connecting.
    pub(super) fn connecting(weather: Weather, seed: u8) -> Self {
        let mut link = Self::idle(Config::default(), Config::default(), seed);
        link.weather = weather;
        link.connect();
        link
    }

    /// Two transports that know nothing yet.
    pub(super) fn idle(a: Config, b: Config, seed: u8) -> Self {
        let now = origin();
        let (a, b) = (Transport::new(a, now, [seed; 32]), Transport::new(b, now, [!seed; 32]));
        Self::new(a, b, now, seed)
    }

    pub(super) fn connect(&mut self) {
        let now = self.now;
        self.a.set_role(now, Role::Client);
        self.b.set_role(now, Role::Server);
        for end in [&mut self.a, &mut self.b] {
            end.set_remote(now, 262_144, 5000);
            end.connect(now);
        }
    }

    /// Two transports, connected over a perfect link; their events so far are dropped.
    pub(super) fn connected() -> Self {
        let mut link = Self::connecting(Weather::default(), 1);
        link.settle();
        assert!(link.a.is_connected() && link.b.is_connected());
        events(&mut link.a);
        events(&mut link.b);
        link
    }

    /// Opens a channel from `a` and waits until both sides have it.
    pub(super) fn open(&mut self, options: ChannelOptions) -> (ChannelId, ChannelId) {
        let now = self.now;
        let here = self.a.open(now, options).expect("a channel");
        self.settle();
        assert!(events(&mut self.a).contains(&Event::Opened(here)));
        let there = events(&mut self.b).into_iter().find_map(|event| match event {
            Event::Announced(id) => Some(id),
            _ => None,
        });
        (here, there.expect("an announced channel"))
    }
}

impl Link<Transport, Association> {
    /// A transport (the DTLS server) and a bare association, connected.
    pub(super) fn hostile(config: Config) -> Self {
        let now = origin();
        let peer = Association::new(SctpConfig::default(), now, [9; 32]);
        let mut link = Self::new(Transport::new(config, now, [8; 32]), peer, now, 3);
        link.a.set_role(now, Role::Server);
        link.a.connect(now);
        link.b.connect(now);
        link.settle();
        assert!(link.a.is_connected());
        events(&mut link.a);
        while link.b.poll_event().is_some() {}
        link
    }

    /// Sends a message from the bare association.
    pub(super) fn inject(&mut self, stream: u16, ppid: u32, data: impl Into<Bytes>) {
        let options = drywire_sctp::SendOptions::ordered();
        self.b.write(self.now, stream.into(), ppid.into(), data.into(), options).expect("a message");
        self.settle();
    }

    /// The events of the bare association.
    pub(super) fn sctp_events(&mut self) -> Vec<drywire_sctp::Event> {
        std::iter::from_fn(|| self.b.poll_event()).collect()
    }
}

impl<A: End, B: End> Link<A, B> {
    fn new(a: A, b: B, now: Instant, seed: u8) -> Self {
        let rng = Rng::new([seed; 32]);
        let weather = Weather::default();
        Self { a, b, now, weather, rng, on_the_way: BTreeMap::new(), packets: 0 }
    }

    /// Sends all that is to be sent.
    fn transmit(&mut self) {
        loop {
            let mut packet = Vec::new();
            let to_b = match self.a.give(self.now, &mut packet) {
                Some(_) => true,
                None => match self.b.give(self.now, &mut packet) {
                    Some(_) => false,
                    None => return,
                },
            };
            let packet = Bytes::from(packet);
            let copies = if self.rng.below(100) < self.weather.duplicate { 2 } else { 1 };
            for _ in 0..copies {
                if self.rng.below(100) < self.weather.loss {
                    continue;
                }
                let delay = 5 + self.rng.below(self.weather.jitter + 1);
                let arrival = self.now + Duration::from_millis(u64::from(delay));
                self.packets += 1;
                self.on_the_way.insert((arrival, self.packets), (to_b, packet.clone()));
            }
        }
    }

    /// Goes on to the next thing that happens, if it does so until `end`.
    pub(super) fn step(&mut self, end: Instant) -> bool {
        self.transmit();
        let arrival = self.on_the_way.keys().next().map(|(arrival, _)| *arrival);
        let next = [arrival, self.a.timeout(), self.b.timeout()].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= end) else {
            self.now = self.now.max(end);
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.on_the_way.first_entry()
            && entry.key().0 <= self.now
        {
            match entry.remove() {
                (true, packet) => self.b.take(self.now, packet),
                (false, packet) => self.a.take(self.now, packet),
            }
        }
        if self.a.timeout().is_some_and(|timeout| timeout <= self.now) {
            self.a.expire(self.now);
        }
        if self.b.timeout().is_some_and(|timeout| timeout <= self.now) {
            self.b.expire(self.now);
        }
        self.transmit();
        true
    }

    /// Loses all packets that are on their way.
    pub(super) fn lose_all(&mut self) {
        self.transmit();
        self.on_the_way.clear();
    }

    pub(super) fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
    }

    /// Runs until `reached` says so, at most for ten minutes.
    pub(super) fn run_until(&mut self, mut reached: impl FnMut(&mut Self) -> bool) {
        let end = self.now + Duration::from_secs(600);
        while !reached(self) {
            assert!(self.step(end), "not reached");
        }
    }

    /// Runs until everything that was begun is done: two seconds are enough on a perfect link.
    pub(super) fn settle(&mut self) {
        self.run_for(Duration::from_secs(2));
    }
}

pub(super) fn events(transport: &mut Transport) -> Vec<Event> {
    std::iter::from_fn(|| transport.poll_event()).collect()
}

pub(super) fn read_all(transport: &mut Transport, id: ChannelId) -> Vec<Message> {
    std::iter::from_fn(|| transport.read(id)).collect()
}

/// `len` bytes that differ from those of another `salt`.
pub(super) fn binary(len: usize, salt: usize) -> Message {
    let bytes: Vec<u8> = (0..len).map(|at| u8::try_from((at * 31 + salt * 7) % 251).unwrap()).collect();
    Message::binary(bytes)
}
