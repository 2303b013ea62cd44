//! Messages that are read in parts while they come.

use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::{Duration, Rng};
use proptest::prelude::*;

use super::cases;
use super::link::{Pair, Weather};
use crate::{Config, Event, Ppid, Rest, SendError, SendOptions, StreamId};

const STREAM: StreamId = StreamId(3);

fn config(interleaving: bool) -> Config {
    Config {
        interleaving,
        max_message_size: 20_000,
        receive_window: 60_000,
        send_buffer: 100_000,
        initial_tsn: Some(u32::MAX - 40),
        initial_mid: u32::MAX - 1,
        ..Config::default()
    }
}

fn body(number: u32, len: usize) -> Bytes {
    let number = usize::try_from(number).unwrap();
    (0..len).map(|at| u8::try_from((at / 7 + at * 3 + number * 31) % 251).unwrap()).collect::<Vec<_>>().into()
}

/// Puts together what one side reads on a stream.
#[derive(Default)]
struct Reader {
    open: Option<Vec<u8>>,
    ordered: Vec<Vec<u8>>,
    unordered: Vec<Vec<u8>>,
    lost: usize,
    /// How many parts did not end their message.
    parts: usize,
}

impl Reader {
    fn read(&mut self, pair: &mut Pair, side: usize, most: usize) {
        for _ in 0..most {
            let Some(message) = pair.sides[side].read(STREAM) else { return };
            assert_eq!(message.ppid, Ppid(53));
            if !message.ordered {
                assert!(self.open.is_none() && message.rest == Rest::None, "in the middle of another one");
                self.unordered.push(message.data.to_vec());
                continue;
            }
            assert_eq!(message.data.is_empty(), message.rest == Rest::Lost);
            self.open.get_or_insert_default().extend_from_slice(&message.data);
            match message.rest {
                Rest::Follows => self.parts += 1,
                Rest::None => self.ordered.push(self.open.take().unwrap()),
                Rest::Lost => {
                    self.lost += 1;
                    self.open = None;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn all_that_is_written_is_read_whoever_reads_it_how(
        lengths in proptest::collection::vec((any::<bool>(), prop_oneof![1_usize..3_000, 3_000_usize..20_000]), 1..20),
        interleaving: bool,
        seed: u8,
        loss in 0_u32..30,
        jitter in 0_u64..30,
        changes in 0_u32..4,
        lazy in 1_u32..40,
    ) {
        let mut pair = Pair::connected([config(interleaving), config(interleaving)], seed);
        pair.weather = Weather { loss, duplicate: 5, jitter: Duration::from_millis(jitter) };
        let mut rng = Rng::new([seed; 32]);
        pair.sides[1].set_read_in_parts(STREAM, changes.is_multiple_of(2));
        let mut waiting: VecDeque<_> = lengths.iter().zip(0..).map(|((ordered, len), n)| (*ordered, body(n, *len))).collect();
        let wanted = |ordered| {
            let of_kind = lengths.iter().zip(0..).filter(move |((kind, _), _)| *kind == ordered);
            of_kind.map(|((_, len), n)| body(n, *len).to_vec()).collect::<Vec<_>>()
        };
        let (ordered, mut unordered) = (wanted(true), wanted(false));
        let mut reader = Reader::default();
        while reader.ordered.len() + reader.unordered.len() < lengths.len() {
            while let Some((ordered, data)) = waiting.front() {
                let options = SendOptions { ordered: *ordered, ..SendOptions::ordered() };
                match pair.sides[0].write(pair.now, STREAM, Ppid(53), data.clone(), options) {
                    Ok(()) => waiting.pop_front(),
                    Err(SendError::Full) => break,
                    Err(error) => panic!("{error}"),
                };
            }
            let alive = pair.step();
            if !alive || rng.below(lazy) == 0 {
                let most = usize::try_from(rng.below(50)).unwrap();
                reader.read(&mut pair, 1, if alive { most } else { usize::MAX });
            }
            if changes > 1 && rng.below(60) == 0 {
                let in_parts = rng.below(2) == 0;
                pair.sides[1].set_read_in_parts(STREAM, in_parts);
            }
            prop_assert!(!pair.events[1].iter().any(|event| matches!(event, Event::MessageTooLarge(_))));
        }
        prop_assert_eq!(reader.ordered, ordered);
        unordered.sort();
        reader.unordered.sort();
        prop_assert_eq!((reader.unordered, reader.lost), (unordered, 0));
        prop_assert_eq!(pair.sides[1].stats().messages_received, u64::try_from(lengths.len()).unwrap());
        pair.run_for(Duration::from_secs(30));
        prop_assert_eq!(pair.sides[1].rx.used(), 0);
    }
}

/// Two messages, each a hundred times as long as one may be that is put together.
#[test]
fn a_message_of_any_length_passes_through_a_small_window() {
    for interleaving in [false, true] {
        let mut pair = Pair::connected([config(interleaving), config(interleaving)], 5);
        pair.weather = Weather { loss: 2, duplicate: 1, jitter: Duration::from_millis(5) };
        pair.sides[1].set_read_in_parts(STREAM, true);
        let whole = [body(1, 2_000_000), body(2, 2_000_000)];
        let (mut number, mut at) = (0, 0);
        let mut reader = Reader::default();
        while reader.ordered.len() < 2 {
            while let Some(data) = whole.get(number) {
                let part = data.slice(at..data.len().min(at + 10_000));
                let ends = at + part.len() == data.len();
                let (next, options) = (at + part.len(), SendOptions::ordered());
                match pair.sides[0].write_part(pair.now, STREAM, Ppid(53), part, options, ends) {
                    Ok(()) if ends => (number, at) = (number + 1, 0),
                    Ok(()) => at = next,
                    Err(SendError::Full) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(pair.step());
            assert!(pair.sides[1].rx.used() < 150_000, "{}", pair.sides[1].rx.used());
            reader.read(&mut pair, 1, usize::MAX);
        }
        assert!(reader.ordered == whole && reader.parts > 2_000, "{}", reader.parts);
    }
}

/// What its sender gives up is cut off, and the next one comes.
#[test]
fn what_is_given_up_is_cut_off() {
    for interleaving in [false, true] {
        let mut pair = Pair::connected([config(interleaving), config(interleaving)], 6);
        pair.sides[1].set_read_in_parts(STREAM, true);
        let lifetime = SendOptions::ordered().with_lifetime(Duration::from_millis(300));
        pair.write(0, 3, &body(1, 60_000), lifetime);
        pair.write(0, 3, &body(2, 900), SendOptions::ordered());
        let mut reader = Reader::default();
        // The first packets arrive, the others do not until the message is too old.
        pair.run_for(Duration::from_millis(10));
        pair.passes = 0;
        pair.run_for(Duration::from_millis(500));
        reader.read(&mut pair, 1, usize::MAX);
        assert!(reader.parts > 0 && reader.lost == 0);
        pair.passes = usize::MAX;
        pair.run_for(Duration::from_secs(5));
        reader.read(&mut pair, 1, usize::MAX);
        assert_eq!((reader.lost, reader.ordered), (1, vec![body(2, 900).to_vec()]));
        assert_eq!(pair.sides[1].rx.used(), 0);
    }
}

/// A message that its writer never ended is cut off when the stream begins anew.
#[test]
fn a_stream_that_begins_anew_cuts_its_message_off() {
    for interleaving in [false, true] {
        let mut pair = Pair::connected([config(interleaving), config(interleaving)], 7);
        pair.sides[1].set_read_in_parts(STREAM, true);
        let part = body(1, 9_000);
        let options = SendOptions::ordered();
        pair.sides[0].write_part(pair.now, STREAM, Ppid(53), part, options, false).unwrap();
        pair.run_for(Duration::from_secs(1));
        pair.sides[0].reset_streams(pair.now, &[STREAM]);
        pair.run_for(Duration::from_secs(1));
        assert!(pair.events[1].contains(&Event::IncomingStreamsReset(vec![STREAM])));
        pair.write(0, 3, &body(2, 5_000), SendOptions::ordered());
        pair.run_for(Duration::from_secs(1));
        let mut reader = Reader::default();
        reader.read(&mut pair, 1, usize::MAX);
        assert_eq!((reader.lost, reader.ordered), (1, vec![body(2, 5_000).to_vec()]));
        assert_eq!(pair.sides[1].rx.used(), 0);
    }
}
