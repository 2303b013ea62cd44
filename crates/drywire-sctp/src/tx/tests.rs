use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::{Duration, Instant, Serial};
use proptest::prelude::*;

use super::flight::{Flight, Progress, Sent};
use super::{Acknowledged, Outbound};
use crate::packet::{Chunk, Chunks, Data, GapBlock, Sack};
use crate::tx::messages::Messages;
use crate::tx::queue::NextFragment;
use crate::tx::rack::LossRule;
use crate::{Config, Ppid, SendOptions, Stats, StreamId};

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
fn start() -> Instant {
    Instant::now()
}

/// What a chunk of the model is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    InFlight,
    Lost,
    Acknowledged,
}

proptest! {
    /// The ring against a list in which everything is searched.
    #[test]
    fn the_ring_agrees_with_a_list(
        base: u32,
        steps in proptest::collection::vec((0_u8..6, 0_u32..30, 0_u32..8), 1..120),
    ) {
        let now = start();
        let mut messages = Messages::default();
        let key = messages.insert(now, Bytes::from_static(b"x"), Ppid(0), SendOptions::ordered(), (true, true)).unwrap();
        let mut flight = Flight::new(Serial(base));
        // Of each chunk since the first: where it stands, and the packet that it was last sent in.
        let mut model: Vec<(Model, u64)> = Vec::new();
        let (mut settled, mut packet) = (0_usize, 0_u64);
        for (what, a, b) in steps {
            let (a, b) = (usize::try_from(a).unwrap(), usize::try_from(b).unwrap());
            let mut progress = Progress::default();
            match what {
                0 | 1 => for _ in 0..=b {
                    flight.push(Sent::new(&NextFragment::example(key, 10), 0, packet, now));
                    model.push((Model::InFlight, packet));
                    packet += 1;
                },
                2 => {
                    let until = (settled + a / 6).min(model.len());
                    settled = settled.max(until);
                    let mut gone = 0;
                    let last = Serial(base.wrapping_add(u32::try_from(until).unwrap()).wrapping_sub(1));
                    flight.acknowledge_until(last, &mut progress, |_| gone += 1);
                    for chunk in &mut model[..settled] {
                        chunk.0 = Model::Acknowledged;
                    }
                    // Nobody may hold a first chunk that a gap block has covered: it is counted as lost again.
                    if settled < model.len() && model[settled].0 == Model::Acknowledged {
                        model[settled].0 = Model::Lost;
                    }
                }
                3 | 4 => {
                    let (first, last) = (settled + 1 + a, settled + 1 + a + b);
                    if last < model.len() {
                        let tsn = |n| Serial(base.wrapping_add(u32::try_from(n).unwrap()));
                        flight.acknowledge_gap(tsn(first), tsn(last), &mut progress);
                        for chunk in &mut model[first..=last] {
                            chunk.0 = Model::Acknowledged;
                        }
                    }
                }
                _ if b == 0 => {
                    flight.lose_all();
                    for chunk in &mut model[settled..] {
                        if chunk.0 == Model::InFlight {
                            chunk.0 = Model::Lost;
                        }
                    }
                }
                _ => {
                    if let Some((tsn, _)) = flight.first_lost() {
                        let index = usize::try_from(tsn.0.wrapping_sub(base)).unwrap();
                        prop_assert_eq!(model[index].0, Model::Lost);
                        model[index] = (Model::InFlight, packet);
                        flight.resend(packet, now);
                        packet += 1;
                    } else {
                        prop_assert!(model[settled..].iter().all(|chunk| chunk.0 != Model::Lost));
                    }
                }
            }
            if let Some(packet) = progress.packet {
                let rule = LossRule { newest: packet, threshold: Some(3), wait: None };
                flight.detect_losses(now, &rule);
                for chunk in &mut model[settled..] {
                    if chunk.0 == Model::InFlight && chunk.1 + 3 <= packet {
                        chunk.0 = Model::Lost;
                    }
                }
            }
            flight.tidy();
            prop_assert_eq!(flight.base(), Serial(base.wrapping_add(u32::try_from(settled).unwrap())));
            prop_assert_eq!(flight.next_tsn(), Serial(base.wrapping_add(u32::try_from(model.len()).unwrap())));
            let expected = model[settled..].iter().filter(|chunk| chunk.0 == Model::InFlight).count();
            prop_assert_eq!(flight.bytes(), 10 * expected);
            let lost = model[settled..].iter().any(|chunk| chunk.0 == Model::Lost);
            prop_assert_eq!(flight.first_lost().is_some(), lost);
        }
    }
}

/// A sender with `count` packets of data in flight.
fn sender(count: usize) -> (Outbound, Instant) {
    let now = start();
    let mut tx = Outbound::new(&Config::default(), 1160, Serial(100));
    tx.begin(1 << 20, 10, false);
    for n in 0..40_u8 {
        tx.write(now, StreamId(0), Ppid(1), Bytes::from(vec![n; 1132]), SendOptions::ordered(), true)
            .unwrap();
    }
    assert_eq!(sent(&mut tx, now, count).len(), count);
    (tx, now)
}

/// The TSNs of the next `most` packets.
fn sent(tx: &mut Outbound, now: Instant, most: usize) -> Vec<u32> {
    let (mut events, mut stats) = (VecDeque::new(), Stats::default());
    let mut tsns = Vec::new();
    for _ in 0..most {
        let mut out = Vec::new();
        if !tx.can_send(now) || !tx.write_data(now, &mut out, 1148, 1148, &mut events, &mut stats) {
            break;
        }
        let chunks: Vec<Chunk<'_>> = Chunks::new(&out).map(Result::unwrap).collect();
        tsns.extend(chunks.iter().map(|chunk| Data::parse(chunk).unwrap().tsn.0));
    }
    tsns
}

