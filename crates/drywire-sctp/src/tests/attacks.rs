//! The known attacks on SCTP, by their numbers.

use bytes::Bytes;
use drywire_core::{Duration, Serial};

use super::link::Pair;
use crate::packet::{
    Chunk, ChunkType, CookieEcho, Data, DataFlags, GapBlock, Header, IData, Init, Packet, Parameter,
    ParameterType, Parameters, Sack,
};
use crate::{CloseReason, Config, Event, Ppid, SendOptions, State, StreamId};

/// Makes packets in the name of one side.
pub(super) struct Forger {
    pub(super) tag: u32,
    /// The first TSN of the side.
    pub(super) tsn: u32,
}

impl Forger {
    pub(super) fn of(pair: &Pair, side: usize) -> Self {
        Self { tag: pair.sides[1 - side].local_tag, tsn: pair.sides[side].local_tsn.0 }
    }

    pub(super) fn packet(&self, chunks: impl FnOnce(&mut Vec<u8>)) -> Bytes {
        let mut out = Vec::new();
        Header { source_port: 5000, destination_port: 5000, verification_tag: self.tag }.write(&mut out);
        chunks(&mut out);
        Header::seal(&mut out, 0);
        Bytes::from(out)
    }

    /// A whole message, `ahead` TSNs after the first.
    pub(super) fn data(&self, ahead: u32, stream: u16, ssn: u16, data: &[u8]) -> Bytes {
        self.fragment(ahead, stream, ssn, DataFlags::BEGINNING | DataFlags::ENDING, data)
    }

    fn fragment(&self, ahead: u32, stream: u16, ssn: u16, flags: u8, data: &[u8]) -> Bytes {
        let tsn = Serial(self.tsn.wrapping_add(ahead));
        let chunk =
            Data { flags: DataFlags(flags), tsn, stream: StreamId(stream), ssn, ppid: Ppid(53), data };
        self.packet(|out| chunk.write(out))
    }
}

fn connected() -> Pair {
    Pair::connected([Config::default(), Config::default()], 1)
}

