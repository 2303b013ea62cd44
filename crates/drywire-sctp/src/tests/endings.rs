//! However an association ends: both sides are closed after a bounded time, nothing is armed or kept for ever, and what was
//! delivered before was delivered once and in order. And what only pretends to end it changes nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use drywire_core::{Duration, Rng};
use proptest::prelude::*;

use super::cases;
use super::link::{Pair, Weather};
use crate::packet::{Chunk, ChunkType, Header};
use crate::state::Phase;
use crate::{CloseReason, Config, Event, Ppid, SendError, SendOptions, State, StreamId};

const STREAMS: u16 = 4;

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Abort {
        by: [bool; 2],
    },
    Shutdown {
        by: [bool; 2],
    },
    /// One side shuts down, and after so many steps one aborts.
    Both {
        shutdown: usize,
        abort: usize,
        after: u32,
    },
    /// Somebody who knows the tags aborts one side; with the T bit it is the tag of the other one.
    Forged {
        to: usize,
        reflected: bool,
    },
}

fn end() -> impl Strategy<Value = End> {
    let some = prop_oneof![Just([true, false]), Just([false, true]), Just([true, true])];
    prop_oneof![
        some.clone().prop_map(|by| End::Abort { by }),
        some.prop_map(|by| End::Shutdown { by }),
        (0_usize..2, 0_usize..2, 0_u32..60).prop_map(|(shutdown, abort, after)| End::Both {
            shutdown,
            abort,
            after
        }),
        (0_usize..2, any::<bool>()).prop_map(|(to, reflected)| End::Forged { to, reflected }),
    ]
}

/// What one side has written and the other one not read, by stream, and whether it may be given up.
#[derive(Default)]
struct Ledger {
    unread: BTreeMap<u16, Vec<(Bytes, bool)>>,
    count: u64,
}

struct World {
    pair: Pair,
    ledgers: [Ledger; 2],
    rng: Rng,
}

impl World {
    fn write_some(&mut self) {
        let side = usize::from(self.rng.below(2) == 1);
        let stream = u16::try_from(self.rng.below(STREAMS.into())).unwrap();
        let most = if self.rng.below(6) == 0 { 15_000 } else { 900 };
        let len = usize::try_from(self.rng.below(most)).unwrap();
        let ledger = &mut self.ledgers[side];
        let mut data = ledger.count.to_be_bytes().to_vec();
        data.resize(8 + len, 0x33);
        let data = Bytes::from(data);
        let mut options =
            if stream.is_multiple_of(2) { SendOptions::ordered() } else { SendOptions::unordered() };
        match self.rng.below(6) {
            0 => options.max_retransmits = Some(self.rng.below(2)),
            1 => options.lifetime = Some(Duration::from_millis(self.rng.below(300).into())),
            _ => (),
        }
        let limited = options.max_retransmits.is_some() || options.lifetime.is_some();
        match self.pair.sides[side].write(self.pair.now, StreamId(stream), Ppid(53), data.clone(), options) {
            Ok(()) => {
                ledger.count += 1;
                ledger.unread.entry(stream).or_default().push((data, limited));
            }
            Err(SendError::Full | SendError::StreamResetting | SendError::Closed) => (),
            Err(error) => panic!("{error}"),
        }
    }

    fn read_all(&mut self, side: usize) {
        for stream in 0..STREAMS {
            while let Some(message) = self.pair.sides[side].read(StreamId(stream)) {
                let unread = self.ledgers[1 - side].unread.get_mut(&stream).unwrap();
                let at = unread.iter().position(|(data, _)| *data == message.data);
                let at = at.expect("a message that was not sent, or that came twice");
                if stream.is_multiple_of(2) {
                    // What was before it was given up.
                    assert!(unread.drain(..at).all(|(_, limited)| limited), "out of order");
                    unread.remove(0);
                } else {
                    unread.remove(at);
                }
            }
        }
    }

