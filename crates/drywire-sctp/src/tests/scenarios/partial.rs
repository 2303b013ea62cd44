//! Messages that are given up: the groups of the PR-SCTP suite (handshake, receiver, sender, errors, with FORWARD TSN and with
//! I-FORWARD TSN), and dcSCTP's of the same.

use drywire_core::Duration;

use super::tester::{
    TAG, Tester, chunk, data, extensions, forward_tsn, i_data, i_forward_tsn, init, parameter, quiet,
};
use crate::{Config, SendOptions};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const ORDERED: SendOptions = SendOptions::ordered();
const UNORDERED: SendOptions = SendOptions::unordered();

/// The tester's parameters when it interleaves.
fn interleaving() -> Vec<u8> {
    parameter(0x8008, &[130, 64, 194])
}

fn established(interleaved: bool) -> Tester {
    match interleaved {
        false => Tester::established(quiet()),
        true => Tester::established_with(Config { interleaving: true, ..quiet() }, &interleaving()),
    }
}

/// Either way of saying so counts (RFC 3758, section 3.1; RFC 5061, section 4.2.7), however long the parameter is.
#[test]
fn the_peer_says_whether_it_does_without_messages() {
    for (parameters, does) in [
        (vec![], false),
        (parameter(0xc000, &[]), true),
        (parameter(0xc000, &[1, 2, 3, 4]), true),
        (parameter(0x8008, &[192]), true),
        (parameter(0x8008, &[130]), false),
        (parameter(0x8008, &[]), false),
        (extensions(), true),
    ] {
        let mut tester = Tester::established_with(quiet(), &parameters);
        tester.write(1, b"data", ORDERED.with_lifetime(millis(50)));
        tester.expect(["DATA 1 s1#0 BE data"]);
        let expected = if does { "FORWARD TSN 1 s1#0" } else { "DATA 1 s1#0 BE data" };
        tester.expect_in(millis(1_000), [(1_000, expected)]);
    }
    // A parameter that is longer than its chunk.
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(TAG, 1_000, &[0xc0, 0, 0, 9, 1, 2, 3, 4])]);
    tester.expect(["INIT ACK"]);
}

#[test]
fn forward_tsn_without_any_data_before_is_acknowledged() {
    let mut tester = established(false);
    tester.inject(&[forward_tsn(1, &[(3, 0)])]);
    tester.expect(["SACK 1"]);
    tester.inject(&[data(2, 3, 1, "BE", b"next")]);
    assert_eq!(tester.texts(3), ["next"]);
}

/// One that says what is known already is answered, as its sender does not seem to know (RFC 3758, section 3.6).
#[test]
fn forward_tsn_that_is_late_is_answered_and_changes_nothing() {
    let mut tester = established(false);
    tester.inject(&[data(1, 3, 0, "IBE", b"one")]);
    tester.inject(&[data(3, 3, 2, "IBE", b"three")]);
    tester.expect(["SACK 1 [2-2]"]);
    for late in [0, 1] {
        tester.inject(&[forward_tsn(late, &[(3, 2)])]);
        tester.expect(["SACK 1 [2-2]"]);
        assert_eq!(tester.texts(3).len(), usize::from(late == 0), "nothing is skipped by it");
    }
    tester.inject(&[data(2, 3, 1, "BE", b"two")]);
    assert_eq!(tester.texts(3), ["two", "three"]);
}

/// The cumulative TSN goes on to what had arrived behind.
#[test]
fn forward_tsn_joins_what_had_arrived() {
    for (cumulative, sack) in [
        (1, "SACK 2 [2-2] [4-4]"),
        (3, "SACK 4 [2-2]"),
        (4, "SACK 4 [2-2]"),
        (5, "SACK 6"),
        (6, "SACK 6"),
        (9, "SACK 9"),
    ] {
        let mut tester = established(false);
        for tsn in [2, 4, 6] {
            tester.inject(&[data(tsn, 0, 0, "UBE", b"x")]);
        }
        tester.expect(["SACK 0 [2-2] [4-4] [6-6]"]);
        tester.inject(&[forward_tsn(cumulative, &[])]);
        tester.expect([sack]);
    }
}

