//! Messages that may be given up (RFC 3758, RFC 7496).

use bytes::Bytes;
use drywire_core::{Duration, Serial};
use proptest::prelude::*;

use super::attacks::Forger;
use super::cases;
use super::link::{Pair, Weather};
use crate::packet::{ChunkType, ForwardTsn, Packet};
use crate::{Config, Event, SendError, SendOptions, StreamId};

fn connected() -> Pair {
    Pair::connected([Config::default(), Config::default()], 4)
}

fn read(pair: &mut Pair, side: usize, stream: u16) -> Vec<Bytes> {
    std::iter::from_fn(|| pair.sides[side].read(StreamId(stream))).map(|message| message.data).collect()
}

fn forwards(packets: &[Bytes]) -> Vec<(u32, Vec<(u16, u16)>)> {
    let mut found = Vec::new();
    for packet in packets {
        for chunk in Packet::parse(packet).unwrap().chunks().map(Result::unwrap) {
            if chunk.kind == ChunkType::FORWARD_TSN {
                let forward = ForwardTsn::parse(&chunk).unwrap();
                let skipped = forward.skipped().map(|(stream, ssn)| (stream.0, ssn)).collect();
                found.push((forward.cumulative.0, skipped));
            }
        }
    }
    found
}

#[test]
fn what_may_not_be_sent_again_is_skipped() {
    let mut pair = connected();
    let options = SendOptions::ordered().with_max_retransmits(0);
    pair.write(0, 7, b"lost", options);
    let lost = pair.packets(0);
    assert_eq!(lost.len(), 1);
    for n in 0..3 {
        pair.write(0, 7, &[n], options);
        let packets = pair.packets(0);
        packets.into_iter().for_each(|packet| pair.deliver(1, packet));
        let sacks = pair.packets(1);
        sacks.into_iter().for_each(|packet| pair.deliver(0, packet));
    }
    // Three later packets have arrived: it counts as lost, and so is given up.
    let packets = pair.packets(0);
    let first = pair.sides[0].local_tsn.0;
    assert_eq!(forwards(&packets), [(first, vec![(7, 0)])]);
    assert!(read(&mut pair, 1, 7).is_empty(), "they wait for the first");
    packets.into_iter().for_each(|packet| pair.deliver(1, packet));
    assert_eq!(read(&mut pair, 1, 7), [[0], [1], [2]].map(|byte| Bytes::copy_from_slice(&byte)));
    // It was only late: nobody wants it now.
    lost.into_iter().for_each(|packet| pair.deliver(1, packet));
    assert!(read(&mut pair, 1, 7).is_empty());
    pair.run_for(Duration::from_secs(5));
    let stats = pair.sides[0].stats();
    assert_eq!((stats.messages_abandoned, stats.retransmissions, stats.bytes_in_flight), (1, 0, 0));
    assert!(pair.sides[0].tx.is_done());
    assert_eq!(pair.sides[1].rx.used(), 0);
}

#[test]
fn a_lost_word_of_what_is_skipped_is_said_again() {
    let mut pair = connected();
    pair.write(0, 1, b"lost", SendOptions::unordered().with_max_retransmits(0));
    pair.packets(0);
    pair.weather.loss = 100;
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.sides[0].stats().messages_abandoned, 1);
    pair.weather.loss = 0;
    pair.run_for(Duration::from_secs(15));
    assert!(pair.sides[0].tx.is_done());
    pair.write(0, 1, b"next", SendOptions::ordered());
    pair.run_for(Duration::from_secs(1));
    assert_eq!(read(&mut pair, 1, 1), [Bytes::from_static(b"next")]);
}

