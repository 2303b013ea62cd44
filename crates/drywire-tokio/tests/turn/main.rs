//! The TURN server on loopback: with the client of `drywire-turn`, and with the programs of coturn; and that client with
//! coturn's server. What is not installed is skipped, with the reason printed; with `DRYWIRE_REQUIRE_PEERS=1` it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may fail, and waits for others"
)]

mod client;
mod connections;
mod coturn;
mod limits;
mod tcp_client;
mod world;

use std::time::Duration;

use client::{Transport, exchange};
use drywire::Path;
use drywire_tokio::turn::ListenerTransport;
use tokio::net::UdpSocket;
use world::{World, echo};

#[tokio::test]
async fn datagrams_go_there_and_back_over_every_transport() {
    let world = World::start(|_| {});
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let peer = echo().await;
        let client = exchange(transport, world.address(transport), peer, 200).await;
        assert_eq!(client.echoed, 200, "{transport:?}: {:?}", client.stats);
    }
    let stats = world.handle.stats().await.unwrap();
    assert_eq!((stats.allocations, stats.machine.allocations), (0, 3));
    assert_eq!((stats.machine.datagrams_to_peers, stats.machine.datagrams_to_clients), (600, 600));
    assert_eq!((stats.unsent, stats.relays_failed), (0, 0));
}

/// The server puts together what waits for it at once: nobody sees that.
#[tokio::test]
async fn what_waits_at_once_arrives_as_it_was_sent() {
    let world = World::start(|_| {});
    let mut flows = Vec::new();
    for _ in 0..3 {
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut client = client::Client::connect(Transport::Udp, world.address(Transport::Udp)).await;
        let path = Path::udp(client.allocate().await, peer.local_addr().unwrap());
        client.bind(path.remote).await;
        flows.push((client, peer, path));
    }
    // Runs of one size, shorter ones between them, what no Ethernet frame carries, and nothing at all.
    let payload = |flow: u8, index: usize| {
        let size = [1_000, 1_000, 1_000, 300, 1_000, 0, 1_000, 2_000, 2_000, 900][index % 10];
        vec![flow.wrapping_add(u8::try_from(index).unwrap()); size]
    };
    for index in 0..40 {
        for (flow, (client, _, path)) in (0..).zip(&mut flows) {
            client.send(*path, payload(flow, index)).await;
        }
    }
    for (flow, (_, peer, path)) in (0..).zip(&flows) {
        for index in 0..40 {
            let mut buffer = [0; 65_536];
            let received = tokio::time::timeout(world::PATIENCE, peer.recv_from(&mut buffer));
            let (len, from) = received.await.expect("it arrives").unwrap();
            assert_eq!((&buffer[..len], from), (&payload(flow, index)[..], path.local), "{flow} {index}");
        }
    }
    for index in 0..40 {
        for (flow, (_, peer, path)) in (0..).zip(&flows) {
            peer.send_to(&payload(flow, index), path.local).await.unwrap();
        }
    }
    for (flow, (client, _, path)) in (0..).zip(&mut flows) {
        for (index, (from, bytes)) in client.receive(40).await.into_iter().enumerate() {
            assert_eq!((&bytes[..], from), (&payload(flow, index)[..], *path), "{flow} {index}");
        }
    }
    assert_eq!(world.handle.stats().await.unwrap().unsent, 0);
}

#[tokio::test]
async fn a_client_comes_back_on_its_port() {
    let world = World::start(|config| config.machine.mobility = true);
    client::comes_back(world.address(Transport::Udp)).await;
    let stats = world.handle.stats().await.unwrap();
    assert_eq!((stats.allocations, stats.machine.allocations), (0, 8));
}

#[tokio::test]
async fn a_drained_server_ends_with_its_last_allocation() {
    let world = World::start(|_| {});
    let mut client = client::Client::connect(Transport::Udp, world.address(Transport::Udp)).await;
    client.allocate().await;
    world.handle.drain(Duration::from_secs(60), Vec::new()).await.unwrap();
    let stats = world.handle.stats().await.unwrap();
    assert!(stats.draining && stats.allocations == 1);
    client.close().await;
    world.ended().await;
}

#[tokio::test]
async fn a_drained_server_waits_no_longer_than_it_was_told() {
    let world = World::start(|_| {});
    let mut client = client::Client::connect(Transport::Tcp, world.address(Transport::Tcp)).await;
    client.allocate().await;
    world.handle.drain(Duration::from_millis(10), Vec::new()).await.unwrap();
    world.ended().await;
}

#[tokio::test]
async fn an_allocation_goes_along_with_its_client() {
    let world = World::start(|config| config.machine.mobility = true);
    let peer = echo().await;
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut client = client::Client::with_mobility(transport, world.address(transport), true).await;
        let relayed = client.allocate().await;
        client.ask(relayed, peer).await;
        let before = client.go(transport).await;
        client.ask(relayed, peer).await;
        drop(before);
        client.ask(relayed, peer).await;
        assert_eq!(client.allocate().await, relayed);
        client.close().await;
    }
    assert_eq!(world.handle.stats().await.unwrap().machine.allocations, 3);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[tokio::test]
async fn icmp_errors_of_peers_are_told_and_harm_nobody() {
    let world = World::start(|_| {});
    let mut client = client::Client::connect(Transport::Udp, world.address(Transport::Udp)).await;
    let relayed = client.allocate().await;
    let gone = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let icmp = client.unreachable(relayed, gone).await;
    assert_eq!((icmp.icmp_type, icmp.code), (3, 3));
    assert!(world.handle.stats().await.unwrap().machine.icmp_forwarded >= 1);
    // Others are reached all the same.
    let peer = echo().await;
    for _ in 0..20 {
        client.tell(relayed, gone);
        client.ask(relayed, peer).await;
    }
    client.close().await;
}

#[tokio::test]
async fn what_it_listens_on_is_told() {
    let world = World::start(|config| config.udp.push("127.0.0.1:0".parse().unwrap()));
    let transports: Vec<_> = world.addresses.iter().map(|(transport, _)| *transport).collect();
    use ListenerTransport::{Tcp, Tls, Udp};
    assert_eq!(transports, [Udp, Udp, Tcp, Tls]);
    assert!(world.addresses.iter().all(|(_, address)| address.port() != 0));
}
