//! Two drivers on the loopback interface: a call, from the offer to the end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test expects and does not find is a failure")]

use std::sync::Arc;

use drywire::datachannel::{ChannelOptions, Message};
use drywire::jsep::DescriptionType;
use drywire::{Config, ConnectionState, Duration, Endpoint, EndpointConfig, Event, Instant, PeerId, crypto};
use drywire_tokio::{Driver, Handle, Socket, Stopped, host_addresses, now, since_epoch, wall_clock};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What the applications of these tests tell.
type Events = mpsc::UnboundedReceiver<(PeerId, Event)>;

fn config() -> Arc<Config> {
    let provider = drywire::default_provider();
    let options = crypto::CertificateOptions::new(since_epoch());
    let certificate = crypto::CertifiedKey::self_signed(&*provider, &options).unwrap();
    Arc::new(Config::new(provider, Arc::new(certificate), wall_clock()))
}

/// Tells all events, but those of messages that it sends back.
struct App {
    echoes: bool,
    events: mpsc::UnboundedSender<(PeerId, Event)>,
}

impl drywire_tokio::Application for App {
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, id: PeerId, event: Event) {
        if let (true, Event::DataChannelReadable(channel)) = (self.echoes, &event) {
            let mut peer = endpoint.peer_mut(id).unwrap();
            let mut channel = peer.channel(*channel).unwrap();
            while let Some(message) = channel.read() {
                channel.write(now, message).unwrap();
            }
        } else {
            // The test may be over.
            let _ = self.events.send((id, event));
        }
    }
}

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

async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> PeerId {
    let waiting = async {
        loop {
            let (peer, event) = events.recv().await.unwrap();
            if wanted(&event) {
                return peer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap()
}

#[tokio::test]
async fn a_call_through_sockets() {
    // One on a wildcard, whose path has to be learnt, and one on an address of its own.
    let (left, mut left_events, left_task) = start("0.0.0.0:0", false);
    let (right, mut right_events, right_task) = start("127.0.0.1:0", true);

    let (id, offer) = left
        .call(|now, endpoint, _| {
            let id = endpoint.create_peer(now, config()).unwrap();
            let mut peer = endpoint.peer_mut(id).unwrap();
            peer.create_data_channel(now, ChannelOptions::new("test")).unwrap();
            let offer = peer.create_offer(now).unwrap();
            peer.set_local_description(now, DescriptionType::Offer, &offer).unwrap();
            (id, offer)
        })
        .await
        .unwrap();
    let answer = right
        .call(move |now, endpoint, _| {
            let id = endpoint.create_peer(now, config()).unwrap();
            endpoint.peer_mut(id).unwrap().accept_offer(now, &offer).unwrap()
        })
        .await
        .unwrap();
    left.call(move |now, endpoint, _| {
        let mut peer = endpoint.peer_mut(id).unwrap();
        peer.set_remote_description(now, DescriptionType::Answer, &answer).unwrap();
    })
    .await
    .unwrap();

    let is_connected = |event: &Event| *event == Event::ConnectionStateChanged(ConnectionState::Connected);
    until(&mut left_events, is_connected).await;
    until(&mut right_events, is_connected).await;
    let path = left.call(move |_, endpoint, _| endpoint.peer(id).unwrap().path()).await.unwrap().unwrap();
    assert!(!path.local.ip().is_unspecified(), "{path}");
    assert!(path.remote.ip().is_loopback(), "{path}");

    until(&mut left_events, |event| matches!(event, Event::DataChannelOpened(_))).await;
    let sent = Message::binary(vec![7; 200_000]);
    let message = sent.clone();
    let channel = left
        .call(move |now, endpoint, _| {
            let mut peer = endpoint.peer_mut(id).unwrap();
            let channel = peer.channels().next().unwrap().0;
            peer.channel(channel).unwrap().write(now, message).unwrap();
            channel
        })
        .await
        .unwrap();
    until(&mut left_events, |event| *event == Event::DataChannelReadable(channel)).await;
    let received = left.call(move |_, endpoint, _| endpoint.peer_mut(id)?.channel(channel)?.read());
    assert_eq!(received.await.unwrap(), Some(sent));

    left.call(move |now, endpoint, _| endpoint.peer_mut(id).unwrap().close(now)).await.unwrap();
    until(&mut right_events, |event| matches!(event, Event::Closed { .. })).await;

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
