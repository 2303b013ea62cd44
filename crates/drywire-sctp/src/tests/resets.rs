//! The reset of streams (RFC 6525).

use bytes::Bytes;
use drywire_core::{Duration, Serial};

use super::attacks::Forger;
use super::link::Pair;
use crate::packet::{ChunkType, OutgoingReset, ParameterType, Parameters, ResetResponse, ResetResult};
use crate::{Config, Event, Ppid, SendError, SendOptions, StreamId};

fn connected(seed: u8) -> Pair {
    Pair::connected([Config::default(), Config::default()], seed)
}

#[test]
fn what_is_queued_is_delivered_first_and_the_stream_begins_anew_whatever_is_lost() {
    for seed in 0..40 {
        let config = Config { max_retransmits: 1000, ..Config::default() };
        let mut pair = Pair::connected([config.clone(), config], seed);
        pair.weather.loss = u32::from(seed % 5) * 10;
        pair.weather.duplicate = 20;
        pair.weather.jitter = Duration::from_millis(30);
        let (a, b) = (StreamId(1), StreamId(9));
        for round in 0..4_u8 {
            for n in 0..10 {
                pair.write(0, 1, &[round, n], SendOptions::ordered());
                pair.write(0, 9, &vec![n; 5000], SendOptions::ordered());
                pair.write(0, 3, &vec![n; 2000], SendOptions::ordered());
            }
            pair.sides[0].reset_streams(pair.now, &[a, b]);
            pair.sides[0].reset_streams(pair.now, &[a]);
            let refused =
                pair.sides[0].write(pair.now, a, Ppid(1), Bytes::from_static(b"x"), SendOptions::ordered());
            assert_eq!(refused, Err(SendError::StreamResetting));
            let reset = |events: &[Event], incoming| {
                events
                    .iter()
                    .flat_map(|event| match event {
                        Event::IncomingStreamsReset(streams) if incoming => streams.clone(),
                        Event::OutgoingStreamsReset(streams) if !incoming => streams.clone(),
                        _ => Vec::new(),
                    })
                    .filter(|stream| [a, b].contains(stream))
                    .count()
            };
            pair.run_until(|pair| reset(&pair.events[0], false) == 2 && reset(&pair.events[1], true) >= 2);
            assert_eq!(reset(&pair.events[1], true), 2, "once for each stream");
            for n in 0..10 {
                assert_eq!(pair.sides[1].read(a).unwrap().data, vec![round, n]);
                assert_eq!(pair.sides[1].read(b).unwrap().data, vec![n; 5000]);
            }
            assert_eq!(pair.sides[1].read(a), None);
            pair.events = [Vec::new(), Vec::new()];
            while pair.sides[1].read(StreamId(3)).is_some() {}
        }
    }
}

#[test]
fn streams_that_are_not_there_cannot_be_reset() {
    let few = Config { max_inbound_streams: 4, ..Config::default() };
    let mut pair = Pair::connected([Config::default(), few], 1);
    pair.sides[0].reset_streams(pair.now, &[StreamId(4), StreamId(1)]);
    pair.run_for(Duration::from_secs(1));
    assert_eq!(
        pair.events[0],
        [Event::StreamResetFailed(vec![StreamId(4)]), Event::OutgoingStreamsReset(vec![StreamId(1)]),]
    );
}

#[test]
fn a_reset_wished_before_the_association_waits_for_it() {
    let mut pair = Pair::new([Config::default(), Config::default()], 1);
    pair.write(0, 1, b"first", SendOptions::ordered());
    pair.sides[0].reset_streams(pair.now, &[StreamId(1)]);
    pair.sides[0].connect(pair.now);
    pair.run_for(Duration::from_secs(1));
    assert!(pair.events[0].contains(&Event::OutgoingStreamsReset(vec![StreamId(1)])));
    assert!(pair.events[1].contains(&Event::IncomingStreamsReset(vec![StreamId(1)])));
    assert_eq!(pair.sides[1].read(StreamId(1)).unwrap().data, &b"first"[..]);
}

/// The results in the RE-CONFIG chunks of what `side` sends.
fn results(pair: &mut Pair, side: usize) -> Vec<(u32, ResetResult)> {
    let mut results = Vec::new();
    for packet in pair.packets(side) {
        for chunk in crate::packet::Packet::parse(&packet).unwrap().chunks().flatten() {
            if chunk.kind == ChunkType::RE_CONFIG {
                for parameter in Parameters::new(chunk.value).iter().flatten() {
                    if parameter.kind == ParameterType::RESET_RESPONSE {
                        let response = ResetResponse::parse(parameter.value).unwrap();
                        results.push((response.response.0, response.result));
                    }
                }
            }
        }
    }
    results
}

