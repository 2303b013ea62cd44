//! How associations begin, begin anew and end.

use bytes::Bytes;
use drywire_core::Duration;

use super::link::{Pair, Weather};
use crate::{Association, CloseReason, Config, Event, Ppid, SendError, SendOptions, State, StreamId};

fn pair() -> Pair {
    Pair::new([Config::default(), Config::default()], 1)
}

fn connected() -> Pair {
    Pair::connected([Config::default(), Config::default()], 1)
}

#[test]
fn one_side_begins() {
    let mut pair = pair();
    pair.sides[0].connect(pair.now);
    pair.run_until(Pair::is_established);
    pair.drain();
    assert_eq!(pair.events, [[Event::Connected], [Event::Connected]]);
}

#[test]
fn both_sides_begin_at_once_whatever_is_lost() {
    for seed in 0..60 {
        let config = Config { max_init_retransmits: 60, ..Config::default() };
        let mut pair = Pair::new([config.clone(), config], seed);
        pair.weather = Weather {
            loss: u32::from(seed % 5) * 10,
            duplicate: u32::from(seed % 3) * 20,
            jitter: Duration::from_millis(u64::from(seed % 4) * 20),
        };
        for side in [0, 1] {
            pair.sides[side].connect(pair.now);
            pair.write(side, 0, b"early", SendOptions::ordered());
        }
        pair.run_until(Pair::is_established);
        for side in [0, 1] {
            let mut early = None;
            for _ in 0..10_000 {
                early = early.or(pair.sides[side].read(StreamId(0)));
                if early.is_some() {
                    break;
                }
                assert!(pair.step());
            }
            assert_eq!(early.unwrap().data, &b"early"[..]);
        }
        pair.run_for(Duration::from_secs(5));
        for events in &pair.events {
            assert_eq!(events.iter().filter(|event| **event == Event::Connected).count(), 1, "{events:?}");
            assert_eq!(events.len(), 2, "{events:?}");
        }
    }
}

#[test]
fn data_goes_along_with_the_cookie() {
    let mut pair = pair();
    pair.write(0, 0, b"early", SendOptions::ordered());
    pair.sides[0].connect(pair.now);
    for round in 0..3 {
        for packet in pair.packets(round % 2) {
            pair.deliver(1 - round % 2, packet);
        }
    }
    assert_eq!(pair.sides[1].state(), State::Established);
    assert_eq!(pair.sides[1].read(StreamId(0)).unwrap().data, &b"early"[..]);
}

#[test]
fn nobody_answers() {
    let mut pair = pair();
    pair.weather.loss = 100;
    pair.sides[0].connect(pair.now);
    pair.run_for(Duration::from_secs(300));
    assert_eq!(pair.events[0], [Event::Closed { reason: CloseReason::ConnectTimeout }]);
    assert_eq!(pair.sides[0].stats().packets_sent, 9);
    assert_eq!(pair.sides[0].poll_timeout(), None);
}

#[test]
fn a_peer_that_vanishes_is_noticed_with_data_and_without() {
    for data in [false, true] {
        let mut pair = connected();
        pair.weather.loss = 100;
        if data {
            pair.write(0, 0, b"anyone?", SendOptions::ordered());
        }
        pair.run_for(Duration::from_secs(3000));
        for side in [0, 1] {
            assert_eq!(pair.events[side], [Event::Closed { reason: CloseReason::PeerUnreachable }]);
            assert_eq!(pair.sides[side].poll_timeout(), None);
        }
    }
}

#[test]
fn an_idle_association_stays() {
    let mut pair = connected();
    pair.run_for(Duration::from_secs(3600));
    assert!(pair.is_established() && pair.events.iter().all(Vec::is_empty));
    let stats = pair.sides[0].stats();
    assert!((100..400).contains(&stats.packets_sent), "{stats:?}");
    assert_eq!(stats.rtt, Some(Duration::from_millis(20)));
}

