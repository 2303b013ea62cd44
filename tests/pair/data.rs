//! Data channels through the whole stack.

use std::sync::Arc;
use std::time::Duration;

use drywire::Event;
use drywire::datachannel::Rest;
use drywire_sim::{Link, Outcome, Probability};

use crate::harness::{CONFIG, binary, call, call_with, config, connected, negotiate, open, pass, text};

#[test]
fn messages_of_every_kind_and_size_come_back() {
    let (mut network, offerer, _, [ordered, unordered]) =
        call(20, |peer, now| [open(peer, now, "ordered", true), open(peer, now, "unordered", false)]);
    network.set_default_link(Link::new().delay(Duration::from_millis(5)));
    let now = drywire_sim::origin();
    let mut messages = vec![text(""), text("hällo"), binary(0)];
    messages.extend([1, 2, 1023, 1187, 16_384, 65_536, 262_144].map(binary));
    for id in [ordered, unordered] {
        for message in &messages {
            network[offerer].send(now, id, message.clone());
        }
    }
    let all = messages.len();
    let reached = network.run_until(
        |network| [ordered, unordered].iter().all(|id| network[offerer].messages(*id).len() == all),
        Duration::from_secs(60),
    );
    assert_eq!(reached, Outcome::Reached);
    assert_eq!(network[offerer].messages(ordered), messages);
    assert!(network[offerer].longest_train > 4, "{} datagrams at once", network[offerer].longest_train);
    let mut arrived = network[offerer].messages(unordered).to_vec();
    arrived.sort_by_key(|message| (message.kind(), message.data().len()));
    messages.sort_by_key(|message| (message.kind(), message.data().len()));
    assert_eq!(arrived, messages);
}

/// One message that is longer than all buffers and windows together, without ever being in memory as a whole.
/// `DRYWIRE_MESSAGE_MEBIBYTES` says how long.
#[test]
fn a_message_of_any_length_is_read_while_it_is_written() {
    let mebibytes =
        std::env::var("DRYWIRE_MESSAGE_MEBIBYTES").map_or(8, |text| text.parse().expect("a number"));
    let unlimited = {
        let mut config = config();
        config.negotiation_mut().max_message_size = 0;
        Arc::new(config)
    };
    let (mut network, offering, answering, id) =
        call_with(&unlimited, &unlimited, [27; 32], |peer, now| open(peer, now, "long", true));
    network[answering].set_reading(false);
    connected(&mut network, answering);
    pass(&mut network, Duration::from_secs(1));
    let there = network[answering].connection.channels().map(|(id, _)| id).next().expect("the channel");
    network[answering].connection.channel(there).expect("the channel").read_in_parts();
    let part = binary(65_536);
    let parts = mebibytes * 16;
    let (mut written, mut read, mut ended) = (0, 0, false);
    while !ended {
        let now = network.now();
        let mut channel = network[offering].connection.channel(id).expect("the channel");
        while written < parts && channel.write_part(now, part.clone(), written + 1 == parts).is_ok() {
            written += 1;
        }
        pass(&mut network, Duration::from_millis(1));
        let mut channel = network[answering].connection.channel(there).expect("the channel");
        let unread = read;
        while let Some(part_read) = channel.read_part() {
            assert!(!ended && part_read.kind == part.kind());
            for byte in &part_read.data {
                assert_eq!(*byte, part.data()[read % part.data().len()]);
                read += 1;
            }
            ended = part_read.rest == Rest::None;
        }
        assert!(read - unread < 4 << 20, "{} bytes at once", read - unread);
    }
    assert_eq!(read, mebibytes << 20);
    let stats = network[answering].connection.stats();
    assert_eq!((stats.data.messages_received, stats.data.bytes_received), (1, u64::try_from(read).unwrap()));
}

#[test]
fn channels_opened_later_work_too() {
    let (mut network, offerer, answerer, first) = call(21, |peer, now| open(peer, now, "first", true));
    connected(&mut network, answerer);
    pass(&mut network, Duration::from_secs(1));
    let now = network.now();
    let later = open(&mut network[offerer], now, "later", true);
    network[offerer].send(now, later, text("hello"));
    let reached =
        network.run_until(|network| network[offerer].messages(later).len() == 1, Duration::from_secs(10));
    assert_eq!(reached, Outcome::Reached);
    assert!(network[offerer].events.contains(&Event::DataChannelOpened(first)));
    assert!(network[offerer].events.contains(&Event::DataChannelOpened(later)));
}

