//! The reset of streams: the procedures of RFC 6525 as the reconfig suites list them, and dcSCTP's of its stream reset handler.

use drywire_core::Duration;

use super::tester::{
    Tester, chunk, data, forward_tsn, i_data, outgoing_reset, parameter, quiet, reconfig, request,
};
use crate::{CloseReason, Config, Event, SendError, SendOptions, StreamId};

const ORDERED: SendOptions = SendOptions::ordered();

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn established() -> Tester {
    Tester::established(quiet())
}

fn reset(tester: &mut Tester, streams: &[u16]) {
    let streams: Vec<_> = streams.iter().copied().map(StreamId).collect();
    tester.association.reset_streams(tester.now, &streams);
}

fn ids(streams: &[u16]) -> Vec<StreamId> {
    streams.iter().copied().map(StreamId).collect()
}

/// The number of the first request is the initial TSN (section 4.1); the last TSN is the one before the next.
#[test]
fn a_request_says_what_it_must() {
    let mut tester = established();
    reset(&mut tester, &[42]);
    tester.expect(["RE-CONFIG reset 1 until 0 s42"]);
    tester.inject(&[tester.reset_response(1, 1)]);
    assert_eq!(tester.events(), [Event::OutgoingStreamsReset(ids(&[42]))]);
    assert_eq!(tester.association.poll_timeout(), None);
    tester.write(42, b"data", ORDERED);
    tester.expect(["DATA 1 s42#0 BE data"]);
    tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
    reset(&mut tester, &[42]);
    tester.expect(["RE-CONFIG reset 2 until 1 s42"]);
}

/// Wishes for the same stream are one; those that come while a request is out are the next one.
#[test]
fn several_streams_and_wishes_that_wait() {
    let mut tester = established();
    reset(&mut tester, &[42]);
    reset(&mut tester, &[43, 44, 41]);
    reset(&mut tester, &[42, 40]);
    tester.expect(["RE-CONFIG reset 1 until 0 s42"]);
    for (result, event) in [
        (0, Event::OutgoingStreamsReset(ids(&[42]))),
        (1, Event::OutgoingStreamsReset(ids(&[43, 44, 41, 40]))),
    ] {
        let number = if result == 0 { 1 } else { 2 };
        tester.inject(&[tester.reset_response(number, result)]);
        assert_eq!(tester.events(), [event]);
        let next: &[&str] = if number == 1 { &["RE-CONFIG reset 2 until 0 s43 s44 s41 s40"] } else { &[] };
        assert_eq!(tester.sent(), next);
    }
}

/// What was queued goes first and is acknowledged; then the request leaves, and numbers begin at zero again on that stream alone.
#[test]
fn a_request_waits_for_what_is_queued() {
    let mut tester = established();
    tester.inject(&[tester.sack(0, 1_132, &[], &[])]);
    tester.write(1, &[1; 2_000], ORDERED);
    tester.write(2, b"data", ORDERED);
    reset(&mut tester, &[1]);
    tester.expect(["DATA 1 s1#0 B (1132)"]);
    let more = bytes::Bytes::from_static(b"more");
    let now = tester.now;
    let refused = tester.association.write(now, StreamId(1), crate::Ppid(1), more, ORDERED);
    assert_eq!(refused, Err(SendError::StreamResetting));
    tester.inject(&[tester.sack(1, 100_000, &[], &[])]);
    tester.expect(["DATA 2 s1#0 E (868) + DATA 3 s2#0 BE data"]);
    tester.inject(&[tester.sack(3, 100_000, &[], &[])]);
    tester.expect(["RE-CONFIG reset 1 until 3 s1"]);
    tester.inject(&[tester.reset_response(1, 1)]);
    for stream in [1, 2] {
        tester.write(stream, b"data", ORDERED);
    }
    tester.expect(["DATA 4 s2#1 BE data + DATA 5 s1#0 BE data"]);
}

/// What is given up where it would be sent makes the reset possible.
#[test]
fn a_request_waits_for_what_is_given_up() {
    let mut tester = established();
    tester.inject(&[tester.sack(0, 0, &[], &[])]);
    tester.write(1, b"late", ORDERED.with_lifetime(millis(50)));
    reset(&mut tester, &[1]);
    let seen = tester.timeline(millis(1_500));
    assert_eq!(seen, [(1_000, "RE-CONFIG reset 1 until 0 s1".to_owned())]);
}

/// A request that is not answered is repeated with its number, and counts as an error (section 5.1.1).
#[test]
fn a_request_is_repeated_and_not_for_ever() {
    let mut tester = Tester::established(Config { max_retransmits: 3, ..quiet() });
    reset(&mut tester, &[1]);
    let again = "RE-CONFIG reset 1 until 0 s1";
    tester.expect_in(millis(100_000), [(0, again), (1_000, again), (3_000, again), (7_000, again)]);
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::PeerUnreachable }]);
    assert_eq!(tester.association.poll_timeout(), None);
}

