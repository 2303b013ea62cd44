use drywire_core::{Duration, Instant, Path, Protocol};
use drywire_sim::origin;
use drywire_stun::attributes::{AlternateServer, ChannelNumber, RequestedTransport, XorPeerAddress};
use drywire_stun::{Message, MessageBuilder, Method};

use super::world::*;
use crate::ChannelData;
use crate::client::RelayedFamily;
use crate::server::{Event, Server};

fn transport(request: &mut MessageBuilder<'_>) {
    request.attribute(&RequestedTransport::UDP);
}

fn bind(raw: &mut Raw, server: &mut Server, now: Instant, number: u16, peer: &str) -> Option<u16> {
    raw.ask(server, now, Method::CHANNEL_BIND, |request| {
        request.attribute(&ChannelNumber(number)).attribute(&XorPeerAddress(address(peer)));
    })
    .code
}

/// Lets as much through as goes, each way, in 10 seconds. Returns the bytes that went.
fn flood(server: &mut Server, users: &mut [(Raw, std::net::SocketAddr)], start: Instant) -> [usize; 2] {
    let mut message = Vec::new();
    ChannelData { channel: 0x4000, data: &[7; 1000] }.write(false, &mut message);
    let (mut passed, mut out) = ([0; 2], Vec::new());
    for step in 0..10_000 {
        let now = start + Duration::from_millis(step);
        for (raw, relayed) in &mut *users {
            raw.tell(server, now, &message);
            server.handle_input(now, Path::udp(*relayed, address(PEER)), message[4..].into());
        }
        out.clear();
        while let Some(transmit) = server.poll_transmit(now, &mut out) {
            let to_client = transmit.path.local == address(SERVER);
            passed[usize::from(to_client)] += transmit.len;
        }
    }
    passed
}

#[test]
fn bandwidth_is_shared_out() {
    let start = origin();
    for (all, each, expected) in
        [(None, Some(20_000), 2 * 265_536), (Some(50_000), Some(40_000), 565_536), (None, None, 20_000_000)]
    {
        let mut config = server_config();
        (config.max_bytes_per_second, config.max_user_bytes_per_second) = (all, each);
        let mut server = Server::new(config, start, [1; 32]).unwrap();
        let mut users: Vec<_> = [("alice", 4000), ("bob", 4001)]
            .into_iter()
            .map(|(user, port)| {
                let mut raw = Raw::new(user, port);
                let relayed = raw.allocate(&mut server, start);
                assert_eq!(bind(&mut raw, &mut server, start, 0x4000, PEER), None);
                (raw, relayed)
            })
            .collect();
        let [to_peers, to_clients] = flood(&mut server, &mut users, start);
        for passed in [to_peers, to_clients] {
            assert!(passed <= expected * 102 / 100 && passed >= expected * 96 / 100, "{passed}/{expected}");
        }
        let stats = server.stats();
        assert_eq!(stats.over_bandwidth + stats.datagrams_to_peers + stats.datagrams_to_clients, 40_000);
        assert_eq!(stats.bytes_to_peers, 1000 * stats.datagrams_to_peers);
        assert_eq!(stats.over_bandwidth == 0, each.is_none());
    }
}

#[test]
fn quotas_are_of_sources_too() {
    let now = origin();
    let mut config = server_config();
    config.max_allocations_per_source = 2;
    let mut server = Server::new(config, now, [1; 32]).unwrap();
    let mut codes = Vec::new();
    for (user, remote) in [
        ("alice", "203.0.113.1:1"),
        ("bob", "203.0.113.1:2"),
        ("alice", "203.0.113.1:3"),
        ("alice", "203.0.113.2:3"),
    ] {
        let mut raw = Raw::new(user, 1);
        raw.path.remote = address(remote);
        codes.push(raw.ask(&mut server, now, Method::ALLOCATE, transport).code);
    }
    assert_eq!(codes, [None, None, Some(486), None]);
    server.handle_timeout(now + Duration::from_secs(601));
    let later = now + Duration::from_secs(601);
    assert_eq!(Raw::new("bob", 7).ask(&mut server, later, Method::ALLOCATE, transport).code, None);
}

