//! What is left of dcSCTP's tests of its socket: restarts, the last moment before giving up, thresholds.

use drywire_core::Duration;

use super::tester::{TAG, Tester, chunk, data, extensions, init, outgoing_reset, packet, quiet, reconfig};
use crate::{Config, Event, SendError, SendOptions, State, StreamId};

const ORDERED: SendOptions = SendOptions::ordered();

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The tester has lost its state: it begins anew, with the tag `tag`, and its own numbers again from 1.
fn restart(tester: &mut Tester, tag: u32) {
    let known = tester.init.tag;
    tester.inject_with_tag(0, &[init(tag, 100_000, &extensions())]);
    assert_eq!(tester.sent().len(), 1);
    assert_ne!(tester.init.tag, known);
    tester.tag = tag;
    let echo = chunk(10, 0, &tester.init.cookie());
    tester.inject(&[echo]);
    tester.expect(["COOKIE ACK"]);
}

#[test]
fn a_restart_with_everything_under_way() {
    let mut tester = Tester::established(quiet());
    tester.write(0, b"lost", ORDERED);
    tester.write(1, b"lost", ORDERED);
    tester.expect(["DATA 1 s0#0 BE lost + DATA 2 s1#0 BE lost"]);
    tester.inject(&[data(1, 0, 0, "BE", b"unread"), data(2, 0, 1, "B", b"half")]);
    tester.inject(&[data(4, 0, 3, "BE", b"waits")]);
    tester.sent();
    tester.events();
    restart(&mut tester, TAG + 7);
    assert_eq!(tester.events(), [Event::Restarted]);
    assert_eq!((tester.state(), tester.association.rx.used()), (State::Established, 0));
    assert_eq!(tester.association.poll_timeout(), None, "nothing is in flight");
    tester.write(0, b"anew", ORDERED);
    tester.expect(["DATA 1 s0#0 BE anew"]);
    tester.inject(&[data(1, 0, 0, "IBE", b"first")]);
    tester.expect(["SACK 1"]);
    assert_eq!(tester.texts(0), ["first"]);
    // Packets of the older association mean nothing.
    let stray = packet(TAG, &[data(2, 0, 1, "BE", b"x")]);
    tester.association.handle_input(tester.now, stray);
    tester.expect_nothing();
    tester.expect_alive();
}

/// The streams that were to be reset begin at zero by the restart itself.
#[test]
fn a_restart_while_streams_are_reset() {
    let mut tester = Tester::established(quiet());
    tester.write(2, b"data", ORDERED);
    tester.expect(["DATA 1 s2#0 BE data"]);
    tester.association.reset_streams(tester.now, &[StreamId(1), StreamId(2)]);
    tester.expect(["RE-CONFIG reset 1 until 1 s1"]);
    tester.inject(&[reconfig(&outgoing_reset(1, 9, &[5]))]);
    tester.expect(["RE-CONFIG 1 is 6"]);
    restart(&mut tester, TAG + 7);
    assert_eq!(
        tester.events(),
        [Event::Restarted, Event::OutgoingStreamsReset(vec![StreamId(1), StreamId(2)])]
    );
    for stream in [1, 2] {
        tester.write(stream, b"anew", ORDERED);
    }
    tester.expect(["DATA 1 s1#0 BE anew + DATA 2 s2#0 BE anew"]);
    // The numbers of requests begin anew, too, and what waited is forgotten.
    tester.inject(&[data(1, 5, 0, "BE", b"x")]);
    assert_eq!(tester.texts(5), ["x"]);
    tester.inject(&[reconfig(&outgoing_reset(1, 1, &[5]))]);
    assert!(tester.sent().concat().contains("RE-CONFIG 1 is 1"));
}

/// The answer to the last retransmission that there may be is not too late.
#[test]
fn an_answer_at_the_last_moment() {
    let mut tester = Tester::established(Config { max_retransmits: 4, rto_max: millis(60_000), ..quiet() });
    tester.write(0, b"data", ORDERED);
    assert_eq!(tester.timeline(millis(30_999)).len(), 5);
    tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
    tester.expect_in(millis(3_600_000), []);
    assert_eq!(tester.events(), []);
    tester.expect_alive();
}

#[test]
fn shutdown_twice_is_shutdown_once() {
    let mut tester = Tester::established(quiet());
    tester.write(0, b"data", ORDERED);
    tester.expect(["DATA 1 s0#0 BE data"]);
    for _ in 0..3 {
        tester.association.shutdown(tester.now);
        tester.expect_nothing();
    }
    tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
    tester.expect(["SHUTDOWN 0"]);
    tester.association.shutdown(tester.now);
    tester.expect_nothing();
    tester.inject(&[chunk(8, 0, &[])]);
    tester.expect(["SHUTDOWN COMPLETE"]);
    tester.association.shutdown(tester.now);
    tester.association.connect(tester.now);
    tester.expect_nothing();
    assert_eq!(tester.events().len(), 1);
}

