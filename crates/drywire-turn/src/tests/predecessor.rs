//! Clients on a 5-tuple that has an allocation already.

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Protocol};
use drywire_sim::{Link, Probability, origin};
use drywire_stun::attributes::{
    AlternateServer, ErrorCode, Lifetime, Nonce, PasswordAlgorithm, Realm, XorMappedAddress,
    XorRelayedAddress,
};
use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method};

use super::relay::answer;
use super::world::*;
use crate::client::{self, Client, Event, FailureReason, RelayedFamily};

const MISMATCH: Event = Event::Failed { reason: FailureReason::AllocationMismatch };

/// The program ends without a word, and starts again on the same port.
fn start_again(world: &mut World, config: client::Config, seed: u8) {
    let now = world.now();
    let host = world.client();
    host.client = Client::new(config, now, [seed; 32]);
    host.events.clear();
}

#[test]
fn a_program_that_is_started_again_has_its_relay_at_once() {
    for (mobility, family) in
        [(false, RelayedFamily::V4), (true, RelayedFamily::V4), (false, RelayedFamily::Both)]
    {
        let mut config = client_config(Protocol::Udp);
        (config.mobility, config.family) = (mobility, family);
        let mut server = server_config();
        server.mobility = mobility;
        let mut world = World::new(config.clone(), server, 31);
        world.run(1.0);
        for turn in 0..5 {
            let before = world.client().client.allocation().unwrap().relayed;
            start_again(&mut world, config.clone(), 50 + turn);
            // A challenge, a mismatch, the deletion and the allocation, of 40 ms each.
            world.run(0.17);
            let [Event::Allocated(allocation)] = world.client().events[..] else {
                panic!("{:?}", world.client().events)
            };
            assert_ne!(allocation.relayed, before);
            assert_eq!(world.server().server.allocations(), 1);
            world.send(PEER, &[0x16; 100]).unwrap();
            world.run(1.0);
            assert_eq!(world.received().len(), 1);
        }
        assert_eq!(world.server().server.stats().refused_with(437), 5);
        let now = world.now();
        world.client().client.close(now);
        world.run(1.0);
        assert_eq!(world.server().server.allocations(), 0);
    }
}

/// The answers, and so the requests that were answered already, come twice and in any order.
#[test]
fn losses_only_delay_it() {
    let mut allocated = 0;
    for seed in 0..40 {
        let mut world = World::new(client_config(Protocol::Udp), server_config(), seed);
        world.run(1.0);
        world.network.set_default_link(
            Link::new()
                .delay(Duration::from_millis(30))
                .loss(Probability::percent(25))
                .duplicate(Probability::percent(20))
                .reorder(Probability::percent(10), Duration::from_millis(50)),
        );
        start_again(&mut world, client_config(Protocol::Udp), seed ^ 0x80);
        world.run(100.0);
        let is_allocated = matches!(world.client().events[..], [Event::Allocated(_)]);
        assert!(is_allocated || world.client().events == [MISMATCH], "{:?}", world.client().events);
        allocated += usize::from(is_allocated);
        assert!(world.server().server.allocations() <= 1);
    }
    // A request that is late may make the allocation that nobody waits for any more.
    assert!(allocated >= 36, "{allocated} of 40");
}

#[test]
fn b07_the_allocation_of_another_user_stays() {
    let mut bob = client_config(Protocol::Udp);
    bob.credential = credential("bob");
    let mut world = World::new(bob, server_config(), 32);
    world.run(1.0);
    assert!(world.client().client.allocation().is_some());
    start_again(&mut world, client_config(Protocol::Udp), 133);
    world.run(1.0);
    assert_eq!(world.client().events, [MISMATCH]);
    let server = &world.server().server;
    let refused = [437, 441].map(|code| server.stats().refused_with(code));
    assert_eq!((server.allocations(), refused), (1, [1, 1]));
    assert_eq!(world.client().client.poll_timeout(), None);
}

#[test]
fn a_stream_has_no_predecessor() {
    let mut world = World::new(client_config(Protocol::Tcp), server_config(), 34);
    world.run(1.0);
    start_again(&mut world, client_config(Protocol::Tcp), 135);
    world.run(1.0);
    assert_eq!(world.client().events, [MISMATCH]);
    assert_eq!(world.server().server.allocations(), 1);
}

/// The key of alice in the realm "r", with MD5.
fn key() -> IntegrityKey {
    let provider = drywire_crypto_aws_lc::provider();
    credential("alice").key(&*provider, PasswordAlgorithm::MD5, "r").unwrap()
}

