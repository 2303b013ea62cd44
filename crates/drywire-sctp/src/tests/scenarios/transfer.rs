//! Data, its acknowledgement and the timers: ETSI's purposes D-8, A-9, RT-11 and FH-5.1, and dcSCTP's of its retransmission queue,
//! outstanding data, data tracker and heartbeats.

use drywire_core::Duration;

use super::tester::{Tester, chunk, data, extensions, heartbeat, parameter, quiet};
use crate::{CloseReason, Config, Event, SendOptions, State};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const ORDERED: SendOptions = SendOptions::ordered();

/// One that has measured a round trip of 200 ms: its RTO is 600 ms.
fn measured(config: Config) -> Tester {
    let mut tester = Tester::established(config);
    tester.write(0, b"first", ORDERED);
    tester.expect(["DATA 1 s0#0 BE first"]);
    tester.now += millis(200);
    tester.inject(&[tester.sack(1, 1 << 20, &[], &[])]);
    assert_eq!(tester.association.tx.rto(), millis(600));
    tester
}

/// Writes messages that fill a packet each.
fn write_packets(tester: &mut Tester, count: usize) {
    for _ in 0..count {
        tester.write(0, &[1; 1_132], ORDERED);
    }
}

#[test]
fn d_8_1_and_8_2_messages_are_sent_whole_or_in_fragments() {
    let mut tester = Tester::established(quiet());
    tester.write(1, b"short", ORDERED);
    tester.write(2, &[7; 4_000], SendOptions::unordered());
    tester.expect([
        "DATA 1 s1#0 BE short + DATA 2 s2#0 UB (1108)",
        "DATA 3 s2#0 U (1132)",
        "DATA 4 s2#0 U (1132)",
        "DATA 5 s2#0 UE (628)",
    ]);
}

#[test]
fn d_8_3_fragments_are_put_together_in_whatever_order() {
    let fragments = [data(1, 1, 0, "B", b"to"), data(2, 1, 0, "", b"geth"), data(3, 1, 0, "E", b"er")];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut tester = Tester::established(quiet());
        tester.inject(&order.map(|at| fragments[at].clone()));
        assert_eq!(tester.texts(1), ["together"]);
    }
}

/// Fragments of messages that do not belong together are never one message.
#[test]
fn fragments_of_different_messages_stay_apart() {
    for wrong in [
        data(2, 1, 1, "E", b"x"),
        data(2, 2, 0, "E", b"x"),
        data(2, 1, 0, "UE", b"x"),
        data(2, 1, 1, "BE", b"whole"),
    ] {
        let mut tester = Tester::established(quiet());
        tester.inject(&[data(1, 1, 0, "B", b"begin"), wrong]);
        assert_eq!((tester.texts(1).len(), tester.texts(2).len()), (0, 0));
    }
}

/// What nothing will complete takes no place for ever: fragments far behind it are taken.
#[test]
fn a_fragment_that_is_never_completed_stands_in_nobodys_way() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[data(1, 1, 0, "B", b"begin")]);
    let last = 70_000;
    for tsn in 2..=last {
        tester.inject(&[data(tsn, 2, 0, "UBE", b"x")]);
        tester.read(2).unwrap();
        tester.sent();
    }
    assert_eq!(tester.association.rx.used(), 0);
    tester.inject(&[data(last + 1, 2, 0, "UB", b"fo"), data(last + 2, 2, 0, "IUE", b"ur")]);
    tester.expect([format!("SACK {}", last + 2).as_str()]);
    assert_eq!(tester.texts(2), ["four"]);
}

#[test]
fn d_8_4_what_is_acknowledged_is_not_sent_again() {
    let mut tester = Tester::established(quiet());
    tester.write(0, b"data", ORDERED);
    tester.expect(["DATA 1 s0#0 BE data"]);
    tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
    tester.expect_in(millis(3_600_000), []);
    assert_eq!(tester.association.poll_timeout(), None);
}