/// A peer that says "in progress" is asked again with another number, and that is no error of its.
#[test]
fn a_request_in_progress_is_made_anew_and_is_no_error() {
    let mut tester = Tester::established(Config { max_retransmits: 1, ..quiet() });
    reset(&mut tester, &[1]);
    for number in 1..=8 {
        assert_eq!(tester.sent(), [format!("RE-CONFIG reset {number} until 0 s1")]);
        tester.inject(&[tester.reset_response(number, 6)]);
        tester.expect_nothing();
        assert_eq!(tester.events(), []);
        tester.now = tester.association.poll_timeout().unwrap();
        tester.association.handle_timeout(tester.now);
    }
    tester.expect(["RE-CONFIG reset 9 until 0 s1"]);
    tester.inject(&[tester.reset_response(9, 1)]);
    assert_eq!(tester.events(), [Event::OutgoingStreamsReset(ids(&[1]))]);
}

/// Results that mean no: the stream goes on as it was.
#[test]
fn a_request_that_is_refused_changes_nothing() {
    for result in [2, 3, 5, 7, u32::MAX] {
        let mut tester = established();
        tester.write(1, b"data", ORDERED);
        tester.expect(["DATA 1 s1#0 BE data"]);
        reset(&mut tester, &[1]);
        tester.expect_nothing();
        tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
        tester.expect(["RE-CONFIG reset 1 until 1 s1"]);
        // Answers to what was not asked mean nothing.
        for wrong in [0, 2, 77] {
            tester.inject(&[tester.reset_response(wrong, 1)]);
            assert_eq!(tester.events(), []);
        }
        tester.inject(&[tester.reset_response(1, result)]);
        assert_eq!(tester.events(), [Event::StreamResetFailed(ids(&[1]))]);
        tester.write(1, b"data", ORDERED);
        tester.expect(["DATA 2 s1#1 BE data"]);
    }
}

/// A peer that did not say that it resets streams is not asked.
#[test]
fn a_peer_that_cannot_is_not_asked() {
    let mut tester = Tester::established_with(quiet(), &parameter(0xc000, &[]));
    reset(&mut tester, &[1]);
    tester.expect_nothing();
    assert_eq!(tester.events(), [Event::StreamResetFailed(ids(&[1]))]);
    tester.write(1, b"data", ORDERED);
}

/// The peer's request when all of its data is here: performed at once; numbers begin at zero.
#[test]
fn a_request_of_the_peer_is_performed() {
    let mut tester = established();
    tester.inject(&[
        data(1, 1, 0, "BE", b"one"),
        data(2, 1, 1, "IBE", b"two"),
        data(3, 2, 0, "BE", b"other"),
    ]);
    tester.sent();
    tester.inject(&[reconfig(&outgoing_reset(1, 3, &[1]))]);
    tester.expect(["RE-CONFIG 1 is 1"]);
    let events = tester.events();
    assert_eq!(events.last(), Some(&Event::IncomingStreamsReset(ids(&[1]))));
    tester.inject(&[data(4, 1, 0, "BE", b"anew"), data(5, 2, 1, "BE", b"on")]);
    assert_eq!(tester.texts(1), ["one", "two", "anew"]);
    assert_eq!(tester.texts(2), ["other", "on"]);
}

/// A list without streams stands for all.
#[test]
fn a_request_of_the_peer_for_all_streams() {
    let mut tester = established();
    for stream in 1..=3 {
        tester.inject(&[data(stream.into(), stream, 0, "BE", b"old")]);
        assert_eq!(tester.texts(stream), ["old"]);
    }
    tester.sent();
    tester.events();
    tester.inject(&[reconfig(&outgoing_reset(1, 3, &[]))]);
    tester.expect(["RE-CONFIG 1 is 1"]);
    assert_eq!(tester.events(), [Event::IncomingStreamsReset(vec![])]);
    for stream in 1..=3 {
        tester.inject(&[data(u32::from(stream) + 3, stream, 0, "BE", b"new")]);
        assert_eq!(tester.texts(stream), ["new"]);
    }
}