fn kinds(packets: &[Bytes]) -> Vec<u8> {
    packets
        .iter()
        .flat_map(|packet| {
            Packet::parse(packet).unwrap().chunks().map(|chunk| chunk.unwrap().kind.0).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn e01_e02_malformed_chunks_are_dropped_and_the_association_goes_on() {
    let mut pair = connected();
    let forger = Forger::of(&pair, 0);
    for kind in 0..=255_u8 {
        // ABORT and SHUTDOWN are well formed without more.
        if kind == 6 || kind == 7 {
            continue;
        }
        for length in (0..9).chain([17, 40, u8::MAX]) {
            pair.deliver(1, forger.packet(|out| out.extend([kind, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, 0])));
        }
    }
    for counts in [[0xff, 0xff, 0, 0], [0, 0, 0xff, 0xff]] {
        pair.deliver(
            1,
            forger.packet(|out| {
                out.extend([3, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0]);
                out.extend(counts);
            }),
        );
    }
    pair.drain();
    assert_eq!(pair.sides[1].state(), State::Established);
}

#[test]
fn e03_addresses_and_unknown_parameters_in_init_are_passed_over() {
    let mut pair = Pair::new([Config::default(), Config::default()], 1);
    let init = |parameters: &[u8]| {
        let forger = Forger { tag: 0, tsn: 7 };
        forger.packet(|out| {
            Init {
                initiate_tag: 99,
                window: 100_000,
                outbound_streams: 10,
                inbound_streams: 10,
                initial_tsn: Serial(7),
                parameters: Parameters::new(parameters),
            }
            .write(out, ChunkType::INIT, |_| ());
        })
    };
    let mut parameters = Vec::new();
    Parameter::write(&mut parameters, ParameterType(5), &[127, 0, 0, 1]);
    Parameter::write(&mut parameters, ParameterType(6), &[1; 16]);
    Parameter::write(&mut parameters, ParameterType(11), b"evil.example");
    Parameter::write(&mut parameters, ParameterType(0xc004), &[0xee; 200]);
    for len in 0..=parameters.len() {
        pair.deliver(1, init(&parameters[..len]));
        let packets = pair.packets(1);
        assert_eq!(kinds(&packets), [2]);
        let packet = Packet::parse(&packets[0]).unwrap();
        assert_eq!(packet.header.verification_tag, 99);
    }
    assert_eq!(pair.sides[1].state(), State::Closed, "nothing is kept");
}

#[test]
fn e04_forged_and_expired_cookies_begin_nothing() {
    let mut pair = Pair::new([Config::default(), Config::default()], 1);
    pair.sides[0].connect(pair.now);
    for packet in pair.packets(0) {
        pair.deliver(1, packet);
    }
    let answer = pair.packets(1).remove(0);
    let packet = Packet::parse(&answer).unwrap();
    let init_ack = Init::parse(&packet.chunks().next().unwrap().unwrap()).unwrap();
    let cookie = init_ack.parameters.find(ParameterType::STATE_COOKIE).unwrap().to_vec();
    let forger = Forger { tag: init_ack.initiate_tag, tsn: 0 };
    for at in 0..cookie.len() {
        let mut edited = cookie.clone();
        edited[at] ^= 0x40;
        pair.deliver(1, forger.packet(|out| CookieEcho { cookie: &edited }.write(out)));
        pair.deliver(1, forger.packet(|out| CookieEcho { cookie: &cookie[..at] }.write(out)));
    }
    let wrong_tag = Forger { tag: forger.tag ^ 1, tsn: 0 };
    pair.deliver(1, wrong_tag.packet(|out| CookieEcho { cookie: &cookie }.write(out)));
    assert_eq!((pair.sides[1].state(), pair.packets(1).len()), (State::Closed, 0));
    pair.now += Duration::from_secs(61);
    pair.deliver(1, forger.packet(|out| CookieEcho { cookie: &cookie }.write(out)));
    assert_eq!(pair.sides[1].state(), State::Closed);
    assert_eq!(kinds(&pair.packets(1)), [9], "a stale cookie is reported");
}

#[test]
fn e04_a_flood_of_inits_keeps_nothing_and_leaves_an_association_alone() {
    let mut pair = connected();
    for n in 1..5_000 {
        let forger = Forger { tag: 0, tsn: n };
        pair.deliver(
            1,
            forger.packet(|out| {
                let parameters = Parameters::new(&[]);
                let initial_tsn = Serial(n);
                Init {
                    initiate_tag: n,
                    window: 1,
                    outbound_streams: 1,
                    inbound_streams: 1,
                    initial_tsn,
                    parameters,
                }
                .write(out, ChunkType::INIT, |_| ());
            }),
        );
    }
    assert!(pair.packets(1).len() <= 8);
    assert!(pair.is_established());
    pair.write(0, 0, b"hello", SendOptions::ordered());
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.sides[1].read(StreamId(0)).unwrap().data, &b"hello"[..]);
}

#[test]
fn e05_packets_with_a_wrong_tag_or_checksum_are_dropped() {
    let mut pair = connected();
    let right = Forger::of(&pair, 0);
    let theirs = pair.sides[0].local_tag;
    let abort = |out: &mut Vec<u8>| out.extend([6, 0, 0, 4]);
    let reflected = |out: &mut Vec<u8>| out.extend([6, 1, 0, 4]);
    for tag in [0, right.tag ^ 1, theirs] {
        let forger = Forger { tag, tsn: right.tsn };
        pair.deliver(1, forger.packet(abort));
        pair.deliver(1, forger.data(0, 0, 0, b"x"));
        pair.deliver(1, forger.packet(|out| out.extend([14, 0, 0, 4])));
    }
    for tag in [0, right.tag, theirs ^ 1] {
        pair.deliver(1, Forger { tag, tsn: 0 }.packet(reflected));
    }
    let mut bad = right.packet(abort).to_vec();
    bad[8] ^= 1;
    pair.deliver(1, Bytes::from(bad.clone()));
    bad[8..12].fill(0);
    pair.deliver(1, Bytes::from(bad));
    assert_eq!(pair.sides[1].state(), State::Established);
    assert_eq!(pair.sides[1].read(StreamId(0)), None);
    pair.deliver(1, Forger { tag: theirs, tsn: 0 }.packet(reflected));
    assert_eq!(pair.sides[1].state(), State::Closed);
}

#[test]
fn e06_what_is_never_completed_is_bounded() {
    let config = Config { receive_window: 100_000, max_message_size: 30_000, ..Config::default() };
    for flags in [0, DataFlags::BEGINNING, DataFlags::UNORDERED | DataFlags::BEGINNING] {
        for (step, len) in [(1_u32, 1_usize), (1, 1000), (2, 1), (2, 1000), (70, 1)] {
            let mut pair = Pair::connected([config.clone(), config.clone()], 1);
            let forger = Forger::of(&pair, 0);
            for n in 0..20_000_u32 {
                pair.deliver(1, forger.fragment(n * step, 1, 0, flags, &vec![0; len]));
            }
            let used = pair.sides[1].rx.used();
            assert!(used <= 2 * 100_000 + 65_536, "{flags} {step} {len}: {used}");
            // What was told last was the truth.
            pair.deliver(1, forger.fragment(0, 1, 0, flags, b"again"));
            let packets = pair.packets(1);
            let packet = Packet::parse(packets.last().unwrap()).unwrap();
            let sack = Sack::parse(&packet.chunks().next().unwrap().unwrap()).unwrap();
            assert_eq!(usize::try_from(sack.window).unwrap(), 100_000_usize.saturating_sub(used));
        }
    }
}

/// The same of a peer that interleaves: parts of many messages or of one, and parts with next to nothing in them.
#[test]
fn e06_what_is_never_completed_is_bounded_with_interleaving() {
    let config =
        Config { receive_window: 2 << 20, max_message_size: 30_000, interleaving: true, ..Config::default() };
    for in_parts in [false, true] {
        for unordered in [0, DataFlags::UNORDERED] {
            for (messages, len) in [(1_u32, 1_usize), (1, 1000), (7, 1000), (100_000, 1), (100_000, 1000)] {
                let mut pair = Pair::connected([config.clone(), config.clone()], 1);
                pair.sides[1].set_read_in_parts(StreamId(1), in_parts);
                let forger = Forger::of(&pair, 0);
                for n in 0..60_000_u32 {
                    let (flags, tsn) = (DataFlags(unordered), Serial(forger.tsn.wrapping_add(n)));
                    // Of each message all but the first part.
                    let (mid, fsn, data) = (n % messages, 1 + n / messages, &*vec![0; len]);
                    let chunk = IData { flags, tsn, stream: StreamId(1), mid, ppid_or_fsn: fsn, data };
                    pair.deliver(1, forger.packet(|out| chunk.write(out)));
                }
                let used = pair.sides[1].rx.used();
                assert!(used <= 4 << 20, "{in_parts} {unordered} {messages} {len}: {used}");
            }
        }
    }
}

#[test]
fn e09_data_on_a_stream_that_is_not_there_is_reported_and_acknowledged() {
    let few = Config { max_inbound_streams: 4, ..Config::default() };
    let mut pair = Pair::connected([Config::default(), few], 1);
    let forger = Forger::of(&pair, 0);
    pair.deliver(1, forger.data(0, 4, 0, b"x"));
    pair.deliver(1, forger.data(1, 3, 0, b"y"));
    assert_eq!(kinds(&pair.packets(1)), [9, 3]);
    assert_eq!(pair.sides[1].read(StreamId(4)), None);
    assert_eq!(pair.sides[1].read(StreamId(3)).unwrap().data, &b"y"[..]);
}

#[test]
fn e10_acknowledging_what_was_never_sent_ends_the_association() {
    let none = std::iter::empty;
    for kind in 0..3 {
        let mut pair = connected();
        for _ in 0..3 {
            pair.write(0, 0, &[1; 1000], SendOptions::ordered());
        }
        drop(pair.packets(0));
        let last = pair.sides[0].tx.last_tsn();
        let before = Serial(last.0.wrapping_sub(1));
        let gap = GapBlock { start: 2, end: 40_000 };
        let sack = Forger::of(&pair, 1).packet(|out| match kind {
            0 => Sack::write(out, last.next(), 1 << 20, none(), &[]),
            1 => Sack::write(out, Serial(last.0.wrapping_add(0x7000_0000)), 1 << 20, none(), &[]),
            _ => Sack::write(out, before, 1 << 20, [gap].into_iter(), &[]),
        });
        pair.deliver(0, sack);
        assert_eq!(kinds(&pair.packets(0)), [6]);
        pair.drain();
        assert_eq!(pair.events[0], [Event::Closed { reason: CloseReason::ProtocolViolation }]);
    }
}

#[test]
fn e10_a_peer_that_takes_back_what_it_acknowledged_is_sent_it_again() {
    let mut pair = connected();
    for n in 0..5 {
        pair.write(0, 0, &[n; 1000], SendOptions::ordered());
    }
    let sent = pair.packets(0);
    let first = pair.sides[0].local_tsn;
    let forger = Forger::of(&pair, 1);
    let sack = |cumulative: Serial<u32>, gaps: &[(u16, u16)]| {
        let gaps: Vec<_> = gaps.iter().map(|(start, end)| GapBlock { start: *start, end: *end }).collect();
        forger.packet(|out| Sack::write(out, cumulative, 1 << 20, gaps.into_iter(), &[]))
    };
    pair.deliver(0, sack(Serial(first.0.wrapping_sub(1)), &[(2, 3)]));
    assert_eq!(pair.sides[0].stats().bytes_in_flight, 3000);
    // Now the first has come, and the second, once acknowledged, is gone.
    pair.deliver(0, sack(first, &[]));
    let again = pair.packets(0);
    assert!(!again.is_empty());
    for packet in sent.into_iter().take(1).chain(again) {
        pair.deliver(1, packet);
    }
    pair.run_for(Duration::from_secs(10));
    for n in 0..5 {
        assert_eq!(pair.sides[1].read(StreamId(0)).unwrap().data, vec![n; 1000]);
    }
}

#[test]
fn e11_a_message_that_is_too_large_is_dropped_and_the_next_one_is_not() {
    let small = Config { max_message_size: 1000, ..Config::default() };
    let mut pair = Pair::connected([Config::default(), small], 1);
    pair.write(0, 0, &[1; 50_000], SendOptions::ordered());
    pair.write(0, 0, b"after", SendOptions::ordered());
    pair.run_for(Duration::from_secs(5));
    assert!(pair.events[1].contains(&Event::MessageTooLarge(StreamId(0))));
    assert_eq!(pair.sides[1].read(StreamId(0)).unwrap().data, &b"after"[..]);
    assert_eq!(pair.sides[1].rx.used(), 0, "nothing of it is kept");
}

#[test]
fn data_without_data_ends_the_association() {
    let mut pair = connected();
    pair.deliver(1, Forger::of(&pair, 0).data(0, 0, 0, b""));
    assert_eq!(kinds(&pair.packets(1)), [6]);
    assert_eq!(pair.sides[1].state(), State::Closed);
}

#[test]
fn e14_what_is_unknown_is_reported_once_and_never_amplified() {
    let mut pair = connected();
    let forger = Forger::of(&pair, 0);
    let chunks = forger.packet(|out| {
        for _ in 0..250 {
            out.extend([0xff, 0, 0, 4]);
        }
    });
    let len = chunks.len();
    pair.deliver(1, chunks);
    let answer = pair.packets(1);
    assert_eq!(kinds(&answer), [9]);
    assert!(answer[0].len() <= len);
    for len in [4_u16, 5, 8, 20, 1000] {
        let unknown = forger.packet(|out| {
            Chunk::write(out, ChunkType(0x7f), 0, |out| out.extend(vec![1; usize::from(len) - 4]));
            out.extend([11, 0, 0, 4]);
        });
        let asked = unknown.len();
        pair.deliver(1, unknown);
        let answered: usize = pair.packets(1).iter().map(Bytes::len).sum();
        assert!(answered <= asked.max(28), "{answered} for {asked}");
    }

    let mut parameters = Vec::new();
    for n in 0..230 {
        Parameter::write(&mut parameters, ParameterType(0xc100 + n), &[]);
    }
    let init = Forger { tag: 0, tsn: 1 }.packet(|out| {
        let (initial_tsn, parameters) = (Serial(1), Parameters::new(&parameters));
        Init { initiate_tag: 5, window: 1, outbound_streams: 1, inbound_streams: 1, initial_tsn, parameters }
            .write(out, ChunkType::INIT, |_| ());
    });
    let len = init.len();
    pair.deliver(1, init);
    let answer = pair.packets(1);
    assert_eq!(kinds(&answer), [2]);
    assert!(answer[0].len() <= len);
}
