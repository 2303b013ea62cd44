//! Two drivers on the loopback interface: a call, from the offer to the end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test expects and does not find is a failure")]

mod call;

use drywire::{Endpoint, EndpointConfig, Event, Instant, PeerId};
use drywire_tokio::{
    Application, Driver, Handle, IceServerConfig, IceServerConfigError, IceServerFailure, NetworkEvent,
    Socket, Stopped, host_addresses, now,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::call::{App, Events};

/// An endpoint in a task of its own, behind a socket on `address`.
fn start(address: &str, echoes: bool) -> (Handle<App>, Events, JoinHandle<std::io::Result<App>>) {
    let socket = Socket::bind(address.parse().unwrap()).unwrap();
    let mut endpoint = Endpoint::new(EndpointConfig::default(), now(), [u8::from(echoes); 32]);
    for address in host_addresses(socket.local_address(), &["127.0.0.1".parse().unwrap()]) {
        endpoint.add_local_address(now(), address);
    }
    let (sender, events) = mpsc::unbounded_channel();
    let (driver, handle) = Driver::new(endpoint, vec![socket], App { echoes, events: sender });
    (handle, events, tokio::spawn(driver.run()))
}

#[tokio::test]
async fn a_call_through_sockets() {
    // One on a wildcard, whose path has to be learnt, and one on an address of its own.
    let (left, left_events, left_task) = start("0.0.0.0:0", false);
    let (right, right_events, right_task) = start("127.0.0.1:0", true);

    let path = call::call((&left, left_events), (&right, right_events)).await;
    assert!(!path.local.ip().is_unspecified(), "{path}");
    assert!(path.remote.ip().is_loopback(), "{path}");

    drop((left, right));
    left_task.await.unwrap().unwrap();
    right_task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_driver_that_was_dropped_answers_no_calls() {
    let endpoint = Endpoint::new(EndpointConfig::default(), now(), [0; 32]);
    let (driver, handle) =
        Driver::new(endpoint, Vec::new(), |_: Instant, _: &mut Endpoint, _: PeerId, _: Event| {});
    drop(driver);
    assert_eq!(handle.call(|_, endpoint, _| endpoint.len()).await, Err(Stopped));
}

#[tokio::test]
async fn a_driver_ends_with_its_last_handle() {
    let endpoint = Endpoint::new(EndpointConfig::default(), now(), [0; 32]);
    let (driver, handle) =
        Driver::new(endpoint, Vec::new(), |_: Instant, _: &mut Endpoint, _: PeerId, _: Event| {});
    let task = tokio::spawn(driver.run());
    let clone = handle.clone();
    drop(handle);
    assert_eq!(clone.call(|_, endpoint, _| endpoint.len()).await, Ok(0));
    drop(clone);
    let _ = task.await.unwrap().unwrap();
}

/// Takes what is told of the network.
struct Listener(mpsc::UnboundedSender<NetworkEvent>);

impl Application for Listener {
    fn handle_event(&mut self, _: Instant, _: &mut Endpoint, _: PeerId, _: Event) {}

    fn handle_network_event(&mut self, _: Instant, _: &mut Endpoint, event: NetworkEvent) {
        // The test may be over.
        let _ = self.0.send(event);
    }
}

#[tokio::test]
async fn what_becomes_of_servers_is_told() {
    let mut endpoint = Endpoint::new(EndpointConfig::default(), now(), [0; 32]);
    endpoint.add_local_address(now(), std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
    let (sender, mut events) = mpsc::unbounded_channel();
    let (mut driver, handle) = Driver::new(endpoint, Vec::new(), Listener(sender));
    // Reserved not to exist (RFC 6761, section 6.4).
    driver.add_ice_server(IceServerConfig::new(["stun:nothing.invalid"])).unwrap();
    let refused = driver.add_ice_server(IceServerConfig::new(["stun:127.0.0.1", "stun://x"]));
    assert!(matches!(refused, Err(IceServerConfigError::Url { .. })), "{refused:?}");
    // Told before it runs.
    driver.look_up_ice_servers(std::time::Duration::from_secs(20)).await;
    let event = events.try_recv().unwrap();
    assert!(
        matches!(event, NetworkEvent::IceServerFailed { failure: IceServerFailure::Unresolved(_), .. }),
        "{event:?}"
    );

    // And while it runs.
    let _task = tokio::spawn(driver.run());
    handle.add_ice_server(IceServerConfig::new(["stun:localhost:7"])).await.unwrap().unwrap();
    while let Some(event) = events.recv().await {
        if let NetworkEvent::IceServerResolved { addresses, .. } = event {
            assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 7));
            break;
        }
    }
    let refused = handle.add_ice_server(IceServerConfig::new(["turn:localhost"])).await.unwrap();
    assert!(matches!(refused, Err(IceServerConfigError::NoCredential { .. })), "{refused:?}");
}