#[test]
fn several_forward_tsns_in_a_packet_and_several_streams_in_one() {
    let mut tester = established(false);
    for (tsn, stream) in [(2, 1), (4, 2), (6, 3)] {
        tester.inject(&[data(tsn, stream, 1, "BE", b"waits")]);
    }
    tester.sent();
    assert_eq!(tester.events(), []);
    tester.inject(&[forward_tsn(2, &[(1, 0)]), forward_tsn(5, &[(2, 0), (3, 0)])]);
    tester.expect(["SACK 6"]);
    for stream in 1..=3 {
        assert_eq!(tester.texts(stream), ["waits"]);
    }
}

/// How the three messages of [`every_loss_of_three_messages_in_two_fragments`] are sent: stream, number and whether unordered.
type Shape = [(u16, u16, bool); 3];

fn fragment(interleaved: bool, shape: &Shape, tsn: u32) -> Vec<u8> {
    let at = usize::try_from(tsn - 1).unwrap();
    let (stream, number, unordered) = shape[at / 2];
    let flags = match (at % 2, unordered) {
        (0, false) => "B",
        (0, true) => "UB",
        (_, false) => "E",
        (_, true) => "UE",
    };
    let text = [b"abcdef"[at]];
    match interleaved {
        false => data(tsn, stream, if unordered { 0 } else { number }, flags, &text),
        true => i_data(tsn, stream, number.into(), flags, 1, &text),
    }
}

/// All patterns of loss, and all that a sender can give up after them: the message is read that was complete, or that was not
/// given up; in order; nothing sticks and nothing stays. (Sixty-five scripts of the suite are single ones of these.)
#[test]
fn every_loss_of_three_messages_in_two_fragments() {
    let shapes: [Shape; 5] = [
        [(1, 0, false), (1, 1, false), (1, 2, false)],
        [(1, 0, false), (2, 0, false), (3, 0, false)],
        [(1, 0, true), (1, 1, true), (1, 2, true)],
        [(1, 0, false), (1, 0, true), (1, 1, false)],
        [(1, 0, true), (1, 0, false), (2, 0, false)],
    ];
    for (shape, interleaved, arrived, forward) in shapes.iter().flat_map(|shape| {
        [false, true].into_iter().flat_map(move |interleaved| {
            (0_u32..64).flat_map(move |arrived| {
                (1_u32..=6).map(move |forward| (shape, interleaved, arrived, forward))
            })
        })
    }) {
        let has = |tsn: u32| arrived & (1 << (tsn - 1)) != 0;
        // A FORWARD TSN that is no news changes nothing.
        let late = (1..=forward).all(has);
        let whole = |message: u32| has(2 * message + 1) && has(2 * message + 2);
        let mut tester = established(interleaved);
        for tsn in (1..=6).filter(|tsn| has(*tsn)) {
            tester.inject(&[fragment(interleaved, shape, tsn)]);
        }
        tester.sent();
        // What a sender names: the messages that are not acknowledged, as far as it goes.
        let mut given_up = Vec::new();
        let mut expected: [Vec<String>; 4] = Default::default();
        for message in 0..3 {
            let (stream, number, unordered) = shape[usize::try_from(message).unwrap()];
            if !late && 2 * message < forward && !whole(message) {
                if interleaved {
                    given_up.retain(|(other, kind, _)| (*other, *kind) != (stream, unordered));
                    given_up.push((stream, unordered, number));
                } else if !unordered {
                    given_up.retain(|(other, ..)| *other != stream);
                    given_up.push((stream, unordered, number));
                }
            } else {
                let text = ["ab", "cd", "ef"][usize::try_from(message).unwrap()];
                expected[usize::from(stream)].push(text.into());
            }
        }
        let forward_chunk = match interleaved {
            false => {
                let list: Vec<_> = given_up.iter().map(|(stream, _, number)| (*stream, *number)).collect();
                forward_tsn(forward, &list)
            }
            true => {
                let list: Vec<_> = given_up
                    .iter()
                    .map(|(stream, unordered, number)| (*stream, *unordered, u32::from(*number)))
                    .collect();
                i_forward_tsn(forward, &list)
            }
        };
        tester.inject(&[forward_chunk]);
        tester.sent();
        // The rest of what is not given up comes at last; what comes late of the others is not wanted.
        for tsn in (1..=6).filter(|tsn| !has(*tsn)) {
            tester.inject(&[fragment(interleaved, shape, tsn)]);
        }
        let last = tester.sent().pop();
        let case = format!("{shape:?} {interleaved} {arrived:06b} {forward}");
        assert!(last.is_none_or(|line| line.starts_with("SACK 6")), "{case}");
        for stream in 1..=3 {
            let mut texts = tester.texts(stream);
            // Unordered messages come as they are complete.
            let mut expected = expected[usize::from(stream)].clone();
            if shape.iter().any(|(_, _, unordered)| *unordered) {
                texts.sort();
                expected.sort();
            }
            assert_eq!(texts, expected, "stream {stream}: {case}");
        }
        assert_eq!(tester.association.rx.used(), 0, "{case}");
        // The stream goes on.
        let number =
            1 + shape.iter().filter(|(stream, ..)| *stream == 1).map(|(_, number, _)| *number).max().unwrap();
        let next = match interleaved {
            false => data(7, 1, if shape[0].2 && shape[1].2 { 0 } else { number }, "BE", b"next"),
            true => i_data(7, 1, if shape[0].2 && shape[1].2 { 0 } else { number.into() }, "BE", 1, b"next"),
        };
        tester.inject(&[next]);
        assert_eq!(tester.texts(1), ["next"], "{case}");
    }
}