#[test]
fn a_channel_that_is_closed_closes_at_both_ends_after_its_data_is_delivered() {
    let (mut network, offerer, answerer, channel) = call(22, |peer, now| open(peer, now, "first", true));
    network.set_default_link(Link::new().delay(Duration::from_millis(20)));
    connected(&mut network, answerer);
    pass(&mut network, Duration::from_secs(1));
    let now = network.now();
    network[offerer].send(now, channel, binary(100_000));
    network[offerer].connection.channel(channel).expect("the channel").close(now);
    pass(&mut network, Duration::from_secs(10));
    let closed = |event: &Event| matches!(event, Event::DataChannelClosed(_));
    assert!(network[offerer].events.iter().any(closed));
    assert!(network[answerer].events.iter().any(closed));
    let received = network[answerer].connection.stats().data.bytes_received;
    assert!(received >= 100_000, "{received} bytes arrived");
}

#[test]
fn a_channel_that_the_peer_closed_tells_so_when_its_last_message_is_read() {
    let (mut network, offerer, answerer, channel) = call(24, |peer, now| open(peer, now, "first", true));
    connected(&mut network, answerer);
    pass(&mut network, Duration::from_secs(1));
    // The peer that keeps messages stops reading them; the echo sends one and closes.
    network[offerer].set_reading(false);
    let now = network.now();
    let id = network[answerer].connection.channels().map(|(id, _)| id).next().expect("the echo's end");
    let mut end = network[answerer].connection.channel(id).expect("the echo's end");
    end.write(now, text("goodbye")).expect("room");
    end.close(now);
    pass(&mut network, Duration::from_secs(2));
    let closed = Event::DataChannelClosed(channel);
    assert!(!network[offerer].events.contains(&closed));
    let connection = &mut network[offerer].connection;
    assert_eq!(connection.channel(channel).and_then(|mut end| end.read()), Some(text("goodbye")));
    assert_eq!(connection.channel(channel).and_then(|mut end| end.read()), None);
    pass(&mut network, Duration::ZERO);
    assert!(network[offerer].events.contains(&closed), "{:?}", network[offerer].events);
}

#[test]
fn the_data_section_can_come_with_a_later_offer() {
    let (mut network, offerer, answerer, _) = call(23, |peer, _| {
        peer.connection.add_transceiver(
            drywire_sim::origin(),
            drywire::jsep::MediaKind::Audio,
            drywire::jsep::TransceiverInit::default(),
        )
    });
    let reached = network.run_until(|network| network[answerer].is_connected(), Duration::from_secs(10));
    assert_eq!(reached, Outcome::Reached);
    let now = network.now();
    let channel = open(&mut network[offerer], now, "late", true);
    network[offerer].send(now, channel, text("hello"));
    negotiate(&mut network, offerer, answerer);
    let reached =
        network.run_until(|network| network[offerer].messages(channel).len() == 1, Duration::from_secs(10));
    assert_eq!(reached, Outcome::Reached);
}

/// Twenty per cent loss each way, with reordering and duplication: always connects, and every message arrives exactly
/// once and in order.
#[test]
fn a_thousand_bad_networks() {
    let seeds: u32 = std::env::var("DRYWIRE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1000);
    for seed in 0..seeds {
        let mut bytes = [7; 32];
        bytes[..4].copy_from_slice(&seed.to_le_bytes());
        let (mut network, offerer, _, channel) =
            call_with(&CONFIG, &CONFIG, bytes, |peer, now| open(peer, now, "first", true));
        let link = Link::new()
            .delay(Duration::from_millis(u64::from(seed % 60)))
            .jitter(Duration::from_millis(u64::from(seed % 13)))
            .loss(Probability::percent(20))
            .reorder(Probability::percent(10), Duration::from_millis(30))
            .duplicate(Probability::percent(10));
        network.set_default_link(link);
        let now = drywire_sim::origin();
        let messages: Vec<_> = (0..8_usize)
            .map(|n| if n % 3 == 0 { text(format!("{seed} {n}")) } else { binary(n * 700) })
            .collect();
        for message in &messages {
            network[offerer].send(now, channel, message.clone());
        }
        let reached = network.run_until(
            |network| network[offerer].messages(channel).len() >= messages.len(),
            Duration::from_secs(600),
        );
        assert_eq!(reached, Outcome::Reached, "seed {seed}");
        pass(&mut network, Duration::from_secs(5));
        assert_eq!(network[offerer].messages(channel), messages, "seed {seed}");
    }
}