#[test]
fn e08_requests_are_answered_from_memory_deferred_and_never_performed_twice() {
    let mut pair = connected(1);
    let forger = Forger::of(&pair, 0);
    let (request, last) = (forger.tsn, Serial(forger.tsn).sub(1));
    let streams = [StreamId(2)];
    let ask = |pair: &mut Pair, number: u32, last: Serial<u32>| {
        let packet =
            forger.packet(|out| OutgoingReset::write(out, Serial(number), Serial(0), last, &streams));
        pair.deliver(1, packet);
        results(pair, 1)
    };
    let resets = |pair: &mut Pair| {
        std::iter::from_fn(|| pair.sides[1].poll_event())
            .filter(|event| matches!(event, Event::IncomingStreamsReset(_)))
            .count()
    };
    assert_eq!(ask(&mut pair, request, last), [(request, ResetResult::PERFORMED)]);
    assert_eq!(ask(&mut pair, request, last), [(request, ResetResult::PERFORMED)]);
    assert_eq!(resets(&mut pair), 1, "a repeated request is answered from memory");
    let old = request.wrapping_sub(1);
    assert_eq!(ask(&mut pair, old, last), [(old, ResetResult::BAD_SEQUENCE_NUMBER)]);
    let far = request.wrapping_add(9);
    assert_eq!(ask(&mut pair, far, last), [(far, ResetResult::BAD_SEQUENCE_NUMBER)]);

    // Data is still missing: in progress, until it is there.
    let next = request.wrapping_add(1);
    assert_eq!(ask(&mut pair, next, last.next()), [(next, ResetResult::IN_PROGRESS)]);
    assert_eq!(ask(&mut pair, next, last.next()), [(next, ResetResult::IN_PROGRESS)]);
    assert_eq!(resets(&mut pair), 0);
    pair.deliver(1, forger.data(0, 2, 0, b"late"));
    drop(pair.packets(1));
    assert_eq!(resets(&mut pair), 1);
    // Some peers ask again with a number of its own (dcSCTP), some with the same: both hear that it is done.
    let anew = next.wrapping_add(1);
    assert_eq!(ask(&mut pair, anew, last.next()), [(anew, ResetResult::PERFORMED)]);
    assert_eq!(ask(&mut pair, anew, last.next()), [(anew, ResetResult::PERFORMED)]);
    assert_eq!(resets(&mut pair), 0, "not performed twice");
    assert_eq!(pair.sides[1].read(StreamId(2)).unwrap().data, &b"late"[..]);
}

#[test]
fn e08_a_flood_of_requests_stays_bounded() {
    let mut pair = connected(2);
    let forger = Forger::of(&pair, 0);
    let last = Serial(forger.tsn).sub(1);
    for n in 0..20_000_u32 {
        let number = Serial(forger.tsn.wrapping_add(n));
        pair.deliver(
            1,
            forger.packet(|out| OutgoingReset::write(out, number, Serial(0), last, &[StreamId(1)])),
        );
        if n % 100 == 0 {
            drop(pair.packets(1));
        }
    }
    let events = std::iter::from_fn(|| pair.sides[1].poll_event()).count();
    assert!(events <= 1_024 + 1, "{events}");
    drop(pair.packets(1));
    // 65,535 more streams, and the other kinds of request: denied.
    let number = forger.tsn.wrapping_add(20_000);
    for (n, kind) in [14_u16, 15, 17, 18].into_iter().enumerate() {
        let number = number.wrapping_add(u32::try_from(n).unwrap());
        let packet = forger.packet(|out| {
            out.extend([130, 0, 0, 16]);
            out.extend(kind.to_be_bytes());
            out.extend([0, 12]);
            out.extend(number.to_be_bytes());
            out.extend([0xff, 0xff, 0, 0]);
        });
        pair.deliver(1, packet);
        assert_eq!(results(&mut pair, 1).last(), Some(&(number, ResetResult::DENIED)));
    }
}

#[test]
fn a_peer_that_refuses_or_cannot_yet_is_believed() {
    let mut pair = connected(3);
    let forger = Forger::of(&pair, 1);
    let number = pair.sides[0].local_tsn;
    let answer = |pair: &mut Pair, number, result| {
        let response = ResetResponse { response: number, result };
        pair.deliver(0, forger.packet(|out| ResetResponse::write(out, &[response])));
    };
    pair.sides[0].reset_streams(pair.now, &[StreamId(1)]);
    assert_eq!(pair.packets(0).len(), 1);
    answer(&mut pair, number, ResetResult::IN_PROGRESS);
    assert!(pair.packets(0).is_empty());
    pair.now = pair.sides[0].poll_timeout().unwrap();
    pair.sides[0].handle_timeout(pair.now);
    assert_eq!(pair.packets(0).len(), 1, "asked again");
    answer(&mut pair, number, ResetResult::PERFORMED);
    assert_eq!(pair.sides[0].poll_event(), None, "the answer to the request before");
    answer(&mut pair, number.next(), ResetResult::DENIED);
    assert_eq!(pair.sides[0].poll_event(), Some(Event::StreamResetFailed(vec![StreamId(1)])));
    pair.write(0, 1, b"still there", SendOptions::ordered());
}
