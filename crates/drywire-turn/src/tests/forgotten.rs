use drywire_core::{Duration, Instant, Protocol};
use drywire_sim::origin;
use drywire_stun::attributes::{ErrorCode, Lifetime, XorMappedAddress, XorRelayedAddress};
use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method};

use super::relay::answer;
use super::world::*;
use crate::client::{Client, Event, FailureReason, PeerRefusal};
use crate::server::Server;

#[test]
fn a_server_that_was_started_anew_is_noticed_soon() {
    let mut world = World::new(client_config(Protocol::Udp), server_config(), 21);
    world.run(1.0);
    world.send(PEER, &[0x16; 100]).unwrap();
    world.run(1.0);
    assert_eq!(world.received().len(), 1);
    let now = world.now();
    world.server().server = Server::new(server_config(), now, [99; 32]).unwrap();
    // As long as the permission lasts, and not as long as the allocation.
    for _ in 0..25 {
        let _ = world.send(PEER, &[0x16; 100]);
        world.run(10.0);
    }
    let lost = Event::Failed { reason: FailureReason::AllocationMismatch };
    assert_eq!(world.client().events.last(), Some(&lost));
    // From the same address there is another allocation at once.
    let now = world.now();
    world.client().client = Client::new(client_config(Protocol::Udp), now, [98; 32]);
    world.run(1.0);
    assert!(matches!(world.client().events.last(), Some(Event::Allocated(_))));
}

/// A client with an allocation on a server that asks for no password.
fn allocated(now: Instant) -> Client {
    let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
    answer(&mut client, now, Class::Success, |response| {
        response.attribute(&XorRelayedAddress(address("198.51.100.2:50000"))).attribute(&Lifetime(600));
        response.attribute(&XorMappedAddress(address(CLIENT)));
    });
    assert!(matches!(client.poll_event(), Some(Event::Allocated(_))));
    client
}

/// Signed, as a 400 has to be (RFC 8489, section 9.2.5); whose key it is does not matter where none is known.
fn error(code: u16) -> impl Fn(&mut MessageBuilder<'_>) {
    let key = IntegrityKey::new(&*drywire_crypto_aws_lc::provider(), b"key");
    move |response| {
        response.attribute(&ErrorCode { code, reason: "" }).integrity(&key, IntegrityAlgorithm::Sha1);
    }
}

#[test]
fn a_request_that_makes_no_sense_to_the_server_has_the_allocation_refreshed() {
    let now = origin();
    let mut client = allocated(now);
    let peers = [PEER, "203.0.113.98:9000"].map(|peer| address(peer).ip());
    for peer in peers {
        client.permit(now, peer).unwrap();
    }
    for peer in peers {
        assert_eq!(answer(&mut client, now, Class::Error, error(400)), Method::CREATE_PERMISSION);
        assert_eq!(client.poll_event(), Some(Event::PeerRefused { peer, reason: PeerRefusal::Refused(400) }));
    }
    // Once for both. The allocation is there: it was the peers.
    let refreshed = |response: &mut MessageBuilder<'_>| {
        response.attribute(&Lifetime(600));
    };
    assert_eq!(answer(&mut client, now, Class::Success, refreshed), Method::REFRESH);
    assert_eq!(client.poll_transmit(now, &mut Vec::new()), None);
    assert_eq!(client.poll_event(), None);
    assert!(client.allocation().is_some());
    // What is no doubt about a peer asks for nothing.
    client.permit(now, [203, 0, 113, 97].into()).unwrap();
    answer(&mut client, now, Class::Error, error(403));
    assert!(matches!(client.poll_event(), Some(Event::PeerRefused { .. })));
    assert_eq!(client.poll_transmit(now, &mut Vec::new()), None);
    // And now it is not there.
    let later = now + Duration::from_secs(60);
    client.bind_channel(later, address("203.0.113.96:9000")).unwrap();
    let granted = answer(&mut client, later, Class::Success, |_| ());
    assert_eq!(granted, Method::CREATE_PERMISSION);
    assert_eq!(answer(&mut client, later, Class::Error, error(400)), Method::CHANNEL_BIND);
    assert_eq!(client.poll_event(), None);
    assert_eq!(answer(&mut client, later, Class::Error, error(437)), Method::REFRESH);
    assert_eq!(client.poll_event(), Some(Event::Failed { reason: FailureReason::AllocationMismatch }));
    assert_eq!((client.allocation(), client.poll_timeout()), (None, None));
}

/// It does not count before nothing better has come for as long as a request waits.
#[test]
fn a_refusal_that_nobody_has_signed_has_the_allocation_refreshed_in_the_end() {
    let mut now = origin();
    let mut client = allocated(now);
    client.permit(now, address(PEER).ip()).unwrap();
    answer(&mut client, now, Class::Error, |response| {
        response.attribute(&ErrorCode::BAD_REQUEST);
    });
    let mut methods = Vec::new();
    while methods.last() != Some(&Method::REFRESH) {
        now = client.poll_timeout().unwrap();
        client.handle_timeout(now);
        let mut out = Vec::new();
        while client.poll_transmit(now, &mut out).is_some() {
            methods.push(Message::parse(&out).unwrap().method());
            out.clear();
        }
    }
    methods.retain(|method| *method != Method::BINDING);
    assert_eq!(methods, [vec![Method::CREATE_PERMISSION; 6], vec![Method::REFRESH]].concat());
    assert!(matches!(client.poll_event(), Some(Event::PeerRefused { .. })));
    assert!(now < origin() + Duration::from_secs(40), "long before it is time");
}

/// RFC 8656, section 5: a request without an allocation is answered 437.
#[test]
fn a_mismatch_ends_the_allocation_at_once() {
    let now = origin();
    for method in [Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
        let mut client = allocated(now);
        client.bind_channel(now, address(PEER)).unwrap();
        if method == Method::CHANNEL_BIND {
            answer(&mut client, now, Class::Success, |_| ());
        }
        assert_eq!(answer(&mut client, now, Class::Error, error(437)), method);
        assert_eq!(client.poll_event(), Some(Event::Failed { reason: FailureReason::AllocationMismatch }));
    }
}