#[test]
fn a_forward_tsn_that_is_malformed_is_dropped() {
    for interleaved in [false, true] {
        let (kind, whole) = match interleaved {
            false => (192, forward_tsn(1, &[(3, 0)])),
            true => (194, i_forward_tsn(1, &[(3, false, 0)])),
        };
        for len in 0..whole.len() - 4 {
            if len == 4 {
                continue;
            }
            let mut tester = established(interleaved);
            tester.inject(&[chunk(kind, 0, &whole[4..4 + len])]);
            tester.expect_nothing();
            tester.expect_alive();
        }
        // A length beyond the packet, and half an entry more.
        let mut tester = established(interleaved);
        let mut long = whole.clone();
        long[3] += 4;
        tester.inject(&[long]);
        tester.inject(&[chunk(kind, 0, &[&whole[4..], &[0, 1]].concat())]);
        tester.expect_nothing();
    }
}

/// The chunk of the other kind of association means nothing, nor does any where it was not agreed upon.
#[test]
fn forward_tsn_where_it_is_not_agreed_upon_is_dropped() {
    let mut plain = established(false);
    plain.inject(&[i_forward_tsn(1, &[])]);
    let mut interleaved = established(true);
    interleaved.inject(&[forward_tsn(1, &[])]);
    let mut none = Tester::established_with(quiet(), &[]);
    none.inject(&[forward_tsn(1, &[])]);
    none.inject(&[i_forward_tsn(1, &[])]);
    for mut tester in [plain, interleaved, none] {
        tester.expect_nothing();
        tester.inject(&[data(2, 0, 0, "UBE", b"x")]);
        assert!(tester.sent()[0].starts_with("SACK 0 [2-2]") || tester.state() == crate::State::Closed);
    }
}

/// A lifetime ends what is in flight when it would be sent again (RFC 3758, section 3.5): the numbers of ordered messages are
/// named, those of unordered ones not.
#[test]
fn what_is_in_flight_is_given_up_when_it_would_be_sent_again() {
    for (options, forward) in [(ORDERED, "FORWARD TSN 1 s1#0"), (UNORDERED, "FORWARD TSN 1")] {
        let mut tester = established(false);
        tester.write(1, b"data", options.with_lifetime(millis(50)));
        assert_eq!(tester.sent().len(), 1);
        tester.expect_in(millis(2_900), [(1_000, forward)]);
        // It is said again until it is acknowledged.
        tester.expect_in(millis(200), [(100, forward)]);
        tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
        tester.expect_in(millis(60_000), []);
        assert_eq!(tester.association.stats().messages_abandoned, 1);
        assert!(tester.association.tx.is_done());
    }
    let mut tester = established(true);
    tester.write(1, b"data", ORDERED.with_lifetime(millis(50)));
    tester.write(1, b"data", UNORDERED.with_lifetime(millis(50)));
    tester.expect(["I-DATA 1 s1#0 BE data + I-DATA 2 s1#0 UBE data"]);
    tester.expect_in(millis(1_000), [(1_000, "I-FORWARD TSN 2 s1#0 s1#U0")]);
}

