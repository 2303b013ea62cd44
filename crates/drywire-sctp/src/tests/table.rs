//! Every event in every state, compared with the table beside this file. When a line changes on purpose, put the line
//! that the failure prints into the table.

use std::fmt::Write as _;

use bytes::Bytes;
use drywire_core::Serial;

use super::link::start;
use crate::cookie::Cookie;
use crate::packet::{
    Cause, Chunk, ChunkType, CookieEcho, Data, DataFlags, Header, Heartbeat, Init, Packet, Parameter,
    ParameterType, Parameters, ResetResponse, ResetResult, Sack, Shutdown,
};
use crate::state::{Extensions, Peer, Phase};
use crate::{Association, Config, Event, Ppid, StreamId};

const EXTENSIONS: Extensions =
    Extensions { resets_streams: true, skips_messages: true, interleaves: false, needs_no_checksum: false };
const PEER: Peer = Peer { tag: 9, extensions: EXTENSIONS };

fn phases() -> Vec<(&'static str, Phase)> {
    let peer = PEER;
    vec![
        ("Idle", Phase::Idle),
        ("CookieWait", Phase::CookieWait { repeats: 0 }),
        (
            "CookieEchoed",
            Phase::CookieEchoed {
                peer,
                cookie: Bytes::from_static(b"cookie"),
                unrecognized: Bytes::new(),
                repeats: 0,
            },
        ),
        ("Established", Phase::Established { peer }),
        ("ShutdownPending", Phase::ShutdownPending { peer }),
        ("ShutdownSent", Phase::ShutdownSent { peer, repeats: 0 }),
        ("ShutdownReceived", Phase::ShutdownReceived { peer }),
        ("ShutdownAckSent", Phase::ShutdownAckSent { peer, repeats: 0 }),
        ("Over", Phase::Over),
    ]
}

/// An association in `phase` with one message that is not acknowledged, so that no state passes on its own.
fn association(phase: &Phase) -> Association {
    let now = start();
    let mut association = Association::new(Config::default(), now, [5; 32]);
    association.rx.begin(&association.config.clone(), Serial(100), false, &mut association.events);
    association.tx.begin(1 << 20, 10, false);
    let data = Bytes::from_static(b"x");
    association.tx.write(now, StreamId(0), Ppid(1), data, crate::SendOptions::ordered(), true).unwrap();
    let (mut events, mut stats) = (Default::default(), Default::default());
    association.tx.write_data(now, &mut Vec::new(), 1000, 1000, &mut events, &mut stats);
    association.phase = phase.clone();
    association
}

fn cookie(association: &Association, tags: (u32, u32), tie_tags: (u32, u32)) -> Vec<u8> {
    association.cookie_key.seal(&Cookie {
        created: drywire_core::Duration::ZERO,
        local_tag: tags.0,
        peer_tag: tags.1,
        local_tsn: association.local_tsn,
        peer_tsn: Serial(100),
        peer_window: 1000,
        outbound_streams: 10,
        extensions: EXTENSIONS,
        tie_tags,
    })
}

fn init(out: &mut Vec<u8>, kind: ChunkType) {
    let parameters = Parameters::new(&[]);
    Init {
        initiate_tag: 9,
        window: 1000,
        outbound_streams: 10,
        inbound_streams: 10,
        initial_tsn: Serial(100),
        parameters,
    }
    .write(out, kind, |out| {
        if kind == ChunkType::INIT_ACK {
            Parameter::write(out, ParameterType::STATE_COOKIE, b"cookie");
        }
    });
}

/// The events, and how to write the chunk of those that are chunks.
const EVENTS: &[&str] = &[
    "connect",
    "shutdown",
    "abort",
    "INIT",
    "INIT ACK",
    "COOKIE ECHO, tags known",
    "COOKIE ECHO, peer tag new",
    "COOKIE ECHO, restart",
    "COOKIE ECHO, late",
    "COOKIE ACK",
    "DATA",
    "SACK",
    "HEARTBEAT",
    "ABORT",
    "SHUTDOWN",
    "SHUTDOWN ACK",
    "SHUTDOWN COMPLETE",
    "ERROR, stale cookie",
    "RE-CONFIG",
];