#[test]
fn d_8_5_and_rt_11_data_is_repeated_after_longer_and_longer_times_and_not_for_ever() {
    let mut tester = Tester::established(Config { max_retransmits: 6, ..quiet() });
    tester.write(0, b"data", ORDERED);
    let again = "DATA 1 s0#0 BE data";
    tester.expect_in(
        millis(200_000),
        [
            (0, again),
            (1_000, again),
            (3_000, again),
            (7_000, again),
            (15_000, again),
            (25_000, again),
            (35_000, again),
        ],
    );
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::PeerUnreachable }]);
    assert_eq!(tester.association.poll_timeout(), None);
    assert_eq!(tester.association.stats().timeouts, 7);
}

/// FH-5.1.2: each answer sets the counter of errors back (section 8.1).
#[test]
fn fh_5_1_2_errors_count_only_in_a_row() {
    let mut tester = Tester::established(Config { max_retransmits: 2, rto_max: millis(1 << 30), ..quiet() });
    for n in 1..=10_u16 {
        tester.write(0, b"data", ORDERED);
        assert_eq!(tester.sent().len(), 1);
        let rto = tester.association.tx.rto();
        tester.timeline(rto * 3 + millis(10));
        assert!(tester.association.stats().timeouts >= u64::from(n) * 2);
        tester.inject(&[tester.sack(n.into(), 1_000, &[], &[])]);
    }
    assert_eq!(tester.events(), []);
    assert_eq!(tester.association.poll_timeout(), None);
}

/// What is sent again is not measured (Karn's rule), and a round trip that is measured ends the longer times.
#[test]
fn rt_11_the_time_is_measured_on_what_was_sent_once() {
    let mut tester = measured(quiet());
    tester.write(0, b"data", ORDERED);
    tester.timeline(millis(2_000));
    let backed_off = tester.association.tx.rto();
    assert!(backed_off > millis(600));
    tester.inject(&[tester.sack(2, 1_000, &[], &[])]);
    assert_eq!(tester.association.tx.rto(), backed_off);
    tester.write(0, b"data", ORDERED);
    tester.expect(["DATA 3 s0#2 BE data"]);
    tester.now += millis(200);
    tester.inject(&[tester.sack(3, 1_000, &[], &[])]);
    assert!(tester.association.tx.rto() < millis(600));
}

#[test]
fn d_8_6_duplicates_are_reported_at_once() {
    let mut tester = Tester::established(quiet());
    let one = data(1, 0, 0, "BE", b"one");
    tester.inject(std::slice::from_ref(&one));
    tester.inject(std::slice::from_ref(&one));
    tester.expect(["SACK 1 dup 1"]);
    tester.inject(&[one.clone(), one.clone()]);
    tester.expect(["SACK 1 dup 1 dup 1"]);
    // Behind a gap, too.
    let three = data(3, 0, 2, "BE", b"three");
    tester.inject(std::slice::from_ref(&three));
    tester.expect(["SACK 1 [2-2]"]);
    tester.inject(&[three, data(2, 0, 1, "BE", b"two"), one]);
    tester.expect(["SACK 3 dup 3 dup 1"]);
    assert_eq!(tester.texts(0), ["one", "two", "three"]);
    // No more than there is room for in a list of its own.
    for _ in 0..100 {
        tester.inject(&[data(2, 0, 1, "BE", b"two")]);
    }
    let line = &tester.sent()[0];
    assert_eq!(line.matches("dup").count(), 16, "{line}");
}

