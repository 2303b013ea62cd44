//! What those get who ask for too much, or say too little.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::client::{Client, Transport};
use crate::world::{PATIENCE, World};

/// Waits for the server to close a connection.
async fn closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    matches!(tokio::time::timeout(PATIENCE, stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn silent_connections_are_closed_and_those_with_an_allocation_are_not() {
    let world = World::start(|config| {
        config.idle_timeout = Duration::from_millis(100);
        config.handshake_timeout = Duration::from_millis(100);
    });
    let mut client = Client::connect(Transport::Tcp, world.address(Transport::Tcp)).await;
    client.allocate().await;
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut silent = TcpStream::connect(world.address(transport)).await.unwrap();
        assert!(closed(&mut silent).await, "{transport:?}");
    }
    // Longer than the silent ones were let live.
    client.close().await;
    assert_eq!(world.handle.stats().await.unwrap().connections_idle, 1);
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let world = World::start(|config| config.max_connections_per_address = 1);
    let address = world.address(Transport::Tcp);
    let mut client = Client::connect(Transport::Tcp, address).await;
    client.allocate().await;
    assert!(closed(&mut TcpStream::connect(address).await.unwrap()).await);
    assert_eq!(world.handle.stats().await.unwrap().connections_refused, 1);
    client.close().await;
}

#[tokio::test]
async fn what_is_not_turn_ends_the_connection() {
    let world = World::start(|_| {});
    let mut stream = TcpStream::connect(world.address(Transport::Tcp)).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(closed(&mut stream).await);
    assert_eq!(world.handle.stats().await.unwrap().connections, 0);
}
