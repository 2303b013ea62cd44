use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use drywire_core::{Duration, Path, Protocol};
use drywire_sim::origin;
use drywire_stun::attributes::{
    AlternateServer, ChannelNumber, Data, ErrorCode, Lifetime, Nonce, Realm, RequestedTransport,
    XorPeerAddress,
};
use drywire_stun::{Class, Message, MessageBuilder, Method, TransactionId};
use proptest::prelude::*;

use super::world::*;
use crate::ChannelData;
use crate::client::{Client, Event, FailureReason};
use crate::server::Server;

fn permission(
    raw: &mut Raw,
    server: &mut Server,
    now: drywire_core::Instant,
    peer: SocketAddr,
) -> Option<u16> {
    raw.ask(server, now, Method::CREATE_PERMISSION, |request| {
        request.attribute(&XorPeerAddress(peer));
    })
    .code
}

fn bind(
    raw: &mut Raw,
    server: &mut Server,
    now: drywire_core::Instant,
    number: u16,
    peer: SocketAddr,
) -> Option<u16> {
    raw.ask(server, now, Method::CHANNEL_BIND, |request| {
        request.attribute(&ChannelNumber(number)).attribute(&XorPeerAddress(peer));
    })
    .code
}

fn indication(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message =
        MessageBuilder::new(&mut out, Class::Indication, Method::SEND, TransactionId::new([1; 12]));
    message.attribute(&XorPeerAddress(peer)).attribute(&Data(data));
    message.finish().unwrap();
    out
}

#[test]
fn b01_b02_b03_peers_in_the_servers_own_networks_are_forbidden() {
    let now = origin();
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    let answer = alice.ask(&mut server, now, Method::ALLOCATE, |request| {
        request.attribute(&RequestedTransport::UDP);
        request.attribute(&drywire_stun::attributes::AdditionalAddressFamily(
            drywire_stun::attributes::AddressFamily::V6,
        ));
    });
    assert_eq!(answer.code, None);
    let mut peers: Vec<IpAddr> = Vec::new();
    for v4 in [
        "127.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let v4: Ipv4Addr = v4.parse().unwrap();
        let [a, b, c, d] = v4.octets();
        peers.push(v4.into());
        for text in [
            format!("::ffff:{v4}"),
            format!("::{v4}"),
            format!("64:ff9b::{v4}"),
            format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
            format!("2001:0:808:808::{:02x}{:02x}:{:02x}{:02x}", !a, !b, !c, !d),
            format!("2606:4700::5efe:{v4}"),
        ] {
            peers.push(text.parse().unwrap());
        }
    }
    for v6 in ["::", "::1", "fe80::1", "fd00::1", "ff02::fb"] {
        peers.push(v6.parse().unwrap());
    }
    for ip in peers {
        let peer = SocketAddr::new(ip, 80);
        assert_eq!(permission(&mut alice, &mut server, now, peer), Some(403), "{peer}");
        assert_eq!(bind(&mut alice, &mut server, now, 0x4000, peer), Some(403), "{peer}");
        alice.tell(&mut server, now, &indication(peer, b"x"));
        assert!(server.poll_transmit(now, &mut Vec::new()).is_none(), "{peer}");
    }
    // The server's own address has one kind of port that may be reached: another client's relay.
    let relayed = Raw::new("bob", 4001).allocate(&mut server, now);
    assert_eq!(bind(&mut alice, &mut server, now, 0x4001, SocketAddr::new(relayed.ip(), 22)), Some(403));
    assert_eq!(bind(&mut alice, &mut server, now, 0x4001, relayed), None);
    alice.tell(&mut server, now, &indication(SocketAddr::new(relayed.ip(), 22), b"x"));
    assert!(server.poll_transmit(now, &mut Vec::new()).is_none());
    alice.tell(&mut server, now, &indication(relayed, b"x"));
    assert!(server.poll_transmit(now, &mut Vec::new()).is_some());
    assert!(server.stats().refused_with(403) > 100);
}

/// An Allocate request without credentials.
fn bare() -> Vec<u8> {
    let mut out = Vec::new();
    let mut message =
        MessageBuilder::new(&mut out, Class::Request, Method::ALLOCATE, TransactionId::new([1; 12]));
    message.attribute(&RequestedTransport::UDP);
    message.finish().unwrap();
    out
}

