//! What the tests of drivers share: an application, and a call from the offer to the end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test expects and does not find is a failure")]
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::sync::Arc;

use drywire::datachannel::{ChannelOptions, Message};
use drywire::jsep::DescriptionType;
use drywire::{Config, ConnectionState, Duration, Endpoint, Event, Instant, Path, PeerId, crypto};
use drywire_tokio::{Handle, since_epoch, wall_clock};
use tokio::sync::mpsc;

/// What the applications of these tests tell.
pub type Events = mpsc::UnboundedReceiver<(PeerId, Event)>;

pub fn config() -> Arc<Config> {
    let provider = drywire::default_provider();
    let options = crypto::CertificateOptions::new(since_epoch());
    let certificate = crypto::CertifiedKey::self_signed(&*provider, &options).unwrap();
    Arc::new(Config::new(provider, Arc::new(certificate), wall_clock()))
}

/// Tells all events, but those of messages that it sends back.
pub struct App {
    pub echoes: bool,
    pub events: mpsc::UnboundedSender<(PeerId, Event)>,
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

pub async fn until(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> PeerId {
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

/// A call of a peer whose application echoes, from the offer to the end, by candidates that are all known; the path it took.
pub async fn call(
    (left, mut left_events): (&Handle<App>, Events),
    (right, mut right_events): (&Handle<App>, Events),
) -> Path {
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

    path
}