#[test]
fn b09_a_channel_rests_before_it_is_another_peers() {
    let start = origin();
    let mut server = Server::new(server_config(), start, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    alice.allocate(&mut server, start);
    let other = "203.0.113.98:1";
    assert_eq!(bind(&mut alice, &mut server, start, 0x4000, PEER), None);
    let mut at = |seconds: u64, number: u16, peer: &str| {
        let now = start + Duration::from_secs(seconds);
        assert_eq!(alice.ask(&mut server, now, Method::REFRESH, |_| {}).code, None);
        bind(&mut alice, &mut server, now, number, peer)
    };
    // 600 seconds it is bound, 300 more it rests.
    for seconds in [100, 500, 601, 899] {
        assert_eq!(at(seconds, 0x4000, other), Some(400), "after {seconds} s");
        assert_eq!(at(seconds, 0x4001, PEER), Some(400), "after {seconds} s");
    }
    assert_eq!(at(900, 0x4000, other), None);
    assert_eq!(at(900, 0x4001, PEER), None);
    // The same pair may be bound again while it rests.
    assert_eq!(at(1300, 0x4002, other), Some(400));
    assert_eq!(at(1600, 0x4000, other), None);
    assert_eq!(at(2199, 0x4001, other), Some(400));
}

#[test]
fn a_server_ends_without_interruption() {
    let start = origin();
    let until = start + Duration::from_secs(100);
    let alternates = [address("198.51.100.9:3478"), address("[2606:4700::9]:3478")];
    for (alternates, code) in [(alternates.to_vec(), 300), (Vec::new(), 508), (vec![alternates[1]], 508)] {
        let mut server = Server::new(server_config(), start, [1; 32]).unwrap();
        let mut alice = Raw::new("alice", 4000);
        let first = alice.allocate(&mut server, start);
        let second = Raw::new("alice", 4001).allocate(&mut server, start);
        server.drain(start, until, alternates.clone());
        assert!(server.is_draining());
        let answer = Raw::new("bob", 4002).ask(&mut server, start, Method::ALLOCATE, transport);
        assert_eq!(answer.code, Some(code));
        let server_told = Message::parse(&answer.bytes).unwrap().attribute::<AlternateServer>();
        assert_eq!(server_told.map(|server| server.0), (code == 300).then(|| alternates[0]));
        // What there is goes on.
        assert_eq!(alice.ask(&mut server, start, Method::REFRESH, |_| {}).code, None);
        assert_eq!(bind(&mut alice, &mut server, start, 0x4000, PEER), None);
        server.disconnected(start, alice.path);
        assert_eq!(
            server.poll_event(),
            Some(Event::RelayReleased { relayed: first, transport: Protocol::Udp })
        );
        assert_eq!((server.poll_event(), server.poll_timeout()), (None, Some(until)));
        server.handle_timeout(until);
        assert_eq!(
            server.poll_event(),
            Some(Event::RelayReleased { relayed: second, transport: Protocol::Udp })
        );
        assert_eq!(server.poll_event(), Some(Event::Drained));
        assert_eq!((server.poll_event(), server.poll_timeout(), server.allocations()), (None, None, 0));
    }
    // Nobody to wait for.
    let mut server = Server::new(server_config(), start, [1; 32]).unwrap();
    server.drain(start, until, Vec::new());
    server.drain(start, until, Vec::new());
    assert_eq!((server.poll_event(), server.poll_event()), (Some(Event::Drained), None));
    server.handle_timeout(until);
    assert_eq!((server.poll_event(), server.poll_timeout()), (None, None));
}

/// Peers name more addresses than they have: these keep out neither those to come, nor those that are there.
#[test]
fn addresses_that_nobody_answers_from_give_way() {
    let mut config = client_config(Protocol::Udp);
    config.family = RelayedFamily::Both;
    config.max_permissions = 8;
    let mut world = World::new(config, server_config(), 17);
    world.run(1.0);
    world.send(PEER, b"\x16first").unwrap();
    world.run(1.0);
    assert_eq!(world.received().len(), 1, "the echo");
    for host in 1..=100 {
        world.send(&format!("9.9.9.{host}:9"), b"\x16nobody").unwrap();
        world.run(0.05);
    }
    for peer in [PEER6, PEER] {
        world.send(peer, b"\x16still here").unwrap();
        world.run(1.0);
        assert_eq!(world.received().len(), 1, "{peer}");
    }
}
