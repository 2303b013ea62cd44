//! Channels that give messages up (RFC 8831, section 6.1), in both directions and over bad links.

use std::time::Duration;

use super::link::{Link, Weather, binary, events, read_all};
use crate::{ChannelId, ChannelOptions, Event, Message, Reliability, Transport};

fn channel(
    reliability: Reliability,
    ordered: bool,
    seed: u8,
) -> (Link<Transport, Transport>, [ChannelId; 2]) {
    let mut link = Link::connecting(Weather::default(), seed);
    let options = ChannelOptions { reliability, ordered, ..ChannelOptions::new("positions") };
    let here = link.a.open(link.now, options).unwrap();
    link.settle();
    let there = events(&mut link.b).into_iter().find_map(|event| match event {
        Event::Announced(id) => Some(id),
        _ => None,
    });
    (link, [here, there.expect("an announced channel")])
}

#[test]
fn old_messages_are_given_up_and_new_ones_arrive_both_ways() {
    let kinds = [
        Reliability::MaxRetransmits(0),
        Reliability::MaxRetransmits(2),
        Reliability::MaxPacketLifeTime(0),
        Reliability::MaxPacketLifeTime(60),
    ];
    for (kind, ordered) in kinds.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let (mut link, [here, there]) = channel(kind, ordered, 9);
        assert_eq!(link.b.channel(there).unwrap().reliability(), kind);
        link.weather = Weather { loss: 10, duplicate: 5, jitter: 15 };
        let mut got = [Vec::new(), Vec::new()];
        for n in 0..100 {
            for len in [20, 2_000] {
                let _ = link.a.write(link.now, here, binary(len, n));
                let _ = link.b.write(link.now, there, binary(len, n));
            }
            link.run_for(Duration::from_millis(20));
            got[0].extend(read_all(&mut link.b, there));
            got[1].extend(read_all(&mut link.a, here));
        }
        // Afterwards the link is good, and nothing stands in the way of what comes.
        link.weather = Weather::default();
        link.run_for(Duration::from_secs(30));
        // What waited for an older message counts, too.
        got[0].extend(read_all(&mut link.b, there));
        got[1].extend(read_all(&mut link.a, here));
        for _ in 0..2 {
            link.a.write(link.now, here, Message::text("last")).unwrap();
            link.b.write(link.now, there, Message::text("last")).unwrap();
            // A lifetime of zero is over at once, unless it is sent at once.
            link.run_for(Duration::from_secs(1));
        }
        assert_eq!(read_all(&mut link.b, there), vec![Message::text("last"); 2], "{kind:?} {ordered}");
        assert_eq!(read_all(&mut link.a, here), vec![Message::text("last"); 2]);
        for messages in got {
            // One in ten packets is lost; three times the same is rare.
            let usual = if kind == Reliability::MaxRetransmits(2) { 195..=200 } else { 100..=199 };
            assert!(usual.contains(&messages.len()), "{kind:?} {ordered}: {} of 200", messages.len());
        }
        assert_eq!((link.a.buffered_amount(here), link.b.buffered_amount(there)), (0, 0));
    }
}

#[test]
fn a_channel_that_gives_up_is_closed_like_others() {
    let (mut link, [here, there]) = channel(Reliability::MaxPacketLifeTime(30), false, 3);
    link.weather = Weather { loss: 100, ..Weather::default() };
    for n in 0..200 {
        let _ = link.a.write(link.now, here, binary(5_000, n));
    }
    link.a.close(link.now, here);
    link.run_for(Duration::from_millis(500));
    link.weather = Weather::default();
    link.run_for(Duration::from_secs(60));
    assert!(events(&mut link.a).contains(&Event::Closed(here)));
    assert!(events(&mut link.b).contains(&Event::Closed(there)));
}
