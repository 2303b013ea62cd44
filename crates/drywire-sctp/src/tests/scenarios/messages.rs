//! What is malformed, unexpected or not known: ETSI's purposes IMH-3, DM-4, E-6, BDC-7 and M-10.

use bytes::Bytes;
use drywire_core::Duration;

use super::tester::{
    TAG, Tester, chunk, cookie, data, extensions, heartbeat, init, init_ack, packet, parameter, quiet,
};
use crate::{CloseReason, Config, Event, SendOptions, State};

#[test]
fn imh_3_1_and_3_8_an_init_that_is_malformed_is_dropped() {
    let whole = init(TAG, 100_000, &[]);
    let mut wrong: Vec<Vec<u8>> = (0..whole.len()).map(|len| whole[..len].to_vec()).collect();
    for length in [0_u16, 3, 4, 19, 21, 255, u16::MAX] {
        let mut init = whole.clone();
        init[2..4].copy_from_slice(&length.to_be_bytes());
        wrong.push(init);
    }
    for init in wrong {
        let mut tester = Tester::new(quiet());
        tester.inject_with_tag(0, std::slice::from_ref(&init));
        assert_eq!(tester.sent(), [""; 0], "{init:?}");
    }
}

#[test]
fn imh_3_2_an_init_ack_that_is_malformed_is_dropped() {
    let mut tester = Tester::connecting(quiet());
    let whole = init_ack(TAG, &cookie(b"cookie"));
    for len in 4..20 {
        let mut short = whole[..len].to_vec();
        short[3] = u8::try_from(len).unwrap();
        tester.inject(&[short]);
        tester.expect_nothing();
    }
    assert_eq!(tester.state(), State::CookieWait);
    tester.tag = TAG;
    tester.inject(&[whole]);
    tester.expect(["COOKIE ECHO"]);
}

#[test]
fn imh_3_3_and_3_5_and_dm_4_8_cookies_that_are_not_ours() {
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(TAG, 100_000, &[])]);
    tester.expect(["INIT ACK"]);
    tester.tag = TAG;
    let cookie = tester.init.cookie();
    let mut edited = cookie.clone();
    edited[2] ^= 1;
    tester.inject_with_tag(tester.init.tag ^ 1, &[chunk(10, 0, &cookie)]);
    tester.inject(&[chunk(10, 0, &edited)]);
    tester.inject(&[chunk(10, 0, &[])]);
    tester.expect_nothing();
    assert_eq!(tester.state(), State::Closed);
    tester.inject(&[chunk(10, 0, &cookie)]);
    tester.expect(["COOKIE ACK"]);
    // While established, together with data: nothing of the packet is taken (section 5.1.5).
    tester.inject(&[chunk(10, 0, &edited), data(1, 0, 0, "BE", b"x")]);
    tester.expect_nothing();
    assert_eq!(tester.texts(0).len(), 0);
    tester.expect_alive();
}

#[test]
fn imh_3_4_an_init_without_a_right_checksum_is_dropped() {
    let whole = packet(0, &[init(TAG, 100_000, &[])]);
    for at in [0, 8, 11, 20] {
        let mut tester = Tester::new(quiet());
        let mut wrong = whole.to_vec();
        wrong[at] ^= 0x10;
        tester.association.handle_input(tester.now, Bytes::from(wrong));
        tester.expect_nothing();
    }
}

#[test]
fn imh_3_6_a_cookie_that_is_too_old_is_reported_with_its_age() {
    let mut tester = Tester::new(Config { cookie_lifetime: Duration::from_secs(5), ..quiet() });
    tester.inject_with_tag(0, &[init(TAG, 100_000, &[])]);
    tester.expect(["INIT ACK"]);
    tester.tag = TAG;
    tester.now += Duration::from_micros(5_000_258);
    let echo = chunk(10, 0, &tester.init.cookie());
    tester.inject(&[echo]);
    // By 258 microseconds.
    tester.expect(["ERROR 3[0, 0, 1, 2]"]);
    assert_eq!(tester.state(), State::Closed);
}