fn acknowledge(tx: &mut Outbound, now: Instant, cumulative: u32, gaps: &[(u16, u16)]) -> Acknowledged {
    acknowledge_with(tx, now, cumulative, 1 << 20, gaps)
}

/// With this window.
fn acknowledge_with(
    tx: &mut Outbound,
    now: Instant,
    cumulative: u32,
    window: u32,
    gaps: &[(u16, u16)],
) -> Acknowledged {
    let gaps: Vec<_> = gaps.iter().map(|(start, end)| GapBlock { start: *start, end: *end }).collect();
    let mut out = Vec::new();
    Sack::write(&mut out, Serial(cumulative), window, gaps.into_iter(), &[]);
    let chunk = Chunks::new(&out).next().unwrap().unwrap();
    tx.acknowledge(now, &Sack::parse(&chunk).unwrap())
}

#[test]
fn a_loss_is_found_after_three_packets_and_repaired_without_the_timer() {
    let (mut tx, now) = sender(8);
    acknowledge(&mut tx, now, 99, &[(2, 3)]);
    assert_eq!(tx.flight.bytes(), 6 * 1132, "two packets after it are not enough");
    let outcome = acknowledge(&mut tx, now, 99, &[(2, 4)]);
    assert_eq!(outcome, Acknowledged::Taken { advanced: false, progress: true, recovery_began: true });
    assert_eq!(sent(&mut tx, now, 1), [100], "at once, whatever the window says");
    // The repair is lost too: what was sent after it shows that.
    let more = sent(&mut tx, now, 3);
    acknowledge(&mut tx, now, 99, &[(2, 8)]);
    let more = [more, sent(&mut tx, now, 9)].concat();
    assert_eq!(more.first(), Some(&108), "new data goes on during the repair: no stall");
    acknowledge(&mut tx, now, 99, &[(2, 11)]);
    assert_eq!(sent(&mut tx, now, 1), [100]);
}

#[test]
fn a_window_of_losses_halves_the_congestion_window_once() {
    let (mut tx, now) = sender(11);
    let before = tx.congestion.window();
    for last in 5..=11 {
        acknowledge(&mut tx, now, 99, &[(3, 3), (5, last)]);
    }
    assert_eq!(tx.congestion.window(), before / 2);
    assert_eq!(tx.recovery, Some(Serial(111)));
    sent(&mut tx, now, 20);
    acknowledge(&mut tx, now, 110, &[]);
    assert_eq!(tx.recovery, None);
}

#[test]
fn only_chunks_sent_once_measure_the_round_trip() {
    let (mut tx, now) = sender(4);
    assert!(tx.timed_out(now));
    assert_eq!(sent(&mut tx, now, 1), [100]);
    let later = now + Duration::from_secs(5);
    acknowledge(&mut tx, later, 100, &[]);
    assert_eq!(tx.rto.smoothed(), None, "Karn's rule");
    let (mut tx, now) = sender(4);
    acknowledge(&mut tx, now + Duration::from_millis(40), 101, &[]);
    assert_eq!(tx.rto.smoothed(), Some(Duration::from_millis(40)));
}

#[test]
fn a_closed_window_is_probed_when_the_timer_says_so() {
    let (mut tx, now) = sender(2);
    let mut out = Vec::new();
    Sack::write(&mut out, Serial(101), 0, std::iter::empty(), &[]);
    let chunk = Chunks::new(&out).next().unwrap().unwrap();
    tx.heard();
    tx.acknowledge(now, &Sack::parse(&chunk).unwrap());
    assert!(!tx.can_send(now) && tx.is_blocked_by_peer());
    assert!(!tx.timed_out(now), "no error of the peer");
    assert_eq!(sent(&mut tx, now, 5), [102], "one chunk");
    assert!(tx.timed_out(now), "nothing was heard since");
}

/// Section 6.2.1, rules B and C: a receiver that counts what it has beyond a gap would be full when the gap is filled.
#[test]
fn what_is_sent_again_takes_its_room() {
    let (mut tx, now) = sender(8);
    // Room for what is in flight and for the lost one.
    acknowledge_with(&mut tx, now, 99, 5 * 1132, &[(2, 4)]);
    assert_eq!((tx.flight.bytes(), tx.peer_window), (4 * 1132, 1132));
    assert_eq!(sent(&mut tx, now, 9), [100], "nothing new goes into its room");
    assert_eq!(tx.peer_window, 0);
    let (mut tx, now) = sender(8);
    acknowledge_with(&mut tx, now, 99, 8 * 1132, &[]);
    tx.timed_out(now);
    assert_eq!((tx.flight.bytes(), tx.peer_window), (0, 8 * 1132));
    assert_eq!(sent(&mut tx, now, 9), [100, 101]);
    assert_eq!(tx.peer_window, 6 * 1132);
}

#[test]
fn an_acknowledgement_that_was_overtaken_makes_no_room() {
    let (mut tx, now) = sender(8);
    acknowledge_with(&mut tx, now, 99, 2 * 1132, &[(3, 6)]);
    assert_eq!((tx.flight.bytes(), tx.peer_window), (2 * 1132, 0));
    // Two chunks were lost by then: room for them, and for what is in flight.
    acknowledge_with(&mut tx, now, 99, 7 * 1132, &[(3, 3)]);
    assert_eq!(tx.peer_window, 0);
    // The same again is the peer's application that has read something, and so is one that goes further.
    acknowledge_with(&mut tx, now, 99, 6 * 1132, &[(3, 6)]);
    assert_eq!(tx.peer_window, 4 * 1132);
    acknowledge_with(&mut tx, now, 100, 10 * 1132, &[]);
    assert_eq!(tx.peer_window, 8 * 1132);
}