fn challenge(response: &mut MessageBuilder<'_>) {
    response.attribute(&ErrorCode::UNAUTHENTICATED).attribute(&Realm("r")).attribute(&Nonce("n"));
}

fn bare(code: u16) -> impl Fn(&mut MessageBuilder<'_>) {
    move |response| {
        response.attribute(&ErrorCode { code, reason: "" });
    }
}

fn signed(code: u16) -> impl Fn(&mut MessageBuilder<'_>) {
    move |response| {
        response.attribute(&ErrorCode { code, reason: "" }).integrity(&key(), IntegrityAlgorithm::Sha1);
    }
}

fn deleted(response: &mut MessageBuilder<'_>) {
    response.attribute(&Lifetime(0)).integrity(&key(), IntegrityAlgorithm::Sha1);
}

fn allocated(response: &mut MessageBuilder<'_>) {
    response
        .attribute(&XorRelayedAddress(address("198.51.100.2:50000")))
        .attribute(&Lifetime(600))
        .attribute(&XorMappedAddress(address(CLIENT)))
        .integrity(&key(), IntegrityAlgorithm::Sha1);
}

/// A client that has been told the realm, and has been answered 437.
fn mismatched(now: Instant) -> Client {
    let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
    assert_eq!(answer(&mut client, now, Class::Error, challenge), Method::ALLOCATE);
    assert_eq!(answer(&mut client, now, Class::Error, signed(437)), Method::ALLOCATE);
    assert_eq!(client.poll_event(), None);
    client
}

#[test]
fn it_is_deleted_once() {
    let now = origin();
    // 437 tells that it is not there, as a repeated success would.
    for (class, said) in [(Class::Success, None), (Class::Error, Some(437))] {
        let mut client = mismatched(now);
        let method = match said {
            None => answer(&mut client, now, class, deleted),
            Some(code) => answer(&mut client, now, class, signed(code)),
        };
        assert_eq!((method, client.poll_event()), (Method::REFRESH, None));
        assert_eq!(answer(&mut client, now, Class::Error, signed(437)), Method::ALLOCATE);
        assert_eq!(client.poll_event(), Some(MISMATCH));
        assert_eq!((client.poll_transmit(now, &mut Vec::new()), client.poll_timeout()), (None, None));
    }
}

#[test]
fn what_the_server_says_to_the_deletion_counts() {
    let now = origin();
    for code in [400, 403, 405, 420, 441, 486, 508, 599] {
        let mut client = mismatched(now);
        assert_eq!(answer(&mut client, now, Class::Error, signed(code)), Method::REFRESH);
        assert_eq!(client.poll_event(), Some(MISMATCH), "{code}");
        assert_eq!(client.poll_timeout(), None);
    }
    let failed = |reason| Some(Event::Failed { reason });
    let mut client = mismatched(now);
    answer(&mut client, now, Class::Error, challenge);
    assert_eq!(client.poll_event(), failed(FailureReason::Unauthorized));
    let mut client = mismatched(now);
    answer(&mut client, now, Class::Error, |response| {
        response.attribute(&ErrorCode::TRY_ALTERNATE).attribute(&AlternateServer(address("198.51.100.3:1")));
        response.integrity(&key(), IntegrityAlgorithm::Sha1);
    });
    assert_eq!(client.poll_event(), failed(FailureReason::Redirected));
    // A stale nonce delays it.
    let mut client = mismatched(now);
    answer(&mut client, now, Class::Error, |response| {
        response.attribute(&ErrorCode::STALE_NONCE).attribute(&Realm("r")).attribute(&Nonce("o"));
    });
    assert_eq!(answer(&mut client, now, Class::Success, deleted), Method::REFRESH);
    assert_eq!(answer(&mut client, now, Class::Success, allocated), Method::ALLOCATE);
    assert!(matches!(client.poll_event(), Some(Event::Allocated(_))));
}

/// Lets the time pass until the client says something, and gives the methods of the requests that it sent, each once.
fn until_event(client: &mut Client, mut now: Instant) -> (Vec<Method>, Event) {
    let mut methods = Vec::new();
    loop {
        let mut out = Vec::new();
        while client.poll_transmit(now, &mut out).is_some() {
            methods.push(Message::parse(&out).unwrap().method());
            out.clear();
        }
        if let Some(event) = client.poll_event() {
            methods.retain(|method| *method != Method::BINDING);
            methods.dedup();
            return (methods, event);
        }
        now = client.poll_timeout().expect("a timeout");
        client.handle_timeout(now);
    }
}