#[test]
fn dm_4_4_cookie_ack_while_established() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[chunk(11, 0, &[]), heartbeat(b"x")]);
    tester.expect(["HEARTBEAT ACK x"]);
    assert_eq!(tester.events(), []);
}

#[test]
fn e_6_1_and_6_2_a_stale_cookie_begins_anew_where_there_is_one() {
    let stale = chunk(9, 0, &parameter(3, &[0, 0, 0, 9]));
    let mut tester = Tester::cookie_echoed(quiet());
    tester.inject(std::slice::from_ref(&stale));
    let tag = tester.init.tag;
    tester.expect(["INIT"]);
    assert_ne!(tester.init.tag, tag);
    let mut tester = Tester::established(quiet());
    tester.inject(&[stale, heartbeat(b"x")]);
    tester.expect(["HEARTBEAT ACK x"]);
    let mut tester = Tester::cookie_echoed(quiet());
    for other in [parameter(4, &[]), parameter(8, &[0xc0, 0, 0, 4]), parameter(0x1234, b"?"), vec![0, 3]] {
        tester.inject(&[chunk(9, 0, &other)]);
        tester.expect_nothing();
        assert_eq!(tester.state(), State::CookieEchoed);
    }
}

#[test]
fn e_6_3_data_on_a_stream_that_is_not_there() {
    let mut tester = Tester::established(Config { max_inbound_streams: 10, ..quiet() });
    tester.inject(&[data(1, 9, 0, "BE", b"x"), data(2, 10, 0, "BE", b"y"), data(3, 65_535, 0, "BE", b"z")]);
    // Invalid Stream Identifier, once for the packet; the TSNs are acknowledged (section 6.5).
    tester.expect(["ERROR 1[0, 10, 0, 0]"]);
    tester.expect_in(Duration::from_millis(100), [(20, "SACK 3")]);
    assert_eq!((tester.texts(9).len(), tester.texts(10).len()), (1, 0));
}

/// INIT, INIT ACK and SHUTDOWN COMPLETE stand alone in their packets (section 6.10): else nothing of these is taken.
#[test]
fn bdc_7_1_to_7_3_what_must_stand_alone() {
    let stray = data(1, 0, 0, "BE", b"x");
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(TAG, 100_000, &[]), stray.clone()]);
    tester.inject_with_tag(0, &[stray.clone(), init(TAG, 100_000, &[])]);
    tester.expect_nothing();

    let mut tester = Tester::connecting(quiet());
    let ack = init_ack(TAG, &[extensions(), cookie(b"cookie")].concat());
    tester.inject(&[ack.clone(), stray.clone()]);
    tester.inject(&[chunk(132, 0, &[]), ack]);
    tester.expect_nothing();
    assert_eq!(tester.state(), State::CookieWait);

    let mut tester = Tester::established(quiet());
    tester.inject(&[tester.shutdown(0)]);
    tester.expect(["SHUTDOWN ACK"]);
    tester.inject(&[chunk(14, 0, &[]), stray.clone()]);
    tester.inject_with_tag(TAG, &[chunk(14, 1, &[]), stray.clone()]);
    tester.inject(&[stray, chunk(14, 0, &[])]);
    tester.expect_nothing();
    assert_eq!(tester.state(), State::ShutdownAckSent);
}

#[test]
fn bdc_7_4_cookie_echo_with_data() {
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(TAG, 100_000, &[])]);
    tester.expect(["INIT ACK"]);
    tester.tag = TAG;
    let echo = chunk(10, 0, &tester.init.cookie());
    tester.inject(&[echo, data(1, 3, 0, "BE", b"early")]);
    tester.expect(["COOKIE ACK + SACK 1"]);
    assert_eq!(tester.texts(3), ["early"]);
}

#[test]
fn bdc_7_5_cookie_ack_with_data() {
    let mut tester = Tester::cookie_echoed(quiet());
    tester.inject(&[chunk(11, 0, &[]), data(1, 3, 0, "BE", b"early")]);
    tester.expect_in(Duration::from_millis(100), [(20, "SACK 1")]);
    assert_eq!(tester.texts(3), ["early"]);
}

