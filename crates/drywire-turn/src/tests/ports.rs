use drywire_core::{Duration, Path};
use drywire_sim::origin;
use drywire_stun::attributes::{
    AdditionalAddressFamily, AddressFamily, DontFragment, EvenPort, RequestedAddressFamily,
    RequestedTransport, ReservationToken, UnknownAttributes, XorRelayedAddress,
};
use drywire_stun::{AttributeType, Message, MessageBuilder, Method};

use super::world::*;
use crate::server::{Event, RelayPort, Server};

/// Asks for an allocation; the adapter gives what is asked for at `port`.
fn allocate(
    raw: &mut Raw,
    server: &mut Server,
    seconds: u64,
    port: u16,
    fill: impl Fn(&mut MessageBuilder<'_>),
) -> (Option<u16>, Option<u16>, Option<ReservationToken>, Option<RelayPort>) {
    let now = origin() + Duration::from_secs(seconds);
    raw.ask(server, now, Method::REFRESH, |_| {});
    while server.poll_event().is_some() {}
    let mut request = Vec::new();
    raw.sign(&mut request, Method::ALLOCATE, |request| {
        request.attribute(&RequestedTransport::UDP);
        fill(request);
    });
    raw.tell(server, now, &request);
    let mut wanted = None;
    while let Some(event) = server.poll_event() {
        if let Event::RelayWanted { allocation, port: kind, .. } = event {
            wanted = Some(kind);
            let _ = server.relay_opened(now, allocation, ([198, 51, 100, 1], port).into());
        }
    }
    let mut out = Vec::new();
    if server.poll_transmit(now, &mut out).is_none() {
        return (None, None, None, wanted);
    }
    let answer = Message::parse(&out).unwrap();
    let code = answer.attribute::<drywire_stun::attributes::ErrorCode<'_>>().map(|error| error.code);
    let relayed = answer.attribute::<XorRelayedAddress>().map(|relayed| relayed.0.port());
    (code, relayed, answer.attribute::<ReservationToken>(), wanted)
}

#[test]
fn the_next_port_is_kept_for_half_a_minute() {
    let mut server = Server::new(server_config(), origin(), [1; 32]).unwrap();
    let pair = |request: &mut MessageBuilder<'_>| {
        request.attribute(&EvenPort { reserve_next: true });
    };
    let (code, relayed, token, wanted) = allocate(&mut Raw::new("alice", 4000), &mut server, 0, 50_000, pair);
    assert_eq!((code, relayed, wanted), (None, Some(50_000), Some(RelayPort::EvenAndNext)));
    let token = token.expect("a token");
    let with_token = |request: &mut MessageBuilder<'_>| {
        request.attribute(&token);
    };
    // It is not for others, and nothing goes through it.
    let refused = allocate(&mut Raw::new("bob", 4001), &mut server, 1, 50_100, with_token);
    assert_eq!(refused, (Some(508), None, None, None));
    let kept = Path::udp(address("198.51.100.1:50001"), address(PEER));
    server.handle_input(origin(), kept, b"data"[..].into());
    assert_eq!(server.stats().not_permitted, 1);
    // It is there at once: the adapter has nothing to open. Once only.
    let taken = allocate(&mut Raw::new("alice", 4002), &mut server, 29, 50_100, with_token);
    assert_eq!(taken, (None, Some(50_001), None, None));
    let again = allocate(&mut Raw::new("alice", 4003), &mut server, 29, 50_100, with_token);
    assert_eq!(again.0, Some(508));
    server.handle_timeout(origin() + Duration::from_secs(31));
    assert_eq!(server.allocations(), 2);
    // One that nobody takes is closed.
    let (_, _, token, _) = allocate(&mut Raw::new("alice", 4004), &mut server, 40, 50_200, pair);
    assert!(token.is_some());
    server.handle_timeout(origin() + Duration::from_secs(70));
    let released = Event::RelayReleased {
        relayed: address("198.51.100.1:50201"),
        transport: drywire_core::Protocol::Udp,
    };
    assert_eq!(server.poll_event(), Some(released));
    // An adapter that has no even port has failed.
    let odd = allocate(&mut Raw::new("alice", 4005), &mut server, 71, 50_301, pair);
    assert_eq!((odd.0, odd.1), (None, None));
    server.handle_timeout(origin() + Duration::from_secs(77));
    assert_eq!(server.stats().refused_with(508), 3);
}

#[test]
fn attributes_that_exclude_each_other_are_refused() {
    let mut server = Server::new(server_config(), origin(), [1; 32]).unwrap();
    let token = ReservationToken([1; 8]);
    let (v4, v6) = (AddressFamily::V4, AddressFamily::V6);
    let (even, pair) = (EvenPort { reserve_next: false }, EvenPort { reserve_next: true });
    let (one, both) = (RequestedAddressFamily(v6), AdditionalAddressFamily(v6));
    type Fill<'a> = &'a dyn Fn(&mut MessageBuilder<'_>);
    let cases: [(u16, Fill<'_>); 7] = [
        (400, &|request| _ = request.attribute(&even).attribute(&token)),
        (400, &|request| _ = request.attribute(&RequestedAddressFamily(v4)).attribute(&token)),
        (400, &|request| _ = request.attribute(&both).attribute(&token)),
        (400, &|request| _ = request.attribute(&AdditionalAddressFamily(v4))),
        (400, &|request| _ = request.attribute(&both).attribute(&pair)),
        (400, &|request| _ = request.attribute(&both).attribute(&one)),
        (508, &|request| _ = request.attribute(&token)),
    ];
    for (index, (code, fill)) in cases.into_iter().enumerate() {
        let port = 4000 + u16::try_from(index).unwrap();
        let answer = allocate(&mut Raw::new("alice", port), &mut server, 0, 50_000, fill);
        assert_eq!(answer, (Some(code), None, None, None), "case {index}");
    }
    let with_even = |request: &mut MessageBuilder<'_>| _ = request.attribute(&even);
    let answer = allocate(&mut Raw::new("alice", 5000), &mut server, 0, 50_000, with_even);
    assert_eq!(answer, (None, Some(50_000), None, Some(RelayPort::Even)));
}

#[test]
fn fragments_are_forbidden_only_where_the_adapter_can() {
    let now = origin();
    let ask = |can: bool| {
        let mut config = server_config();
        config.dont_fragment = can;
        let mut server = Server::new(config, now, [1; 32]).unwrap();
        Raw::new("alice", 4000).ask(&mut server, now, Method::ALLOCATE, |request| {
            request.attribute(&RequestedTransport::UDP).attribute(&DontFragment);
        })
    };
    assert_eq!(ask(true).code, None);
    let refused = ask(false);
    assert_eq!(refused.code, Some(420));
    let message = Message::parse(&refused.bytes).unwrap();
    let unknown = message.attribute::<UnknownAttributes>().unwrap();
    assert_eq!(unknown.iter().collect::<Vec<_>>(), [AttributeType::DONT_FRAGMENT]);
}
