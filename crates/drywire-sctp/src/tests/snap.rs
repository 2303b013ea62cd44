//! Associations that begin with what was told before (draft-hancke-tsvwg-snap-00).

use drywire_core::Duration;

use super::link::{Pair, start};
use crate::packet::{Chunk, ChunkType, Chunks};
use crate::{Association, Config, Event, ParseError, SendOptions, State, StreamId};

/// What Chromium 156 tells: 5 MiB, FORWARD TSN, RE-CONFIG, I-DATA and I-FORWARD TSN.
const CHROMIUM: [u8; 32] = [
    1, 0, 0, 32, 0xd7, 0x41, 0xa0, 0x1c, 0, 0x50, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x67, 0x73, 0xbd, 0x0c, 0xc0,
    0, 0, 4, 0x80, 8, 0, 8, 0x82, 0xc0, 0x40, 0xc2,
];

#[test]
fn both_begin_at_once_and_the_first_packet_carries_data() {
    let configs = [true, false].map(|interleaving| Config { interleaving, ..Config::default() });
    let mut pair = Pair::new(configs, 1);
    let [a, b] = [pair.sides[0].local_init(), pair.sides[1].local_init()];
    assert_eq!(a, pair.sides[0].local_init());
    let began = pair.now;
    pair.sides[0].connect_with(began, &b).unwrap();
    pair.sides[1].connect_with(began, &a).unwrap();
    assert!(pair.is_established());
    for side in [0, 1] {
        pair.write(side, 3, b"hello", SendOptions::ordered());
    }
    pair.run_until(|pair| pair.events.iter().all(|events| events.len() == 2));
    assert_eq!(pair.now, began + Duration::from_millis(10), "half a round trip");
    for side in [0, 1] {
        assert_eq!(pair.events[side], [Event::Connected, Event::Readable(StreamId(3))]);
        assert_eq!(pair.sides[side].read(StreamId(3)).unwrap().data, "hello");
        assert_eq!(pair.sides[side].stats().handshake_chunks_sent, 0);
        assert_eq!(pair.sides[side].stats().packets_dropped, 0);
    }
    // Resets are counted from the numbers that were told.
    let now = pair.now;
    pair.sides[0].reset_streams(now, &[StreamId(3)]);
    pair.run_until(|pair| pair.events[0].contains(&Event::OutgoingStreamsReset(vec![StreamId(3)])));
    assert!(pair.events[1].contains(&Event::IncomingStreamsReset(vec![StreamId(3)])));
}

#[test]
fn what_chromium_tells_is_understood() {
    let now = start();
    let config = Config { interleaving: true, ..Config::default() };
    let mut association = Association::new(config, now, [1; 32]);
    association.connect_with(now, &CHROMIUM).unwrap();
    let peer = association.phase.peer().unwrap();
    assert_eq!(peer.tag, 0xd741_a01c);
    assert!(peer.extensions.interleaves && peer.extensions.skips_messages && peer.extensions.resets_streams);
    assert_eq!(association.rx.cumulative().next().0, 0x6773_bd0c);
    assert_eq!(association.stats().peer_window, 5 << 20);
    // Begun is begun.
    association.connect_with(now, &Association::new(Config::default(), now, [2; 32]).local_init()).unwrap();
    association.connect(now);
    assert_eq!((association.phase.peer(), association.state()), (Some(peer), State::Established));
}

#[test]
fn what_is_no_init_is_refused_and_a_handshake_begins_all_the_same() {
    let mut zero_tag = CHROMIUM;
    zero_tag[4..8].fill(0);
    let mut no_streams = CHROMIUM;
    no_streams[12..14].fill(0);
    let twice = [CHROMIUM, CHROMIUM].concat();
    let mut ack = CHROMIUM;
    ack[0] = ChunkType::INIT_ACK.0;
    let wrong = [&[][..], &CHROMIUM[..19], &zero_tag, &no_streams, &twice, &ack];
    let mut pair = Pair::new([Config::default(), Config::default()], 2);
    for bytes in wrong {
        let now = pair.now;
        assert!(matches!(
            pair.sides[0].connect_with(now, bytes),
            Err(ParseError::Forbidden { .. } | ParseError::WrongLength { .. } | ParseError::Truncated(_))
        ));
        assert_eq!(pair.sides[0].state(), State::Closed);
    }
    // The peer believes that they have begun.
    let (now, ours) = (pair.now, pair.sides[0].local_init());
    pair.sides[1].connect_with(now, &ours).unwrap();
    pair.sides[0].connect(now);
    pair.run_until(Pair::is_established);
    pair.write(0, 1, b"hello", SendOptions::ordered());
    pair.run_until(|pair| pair.sides[0].tx.is_done());
    assert_eq!(pair.sides[1].read(StreamId(1)).unwrap().data, "hello");
}

#[test]
fn it_is_the_chunk_of_the_handshake() {
    let mut pair = Pair::new([Config::default(), Config::default()], 3);
    let told = pair.sides[0].local_init();
    let now = pair.now;
    pair.sides[0].connect(now);
    let packets = pair.packets(0);
    assert_eq!(packets[0][12..], told);
    let chunks: Vec<Chunk<'_>> = Chunks::new(&told).map(Result::unwrap).collect();
    assert_eq!(chunks.len(), 1);
}
