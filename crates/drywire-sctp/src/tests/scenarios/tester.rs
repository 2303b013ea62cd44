//! A tester that plays the peer of one association: it writes chunks byte by byte and reads what comes as one line for each packet.
//!
//! TSNs, and the numbers of requests to reset streams, count from 1, which is the initial one of either side. Time stands still
//! unless it is told to pass.

use std::fmt::Write as _;

use bytes::Bytes;
use drywire_core::{Duration, Instant, Serial};

use super::super::link::start;
use crate::packet::{
    Causes, Chunk, ChunkType, Data, ForwardTsn, Header, IData, IForwardTsn, Init, OutgoingReset, Packet,
    ParameterType, Parameters, ResetResponse, Sack, Shutdown,
};
use crate::{Association, Config, Event, Message, Ppid, SendOptions, State, StreamId};

/// The tag of the tester.
pub(super) const TAG: u32 = 0x7e57_7e57;
/// The initial TSN of the tester.
const TSN: u32 = 0xffff_fff0;

/// An INIT or INIT ACK of the association.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenInit {
    pub(super) tag: u32,
    pub(super) window: u32,
    pub(super) streams: (u16, u16),
    pub(super) tsn: u32,
    pub(super) parameters: Vec<(u16, Vec<u8>)>,
}

impl SeenInit {
    pub(super) fn parameter(&self, kind: u16) -> Option<&[u8]> {
        self.parameters.iter().find(|(other, _)| *other == kind).map(|(_, value)| &value[..])
    }

    pub(super) fn cookie(&self) -> Vec<u8> {
        self.parameter(7).expect("an INIT ACK has a cookie").to_vec()
    }
}

pub(super) struct Tester {
    pub(super) now: Instant,
    pub(super) association: Association,
    /// The tag that the association must use; zero while it knows none.
    pub(super) tag: u32,
    /// The last INIT or INIT ACK.
    pub(super) init: SeenInit,
    /// The window of the last SACK.
    pub(super) window: u32,
}

/// The settings of most tests: nothing is sent but what the test is about.
pub(super) fn quiet() -> Config {
    Config { heartbeat_interval: None, ..Config::default() }
}

/// The parameters of a peer that does without messages and resets streams.
pub(super) fn extensions() -> Vec<u8> {
    [parameter(0xc000, &[]), parameter(0x8008, &[130, 192])].concat()
}

impl Tester {
    pub(super) fn new(config: Config) -> Self {
        let now = start();
        let association = Association::new(config, now, [0x42; 32]);
        Self { now, association, tag: 0, init: SeenInit::default(), window: 0 }
    }

    /// An association that the tester has begun.
    pub(super) fn established(config: Config) -> Self {
        Self::established_with(config, &extensions())
    }

    /// The same with these parameters in the INIT.
    pub(super) fn established_with(config: Config, parameters: &[u8]) -> Self {
        let mut tester = Self::new(config);
        tester.inject_with_tag(0, &[init(TAG, 1 << 20, parameters)]);
        tester.expect(["INIT ACK"]);
        tester.tag = TAG;
        let cookie = tester.init.cookie();
        tester.inject(&[chunk(10, 0, &cookie)]);
        tester.expect(["COOKIE ACK"]);
        assert_eq!(tester.events(), [Event::Connected]);
        tester
    }

    /// An association that has begun itself, with its INIT read.
    pub(super) fn connecting(config: Config) -> Self {
        let mut tester = Self::new(config);
        tester.association.connect(tester.now);
        tester.expect(["INIT"]);
        tester
    }

    /// The same in COOKIE-ECHOED.
    pub(super) fn cookie_echoed(config: Config) -> Self {
        let mut tester = Self::connecting(config);
        tester.tag = TAG;
        tester.inject(&[init_ack(TAG, &[cookie(b"cookie"), extensions()].concat())]);
        tester.expect(["COOKIE ECHO"]);
        tester
    }

    /// Gives the association a packet with these chunks and the right tag.
    pub(super) fn inject(&mut self, chunks: &[Vec<u8>]) {
        self.inject_with_tag(self.init.tag, chunks);
    }

