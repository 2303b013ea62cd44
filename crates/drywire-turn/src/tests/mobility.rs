use bytes::BytesMut;
use drywire_core::{Instant, Path, Protocol};
use drywire_sim::origin;
use drywire_stun::attributes::{Lifetime, MobilityTicket, RequestedTransport};
use drywire_stun::{Message, MessageBuilder, Method};

use super::world::*;
use crate::client::{Client, Event};
use crate::server::{self, Server};

fn mobile() -> server::Config {
    let mut config = server_config();
    config.mobility = true;
    config
}

fn run(client: &mut Client, server: &mut Server, now: Instant) -> Vec<Event> {
    let mut out = Vec::new();
    loop {
        out.clear();
        if let Some(transmit) = client.poll_transmit(now, &mut out) {
            server.handle_input(now, transmit.path.reversed(), BytesMut::from(&*out));
        } else if let Some(transmit) = server.poll_transmit(now, &mut out) {
            client.handle_input(now, transmit.path.reversed(), BytesMut::from(&*out));
        } else {
            return std::iter::from_fn(|| client.poll_event()).collect();
        }
        open_relays(server, now);
    }
}

#[test]
fn an_allocation_goes_along() {
    let now = origin();
    let mut config = client_config(Protocol::Udp);
    config.mobility = true;
    let mut client = Client::new(config, now, [1; 32]);
    let mut server = Server::new(mobile(), now, [2; 32]).unwrap();
    run(&mut client, &mut server, now);
    let relayed = client.allocation().unwrap().relayed;
    client.bind_channel(now, address(PEER)).unwrap();
    run(&mut client, &mut server, now);
    for port in [5000, 5001, 5002] {
        let path = Path { local: ([203, 0, 113, 7], port).into(), ..client_path(Protocol::Udp) };
        client.moved(now, path).unwrap();
        assert_eq!(run(&mut client, &mut server, now), []);
        assert_eq!((client.path(), client.allocation().unwrap().relayed), (path, relayed));
        // Both ways, on the channel that there was.
        server.handle_input(now, Path::udp(relayed, address(PEER)), BytesMut::from(&b"data"[..]));
        run(&mut client, &mut server, now);
        assert_eq!(client.poll_received().map(|(_, data)| data), Some(BytesMut::from(&b"data"[..])));
        client.send(now, Path::udp(relayed, address(PEER)), b"\x16data"[..].into()).unwrap();
        let mut out = Vec::new();
        client.poll_transmit(now, &mut out).unwrap();
        server.handle_input(now, path.reversed(), BytesMut::from(&*out));
        out.clear();
        assert!(server.poll_transmit(now, &mut out).is_some());
        assert_eq!(out, b"\x16data");
    }
    assert_eq!(server.allocations(), 1);
    // Where it is forbidden, there is an allocation that stays.
    let mut config = client_config(Protocol::Udp);
    config.mobility = true;
    let mut client = Client::new(config, now, [1; 32]);
    let mut server = Server::new(server_config(), now, [2; 32]).unwrap();
    assert!(matches!(run(&mut client, &mut server, now)[..], [Event::Allocated(_)]));
    assert!(client.moved(now, client_path(Protocol::Udp)).is_err());
    assert_eq!(server.stats().refused_with(405), 1);
}

#[test]
fn b07_a_ticket_is_worth_nothing_to_others() {
    let now = origin();
    let mut server = Server::new(mobile(), now, [2; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    let answer = alice.ask(&mut server, now, Method::ALLOCATE, |request| {
        request.attribute(&RequestedTransport::UDP).attribute(&MobilityTicket(&[]));
    });
    let ticket_of = |bytes: &[u8]| {
        let message = Message::parse(bytes).unwrap();
        message.attribute::<MobilityTicket<'_>>().map(|ticket| ticket.0.to_vec())
    };
    let first = ticket_of(&answer.bytes).unwrap();
    let refresh = |ticket: &[u8], raw: &mut Raw, server: &mut Server| {
        raw.ask(server, now, Method::REFRESH, |request| {
            request.attribute(&MobilityTicket(ticket));
        })
    };
    assert_eq!(refresh(&first, &mut Raw::new("bob", 5000), &mut server).code, Some(441));
    assert_eq!(refresh(&[7; 16], &mut Raw::new("alice", 5000), &mut server).code, Some(400));
    assert_eq!(refresh(&first[1..], &mut Raw::new("alice", 5000), &mut server).code, Some(400));
    // Where there is another allocation, or by another transport, it cannot go.
    let mut other = Raw::new("alice", 5001);
    other.allocate(&mut server, now);
    assert_eq!(refresh(&first, &mut other, &mut server).code, Some(437));
    let mut stream = Raw::new("alice", 5002);
    stream.path.protocol = Protocol::Tcp;
    assert_eq!(refresh(&first, &mut stream, &mut server).code, Some(437));
    // It goes once; the same request again gets the ticket again, from elsewhere it is outdated.
    let mut moved = Raw::new("alice", 5003);
    let answer = refresh(&first, &mut moved, &mut server);
    let second = ticket_of(&answer.bytes).unwrap();
    assert_ne!(first, second);
    assert_eq!(ticket_of(&refresh(&first, &mut moved, &mut server).bytes), Some(second.clone()));
    assert_eq!(refresh(&first, &mut Raw::new("alice", 5004), &mut server).code, Some(400));
    // The old address has no allocation any more.
    assert_eq!(alice.ask(&mut server, now, Method::REFRESH, |_| {}).code, Some(437));
    let delete = |request: &mut MessageBuilder<'_>| {
        request.attribute(&Lifetime(0)).attribute(&MobilityTicket(&second));
    };
    assert_eq!(moved.ask(&mut server, now, Method::REFRESH, delete).code, None);
    assert_eq!(server.allocations(), 1);
    assert_eq!(refresh(&second, &mut moved, &mut server).code, Some(400));
}