#[test]
fn shutdown_delivers_everything_first() {
    for (seed, both) in [(1, false), (2, true), (3, false), (4, true)] {
        let mut pair = Pair::connected([Config::default(), Config::default()], seed);
        pair.weather.loss = 20;
        for n in 0..20_u8 {
            pair.write(0, 0, &[n; 5000], SendOptions::ordered());
        }
        pair.sides[0].shutdown(pair.now);
        if both {
            pair.sides[1].shutdown(pair.now);
        }
        let late = pair.sides[0].write(
            pair.now,
            StreamId(0),
            Ppid(1),
            Bytes::from_static(b"x"),
            SendOptions::ordered(),
        );
        assert_eq!(late, Err(SendError::Closed));
        pair.run_until(|pair| pair.sides.iter().all(|side| side.state() == State::Closed));
        pair.drain();
        for n in 0..20 {
            assert_eq!(pair.sides[1].read(StreamId(0)).unwrap().data, vec![n; 5000]);
        }
        for side in [0, 1] {
            assert_eq!(pair.events[side].last(), Some(&Event::Closed { reason: CloseReason::Shutdown }));
        }
    }
}

#[test]
fn shutdown_before_the_association_is_established() {
    let mut pair = pair();
    pair.sides[0].shutdown(pair.now);
    assert_eq!(pair.sides[0].poll_event(), Some(Event::Closed { reason: CloseReason::Local }));

    let mut pair = self::pair();
    pair.write(0, 0, b"last words", SendOptions::ordered());
    pair.sides[0].connect(pair.now);
    pair.sides[0].shutdown(pair.now);
    pair.run_until(|pair| pair.sides.iter().all(|side| side.state() == State::Closed));
    assert_eq!(pair.sides[1].read(StreamId(0)).unwrap().data, &b"last words"[..]);
}

#[test]
fn abort_ends_both_sides_and_what_was_received_can_be_read() {
    let mut pair = connected();
    pair.write(0, 0, b"hello", SendOptions::ordered());
    pair.drain();
    pair.sides[0].abort(pair.now);
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.events[0], [Event::Closed { reason: CloseReason::Local }]);
    assert_eq!(
        pair.events[1],
        [
            Event::Readable(StreamId(0)),
            Event::Closed { reason: CloseReason::PeerAborted { cause: Some(12) } }
        ]
    );
    assert_eq!(pair.sides[1].read(StreamId(0)).unwrap().data, &b"hello"[..]);
    pair.sides[0].abort(pair.now);
    assert!(pair.sides[0].poll_transmit(pair.now, &mut Vec::new()).is_none());
}

#[test]
fn a_lost_abort_is_repeated_when_the_peer_goes_on() {
    let mut pair = connected();
    pair.sides[0].abort(pair.now);
    drop(pair.packets(0));
    pair.write(1, 0, b"hello", SendOptions::ordered());
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.events[1], [Event::Closed { reason: CloseReason::PeerAborted { cause: None } }]);
}

#[test]
fn a_peer_that_lost_its_state_begins_anew() {
    let mut pair = connected();
    for n in 0..5 {
        pair.write(1, 0, &[n; 100], SendOptions::ordered());
    }
    pair.drain();
    // Side 0 is replaced by one that knows nothing.
    let fresh = Pair::new([Config::default(), Config::default()], 77);
    let [fresh, _] = fresh.sides;
    pair.sides[0] = fresh;
    pair.sides[0].connect(pair.now);
    pair.write(0, 0, b"again", SendOptions::ordered());
    pair.run_for(Duration::from_secs(2));
    assert!(pair.is_established());
    assert!(pair.events[1].contains(&Event::Restarted), "{:?}", pair.events[1]);
    assert_eq!(pair.sides[1].read(StreamId(0)).unwrap().data, &b"again"[..]);
    pair.write(1, 0, b"welcome", SendOptions::ordered());
    pair.run_for(Duration::from_secs(2));
    assert_eq!(pair.sides[0].read(StreamId(0)).unwrap().data, &b"welcome"[..]);
}

