//! How associations begin: ETSI's purposes AS-1.

use drywire_core::Duration;

use super::tester::{
    TAG, Tester, chunk, cookie, data, extensions, heartbeat, init, init_ack, init_chunk, parameter, quiet,
};
use crate::{CloseReason, Config, Event, SendError, SendOptions, State};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn as_1_1_the_handshake_from_either_side() {
    let mut tester = Tester::connecting(quiet());
    assert_eq!(tester.init.streams, (65_535, 65_535));
    assert_eq!(tester.init.window, 4 << 20);
    assert_eq!(tester.init.parameter(0xc000), Some(&[][..]));
    assert_eq!(tester.init.parameter(0x8008), Some(&[130, 192][..]));
    tester.tag = TAG;
    tester.inject(&[init_ack(TAG, &[extensions(), cookie(b"cookie")].concat())]);
    tester.expect(["COOKIE ECHO"]);
    assert_eq!(tester.state(), State::CookieEchoed);
    tester.inject(&[chunk(11, 0, &[])]);
    assert_eq!((tester.state(), tester.events()), (State::Established, vec![Event::Connected]));
    assert_eq!(tester.association.poll_timeout(), None, "T1 is disarmed");
    // The other way is what all other tests begin with.
    let mut tester = Tester::established(quiet());
    assert_eq!(tester.association.poll_timeout(), None);
    tester.expect_alive();
}

#[test]
fn as_1_2_1_and_1_3_1_init_is_repeated_and_not_for_ever() {
    let mut tester = Tester::new(Config { max_init_retransmits: 5, ..quiet() });
    tester.association.connect(tester.now);
    tester.expect_in(
        seconds(300),
        [(0, "INIT"), (1_000, "INIT"), (3_000, "INIT"), (7_000, "INIT"), (15_000, "INIT"), (25_000, "INIT")],
    );
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::ConnectTimeout }]);
}

#[test]
fn as_1_2_2_and_1_3_2_cookie_echo_is_repeated_and_not_for_ever() {
    let mut tester = Tester::cookie_echoed(Config { max_init_retransmits: 3, ..quiet() });
    let echo = "COOKIE ECHO";
    tester.expect_in(seconds(300), [(1_000, echo), (3_000, echo), (7_000, echo)]);
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::ConnectTimeout }]);
}

/// The INIT that is repeated is the same; INIT ACKs are made anew and each of them can be used.
#[test]
fn what_is_repeated_of_the_handshake_is_the_same() {
    let mut tester = Tester::connecting(quiet());
    let first = (tester.init.tag, tester.init.tsn);
    tester.expect_in(seconds(1), [(1_000, "INIT")]);
    assert_eq!((tester.init.tag, tester.init.tsn), first);

    for which in [0, 1] {
        let mut tester = Tester::new(quiet());
        let mut cookies = Vec::new();
        for _ in 0..2 {
            tester.inject_with_tag(0, &[init(TAG, 1_000, &[])]);
            tester.expect(["INIT ACK"]);
            cookies.push((tester.init.tag, tester.init.cookie()));
            tester.now += seconds(1);
        }
        tester.tag = TAG;
        let (tag, cookie) = &cookies[which];
        tester.inject_with_tag(*tag, &[chunk(10, 0, cookie)]);
        tester.expect(["COOKIE ACK"]);
    }
}

/// The first INIT ACK counts.
#[test]
fn dm_4_3_another_init_ack_changes_nothing() {
    let mut tester = Tester::cookie_echoed(quiet());
    tester.inject(&[init_ack(TAG + 1, &cookie(b"another"))]);
    tester.expect_nothing();
    tester.inject(&[chunk(11, 0, &[])]);
    tester.expect_alive();
}

#[test]
fn as_1_5_tags_are_random() {
    let mut bits = [0_u32; 32];
    for seed in 0..=255 {
        let association = crate::Association::new(quiet(), super::super::link::start(), [seed; 32]);
        assert_ne!(association.local_tag, 0);
        for (bit, count) in bits.iter_mut().enumerate() {
            *count += association.local_tag >> bit & 1;
        }
    }
    assert!(bits.iter().all(|count| (64..192).contains(count)), "{bits:?}");
}