/// D-8.7, and section 6.1, rule A: into a window that is closed one chunk is sent, again and again, and a peer that answers is
/// not given up.
#[test]
fn d_8_7_a_closed_window_is_probed_with_one_chunk() {
    let mut tester = Tester::established(Config { max_retransmits: 2, ..quiet() });
    tester.inject(&[tester.sack(0, 0, &[], &[])]);
    for text in [b"one", b"two"] {
        tester.write(0, text, ORDERED);
    }
    tester.expect_nothing();
    tester.expect_in(millis(1_000), [(1_000, "DATA 1 s0#0 BE one")]);
    for _ in 0..8 {
        tester.inject(&[tester.sack(0, 0, &[], &[])]);
        let seen = tester.timeline(millis(10_000));
        assert!(!seen.is_empty() && seen.iter().all(|(_, line)| line == "DATA 1 s0#0 BE one"), "{seen:?}");
    }
    assert_eq!(tester.events(), []);
    // It was taken: the next one is the probe.
    tester.inject(&[tester.sack(1, 0, &[], &[])]);
    let seen = tester.timeline(millis(10_000));
    assert_eq!(seen[0].1, "DATA 2 s0#1 BE two");
    tester.inject(&[tester.sack(2, 1_000, &[], &[])]);
    assert_eq!(tester.association.poll_timeout(), None);
}

/// A peer that says nothing at all is given up, its window closed or not.
#[test]
fn a_closed_window_and_silence_end_the_association() {
    let mut tester = Tester::established(Config { max_retransmits: 3, ..quiet() });
    tester.inject(&[tester.sack(0, 0, &[], &[])]);
    tester.write(0, b"one", ORDERED);
    tester.timeline(millis(600_000));
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::PeerUnreachable }]);
}

/// A window that opens is used at once.
#[test]
fn a_window_that_opens_lets_data_through() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[tester.sack(0, 10, &[], &[])]);
    for text in [b"12345678", b"abcdefgh"] {
        tester.write(0, text, ORDERED);
    }
    tester.expect(["DATA 1 s0#0 BE 12345678"]);
    tester.inject(&[tester.sack(1, 8, &[], &[])]);
    tester.expect(["DATA 2 s0#1 BE abcdefgh"]);
}

/// D-8.8: what the window leaves is told, charged with what chunks cost; what comes beyond is dropped and comes again.
#[test]
fn d_8_8_a_receiver_whose_window_is_full() {
    let config = Config { receive_window: 1, max_message_size: 2_000, ..quiet() };
    let mut tester = Tester::established(config);
    let capacity = tester.init.window;
    assert_eq!(capacity, 4_096);
    tester.inject(&[data(1, 0, 0, "IBE", &[1; 1_000])]);
    tester.expect(["SACK 1"]);
    assert_eq!(tester.window, capacity - 1_000 - 64);
    for tsn in 2..=3 {
        tester.inject(&[data(tsn, 0, u16::try_from(tsn).unwrap() - 1, "IBE", &[1; 1_000])]);
    }
    // The one at the front is taken beyond the window, so that a message can always be completed; what is ahead is not.
    tester.inject(&[data(5, 0, 4, "IBE", &[1; 1_000])]);
    tester.expect(["SACK 3"]);
    assert_eq!(tester.window, capacity - 3 * 1_064);
    tester.inject(&[data(4, 0, 3, "IBE", &[1; 1_000])]);
    tester.expect(["SACK 4"]);
    assert_eq!(tester.window, 0);
    // Reading opens it, and the peer hears of it.
    for _ in 0..3 {
        tester.read(0).unwrap();
    }
    tester.expect(["SACK 4"]);
    assert_eq!(tester.window, capacity - 1_064);
}

/// D-8.9: what is lost goes before what is new.
#[test]
fn d_8_9_what_is_lost_goes_first() {
    let mut tester = measured(quiet());
    write_packets(&mut tester, 5);
    assert_eq!(tester.sent().len(), 5);
    tester.write(1, b"new", ORDERED);
    tester.inject(&[tester.sack(1, 1 << 20, &[(2, 5)], &[])]);
    let lines = tester.sent();
    assert_eq!(lines[0], "DATA 2 s0#1 BE (1132)", "{lines:?}");
    assert!(lines[1].starts_with("DATA 7 s1#0"), "{lines:?}");
}