    fn step(&mut self) -> bool {
        for _ in 0..self.rng.below(4) {
            self.write_some();
        }
        if self.rng.below(30) == 0 {
            let (side, stream) = (usize::from(self.rng.below(2) == 1), self.rng.below(STREAMS.into()));
            let stream = StreamId(u16::try_from(stream).unwrap());
            self.pair.sides[side].reset_streams(self.pair.now, &[stream]);
        }
        for side in [0, 1] {
            if self.rng.below(3) == 0 {
                self.read_all(side);
            }
        }
        let more = self.pair.step();
        if self.rng.below(5) == 0 {
            let side = usize::from(self.rng.below(2) == 1);
            self.pretend(side);
        }
        more
    }

    /// What ends an association, with tags that are not the right ones, changes nothing but one counter.
    fn pretend(&mut self, side: usize) {
        self.pair.drain();
        let now = self.pair.now;
        let association = &mut self.pair.sides[side];
        let (local, peer) = (association.local_tag, association.phase.peer().map_or(77, |peer| peer.tag));
        let seen = |association: &crate::Association| {
            let stats = crate::Stats { packets_dropped: 0, ..association.stats() };
            (association.state(), association.poll_timeout(), stats, association.events.len())
        };
        let before = seen(association);
        for (flags, tags) in [(0, [0, local ^ 1, peer]), (1, [0, peer ^ 1, local])] {
            for tag in tags {
                for kind in [ChunkType::ABORT, ChunkType::SHUTDOWN_COMPLETE] {
                    association.handle_input(now, packet(tag, kind, flags));
                }
            }
        }
        assert_eq!(seen(association), before);
        assert!(association.poll_transmit(now, &mut Vec::new()).is_none());
    }

    fn abort(&mut self, side: usize) {
        self.pair.sides[side].abort(self.pair.now);
        assert_eq!(self.pair.sides[side].state(), State::Closed);
    }

