//! A peer that does what it must not (attacks E09 and E11): whatever it is, the other channels go on.

use drywire_sctp::{Association, Event as Sctp, StreamId};
use proptest::prelude::*;

use super::link::{Link, events, read_all};
use crate::dcep::{Dcep, Open};
use crate::{ChannelId, ChannelOptions, ChannelState, Config, Event, Message, Reliability, Transport};

type Hostile = Link<Transport, Association>;

fn open_message(label: &str, protocol: &str) -> Vec<u8> {
    let open = Open { ordered: true, reliability: Reliability::Reliable, priority: 256, label, protocol };
    let mut out = Vec::new();
    Dcep::Open(open).write(&mut out);
    out
}

/// What the transport announced, and nothing else happened.
fn announced(link: &mut Hostile) -> ChannelId {
    match events(&mut link.a)[..] {
        [Event::Announced(id)] => id,
        ref other => panic!("{other:?}"),
    }
}

/// A link with an honest channel on stream 0.
fn with_channel(config: Config) -> (Hostile, ChannelId) {
    let mut link = Hostile::hostile(config);
    link.inject(0, 50, open_message("honest", ""));
    let id = announced(&mut link);
    let ack = link.b.read(StreamId(0)).unwrap();
    assert_eq!((ack.ppid.0, &ack.data[..]), (50, &[2][..]));
    link.sctp_events();
    (link, id)
}

fn assert_alive(link: &mut Hostile, id: ChannelId) {
    link.inject(0, 51, "still here");
    assert_eq!(read_all(&mut link.a, id), [Message::text("still here")]);
    link.a.write(link.now, id, Message::text("and back")).unwrap();
    link.settle();
    assert_eq!(link.b.read(StreamId(0)).map(|message| message.data), Some("and back".into()));
    assert!(link.a.is_connected());
}

/// The peer sees that its stream was given back, and gives its own direction back.
fn assert_reset(link: &mut Hostile, stream: u16) {
    let reset = Sctp::IncomingStreamsReset(vec![StreamId(stream)]);
    assert!(link.sctp_events().contains(&reset));
    link.b.reset_streams(link.now, &[StreamId(stream)]);
    link.settle();
}

#[test]
fn e09_announcements_that_cannot_be_taken_close_their_stream_only() {
    let malformed = |at: usize, byte: u8| {
        let mut open = open_message("ab", "c");
        open[at] = byte;
        open
    };
    let cases: Vec<(&str, u16, Vec<u8>)> = vec![
        ("wrong parity", 1, open_message("mine", "")),
        ("wrong parity, the last one", 65_533, open_message("mine", "")),
        ("empty", 2, vec![]),
        ("only the type", 2, vec![3]),
        ("unknown type", 2, vec![9, 0, 0, 0]),
        ("unknown channel type", 2, malformed(1, 7)),
        ("label past the end", 2, malformed(8, 255)),
        ("protocol past the end", 2, malformed(10, 255)),
        ("both past the end", 2, malformed(9, 3)),
        ("label is not text", 2, malformed(12, 0xff)),
        ("protocol is not text", 2, malformed(14, 0xff)),
        ("label is too long", 2, open_message(&"a".repeat(101), "")),
        ("protocol is too long", 2, open_message("", &"a".repeat(101))),
    ];
    for (what, stream, message) in cases {
        if message.is_empty() {
            continue; // SCTP has no empty messages.
        }
        let config = Config { max_label_len: 100, ..Config::default() };
        let (mut link, honest) = with_channel(config);
        link.inject(stream, 50, message);
        assert!(events(&mut link.a).is_empty(), "{what}");
        assert_eq!(link.a.stats().announcements_refused, 1, "{what}");
        assert_reset(&mut link, stream);
        assert_alive(&mut link, honest);
        // The stream can be used again by the one whose it is.
        if stream == 2 {
            events(&mut link.a);
            link.inject(2, 50, open_message("again", ""));
            announced(&mut link);
        }
    }
}

#[test]
fn e09_a_second_announcement_closes_that_channel_only() {
    let (mut link, honest) = with_channel(Config::default());
    link.inject(2, 50, open_message("twice", ""));
    let id = announced(&mut link);
    link.inject(2, 50, open_message("twice", ""));
    assert_eq!(link.a.channel(id).map(crate::Channel::state), Some(ChannelState::Closing));
    assert_reset(&mut link, 2);
    assert_eq!(events(&mut link.a), [Event::Closed(id)]);
    assert_eq!(link.a.stats().channels_failed, 1);
    assert_alive(&mut link, honest);
}

