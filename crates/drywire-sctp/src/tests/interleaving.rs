//! Messages that interrupt one another (RFC 8260), and whose turn it is.

use bytes::Bytes;
use drywire_core::Duration;

use super::link::Pair;
use crate::packet::{Chunk, ChunkType, Data, DataFlags, Header, IData, IForwardTsn, Packet, SkippedMessage};
use crate::{Association, CloseReason, Config, Event, Ppid, Scheduler, SendError, SendOptions, StreamId};

fn config(interleaving: bool) -> Config {
    Config { interleaving, ..Config::default() }
}

/// The kinds of the chunks in `packets`.
fn kinds(packets: &[Bytes]) -> Vec<ChunkType> {
    let chunks = |packet: &Bytes| {
        let packet = Packet::parse(packet).unwrap();
        packet.chunks().map(|chunk| chunk.unwrap().kind).collect::<Vec<_>>()
    };
    packets.iter().flat_map(chunks).collect()
}

fn read_lens(side: &mut Association, stream: u16) -> Vec<usize> {
    std::iter::from_fn(|| side.read(StreamId(stream))).map(|message| message.data.len()).collect()
}

#[test]
fn is_used_when_both_sides_want_it() {
    for (ours, theirs) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut pair = Pair::connected([config(ours), config(theirs)], 1);
        for side in [0, 1] {
            pair.write(side, 3, b"hello", SendOptions::ordered());
            let packets = pair.packets(side);
            let expected = if ours && theirs { ChunkType::I_DATA } else { ChunkType::DATA };
            assert_eq!(kinds(&packets).last(), Some(&expected), "{ours} {theirs}");
            for packet in packets {
                pair.deliver(1 - side, packet);
            }
            assert_eq!(read_lens(&mut pair.sides[1 - side], 3), [5]);
        }
    }
}

#[test]
fn a_short_message_overtakes_a_long_one() {
    for (interleaving, first) in [(true, 2), (false, 1)] {
        let mut pair = Pair::connected([config(interleaving), config(interleaving)], 2);
        pair.write(0, 1, &[1; 200_000], SendOptions::ordered());
        pair.drain();
        pair.write(0, 2, b"now", SendOptions::ordered());
        pair.run_until(|pair| !pair.events[1].is_empty());
        assert_eq!(pair.events[1][0], Event::Readable(StreamId(first)));
        pair.run_until(|pair| pair.events[1].len() == 2);
        assert_eq!(read_lens(&mut pair.sides[1], 1), [200_000]);
        assert_eq!(read_lens(&mut pair.sides[1], 2), [3]);
    }
}

/// Settings under which no more than a few packets are in flight.
fn narrow() -> Config {
    Config { receive_window: 20_000, max_message_size: 10_000, ..config(true) }
}

/// Two streams with more to send than can be sent: how much of each arrives until one of them is through.
fn contest(scheduler: Scheduler, priorities: [u16; 2]) -> [usize; 2] {
    let config = Config { scheduler, ..narrow() };
    let mut pair = Pair::connected([config.clone(), config], 3);
    for (stream, priority) in (1..).zip(priorities) {
        pair.sides[0].set_priority(StreamId(stream), priority);
        for _ in 0..100 {
            pair.write(0, stream, &[1; 10_000], SendOptions::ordered());
        }
    }
    let mut got = [0; 2];
    while got.iter().all(|got| *got < 800_000) {
        assert!(pair.step());
        for stream in [1, 2] {
            got[usize::from(stream - 1)] += read_lens(&mut pair.sides[1], stream).iter().sum::<usize>();
        }
    }
    got
}

#[test]
fn the_scheduler_says_whose_turn_it_is() {
    let share = |scheduler, priorities| {
        let [first, second] = contest(scheduler, priorities);
        first * 100 / (first + second)
    };
    for (scheduler, priorities, expected) in [
        (Scheduler::RoundRobin, [1024, 128], 50),
        (Scheduler::WeightedFair, [256, 256], 50),
        (Scheduler::WeightedFair, [768, 256], 75),
        (Scheduler::WeightedFair, [1024, 128], 89),
        (Scheduler::Priority, [512, 256], 100),
    ] {
        let share = share(scheduler, priorities);
        assert!(share.abs_diff(expected) <= 2, "{scheduler:?} {priorities:?} {share}");
    }
}

