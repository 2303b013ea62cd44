use super::link::{BAD, Link, Weather, binary, events, read_all};
use crate::{
    ChannelOptions, ChannelState, Config, Event, Message, OpenError, Reliability, Role, SendError, Transport,
};

fn state(transport: &Transport, id: crate::ChannelId) -> Option<ChannelState> {
    Some(transport.channel(id)?.state())
}

#[test]
fn streams_are_known_when_the_role_is() {
    let mut link = Link::idle(Config::default(), Config::default(), 1);
    let now = link.now;
    let first = link.a.open(now, ChannelOptions::new("first")).unwrap();
    let fixed = ChannelOptions { negotiated: Some(2), ..ChannelOptions::new("fixed") };
    let fixed = link.a.open(now, fixed).unwrap();
    let second = link.a.open(now, ChannelOptions::new("second")).unwrap();
    let other = link.b.open(now, ChannelOptions::new("other")).unwrap();
    assert_eq!(link.a.channel(first).unwrap().stream(), None);
    assert_eq!(link.a.channel(fixed).unwrap().stream(), Some(2));
    link.a.set_role(now, Role::Client);
    link.b.set_role(now, Role::Server);
    // A role does not change.
    link.b.set_role(now, Role::Client);
    assert_eq!(link.a.channel(first).unwrap().stream(), Some(0));
    assert_eq!(link.a.channel(second).unwrap().stream(), Some(4));
    assert_eq!(link.b.channel(other).unwrap().stream(), Some(1));
}

#[test]
fn what_was_opened_and_written_before_connecting_arrives() {
    let mut link = Link::idle(Config::default(), Config::default(), 2);
    let now = link.now;
    let options = ChannelOptions {
        protocol: "echo.1".to_owned(),
        ordered: false,
        priority: 512,
        ..ChannelOptions::new("größe")
    };
    let here = link.a.open(now, options).unwrap();
    link.a.write(now, here, Message::text("early")).unwrap();
    assert_eq!(state(&link.a, here), Some(ChannelState::Connecting));
    assert_eq!(link.a.buffered_amount(here), 5);
    link.connect();
    link.settle();
    assert_eq!(link.a.buffered_amount(here), 0);
    assert_eq!(events(&mut link.a), [Event::Connected, Event::Opened(here), Event::BufferedAmountLow(here)]);
    let there = match events(&mut link.b)[..] {
        [Event::Connected, Event::Announced(there), Event::Readable(_)] => there,
        ref other => panic!("{other:?}"),
    };
    let channel = link.b.channel(there).unwrap();
    assert_eq!((channel.label(), channel.protocol()), ("größe", "echo.1"));
    assert_eq!((channel.ordered(), channel.priority(), channel.stream()), (false, 512, Some(0)));
    assert_eq!(channel.reliability(), Reliability::Reliable);
    assert!(!channel.negotiated());
    assert_eq!(channel.state(), ChannelState::Open);
    assert_eq!(state(&link.a, here), Some(ChannelState::Open));
    assert_eq!(read_all(&mut link.b, there), [Message::text("early")]);
}

#[test]
fn negotiated_channels_need_no_announcement() {
    let mut link = Link::idle(Config::default(), Config::default(), 3);
    let now = link.now;
    let options = ChannelOptions { negotiated: Some(7), ordered: false, ..ChannelOptions::new("fixed") };
    let here = link.a.open(now, options.clone()).unwrap();
    assert_eq!(link.a.open(now, options.clone()), Err(OpenError::StreamInUse(7)));
    let there = link.b.open(now, options).unwrap();
    link.a.write(now, here, Message::text("early")).unwrap();
    link.connect();
    link.settle();
    assert!(events(&mut link.a).contains(&Event::Opened(here)));
    assert_eq!(events(&mut link.b), [Event::Connected, Event::Opened(there), Event::Readable(there)]);
    assert_eq!(read_all(&mut link.b, there), [Message::text("early")]);
    link.b.write(link.now, there, Message::text("back")).unwrap();
    link.settle();
    assert_eq!(read_all(&mut link.a, here), [Message::text("back")]);
}

