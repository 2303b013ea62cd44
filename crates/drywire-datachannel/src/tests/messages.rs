use std::collections::VecDeque;

use super::link::{BAD, Link, Weather, binary, events, read_all};
use crate::{ChannelId, ChannelOptions, Event, Message, Reliability, SendError, Transport};

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

#[test]
fn a_message_can_be_written_in_parts() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new("parts"));
    let now = link.now;
    let part = |text: &str| Message::text(text);
    assert_eq!(link.a.write_part(now, here, part(""), false), Err(SendError::InvalidPart));
    link.a.write_part(now, here, part("grün"), false).unwrap();
    assert_eq!(link.a.write(now, here, part("other")), Err(SendError::MessageOpen));
    assert_eq!(link.a.write_part(now, here, Message::binary("x"), true), Err(SendError::MessageOpen));
    link.settle();
    assert!(read_all(&mut link.b, there).is_empty());
    let mut all = "grün".to_owned();
    for n in 0..200 {
        let text = format!("{n} ").repeat(100);
        loop {
            match link.a.write_part(link.now, here, part(&text), n == 199) {
                Ok(()) => break,
                Err(SendError::Full) => link.settle(),
                Err(error) => panic!("{error}"),
            }
        }
        all.push_str(&text);
    }
    let now = link.now;
    link.a.write(now, here, part("next")).unwrap();
    link.settle();
    assert_eq!(read_all(&mut link.b, there), [Message::text(all.clone()), part("next")]);
    assert_eq!(link.a.stats().messages_sent, 2);
    assert_eq!(link.a.stats().bytes_sent, u64::try_from(all.len() + 4).unwrap());
    assert_eq!(link.a.buffered_amount(here), 0);
}

#[test]
fn what_cannot_be_written_in_parts_is_refused() {
    let mut link = Link::connected();
    let brief = ChannelOptions { reliability: Reliability::MaxRetransmits(1), ..ChannelOptions::new("") };
    let (brief, _) = link.open(brief);
    let (here, there) = link.open(ChannelOptions::new(""));
    let now = link.now;
    assert_eq!(link.a.write_part(now, brief, binary(9, 0), false), Err(SendError::InvalidPart));
    link.a.write_part(now, here, binary(262_000, 0), false).unwrap();
    let too_large = Err(SendError::TooLarge { limit: 262_144 });
    assert_eq!(link.a.write_part(now, here, binary(145, 0), true), too_large);
    // Cut off: the peer gets nothing of it, and the stream is free for another channel.
    link.a.close(now, here);
    link.settle();
    assert!(read_all(&mut link.b, there).is_empty());
    let (again, there) = link.open(ChannelOptions::new("again"));
    link.a.write(link.now, again, binary(9, 1)).unwrap();
    link.settle();
    assert_eq!(read_all(&mut link.b, there), [binary(9, 1)]);
}