#[test]
fn b04_challenges_are_no_amplifier() {
    let now = origin();
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let victim = Raw::new("alice", 4000).path;
    let (mut asked, mut answered, mut out) = (0, 0, Vec::new());
    for _ in 0..10_000 {
        let request = bare();
        asked += request.len();
        server.handle_input(now, victim, BytesMut::from(&*request));
        while let Some(transmit) = server.poll_transmit(now, &mut out) {
            answered += transmit.len;
        }
    }
    assert!(answered > 0 && answered <= 8192 && answered * 10 < asked, "{answered} for {asked}");
    assert!(server.stats().limited > 9000);
    // Others are served, and so is the victim a second later.
    let mut bob = Raw::new("bob", 4001);
    bob.path.remote = address("203.0.113.77:4001");
    bob.allocate(&mut server, now);
    Raw::new("alice", 4000).allocate(&mut server, now + Duration::from_secs(1));
}

#[test]
fn b05_who_has_not_proven_anything_leaves_nothing_behind() {
    let now = origin();
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let mut out = Vec::with_capacity(1000);
    let mut path = Raw::new("alice", 4000).path;
    let request = bare();
    let mut flood = |sources: u32| {
        for source in 0..sources {
            path.remote = SocketAddr::new(Ipv4Addr::from_bits(0x0800_0000 + source).into(), 1);
            server.handle_input(now, path, BytesMut::from(&*request));
            out.clear();
            server.poll_transmit(now, &mut out);
        }
    };
    flood(100);
    let growth = allocation_counter::measure(|| flood(50_000));
    assert_eq!(growth.bytes_current, 0);
    // Over a stream nobody makes the server wait for a long message before there is an allocation.
    let path = Path { protocol: Protocol::Tcp, ..path };
    server.handle_input(now, path, BytesMut::from(&[0, 3, 0x20, 0, 0x21, 0x12, 0xA4, 0x42][..]));
    assert_eq!(server.poll_event(), Some(crate::server::Event::Disconnect { path }));
}

#[test]
fn b07_an_allocation_belongs_to_who_made_it() {
    let now = origin();
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    alice.allocate(&mut server, now);
    let mut bob = Raw::new("bob", 4000);
    let delete = |request: &mut MessageBuilder<'_>| {
        request.attribute(&Lifetime(0));
    };
    assert_eq!(bob.ask(&mut server, now, Method::REFRESH, delete).code, Some(441));
    assert_eq!(permission(&mut bob, &mut server, now, address(PEER)), Some(441));
    assert_eq!(bind(&mut bob, &mut server, now, 0x4000, address(PEER)), Some(441));
    let transport = |request: &mut MessageBuilder<'_>| {
        request.attribute(&RequestedTransport::UDP);
    };
    assert_eq!(bob.ask(&mut server, now, Method::ALLOCATE, transport).code, Some(437));
    assert_eq!(server.allocations(), 1);
    // The same request gets the same answer, another one none.
    let mut carol = Raw::new("alice", 4002);
    let first = carol.ask(&mut server, now, Method::ALLOCATE, transport);
    assert_eq!(carol.again(&mut server, now).unwrap().bytes, first.bytes);
    assert_eq!(carol.ask(&mut server, now, Method::ALLOCATE, transport).code, Some(437));
    assert_eq!(alice.ask(&mut server, now, Method::REFRESH, delete).code, None);
    assert_eq!(alice.ask(&mut server, now, Method::REFRESH, delete).code, Some(437));
    assert_eq!(server.allocations(), 1);
}