/// The example of dcSCTP: two of three streams are to be reset while their data is on its way.
#[test]
fn a_request_that_waits_for_data_concerns_its_streams_alone() {
    let mut tester = established();
    tester.inject(&[reconfig(&outgoing_reset(1, 3, &[1, 2]))]);
    tester.expect(["RE-CONFIG 1 is 6"]);
    let before = [data(1, 1, 0, "BE", b"a"), data(2, 2, 0, "BE", b"b")];
    let after = [data(4, 1, 0, "BE", b"d"), data(5, 2, 0, "BE", b"e")];
    let other = [data(3, 3, 0, "BE", b"c"), data(6, 3, 1, "BE", b"f")];
    // What belongs to the time after the reset is not taken yet, and comes again.
    tester.inject(&after);
    tester.expect_in(millis(20), [(20, "SACK 0")]);
    for chunk in before.iter().chain(&other) {
        tester.inject(std::slice::from_ref(chunk));
    }
    assert_eq!(tester.texts(1), ["a"]);
    assert_eq!(tester.texts(2), ["b"]);
    assert_eq!(tester.texts(3), ["c", "f"]);
    assert!(tester.events().contains(&Event::IncomingStreamsReset(ids(&[1, 2]))));
    tester.inject(&after);
    assert_eq!((tester.texts(1), tester.texts(2)), (vec!["d".into()], vec!["e".into()]));
    tester.sent();
    // Whichever number the peer asks with, it hears that it is done, and it is not done again.
    tester.inject(&[reconfig(&outgoing_reset(1, 3, &[1, 2]))]);
    tester.expect(["RE-CONFIG 1 is 1"]);
    tester.inject(&[reconfig(&outgoing_reset(2, 3, &[1, 2]))]);
    tester.expect(["RE-CONFIG 2 is 1"]);
    assert!(tester.events().iter().all(|event| !matches!(event, Event::IncomingStreamsReset(_))));
    tester.inject(&[data(7, 1, 1, "BE", b"g")]);
    assert_eq!(tester.texts(1), ["g"]);
}

/// A request that waits is performed when the peer gives up what it waited for.
#[test]
fn a_request_that_waits_for_what_is_given_up() {
    let mut tester = established();
    tester.inject(&[reconfig(&outgoing_reset(1, 3, &[42]))]);
    tester.expect(["RE-CONFIG 1 is 6"]);
    tester.inject(&[data(6, 42, 1, "BE", b"later")]);
    tester.sent();
    tester.inject(&[forward_tsn(3, &[(42, 2)])]);
    assert_eq!(tester.events(), [Event::IncomingStreamsReset(ids(&[42]))]);
    tester.inject(&[forward_tsn(5, &[(42, 0)])]);
    tester.inject(&[data(6, 42, 1, "BE", b"later")]);
    assert_eq!(tester.texts(42), ["later"]);
}

/// Requests that RFC 8831 has no use for are denied; numbers that are not next are told so; and what is denied is not done.
#[test]
fn other_requests_of_the_peer() {
    let mut tester = established();
    tester.inject(&[data(1, 1, 0, "BE", b"one")]);
    for (number, kind) in [(1, 14), (2, 15), (3, 17), (4, 18)] {
        tester.inject(&[reconfig(&request(kind, number, &[0, 5, 0, 0]))]);
        let line = tester.sent().pop().unwrap();
        assert!(line.ends_with(&format!("RE-CONFIG {number} is 2")), "{line}");
        // Asked again, answered again.
        tester.inject(&[reconfig(&request(kind, number, &[0, 5, 0, 0]))]);
        assert_eq!(tester.sent(), [format!("RE-CONFIG {number} is 2")]);
    }
    for number in [0, 3, 6, 1_000] {
        tester.inject(&[reconfig(&outgoing_reset(number, 1, &[1]))]);
        let line = tester.sent().pop().unwrap();
        assert_eq!(line, format!("RE-CONFIG {number} is 5"));
    }
    tester.inject(&[data(2, 1, 1, "BE", b"two")]);
    assert_eq!(tester.texts(1), ["one", "two"]);
}

#[test]
fn a_request_for_a_stream_that_is_not_there() {
    let mut tester = Tester::established(Config { max_inbound_streams: 4, ..quiet() });
    tester.inject(&[reconfig(&outgoing_reset(1, 0, &[1, 4]))]);
    tester.expect(["RE-CONFIG 1 is 3"]);
    assert_eq!(tester.events(), []);
}

/// Two parameters in one chunk (section 3.1): a request with an answer, and two requests one after the other.
#[test]
fn two_parameters_in_a_chunk() {
    let mut tester = established();
    reset(&mut tester, &[7]);
    tester.expect(["RE-CONFIG reset 1 until 0 s7"]);
    let response = tester.reset_response(1, 1)[4..].to_vec();
    tester.inject(&[reconfig(&[outgoing_reset(1, 0, &[7]), response].concat())]);
    tester.expect(["RE-CONFIG 1 is 1"]);
    assert_eq!(
        tester.events(),
        [Event::IncomingStreamsReset(ids(&[7])), Event::OutgoingStreamsReset(ids(&[7]))]
    );
    let two = [outgoing_reset(2, 0, &[8]), request(14, 3, &[0, 9])].concat();
    tester.inject(&[reconfig(&two)]);
    tester.expect(["RE-CONFIG 2 is 1 3 is 2"]);
}