#[test]
fn the_fewer_streams_of_the_two_sides_count() {
    let few = Config { max_inbound_streams: 4, ..Config::default() };
    let mut pair = Pair::new([Config::default(), few], 1);
    pair.write(0, 9, b"lost", SendOptions::ordered());
    pair.sides[0].connect(pair.now);
    pair.run_until(Pair::is_established);
    let write = |pair: &mut Pair, stream| {
        let data = Bytes::from_static(b"x");
        pair.sides[0].write(pair.now, StreamId(stream), Ppid(1), data, SendOptions::ordered())
    };
    assert_eq!(write(&mut pair, 4), Err(SendError::InvalidStream));
    assert_eq!(write(&mut pair, 3), Ok(()));
    assert_eq!(pair.sides[0].buffered(StreamId(9)), 0);
}

#[test]
fn ports_must_match() {
    let mut pair = pair();
    pair.sides[1].set_ports(5001, 5000);
    pair.sides[0].connect(pair.now);
    pair.run_for(Duration::from_secs(3));
    assert_eq!(pair.sides[1].state(), State::Closed);
    pair.sides[0].set_ports(5000, 5001);
    pair.run_for(Duration::from_secs(10));
    assert!(pair.is_established());
}

#[test]
fn a_smaller_mtu_is_kept_to() {
    let mut pair = connected();
    let now = pair.now;
    pair.sides[0].set_mtu(now, 603, 603);
    pair.write(0, 0, &[1; 10_000], SendOptions::ordered());
    let packets = pair.packets(0);
    assert!(!packets.is_empty() && packets.iter().all(|packet| packet.len() <= 600));
}

/// What is lost at the beginning is sent again after three round trips, if these are known, and not after a second.
#[test]
fn a_known_round_trip_time_shortens_the_first_wait() {
    for (known, wait) in [(None, 1_000), (Some(110), 330), (Some(5_000), 10_000)] {
        let mut pair = Pair::new([Config::default(), Config::default()], 2);
        if let Some(millis) = known {
            pair.sides[0].set_initial_rtt(Duration::from_millis(millis));
        }
        pair.sides[0].connect(pair.now);
        assert_eq!(pair.packets(0).len(), 1, "it is lost");
        let timeout = pair.sides[0].poll_timeout().unwrap();
        assert_eq!(timeout - pair.now, Duration::from_millis(wait));
        pair.now = timeout;
        pair.sides[0].handle_timeout(pair.now);
        let again = pair.packets(0);
        assert_eq!(again.len(), 1);
        again.into_iter().for_each(|packet| pair.deliver(1, packet));
        pair.run_until(Pair::is_established);
    }
}

#[test]
fn what_was_unread_before_a_restart_is_not_taken_for_what_comes_after_it() {
    let mut pair = Pair::connected([Config::default(), Config::default()], 21);
    pair.write(0, 1, b"before", SendOptions::ordered());
    for packet in pair.packets(0) {
        pair.deliver(1, packet);
    }
    // Nobody has looked at the event of that message yet.
    pair.sides[0] = Association::new(Config::default(), pair.now, [99; 32]);
    let now = pair.now;
    pair.sides[0].connect(now);
    pair.write(0, 1, b"after", SendOptions::ordered());
    for _ in 0..4 {
        for side in [0, 1] {
            for packet in pair.packets(side) {
                pair.deliver(1 - side, packet);
            }
        }
    }
    let events: Vec<_> = std::iter::from_fn(|| pair.sides[1].poll_event()).collect();
    assert_eq!(events, [Event::Restarted, Event::Readable(StreamId(1))]);
    assert_eq!(pair.sides[1].read(StreamId(1)).unwrap().data, "after");
    assert!(pair.sides[1].read(StreamId(1)).is_none());
    assert_eq!(pair.sides[1].rx.used(), 0);
}