#[test]
fn a_negotiated_channel_that_one_side_opens_later_loses_nothing() {
    let mut link = Link::connected();
    let options = ChannelOptions { negotiated: Some(9), ..ChannelOptions::new("fixed") };
    let here = link.a.open(link.now, options.clone()).unwrap();
    assert_eq!(events(&mut link.a), [Event::Opened(here)]);
    link.a.write(link.now, here, Message::text("1")).unwrap();
    link.a.write(link.now, here, Message::text("")).unwrap();
    link.settle();
    let there = link.b.open(link.now, options).unwrap();
    assert_eq!(events(&mut link.b), [Event::Opened(there), Event::Readable(there)]);
    link.a.write(link.now, here, Message::text("2")).unwrap();
    link.settle();
    let texts = ["1", "", "2"].map(Message::text);
    assert_eq!(read_all(&mut link.b, there), texts);
}

#[test]
fn what_was_written_is_delivered_before_the_channel_closes() {
    for weather in [Weather::default(), BAD] {
        let mut link = Link::connecting(weather, 5);
        let here = link.a.open(link.now, ChannelOptions::new("")).unwrap();
        for salt in 0..5 {
            link.a.write(link.now, here, binary(50_000, salt)).unwrap();
        }
        link.a.close(link.now, here);
        assert_eq!(link.a.write(link.now, here, Message::text("late")), Err(SendError::Closing));
        let (mut there, mut got, mut seen) = (None, Vec::new(), Vec::new());
        link.run_until(|link| {
            for event in events(&mut link.b) {
                if let Event::Announced(id) = event {
                    there = Some(id);
                }
                seen.push(event);
            }
            if let Some(id) = there {
                got.extend(read_all(&mut link.b, id));
            }
            state(&link.a, here) == Some(ChannelState::Closed)
                && there.is_some_and(|id| state(&link.b, id) == Some(ChannelState::Closed))
        });
        link.settle();
        let there = there.unwrap();
        seen.extend(events(&mut link.b));
        assert!(got == (0..5).map(|salt| binary(50_000, salt)).collect::<Vec<_>>());
        assert_eq!(seen.iter().filter(|event| **event == Event::Closed(there)).count(), 1);
        let closed = events(&mut link.a).into_iter().filter(|event| *event == Event::Closed(here));
        assert_eq!(closed.count(), 1);
        assert_eq!(link.a.write(link.now, here, Message::text("late")), Err(SendError::Closed));
    }
}

#[test]
fn the_stream_of_a_closed_channel_is_used_again() {
    let mut link = Link::connected();
    let mut last = None;
    for round in 0..10 {
        let (here, there) = link.open(ChannelOptions::new(format!("{round}")));
        assert_ne!(Some(here), last.replace(here));
        assert_eq!(link.a.channel(here).unwrap().stream(), Some(0));
        link.a.write(link.now, here, Message::text(format!("{round}"))).unwrap();
        link.settle();
        assert_eq!(read_all(&mut link.b, there), [Message::text(format!("{round}"))]);
        events(&mut link.a);
        events(&mut link.b);
        // Both sides close at once every third time, and the peer's side every other time.
        if round % 3 != 1 {
            link.a.close(link.now, here);
        }
        if round % 3 != 0 {
            link.b.close(link.now, there);
        }
        link.settle();
        assert_eq!(events(&mut link.a), [Event::Closed(here)]);
        assert_eq!(events(&mut link.b), [Event::Closed(there)]);
    }
    assert_eq!(link.a.stats().channels_closed, 10);
}

#[test]
fn a_channel_that_nobody_knows_of_closes_at_once() {
    let mut link = Link::idle(Config::default(), Config::default(), 6);
    let now = link.now;
    let here = link.a.open(now, ChannelOptions::new("")).unwrap();
    link.a.close(now, here);
    assert_eq!(events(&mut link.a), [Event::Closed(here)]);
    let here = link.a.open(now, ChannelOptions::new("")).unwrap();
    link.a.write(now, here, Message::text("last words")).unwrap();
    link.a.close(now, here);
    assert!(events(&mut link.a).is_empty());
    link.connect();
    link.settle();
    let there = events(&mut link.b).into_iter().find_map(|event| match event {
        Event::Announced(id) => Some(id),
        _ => None,
    });
    assert_eq!(read_all(&mut link.b, there.unwrap()), [Message::text("last words")]);
    link.settle();
    assert!(events(&mut link.a).contains(&Event::Closed(here)));
    assert!(events(&mut link.b).contains(&Event::Closed(there.unwrap())));
}

