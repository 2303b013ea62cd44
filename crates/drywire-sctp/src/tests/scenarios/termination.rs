//! How associations end: ETSI's purposes AT-2, and those of IMH-3, DM-4 and FH-5 that concern it.

use drywire_core::Duration;

use super::tester::{
    TAG, Tester, abort, chunk, data, extensions, heartbeat, init, init_ack, outgoing_reset, quiet, reconfig,
};
use crate::{CloseReason, Event, SendOptions, State};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn closed(reason: CloseReason) -> Vec<Event> {
    vec![Event::Closed { reason }]
}

/// Nothing is left of it: no timer, nothing to send, and what comes is a stray packet.
#[track_caller]
fn expect_over(tester: &mut Tester) {
    assert_eq!(tester.state(), State::Closed);
    assert_eq!(tester.association.poll_timeout(), None);
    tester.expect_nothing();
    tester.inject(&[heartbeat(b"gone?")]);
    tester.expect(["ABORT T"]);
}

#[test]
fn at_2_2_an_abort_ends_the_association_at_once() {
    for (flags, tag) in [(0, None), (1, Some(TAG))] {
        let mut tester = Tester::established(quiet());
        tester.write(0, b"data", SendOptions::ordered());
        tester.expect(["DATA 1 s0#0 BE data"]);
        let tag = tag.unwrap_or(tester.init.tag);
        tester.inject_with_tag(tag, &[abort(flags)]);
        assert_eq!(tester.events(), closed(CloseReason::PeerAborted { cause: None }));
        expect_over(&mut tester);
    }
}

#[test]
fn at_2_3_shutdown_waits_for_the_acknowledgement_of_data() {
    let mut tester = Tester::established(quiet());
    tester.write(0, b"data", SendOptions::ordered());
    tester.association.shutdown(tester.now);
    assert_eq!(tester.state(), State::ShutdownPending);
    let again = "DATA 1 s0#0 BE data";
    tester.expect_in(millis(3_500), [(0, again), (1_000, again), (3_000, again)]);
    tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
    tester.expect(["SHUTDOWN 0"]);
    assert_eq!(tester.state(), State::ShutdownSent);
}

/// T2-shutdown doubles, and Association.Max.Retrans counts (RFC 9260, section 9.2).
#[test]
fn at_2_4_and_2_5_shutdown_is_repeated_and_not_for_ever() {
    let mut tester = Tester::established(crate::Config { max_retransmits: 5, ..quiet() });
    tester.association.shutdown(tester.now);
    let again = "SHUTDOWN 0";
    tester.expect_in(
        millis(120_000),
        [(0, again), (1_000, again), (3_000, again), (7_000, again), (15_000, again), (25_000, again)],
    );
    assert_eq!(tester.events(), closed(CloseReason::PeerUnreachable));
    expect_over(&mut tester);
}

#[test]
fn at_2_6_shutdown_ack_is_answered_and_the_association_over() {
    let mut tester = Tester::established(quiet());
    tester.association.shutdown(tester.now);
    tester.expect(["SHUTDOWN 0"]);
    tester.inject(&[chunk(8, 0, &[])]);
    tester.expect(["SHUTDOWN COMPLETE"]);
    assert_eq!(tester.events(), closed(CloseReason::Shutdown));
    // It was lost: the peer asks again.
    tester.inject(&[chunk(8, 0, &[])]);
    tester.expect(["SHUTDOWN COMPLETE T"]);
    expect_over(&mut tester);
}

/// Nothing can be written from SHUTDOWN-PENDING on, whoever ends it.
#[test]
fn at_2_7_nothing_is_written_while_it_ends() {
    for by_peer in [false, true] {
        let mut tester = Tester::established(quiet());
        tester.write(0, b"last", SendOptions::ordered());
        tester.expect(["DATA 1 s0#0 BE last"]);
        if by_peer {
            tester.inject(&[tester.shutdown(0)]);
            assert_eq!(tester.state(), State::ShutdownReceived);
        } else {
            tester.association.shutdown(tester.now);
            assert_eq!(tester.state(), State::ShutdownPending);
        }
        for _ in 0..2 {
            let data = bytes::Bytes::from_static(b"more");
            let now = tester.now;
            let refused = tester.association.write(
                now,
                crate::StreamId(0),
                crate::Ppid(1),
                data,
                SendOptions::ordered(),
            );
            assert_eq!(refused, Err(crate::SendError::Closed));
            // In SHUTDOWN-SENT or SHUTDOWN-ACK-SENT the same.
            tester.inject(&[tester.sack(1, 1_000, &[], &[])]);
        }
        tester.expect([if by_peer { "SHUTDOWN ACK" } else { "SHUTDOWN 0" }]);
    }
}