    pub(super) fn inject_with_tag(&mut self, tag: u32, chunks: &[Vec<u8>]) {
        self.association.handle_input(self.now, packet(tag, chunks));
    }

    /// What the association sends now, a line for each packet. That the tags are the right ones is looked at here.
    pub(super) fn sent(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut out = Vec::new();
        while let Some(len) = self.association.poll_transmit(self.now, &mut out) {
            assert_eq!(len, out.len());
            lines.push(self.line(&out));
            out.clear();
        }
        lines
    }

    #[track_caller]
    pub(super) fn expect<const N: usize>(&mut self, lines: [&str; N]) {
        assert_eq!(self.sent(), lines);
    }

    #[track_caller]
    pub(super) fn expect_nothing(&mut self) {
        self.expect([]);
    }

    /// Lets time pass and tells what is sent in it, and after how many milliseconds.
    pub(super) fn timeline(&mut self, time: Duration) -> Vec<(u128, String)> {
        let (begin, end) = (self.now, self.now + time);
        let mut seen: Vec<_> = self.sent().into_iter().map(|line| (0, line)).collect();
        while let Some(next) = self.association.poll_timeout().filter(|next| *next <= end) {
            assert!(next >= self.now, "a timeout that is over was left armed");
            self.now = next;
            self.association.handle_timeout(next);
            let at = (next - begin).as_millis();
            seen.extend(self.sent().into_iter().map(|line| (at, line)));
        }
        self.now = end;
        seen
    }

    #[track_caller]
    pub(super) fn expect_in<const N: usize>(&mut self, time: Duration, lines: [(u128, &str); N]) {
        let seen = self.timeline(time);
        let seen: Vec<_> = seen.iter().map(|(at, line)| (*at, &line[..])).collect();
        assert_eq!(seen, lines);
    }

