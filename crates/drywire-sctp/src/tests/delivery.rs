//! All that is written is read, once, and in order where it is ordered.

use std::collections::BTreeMap;

use bytes::Bytes;
use drywire_core::Duration;
use proptest::prelude::*;

use super::cases;
use super::link::{Pair, Weather};
use crate::{Config, CongestionControl, Event, Ppid, SendError, SendOptions, StreamId};

/// A message to be sent, which says of itself what it is.
#[derive(Clone, Debug)]
struct Letter {
    stream: u16,
    ordered: bool,
    len: usize,
}

fn letters(most: usize) -> impl Strategy<Value = Vec<Letter>> {
    let len = prop_oneof![3 => 1_usize..64, 3 => 64_usize..3000, 1 => 3000_usize..most];
    let stream = prop_oneof![4 => 0_u16..4, 1 => Just(65_534_u16)];
    let letter =
        (stream, any::<bool>(), len).prop_map(|(stream, ordered, len)| Letter { stream, ordered, len });
    proptest::collection::vec(letter, 1..60)
}

fn body(index: usize, letter: &Letter) -> Bytes {
    let mut body = vec![u8::try_from(index % 251).unwrap(); letter.len];
    for (at, byte) in body.iter_mut().enumerate() {
        *byte = byte.wrapping_add(u8::try_from(at % 239).unwrap());
    }
    Bytes::from(body)
}

/// Sends `letters` from side 0 to side 1 and checks what is read there; reads only every `lazy` steps.
fn exchange(pair: &mut Pair, letters: &[Letter], lazy: u32) {
    let mut waiting: std::collections::VecDeque<_> = letters.iter().enumerate().collect();
    let mut expected: BTreeMap<u16, Vec<(usize, bool, Bytes)>> = BTreeMap::new();
    for (index, letter) in letters.iter().enumerate() {
        expected.entry(letter.stream).or_default().push((index, letter.ordered, body(index, letter)));
    }
    let mut steps = 0_u32;
    while !waiting.is_empty() || !expected.is_empty() {
        while let Some((index, letter)) = waiting.front() {
            let options = SendOptions { ordered: letter.ordered, ..SendOptions::ordered() };
            let data = body(*index, letter);
            match pair.sides[0].write(pair.now, StreamId(letter.stream), Ppid(53), data, options) {
                Ok(()) => waiting.pop_front(),
                Err(SendError::Full) => break,
                Err(error) => panic!("{error}"),
            };
        }
        steps += 1;
        let alive = pair.step();
        for events in &pair.events {
            assert!(!events.iter().any(|event| matches!(event, Event::Closed { .. })), "{events:?}");
        }
        if !alive || steps.is_multiple_of(lazy) {
            let mut read = false;
            for stream in [0, 1, 2, 3, 65_534] {
                while let Some(message) = pair.sides[1].read(StreamId(stream)) {
                    read = true;
                    let queue = expected.get_mut(&stream).expect("nothing more was sent on the stream");
                    let at = if message.ordered {
                        queue.iter().position(|(_, ordered, _)| *ordered).unwrap()
                    } else {
                        let same =
                            |(_, ordered, data): &(usize, bool, Bytes)| !ordered && *data == message.data;
                        queue.iter().position(same).expect("an unordered message that was not sent, or twice")
                    };
                    let (_, ordered, data) = queue.remove(at);
                    assert_eq!((ordered, &data), (message.ordered, &message.data));
                    if queue.is_empty() {
                        expected.remove(&stream);
                    }
                }
            }
            assert!(
                alive || read || waiting.is_empty() && expected.is_empty(),
                "stuck: {:?}",
                pair.sides[0].stats()
            );
        }
        assert!(steps < 300_000, "never done: {:?} {:?}", pair.sides[0].stats(), pair.sides[1].stats());
    }
}