/// One later packet is not enough, however often it is said to have arrived.
#[test]
fn the_same_acknowledgement_again_does_not_count() {
    let mut tester = measured(quiet());
    write_packets(&mut tester, 3);
    assert_eq!(tester.sent().len(), 3);
    for _ in 0..10 {
        tester.inject(&[tester.sack(1, 1 << 20, &[(2, 2)], &[])]);
        tester.expect_nothing();
    }
    assert_eq!(tester.association.stats().fast_retransmits, 0);
}

/// What was sent again and is lost again is not found by acknowledgements of what was sent before it.
#[test]
fn what_is_sent_again_waits_for_news_of_its_own() {
    let mut tester = measured(quiet());
    write_packets(&mut tester, 6);
    assert_eq!(tester.sent().len(), 6);
    tester.inject(&[tester.sack(1, 1 << 20, &[(2, 4)], &[])]);
    tester.expect(["DATA 2 s0#1 BE (1132)"]);
    for last in [5, 6] {
        tester.inject(&[tester.sack(1, 1 << 20, &[(2, last)], &[])]);
        tester.expect_nothing();
    }
    assert_eq!(tester.association.stats().fast_retransmits, 1);
    tester.inject(&[tester.sack(7, 1 << 20, &[], &[])]);
    assert_eq!(tester.association.stats().bytes_in_flight, 0);
}

/// The example of RFC 9260, section 3.3.4, on the receiver's side: gaps 2-3 and 5-5 behind the cumulative TSN.
#[test]
fn gaps_as_in_the_example_of_the_rfc() {
    let mut tester = Tester::established(quiet());
    for tsn in [1, 2] {
        tester.inject(&[data(tsn, 0, u16::try_from(tsn).unwrap() - 1, "BE", b"x")]);
    }
    tester.expect(["SACK 2"]);
    for (tsn, sack) in [(4, "SACK 2 [2-2]"), (5, "SACK 2 [2-3]"), (7, "SACK 2 [2-3] [5-5]")] {
        tester.inject(&[data(tsn, 0, u16::try_from(tsn).unwrap() - 1, "BE", b"x")]);
        tester.expect([sack]);
    }
    tester.inject(&[data(6, 0, 5, "BE", b"x")]);
    tester.expect(["SACK 2 [2-5]"]);
    tester.inject(&[data(3, 0, 2, "BE", b"x")]);
    tester.expect(["SACK 7"]);
    assert_eq!(tester.texts(0).len(), 7);
}

/// The same example on the sender's side: only what is missing is sent again.
#[test]
fn gaps_of_the_peer_as_in_the_example_of_the_rfc() {
    let mut tester = measured(quiet());
    write_packets(&mut tester, 8);
    assert_eq!(tester.sent().len(), 8);
    tester.inject(&[tester.sack(3, 1 << 20, &[(2, 3), (5, 5)], &[])]);
    // 4 was overtaken by three packets, 7 by one, 9 by none.
    assert_eq!(tester.association.stats().bytes_in_flight, 2 * 1_132);
    tester.expect(["DATA 4 s0#3 BE (1132)"]);
    assert_eq!(tester.association.stats().bytes_in_flight, 3 * 1_132);
}

/// Blocks that make no sense, or are in no order, do no harm (dcSCTP sorts and merges them).
#[test]
fn gap_blocks_in_no_order() {
    for gaps in [
        &[(5, 6), (2, 3)][..],
        &[(2, 4), (3, 6)],
        &[(3, 6), (2, 2), (2, 6)],
        &[(6, 6), (6, 2), (0, 3), (1, 1), (0, 0), (2, 5)],
    ] {
        let mut tester = measured(quiet());
        write_packets(&mut tester, 6);
        assert_eq!(tester.sent().len(), 6);
        tester.inject(&[tester.sack(1, 1 << 20, gaps, &[])]);
        let in_flight = tester.association.stats().bytes_in_flight;
        tester.inject(&[tester.sack(7, 1 << 20, &[], &[])]);
        assert_eq!(tester.association.stats().bytes_in_flight, 0, "{gaps:?} {in_flight}");
        tester.expect_alive();
    }
}