/// Data that comes in SHUTDOWN-SENT is taken and answered at once by SACK and SHUTDOWN.
#[test]
fn at_2_8_data_after_our_shutdown_is_taken() {
    let mut tester = Tester::established(quiet());
    tester.association.shutdown(tester.now);
    tester.expect(["SHUTDOWN 0"]);
    for (tsn, answer) in [(1, "SACK 1 + SHUTDOWN 1"), (2, "SACK 2 + SHUTDOWN 2")] {
        tester.inject(&[data(tsn, 0, u16::try_from(tsn).unwrap() - 1, "BE", b"late")]);
        tester.expect([answer]);
    }
    assert_eq!(tester.texts(0), ["late"; 2]);
}

/// Section 9.2: each packet with data restarts T2. A peer that needs long to send what it has is not given up.
#[test]
fn at_2_8_a_peer_that_still_sends_is_not_given_up() {
    let mut tester = Tester::established(crate::Config { max_retransmits: 2, ..quiet() });
    tester.association.shutdown(tester.now);
    tester.expect(["SHUTDOWN 0"]);
    for tsn in 1..200_u16 {
        tester.timeline(millis(900));
        tester.inject(&[data(tsn.into(), 0, tsn - 1, "BE", b"slow")]);
        assert_eq!(tester.sent(), [format!("SACK {tsn} + SHUTDOWN {tsn}")]);
    }
    assert_eq!(tester.texts(0).len(), 199);
    // The waiting begins anew with the last of them.
    let again = "SHUTDOWN 199";
    tester.expect_in(millis(100_000), [(1_000, again), (3_000, again)]);
    assert!(tester.events().contains(&Event::Closed { reason: CloseReason::PeerUnreachable }));
}

#[test]
fn at_2_9_data_after_the_peers_shutdown_is_dropped() {
    let mut tester = Tester::established(quiet());
    tester.write(0, b"ours", SendOptions::ordered());
    tester.expect(["DATA 1 s0#0 BE ours"]);
    tester.inject(&[tester.shutdown(0)]);
    tester.inject(&[data(1, 0, 0, "BE", b"late")]);
    tester.expect_nothing();
    assert_eq!((tester.state(), tester.texts(0).len()), (State::ShutdownReceived, 0));
}

/// SHUTDOWN again while data is in flight: no SHUTDOWN ACK before all of it is acknowledged; what it acknowledges counts.
#[test]
fn at_2_10_shutdown_again_while_data_is_in_flight() {
    let mut tester = Tester::established(quiet());
    for text in [b"one", b"two"] {
        tester.write(0, text, SendOptions::ordered());
    }
    tester.expect(["DATA 1 s0#0 BE one + DATA 2 s0#1 BE two"]);
    for acknowledged in [0, 0, 1, 1] {
        tester.inject(&[tester.shutdown(acknowledged)]);
        tester.expect_nothing();
    }
    assert_eq!(tester.association.stats().bytes_in_flight, 3);
    tester.inject(&[tester.shutdown(2)]);
    tester.expect(["SHUTDOWN ACK"]);
    assert_eq!(tester.state(), State::ShutdownAckSent);
}

#[test]
fn at_2_11_and_2_12_shutdown_ack_is_repeated_and_not_for_ever() {
    let mut tester = Tester::established(crate::Config { max_retransmits: 3, ..quiet() });
    tester.inject(&[tester.shutdown(0)]);
    let again = "SHUTDOWN ACK";
    tester.expect_in(millis(100_000), [(0, again), (1_000, again), (3_000, again), (7_000, again)]);
    assert_eq!(tester.events(), closed(CloseReason::PeerUnreachable));
    expect_over(&mut tester);
}

#[test]
fn at_2_13_and_2_14_shutdown_complete_ends_it() {
    for (flags, tag) in [(0, None), (1, Some(TAG))] {
        let mut tester = Tester::established(quiet());
        tester.write(0, b"data", SendOptions::ordered());
        tester.expect(["DATA 1 s0#0 BE data"]);
        tester.inject(&[tester.shutdown(1)]);
        tester.expect(["SHUTDOWN ACK"]);
        let tag = tag.unwrap_or(tester.init.tag);
        tester.inject_with_tag(tag, &[chunk(14, flags, &[])]);
        tester.expect_nothing();
        assert_eq!(tester.events(), closed(CloseReason::Shutdown));
        expect_over(&mut tester);
    }
}