/// Addresses, ECN, the wish for a longer life of the cookie: what an INIT may carry that means nothing here, or is optional.
#[test]
fn as_1_6_and_1_12_and_1_13_parameters_that_mean_nothing_here_are_passed_over() {
    let all = [
        parameter(5, &[192, 0, 2, 1]),
        parameter(6, &[0x20; 16]),
        parameter(9, &[0xff; 4]),
        parameter(11, b"host.example\0"),
        parameter(12, &[0, 5, 0, 6]),
    ]
    .concat();
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(TAG, 1_000, &all)]);
    tester.expect(["INIT ACK"]);
    assert_eq!(tester.init.parameter(8), None, "none of them is reported");
    let mut tester = Tester::connecting(quiet());
    tester.tag = TAG;
    tester.inject(&[init_ack(TAG, &[all, cookie(b"cookie")].concat())]);
    tester.expect(["COOKIE ECHO"]);
}

/// The ECN parameter (0x8000) is of a kind that is passed over without a word.
#[test]
fn as_1_6_ecn_is_not_reported() {
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(TAG, 1_000, &parameter(0x8000, &[]))]);
    tester.expect(["INIT ACK"]);
    assert_eq!(tester.init.parameter(8), None);
}

#[test]
fn as_1_7_1_and_1_7_3_the_fewer_streams_are_used() {
    let mut server = Tester::new(quiet());
    server.inject_with_tag(0, &[init_chunk(1, TAG, 100_000, (9, 2), &[])]);
    server.expect(["INIT ACK"]);
    assert_eq!(server.init.streams, (65_535, 65_535));
    server.tag = TAG;
    let echo = chunk(10, 0, &server.init.cookie());
    server.inject(&[echo]);
    server.expect(["COOKIE ACK"]);
    let mut client = Tester::connecting(quiet());
    client.tag = TAG;
    client.inject(&[init_chunk(2, TAG, 100_000, (9, 2), &cookie(b"cookie"))]);
    client.expect(["COOKIE ECHO"]);
    client.inject(&[chunk(11, 0, &[])]);
    for mut tester in [server, client] {
        let (now, data) = (tester.now, bytes::Bytes::from_static(b"x"));
        let write = |tester: &mut Tester, stream| {
            tester.association.write(
                now,
                crate::StreamId(stream),
                crate::Ppid(1),
                data.clone(),
                SendOptions::ordered(),
            )
        };
        assert_eq!(write(&mut tester, 2), Err(SendError::InvalidStream));
        assert_eq!(write(&mut tester, 1), Ok(()));
        tester.expect(["DATA 1 s1#0 BE x"]);
    }
}

#[test]
fn as_1_7_2_and_1_7_4_a_peer_without_streams_is_refused() {
    for streams in [(0, 5), (5, 0)] {
        let mut tester = Tester::new(quiet());
        tester.tag = TAG;
        tester.inject_with_tag(0, &[init_chunk(1, TAG, 1_000, streams, &[])]);
        tester.expect(["ABORT 7"]);
        assert_eq!((tester.state(), tester.events()), (State::Closed, vec![]));
        // It may begin better.
        tester.inject_with_tag(0, &[init(TAG, 1_000, &[])]);
        tester.expect(["INIT ACK"]);

        let mut tester = Tester::connecting(quiet());
        tester.tag = TAG;
        tester.inject(&[init_chunk(2, TAG, 1_000, streams, &cookie(b"cookie"))]);
        tester.expect(["ABORT 7"]);
        assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::Incompatible }]);
        assert_eq!(tester.association.poll_timeout(), None);
    }
}

#[test]
fn as_1_7_5_init_ack_offers_streams_both_ways() {
    let mut tester = Tester::new(Config { max_inbound_streams: 7, max_outbound_streams: 3, ..quiet() });
    tester.inject_with_tag(0, &[init(TAG, 1_000, &[])]);
    tester.expect(["INIT ACK"]);
    assert_eq!(tester.init.streams, (3, 7));
}