fn apply(association: &mut Association, event: &str) {
    let now = association.began;
    let (local, ties) = (association.local_tag, (association.local_tag, 9));
    match event {
        "connect" => return association.connect(now),
        "shutdown" => return association.shutdown(now),
        "abort" => return association.abort(now),
        _ => (),
    }
    let tag = match event {
        "INIT" => 0,
        "COOKIE ECHO, restart" | "COOKIE ECHO, late" => 77,
        _ => local,
    };
    let mut out = Vec::new();
    Header { source_port: 5000, destination_port: 5000, verification_tag: tag }.write(&mut out);
    match event {
        "INIT" => init(&mut out, ChunkType::INIT),
        "INIT ACK" => init(&mut out, ChunkType::INIT_ACK),
        "COOKIE ECHO, tags known" => {
            CookieEcho { cookie: &cookie(association, (local, 9), (0, 0)) }.write(&mut out);
        }
        "COOKIE ECHO, peer tag new" => {
            CookieEcho { cookie: &cookie(association, (local, 10), (0, 0)) }.write(&mut out);
        }
        "COOKIE ECHO, restart" => CookieEcho { cookie: &cookie(association, (77, 10), ties) }.write(&mut out),
        "COOKIE ECHO, late" => CookieEcho { cookie: &cookie(association, (77, 9), (0, 0)) }.write(&mut out),
        "COOKIE ACK" => Chunk::write_empty(&mut out, ChunkType::COOKIE_ACK, 0),
        "DATA" => Data {
            flags: DataFlags(3),
            tsn: Serial(100),
            stream: StreamId(0),
            ssn: 0,
            ppid: Ppid(1),
            data: b"x",
        }
        .write(&mut out),
        "SACK" => Sack::write(&mut out, association.tx.last_tsn(), 1000, std::iter::empty(), &[]),
        "HEARTBEAT" => Heartbeat { info: b"info" }.write(&mut out, ChunkType::HEARTBEAT),
        "ABORT" => Chunk::write_empty(&mut out, ChunkType::ABORT, 0),
        "SHUTDOWN" => Shutdown { cumulative: association.tx.last_tsn() }.write(&mut out),
        "SHUTDOWN ACK" => Chunk::write_empty(&mut out, ChunkType::SHUTDOWN_ACK, 0),
        "SHUTDOWN COMPLETE" => Chunk::write_empty(&mut out, ChunkType::SHUTDOWN_COMPLETE, 0),
        "ERROR, stale cookie" => {
            Chunk::write(&mut out, ChunkType::ERROR, 0, |out| Cause::STALE_COOKIE.write(out, &[0; 4]));
        }
        _ => {
            let response = ResetResponse { response: Serial(1), result: ResetResult::PERFORMED };
            ResetResponse::write(&mut out, &[response]);
        }
    }
    Header::seal(&mut out, 0);
    association.handle_input(now, Bytes::from(out));
}

/// What can be seen afterwards: the state, the events, and the chunks that are sent.
fn outcome(association: &mut Association) -> String {
    let mut line = format!("{:?}", association.phase.state());
    while let Some(event) = association.poll_event() {
        match event {
            Event::Closed { reason } => write!(line, ", closed: {reason:?}").unwrap(),
            event => write!(line, ", {event:?}").unwrap(),
        }
    }
    let mut out = Vec::new();
    while association.poll_transmit(association.began, &mut out).is_some() {
        for chunk in Packet::parse(&out).unwrap().chunks() {
            let name = match chunk.unwrap().kind.0 {
                0 => "DATA",
                1 => "INIT",
                2 => "INIT ACK",
                3 => "SACK",
                5 => "HEARTBEAT ACK",
                6 => "ABORT",
                7 => "SHUTDOWN",
                8 => "SHUTDOWN ACK",
                9 => "ERROR",
                10 => "COOKIE ECHO",
                11 => "COOKIE ACK",
                14 => "SHUTDOWN COMPLETE",
                _ => "?",
            };
            write!(line, ", sends {name}").unwrap();
        }
        out.clear();
    }
    line
}

#[test]
fn every_event_in_every_state() {
    let mut table = String::new();
    for (name, phase) in phases() {
        for event in EVENTS {
            let mut association = association(&phase);
            apply(&mut association, event);
            writeln!(table, "{name} + {event} -> {}", outcome(&mut association)).unwrap();
        }
    }
    let committed = include_str!("table.txt");
    for (line, expected) in table.lines().zip(committed.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(table.lines().count(), committed.lines().count(), "{table}");
}