#[test]
fn a_stream_that_was_idle_does_not_save_up() {
    let mut pair = Pair::connected([narrow(), narrow()], 4);
    for stream in [1, 2] {
        for _ in 0..90 {
            pair.write(0, stream, &[1; 10_000], SendOptions::ordered());
        }
        // The first one is alone for a while.
        for _ in 0..40 {
            pair.step();
            while pair.sides[1].read(StreamId(1)).is_some() {}
        }
    }
    // What they have sent from now on is about the same.
    let before = pair.sides[0].buffered(StreamId(1));
    let goal = pair.sides[0].buffered(StreamId(2)) - 100_000;
    while pair.sides[0].buffered(StreamId(2)) > goal {
        pair.step();
        while pair.sides[1].read(StreamId(1)).or_else(|| pair.sides[1].read(StreamId(2))).is_some() {}
    }
    let sent = before - pair.sides[0].buffered(StreamId(1));
    assert!((90_000..110_000).contains(&sent), "{sent}");
}

#[test]
fn the_other_kind_of_chunk_ends_the_association() {
    for interleaving in [false, true] {
        let mut pair = Pair::connected([config(interleaving), config(interleaving)], 5);
        let (tsn, stream, data) = (pair.sides[0].rx.cumulative().next(), StreamId(0), &b"x"[..]);
        let flags = DataFlags(DataFlags::BEGINNING | DataFlags::ENDING);
        let packet = packet_to(&pair.sides[0], |out| match interleaving {
            true => Data { flags, tsn, stream, ssn: 0, ppid: Ppid(53), data }.write(out),
            false => IData { flags, tsn, stream, mid: 0, ppid_or_fsn: 53, data }.write(out),
        });
        pair.deliver(0, packet);
        pair.drain();
        assert_eq!(pair.events[0], [Event::Closed { reason: CloseReason::ProtocolViolation }]);
        assert!(pair.sides[0].read(stream).is_none());
        pair.run_until(|pair| !pair.events[1].is_empty());
        let reason = CloseReason::PeerAborted { cause: Some(13) };
        assert_eq!(pair.events[1], [Event::Closed { reason }]);
    }
}

/// A packet of the peer.
fn packet_to(association: &Association, chunk: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::new();
    Header { source_port: 5000, destination_port: 5000, verification_tag: association.local_tag }
        .write(&mut out);
    chunk(&mut out);
    Header::seal(&mut out, 0);
    Bytes::from(out)
}

#[test]
fn e07_what_is_given_up_leaves_nothing_behind() {
    let mut pair = Pair::connected([config(true), config(true)], 6);
    let first = pair.sides[0].rx.cumulative().next();
    let fragment = |tsn, flags, mid| {
        let data =
            IData { flags: DataFlags(flags), tsn, stream: StreamId(4), mid, ppid_or_fsn: 1, data: b"x" };
        move |out: &mut Vec<u8>| data.write(out)
    };
    let unordered = DataFlags::UNORDERED;
    for (step, flags, mid) in [(1, unordered, 0), (3, 0, 0), (5, DataFlags::BEGINNING, 1)] {
        let packet = packet_to(&pair.sides[0], fragment(first.add(step), flags, mid));
        pair.deliver(0, packet);
    }
    assert!(pair.sides[0].rx.used() > 0);
    let skipped = |unordered, mid| SkippedMessage { stream: StreamId(4), unordered, mid };
    let forward = packet_to(&pair.sides[0], |out| {
        IForwardTsn::write(out, first.add(6), [skipped(true, 0), skipped(false, 1)].into_iter());
    });
    pair.deliver(0, forward);
    assert_eq!(pair.sides[0].rx.used(), 0);
    // What comes late of these messages is acknowledged and not kept.
    for (step, flags, mid) in [(7, unordered, 0), (8, 0, 0), (9, 0, 1)] {
        let packet = packet_to(&pair.sides[0], fragment(first.add(step), flags, mid));
        pair.deliver(0, packet);
    }
    assert_eq!(pair.sides[0].rx.used(), 0);
    assert_eq!(pair.sides[0].rx.cumulative(), first.add(9));
    // The next message of the stream is not held up.
    let whole = DataFlags::BEGINNING | DataFlags::ENDING;
    let packet = packet_to(&pair.sides[0], fragment(first.add(10), whole, 2));
    pair.deliver(0, packet);
    assert_eq!(read_lens(&mut pair.sides[0], 4), [1]);
    // The chunk of associations that do not interleave means nothing here.
    let before = pair.sides[0].rx.cumulative();
    let wrong = packet_to(&pair.sides[0], |out| {
        Chunk::write(out, ChunkType::FORWARD_TSN, 0, |out| out.extend(first.add(90).0.to_be_bytes()));
    });
    pair.deliver(0, wrong);
    assert_eq!(pair.sides[0].rx.cumulative(), before);
}