#[test]
fn bdc_7_6_sack_with_shutdown() {
    let mut tester = Tester::established(quiet());
    tester.write(0, b"data", SendOptions::ordered());
    tester.expect(["DATA 1 s0#0 BE data"]);
    tester.inject(&[tester.sack(1, 1_000, &[], &[]), tester.shutdown(1)]);
    tester.expect(["SHUTDOWN ACK"]);
}

#[test]
fn bdc_7_7_sack_with_data() {
    let mut tester = Tester::established(quiet());
    tester.write(0, b"data", SendOptions::ordered());
    tester.expect(["DATA 1 s0#0 BE data"]);
    tester.inject(&[tester.sack(1, 1_000, &[], &[]), data(1, 0, 0, "BE", b"theirs")]);
    tester.expect_in(Duration::from_secs(60), [(20, "SACK 1")]);
    assert_eq!(tester.texts(0), ["theirs"]);
}

#[test]
fn bdc_7_8_shutdown_ack_with_data() {
    let mut tester = Tester::established(quiet());
    tester.association.shutdown(tester.now);
    tester.expect(["SHUTDOWN 0"]);
    tester.inject(&[chunk(8, 0, &[]), data(1, 0, 0, "BE", b"x")]);
    tester.expect(["SHUTDOWN COMPLETE"]);
    assert_eq!(tester.texts(0).len(), 0);
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::Shutdown }]);
}

/// The two highest bits of a chunk's type, when that is not known (section 3.2).
#[test]
fn m_10_unknown_chunks_before_and_between_data() {
    for (kind, reported, goes_on) in
        [(0x3e, false, false), (0x7e, true, false), (0xbe, false, true), (0xfe, true, true)]
    {
        let mut tester = Tester::established(quiet());
        let unknown = chunk(kind, 5, b"abc");
        tester.inject(&[data(1, 0, 0, "BE", b"one"), unknown, data(2, 0, 1, "BE", b"two")]);
        if reported {
            let report = format!("ERROR 6[{kind}, 5, 0, 7, 97, 98, 99]");
            assert_eq!(tester.sent(), [report], "{kind:#x}");
        }
        let sack = if goes_on { "SACK 2" } else { "SACK 1" };
        tester.expect_in(Duration::from_millis(100), [(20, sack)]);
        assert_eq!(tester.texts(0).len(), if goes_on { 2 } else { 1 });
    }
}

/// A report is no longer than a packet may be.
#[test]
fn m_10_the_report_of_a_long_chunk_is_cut() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[chunk(0x7f, 0, &[1; 5_000])]);
    let mut out = Vec::new();
    let len = tester.association.poll_transmit(tester.now, &mut out).unwrap();
    assert!(len <= tester.association.mtu());
    assert_eq!(out[12], 9);
}

/// FH-5.2: what a HEARTBEAT carries comes back as it is, in every state but those of the handshake.
#[test]
fn fh_5_2_heartbeats_are_answered() {
    let mut tester = Tester::established(quiet());
    for len in [0, 1, 4, 16, 700] {
        tester.inject(&[heartbeat(&vec![0; len])]);
        let len = if len == 0 { String::new() } else { format!("({len})") };
        assert_eq!(tester.sent(), [format!("HEARTBEAT ACK {len}")]);
    }
    tester.inject(&[tester.shutdown(0)]);
    tester.expect(["SHUTDOWN ACK"]);
    tester.expect_alive();
    // Without its parameter it is none.
    tester.inject(&[chunk(4, 0, &[])]);
    tester.expect_nothing();
    for mut tester in [Tester::connecting(quiet()), Tester::cookie_echoed(quiet())] {
        tester.inject(&[heartbeat(b"x")]);
        tester.expect_nothing();
    }
}

/// One whose answer does not fit our packets is not answered: the answer would not arrive.
#[test]
fn a_heartbeat_beyond_the_size_of_packets_is_dropped() {
    let mut tester = Tester::established(quiet());
    tester.inject(&[heartbeat(&vec![0; tester.association.mtu() - 12 - 8])]);
    tester.expect(["HEARTBEAT ACK (1140)"]);
    tester.inject(&[heartbeat(&[0; 1_144])]);
    tester.expect_nothing();
    tester.expect_alive();
}