/// The peer is closed already and what it answers to an older packet of ours overtakes its SHUTDOWN COMPLETE: all was well.
#[test]
fn a_peer_that_is_gone_after_our_shutdown_ack_has_not_aborted() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[tester.shutdown(0)]);
    tester.expect(["SHUTDOWN ACK"]);
    tester.inject_with_tag(TAG, &[abort(1)]);
    assert_eq!(tester.events(), closed(CloseReason::Shutdown));
    expect_over(&mut tester);
}

#[test]
fn imh_3_7_an_abort_with_a_wrong_tag_changes_nothing() {
    let mut tester = Tester::established(quiet());
    let ours = tester.init.tag;
    for (flags, tag) in
        [(0, ours ^ 1), (0, TAG), (0, 0), (1, ours), (1, TAG ^ 1), (1, 0), (0xff, 0), (0xfe, TAG)]
    {
        tester.inject_with_tag(tag, &[abort(flags)]);
    }
    assert_eq!(tester.events(), []);
    tester.expect_alive();
}

#[test]
fn imh_3_9_and_3_10_what_ends_an_association_with_a_wrong_tag_changes_nothing() {
    let mut tester = Tester::established(quiet());
    tester.association.shutdown(tester.now);
    tester.expect(["SHUTDOWN 0"]);
    tester.inject_with_tag(tester.init.tag ^ 1, &[chunk(8, 0, &[])]);
    tester.expect_nothing();
    tester.expect_in(millis(1_000), [(1_000, "SHUTDOWN 0")]);

    let mut tester = Tester::established(quiet());
    tester.inject(&[tester.shutdown(0)]);
    tester.expect(["SHUTDOWN ACK"]);
    for (flags, tag) in [(0, tester.init.tag ^ 1), (1, TAG ^ 1), (1, tester.init.tag), (0, TAG)] {
        tester.inject_with_tag(tag, &[chunk(14, flags, &[])]);
    }
    tester.expect_in(millis(1_000), [(1_000, "SHUTDOWN ACK")]);
}

/// DM-4.5 and DM-4.6.3: both sides shut down at once. T2 is that of the SHUTDOWN ACK from then on.
#[test]
fn dm_4_5_and_4_6_3_shutdown_in_shutdown_sent() {
    let mut tester = Tester::established(quiet());
    tester.association.shutdown(tester.now);
    tester.expect_in(millis(900), [(0, "SHUTDOWN 0")]);
    tester.inject(&[tester.shutdown(0)]);
    tester.expect(["SHUTDOWN ACK"]);
    tester.expect_in(millis(1_500), [(1_000, "SHUTDOWN ACK")]);
    // A SHUTDOWN in SHUTDOWN-ACK-SENT: the SHUTDOWN ACK was lost.
    tester.inject(&[tester.shutdown(0)]);
    tester.expect(["SHUTDOWN ACK"]);
    // The peer's SHUTDOWN ACK crosses ours.
    tester.inject(&[chunk(8, 0, &[])]);
    tester.expect(["SHUTDOWN COMPLETE"]);
    expect_over(&mut tester);
}

#[test]
fn dm_4_6_1_and_4_6_2_shutdown_before_there_is_an_association() {
    let mut tester = Tester::connecting(quiet());
    tester.inject(&[chunk(7, 0, &[0; 4])]);
    tester.expect_nothing();
    assert_eq!(tester.state(), State::CookieWait);
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0x1234, &[chunk(7, 0, &[0; 4])]);
    tester.expect_nothing();
}

/// DM-4.7.1: who is in COOKIE-WAIT or COOKIE-ECHOED does not know the association that is meant (RFC 9260, section 8.5.1, E).
#[test]
fn dm_4_7_1_shutdown_ack_before_there_is_an_association() {
    for tag in [None, Some(0x1234)] {
        for mut tester in [Tester::connecting(quiet()), Tester::cookie_echoed(quiet())] {
            let state = tester.state();
            let tag = tag.unwrap_or(tester.init.tag);
            tester.inject_with_tag(tag, &[chunk(8, 0, &[])]);
            tester.expect(["SHUTDOWN COMPLETE T"]);
            assert_eq!(tester.state(), state);
        }
    }
}

#[test]
fn dm_4_7_2_shutdown_ack_while_established() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[chunk(8, 0, &[])]);
    tester.expect_nothing();
    tester.expect_alive();
}

#[test]
fn dm_4_7_3_shutdown_ack_in_shutdown_ack_sent() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[tester.shutdown(0)]);
    tester.expect(["SHUTDOWN ACK"]);
    tester.inject(&[chunk(8, 0, &[])]);
    tester.expect(["SHUTDOWN COMPLETE"]);
    assert_eq!(tester.events(), closed(CloseReason::Shutdown));
}