#[test]
fn a_message_in_parts_is_one_message() {
    for interleaving in [false, true] {
        let mut pair = Pair::connected([config(interleaving), config(interleaving)], 7);
        pair.weather.loss = 10;
        let (stream, ppid, options) = (StreamId(1), Ppid(53), SendOptions::ordered());
        let mut all = Vec::new();
        for part in 0..20_u8 {
            let data = vec![part; 1 + usize::from(part) * 300];
            all.extend_from_slice(&data);
            let (now, ends) = (pair.now, part == 19);
            pair.sides[0].write_part(now, stream, ppid, Bytes::from(data), options, ends).unwrap();
            if part == 5 {
                pair.write(0, 2, b"another stream", SendOptions::ordered());
            }
            pair.run_for(Duration::from_millis(50));
            let overtakes = interleaving && part == 18;
            assert!(!overtakes || pair.events[1] == [Event::Readable(StreamId(2))]);
        }
        pair.write(0, 1, b"next", SendOptions::ordered());
        pair.run_until(|pair| pair.sides[0].tx.is_done());
        assert_eq!(pair.sides[1].read(stream).unwrap().data, all);
        assert_eq!(pair.sides[1].read(stream).unwrap().data, "next");
        assert_eq!(pair.sides[1].read(StreamId(2)).unwrap().data, "another stream");
        assert_eq!(pair.sides[0].stats().messages_sent, 3);
        assert_eq!(pair.sides[1].rx.used(), 0);
    }
}

#[test]
fn a_message_that_is_not_brought_to_its_end_is_cut_off_by_a_reset() {
    for interleaving in [false, true] {
        let mut config = config(interleaving);
        config.max_outgoing_message_size = 10;
        let mut pair = Pair::connected([config.clone(), config], 8);
        let (now, stream, ppid) = (pair.now, StreamId(1), Ppid(53));
        let part = || Bytes::from_static(b"seven..");
        let (ordered, limited) = (SendOptions::ordered(), SendOptions::ordered().with_max_retransmits(1));
        let side = &mut pair.sides[0];
        assert_eq!(side.write_part(now, stream, ppid, part(), limited, false), Err(SendError::LimitedPart));
        assert_eq!(side.write_part(now, stream, ppid, part(), ordered, false), Ok(()));
        assert_eq!(side.write_part(now, stream, ppid, part(), limited, true), Err(SendError::LimitedPart));
        assert_eq!(side.write_part(now, stream, ppid, part(), ordered, true), Err(SendError::TooLarge));
        side.reset_streams(now, &[stream]);
        pair.write(0, 2, b"other", SendOptions::ordered());
        pair.run_until(|pair| pair.events[0].contains(&Event::OutgoingStreamsReset(vec![StreamId(1)])));
        pair.write(0, 1, b"new", SendOptions::ordered());
        pair.run_until(|pair| pair.sides[0].tx.is_done());
        assert_eq!(pair.sides[1].read(stream).unwrap().data, "new");
        assert!(pair.sides[1].read(stream).is_none());
        assert_eq!(pair.sides[1].read(StreamId(2)).unwrap().data, "other");
    }
}

/// However many long messages are sent at once, the peer's window is not filled with parts none of which can be completed.
#[test]
fn long_messages_at_once_are_completed_in_a_narrow_window() {
    let mut config = config(true);
    (config.max_message_size, config.receive_window) = (60_000, 0);
    let mut pair = Pair::connected([config.clone(), config], 7);
    for stream in 0..30 {
        pair.write(0, stream, &[1; 60_000], SendOptions::ordered());
    }
    pair.run_until(|pair| pair.sides[1].stats().messages_received > 0);
    let mut came = 0;
    for _ in 0..1_000 {
        for stream in 0..30 {
            came += read_lens(&mut pair.sides[1], stream).len();
        }
        pair.run_for(Duration::from_millis(50));
    }
    assert_eq!(came, 30, "{:?}", pair.sides[0].stats());
    assert_eq!(pair.sides[0].stats().timeouts, 0, "nothing was sent into a closed window");
}
