use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Protocol, Transmit};
use drywire_sim::{Link, Probability, origin};
use drywire_stun::attributes::{AlternateServer, ErrorCode, Lifetime, XorMappedAddress, XorRelayedAddress};
use drywire_stun::{Class, Message, MessageBuilder, Method, TransactionId};
use proptest::prelude::*;

use super::world::*;
use crate::client::{Client, Event, FailureReason, PeerRefusal, RelayedFamily};

/// A DTLS record, or something like it.
fn data(byte: u8, len: usize) -> Vec<u8> {
    let mut data = vec![byte; len];
    data[0] = 0x16;
    data
}

fn check() -> Vec<u8> {
    let mut out = Vec::new();
    MessageBuilder::new(&mut out, Class::Request, Method::BINDING, TransactionId::new([3; 12]))
        .finish()
        .unwrap();
    out
}

#[test]
fn datagrams_go_there_and_back_over_every_transport() {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut world = World::new(client_config(protocol), server_config(), 3);
        world.run(1.0);
        let allocation = *world.client().client.allocation().expect("allocated");
        assert_eq!(world.client().events, [Event::Allocated(allocation)]);
        assert_eq!((allocation.mapped, allocation.lifetime), (address(CLIENT), Duration::from_secs(600)));
        let path = Path::udp(allocation.relayed, address(PEER));
        // A check goes as an indication, and asks for no channel.
        world.send(PEER, &check()).unwrap();
        world.run(1.0);
        assert_eq!(world.received(), [(path, check())]);
        // Data has a channel soon. All lengths of padding.
        for len in [100, 101, 102, 103, 1200] {
            world.send(PEER, &data(7, len)).unwrap();
            world.run(1.0);
            assert_eq!(world.received(), [(path, data(7, len))], "{protocol} {len}");
        }
        let bound = Event::ChannelBound { peer: address(PEER), channel: 0x4000 };
        assert_eq!(world.client().events.split_off(1), [bound]);
        assert_eq!(world.heard_by_peer(), 6);
        let now = world.now();
        world.client().client.close(now);
        world.run(1.0);
        assert_eq!(world.client().events.last(), Some(&Event::Closed));
        assert_eq!((world.server().server.allocations(), world.server().released), (0, 1));
        assert_eq!(world.client().client.poll_timeout(), None);
        assert_eq!(world.server().server.poll_timeout(), None);
    }
}

#[test]
fn both_ip_versions_in_one_allocation() {
    let mut config = client_config(Protocol::Udp);
    config.family = RelayedFamily::Both;
    let mut world = World::new(config, server_config(), 5);
    world.run(1.0);
    let allocation = *world.client().client.allocation().unwrap();
    assert!(allocation.relayed.is_ipv4() && allocation.additional.unwrap().is_ipv6());
    for peer in [PEER, PEER6] {
        world.send(peer, &data(1, 50)).unwrap();
        world.run(1.0);
        let path = Path::udp(allocation.relayed_for(address(peer)).unwrap(), address(peer));
        assert_eq!(world.received(), [(path, data(1, 50))]);
    }
    // One of IPv6 alone reaches no IPv4.
    let mut config = client_config(Protocol::Udp);
    config.family = RelayedFamily::V6;
    let mut world = World::new(config, server_config(), 6);
    world.run(1.0);
    assert!(world.client().client.allocation().unwrap().relayed.is_ipv6());
    assert_eq!(world.send(PEER, &data(1, 50)), Err(crate::SendError::NoAllocation));
    let now = world.now();
    world.client().client.permit(now, address(PEER).ip()).unwrap();
    world.run(1.0);
    let refused = Event::PeerRefused { peer: address(PEER).ip(), reason: PeerRefusal::FamilyMismatch };
    assert_eq!(world.client().events.last(), Some(&refused));
    // A server without IPv6 gives the other of both.
    let (mut config, mut server) = (client_config(Protocol::Udp), server_config());
    config.family = RelayedFamily::V6;
    server.ipv6 = false;
    let mut world = World::new(config, server, 7);
    world.run(1.0);
    assert_eq!(world.client().events, [Event::Failed { reason: FailureReason::UnsupportedFamily }]);
}