/// D-8.12: an acknowledgement that is older than what is known takes nothing back; what was not acknowledged is sent again.
#[test]
fn d_8_12_an_old_acknowledgement_takes_nothing_back() {
    let mut tester = Tester::established(quiet());
    for text in [b"one", b"two"] {
        tester.write(0, text, ORDERED);
        assert_eq!(tester.sent().len(), 1);
    }
    tester.now += millis(200);
    tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
    tester.inject(&[tester.sack(0, 0, &[(2, 2)], &[])]);
    assert_eq!(tester.association.stats().bytes_in_flight, 3);
    assert!(tester.association.stats().peer_window > 0);
    let seen = tester.timeline(millis(1_000));
    assert!(seen[0].1.starts_with("DATA 2 s0#1"), "{seen:?}");
}

#[test]
fn d_8_11_data_without_data() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[data(1, 0, 0, "BE", b"x"), data(2, 0, 1, "BE", b"")]);
    // No User Data, and which it was.
    tester.expect(["ABORT 9[255, 255, 255, 241]"]);
    assert!(tester.events().contains(&Event::Closed { reason: CloseReason::ProtocolViolation }));
}

#[test]
fn a_9_1_a_lone_packet_is_acknowledged_soon() {
    for delay in [0, 20, 200, 500] {
        let mut tester = Tester::established(Config { sack_delay: millis(delay), ..quiet() });
        tester.inject(&[data(1, 0, 0, "BE", b"x")]);
        tester.expect_in(millis(1_000), [(u128::from(delay), "SACK 1")]);
    }
}

#[test]
fn a_9_2_packets_count_and_not_chunks() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[data(1, 0, 0, "BE", b"x"), data(2, 0, 1, "BE", b"y")]);
    tester.expect_in(millis(100), [(20, "SACK 2")]);
    tester.inject(&[data(3, 0, 2, "BE", b"x")]);
    tester.expect_nothing();
    tester.inject(&[data(4, 0, 3, "BE", b"x")]);
    tester.expect(["SACK 4"]);
}

#[test]
fn a_9_3_gaps_are_reported_at_once_until_they_are_filled() {
    let mut tester = Tester::established(quiet());
    for (tsn, sack) in [
        (2, "SACK 0 [2-2]"),
        (4, "SACK 0 [2-2] [4-4]"),
        (5, "SACK 0 [2-2] [4-5]"),
        (1, "SACK 2 [2-3]"),
        (3, "SACK 5"),
    ] {
        tester.inject(&[data(tsn, 0, 0, "UBE", b"x")]);
        tester.expect([sack]);
    }
    // Then it waits again.
    tester.inject(&[data(6, 0, 0, "UBE", b"x")]);
    tester.expect_in(millis(100), [(20, "SACK 6")]);
}

/// The I bit (RFC 7053).
#[test]
fn a_sender_that_cannot_wait_is_answered_at_once() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[data(1, 0, 0, "IBE", b"x")]);
    tester.expect(["SACK 1"]);
}

/// A SACK rides with data that leaves anyway.
#[test]
fn an_acknowledgement_rides_with_data() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[data(1, 0, 0, "BE", b"x")]);
    tester.write(0, b"y", ORDERED);
    tester.expect(["SACK 1 + DATA 1 s0#0 BE y"]);
    tester.expect_in(millis(999), []);
}

/// TSNs that wrap: the tester's are near the end anyway, ours are set there.
#[test]
fn numbers_wrap() {
    let config = Config { initial_tsn: Some(u32::MAX - 1), initial_mid: 0xffff, ..quiet() };
    let mut tester = Tester::established(config);
    for n in 1..=60_u32 {
        let ssn = 0xffff_u32.wrapping_add(n - 1);
        tester.inject(&[data(n, 0, u16::try_from(ssn & 0xffff).unwrap(), "IBE", b"x")]);
        assert_eq!(tester.sent(), [format!("SACK {n}")]);
        tester.write(0, b"y", ORDERED);
        assert_eq!(tester.sent(), [format!("DATA {n} s0#{} BE y", ssn & 0xffff)]);
        tester.inject(&[tester.sack(n, 1_000, &[], &[])]);
    }
    assert_eq!(tester.texts(0).len(), 60);
}

