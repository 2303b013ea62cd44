use std::collections::VecDeque;

use super::link::{BAD, Link, Weather, binary, events, read_all};
use crate::{ChannelId, ChannelOptions, Event, Message, SendError, Transport};

fn all_kinds() -> Vec<Message> {
    let mut messages = vec![Message::text(""), Message::binary(Vec::new()), Message::text("grün")];
    for (salt, len) in [1, 2, 1100, 1131, 1132, 1160, 1200, 16_384, 65_536, 262_144].into_iter().enumerate() {
        messages.push(binary(len, salt));
        messages.push(Message::text("a".repeat(len)));
    }
    messages.push(Message::text(""));
    messages
}

/// Writes as much as fits.
fn write_some(
    transport: &mut Transport,
    now: drywire_core::Instant,
    id: ChannelId,
    rest: &mut VecDeque<Message>,
) {
    while let Some(message) = rest.front() {
        match transport.write(now, id, message.clone()) {
            Ok(()) => drop(rest.pop_front()),
            Err(SendError::Full) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

fn every_kind_arrives(weather: Weather, ordered: bool, seed: u8) {
    let mut link = Link::connecting(weather, seed);
    let options = ChannelOptions { ordered, ..ChannelOptions::new("all") };
    let here = link.a.open(link.now, options).unwrap();
    let mut expected = all_kinds();
    let mut rest: VecDeque<_> = expected.clone().into();
    let (mut there, mut got) = (None, Vec::new());
    link.run_until(|link| {
        write_some(&mut link.a, link.now, here, &mut rest);
        for event in events(&mut link.b) {
            if let Event::Announced(id) = event {
                there = Some(id);
            }
        }
        if let Some(id) = there {
            got.extend(read_all(&mut link.b, id));
        }
        got.len() >= expected.len()
    });
    if !ordered {
        let key = |message: &Message| (message.kind(), message.data().clone());
        got.sort_by_key(key);
        expected.sort_by_key(key);
    }
    assert!(got == expected);
    let (sent, received) = (link.a.stats(), link.b.stats());
    assert_eq!((sent.messages_sent, sent.bytes_sent), (received.messages_received, received.bytes_received));
    assert_eq!(received.messages_dropped, 0);
}

#[test]
fn every_kind_and_size_arrives_in_order() {
    every_kind_arrives(Weather::default(), true, 1);
}

#[test]
fn every_kind_and_size_arrives_out_of_order() {
    every_kind_arrives(Weather::default(), false, 2);
}

#[test]
fn every_kind_and_size_arrives_over_a_bad_link() {
    for seed in 3..6 {
        every_kind_arrives(BAD, true, seed);
        every_kind_arrives(BAD, false, seed);
    }
}

#[test]
fn both_directions_and_many_channels_at_once() {
    let mut link = Link::connected();
    let pairs: Vec<_> = (0..20).map(|n| link.open(ChannelOptions::new(format!("{n}")))).collect();
    for (n, (here, there)) in pairs.iter().enumerate() {
        link.a.write(link.now, *here, Message::text(format!("to {n}"))).unwrap();
        link.b.write(link.now, *there, Message::text(format!("from {n}"))).unwrap();
    }
    link.settle();
    for (n, (here, there)) in pairs.iter().enumerate() {
        assert_eq!(read_all(&mut link.b, *there), [Message::text(format!("to {n}"))]);
        assert_eq!(read_all(&mut link.a, *here), [Message::text(format!("from {n}"))]);
    }
}

#[test]
fn readable_is_told_once_until_everything_was_read() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    let write = |link: &mut Link<Transport, Transport>, text: &str| {
        link.a.write(link.now, here, Message::text(text)).unwrap();
        link.settle();
    };
    write(&mut link, "1");
    write(&mut link, "2");
    assert_eq!(events(&mut link.b), [Event::Readable(there)]);
    assert_eq!(read_all(&mut link.b, there).len(), 2);
    write(&mut link, "3");
    assert_eq!(events(&mut link.b), [Event::Readable(there)]);
    assert_eq!(read_all(&mut link.b, there), [Message::text("3")]);
    assert_eq!(link.b.channel(there).unwrap().stats().messages_received, 3);
    assert_eq!(link.a.channel(here).unwrap().stats().bytes_sent, 3);
}

#[test]
fn what_the_peer_does_not_take_is_refused() {
    let mut link = Link::connected();
    let (here, _) = link.open(ChannelOptions::new(""));
    let now = link.now;
    link.a.set_remote(now, 1000, 5000);
    assert_eq!(link.a.write(now, here, binary(1001, 0)), Err(SendError::TooLarge { limit: 1000 }));
    assert_eq!(link.a.write(now, here, binary(1000, 0)), Ok(()));
    link.a.set_remote(now, 0, 5000);
    assert_eq!(link.a.write(now, here, binary(300_000, 0)), Ok(()));
    assert!(events(&mut link.a).is_empty());
}
