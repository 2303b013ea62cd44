//! Calls over TCP, on the loopback interface.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test expects and does not find is a failure")]

mod call;

use drywire::{Endpoint, EndpointConfig, Protocol};
use drywire_tokio::{Driver, Handle, Socket, now};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::call::{App, Events};

/// An endpoint that only uses TCP, in a task of its own. Whoever listens is connected to.
async fn start(address: &str, listens: bool) -> (Handle<App>, Events, JoinHandle<std::io::Result<App>>) {
    let mut config = EndpointConfig::default();
    config.tcp = true;
    config.gathering.filter = |local| local.tcp_type.is_some();
    let endpoint = Endpoint::new(config, now(), [u8::from(listens); 32]);
    let socket = Socket::bind(address.parse().unwrap()).unwrap();
    let (sender, events) = mpsc::unbounded_channel();
    let (mut driver, handle) = Driver::new(endpoint, vec![socket], App { echoes: listens, events: sender });
    driver.watch_interfaces(std::time::Duration::from_secs(2)).unwrap();
    if listens {
        driver.listen(TcpListener::bind(address).await.unwrap()).unwrap();
    }
    (handle, events, tokio::spawn(driver.run()))
}

#[tokio::test]
async fn a_call_over_tcp() {
    let (left, left_events, left_task) = start("127.0.0.1:0", false).await;
    let (right, right_events, right_task) = start("127.0.0.1:0", true).await;
    let path = call::call((&left, left_events), (&right, right_events)).await;
    assert_eq!(path.protocol, Protocol::Tcp, "{path}");
    drop((left, right));
    left_task.await.unwrap().unwrap();
    right_task.await.unwrap().unwrap();
}