#[test]
fn a_lifetime_counts_for_what_is_queued_and_for_what_is_cut() {
    let config = Config { send_buffer: 100_000, ..Config::default() };
    let mut pair = Pair::connected([config.clone(), config], 4);
    // More than the first window of data: a part of it stays here.
    let options = SendOptions::ordered().with_lifetime(Duration::from_millis(100));
    for stream in [0, 1] {
        pair.write(0, stream, &[8; 60_000], options);
    }
    pair.packets(0);
    pair.weather.loss = 100;
    pair.run_for(Duration::from_millis(200));
    // There is room at once, although nobody has said yet that the first one is given up.
    assert!(pair.sides[0].buffered(StreamId(1)) > 0);
    pair.weather.loss = 0;
    for stream in [0, 1] {
        pair.write(0, stream, b"fresh", SendOptions::ordered());
    }
    pair.run_for(Duration::from_secs(5));
    for stream in [0, 1] {
        assert_eq!(read(&mut pair, 1, stream), [Bytes::from_static(b"fresh")]);
        assert_eq!(pair.sides[0].buffered(StreamId(stream)), 0);
    }
    assert_eq!(pair.sides[0].stats().messages_abandoned, 2);
    assert!(pair.sides[0].tx.is_done());
    assert_eq!(pair.sides[1].rx.used(), 0);
}

#[test]
fn what_is_too_late_makes_room_for_what_is_not() {
    let config = Config { send_buffer: 10_000, ..Config::default() };
    let mut pair = Pair::connected([config.clone(), config], 4);
    pair.weather.loss = 100;
    let options = SendOptions::unordered().with_lifetime(Duration::from_millis(50));
    let write = |pair: &mut Pair| {
        let data = Bytes::from(vec![1; 1000]);
        pair.sides[0].write(pair.now, StreamId(3), crate::Ppid(53), data, options)
    };
    while write(&mut pair).is_ok() {
        pair.drain();
    }
    assert_eq!(write(&mut pair), Err(SendError::Full));
    pair.run_for(Duration::from_millis(60));
    assert_eq!(write(&mut pair), Ok(()));
    assert!(pair.sides[0].stats().messages_abandoned > 5);
}

#[test]
fn a_peer_that_does_not_know_of_it_gets_everything() {
    let mut pair = connected();
    pair.sides[0].tx.set_partial(false);
    pair.weather.loss = 50;
    for n in 0..50 {
        pair.write(0, 1, &[n], SendOptions::ordered().with_max_retransmits(0).with_lifetime(Duration::ZERO));
    }
    pair.run_until(|pair| pair.sides[0].tx.is_done());
    assert_eq!(read(&mut pair, 1, 1).len(), 50);
}

/// Attack E07: who did not say that it gives up messages, absurd numbers, streams that are not there, all of it often.
#[test]
fn e07_forward_tsn_is_taken_from_those_who_may_and_as_far_as_it_can_be() {
    let forward = |forger: &Forger, ahead: u32, streams: &[(u16, u16)]| {
        let cumulative = Serial(forger.tsn.wrapping_add(ahead));
        let streams = streams.iter().map(|(stream, ssn)| (StreamId(*stream), *ssn));
        forger.packet(|out| ForwardTsn::write(out, cumulative, streams))
    };
    // Not negotiated.
    let mut pair = connected();
    let forger = Forger::of(&pair, 0);
    let known = pair.sides[1].phase.peer().unwrap();
    let extensions = crate::state::Extensions { skips_messages: false, ..known.extensions };
    pair.sides[1].phase.set_peer(crate::state::Peer { extensions, ..known });
    let before = pair.sides[1].rx.cumulative();
    pair.deliver(1, forward(&forger, 5, &[(0, 5)]));
    assert_eq!(pair.sides[1].rx.cumulative(), before);

    // Absurd.
    let mut pair = connected();
    for ahead in [1 << 21, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, u32::MAX - 5] {
        pair.deliver(1, forward(&forger_of(&pair), ahead, &[(0, 0x7fff), (9, 0xffff)]));
        assert_eq!(pair.sides[1].rx.cumulative(), before_first(&pair));
    }
    // Fragments and messages that wait are let go, or delivered; whatever comes, memory is what is kept.
    let forger = forger_of(&pair);
    for n in (2..400).step_by(2) {
        pair.deliver(1, forger.data(n, 1, u16::try_from(n).unwrap(), &[7; 500]));
    }
    assert!(pair.sides[1].rx.used() > 0);
    for round in 0..2000_u32 {
        let streams: Vec<_> = (0..250).map(|n| (n * 262, u16::try_from(round % 300).unwrap())).collect();
        pair.deliver(1, forward(&forger, round, &streams));
        pair.drain();
    }
    assert_eq!(pair.sides[1].rx.cumulative(), Serial(forger.tsn.wrapping_add(1999)));
    pair.deliver(1, forward(&forger, 2000, &[(1, 500)]));
    let readable = read(&mut pair, 1, 1).len();
    assert_eq!(readable, 199);
    assert_eq!(pair.sides[1].rx.used(), 0);
    assert!(pair.events[1].iter().filter(|event| matches!(event, Event::Readable(_))).count() <= 200);
}