#[test]
fn e09_messages_of_the_protocol_behind_user_data_are_found() {
    let (mut link, honest) = with_channel(Config::default());
    link.inject(0, 51, "one");
    link.inject(0, 50, vec![2]);
    link.inject(0, 51, "two");
    assert_eq!(read_all(&mut link.a, honest), ["one", "two"].map(Message::text));
    link.inject(0, 50, vec![77]);
    assert_eq!(link.a.channel(honest).map(crate::Channel::state), Some(ChannelState::Closing));
}

/// One that comes in several chunks is found by the association, one in a single chunk when it is read.
#[test]
fn e11_too_large_messages_close_that_channel_only() {
    for limit in [1000, 3000] {
        let mut config = Config::default();
        config.sctp.max_message_size = limit;
        let (mut link, honest) = with_channel(config);
        link.inject(2, 50, open_message("", ""));
        let id = announced(&mut link);
        link.inject(2, 53, vec![0; limit]);
        assert_eq!(read_all(&mut link.a, id).len(), 1);
        link.inject(2, 53, vec![0; limit + 1]);
        assert!(read_all(&mut link.a, id).is_empty());
        link.settle();
        assert_reset(&mut link, 2);
        assert!(events(&mut link.a).contains(&Event::Closed(id)));
        assert_eq!(link.a.stats().channels_failed, 1);
        assert_alive(&mut link, honest);
    }
}

#[test]
fn e11_what_is_not_text_closes_that_channel_only() {
    let (mut link, honest) = with_channel(Config::default());
    link.inject(2, 50, open_message("", ""));
    let id = announced(&mut link);
    link.inject(2, 51, "good");
    link.inject(2, 51, vec![0xff, 0xfe]);
    link.inject(2, 51, "lost");
    assert_eq!(read_all(&mut link.a, id), [Message::text("good")]);
    link.settle();
    assert_reset(&mut link, 2);
    assert!(events(&mut link.a).contains(&Event::Closed(id)));
    assert_alive(&mut link, honest);
}

#[test]
fn e11_empty_messages_and_unknown_kinds() {
    let (mut link, honest) = with_channel(Config::default());
    link.inject(0, 56, vec![0]);
    link.inject(0, 57, vec![0]);
    // The byte of an empty message is ignored, whatever it is, and so is a second one.
    link.inject(0, 56, vec![0xff, 0xff]);
    link.inject(0, 0, "unknown");
    link.inject(0, 55, "unknown");
    let expected = [Message::text(""), Message::binary(vec![]), Message::text("")];
    assert_eq!(read_all(&mut link.a, honest), expected);
    assert_eq!(link.a.stats().messages_dropped, 2);
    assert_alive(&mut link, honest);
}

#[test]
fn e11_parts_are_joined_and_bounded() {
    let mut config = Config::default();
    config.sctp.max_message_size = 30;
    let (mut link, honest) = with_channel(config);
    link.inject(0, 54, "gr\u{fc}".as_bytes()[..3].to_vec());
    link.inject(0, 51, "\u{fc}n".as_bytes()[1..].to_vec());
    link.inject(0, 52, vec![1, 2]);
    link.inject(0, 52, vec![3]);
    link.inject(0, 53, vec![4]);
    link.inject(0, 51, "whole");
    let expected = [Message::text("grün"), Message::binary(vec![1, 2, 3, 4]), Message::text("whole")];
    assert_eq!(read_all(&mut link.a, honest), expected);
    events(&mut link.a);

    for (stream, parts) in
        [(2, vec![(52, 29), (52, 2)]), (4, vec![(52, 29), (53, 2)]), (6, vec![(52, 3), (51, 2)])]
    {
        link.inject(stream, 50, open_message("", ""));
        let id = announced(&mut link);
        for (ppid, len) in parts {
            link.inject(stream, ppid, vec![b'a'; len]);
        }
        assert!(read_all(&mut link.a, id).is_empty());
        link.settle();
        assert_reset(&mut link, stream);
        assert!(events(&mut link.a).contains(&Event::Closed(id)), "stream {stream}");
        events(&mut link.a);
    }
    // What was given up is not counted any more.
    link.inject(0, 52, vec![0; 29]);
    assert!(read_all(&mut link.a, honest).is_empty());
    link.inject(0, 53, vec![0; 1]);
    assert_eq!(read_all(&mut link.a, honest).len(), 1);
}

