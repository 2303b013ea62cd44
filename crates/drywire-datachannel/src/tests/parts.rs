//! Channels whose messages are read in parts.

use bytes::Bytes;

use super::link::{Link, Weather, binary, events, read_all};
use crate::{ChannelId, ChannelOptions, Config, Event, Message, MessageKind, Rest, SendError, Transport};

/// All parts that can be read, joined: of messages at their end, and of one that is not.
fn read_parts(transport: &mut Transport, id: ChannelId, open: &mut Vec<u8>) -> Vec<(MessageKind, Vec<u8>)> {
    let mut messages = Vec::new();
    while let Some(part) = transport.read_part(id) {
        open.extend_from_slice(&part.data);
        match part.rest {
            Rest::Follows => {}
            Rest::None => messages.push((part.kind, std::mem::take(open))),
            Rest::Lost => open.clear(),
        }
    }
    messages
}

fn config(interleaving: bool) -> Config {
    let mut config = Config::default();
    config.sctp.max_message_size = 10_000;
    config.sctp.receive_window = 50_000;
    config.sctp.interleaving = interleaving;
    config
}

#[test]
fn a_message_of_any_length_is_read_in_parts() {
    for interleaving in [false, true] {
        let mut link = Link::idle(config(interleaving), config(interleaving), 3);
        link.weather = Weather { loss: 3, duplicate: 3, jitter: 10 };
        link.connect();
        let now = link.now;
        // As if it had been announced so.
        link.a.set_remote(now, 0, 5000);
        let (here, there) = link.open(ChannelOptions::new("long"));
        link.b.read_in_parts(there);
        let whole = binary(1_000_000, 1).into_data();
        let (mut at, mut open, mut read) = (0, Vec::new(), Vec::new());
        while read.is_empty() {
            while at < whole.len() {
                let part = whole.slice(at..whole.len().min(at + 9_000));
                let next = at + part.len();
                match link.a.write_part(link.now, here, Message::binary(part), next == whole.len()) {
                    Ok(()) => at = next,
                    Err(SendError::Full) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            link.settle();
            assert_eq!(link.b.read(there), None, "it is read in parts");
            read = read_parts(&mut link.b, there, &mut open);
        }
        assert_eq!(read, [(MessageKind::Binary, whole.to_vec())]);
        let stats = link.b.channel(there).unwrap().stats();
        assert_eq!((stats.messages_received, stats.bytes_received), (1, 1_000_000));
        // The other direction is as it was, and so is the next channel on the same stream.
        link.b.write(link.now, there, Message::text("")).unwrap();
        link.settle();
        assert_eq!(read_all(&mut link.a, here), [Message::text("")]);
        link.a.close(link.now, here);
        link.settle();
        let (here, again) = link.open(ChannelOptions::new("again"));
        link.a.write(link.now, here, binary(9_000, 2)).unwrap();
        link.settle();
        assert_eq!(read_all(&mut link.b, again), [binary(9_000, 2)]);
    }
}

/// Whole messages, empty ones, and those that the peer itself cut (RFC 8831, section 6.6).
#[test]
fn every_kind_of_message_can_be_read_as_parts() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    let now = link.now;
    let write = |link: &mut Link<Transport, Transport>, message| link.a.write(now, here, message).unwrap();
    write(&mut link, Message::text(""));
    write(&mut link, Message::text("hello"));
    link.settle();
    link.b.read_in_parts(there);
    write(&mut link, Message::binary(Bytes::new()));
    write(&mut link, binary(100_000, 4));
    link.settle();
    let read = read_parts(&mut link.b, there, &mut Vec::new());
    let expected = [
        (MessageKind::Text, Vec::new()),
        (MessageKind::Text, b"hello".to_vec()),
        (MessageKind::Binary, Vec::new()),
        (MessageKind::Binary, binary(100_000, 4).into_data().to_vec()),
    ];
    assert_eq!(read, expected);
}

/// What its writer did not bring to its end is cut off when the channel closes.
#[test]
fn the_end_of_a_channel_cuts_its_message_off() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    link.b.read_in_parts(there);
    link.a.write_part(link.now, here, binary(20_000, 0), false).unwrap();
    link.settle();
    link.a.close(link.now, here);
    link.settle();
    let mut rests = Vec::new();
    while let Some(part) = link.b.read_part(there) {
        rests.push(part.rest);
    }
    assert_eq!(rests.pop(), Some(Rest::Lost));
    assert!(!rests.is_empty() && rests.iter().all(|rest| *rest == Rest::Follows));
    link.settle();
    assert!(events(&mut link.b).contains(&Event::Closed(there)));
}