#[test]
fn what_arrived_before_the_close_can_be_read() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    link.a.write(link.now, here, Message::text("1")).unwrap();
    link.a.write(link.now, here, Message::text("2")).unwrap();
    // The peer closes: it is not over before everything is read.
    link.a.close(link.now, here);
    link.settle();
    assert_eq!(events(&mut link.b), [Event::Readable(there)]);
    assert_eq!(state(&link.b, there), Some(ChannelState::Closing));
    assert_eq!(read_all(&mut link.b, there), ["1", "2"].map(Message::text));
    link.settle();
    assert_eq!(events(&mut link.b), [Event::Closed(there)]);

    // This side closes: what arrived stays, what arrives is dropped.
    let (here, there) = link.open(ChannelOptions::new(""));
    link.a.write(link.now, here, Message::text("1")).unwrap();
    link.settle();
    link.a.write(link.now, here, Message::text("2")).unwrap();
    link.b.close(link.now, there);
    link.settle();
    assert!(events(&mut link.b).contains(&Event::Closed(there)));
    assert_eq!(read_all(&mut link.b, there), [Message::text("1")]);
}

#[test]
fn a_closing_channel_that_nobody_reads_can_be_closed_for_good() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    link.a.write(link.now, here, Message::text("unread")).unwrap();
    link.a.close(link.now, here);
    link.settle();
    assert_eq!(state(&link.b, there), Some(ChannelState::Closing));
    link.b.close(link.now, there);
    link.settle();
    assert_eq!(state(&link.a, here), Some(ChannelState::Closed));
    assert_eq!(state(&link.b, there), Some(ChannelState::Closed));
}

#[test]
fn closed_channels_are_forgotten_in_time() {
    let mut link = Link::connected();
    for _ in 0..200 {
        let (here, _) = link.open(ChannelOptions::new("x"));
        link.a.close(link.now, here);
        link.settle();
        events(&mut link.a);
        events(&mut link.b);
    }
    assert!(link.a.channels().count() <= 64);
    assert!(link.b.channels().count() <= 64);
}

#[test]
fn the_end_closes_every_channel() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    let other = link.b.open(link.now, ChannelOptions::new("other")).unwrap();
    link.a.write(link.now, here, Message::text("unread")).unwrap();
    link.settle();
    events(&mut link.a);
    events(&mut link.b);
    link.a.abort(link.now);
    let closed = events(&mut link.a);
    assert_eq!(closed.len(), 2);
    assert!(closed.contains(&Event::Closed(here)));
    assert_eq!(link.a.open(link.now, ChannelOptions::new("")), Err(OpenError::Closed));
    assert_eq!(link.a.write(link.now, here, Message::text("")), Err(SendError::Closed));
    link.settle();
    match &events(&mut link.b)[..] {
        [Event::Closed(first), Event::Closed(second), Event::Failed { .. }] => {
            assert_eq!([*first, *second], [there, other]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(read_all(&mut link.b, there), [Message::text("unread")]);
    link.a.abort(link.now);
    assert!(events(&mut link.a).is_empty());
}

#[test]
fn commands_say_what_is_wrong() {
    let config = Config { max_channels: 2, max_label_len: 3, ..Config::default() };
    let mut link = Link::idle(config, Config::default(), 7);
    let now = link.now;
    let mut open = |options| link.a.open(now, options);
    let long = OpenError::TextTooLong { len: 4, limit: 3 };
    assert_eq!(open(ChannelOptions::new("four")), Err(long));
    assert_eq!(open(ChannelOptions { protocol: "four".into(), ..ChannelOptions::default() }), Err(long));
    let stream = ChannelOptions { negotiated: Some(65_535), ..ChannelOptions::default() };
    assert_eq!(open(stream), Err(OpenError::InvalidStream(65_535)));
    let first = open(ChannelOptions::new("1")).unwrap();
    open(ChannelOptions::new("2")).unwrap();
    assert_eq!(open(ChannelOptions::new("3")), Err(OpenError::TooManyChannels));
    link.a.close(now, first);
    assert_eq!(link.a.open(now, ChannelOptions::new("3")), Err(OpenError::TooManyChannels));
    // The place is free when the application knows that the channel is closed.
    assert_eq!(link.a.poll_event(), Some(Event::Closed(first)));
    assert!(link.a.open(now, ChannelOptions::new("3")).is_ok());
    assert_eq!(link.a.write(now, first, Message::text("")), Err(SendError::UnknownChannel));
    assert_eq!(link.a.read(first), None);
    assert_eq!(link.a.buffered_amount(first), 0);
    link.a.close(now, first);
}