#[test]
fn what_is_used_lives_for_hours_and_what_is_not_ends() {
    let mut server = server_config();
    server.nonce_lifetime = Duration::from_secs(1000);
    let mut world = World::new(client_config(Protocol::Udp), server, 11);
    world.run(1.0);
    // Two hours: refreshes, stale nonces, permissions and channels anew. Peers never stop getting through.
    for _ in 0..720 {
        world.send(PEER, &data(2, 100)).unwrap();
        world.run(10.0);
        assert_eq!(world.received().len(), 1, "after {:?}", world.network.elapsed());
    }
    assert_eq!(world.server().server.allocations(), 1);
    assert_eq!(world.client().client.stats().received_dropped, 0);
    // Half an hour without use: the allocation is kept, the permission is not.
    world.run(1800.0);
    assert_eq!(world.server().server.allocations(), 1);
    let relayed = world.client().client.allocation().unwrap().relayed;
    let before = world.server().server.stats().not_permitted;
    world.network.inject(Path::udp(address(PEER), relayed), b"hello");
    world.run(1.0);
    assert_eq!(world.server().server.stats().not_permitted, before + 1);
    assert!(world.received().is_empty());
    // And used again, it has its old channel at once.
    world.send(PEER, &data(2, 100)).unwrap();
    world.run(1.0);
    assert_eq!(world.received().len(), 1);
    // A client that has gone leaves nothing behind.
    world.network.remove_address(address(CLIENT));
    let client = world.client;
    let server = world.server;
    world.network.set_link(client, server, Link::down());
    world.run(4000.0);
    assert_eq!((world.server().server.allocations(), world.server().released), (0, 1));
    assert!(matches!(world.client().events.last(), Some(Event::Failed { .. })));
}

#[test]
fn wrong_passwords_and_silent_servers_end_in_failures() {
    let mut config = client_config(Protocol::Udp);
    config.credential = drywire_stun::Credential::new("alice", "wrong").unwrap();
    let mut world = World::new(config, server_config(), 1);
    world.run(60.0);
    assert_eq!(world.client().events, [Event::Failed { reason: FailureReason::Unauthorized }]);
    assert_eq!(world.client().client.stats().requests_sent, 2);
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut world = World::new(client_config(protocol), server_config(), 1);
        world.network.set_default_link(Link::down());
        world.run(39.0);
        assert!(world.client().events.is_empty());
        world.run(1.0);
        assert_eq!(world.client().events, [Event::Failed { reason: FailureReason::TimedOut }]);
        let again = if protocol == Protocol::Udp { 6 } else { 0 };
        assert_eq!(world.client().client.stats().requests_retransmitted, again);
    }
}