    fn end(&mut self, end: End) {
        let now = self.pair.now;
        match end {
            End::Abort { by } => (0..2).filter(|side| by[*side]).for_each(|side| self.abort(side)),
            End::Shutdown { by } => {
                (0..2).filter(|side| by[*side]).for_each(|side| self.pair.sides[side].shutdown(now));
            }
            End::Both { shutdown, abort, after } => {
                self.pair.sides[shutdown].shutdown(now);
                for _ in 0..after {
                    self.step();
                }
                self.abort(abort);
            }
            End::Forged { to, reflected } => {
                let association = &mut self.pair.sides[to];
                if let Some(peer) = association.phase.peer() {
                    let (tag, flags) = if reflected { (peer.tag, 1) } else { (association.local_tag, 0) };
                    association.handle_input(now, packet(tag, ChunkType::ABORT, flags));
                    assert!(matches!(association.phase, Phase::Over));
                } else {
                    self.abort(to);
                }
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.pair.sides.iter().all(|side| side.state() == State::Closed)
    }
}

fn packet(tag: u32, kind: ChunkType, flags: u8) -> Bytes {
    let mut out = Vec::new();
    Header { source_port: 5000, destination_port: 5000, verification_tag: tag }.write(&mut out);
    Chunk::write_empty(&mut out, kind, flags);
    Header::seal(&mut out, 0);
    Bytes::from(out)
}

fn closings(events: &[Event]) -> Vec<CloseReason> {
    let reason = |event: &Event| match event {
        Event::Closed { reason } => Some(*reason),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn both_sides_are_closed_in_time_and_keep_nothing(
        seed: u8, near in 0_u32..60,
        loss in prop_oneof![4 => 0_u32..30, 1 => 30_u32..60], duplicate in 0_u32..30, jitter in 0_u64..80,
        window in prop_oneof![Just(1_u32), Just(1_u32 << 20)],
        interleaving: [bool; 2], both: bool,
        steps in prop_oneof![1 => 0_u32..8, 3 => 8_u32..200],
        end in end(),
    ) {
        let configs = interleaving.map(|interleaving| Config {
            initial_tsn: Some(u32::MAX - near),
            receive_window: window,
            max_message_size: 20_000,
            send_buffer: 50_000,
            interleaving,
            // Who is idle hears only by this that the other side is no more.
            heartbeat_interval: Some(Duration::from_secs(5)),
            max_retransmits: u32::MAX,
            max_init_retransmits: u32::MAX,
            ..Config::default()
        });
        let mut pair = Pair::new(configs, seed);
        pair.weather = Weather { loss, duplicate, jitter: Duration::from_millis(jitter) };
        pair.sides[0].connect(pair.now);
        if both {
            pair.sides[1].connect(pair.now);
        }
        let mut world = World { pair, ledgers: Default::default(), rng: Rng::new([seed ^ 0x33; 32]) };
        for _ in 0..steps {
            world.step();
        }
        world.end(end);

        // Whatever is lost: an hour is more than enough, with the losses that there may be in a row.
        let begun = world.pair.now;
        while !world.is_closed() {
            for side in [0, 1] {
                world.read_all(side);
            }
            if !world.pair.step() {
                break;
            }
            prop_assert!(world.pair.now - begun < Duration::from_secs(3_600), "{:?}", world.pair.sides.each_ref().map(crate::Association::state));
        }
        prop_assert!(world.is_closed());
        world.pair.run_for(Duration::from_secs(3_600));
        let sent = world.pair.sides.each_ref().map(|side| side.stats().packets_sent);
        world.pair.run_for(Duration::from_secs(3_600));
        prop_assert!(world.is_closed());
        for side in [0, 1] {
            world.read_all(side);
            let association = &mut world.pair.sides[side];
            prop_assert_eq!(association.poll_timeout(), None);
            prop_assert_eq!(association.poll_transmit(world.pair.now, &mut Vec::new()), None);
            let stats = association.stats();
            prop_assert_eq!((stats.packets_sent, stats.bytes_in_flight), (sent[side], 0));
            let buffered: usize = (0..STREAMS).map(|stream| association.buffered(StreamId(stream))).sum();
            // One that never began still waits, with what was written.
            let over = matches!(association.phase, Phase::Over);
            prop_assert!(!over || buffered == 0 && association.tx.is_done());
            prop_assert_eq!(association.rx.used(), 0);
            let closings = closings(&world.pair.events[side]);
            prop_assert_eq!(closings.len(), usize::from(over));
            let is_last = matches!(world.pair.events[side].last(), Some(Event::Closed { .. }));
            prop_assert!(!over || is_last);
        }
        // An end in good order loses nothing of what was taken.
        let orderly = world.pair.events.iter().all(|events| closings(events) == [CloseReason::Shutdown]);
        if orderly {
            for ledger in &world.ledgers {
                prop_assert!(ledger.unread.values().flatten().all(|(_, limited)| *limited));
            }
        }
        if matches!(end, End::Shutdown { .. }) && steps > 8 && loss == 0 && window > 1 {
            prop_assert!(orderly, "{:?}", world.pair.events);
        }
    }
}

/// A peer that has vanished does not keep one that ends the association from its end.
#[test]
fn one_side_alone_comes_to_an_end() {
    for shutdown in [false, true] {
        for data in [false, true] {
            let mut pair = Pair::connected([Config::default(), Config::default()], 3);
            if data {
                pair.write(0, 1, &[1; 5_000], SendOptions::ordered());
            }
            pair.drain();
            pair.weather.loss = 100;
            let now = pair.now;
            if shutdown {
                pair.sides[0].shutdown(now);
            } else {
                pair.sides[0].abort(now);
            }
            pair.run_for(Duration::from_secs(600));
            let expected = if shutdown { CloseReason::PeerUnreachable } else { CloseReason::Local };
            assert_eq!(closings(&pair.events[0]), [expected]);
            assert_eq!(pair.sides[0].poll_timeout(), None);
            assert!(pair.sides[0].tx.is_done());
        }
    }
}