#[test]
fn a_chunk_that_is_malformed_means_nothing() {
    let mut tester = established();
    let whole = outgoing_reset(1, 0, &[1]);
    for len in 0..18 {
        tester.inject(&[reconfig(&whole[..len])]);
        tester.expect_nothing();
    }
    // Lengths that say less than there must be, half a stream, and parameters that nobody knows.
    for wrong in [
        parameter(13, &[0; 8]),
        parameter(13, &[0; 13]),
        parameter(16, &[0; 4]),
        parameter(14, &[0; 3]),
        parameter(0x7f, &[0; 8]),
    ] {
        tester.inject(&[reconfig(&wrong)]);
        tester.expect_nothing();
    }
    assert_eq!(tester.events(), []);
    tester.inject(&[reconfig(&whole)]);
    tester.expect(["RE-CONFIG 1 is 1"]);
}

/// With interleaving a stream has two counters, and both begin anew (RFC 8260, section 2.1), on either side.
#[test]
fn both_counters_of_a_stream_begin_anew() {
    let config = Config { interleaving: true, ..quiet() };
    let mut tester = Tester::established_with(config, &parameter(0x8008, &[130, 64, 194]));
    for options in [ORDERED, SendOptions::unordered()] {
        tester.write(1, b"old", options);
    }
    tester.expect(["I-DATA 1 s1#0 BE old + I-DATA 2 s1#0 UBE old"]);
    tester.inject(&[tester.sack(2, 1_000, &[], &[])]);
    reset(&mut tester, &[1]);
    tester.expect(["RE-CONFIG reset 1 until 2 s1"]);
    tester.inject(&[tester.reset_response(1, 1)]);
    for options in [ORDERED, SendOptions::unordered()] {
        tester.write(1, b"new", options);
    }
    tester.expect(["I-DATA 3 s1#0 BE new + I-DATA 4 s1#0 UBE new"]);

    // What is half there of the time before is not mixed with what comes after.
    for (tsn, mid, flags) in [(1, 0, "BE"), (2, 0, "UBE"), (3, 1, "B"), (4, 1, "UB")] {
        tester.inject(&[i_data(tsn, 1, mid, flags, 53, b"old")]);
    }
    tester.sent();
    tester.inject(&[reconfig(&outgoing_reset(1, 4, &[1]))]);
    tester.expect(["RE-CONFIG 1 is 1"]);
    tester.inject(&[i_data(5, 1, 0, "BE", 53, b"new"), i_data(6, 1, 0, "UBE", 53, b"new")]);
    tester.inject(&[i_data(7, 1, 1, "E", 1, b"x"), i_data(8, 1, 1, "UE", 1, b"x")]);
    assert_eq!(tester.texts(1), ["old", "old", "new", "new"]);
}

/// A message that its sender cut off by a reset is let go with what comes next.
#[test]
fn what_is_cut_off_by_a_reset_is_let_go() {
    let mut tester = established();
    tester.inject(&[data(1, 1, 0, "B", b"half")]);
    tester.sent();
    tester.inject(&[reconfig(&outgoing_reset(1, 1, &[1]))]);
    tester.expect(["SACK 1 + RE-CONFIG 1 is 1"]);
    tester.inject(&[data(2, 1, 0, "BE", b"new")]);
    assert_eq!(tester.texts(1), ["new"]);
    assert_eq!(tester.association.rx.used(), 0);
}

/// While it ends no stream is reset any more on our side; what the peer asks is answered.
#[test]
fn requests_while_the_association_ends() {
    let mut tester = established();
    tester.association.shutdown(tester.now);
    tester.expect(["SHUTDOWN 0"]);
    reset(&mut tester, &[1]);
    tester.expect_nothing();
    tester.inject(&[reconfig(&outgoing_reset(1, 0, &[1]))]);
    tester.expect(["RE-CONFIG 1 is 1"]);
    tester.inject(&[chunk(8, 0, &[])]);
    tester.expect(["SHUTDOWN COMPLETE"]);
}

/// Before it is established there is nothing to reset.
#[test]
fn requests_before_the_association_are_dropped() {
    let mut tester = Tester::cookie_echoed(quiet());
    tester.inject(&[reconfig(&outgoing_reset(1, 0, &[1]))]);
    tester.expect_nothing();
    reset(&mut tester, &[1]);
    tester.expect_nothing();
    tester.inject(&[chunk(11, 0, &[])]);
    tester.expect(["RE-CONFIG reset 1 until 0 s1"]);
}