#[test]
fn trains_are_wrapped_where_they_lie() {
    let mut world = World::new(client_config(Protocol::Udp), server_config(), 13);
    world.run(1.0);
    world.send(PEER, &data(0, 10)).unwrap();
    world.run(1.0);
    let now = world.now();
    let relayed = world.client().client.allocation().unwrap().relayed;
    for (lens, channel) in
        [(vec![100, 100, 37], true), (vec![50], true), (vec![100, 100, 37], false), (vec![9, 9], false)]
    {
        let peer = if channel { address(PEER) } else { address("203.0.113.99:9001") };
        // Checks keep their indications; the permission is there, so nothing waits.
        let mut out = b"before".to_vec();
        for (index, len) in lens.iter().enumerate() {
            let mut datagram = vec![u8::try_from(index).unwrap(); *len];
            if !channel {
                datagram = check();
                datagram.truncate(*len.min(&20));
                datagram.resize(20, 0);
            }
            out.extend(datagram);
        }
        let len = out.len() - 6;
        let size = if channel { lens[0] } else { 20 };
        let segment_size = (lens.len() > 1).then_some(size);
        let sent = out[6..].to_vec();
        let transmit = Transmit { len, segment_size, ..Transmit::datagram(Path::udp(relayed, peer), 0) };
        if !channel && lens[0] < 20 {
            continue;
        }
        let client = &mut world.client().client;
        let wrapped = client.wrap(now, transmit, &mut out).expect("at once");
        assert_eq!(&out[..6], b"before");
        assert_eq!((wrapped.path, wrapped.len), (client.path(), out.len() - 6));
        let mut seen = Vec::new();
        for datagram in out[6..].chunks(wrapped.segment_size.unwrap_or(usize::MAX)) {
            if channel {
                let data = crate::ChannelData::parse(datagram).unwrap();
                assert_eq!((data.channel, data.data.len() + 4), (0x4000, datagram.len()));
                seen.extend_from_slice(data.data);
            } else {
                let message = drywire_stun::Message::parse(datagram).unwrap();
                seen.extend_from_slice(message.attribute::<drywire_stun::attributes::Data<'_>>().unwrap().0);
                assert_eq!(message.attribute(), Some(drywire_stun::attributes::XorPeerAddress(peer)));
            }
        }
        assert_eq!(seen, sent);
    }
    // To a new peer it waits for the request that goes before.
    let mut out = data(1, 30);
    let transmit = Transmit::datagram(Path::udp(relayed, address("203.0.113.98:1")), 30);
    let client = &mut world.client().client;
    assert_eq!(client.wrap(now, transmit, &mut out), None);
    assert!(out.is_empty());
    let mut sent = Vec::new();
    while client.poll_transmit(now, &mut out).is_some() {
        sent.push(drywire_stun::Message::parse(&out).unwrap().method());
        out.clear();
    }
    assert_eq!(sent, [Method::CREATE_PERMISSION, Method::CHANNEL_BIND, Method::SEND]);
    // And what has no allocation is dropped.
    let mut out = data(1, 30);
    let transmit = Transmit::datagram(Path::udp(address(CLIENT), address(PEER)), 30);
    assert_eq!(client.wrap(now, transmit, &mut out), None);
    assert!(out.is_empty());
}

#[test]
fn a_payload_is_the_datagram_that_came() {
    let mut world = World::new(client_config(Protocol::Udp), server_config(), 17);
    world.run(1.0);
    world.send(PEER, &data(0, 10)).unwrap();
    world.run(1.0);
    let now = world.now();
    let client = &mut world.client().client;
    let mut datagram = BytesMut::from(&[0x40, 0, 0, 5, 1, 2, 3, 4, 5][..]);
    datagram.reserve(100);
    let at = datagram.as_ptr();
    client.handle_input(now, client_path(Protocol::Udp), datagram);
    let (_, payload) = client.poll_received().unwrap();
    assert_eq!((&*payload, payload.as_ptr().addr() - at.addr()), (&[1, 2, 3, 4, 5][..], 4));
}

#[test]
fn the_server_sends_in_trains() {
    let now = origin();
    let mut server = crate::server::Server::new(server_config(), now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    let relayed = alice.allocate(&mut server, now);
    let answer = alice.ask(&mut server, now, Method::CHANNEL_BIND, |request| {
        request.attribute(&drywire_stun::attributes::ChannelNumber(0x4000));
        request.attribute(&drywire_stun::attributes::XorPeerAddress(address(PEER)));
    });
    assert_eq!(answer.code, None);
    for len in [100, 100, 40, 100] {
        server.handle_input(now, Path::udp(relayed, address(PEER)), BytesMut::from(&*data(1, len)));
        let mut message = Vec::new();
        crate::ChannelData { channel: 0x4000, data: &data(2, len) }.write(false, &mut message);
        alice.tell(&mut server, now, &message);
    }
    let mut sizes = Vec::new();
    let mut out = Vec::new();
    while let Some(transmit) = server.poll_transmit(now, &mut out) {
        sizes.push((transmit.path.remote.port(), transmit.len, transmit.segment_size));
    }
    // In the order in which they came, so those two directions do not join.
    assert_eq!(sizes.len(), 8);
    for len in [100, 100, 40, 100] {
        server.handle_input(now, Path::udp(relayed, address(PEER)), BytesMut::from(&*data(1, len)));
    }
    out.clear();
    let train = server.poll_transmit(now, &mut out).unwrap();
    assert_eq!((train.len, train.segment_size), (104 + 104 + 44, Some(104)));
    assert_eq!(server.poll_transmit(now, &mut out).map(|transmit| transmit.segment_size), Some(None));
}

/// What a server of a few lines answers to the next request of a client, and which one that was.
pub(super) fn answer(
    client: &mut Client,
    now: Instant,
    class: Class,
    fill: impl Fn(&mut MessageBuilder<'_>),
) -> Method {
    let mut out = Vec::new();
    let transmit = client.poll_transmit(now, &mut out).expect("a request");
    let request = Message::parse(&out).unwrap();
    let mut response = Vec::new();
    let mut builder = MessageBuilder::new(&mut response, class, request.method(), request.transaction_id());
    fill(&mut builder);
    builder.finish().unwrap();
    client.handle_input(now, transmit.path, BytesMut::from(&*response));
    request.method()
}

#[test]
fn a_stream_is_redirected_by_its_adapter() {
    let (now, path) = (origin(), client_path(Protocol::Tcp));
    let mut client = Client::new(client_config(Protocol::Tcp), now, [1; 32]);
    let server = address("198.51.100.2:443");
    let redirect = |response: &mut MessageBuilder<'_>| {
        response.attribute(&ErrorCode::TRY_ALTERNATE).attribute(&AlternateServer(server));
    };
    assert!(client.reconnected(now, path).is_err(), "not asked to");
    answer(&mut client, now, Class::Error, redirect);
    assert_eq!(client.poll_event(), Some(Event::Redirected { server }));
    assert_eq!(client.poll_transmit(now, &mut Vec::new()), None);
    let other = Path { local: address("203.0.113.1:4001"), remote: server, ..path };
    client.reconnected(now, other).unwrap();
    assert_eq!(client.path(), other);
    answer(&mut client, now, Class::Success, |response| {
        response.attribute(&XorRelayedAddress(address("198.51.100.2:50000"))).attribute(&Lifetime(600));
        response.attribute(&XorMappedAddress(address(CLIENT)));
    });
    assert!(matches!(client.poll_event(), Some(Event::Allocated(_))));
    // What makes no sense on a stream ends it.
    client.handle_input(now, other, BytesMut::from(&[0xFF; 4][..]));
    assert_eq!(client.poll_event(), Some(Event::Failed { reason: FailureReason::OutOfStep }));
    assert_eq!(client.poll_timeout(), None);
    // Who never connects fails.
    let mut client = Client::new(client_config(Protocol::Tcp), now, [1; 32]);
    answer(&mut client, now, Class::Error, redirect);
    client.handle_timeout(now + Duration::from_secs(40));
    client.poll_event();
    assert_eq!(client.poll_event(), Some(Event::Failed { reason: FailureReason::TimedOut }));
}

#[test]
fn an_idle_allocation_keeps_the_mapping_of_a_nat() {
    let mut world = World::new(client_config(Protocol::Udp), server_config(), 19);
    world.run(1.0);
    let before = world.network.stats().sent;
    world.run(100.0);
    // One Binding indication in 20 seconds.
    assert_eq!(world.network.stats().sent - before, 5);
    // Data makes them needless.
    world.send(PEER, &data(1, 10)).unwrap();
    world.run(1.0);
    let before = world.network.stats().sent;
    for _ in 0..100 {
        world.send(PEER, &data(1, 10)).unwrap();
        world.run(1.0);
    }
    assert_eq!(world.network.stats().sent - before, 400);
}

#[test]
fn the_steady_state_allocates_nothing() {
    let mut world = World::new(client_config(Protocol::Udp), server_config(), 23);
    world.run(1.0);
    world.send(PEER, &data(0, 10)).unwrap();
    world.run(1.0);
    let now = world.now();
    let relayed = world.client().client.allocation().unwrap().relayed;
    let (channel, indication) = (address(PEER), address("203.0.113.99:9001"));
    let client = &mut world.client().client;
    let mut out = Vec::with_capacity(8000);
    let payload = check_of(1180);
    let mut wrap = |client: &mut Client| {
        for peer in [channel, indication] {
            out.clear();
            // The zero bits and the cookie make it a check, which has no channel.
            out.extend(&payload);
            if peer == channel {
                out[0] = 0x16;
            }
            let transmit = Transmit::datagram(Path::udp(relayed, peer), 1200);
            assert!(client.wrap(now, transmit, &mut out).is_some());
        }
    };
    wrap(client);
    let wrapped = allocation_counter::measure(|| (0..100).for_each(|_| wrap(client)));
    assert_eq!(wrapped.count_total, 0);
    let mut datagrams: Vec<BytesMut> = (0..100)
        .map(|_| {
            let mut message = Vec::new();
            crate::ChannelData { channel: 0x4000, data: &[7; 1200] }.write(false, &mut message);
            BytesMut::from(&*message)
        })
        .collect();
    client.handle_input(now, client_path(Protocol::Udp), datagrams.pop().unwrap());
    let received = allocation_counter::measure(|| {
        for datagram in datagrams.drain(..) {
            client.handle_input(now, client_path(Protocol::Udp), datagram);
            assert_eq!(client.poll_received().map(|(_, payload)| payload.len()), Some(1200));
        }
    });
    assert_eq!(received.count_total, 0);
}

/// A Binding request with so many bytes of attributes.
fn check_of(len: usize) -> Vec<u8> {
    let mut message = check();
    message[2..4].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
    message.resize(20 + len, 0);
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn lossy_links_only_delay(seed in any::<u8>(), loss in 0_u32..35, duplicate in 0_u32..30, corrupt in 0_u32..10, batching: bool) {
        let mut world = World::new(client_config(Protocol::Udp), server_config(), seed);
        world.network.set_batching(batching);
        world.network.set_default_link(
            Link::new().delay(Duration::from_millis(30)).jitter(Duration::from_millis(40))
                .loss(Probability::percent(loss)).duplicate(Probability::percent(duplicate))
                .corrupt(Probability::percent(corrupt)).reorder(Probability::percent(20), Duration::from_millis(50)),
        );
        let outcome = {
            let client = world.client;
            world.network.run_until(move |network| match &network[client] {
                Host::Client(host) => !host.events.is_empty(),
                _ => false,
            }, Duration::from_secs(80))
        };
        // Seven times lost in a row is possible and not what this is about.
        prop_assume!(matches!(world.client().events.first(), Some(Event::Allocated(_))));
        prop_assert_eq!(outcome, drywire_sim::Outcome::Reached);
        let mut came = 0;
        for _ in 0..100 {
            let _ = world.send(PEER, &data(9, 64));
            world.run(5.0);
            came += world.received().len();
        }
        // Four times over a link there and back; a third lost each time leaves a fifth.
        prop_assume!(!world.client().events.iter().any(|event| matches!(event, Event::Failed { .. })));
        prop_assert!(came > 5, "{came} of 100");
        let now = world.now();
        world.client().client.close(now);
        world.run(60.0);
        prop_assert_eq!(world.client().events.last(), Some(&Event::Closed));
        world.run(4000.0);
        prop_assert_eq!(world.server().server.allocations(), 0);
    }
}