#[test]
fn too_many_announcements_are_refused() {
    let config = Config { max_channels: 10, ..Config::default() };
    let (mut link, honest) = with_channel(config);
    for stream in 1..20 {
        link.inject(stream * 2, 50, open_message("", ""));
    }
    assert_eq!(link.a.channels().count(), 10);
    assert_eq!(link.a.stats().announcements_refused, 10);
    assert_alive(&mut link, honest);

    let config = Config { max_announced_text: 1000, ..Config::default() };
    let (mut link, honest) = with_channel(config);
    for stream in 1..20 {
        link.inject(stream * 2, 50, open_message(&"l".repeat(50), &"p".repeat(50)));
    }
    assert_eq!(link.a.channels().count(), 10);
    assert_alive(&mut link, honest);
}

#[test]
fn a_channel_may_ask_for_less_than_it_gets() {
    let (mut link, _) = with_channel(Config::default());
    // What Chromium 156 sends for `maxRetransmits: 3, ordered: false`.
    link.inject(2, 50, vec![3, 0x81, 1, 0, 0, 0, 0, 3, 0, 5, 0, 0, 0x6c, 0x6f, 0x73, 0x73, 0x79]);
    let id = announced(&mut link);
    let channel = link.a.channel(id).unwrap();
    assert_eq!(channel.reliability(), Reliability::MaxRetransmits(3));
    assert!(!channel.ordered());
    link.a.write(link.now, id, Message::text("hello")).unwrap();
    link.settle();
    assert_eq!(link.b.read(StreamId(2)).unwrap().data[..], [2]);
    assert_eq!(link.b.read(StreamId(2)).unwrap().data, "hello");
}