/// The two highest bits of a parameter that is not known say whether it is reported and whether what follows counts (RFC 9260,
/// section 3.2.1).
const UNKNOWN: [(u16, bool, bool); 4] =
    [(0x30aa, false, false), (0x70aa, true, false), (0xb0aa, false, true), (0xf0aa, true, true)];

#[test]
fn as_1_8_unknown_parameters_of_init() {
    for (kind, reported, goes_on) in UNKNOWN {
        let [before, unknown, after] = [0xc10e, kind, 0xc20e].map(|kind| parameter(kind, b"text"));
        let mut tester = Tester::new(quiet());
        // Attack E14: no answer is longer than the question. The padding makes this one long.
        let padding = parameter(0x8005, &[0; 40]);
        let list = [padding, before.clone(), unknown.clone(), after.clone(), parameter(0xc000, &[])].concat();
        tester.inject_with_tag(0, &[init(TAG, 100_000, &list)]);
        tester.expect(["INIT ACK"]);
        let told: Vec<_> =
            tester.init.parameters.iter().filter(|(kind, _)| *kind == 8).map(|(_, value)| value).collect();
        let mut expected = vec![&before];
        expected.extend(reported.then_some(&unknown));
        expected.extend(goes_on.then_some(&after));
        assert_eq!(told, expected, "{kind:#x}");
        // What follows is not looked at either: the peer has not said that it does without messages.
        tester.tag = TAG;
        let echo = chunk(10, 0, &tester.init.cookie());
        tester.inject(&[echo]);
        tester.expect(["COOKIE ACK"]);
        let peer = tester.association.phase.peer().unwrap();
        assert_eq!(peer.extensions.skips_messages, goes_on, "{kind:#x}");
    }
}

#[test]
fn e_6_5_unknown_parameters_of_init_ack_are_reported_with_the_cookie() {
    for (kind, reported, goes_on) in UNKNOWN {
        let mut tester = Tester::connecting(quiet());
        tester.tag = TAG;
        let list = [cookie(b"cookie"), parameter(kind, &[]), parameter(0xc20e, &[])].concat();
        tester.inject(&[init_ack(TAG, &list)]);
        let [high, low] = kind.to_be_bytes();
        let expected = match (reported, goes_on) {
            (false, false) => "COOKIE ECHO".to_owned(),
            (true, false) => format!("COOKIE ECHO + ERROR 8[{high}, {low}, 0, 4]"),
            (false, true) => "COOKIE ECHO + ERROR 8[194, 14, 0, 4]".to_owned(),
            (true, true) => format!("COOKIE ECHO + ERROR 8[{high}, {low}, 0, 4, 194, 14, 0, 4]"),
        };
        assert_eq!(tester.sent(), [expected]);
        tester.inject(&[chunk(11, 0, &[])]);
        tester.expect_alive();
    }
}

/// ETSI's E-6.6: what stands behind the cookie is worked through, an error of which nothing follows, too.
#[test]
fn e_6_6_an_error_with_the_cookie_changes_nothing() {
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(TAG, 100_000, &[])]);
    tester.expect(["INIT ACK"]);
    tester.tag = TAG;
    let echo = chunk(10, 0, &tester.init.cookie());
    tester.inject(&[echo, chunk(9, 0, &parameter(8, &parameter(0xc000, &[])))]);
    tester.expect(["COOKIE ACK"]);
    tester.expect_alive();
}

#[test]
fn e_6_4_init_ack_without_a_cookie_ends_the_attempt() {
    let mut tester = Tester::connecting(quiet());
    tester.tag = TAG;
    tester.inject(&[init_ack(TAG, &extensions())]);
    // Missing Mandatory Parameter: one, the State Cookie.
    tester.expect(["ABORT 2[0, 0, 0, 1, 0, 7]"]);
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::Incompatible }]);
    assert_eq!(tester.association.poll_timeout(), None);
}

