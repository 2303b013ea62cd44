//! Packets without a checksum (RFC 9653).

use bytes::Bytes;
use drywire_core::Duration;

use super::link::Pair;
use crate::packet::{ChunkType, Header, has_checksum};
use crate::{Config, SendOptions, State, StreamId};

fn config(zero_checksum: bool) -> Config {
    Config { zero_checksum, ..Config::default() }
}

fn is_zero(packet: &Bytes) -> bool {
    packet[8..12] == [0; 4]
}

/// All packets of a session with data both ways and a shutdown.
fn session(a: bool, b: bool) -> Vec<Bytes> {
    let mut pair = Pair::new([config(a), config(b)], 6);
    let mut all = Vec::new();
    for side in [0, 1] {
        pair.write(side, 1, &[7; 3000], SendOptions::ordered());
    }
    pair.sides[0].connect(pair.now);
    for round in 0..40 {
        for side in [0, 1] {
            for packet in pair.packets(side) {
                all.push(packet.clone());
                pair.deliver(1 - side, packet);
            }
        }
        if round == 20 {
            for side in [0, 1] {
                assert_eq!(pair.sides[side].read(StreamId(1)).unwrap().data, vec![7; 3000]);
            }
            pair.sides[1].shutdown(pair.now);
        }
        pair.now += Duration::from_millis(250);
        pair.sides.iter_mut().for_each(|side| side.handle_timeout(pair.now));
    }
    assert!(pair.sides.iter().all(|side| side.state() == State::Closed));
    assert!(pair.sides.iter().all(|side| side.stats().packets_dropped == 0));
    all
}

#[test]
fn checksums_are_left_out_where_both_agree() {
    for (a, b) in [(false, false), (true, false), (false, true)] {
        assert!(session(a, b).iter().all(|packet| has_checksum(packet)));
    }
    let packets = session(true, true);
    let first = |packet: &Bytes| ChunkType(packet[Header::LEN]);
    for packet in &packets {
        assert!(is_zero(packet) || has_checksum(packet));
        let needs =
            [ChunkType::INIT, ChunkType::INIT_ACK, ChunkType::COOKIE_ECHO, ChunkType::SHUTDOWN_COMPLETE];
        assert_eq!(is_zero(packet), !needs.contains(&first(packet)), "{:?}", first(packet));
    }
    assert!(packets.iter().filter(|packet| is_zero(packet)).count() > 5);
}

/// Attack E05: a checksum of zero where it was not agreed upon.
#[test]
fn e05_a_missing_checksum_is_taken_only_where_it_was_agreed_upon() {
    let zeroed = |packet: &Bytes| {
        let mut bytes = packet.to_vec();
        bytes[8..12].fill(0);
        Bytes::from(bytes)
    };
    // Not agreed: nothing of it is taken.
    let mut pair = Pair::connected([config(false), config(false)], 6);
    pair.write(0, 1, b"data", SendOptions::ordered());
    let packets = pair.packets(0);
    packets.iter().for_each(|packet| pair.deliver(1, zeroed(packet)));
    assert_eq!(pair.sides[1].read(StreamId(1)), None);
    assert_eq!(pair.sides[1].stats().packets_dropped, 1);

    // INIT needs one always: its sender was told nothing. All that follows may do without, even what we send with one.
    let mut pair = Pair::new([config(true), config(true)], 6);
    pair.sides[0].connect(pair.now);
    let init = pair.packets(0).remove(0);
    pair.deliver(1, zeroed(&init));
    assert!(pair.packets(1).is_empty());
    pair.deliver(1, init);
    for (from, to) in [(1, 0), (0, 1), (1, 0)] {
        let packets = pair.packets(from);
        assert_eq!(packets.len(), 1);
        pair.deliver(to, zeroed(&packets[0]));
    }
    assert!(pair.is_established());
    pair.sides[0].abort(pair.now);
    let packets = pair.packets(0);

    // A wrong checksum is not the same as none.
    let mut wrong = packets[0].to_vec();
    wrong[8] ^= 1;
    pair.deliver(1, Bytes::from(wrong));
    assert!(pair.sides[1].state() == State::Established);
    pair.deliver(1, zeroed(&packets[0]));
    assert!(pair.sides[1].state() == State::Closed);
}