/// Shutdown in every state of the handshake: the handshake goes on, what is queued is delivered, then it ends.
#[test]
fn shutdown_while_it_begins() {
    for at in 0..2 {
        let mut tester = if at == 0 { Tester::connecting(quiet()) } else { Tester::cookie_echoed(quiet()) };
        tester.association.shutdown(tester.now);
        tester.expect_nothing();
        if at == 0 {
            tester.tag = TAG;
            tester.inject(&[super::tester::init_ack(TAG, &super::tester::cookie(b"cookie"))]);
            tester.expect(["COOKIE ECHO"]);
        }
        tester.inject(&[chunk(11, 0, &[])]);
        tester.expect(["SHUTDOWN 0"]);
        tester.inject(&[chunk(8, 0, &[])]);
        tester.expect(["SHUTDOWN COMPLETE"]);
        assert_eq!(tester.association.poll_timeout(), None);
    }
}

fn lows(tester: &mut Tester) -> Vec<u16> {
    std::iter::from_fn(|| tester.association.poll_event())
        .filter_map(|event| match event {
            Event::BufferedAmountLow(stream) => Some(stream.0),
            _ => None,
        })
        .collect()
}

/// The event comes when the amount falls to the threshold or below from above, each time, and not otherwise.
#[test]
fn thresholds_are_crossed_from_above() {
    let mut tester = Tester::established(quiet());
    tester.association.set_buffered_low_threshold(StreamId(1), 1_500);
    // Nothing can leave.
    tester.inject(&[tester.sack(0, 0, &[], &[])]);
    tester.write(1, &[1; 1_000], ORDERED);
    assert_eq!(lows(&mut tester), [], "never above");
    for _ in 0..2 {
        tester.write(1, &[1; 1_000], ORDERED);
    }
    assert_eq!((lows(&mut tester).len(), tester.association.buffered(StreamId(1))), (0, 3_000));
    let mut last = 0;
    for (window, expected) in [(1_000, 0), (1_000, 1), (1_000, 0)] {
        tester.inject(&[tester.sack(last, window, &[], &[])]);
        assert_eq!(tester.sent().len(), 1);
        last += 1;
        assert_eq!(lows(&mut tester).len(), expected, "{last}");
        tester.inject(&[tester.sack(last, 0, &[], &[])]);
    }
    // Again, as often as it happens.
    for _ in 0..3 {
        tester.inject(&[tester.sack(last, 0, &[], &[])]);
        for _ in 0..2 {
            tester.write(1, &[1; 1_000], ORDERED);
        }
        tester.inject(&[tester.sack(last, 2_000, &[], &[])]);
        tester.sent();
        last += 2;
        assert_eq!(lows(&mut tester), [1]);
        tester.inject(&[tester.sack(last, 0, &[], &[])]);
    }
}

/// What the retransmission timer finds lost leaves with a window of one packet (section 7.2.3). What counts is user data, so
/// that a packet's worth of it leaves room for the beginning of a second one (section 6.1, rule B).
#[test]
fn after_a_timeout_the_window_is_one_packet() {
    let mut tester = Tester::established(quiet());
    for _ in 0..4 {
        tester.write(0, &[1; 1_132], ORDERED);
    }
    assert_eq!(tester.sent().len(), 4);
    let again = ["DATA 1 s0#0 BE (1132)", "DATA 2 s0#1 BE (1132)"];
    tester.expect_in(millis(1_500), [(1_000, again[0]), (1_000, again[1])]);
    assert_eq!(tester.association.stats().congestion_window, 1_160);
    tester.inject(&[tester.sack(4, 100_000, &[], &[])]);
    assert_eq!(tester.association.stats().bytes_in_flight, 0);
}

/// T3 begins anew when the first TSN in flight is acknowledged (section 6.3.2, R3). When another one is, the time finds the first
/// one lost, a quarter of a round trip later, and T3 begins anew with what is sent again (section 7.2.4, rule 4).
#[test]
fn the_timer_begins_anew_with_the_first_in_flight() {
    for (cumulative, gap, again, due) in [(1, None, None, 800), (0, Some((2, 2)), Some(250), 850)] {
        let mut tester = Tester::established(quiet());
        for _ in 0..2 {
            tester.write(0, &[1; 1_132], ORDERED);
        }
        assert_eq!(tester.sent().len(), 2);
        // The first RTO is a second, and that of a round trip of 200 ms is 600 ms.
        tester.expect_in(millis(200), []);
        tester.inject(&[tester.sack(cumulative, 100_000, gap.as_slice(), &[])]);
        let (mut time, mut found) = (200, None);
        while tester.association.stats().timeouts == 0 {
            time += 1;
            let sent = tester.timeline(millis(1));
            found = found.or(sent.first().filter(|_| tester.association.stats().timeouts == 0).map(|_| time));
        }
        assert_eq!((found, time), (again, due));
    }
}

/// A stream that is full refuses, and no other; once there is room it takes again.
#[test]
fn each_stream_has_its_limit() {
    let mut tester = Tester::established(Config { send_buffer: 1_000, ..quiet() });
    tester.inject(&[tester.sack(0, 0, &[], &[])]);
    tester.write(1, &[1; 1_000], ORDERED);
    let data = bytes::Bytes::from_static(b"x");
    let now = tester.now;
    let write = |tester: &mut Tester, stream| {
        tester.association.write(now, StreamId(stream), crate::Ppid(1), data.clone(), ORDERED)
    };
    assert_eq!(write(&mut tester, 1), Err(SendError::Full));
    assert_eq!(write(&mut tester, 2), Ok(()));
    tester.inject(&[tester.sack(0, 1_000, &[], &[])]);
    tester.sent();
    assert_eq!(lows(&mut tester), [1]);
    assert_eq!(write(&mut tester, 1), Ok(()));
}