/// AS-1.9.1, and RFC 9260, section 5.2.2: INIT while established gets an answer with another tag, and changes nothing.
#[test]
fn as_1_9_1_and_dm_4_2_1_init_while_established() {
    let mut tester = Tester::established(quiet());
    let (tag, tsn) = (tester.init.tag, tester.init.tsn);
    tester.inject_with_tag(0, &[init(TAG, 5, &[])]);
    tester.expect(["INIT ACK"]);
    assert_ne!(tester.init.tag, tag);
    (tester.init.tag, tester.init.tsn) = (tag, tsn);
    tester.expect_alive();
    tester.write(0, b"goes on", SendOptions::ordered());
    tester.expect(["DATA 1 s0#0 BE (7)"]);
    assert_eq!(tester.events(), []);
}

/// DM-4.1: while both begin, the answer has the tag and the TSN of our own INIT (section 5.2.1).
#[test]
fn dm_4_1_init_while_connecting() {
    let mut tester = Tester::connecting(quiet());
    let own = (tester.init.tag, tester.init.tsn);
    tester.inject_with_tag(0, &[init(TAG, 100_000, &[])]);
    tester.expect(["INIT ACK"]);
    assert_eq!((tester.init.tag, tester.init.tsn), own);
    assert_eq!(tester.state(), State::CookieWait);
    tester.tag = TAG;
    let echo = chunk(10, 0, &tester.init.cookie());
    tester.inject(&[echo]);
    tester.expect(["COOKIE ACK"]);
    assert_eq!(tester.association.poll_timeout(), None);
}

#[test]
fn as_1_14_1_init_with_a_tag_of_zero_is_dropped() {
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(0, 100_000, &[])]);
    tester.expect_nothing();
}

/// RFC 9260, section 3.3.3: nothing can be sent to such a peer.
#[test]
fn as_1_14_2_init_ack_with_a_tag_of_zero_ends_the_attempt() {
    let mut tester = Tester::connecting(quiet());
    tester.inject(&[init_ack(0, &cookie(b"cookie"))]);
    tester.expect(["ABORT T"]);
    assert_eq!(tester.events(), [Event::Closed { reason: CloseReason::Incompatible }]);
}

/// Data goes along with the cookie, and no more of it until the cookie is acknowledged; then all at once.
#[test]
fn data_waits_for_the_cookie_to_be_acknowledged() {
    let mut tester = Tester::connecting(quiet());
    for n in 0..2 {
        tester.write(n, &[7; 1_100], SendOptions::ordered());
    }
    tester.tag = TAG;
    tester.inject(&[init_ack(TAG, &cookie(b"cookie"))]);
    tester.expect(["COOKIE ECHO + DATA 1 s0#0 BE (1100)"]);
    tester.expect_in(seconds(3), [(1_000, "COOKIE ECHO"), (3_000, "COOKIE ECHO")]);
    tester.inject(&[chunk(11, 0, &[])]);
    tester.expect(["DATA 2 s1#0 BE (1100)"]);
}

/// COOKIE ACK is lost: the COOKIE ECHO that is repeated is answered again, and data that comes before is taken.
#[test]
fn a_lost_cookie_ack_is_sent_again() {
    let mut tester = Tester::new(quiet());
    tester.inject_with_tag(0, &[init(TAG, 100_000, &[])]);
    tester.expect(["INIT ACK"]);
    tester.tag = TAG;
    let echo = chunk(10, 0, &tester.init.cookie());
    for _ in 0..3 {
        tester.inject(&[echo.clone(), data(1, 0, 0, "BE", b"early")]);
        assert!(tester.sent()[0].starts_with("COOKIE ACK"));
    }
    assert_eq!(tester.texts(0), ["early"]);
    assert_eq!(tester.events().len(), 2, "Connected and Readable, once");

    let mut tester = Tester::cookie_echoed(quiet());
    tester.inject(&[data(1, 0, 0, "BE", b"already")]);
    assert_eq!(tester.texts(0), ["already"]);
    tester.inject(&[chunk(11, 0, &[]), heartbeat(b"x")]);
    tester.expect(["HEARTBEAT ACK x"]);
    tester.expect_in(seconds(1), [(20, "SACK 1")]);
}
