use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use drywire_core::{Instant, Path, Rng};
use drywire_datachannel::{ChannelId, ChannelOptions, Config, Event, Message, Rest, Role, Transport};

use crate::drive::Drive;
use crate::machine::Machine;

struct Channels {
    transport: Transport,
    role: Role,
    ids: Vec<ChannelId>,
    /// The number of the next message; all messages of a side are numbered.
    next: u64,
    /// Of each channel, the number of the last message that came in order, and all that came.
    last: BTreeMap<ChannelId, u64>,
    came: BTreeSet<u64>,
    /// How often the peer had begun anew when they came.
    restarts: u64,
    /// Of channels that are read in parts, what has come of the message that goes on.
    open: BTreeMap<ChannelId, BytesMut>,
    arrived: bool,
}

impl Channels {
    fn id(&self, rng: &mut Rng) -> Option<ChannelId> {
        let count = u32::try_from(self.ids.len()).unwrap();
        (count > 0).then(|| self.ids[usize::try_from(rng.below(count)).unwrap()])
    }

    fn know(&mut self, id: ChannelId) {
        if !self.ids.contains(&id) {
            self.ids.push(id);
        }
        if self.ids.len() > 20 {
            self.ids.remove(0);
        }
    }

    /// A peer that has begun anew, perhaps because its cookie had become stale on its way, sends in the new association again what it
    /// did not hear to be acknowledged in the one before.
    fn notice_restart(&mut self) {
        let restarts = self.transport.stats().restarts;
        if std::mem::replace(&mut self.restarts, restarts) != restarts {
            self.came.clear();
        }
    }

    /// Each message comes at most once, and on an ordered channel in order: whatever the network did.
    fn read(&mut self, id: ChannelId) {
        self.notice_restart();
        let ordered = self.transport.channel(id).is_some_and(drywire_datachannel::Channel::ordered);
        while let Some(part) = self.transport.read_part(id) {
            let mut data = self.open.remove(&id).unwrap_or_default();
            data.extend_from_slice(&part.data);
            match part.rest {
                Rest::None => {}
                Rest::Lost => continue,
                Rest::Follows => {
                    self.open.insert(id, data);
                    continue;
                }
            }
            let Some(number) = data.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)) else {
                assert!(data.is_empty(), "a message that nobody sent");
                continue;
            };
            assert!(data[8..].iter().all(|byte| *byte == 0x5a), "a message that nobody sent");
            assert!(self.came.insert(number), "message {number} came twice");
            let last = self.last.insert(id, number);
            assert!(!ordered || last.is_none_or(|last| last < number), "message {number} came out of order");
            self.arrived = true;
        }
    }
}

impl Machine for Channels {
    fn handle_input(&mut self, now: Instant, _path: Path, datagram: BytesMut) {
        self.transport.handle_input(now, datagram.freeze());
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.transport.handle_timeout(now);
    }

    fn command(&mut self, now: Instant, rng: &mut Rng) {
        let id = self.id(rng);
        match rng.below(16) {
            0..=2 => {
                // Both sides must agree about the order of a channel that they negotiate, or it is nobody's.
                let ordered = rng.below(2) == 0;
                let negotiated = (rng.below(6) == 0).then(|| u16::try_from(rng.below(4)).unwrap());
                let options = ChannelOptions {
                    ordered: ordered || negotiated.is_some(),
                    negotiated,
                    ..ChannelOptions::new("a channel")
                };
                if let Ok(id) = self.transport.open(now, options) {
                    self.know(id);
                }
            }
            3..=8 => {
                let Some(id) = id else { return };
                let len = if rng.below(8) == 0 { rng.below(70_000) } else { rng.below(300) };
                let message = if rng.below(8) == 0 {
                    Message::text("")
                } else {
                    self.next += 1;
                    let mut data = self.next.to_be_bytes().to_vec();
                    data.resize(8 + usize::try_from(len).unwrap(), 0x5a);
                    Message::binary(data)
                };
                let _ = self.transport.write(now, id, message);
            }
            9 => {
                if let Some(id) = id {
                    if rng.below(4) == 0 {
                        self.transport.read_in_parts(id);
                    }
                    self.read(id);
                }
            }
            10 => {
                if let Some(id) = id {
                    self.transport.set_buffered_amount_low_threshold(id, 1_000);
                    let _ = self.transport.buffered_amount(id);
                }
            }
            11 => {
                if let Some(id) = id {
                    self.transport.close(now, id);
                }
            }
            12 => self.transport.connect(now),
            13 => self.transport.set_role(now, self.role),
            14 => self.transport.set_remote(now, 262_144, 5000),
            _ if rng.below(40) == 0 => self.transport.abort(now),
            _ if rng.below(4) == 0 => self.transport.path_changed(now),
            _ => self.transport.set_mtu(
                now,
                usize::try_from(rng.below(1_500)).unwrap(),
                usize::try_from(rng.below(3_000)).unwrap(),
            ),
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        self.transport.poll_transmit(now, out).map(|len| (None, len))
    }

    fn poll_event(&mut self, _now: Instant) -> bool {
        match self.transport.poll_event() {
            None => return false,
            Some(Event::Announced(id) | Event::Opened(id)) => self.know(id),
            Some(Event::Readable(id)) => {
                self.know(id);
                self.read(id);
            }
            Some(Event::Closed(id)) => {
                // Its name may be used again.
                self.read(id);
                self.last.remove(&id);
                self.open.remove(&id);
            }
            Some(_) => {}
        }
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.transport.poll_timeout()
    }

    fn arrived(&self) -> bool {
        self.arrived
    }
}

fn pair(seed: u64) -> Drive<Channels> {
    let start = drywire_sim::origin();
    let side = |role, number: u64, own: u8| {
        let mut bytes = [own; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        // Without DTLS it takes a checksum to find what was damaged.
        let mut config = Config::default();
        config.sctp.zero_checksum = false;
        Channels {
            transport: Transport::new(config, start, bytes),
            role,
            ids: Vec::new(),
            next: number,
            last: BTreeMap::new(),
            came: BTreeSet::new(),
            restarts: 0,
            open: BTreeMap::new(),
            arrived: false,
        }
    };
    let mut sides = [side(Role::Client, 0, 1), side(Role::Server, 1 << 32, 2)];
    if seed % 4 != 3 {
        for side in &mut sides {
            side.transport.set_role(start, side.role);
            side.transport.set_remote(start, 262_144, 5000);
            side.transport.connect(start);
            let id = side.transport.open(start, ChannelOptions::new("first")).unwrap();
            side.know(id);
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