/// How the peer is looked after while nothing is sent (section 8.3): the interval and the RTO, and never while data says as much.
#[test]
fn heartbeats_are_sent_when_idle_and_their_answers_believed() {
    let config = Config { heartbeat_interval: Some(millis(10_000)), max_retransmits: 2, ..Config::default() };
    let mut tester = Tester::established(config.clone());
    let mut out = Vec::new();
    for round in 0..20 {
        assert_eq!(tester.timeline(millis(10_000)), []);
        tester.now = tester.association.poll_timeout().unwrap();
        tester.association.handle_timeout(tester.now);
        out.clear();
        tester.association.poll_transmit(tester.now, &mut out).unwrap();
        assert_eq!(out[12], 4, "{round}");
        tester.now += millis(30);
        let info = out[20..28].to_vec();
        tester.inject(&[chunk(5, 0, &parameter(1, &info))]);
    }
    assert_eq!(tester.events(), []);
    assert_eq!(tester.association.stats().rtt, Some(millis(30)));

    // Wrong answers are none.
    let mut tester = Tester::established(config.clone());
    while tester.state() != State::Closed {
        for line in tester.timeline(millis(500)) {
            assert_eq!(line.1, "HEARTBEAT");
        }
        tester.inject(&[chunk(5, 0, &parameter(1, &[0; 8]))]);
        tester.inject(&[chunk(5, 0, &[])]);
    }
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::PeerUnreachable }]);

    // Three unanswered, when two are allowed.
    let mut tester = Tester::established(config);
    let seen = tester.timeline(millis(200_000));
    assert_eq!(
        seen,
        [(11_000, "HEARTBEAT".to_owned()), (22_000, "HEARTBEAT".into()), (34_000, "HEARTBEAT".into())]
    );
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::PeerUnreachable }]);
    assert_eq!(tester.association.poll_timeout(), None);
}

/// While data goes back and forth nobody asks whether the peer is there: a path is idle after the interval (section 8.3).
#[test]
fn heartbeats_are_not_sent_while_data_is() {
    let config = Config { heartbeat_interval: Some(millis(10_000)), ..Config::default() };
    let mut tester = Tester::established(config);
    for n in 1..60 {
        tester.write(0, b"data", ORDERED);
        assert_eq!(tester.sent(), [format!("DATA {n} s0#{} BE data", n - 1)]);
        tester.now += millis(100);
        tester.inject(&[tester.sack(n, 1_000, &[], &[])]);
        assert_eq!(tester.timeline(millis(900)), []);
    }
    let rto = tester.association.tx.rto();
    let seen = tester.timeline(millis(10_000));
    assert_eq!(seen, [(10_000 - 1_000 + rto.as_millis(), "HEARTBEAT".to_owned())]);
}

/// The counter of errors is one for data, heartbeats and requests; any answer sets it back.
#[test]
fn an_answer_to_a_heartbeat_sets_the_errors_back() {
    let config = Config { heartbeat_interval: Some(millis(5_000)), max_retransmits: 1, ..Config::default() };
    let mut tester = Tester::established_with(config, &extensions());
    let mut out = Vec::new();
    for _ in 0..5 {
        // The first one is lost, the second one answered.
        for answered in [false, true] {
            tester.now = tester.association.poll_timeout().unwrap();
            tester.association.handle_timeout(tester.now);
            out.clear();
            tester.association.poll_transmit(tester.now, &mut out).unwrap();
            if answered {
                tester.inject(&[chunk(5, 0, &parameter(1, &out[20..28]))]);
            }
        }
    }
    assert_eq!(tester.events(), []);
    // A HEARTBEAT of the peer is a sign of life, but no answer.
    tester.inject(&[heartbeat(b"hi")]);
    tester.expect(["HEARTBEAT ACK hi"]);
}
