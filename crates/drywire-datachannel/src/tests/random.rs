//! Two transports that open, close, write and read at random over a bad link: nothing is lost on channels that nobody
//! closes, and in the end both sides agree.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use proptest::prelude::*;

use super::link::{BAD, Link, Weather, events, origin};
use crate::{
    ChannelId, ChannelOptions, ChannelState, Config, Event, Message, Reliability, Role, SendError, Transport,
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Open { side: bool, ordered: bool },
    Write { side: bool, which: usize, len: usize },
    Close { side: bool, which: usize },
    Read { side: bool },
    Wait { milliseconds: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<(bool, bool)>().prop_map(|(side, ordered)| Step::Open { side, ordered }),
        8 => (any::<bool>(), 0_usize..8, 0_usize..5000)
            .prop_map(|(side, which, len)| Step::Write { side, which, len }),
        2 => (any::<bool>(), 0_usize..8).prop_map(|(side, which)| Step::Close { side, which }),
        3 => any::<bool>().prop_map(|side| Step::Read { side }),
        4 => (0_u16..200).prop_map(|milliseconds| Step::Wait { milliseconds }),
    ]
}

/// One side of the model: what it has seen of its channels.
#[derive(Default)]
struct Side {
    /// The channels that it can use, by label: labels are unique.
    channels: BTreeMap<String, ChannelId>,
    order: Vec<String>,
    closed_by_us: Vec<String>,
    closed: Vec<String>,
    written: BTreeMap<String, Vec<Message>>,
    read: BTreeMap<String, Vec<Message>>,
}

impl Side {
    fn add(&mut self, label: &str, id: ChannelId) {
        self.channels.insert(label.to_owned(), id);
        self.order.push(label.to_owned());
    }

    fn pick(&self, which: usize) -> Option<String> {
        self.order.get(which % self.order.len().max(1)).cloned()
    }

    fn take_events(&mut self, transport: &mut Transport) {
        for event in events(transport) {
            match event {
                Event::Announced(id) => {
                    let label = transport.channel(id).expect("an announced channel").label().to_owned();
                    self.add(&label, id);
                }
                Event::Closed(id) => {
                    let label = self.channels.iter().find(|(_, channel)| **channel == id);
                    let label = label.expect("a channel is announced before it is closed").0.clone();
                    assert!(!self.closed.contains(&label), "closed twice");
                    self.closed.push(label);
                }
                Event::Failed { reason } => panic!("{reason:?}"),
                _ => {}
            }
        }
    }

    fn read_all(&mut self, transport: &mut Transport) {
        for (label, id) in &self.channels {
            while let Some(message) = transport.read(*id) {
                self.read.entry(label.clone()).or_default().push(message);
            }
        }
    }
}