#[test]
fn silence_is_a_failure_and_the_reasons_that_nobody_signs_are_the_same() {
    let now = origin();
    let (methods, event) = until_event(&mut mismatched(now), now);
    assert_eq!(methods, [Method::REFRESH]);
    assert_eq!(event, Event::Failed { reason: FailureReason::TimedOut });
    // coturn signs no 441. And 403 is nothing that would keep anybody from trying again.
    for code in [403, 437, 441] {
        let mut client = mismatched(now);
        answer(&mut client, now, Class::Error, bare(code));
        assert_eq!(client.poll_event(), None);
        assert_eq!(until_event(&mut client, now), (vec![Method::REFRESH], MISMATCH));
    }
}

#[test]
fn what_nobody_has_signed_deletes_nothing_once_there_is_a_key() {
    let now = origin();
    let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
    answer(&mut client, now, Class::Error, challenge);
    let mut out = Vec::new();
    let path = client.poll_transmit(now, &mut out).unwrap().path;
    let request = Message::parse(&out).unwrap();
    let respond = |class, fill: &dyn Fn(&mut MessageBuilder<'_>)| {
        let mut response = Vec::new();
        let mut builder =
            MessageBuilder::new(&mut response, class, request.method(), request.transaction_id());
        fill(&mut builder);
        builder.finish().unwrap();
        BytesMut::from(&*response)
    };
    client.handle_input(now, path, respond(Class::Error, &bare(437)));
    assert_eq!((client.poll_transmit(now, &mut Vec::new()), client.poll_event()), (None, None));
    client.handle_input(now, path, respond(Class::Success, &allocated));
    assert!(matches!(client.poll_event(), Some(Event::Allocated(_))));
    // When nothing better comes, it is the reason.
    let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
    answer(&mut client, now, Class::Error, challenge);
    answer(&mut client, now, Class::Error, bare(437));
    assert_eq!(until_event(&mut client, now), (vec![Method::ALLOCATE], MISMATCH));
}

/// As coturn does it: it says so before it asks for a password, and goes on saying so for a second.
#[test]
fn a_mismatch_before_the_challenge_is_as_good() {
    let mut now = origin();
    let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
    assert_eq!(answer(&mut client, now, Class::Error, bare(437)), Method::ALLOCATE);
    assert_eq!(answer(&mut client, now, Class::Error, challenge), Method::REFRESH);
    assert_eq!(answer(&mut client, now, Class::Success, deleted), Method::REFRESH);
    for _ in 0..2 {
        assert_eq!(answer(&mut client, now, Class::Error, bare(437)), Method::ALLOCATE);
        assert_eq!(client.poll_event(), None);
        now = client.poll_timeout().unwrap();
        client.handle_timeout(now);
    }
    assert_eq!(answer(&mut client, now, Class::Success, allocated), Method::ALLOCATE);
    assert!(matches!(client.poll_event(), Some(Event::Allocated(_))));
    assert!(now < origin() + Duration::from_secs(2));
    // From whomever it came: where there was nothing to delete, there is an allocation all the same.
    let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
    answer(&mut client, now, Class::Error, bare(437));
    answer(&mut client, now, Class::Error, challenge);
    assert_eq!(answer(&mut client, now, Class::Error, signed(437)), Method::REFRESH);
    assert_eq!(answer(&mut client, now, Class::Success, allocated), Method::ALLOCATE);
    assert!(matches!(client.poll_event(), Some(Event::Allocated(_))));
}

/// Another client of the same socket may be there.
#[test]
fn who_was_sent_elsewhere_deletes_nothing_there() {
    let now = origin();
    let mut client = Client::new(client_config(Protocol::Udp), now, [1; 32]);
    let server = address("198.51.100.3:3478");
    answer(&mut client, now, Class::Error, |response| {
        response.attribute(&ErrorCode::TRY_ALTERNATE).attribute(&AlternateServer(server));
    });
    assert_eq!(client.poll_event(), Some(Event::Redirected { server }));
    answer(&mut client, now, Class::Error, challenge);
    assert_eq!(answer(&mut client, now, Class::Error, signed(437)), Method::ALLOCATE);
    assert_eq!(client.poll_event(), Some(MISMATCH));
}

#[test]
fn closing_meanwhile_deletes_it_too() {
    let now = origin();
    let mut client = mismatched(now);
    client.close(now);
    assert_eq!(client.poll_event(), None);
    assert_eq!(answer(&mut client, now, Class::Success, deleted), Method::REFRESH);
    assert_eq!(client.poll_event(), Some(Event::Closed));
    assert_eq!((client.poll_transmit(now, &mut Vec::new()), client.poll_timeout()), (None, None));
}