#[test]
fn stray_messages_wait_for_their_channel_within_bounds() {
    let config = Config { max_stray: 1000, ..Config::default() };
    let (mut link, honest) = with_channel(config);
    // An acknowledgement of nothing, and unknown kinds.
    link.inject(2, 50, vec![2]);
    link.inject(2, 99, "?");
    assert_eq!(link.a.stats().messages_dropped, 2);
    // Data that overtook the announcement.
    link.inject(2, 51, "first");
    link.inject(2, 50, open_message("late", ""));
    link.inject(2, 51, "second");
    let id = match events(&mut link.a)[..] {
        [Event::Announced(id), Event::Readable(_)] => id,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(read_all(&mut link.a, id), ["first", "second"].map(Message::text));
    // A flood: the oldest ones go.
    for n in 0..100 {
        link.inject(8, 53, vec![n; 100]);
    }
    assert_eq!(link.a.stats().messages_dropped, 2 + 94);
    link.inject(8, 50, open_message("flood", ""));
    let id = events(&mut link.a).into_iter().find_map(|event| match event {
        Event::Announced(id) => Some(id),
        _ => None,
    });
    let firsts: Vec<_> = read_all(&mut link.a, id.unwrap()).iter().map(|message| message.data()[0]).collect();
    assert_eq!(firsts, [94, 95, 96, 97, 98, 99]);
    assert_alive(&mut link, honest);
}

#[test]
fn a_reset_of_a_stream_that_nobody_uses_is_answered() {
    let (mut link, honest) = with_channel(Config::default());
    link.b.reset_streams(link.now, &[StreamId(4), StreamId(5)]);
    link.settle();
    let reset: Vec<_> = link
        .sctp_events()
        .into_iter()
        .filter_map(|event| match event {
            Sctp::IncomingStreamsReset(streams) => Some(streams),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(reset, [StreamId(4), StreamId(5)]);
    assert!(events(&mut link.a).is_empty());
    // Both are free again.
    link.inject(4, 50, open_message("", ""));
    announced(&mut link);
    let options = ChannelOptions { negotiated: Some(5), ..ChannelOptions::new("") };
    assert!(link.a.open(link.now, options).is_ok());
    assert_alive(&mut link, honest);
}

/// A link on which the peer has closed the channel of stream 2 and knows that both directions are reset, while the
/// transport does not: that it was answered is lost on the way.
fn with_stream_that_only_the_peer_knows_to_be_free() -> (Hostile, ChannelId) {
    let (mut link, _) = with_channel(Config::default());
    link.inject(2, 50, open_message("first", ""));
    let first = announced(&mut link);
    link.b.reset_streams(link.now, &[StreamId(2)]);
    let end = link.now + std::time::Duration::from_secs(2);
    let mut resets = 0;
    while resets < 2 {
        assert!(link.step(end));
        let is_reset =
            |event: &Sctp| matches!(event, Sctp::IncomingStreamsReset(_) | Sctp::OutgoingStreamsReset(_));
        resets += link.sctp_events().iter().filter(|event| is_reset(event)).count();
    }
    link.lose_all();
    assert_eq!(link.a.channel(first).map(crate::Channel::state), Some(ChannelState::Closing));
    (link, first)
}

#[test]
fn a_channel_on_a_stream_that_is_not_known_to_be_free_waits() {
    let (mut link, first) = with_stream_that_only_the_peer_knows_to_be_free();
    let options = drywire_sctp::SendOptions::ordered();
    link.b.write(link.now, StreamId(2), 50.into(), open_message("second", "").into(), options).unwrap();
    link.b.write(link.now, StreamId(2), 51.into(), "hello".into(), options).unwrap();
    link.run_for(std::time::Duration::from_millis(10));
    link.a.close(link.now, first);
    link.settle();
    let second = match events(&mut link.a)[..] {
        [Event::Closed(closed), Event::Announced(second), Event::Readable(_)] if closed == first => second,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(read_all(&mut link.a, second), [Message::text("hello")]);
    assert_eq!(link.a.stats().channels_failed, 0);
}

#[test]
fn a_channel_on_a_stream_that_is_not_known_to_be_free_can_be_closed_already() {
    let (mut link, first) = with_stream_that_only_the_peer_knows_to_be_free();
    let options = drywire_sctp::SendOptions::ordered();
    link.b.write(link.now, StreamId(2), 50.into(), open_message("second", "").into(), options).unwrap();
    link.b.reset_streams(link.now, &[StreamId(2)]);
    link.settle();
    link.settle();
    match events(&mut link.a)[..] {
        [Event::Closed(closed), Event::Announced(second), Event::Closed(again)] => {
            assert_eq!((closed, again), (first, second));
        }
        ref other => panic!("{other:?}"),
    }
    assert_eq!(link.a.stats().channels_failed, 0);
}

#[test]
fn a_reset_that_is_told_twice_is_answered_once() {
    for refused in [false, true] {
        let (mut link, first) = with_stream_that_only_the_peer_knows_to_be_free();
        if refused {
            // The same on a stream that is being reset for nobody.
            link.settle();
            events(&mut link.a);
            link.b.reset_streams(link.now, &[StreamId(2)]);
            let end = link.now + std::time::Duration::from_secs(2);
            while !link.sctp_events().iter().any(|event| matches!(event, Sctp::IncomingStreamsReset(_))) {
                assert!(link.step(end));
            }
            link.lose_all();
        }
        link.sctp_events();
        link.b.reset_streams(link.now, &[StreamId(2)]);
        link.settle();
        link.settle();
        let again = link.sctp_events();
        assert!(!again.iter().any(|event| matches!(event, Sctp::IncomingStreamsReset(_))), "{again:?}");
        let told = events(&mut link.a);
        assert_eq!(told, if refused { vec![] } else { vec![Event::Closed(first)] });
        link.inject(2, 50, open_message("second", ""));
        announced(&mut link);
    }
}

#[test]
fn the_last_stream_is_not_usable() {
    let (mut link, honest) = with_channel(Config::default());
    link.inject(65_534, 50, open_message("last", ""));
    let id = announced(&mut link);
    assert_eq!(link.a.channel(id).unwrap().stream(), Some(65_534));
    assert_alive(&mut link, honest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_the_honest_channel_lives(
        messages in proptest::collection::vec(
            (1_u16..8, prop_oneof![Just(50_u32), 50_u32..58, any::<u32>()], proptest::collection::vec(any::<u8>(), 1..40), 0_u8..5),
            0..40,
        ),
        resets in proptest::collection::vec(1_u16..8, 0..4),
    ) {
        let (mut link, honest) = with_channel(Config { max_stray: 500, max_channels: 5, ..Config::default() });
        for (stream, ppid, mut data, kind) in messages {
            data[0] = if ppid == 50 { kind } else { data[0] };
            let options = drywire_sctp::SendOptions::ordered();
            let _ = link.b.write(link.now, stream.into(), ppid.into(), data.into(), options);
            if resets.contains(&stream) && kind == 1 {
                link.b.reset_streams(link.now, &[stream.into()]);
            }
        }
        link.settle();
        for (id, _) in link.a.channels().map(|(id, channel)| (id, channel.label().to_owned())).collect::<Vec<_>>() {
            read_all(&mut link.a, id);
        }
        link.settle();
        assert_alive(&mut link, honest);
    }
}