/// What was acknowledged before its time is over was delivered: nobody is told anything.
#[test]
fn what_is_acknowledged_in_time_is_not_given_up() {
    let mut tester = established(false);
    tester.write(1, b"data", ORDERED.with_lifetime(millis(50)));
    tester.expect(["DATA 1 s1#0 BE data"]);
    tester.now += millis(40);
    tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
    tester.expect_in(millis(60_000), []);
    assert_eq!(tester.association.stats().messages_abandoned, 0);
    // Behind a gap it is delivered, too, and not named.
    for text in [b"lost", b"here"] {
        tester.write(1, text, ORDERED.with_lifetime(millis(50)));
    }
    tester.expect(["DATA 2 s1#1 BE lost + DATA 3 s1#2 BE here"]);
    tester.inject(&[tester.sack(1, 1_000, &[(2, 2)], &[])]);
    let seen = tester.timeline(millis(2_000));
    let forwards: Vec<_> = seen.iter().filter(|(_, line)| line.contains("FORWARD")).collect();
    assert_eq!(forwards[0].1, "FORWARD TSN 2 s1#1");
    tester.inject(&[tester.sack(3, 1_000, &[], &[])]);
    assert!(tester.association.tx.is_done());
}

/// What was never sent takes no number, and nobody needs to hear of it.
#[test]
fn what_was_not_sent_is_given_up_in_silence() {
    let mut tester = established(false);
    tester.inject(&[tester.sack(0, 0, &[], &[])]);
    tester.write(1, b"late", ORDERED.with_lifetime(millis(50)));
    tester.now += millis(100);
    tester.write(1, b"good", ORDERED);
    tester.inject(&[tester.sack(0, 1_000, &[], &[])]);
    tester.expect(["DATA 1 s1#0 BE good"]);
    assert_eq!(tester.association.stats().messages_abandoned, 1);
}

/// Of a message of which a part was sent, the rest is not: it takes one number, so that the peer knows that it ended.
#[test]
fn a_message_of_which_a_part_was_sent_is_given_up_whole() {
    let mut tester = established(false);
    tester.inject(&[tester.sack(0, 1_140, &[], &[])]);
    tester.write(1, &[1; 3_000], ORDERED.with_lifetime(millis(50)));
    tester.expect(["DATA 1 s1#0 B (1132)"]);
    tester.now += millis(100);
    tester.inject(&[tester.sack(1, 100_000, &[], &[])]);
    tester.expect(["FORWARD TSN 2 s1#0"]);
    tester.write(1, b"next", ORDERED);
    tester.expect(["DATA 3 s1#1 BE next"]);
    tester.inject(&[tester.sack(3, 100_000, &[], &[])]);
    assert!(tester.association.tx.is_done());
}

/// RFC 7496, section 3.1: sent once and then as often as is allowed.
#[test]
fn retransmissions_are_counted() {
    for most in 0..4_u32 {
        let mut tester = established(false);
        tester.write(1, b"data", ORDERED.with_max_retransmits(most));
        let seen = tester.timeline(millis(60_000));
        let sent = seen.iter().filter(|(_, line)| line.starts_with("DATA")).count();
        assert_eq!(sent, usize::try_from(most).unwrap() + 1);
        assert!(seen[sent..].iter().all(|(_, line)| line == "FORWARD TSN 1 s1#0"));
    }
}

/// The limit holds for losses that acknowledgements show, too; a tail loss probe is no verdict that would count.
#[test]
fn a_loss_that_later_packets_show_counts() {
    let mut tester = established(false);
    for _ in 0..4 {
        tester.write(1, &[1; 1_000], ORDERED.with_max_retransmits(0));
    }
    assert_eq!(tester.sent().len(), 4);
    tester.now += millis(100);
    tester.inject(&[tester.sack(0, 100_000, &[(2, 4)], &[])]);
    tester.expect(["FORWARD TSN 1 s1#0"]);
    tester.inject(&[tester.sack(4, 100_000, &[], &[])]);
    assert!(tester.association.tx.is_done());
}