fn forger_of(pair: &Pair) -> Forger {
    Forger::of(pair, 0)
}

fn before_first(pair: &Pair) -> Serial<u32> {
    Serial(pair.sides[0].local_tsn.0).sub(1)
}

/// What is to be sent: stream, whether ordered, length, and when it is given up.
type Letter = (u16, bool, usize, Option<u32>, Option<u64>);

fn letter() -> impl Strategy<Value = Letter> {
    let len = prop_oneof![3 => 1_usize..400, 2 => 400_usize..9_000, 1 => 9_000_usize..40_000];
    (0_u16..3, any::<bool>(), len, prop::option::of(0_u32..3), prop::option::of(0_u64..400))
}

proptest! {
    #![proptest_config(cases(128))]

    /// What must arrive arrives once and in order, what may be given up at most once and in order, and nothing sticks.
    #[test]
    fn what_is_reliable_arrives_whatever_is_given_up(
        seed: u8, loss in 0_u32..50, duplicate in 0_u32..20, jitter in 0_u64..40, near in 0_u32..30,
        letters in proptest::collection::vec(letter(), 1..60),
        gap in 0_u64..80, interleaving: bool,
    ) {
        let config = Config {
            initial_tsn: Some(u32::MAX - near),
            initial_mid: u32::MAX - 3,
            interleaving,
            max_retransmits: u32::MAX,
            max_init_retransmits: u32::MAX,
            ..Config::default()
        };
        let mut pair = Pair::connected([config.clone(), config], seed);
        pair.weather = Weather { loss, duplicate, jitter: Duration::from_millis(jitter) };
        for (index, (stream, ordered, len, retransmits, lifetime)) in letters.iter().enumerate() {
            let mut options = if *ordered { SendOptions::ordered() } else { SendOptions::unordered() };
            options.max_retransmits = *retransmits;
            options.lifetime = lifetime.map(Duration::from_millis);
            let mut data = vec![u8::try_from(index).unwrap(); *len];
            data[0] = u8::try_from(index).unwrap();
            pair.write(0, *stream, &data, options);
            pair.run_for(Duration::from_millis(gap));
        }
        pair.run_until(|pair| pair.sides[0].tx.is_done());
        prop_assert_eq!(pair.sides[0].stats().bytes_in_flight, 0);
        for stream in 0..3 {
            let got: Vec<_> = std::iter::from_fn(|| pair.sides[1].read(StreamId(stream))).collect();
            let index = |data: &Bytes| usize::from(data[0]);
            let mut last = None;
            let mut seen = std::collections::BTreeSet::new();
            for message in &got {
                let (_, ordered, len, _, _) = letters[index(&message.data)];
                prop_assert_eq!((message.data.len(), message.ordered), (len, ordered));
                prop_assert!(message.data.iter().all(|byte| *byte == message.data[0]));
                prop_assert!(seen.insert(index(&message.data)), "twice");
                if ordered {
                    prop_assert!(last < Some(index(&message.data)));
                    last = Some(index(&message.data));
                }
            }
            for (at, letter) in letters.iter().enumerate() {
                let reliable = letter.3.is_none() && letter.4.is_none();
                prop_assert!(!reliable || letter.0 != stream || seen.contains(&at), "{} is missing", at);
            }
        }
        prop_assert_eq!(pair.sides[1].rx.used(), 0);
    }
}
