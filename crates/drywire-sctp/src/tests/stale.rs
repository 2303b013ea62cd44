//! Cookies that become too old on their way (RFC 9260, section 5.2.6).

use bytes::Bytes;
use drywire_core::Duration;

use super::link::Pair;
use crate::packet::{ChunkType, Header};
use crate::{Config, SendOptions, State, StreamId};

fn pair() -> Pair {
    Pair::new([Config::default(), Config::default()], 8)
}

/// The only packet that `side` has to send, which begins with `kind`.
fn packet(pair: &mut Pair, side: usize, kind: ChunkType) -> Bytes {
    let mut packets = pair.packets(side);
    assert_eq!(packets.len(), 1);
    let packet = packets.remove(0);
    assert_eq!(ChunkType(packet[Header::LEN]), kind);
    packet
}

fn pass(pair: &mut Pair, time: Duration) {
    pair.now += time;
    pair.sides.iter_mut().for_each(|side| side.handle_timeout(pair.now));
}

/// The handshake of side 0 until its COOKIE ECHO, and the INIT ACK that it answers.
fn until_cookie_echo(pair: &mut Pair) -> (Bytes, Bytes) {
    pair.sides[0].connect(pair.now);
    let init = packet(pair, 0, ChunkType::INIT);
    pair.deliver(1, init);
    let init_ack = packet(pair, 1, ChunkType::INIT_ACK);
    pair.deliver(0, init_ack.clone());
    (init_ack, packet(pair, 0, ChunkType::COOKIE_ECHO))
}

#[test]
fn another_one_is_asked_for_and_what_went_along_is_sent_again() {
    let mut pair = pair();
    pair.write(0, 1, b"hello", SendOptions::ordered());
    let (_, echo) = until_cookie_echo(&mut pair);
    pair.now += Duration::from_secs(61);
    pair.deliver(1, echo);
    assert_eq!((pair.sides[1].state(), pair.sides[1].read(StreamId(1))), (State::Closed, None));
    let error = packet(&mut pair, 1, ChunkType::ERROR);
    pair.deliver(0, error);
    pair.run_for(Duration::from_secs(5));
    assert!(pair.is_established());
    assert_eq!(pair.sides[1].read(StreamId(1)).unwrap().data, &b"hello"[..]);
    assert_eq!(pair.sides[1].read(StreamId(1)), None);
}

/// The cookie is too old at first; then the peer begins, too, so that it takes a copy of it, and sends data. All that comes
/// late then: the word that it was too old, and another answer to our INIT.
#[test]
fn data_of_a_peer_that_has_taken_the_cookie_in_the_end_does_not_come_twice() {
    let mut pair = pair();
    let (init_ack, first) = until_cookie_echo(&mut pair);
    pass(&mut pair, Duration::from_secs(61));
    let second = packet(&mut pair, 0, ChunkType::COOKIE_ECHO);
    pair.deliver(1, first);
    let error = packet(&mut pair, 1, ChunkType::ERROR);

    pair.sides[1].connect(pair.now);
    let init = packet(&mut pair, 1, ChunkType::INIT);
    pair.deliver(0, init);
    let answer = packet(&mut pair, 0, ChunkType::INIT_ACK);
    pair.deliver(1, answer);
    drop(packet(&mut pair, 1, ChunkType::COOKIE_ECHO));
    pair.deliver(1, second);
    assert_eq!(pair.sides[1].state(), State::Established);
    drop(packet(&mut pair, 1, ChunkType::COOKIE_ACK));
    pair.write(1, 1, b"hello", SendOptions::ordered());
    let data = packet(&mut pair, 1, ChunkType::DATA);
    pair.deliver(0, data);
    assert_eq!(pair.sides[0].read(StreamId(1)).unwrap().data, &b"hello"[..]);

    pair.deliver(0, error);
    pair.deliver(0, init_ack);
    pair.run_for(Duration::from_secs(10));
    assert!(pair.is_established());
    assert_eq!(pair.sides[0].read(StreamId(1)), None);
    assert_eq!(pair.sides[1].stats().bytes_in_flight, 0);
}