/// What may not be given up stands in the way: the peer is told of what is before it, and of the rest once it has arrived.
#[test]
fn what_is_reliable_stops_the_point_that_is_told() {
    let mut tester = established(false);
    for (stream, options) in [
        (1, ORDERED.with_lifetime(millis(50))),
        (2, ORDERED),
        (1, ORDERED.with_lifetime(millis(50))),
        (3, UNORDERED.with_lifetime(millis(50))),
    ] {
        tester.write(stream, b"data", options);
    }
    assert_eq!(tester.sent().len(), 1);
    tester.expect_in(millis(1_000), [(1_000, "FORWARD TSN 1 s1#0 + DATA 2 s2#0 BE data")]);
    tester.inject(&[tester.sack(2, 1_000, &[], &[])]);
    tester.expect(["FORWARD TSN 4 s1#1"]);
    tester.inject(&[tester.sack(4, 1_000, &[], &[])]);
    assert!(tester.association.tx.is_done());
}

/// The last number of each stream is named once.
#[test]
fn each_stream_is_named_once_with_its_last_number() {
    let mut tester = established(false);
    for stream in [1, 2, 1, 1, 2, 9] {
        tester.write(stream, b"data", ORDERED.with_lifetime(millis(50)));
    }
    assert_eq!(tester.sent().len(), 1);
    let seen = tester.timeline(millis(1_000));
    let mut names: Vec<_> = seen[0].1.split(' ').collect();
    names.sort_unstable();
    assert_eq!(names, ["6", "FORWARD", "TSN", "s1#2", "s2#1", "s9#0"]);
}

/// Whoever ends the association: what is given up is told first, and the end waits for the answer.
#[test]
fn the_end_waits_for_what_is_given_up() {
    for options in [ORDERED.with_lifetime(millis(50)), ORDERED.with_max_retransmits(0)] {
        let mut tester = established(false);
        tester.write(1, b"data", options);
        tester.association.shutdown(tester.now);
        tester.expect_in(millis(1_000), [(0, "DATA 1 s1#0 BE data"), (1_000, "FORWARD TSN 1 s1#0")]);
        tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
        tester.expect(["SHUTDOWN 0"]);

        let mut tester = established(false);
        tester.write(1, b"data", options);
        tester.expect(["DATA 1 s1#0 BE data"]);
        tester.inject(&[tester.shutdown(0)]);
        tester.expect_in(millis(1_000), [(1_000, "FORWARD TSN 1 s1#0")]);
        tester.inject(&[tester.shutdown(1)]);
        tester.expect(["SHUTDOWN ACK"]);
    }
    // What was never sent holds nothing up.
    let mut tester = established(false);
    tester.inject(&[tester.sack(0, 0, &[], &[])]);
    tester.write(1, b"data", ORDERED.with_lifetime(millis(50)));
    tester.association.shutdown(tester.now);
    let seen = tester.timeline(millis(3_000));
    assert!(seen.iter().any(|(_, line)| line == "SHUTDOWN 0"), "{seen:?}");
}

/// An acknowledgement of what was given up is none that the congestion window grows by, nor is it in flight.
#[test]
fn what_is_given_up_is_not_in_flight() {
    let mut tester = established(false);
    for _ in 0..5 {
        tester.write(1, &[1; 1_000], UNORDERED.with_max_retransmits(0));
    }
    assert_eq!(tester.sent().len(), 5);
    tester.timeline(millis(1_000));
    let stats = tester.association.stats();
    assert_eq!((stats.bytes_in_flight, stats.messages_abandoned), (0, 5));
    tester.inject(&[tester.sack(0, 100_000, &[(2, 5)], &[])]);
    assert_eq!(tester.association.stats().bytes_in_flight, 0);
    tester.inject(&[tester.sack(5, 100_000, &[], &[])]);
    assert_eq!(tester.association.stats().bytes_in_flight, 0);
    assert!(tester.association.tx.is_done());
}
