//! TCP allocations (RFC 6062): connections to peers, and from them.

use drywire_turn::client::{Event, FailureReason, PeerRefusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::Transport;
use crate::tcp_client::{TcpClient, bytes, connects_there_and_back, exchange, tcp_echo, tcp_echo_at};
use crate::world::{PATIENCE, World};

fn world() -> World {
    World::start(|config| config.machine.tcp_allocations = true)
}

#[tokio::test]
async fn connections_go_there_and_back_over_tcp_and_tls() {
    let world = world();
    for transport in [Transport::Tcp, Transport::Tls] {
        connects_there_and_back(transport, world.address(transport)).await;
    }
    let stats = world.handle.stats().await.unwrap();
    assert_eq!((stats.allocations, stats.peer_connections, stats.machine.connections_bound), (0, 0, 4));
    assert_eq!((stats.machine.datagrams_to_peers, stats.relays_failed, stats.unsent), (0, 0, 0));
}

#[tokio::test]
async fn connections_go_over_ipv6() {
    if TcpListener::bind("[::1]:0").await.is_err() {
        println!("skipped: this host has no IPv6");
        return;
    }
    let world = World::start(|config| {
        config.machine.tcp_allocations = true;
        (config.udp, config.tcp) = (Vec::new(), vec!["[::1]:0".parse().unwrap()]);
    });
    let mut client = TcpClient::allocate(Transport::Tcp, world.address(Transport::Tcp)).await;
    assert!(client.relayed.is_ipv6());
    let stream = client.connect(tcp_echo_at("[::1]:0").await).await;
    assert!(exchange(stream, b"six").await == b"six");
    client.close().await;
}

#[tokio::test]
async fn each_side_ends_by_itself_and_nothing_is_lost() {
    let world = world();
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut client = TcpClient::allocate(transport, world.address(transport)).await;
        let stream = client.connect(tcp_echo().await).await;
        // More than all buffers on the way hold.
        let data = bytes(8 << 20);
        assert!(exchange(stream, &data).await == data, "{transport:?}");
        client.close().await;
    }
    let stats = world.handle.stats().await.unwrap().machine;
    assert_eq!((stats.stream_bytes_to_peers, stats.stream_bytes_to_clients), (16 << 20, 16 << 20));
}

#[tokio::test]
async fn a_peer_that_reads_slowly_gets_all() {
    let world = world();
    let mut client = TcpClient::allocate(Transport::Tcp, world.address(Transport::Tcp)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = client.connect(listener.local_addr().unwrap()).await;
    let (mut peer, _) = listener.accept().await.unwrap();
    let data = bytes(32 << 20);
    let sent = data.clone();
    let sending = tokio::spawn(async move {
        stream.write_all(&sent).await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    });
    let mut received = vec![0; 1 << 20];
    peer.read_exact(&mut received).await.unwrap();
    // What it has not read is with the sender, but for what the buffers on the way hold.
    assert!(!sending.is_finished());
    peer.read_to_end(&mut received).await.unwrap();
    assert!(received == data);
    sending.await.unwrap();
}

#[tokio::test]
async fn an_allocation_takes_its_connections_along() {
    let world = world();
    let mut client = TcpClient::allocate(Transport::Tcp, world.address(Transport::Tcp)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = client.connect(listener.local_addr().unwrap()).await;
    let (mut peer, from) = listener.accept().await.unwrap();
    assert_eq!(from, client.relayed);
    client.close().await;
    let mut byte = [0];
    let end = tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    let end = tokio::time::timeout(PATIENCE, peer.read(&mut byte)).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    // Nobody listens there any more.
    assert!(TcpStream::connect(client.relayed).await.is_err());
}

#[tokio::test]
async fn what_is_half_closed_and_silent_ends() {
    let world = World::start(|config| {
        config.machine.tcp_allocations = true;
        config.idle_timeout = std::time::Duration::from_millis(100);
    });
    let mut client = TcpClient::allocate(Transport::Tcp, world.address(Transport::Tcp)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = client.connect(listener.local_addr().unwrap()).await;
    let (mut peer, _) = listener.accept().await.unwrap();
    stream.shutdown().await.unwrap();
    // The peer learns of it, and says nothing.
    assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
    let end = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    assert_eq!(world.handle.stats().await.unwrap().peer_connections, 0);
    client.close().await;
}

#[tokio::test]
async fn who_is_not_let_in_or_not_there_is_not_connected() {
    let world = world();
    let mut client = TcpClient::allocate(Transport::Tcp, world.address(Transport::Tcp)).await;
    let mut stranger = TcpStream::connect(client.relayed).await.unwrap();
    let end = tokio::time::timeout(PATIENCE, stranger.read(&mut [0])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    client.machine.connect(std::time::Instant::now(), gone).unwrap();
    let failed = Event::ConnectFailed { peer: gone, reason: PeerRefusal::Unreachable };
    client.until(|event| (*event == failed).then_some(())).await;
    let stats = world.handle.stats().await.unwrap();
    assert_eq!((stats.machine.not_permitted, stats.peer_connections), (1, 0));
    client.close().await;
}

#[tokio::test]
async fn there_are_so_many_connections_to_peers_and_no_more() {
    let world = World::start(|config| {
        config.machine.tcp_allocations = true;
        config.max_peer_connections = 1;
    });
    let mut client = TcpClient::allocate(Transport::Tcp, world.address(Transport::Tcp)).await;
    let stream = client.connect(tcp_echo().await).await;
    let peer = tcp_echo().await;
    client.machine.connect(std::time::Instant::now(), peer).unwrap();
    let failed = Event::ConnectFailed { peer, reason: PeerRefusal::Unreachable };
    client.until(|event| (*event == failed).then_some(())).await;
    let stats = world.handle.stats().await.unwrap();
    assert_eq!((stats.peer_connections, stats.peer_connections_refused), (1, 1));
    assert_eq!(exchange(stream, b"still there").await, b"still there");
    client.close().await;
}

#[tokio::test]
async fn what_is_carried_counts_for_the_bandwidth_of_the_user() {
    let world = World::start(|config| {
        config.machine.tcp_allocations = true;
        config.machine.max_user_bytes_per_second = Some(1_000_000);
    });
    let mut client = TcpClient::allocate(Transport::Tcp, world.address(Transport::Tcp)).await;
    let stream = client.connect(tcp_echo().await).await;
    // More than the burst: the rest waits and is not lost.
    let data = bytes(700_000);
    assert!(exchange(stream, &data).await == data);
    client.close().await;
}

#[tokio::test]
async fn without_the_flag_there_are_no_allocations_of_tcp() {
    let world = World::start(|_| {});
    let mut client = TcpClient::begin(Transport::Tcp, world.address(Transport::Tcp)).await;
    let reason = FailureReason::UnsupportedTransport;
    client.until(|event| (*event == Event::Failed { reason }).then_some(())).await;
}