/// Settings under which counters wrap and an association does not give up.
fn stubborn(initial_tsn: u32, initial_mid: u32, window: u32, interleaving: bool) -> Config {
    Config {
        initial_tsn: Some(initial_tsn),
        initial_mid,
        interleaving,
        receive_window: window,
        max_message_size: 64 << 10,
        max_retransmits: u32::MAX,
        max_init_retransmits: u32::MAX,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn e12_e13_everything_arrives_whatever_is_lost(
        seed: u8,
        loss in 0_u32..40, duplicate in 0_u32..30, jitter in 0_u64..60,
        near in 0_u32..40, window in prop_oneof![Just(4_u32 << 20), Just(1_u32)],
        lazy in prop_oneof![Just(1_u32), 1_u32..400],
        interleaving: [bool; 2],
        control in prop_oneof![
            Just(CongestionControl::NewReno), Just(CongestionControl::Cubic), Just(CongestionControl::Bbr),
        ],
        letters in letters(60_000),
    ) {
        let configs = interleaving.map(|on| Config {
            congestion_control: control,
            ..stubborn(u32::MAX - near, u32::MAX - 3, window, on)
        });
        let mut pair = Pair::new(configs, seed);
        pair.weather = Weather { loss, duplicate, jitter: Duration::from_millis(jitter) };
        for side in [0, 1] {
            pair.sides[side].connect(pair.now);
        }
        exchange(&mut pair, &letters, lazy);
    }
}

#[test]
fn the_largest_message_passes_whole_windows() {
    for window in [1, 1 << 20] {
        let config = Config { receive_window: window, ..Config::default() };
        let mut pair = Pair::connected([config.clone(), config], 3);
        pair.weather.loss = 5;
        let letter = Letter { stream: 1, ordered: true, len: 256 << 10 };
        exchange(&mut pair, &vec![letter; 12], 50);
    }
}

#[test]
fn e12_a_peer_that_does_not_read_is_waited_for_without_end_and_without_loss() {
    let config = Config { receive_window: 1, max_message_size: 8 << 10, ..Config::default() };
    let mut pair = Pair::connected([config.clone(), config], 4);
    let mut written = 0_usize;
    for n in 0..400_usize {
        let data = Bytes::from(vec![u8::try_from(n % 256).unwrap(); 1000]);
        pair.sides[0].write(pair.now, StreamId(0), Ppid(53), data, SendOptions::ordered()).unwrap();
        written += 1;
    }
    pair.run_for(Duration::from_secs(3600));
    assert!(pair.is_established(), "{:?}", pair.events);
    assert!(pair.sides[1].stats().bytes_received < 200_000, "the window bounds what is kept");
    let mut read = 0_usize;
    while read < written {
        while let Some(message) = pair.sides[1].read(StreamId(0)) {
            assert_eq!(message.data[0], u8::try_from(read % 256).unwrap());
            read += 1;
        }
        assert!(pair.step());
    }
}

#[test]
fn streams_take_turns() {
    let mut pair = Pair::connected([Config::default(), Config::default()], 5);
    for _ in 0..60 {
        pair.write(0, 0, &[0; 16_000], SendOptions::ordered());
    }
    pair.write(0, 1, b"small", SendOptions::ordered());
    let mut before = 0;
    loop {
        assert!(pair.step());
        while pair.sides[1].read(StreamId(0)).is_some() {
            before += 1;
        }
        if pair.sides[1].read(StreamId(1)).is_some() {
            break;
        }
    }
    assert!(before <= 4, "{before} messages of the busy stream went first");
}

#[test]
fn the_budget_is_per_stream_and_says_when_there_is_room() {
    let config = Config { send_buffer: 10_000, ..Config::default() };
    let mut pair = Pair::new([config.clone(), config], 6);
    let (now, stream) = (pair.now, StreamId(0));
    let big = Bytes::from(vec![1; 50_000]);
    let write = |pair: &mut Pair, stream| {
        pair.sides[0].write(now, stream, Ppid(53), big.clone(), SendOptions::ordered())
    };
    assert_eq!(write(&mut pair, stream), Ok(()), "an empty queue takes any message");
    assert_eq!(pair.sides[0].buffered(stream), 50_000);
    assert_eq!(write(&mut pair, stream), Err(SendError::Full));
    assert_eq!(write(&mut pair, StreamId(1)), Ok(()), "another stream has its own");
    for side in [0, 1] {
        pair.sides[side].connect(now);
    }
    pair.run_until(|pair| pair.sides[0].buffered(stream) == 0 && pair.sides[0].buffered(StreamId(1)) == 0);
    assert!(pair.low[0].contains(&stream) && pair.low[0].contains(&StreamId(1)));
}

#[test]
fn bulk_fills_packets_to_the_last_byte_and_batches_share_an_acknowledgement() {
    let mut pair = Pair::connected([Config::default(), Config::default()], 7);
    pair.run_for(Duration::from_secs(1));
    for _ in 0..10 {
        pair.write(0, 0, &[7; 16_384], SendOptions::ordered());
    }
    let packets = pair.packets(0);
    assert_eq!(packets.len(), 11, "the first window: ten packets' size of user data");
    assert!(packets.iter().all(|packet| packet.len() == 1160));
    for packet in packets {
        pair.deliver(1, packet);
    }
    assert_eq!(pair.packets(1).len(), 1);
    assert_eq!(pair.sides[1].stats().chunks_dropped, 0);
}

#[test]
fn fed_singly_every_second_packet_is_acknowledged_and_a_lone_one_soon() {
    let mut pair = Pair::connected([Config::default(), Config::default()], 8);
    pair.run_for(Duration::from_secs(1));
    for _ in 0..4 {
        pair.write(0, 0, &[7; 1100], SendOptions::ordered());
    }
    let mut acknowledgements = Vec::new();
    for packet in pair.packets(0) {
        pair.deliver(1, packet);
        let answers = pair.packets(1);
        acknowledgements.push(answers.len());
        for answer in answers {
            pair.deliver(0, answer);
        }
    }
    assert_eq!(acknowledgements, [0, 1, 0, 1]);
    pair.run_for(Duration::from_secs(1));
    pair.write(0, 0, b"alone", SendOptions::ordered());
    for packet in pair.packets(0) {
        pair.deliver(1, packet);
    }
    assert!(pair.packets(1).is_empty());
    let due = pair.sides[1].poll_timeout().unwrap();
    assert_eq!(due, pair.now + Config::default().sack_delay);
    pair.now = due;
    pair.sides[1].handle_timeout(due);
    assert_eq!(pair.packets(1).len(), 1);
}

#[test]
fn a_message_in_one_piece_is_a_slice_of_its_packet() {
    let mut pair = Pair::connected([Config::default(), Config::default()], 9);
    pair.write(0, 0, &[7; 1000], SendOptions::unordered());
    for packet in pair.packets(0) {
        let range = packet.as_ptr_range();
        pair.deliver(1, packet);
        if let Some(message) = pair.sides[1].read(StreamId(0)) {
            assert!(range.contains(&message.data.as_ptr()));
            return;
        }
    }
    panic!("nothing was read");
}

#[test]
fn what_is_written_may_not_be_empty_too_long_or_on_a_stream_that_is_not_there() {
    let config = Config { max_outgoing_message_size: 10, max_outbound_streams: 3, ..Config::default() };
    let mut pair = Pair::new([config, Config::default()], 10);
    let now = pair.now;
    let mut write = |stream, len| {
        pair.sides[0].write(now, StreamId(stream), Ppid(1), Bytes::from(vec![0; len]), SendOptions::default())
    };
    assert_eq!(write(0, 0), Err(SendError::Empty));
    assert_eq!(write(0, 11), Err(SendError::TooLarge));
    assert_eq!(write(3, 1), Err(SendError::InvalidStream));
    assert_eq!(write(2, 10), Ok(()));
}

#[test]
fn e11_a_message_far_beyond_the_limit_holds_nothing_up() {
    for interleaving in [false, true] {
        for loss in [0, 5] {
            let config = |max_message_size| Config {
                send_buffer: 10 << 20,
                max_message_size,
                receive_window: 200_000,
                interleaving,
                ..Config::default()
            };
            let mut pair = Pair::connected([config(1 << 20), config(50_000)], 9);
            pair.weather.loss = loss;
            pair.write(0, 1, &vec![1; 8_000_000], SendOptions::ordered());
            pair.write(0, 1, b"next", SendOptions::ordered());
            pair.run_until(|pair| pair.sides[0].tx.is_done());
            assert_eq!(pair.events[1], [Event::MessageTooLarge(StreamId(1)), Event::Readable(StreamId(1))]);
            assert_eq!(pair.sides[1].read(StreamId(1)).unwrap().data, "next");
            assert_eq!(pair.sides[1].rx.used(), 0);
        }
    }
}