    /// All events but that there is room to write.
    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.association.poll_event())
            .filter(|event| !matches!(event, Event::BufferedAmountLow(_)))
            .collect()
    }

    pub(super) fn write(&mut self, stream: u16, data: &[u8], options: SendOptions) {
        let data = Bytes::copy_from_slice(data);
        self.association.write(self.now, StreamId(stream), Ppid(53), data, options).unwrap();
    }

    pub(super) fn read(&mut self, stream: u16) -> Option<Message> {
        self.association.read(StreamId(stream))
    }

    /// What can be read on a stream, one text for each message.
    pub(super) fn texts(&mut self, stream: u16) -> Vec<String> {
        std::iter::from_fn(|| self.read(stream))
            .map(|message| String::from_utf8(message.data.to_vec()).unwrap())
            .collect()
    }

    pub(super) fn state(&self) -> State {
        self.association.state()
    }

    /// The association takes part: it answers a HEARTBEAT.
    #[track_caller]
    pub(super) fn expect_alive(&mut self) {
        self.inject(&[heartbeat(b"alive?")]);
        self.expect(["HEARTBEAT ACK alive?"]);
    }

    /// What only the tester's side has numbered, counted from 1.
    fn own(tsn: Serial<u32>) -> u32 {
        tsn.0.wrapping_sub(TSN).wrapping_add(1)
    }

    /// What the association has numbered, counted from 1.
    fn theirs(&self, tsn: Serial<u32>) -> u32 {
        tsn.0.wrapping_sub(self.init.tsn).wrapping_add(1)
    }

    /// A TSN of the association that counts from 1, as it is on the wire.
    fn wire(&self, tsn: u32) -> [u8; 4] {
        self.init.tsn.wrapping_add(tsn).wrapping_sub(1).to_be_bytes()
    }

    /// A SACK of the tester: gap blocks count from the cumulative TSN, as on the wire.
    pub(super) fn sack(
        &self,
        cumulative: u32,
        window: u32,
        gaps: &[(u16, u16)],
        duplicates: &[u32],
    ) -> Vec<u8> {
        let mut value = self.wire(cumulative).to_vec();
        value.extend(window.to_be_bytes());
        for list in [gaps.len(), duplicates.len()] {
            value.extend(u16::try_from(list).unwrap().to_be_bytes());
        }
        for (first, last) in gaps {
            value.extend(first.to_be_bytes());
            value.extend(last.to_be_bytes());
        }
        for duplicate in duplicates {
            value.extend(self.wire(*duplicate));
        }
        chunk(3, 0, &value)
    }

    /// A SHUTDOWN of the tester.
    pub(super) fn shutdown(&self, cumulative: u32) -> Vec<u8> {
        chunk(7, 0, &self.wire(cumulative))
    }

    /// An answer to a request of the association.
    pub(super) fn reset_response(&self, request: u32, result: u32) -> Vec<u8> {
        let value = [self.wire(request), result.to_be_bytes()].concat();
        chunk(130, 0, &parameter(16, &value))
    }

    fn line(&mut self, bytes: &[u8]) -> String {
        let packet = Packet::parse(bytes).expect("a packet with a checksum");
        assert_eq!((packet.header.source_port, packet.header.destination_port), (5000, 5000));
        assert_eq!(bytes.len() % 4, 0, "chunks are padded");
        let mut line = String::new();
        for chunk in packet.chunks() {
            let chunk = chunk.unwrap();
            if !line.is_empty() {
                line.push_str(" + ");
            }
            self.tell(&mut line, &chunk);
            let reflected =
                matches!(chunk.kind, ChunkType::ABORT | ChunkType::SHUTDOWN_COMPLETE) && chunk.flags & 1 == 1;
            let expected = match chunk.kind {
                ChunkType::INIT => 0,
                ChunkType::INIT_ACK => TAG,
                _ => self.tag,
            };
            if reflected {
                write!(line, " T").unwrap();
            } else if packet.header.verification_tag != expected {
                write!(line, " for {:#x}", packet.header.verification_tag).unwrap();
            }
        }
        line
    }

    fn tell(&mut self, line: &mut String, chunk: &Chunk<'_>) {
        let name = match chunk.kind {
            ChunkType::DATA => {
                let data = Data::parse(chunk).unwrap();
                let (tsn, stream, flags) = (self.theirs(data.tsn), data.stream.0, flags(chunk.flags));
                write!(line, "DATA {tsn} s{stream}#{} {flags} {}", data.ssn, body(data.data)).unwrap();
                return;
            }
            ChunkType::I_DATA => {
                let data = IData::parse(chunk).unwrap();
                let (tsn, stream, flags) = (self.theirs(data.tsn), data.stream.0, flags(chunk.flags));
                write!(line, "I-DATA {tsn} s{stream}#{} {flags} {}", data.mid, body(data.data)).unwrap();
                return;
            }
            ChunkType::SACK => {
                let sack = Sack::parse(chunk).unwrap();
                self.window = sack.window;
                write!(line, "SACK {}", Self::own(sack.cumulative)).unwrap();
                for gap in sack.gaps() {
                    write!(line, " [{}-{}]", gap.start, gap.end).unwrap();
                }
                for duplicate in sack.duplicates() {
                    write!(line, " dup {}", Self::own(duplicate)).unwrap();
                }
                return;
            }
            ChunkType::INIT | ChunkType::INIT_ACK => {
                let init = Init::parse(chunk).unwrap();
                let parameters = init.parameters.iter().map(Result::unwrap);
                self.init = SeenInit {
                    tag: init.initiate_tag,
                    window: init.window,
                    streams: (init.outbound_streams, init.inbound_streams),
                    tsn: init.initial_tsn.0,
                    parameters: parameters.map(|found| (found.kind.0, found.value.to_vec())).collect(),
                };
                if chunk.kind == ChunkType::INIT { "INIT" } else { "INIT ACK" }
            }
            ChunkType::ABORT | ChunkType::ERROR => {
                line.push_str(if chunk.kind == ChunkType::ABORT { "ABORT" } else { "ERROR" });
                for (cause, value) in Causes::parse(chunk).iter() {
                    write!(line, " {}", cause.0).unwrap();
                    if !value.is_empty() {
                        write!(line, "{value:?}").unwrap();
                    }
                }
                return;
            }
            ChunkType::SHUTDOWN => {
                let shutdown = Shutdown::parse(chunk).unwrap();
                write!(line, "SHUTDOWN {}", Self::own(shutdown.cumulative)).unwrap();
                return;
            }
            ChunkType::HEARTBEAT_ACK => {
                let info = Parameters::new(chunk.value).find(ParameterType::HEARTBEAT_INFO).unwrap();
                write!(line, "HEARTBEAT ACK {}", body(info)).unwrap();
                return;
            }
            ChunkType::FORWARD_TSN => {
                let forward = ForwardTsn::parse(chunk).unwrap();
                write!(line, "FORWARD TSN {}", self.theirs(forward.cumulative)).unwrap();
                for (stream, ssn) in forward.skipped() {
                    write!(line, " s{}#{ssn}", stream.0).unwrap();
                }
                return;
            }
            ChunkType::I_FORWARD_TSN => {
                let forward = IForwardTsn::parse(chunk).unwrap();
                write!(line, "I-FORWARD TSN {}", self.theirs(forward.cumulative)).unwrap();
                for skipped in forward.skipped() {
                    let unordered = if skipped.unordered { "U" } else { "" };
                    write!(line, " s{}#{unordered}{}", skipped.stream.0, skipped.mid).unwrap();
                }
                return;
            }
            ChunkType::RE_CONFIG => return self.tell_reconfig(line, chunk),
            ChunkType::COOKIE_ECHO => "COOKIE ECHO",
            ChunkType::COOKIE_ACK => "COOKIE ACK",
            ChunkType::HEARTBEAT => "HEARTBEAT",
            ChunkType::SHUTDOWN_ACK => "SHUTDOWN ACK",
            ChunkType::SHUTDOWN_COMPLETE => "SHUTDOWN COMPLETE",
            ChunkType::PAD => "PAD",
            other => panic!("a chunk of type {}", other.0),
        };
        line.push_str(name);
    }

    fn tell_reconfig(&self, line: &mut String, chunk: &Chunk<'_>) {
        line.push_str("RE-CONFIG");
        for parameter in Parameters::new(chunk.value).iter().map(Result::unwrap) {
            if parameter.kind == ParameterType::OUTGOING_RESET {
                let request = OutgoingReset::parse(parameter.value).unwrap();
                let (number, last) = (self.theirs(request.request), self.theirs(request.last_tsn));
                write!(line, " reset {number} until {last}").unwrap();
                for stream in request.streams() {
                    write!(line, " s{}", stream.0).unwrap();
                }
            } else {
                let response = ResetResponse::parse(parameter.value).unwrap();
                write!(line, " {} is {}", Self::own(response.response), response.result.0).unwrap();
            }
        }
    }
}