fn run(steps: &[Step], weather: Weather, seed: u8) {
    let mut link = Link::connecting(weather, seed);
    let mut sides = [Side::default(), Side::default()];
    let mut unordered = Vec::new();
    let mut count = 0_u32;
    for step in steps {
        let now = link.now;
        match *step {
            Step::Open { side, ordered } => {
                count += 1;
                let label = format!("{count}");
                let transport = if side { &mut link.a } else { &mut link.b };
                let options = ChannelOptions { ordered, ..ChannelOptions::new(label.as_str()) };
                let id = transport.open(now, options).expect("a channel");
                sides[usize::from(side)].add(&label, id);
                if !ordered {
                    unordered.push(label);
                }
            }
            Step::Write { side, which, len } => {
                let model = &mut sides[usize::from(side)];
                let Some(label) = model.pick(which) else { continue };
                count += 1;
                let mut data = count.to_be_bytes().to_vec();
                data.resize(data.len().max(len), 7);
                let message = if len == 0 { Message::text("") } else { Message::binary(data) };
                let transport = if side { &mut link.a } else { &mut link.b };
                match transport.write(now, model.channels[&label], message.clone()) {
                    Ok(()) => model.written.entry(label).or_default().push(message),
                    Err(
                        SendError::Full | SendError::Closing | SendError::Closed | SendError::UnknownChannel,
                    ) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Close { side, which } => {
                let model = &mut sides[usize::from(side)];
                let Some(label) = model.pick(which) else { continue };
                let transport = if side { &mut link.a } else { &mut link.b };
                transport.close(now, model.channels[&label]);
                model.closed_by_us.push(label);
            }
            Step::Read { side } => {
                let transport = if side { &mut link.a } else { &mut link.b };
                let model = &mut sides[usize::from(side)];
                model.take_events(transport);
                model.read_all(transport);
            }
            Step::Wait { milliseconds } => {
                link.run_for(std::time::Duration::from_millis(u64::from(milliseconds)));
            }
        }
    }
    // Everything that was begun comes to its end.
    for _ in 0..60 {
        link.run_for(std::time::Duration::from_secs(2));
        let [b, a] = &mut sides;
        a.take_events(&mut link.a);
        a.read_all(&mut link.a);
        b.take_events(&mut link.b);
        b.read_all(&mut link.b);
    }
    let [b, a] = &sides;
    let closing: Vec<_> = a.closed_by_us.iter().chain(&b.closed_by_us).collect();
    for (writer, reader) in [(a, b), (b, a)] {
        for (label, id) in &writer.channels {
            let transport = if std::ptr::eq(writer, a) { &link.a } else { &link.b };
            let state = transport.channel(*id).map(crate::Channel::state);
            let written = writer.written.get(label).cloned().unwrap_or_default();
            let read = reader.read.get(label).cloned().unwrap_or_default();
            let arrived = if unordered.contains(label) { sorted(&read) } else { read.clone() };
            let expected = if unordered.contains(label) { sorted(&written) } else { written.clone() };
            if closing.contains(&label) {
                assert!(writer.closed.contains(label), "{label} is not closed");
                assert!(matches!(state, None | Some(ChannelState::Closed)));
                // The one who closes first gets all it wrote delivered, unless the other has closed, too.
                if !reader.closed_by_us.contains(label) {
                    assert_eq!(arrived, expected, "{label} was cut");
                }
            } else {
                assert_eq!(state, Some(ChannelState::Open), "{label}");
                assert_eq!(arrived, expected, "{label}");
            }
        }
    }
    // Streams: the ones of open channels are the same on both sides, and no others are in use.
    let streams = |transport: &Transport| -> BTreeMap<String, Option<u16>> {
        let open = transport.channels().filter(|(_, channel)| channel.state() == ChannelState::Open);
        open.map(|(_, channel)| (channel.label().to_owned(), channel.stream())).collect()
    };
    assert_eq!(streams(&link.a), streams(&link.b));
    assert_eq!(link.a.streams.used().len(), streams(&link.a).len());
    assert_eq!(link.b.streams.used().len(), streams(&link.b).len());
}

fn sorted(messages: &[Message]) -> Vec<Message> {
    let mut messages = messages.to_vec();
    messages.sort_by_key(|message| message.data().clone());
    messages
}

/// What can be done to one transport, in any order.
#[derive(Clone, Debug)]
enum Call {
    Input(Vec<u8>),
    Timeout,
    Role(bool),
    Remote(usize),
    Mtu(usize),
    Connect,
    Open(Option<u16>, u8),
    Write(usize, usize),
    Read(usize),
    Threshold(usize, usize),
    Close(usize),
    Abort,
    Transmit,
    Events(usize),
    Later(u16),
    Relay,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => proptest::collection::vec(any::<u8>(), 0..80).prop_map(Call::Input),
        2 => Just(Call::Timeout),
        1 => any::<bool>().prop_map(Call::Role),
        1 => (0_usize..100).prop_map(Call::Remote),
        1 => (0_usize..2000).prop_map(Call::Mtu),
        2 => Just(Call::Connect),
        6 => (proptest::option::of(0_u16..4), 0_u8..4).prop_map(|(stream, kind)| Call::Open(stream, kind)),
        8 => (0_usize..6, 0_usize..200).prop_map(|(which, len)| Call::Write(which, len)),
        5 => (0_usize..6).prop_map(Call::Read),
        2 => (0_usize..6, 0_usize..200).prop_map(|(which, n)| Call::Threshold(which, n)),
        3 => (0_usize..6).prop_map(Call::Close),
        1 => Just(Call::Abort),
        4 => Just(Call::Transmit),
        4 => (0_usize..5).prop_map(Call::Events),
        2 => (0_u16..3000).prop_map(Call::Later),
        8 => Just(Call::Relay),
    ]
}

/// Calls in any order, a peer included that answers: nothing panics, and events keep their order.
fn misuse(calls: Vec<Call>) {
    let start = origin();
    let mut now = start;
    let config = Config { max_channels: 20, max_queued: 500, ..Config::default() };
    let mut transport = Transport::new(config, now, [1; 32]);
    let mut peer = Transport::new(Config::default(), now, [2; 32]);
    peer.set_role(now, Role::Server);
    peer.connect(now);
    let mut ids = Vec::new();
    let mut gone = Vec::new();
    for call in calls {
        let pick = |which: usize| ids.get(which % ids.len().max(1)).copied();
        match call {
            Call::Input(bytes) => transport.handle_input(now, Bytes::from(bytes)),
            Call::Timeout => {
                transport.handle_timeout(now);
            }
            Call::Role(client) => transport.set_role(now, if client { Role::Client } else { Role::Server }),
            Call::Remote(limit) => transport.set_remote(now, limit, 5000),
            Call::Mtu(mtu) => transport.set_mtu(now, mtu, mtu * 2),
            Call::Connect => transport.connect(now),
            Call::Open(negotiated, kind) => {
                let reliability =
                    if kind == 3 { Reliability::MaxRetransmits(1) } else { Reliability::Reliable };
                let options = ChannelOptions {
                    negotiated,
                    reliability,
                    ordered: kind != 2,
                    ..ChannelOptions::new("x")
                };
                if let Ok(id) = transport.open(now, options) {
                    ids.push(id);
                }
            }
            Call::Write(which, len) => {
                if let Some(id) = pick(which) {
                    let _ = transport.write(now, id, Message::binary(vec![0; len]));
                }
            }
            Call::Read(which) => {
                if let Some(id) = pick(which) {
                    if which % 5 == 4 {
                        transport.read_in_parts(id);
                    }
                    let _ = (transport.read(id), transport.read_part(id));
                }
            }
            Call::Threshold(which, n) => {
                if let Some(id) = pick(which) {
                    transport.set_buffered_amount_low_threshold(id, n);
                    let _ = transport.buffered_amount(id);
                }
            }
            Call::Close(which) => {
                if let Some(id) = pick(which) {
                    transport.close(now, id);
                }
            }
            Call::Abort => transport.abort(now),
            Call::Transmit => {
                let mut out = b"before".to_vec();
                let len = transport.poll_transmit(now, &mut out);
                assert_eq!(out.len(), 6 + len.unwrap_or(0));
                assert!(out.starts_with(b"before"));
            }
            Call::Events(n) => {
                for event in std::iter::from_fn(|| transport.poll_event()).take(n) {
                    match event {
                        Event::Announced(id) => ids.push(id),
                        Event::Closed(id) => gone.push(id),
                        Event::Opened(id) | Event::Readable(id) | Event::BufferedAmountLow(id) => {
                            assert!(!gone.contains(&id), "an event of a closed channel");
                        }
                        _ => {}
                    }
                }
            }
            Call::Later(milliseconds) => now += std::time::Duration::from_millis(u64::from(milliseconds)),
            Call::Relay => relay(&mut transport, &mut peer, now),
        }
        assert!(transport.channels().count() <= 20);
        if let Some(timeout) = transport.poll_timeout() {
            assert!(timeout >= start);
        }
    }
}

fn relay(transport: &mut Transport, peer: &mut Transport, now: drywire_core::Instant) {
    let mut packets: VecDeque<(bool, Bytes)> = VecDeque::new();
    for _ in 0..20 {
        let mut out = Vec::new();
        if transport.poll_transmit(now, &mut out).is_some() {
            packets.push_back((true, std::mem::take(&mut out).into()));
        }
        if peer.poll_transmit(now, &mut out).is_some() {
            packets.push_back((false, out.into()));
        }
        match packets.pop_front() {
            Some((true, packet)) => peer.handle_input(now, packet),
            Some((false, packet)) => transport.handle_input(now, packet),
            None => break,
        }
    }
    for event in events(peer) {
        if let Event::Readable(id) = event {
            // Sends everything back, and closes every third channel.
            while let Some(message) = peer.read(id) {
                let closes = message.data().len() % 3 == 0;
                let _ = peer.write(now, id, message);
                if closes {
                    peer.close(now, id);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_sides_agree_in_the_end(steps in proptest::collection::vec(step(), 0..60), seed in any::<u8>()) {
        run(&steps, Weather::default(), seed);
    }

    #[test]
    fn both_sides_agree_in_the_end_over_a_bad_link(steps in proptest::collection::vec(step(), 0..60), seed in any::<u8>()) {
        run(&steps, BAD, seed);
    }

    #[test]
    fn any_call_in_any_order(calls in proptest::collection::vec(call(), 0..120)) {
        misuse(calls);
    }
}
