use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use drywire::crypto::{CertificateOptions, CertifiedKey};
use drywire::datachannel::{ChannelId, ChannelOptions, Message, SendError};
use drywire::ice::Candidate;
use drywire::jsep::DescriptionType;
use drywire::{Config, Duration, Event, Instant, Path, PeerConnection, WallClock};

use crate::engine::{Engine, Options, Pool};

/// The whole stack of drywire.
pub(crate) struct DrywireStack {
    peer: PeerConnection,
    path: Path,
    /// Those that are open.
    channels: Vec<ChannelId>,
    /// With how many it is connected.
    pub(crate) expected: usize,
}

impl DrywireStack {
    pub(crate) fn config(options: &Options, now: Instant) -> Config {
        let provider = drywire::default_provider();
        let validity = CertificateOptions::new(Duration::from_secs(1_750_000_000));
        let certificate = CertifiedKey::self_signed(&*provider, &validity).expect("a certificate");
        let clock = WallClock::new(now, Duration::from_secs(1_750_000_000));
        let mut config = Config::new(provider, Arc::new(certificate), clock);
        config.data.sctp.send_buffer = options.window;
        config.data.sctp.receive_window = options.receive_window;
        config
    }

    pub(crate) fn peer(&mut self) -> &mut PeerConnection {
        &mut self.peer
    }

    pub(crate) fn into_peer(self) -> PeerConnection {
        self.peer
    }
}

impl Engine for DrywireStack {
    const NAME: &'static str = "drywire";
    type Packet = BytesMut;

    fn pair(options: &Options, now: Instant) -> [Self; 2] {
        let config = Arc::new(Self::config(options, now));
        let path = Path::udp(([192, 0, 2, 1], 1000).into(), ([192, 0, 2, 2], 2000).into());
        let [a, b] = options.seeds();
        let mut sides = [(path, a), (path.reversed(), b)].map(|(path, seed)| {
            let mut peer = PeerConnection::new(config.clone(), now, seed);
            peer.add_local_candidate(now, Candidate::host(path.local, 65_535)).expect("a host candidate");
            Self { peer, path, channels: Vec::new(), expected: options.channels.into() }
        });
        for _ in 0..options.channels {
            sides[0].peer.create_data_channel(now, ChannelOptions::new("bench")).expect("a channel");
        }
        let offer = sides[0].peer.create_offer(now).expect("an offer");
        sides[0].peer.set_local_description(now, DescriptionType::Offer, &offer).expect("our offer");
        let answer = sides[1].peer.accept_offer(now, &offer).expect("an answer");
        sides[0].peer.set_remote_description(now, DescriptionType::Answer, &answer).expect("its answer");
        sides
    }

    fn is_connected(&self) -> bool {
        self.channels.len() == self.expected
    }

    fn write(&mut self, now: Instant, channel: u16, message: &Bytes) -> bool {
        let id = self.channels.get(usize::from(channel)).copied();
        let Some(mut channel) = id.and_then(|id| self.peer.channel(id)) else { return false };
        match channel.write(now, Message::binary(message.clone())) {
            Ok(()) => true,
            Err(SendError::Full) => false,
            Err(error) => panic!("the channel is not open: {error}"),
        }
    }

    fn read(&mut self, _now: Instant) -> usize {
        let mut read = 0;
        while let Some(event) = self.peer.poll_event() {
            match event {
                Event::DataChannelOpened(id) | Event::DataChannelAnnounced(id) => self.channels.push(id),
                Event::DataChannelReadable(id) => {
                    let Some(mut channel) = self.peer.channel(id) else { continue };
                    while let Some(message) = channel.read() {
                        read += message.data().len();
                    }
                }
                Event::Closed { reason } => panic!("closed: {reason:?}"),
                _ => {}
            }
        }
        read
    }

    fn handle_input(&mut self, now: Instant, packet: BytesMut) {
        self.peer.handle_input(now, self.path, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.peer.handle_timeout(now);
    }

    fn transmit(&mut self, now: Instant, pool: &mut Pool, sent: &mut VecDeque<BytesMut>) -> bool {
        pool.out.clear();
        let Some(transmit) = self.peer.poll_transmit(now, &mut pool.out) else { return false };
        pool.split(transmit.segment_size.unwrap_or(transmit.len), |datagram| sent.push_back(datagram));
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.peer.poll_timeout()
    }
}