/// The flags of DATA: the I bit, if set, first.
fn flags(flags: u8) -> String {
    [(8, 'I'), (4, 'U'), (2, 'B'), (1, 'E')]
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, letter)| *letter)
        .collect()
}

/// Text that is short, and how long what is not is.
fn body(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) if data.len() <= 16 && text.chars().all(|letter| letter.is_ascii_graphic()) => text.into(),
        _ => format!("({})", data.len()),
    }
}

/// A packet with these chunks.
pub(super) fn packet(tag: u32, chunks: &[Vec<u8>]) -> Bytes {
    let mut out = Vec::new();
    Header { source_port: 5000, destination_port: 5000, verification_tag: tag }.write(&mut out);
    chunks.iter().for_each(|chunk| out.extend(chunk));
    Header::seal(&mut out, 0);
    Bytes::from(out)
}

/// A chunk with its padding.
pub(super) fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + value.len()).unwrap();
    let mut out = vec![kind, flags];
    out.extend(len.to_be_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// A parameter, or an error cause, with its padding.
pub(super) fn parameter(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut out = kind.to_be_bytes().to_vec();
    out.extend(u16::try_from(4 + value.len()).unwrap().to_be_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

pub(super) fn cookie(value: &[u8]) -> Vec<u8> {
    parameter(7, value)
}

/// An INIT or INIT ACK with all that it consists of.
pub(super) fn init_chunk(kind: u8, tag: u32, window: u32, streams: (u16, u16), parameters: &[u8]) -> Vec<u8> {
    let mut value = tag.to_be_bytes().to_vec();
    value.extend(window.to_be_bytes());
    value.extend(streams.0.to_be_bytes());
    value.extend(streams.1.to_be_bytes());
    value.extend(TSN.to_be_bytes());
    value.extend(parameters);
    chunk(kind, 0, &value)
}

pub(super) fn init(tag: u32, window: u32, parameters: &[u8]) -> Vec<u8> {
    init_chunk(1, tag, window, (100, 100), parameters)
}

pub(super) fn init_ack(tag: u32, parameters: &[u8]) -> Vec<u8> {
    init_chunk(2, tag, 1 << 20, (100, 100), parameters)
}

fn wire(tsn: u32) -> [u8; 4] {
    TSN.wrapping_add(tsn).wrapping_sub(1).to_be_bytes()
}

/// DATA with `flags` out of "I", "U", "B" and "E".
pub(super) fn data(tsn: u32, stream: u16, ssn: u16, flags: &str, data: &[u8]) -> Vec<u8> {
    let mut value = wire(tsn).to_vec();
    value.extend(stream.to_be_bytes());
    value.extend(ssn.to_be_bytes());
    value.extend(53_u32.to_be_bytes());
    value.extend(data);
    chunk(0, bits(flags), &value)
}

/// I-DATA; `number` is the payload protocol identifier, or what a later fragment has instead.
pub(super) fn i_data(tsn: u32, stream: u16, mid: u32, flags: &str, number: u32, data: &[u8]) -> Vec<u8> {
    let mut value = wire(tsn).to_vec();
    value.extend(stream.to_be_bytes());
    value.extend([0, 0]);
    value.extend(mid.to_be_bytes());
    value.extend(number.to_be_bytes());
    value.extend(data);
    chunk(64, bits(flags), &value)
}

fn bits(flags: &str) -> u8 {
    flags
        .chars()
        .map(|flag| match flag {
            'I' => 8,
            'U' => 4,
            'B' => 2,
            'E' => 1,
            _ => panic!("no such flag"),
        })
        .sum()
}

pub(super) fn heartbeat(info: &[u8]) -> Vec<u8> {
    chunk(4, 0, &parameter(1, info))
}

/// ABORT without a cause; `flags` is the T bit.
pub(super) fn abort(flags: u8) -> Vec<u8> {
    chunk(6, flags, &[])
}

pub(super) fn forward_tsn(cumulative: u32, skipped: &[(u16, u16)]) -> Vec<u8> {
    let mut value = wire(cumulative).to_vec();
    for (stream, ssn) in skipped {
        value.extend(stream.to_be_bytes());
        value.extend(ssn.to_be_bytes());
    }
    chunk(192, 0, &value)
}

/// I-FORWARD TSN: stream, whether unordered, message identifier.
pub(super) fn i_forward_tsn(cumulative: u32, skipped: &[(u16, bool, u32)]) -> Vec<u8> {
    let mut value = wire(cumulative).to_vec();
    for (stream, unordered, mid) in skipped {
        value.extend(stream.to_be_bytes());
        value.extend([0, u8::from(*unordered)]);
        value.extend(mid.to_be_bytes());
    }
    chunk(194, 0, &value)
}

/// The parameter that asks for the reset of the tester's side of streams.
pub(super) fn outgoing_reset(request: u32, last_tsn: u32, streams: &[u16]) -> Vec<u8> {
    let mut value = [wire(request), [0; 4], wire(last_tsn)].concat();
    streams.iter().for_each(|stream| value.extend(stream.to_be_bytes()));
    parameter(13, &value)
}

/// Another request, which begins with its number.
pub(super) fn request(kind: u16, number: u32, rest: &[u8]) -> Vec<u8> {
    parameter(kind, &[&wire(number), rest].concat())
}

/// RE-CONFIG with these parameters.
pub(super) fn reconfig(parameters: &[u8]) -> Vec<u8> {
    chunk(130, 0, parameters)
}