#[test]
fn dm_4_9_shutdown_complete_in_cookie_wait() {
    let mut tester = Tester::connecting(quiet());
    tester.inject(&[chunk(14, 0, &[])]);
    tester.inject_with_tag(0, &[chunk(14, 1, &[])]);
    tester.expect_nothing();
    tester.expect_in(millis(1_000), [(1_000, "INIT")]);
}

#[test]
fn dm_4_10_data_in_shutdown_ack_sent() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[tester.shutdown(0)]);
    tester.expect(["SHUTDOWN ACK"]);
    tester.inject(&[data(1, 0, 0, "BE", b"late")]);
    tester.expect_nothing();
    assert_eq!(tester.texts(0).len(), 0);
}

/// DM-4.2.2, and section 5.2.4, A: one that has lost its state and begins anew is told that the old association ends.
#[test]
fn dm_4_2_2_a_restart_in_shutdown_ack_sent() {
    let mut tester = Tester::established(quiet());
    // It asks to begin anew, but before it returns the cookie its older self shuts down.
    let old = tester.init.tag;
    tester.tag = TAG;
    tester.inject_with_tag(0, &[init(TAG + 1, 1_000, &[])]);
    assert_eq!(tester.sent(), [format!("INIT ACK for {:#x}", TAG + 1)]);
    let (new, echo) = (tester.init.tag, chunk(10, 0, &tester.init.cookie()));
    tester.inject_with_tag(old, &[chunk(7, 0, &tester.association.tx.last_tsn().0.to_be_bytes())]);
    tester.expect(["SHUTDOWN ACK"]);
    tester.inject_with_tag(new, &[echo]);
    // Cookie Received While Shutting Down.
    tester.expect(["ERROR 10", "SHUTDOWN ACK"]);
    assert_eq!(tester.state(), State::ShutdownAckSent);
    // INIT in this state is answered by SHUTDOWN ACK (section 9.2); who gets that in COOKIE-WAIT ends our association.
    tester.inject_with_tag(0, &[init(TAG + 1, 1_000, &[])]);
    tester.expect(["SHUTDOWN ACK"]);
    tester.inject_with_tag(TAG, &[chunk(14, 1, &[])]);
    assert_eq!(tester.events(), closed(CloseReason::Shutdown));
}

/// FH-5.3: stray packets. One that waits for its peer answers none but SHUTDOWN ACK: there is one association for each DTLS
/// connection, so that what came too early is no other's.
#[test]
fn fh_5_3_stray_packets() {
    let reset = reconfig(&outgoing_reset(1, 0, &[]));
    let chunks = [
        data(1, 0, 0, "BE", b"x"),
        init_ack(TAG, &extensions()),
        chunk(3, 0, &[0; 12]),
        heartbeat(b"x"),
        abort(0),
        abort(1),
        chunk(9, 0, &[]),
        chunk(10, 0, b"cookie"),
        chunk(11, 0, &[]),
        chunk(14, 0, &[]),
        chunk(14, 1, &[]),
        chunk(0x3f, 0, &[]),
        chunk(0xff, 0, &[]),
        reset,
    ];
    let answered_when_over = [0, 2, 3, 11, 12, 13];
    for (at, stray) in chunks.iter().enumerate() {
        let mut tester = Tester::new(quiet());
        tester.inject_with_tag(0x1234_5678, std::slice::from_ref(stray));
        tester.expect_nothing();
        let mut tester = Tester::established(quiet());
        tester.association.abort(tester.now);
        tester.expect(["ABORT 12"]);
        tester.inject(std::slice::from_ref(stray));
        let expected: &[&str] = if answered_when_over.contains(&at) { &["ABORT T"] } else { &[] };
        assert_eq!(tester.sent(), expected, "{stray:?}");
    }
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0x1234_5678, &[chunk(8, 0, &[])]);
    tester.expect(["SHUTDOWN COMPLETE T"]);
}

/// An ABORT may carry causes; the first one is told.
#[test]
fn the_cause_of_an_abort_is_told() {
    for (value, cause) in [
        (&[0, 12, 0, 8, b'b', b'y', b'e', 0][..], Some(12)),
        (&[0, 4, 0, 4, 0, 12, 0, 4], Some(4)),
        (&[0, 12, 0, 3], None),
        (&[0, 12], None),
        (&[0, 12, 0xff, 0xff], None),
    ] {
        let mut tester = Tester::established(quiet());
        tester.inject(&[chunk(6, 0, value)]);
        assert_eq!(tester.events(), closed(CloseReason::PeerAborted { cause }));
    }
}