#[test]
fn b08_nothing_passes_without_permission() {
    let start = origin();
    let mut server = Server::new(server_config(), start, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    let relayed = alice.allocate(&mut server, start);
    let channel = {
        let mut out = Vec::new();
        ChannelData { channel: 0x4000, data: b"x" }.write(false, &mut out);
        out
    };
    // By what ways data passes, after so many seconds: from the peer, from another port, by indication, by channel.
    let passes = |server: &mut Server, alice: &mut Raw, seconds: u64| {
        let now = start + Duration::from_secs(seconds);
        let passed = |server: &mut Server| {
            std::iter::from_fn(|| server.poll_transmit(now, &mut Vec::new())).count() > 0
        };
        passed(server);
        server.handle_input(now, Path::udp(relayed, address(PEER)), BytesMut::from(&b"x"[..]));
        let inward = passed(server);
        server.handle_input(now, Path::udp(relayed, address("203.0.113.98:9000")), BytesMut::from(&b"x"[..]));
        let stranger = passed(server);
        alice.tell(server, now, &indication(address(PEER), b"x"));
        let outward = passed(server);
        alice.tell(server, now, &channel);
        [inward, stranger, outward, passed(server)]
    };
    assert_eq!(passes(&mut server, &mut alice, 0), [false, false, false, false]);
    assert_eq!(permission(&mut alice, &mut server, start, address(PEER)), None);
    assert_eq!(passes(&mut server, &mut alice, 1), [true, false, true, false]);
    assert_eq!(passes(&mut server, &mut alice, 299), [true, false, true, false]);
    assert_eq!(passes(&mut server, &mut alice, 300), [false, false, false, false]);
    let now = start + Duration::from_secs(310);
    assert_eq!(bind(&mut alice, &mut server, now, 0x4000, address(PEER)), None);
    assert_eq!(passes(&mut server, &mut alice, 311), [true, false, true, true]);
    // The channel lasts longer than its permission, which it needs.
    assert_eq!(passes(&mut server, &mut alice, 599), [true, false, true, true]);
    let refreshed = alice.ask(&mut server, start + Duration::from_secs(599), Method::REFRESH, |_| {});
    assert_eq!(refreshed.code, None);
    assert_eq!(passes(&mut server, &mut alice, 611), [false, false, false, false]);
    let now = start + Duration::from_secs(900);
    let answer = alice.ask(&mut server, now, Method::CREATE_PERMISSION, |request| {
        request.attribute(&XorPeerAddress(address(PEER)));
    });
    assert_eq!(answer.code, None);
    assert_eq!(passes(&mut server, &mut alice, 909), [true, false, true, true]);
    assert_eq!(passes(&mut server, &mut alice, 910), [true, false, true, false]);
    // And nothing without the allocation.
    assert_eq!(passes(&mut server, &mut alice, 1198), [true, false, true, false]);
    assert_eq!(passes(&mut server, &mut alice, 1199), [false, false, false, false]);
}

#[test]
fn b09_channels_are_not_rebound() {
    let now = origin();
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    alice.allocate(&mut server, now);
    for number in [0, 0x3FFF, 0x5000, 0x7FFF, 0xFFFF] {
        assert_eq!(bind(&mut alice, &mut server, now, number, address(PEER)), Some(400), "{number:#x}");
    }
    assert_eq!(bind(&mut alice, &mut server, now, 0x4000, address(PEER)), None);
    assert_eq!(bind(&mut alice, &mut server, now, 0x4000, address(PEER)), None);
    assert_eq!(bind(&mut alice, &mut server, now, 0x4000, address("203.0.113.98:1")), Some(400));
    assert_eq!(bind(&mut alice, &mut server, now, 0x4001, address(PEER)), Some(400));
    assert_eq!(bind(&mut alice, &mut server, now, 0x4FFF, address("203.0.113.98:1")), None);
    assert_eq!(bind(&mut alice, &mut server, now, 0x4002, address("203.0.113.98:0")), Some(400));
    // Those of RFC 5766 are there for who asks for them.
    let mut config = server_config();
    config.legacy_channels = true;
    let mut server = Server::new(config, now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    alice.allocate(&mut server, now);
    assert_eq!(bind(&mut alice, &mut server, now, 0x7FFF, address(PEER)), None);
    assert_eq!(bind(&mut alice, &mut server, now, 0x8000, address(PEER)), Some(400));
}

#[test]
fn b13_quotas_hold_and_recover() {
    let now = origin();
    let mut config = server_config();
    config.max_allocations = 5;
    config.max_allocations_per_user = 3;
    let mut server = Server::new(config, now, [1; 32]).unwrap();
    let transport = |request: &mut MessageBuilder<'_>| {
        request.attribute(&RequestedTransport::UDP);
    };
    let mut alices: Vec<_> = (0..4).map(|index| Raw::new("alice", 4000 + index)).collect();
    let mut bobs: Vec<_> = (0..3).map(|index| Raw::new("bob", 5000 + index)).collect();
    let codes = |server: &mut Server, raws: &mut [Raw]| -> Vec<_> {
        raws.iter_mut().map(|raw| raw.ask(server, now, Method::ALLOCATE, transport).code).collect()
    };
    assert_eq!(codes(&mut server, &mut alices), [None, None, None, Some(486)]);
    assert_eq!(codes(&mut server, &mut bobs), [None, None, Some(508)]);
    let deleted = alices[0].ask(&mut server, now, Method::REFRESH, |request| {
        request.attribute(&Lifetime(0));
    });
    assert_eq!(deleted.code, None);
    assert_eq!(codes(&mut server, &mut alices[3..]), [None]);
    // After their time all are gone, and there is room again.
    let later = now + Duration::from_secs(601);
    server.handle_timeout(later);
    assert_eq!(server.allocations(), 0);
    assert_eq!(bobs[2].ask(&mut server, later, Method::ALLOCATE, transport).code, None);
    // Nor do peers grow without bound.
    let mut answers = Vec::new();
    for last in 0..300_u32 {
        let peer = SocketAddr::new(Ipv4Addr::from_bits(0xCB00_7100 + last).into(), 1);
        answers.push(
            bobs[2]
                .ask(&mut server, later, Method::CREATE_PERMISSION, |request| {
                    request.attribute(&XorPeerAddress(peer));
                })
                .code,
        );
    }
    assert_eq!(answers.iter().filter(|code| code.is_none()).count(), 256);
    assert_eq!(answers.last(), Some(&Some(508)));
}

/// Runs a client against a server that answers each request with what `answer` adds. Returns what the client says,
/// and how many requests it sent.
fn against(answer: impl Fn(u16, &mut MessageBuilder<'_>)) -> (Vec<Event>, u16) {
    let mut now = origin();
    let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
    let mut requests = 0;
    for _ in 0..1000 {
        let mut out = Vec::new();
        if let Some(transmit) = client.poll_transmit(now, &mut out) {
            let path = transmit.path;
            let request = Message::parse(&out).unwrap();
            if request.class() == Class::Request {
                requests += 1;
                let mut response = Vec::new();
                let mut builder = MessageBuilder::new(
                    &mut response,
                    Class::Error,
                    request.method(),
                    request.transaction_id(),
                );
                answer(requests, &mut builder);
                builder.finish().unwrap();
                client.handle_input(now, path, BytesMut::from(&*response));
            }
        } else if let Some(at) = client.poll_timeout() {
            now = at;
            client.handle_timeout(now);
        }
    }
    (std::iter::from_fn(|| client.poll_event()).collect(), requests)
}

#[test]
fn b12_redirections_and_stale_nonces_end() {
    let failed = |reason| Event::Failed { reason };
    // A chain without end.
    let (events, requests) = against(|count, response| {
        response.attribute(&ErrorCode::TRY_ALTERNATE);
        response.attribute(&AlternateServer(([198, 51, 100, 7], 1000 + count).into()));
    });
    assert_eq!((events.last(), requests), (Some(&failed(FailureReason::Redirected)), 4));
    // A loop, and nowhere.
    for server in ["198.51.100.1:3478", "0.0.0.0:3478", "224.0.0.1:3478", "198.51.100.9:0", "[2606::1]:3478"]
    {
        let (events, requests) = against(|_, response| {
            response.attribute(&ErrorCode::TRY_ALTERNATE).attribute(&AlternateServer(address(server)));
        });
        assert_eq!((events, requests), (vec![failed(FailureReason::Redirected)], 1), "{server}");
    }
    let (events, requests) = against(|count, response| {
        let nonce = count.to_string();
        response.attribute(&ErrorCode::STALE_NONCE).attribute(&Realm("r")).attribute(&Nonce(&nonce));
    });
    assert_eq!((events, requests), (vec![failed(FailureReason::StaleNonce)], 4));
    let (events, requests) = against(|_, response| {
        response.attribute(&ErrorCode::UNAUTHENTICATED).attribute(&Realm("r")).attribute(&Nonce("n"));
    });
    assert_eq!((events, requests), (vec![failed(FailureReason::Unauthorized)], 2));
    // An error that nobody has signed is believed only when nothing better comes in time.
    let (events, requests) = against(|count, response| {
        if count == 1 {
            response.attribute(&ErrorCode::UNAUTHENTICATED).attribute(&Realm("r")).attribute(&Nonce("n"));
        } else {
            response.attribute(&ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
    });
    assert_eq!((events, requests), (vec![failed(FailureReason::QuotaReached)], 8));
}

proptest! {
    #[test]
    fn b11_reasons_that_are_not_text_do_no_harm(reason in proptest::collection::vec(any::<u8>(), 0..200), class in 0_u8..8, number: u8) {
        let now = origin();
        let path = client_path(Protocol::Udp);
        let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
        let mut out = Vec::new();
        client.poll_transmit(now, &mut out).unwrap();
        let id = Message::parse(&out).unwrap().transaction_id();
        let mut response = Vec::new();
        MessageBuilder::new(&mut response, Class::Error, Method::ALLOCATE, id).finish().unwrap();
        response.extend([0, 9]);
        response.extend(u16::try_from(4 + reason.len()).unwrap().to_be_bytes());
        response.extend([0, 0, class, number]);
        response.extend(&reason);
        response.resize(response.len().next_multiple_of(4), 0);
        let len = u16::try_from(response.len() - 20).unwrap();
        response[2..4].copy_from_slice(&len.to_be_bytes());
        client.handle_input(now, path, BytesMut::from(&*response));
        let valid = (3..=6).contains(&class) && number < 100;
        let code = u16::from(class) * 100 + u16::from(number);
        let failed = matches!(client.poll_event(), Some(Event::Failed { .. }));
        // A 400 that nobody has signed is as if it had never come (RFC 8489, section 9.2.5). 437 is not the end: what is in the way
        // is deleted.
        prop_assert_eq!(failed, valid && !matches!(code, 400 | 437), "{}", code);
    }
}

#[test]
fn an_allocation_is_answered_when_the_adapter_has_done_its_part() {
    use drywire_stun::attributes::{
        AdditionalAddressFamily, AddressErrorCode, AddressFamily, XorRelayedAddress,
    };

    use crate::server;
    let now = origin();
    let mut request = Vec::new();
    // Whether there are addresses of IPv6. What the adapter does: opens the address of IPv4, refuses that of IPv6; or answers too
    // late.
    for (ipv6, v4, v6, wait, code) in [
        (true, true, true, 0, None),
        (true, true, false, 0, None),
        (true, false, false, 0, Some(508)),
        (true, true, true, 5, Some(508)),
        (false, true, false, 0, None),
        (false, false, false, 0, Some(508)),
    ] {
        let mut config = server_config();
        config.ipv6 = ipv6;
        let mut server = Server::new(config, now, [1; 32]).unwrap();
        let mut alice = Raw::new("alice", 4000);
        // The challenge comes first; the request that follows it is sent by hand.
        alice.ask(&mut server, now, Method::REFRESH, |_| {});
        request.clear();
        alice.sign(&mut request, Method::ALLOCATE, |request| {
            request
                .attribute(&RequestedTransport::UDP)
                .attribute(&AdditionalAddressFamily(AddressFamily::V6));
        });
        alice.tell(&mut server, now, &request);
        alice.tell(&mut server, now, &request);
        assert!(server.poll_transmit(now, &mut Vec::new()).is_none(), "the adapter is asked first");
        let later = now + Duration::from_secs(wait);
        server.handle_timeout(later);
        let mut results = Vec::new();
        while let Some(event) = server.poll_event() {
            let server::Event::RelayWanted { allocation, family, port: server::RelayPort::Any, .. } = event
            else {
                panic!("{event:?}")
            };
            results.push(match (family, v4, v6) {
                (AddressFamily::V4, true, _) => {
                    server.relay_opened(later, allocation, address("198.51.100.1:50000"))
                }
                (AddressFamily::V6, _, true) => {
                    server.relay_opened(later, allocation, address("[2606:4700::1]:50000"))
                }
                _ => server.relay_unavailable(later, allocation, family),
            });
        }
        assert_eq!(results.len(), 1 + usize::from(ipv6));
        assert!(results.iter().all(|result| result.is_ok() == (wait == 0)), "{results:?}");
        let mut out = Vec::new();
        server.poll_transmit(later, &mut out).expect("an answer");
        let answer = Message::parse(&out).unwrap();
        assert_eq!(answer.attribute::<ErrorCode<'_>>().map(|error| error.code), code);
        assert_eq!(server.allocations(), usize::from(code.is_none()));
        assert_eq!(answer.attribute::<XorRelayedAddress>().is_some(), code.is_none());
        let missing = answer.attribute::<AddressErrorCode<'_>>().map(|error| (error.family, error.code));
        let reason = if ipv6 { 508 } else { 440 };
        assert_eq!(missing, (code.is_none() && !v6).then_some((AddressFamily::V6, reason)));
    }
}
