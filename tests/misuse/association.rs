use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use drywire_core::{Instant, Path, Rng};
use drywire_sctp::{Association, Config, Event, Ppid, Rest, SendOptions, StreamId};

use crate::drive::Drive;
use crate::machine::Machine;

/// Messages on even streams are sent in order, those on odd streams are not.
const STREAMS: u32 = 6;

struct Sctp {
    association: Association,
    /// The number of the next message; all messages of a side are numbered.
    next: u64,
    /// Of each stream, the number of the last message that came; and all that came.
    last: BTreeMap<u16, u64>,
    came: BTreeSet<u64>,
    /// Of streams that are read in parts, what has come of the message that goes on.
    open: BTreeMap<u16, BytesMut>,
    arrived: bool,
    connected: bool,
    closed: bool,
}

impl Sctp {
    /// Each message comes at most once, and on an ordered stream in order: whatever the network did.
    fn read(&mut self, stream: StreamId) {
        while let Some(message) = self.association.read(stream) {
            assert_eq!(message.stream, stream);
            let mut data = self.open.remove(&stream.0).unwrap_or_default();
            data.extend_from_slice(&message.data);
            match message.rest {
                Rest::None => {}
                Rest::Lost => continue,
                Rest::Follows => {
                    self.open.insert(stream.0, data);
                    continue;
                }
            }
            let number = u64::from_be_bytes(*data.first_chunk().expect("a message that nobody sent"));
            assert!(data[8..].iter().all(|byte| *byte == 0x5a), "a message that nobody sent");
            assert!(self.came.insert(number), "message {number} came twice");
            self.arrived = true;
            let last = self.last.insert(stream.0, number);
            let ordered = stream.0.is_multiple_of(2);
            assert!(!ordered || last.is_none_or(|last| last < number), "message {number} came out of order");
        }
    }
}

impl Sctp {
    /// The peer has begun anew, perhaps because its cookie had become stale on its way. What it sent before and did not hear
    /// to be acknowledged, it sends in the new association again.
    fn begin_anew(&mut self) {
        self.came.clear();
        self.last.clear();
        self.open.clear();
    }
}

impl Machine for Sctp {
    fn handle_input(&mut self, now: Instant, _path: Path, datagram: BytesMut) {
        self.association.handle_input(now, datagram.freeze());
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn command(&mut self, now: Instant, rng: &mut Rng) {
        let number = u16::try_from(rng.below(STREAMS)).unwrap();
        let stream = StreamId(if rng.below(50) == 0 { u16::MAX } else { number });
        match rng.below(18) {
            0..=7 => {
                let len = if rng.below(8) == 0 { rng.below(70_000) } else { rng.below(300) };
                let mut data = self.next.to_be_bytes().to_vec();
                data.resize(8 + usize::try_from(len).unwrap(), 0x5a);
                let ordered = stream.0.is_multiple_of(2);
                let options = if ordered { SendOptions::ordered() } else { SendOptions::unordered() };
                if self.association.write(now, stream, Ppid(53), Bytes::from(data), options).is_ok() {
                    self.next += 1;
                }
            }
            8 => assert!(
                self.association.write(now, stream, Ppid(53), Bytes::new(), SendOptions::ordered()).is_err(),
                "SCTP has no empty messages"
            ),
            9..=10 => {
                // A restart is told before what came after it can be read.
                while self.poll_event(now) {}
                self.read(stream);
            }
            11 => {
                self.association.set_buffered_low_threshold(stream, 1_000);
                let _ = (self.association.buffered(stream), self.association.peek(stream));
                let _ = (self.association.state(), self.association.stats());
            }
            12 => self.association.reset_streams(now, &[stream]),
            13 => self.association.connect(now),
            17 => self.association.path_changed(now),
            16 => self.association.set_read_in_parts(stream, rng.below(3) > 0),
            14 => self.association.set_mtu(
                now,
                usize::try_from(rng.below(1_500)).unwrap(),
                usize::try_from(rng.below(3_000)).unwrap(),
            ),
            _ if rng.below(60) == 0 => self.association.shutdown(now),
            _ if rng.below(60) == 0 => self.association.abort(now),
            _ => {}
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        self.association.poll_transmit(now, out).map(|len| (None, len))
    }

    fn poll_event(&mut self, _now: Instant) -> bool {
        match self.association.poll_event() {
            None => return false,
            Some(Event::Connected) => {
                assert!(!self.connected && !self.closed, "connected twice, or after the end");
                self.connected = true;
            }
            Some(Event::Restarted) => self.begin_anew(),
            Some(Event::Readable(stream)) => self.read(stream),
            Some(Event::Closed { .. }) => {
                assert!(!self.closed, "closed twice");
                self.closed = true;
            }
            Some(_) => {}
        }
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    fn arrived(&self) -> bool {
        self.arrived
    }
}

fn pair(seed: u64) -> Drive<Sctp> {
    let start = drywire_sim::origin();
    let side = |next: u64, own: u8| {
        let mut bytes = [own; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut config = Config::default();
        // Numbers that wrap around early (attack E13).
        config.initial_tsn = seed.is_multiple_of(2).then_some(u32::MAX - 3);
        Sctp {
            association: Association::new(config, start, bytes),
            next,
            last: BTreeMap::new(),
            came: BTreeSet::new(),
            open: BTreeMap::new(),
            arrived: false,
            connected: false,
            closed: false,
        }
    };
    let mut sides = [side(0, 1), side(1 << 32, 2)];
    if seed % 4 != 3 {
        for side in &mut sides {
            side.association.connect(start);
        }
    }
    Drive::new(sides, start, seed)
}

#[test]
fn any_order_of_calls() {
    crate::drive::run_all(crate::seeds(120), 500, pair);
}

#[test]
fn a_flood_does_not_fill_the_memory() {
    for seed in 0..4 {
        let mut drive = pair(seed);
        drive.run(300);
        let grown = drive.flood(0, 20_000) + drive.flood(1, 20_000);
        assert!(grown < 12_000_000, "grew by {grown} bytes");
    }
}
