use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use drywire::crypto::{CertificateOptions, CertifiedKey};
use drywire::datachannel::{ChannelId, ChannelOptions, Message, SendError};
use drywire::ice::Candidate;
use drywire::jsep::DescriptionType;
use drywire::{Config, Duration, Event, Instant, Path, PeerConnection, WallClock};

use crate::{MESSAGE, POOL};

/// Two drywire peers in memory, with one data channel.
pub(crate) struct DrywirePair {
    sides: [Side; 2],
    now: Instant,
    /// What is on the way: to whom, the path as the receiver sees it, the bytes.
    queue: VecDeque<(usize, Path, BytesMut)>,
    /// Where datagrams are received into: a buffer that is used again when nobody holds a part of it any more.
    pool: BytesMut,
    out: Vec<u8>,
    message: Bytes,
    /// Whether a side is given all that is on the way before it is polled, as with a socket that reads batches.
    batching: bool,
    pub(crate) datagrams: u32,
}

struct Side {
    peer: PeerConnection,
    channel: Option<ChannelId>,
    received: usize,
}

impl DrywirePair {
    /// Connects, with `window` bytes of send buffer.
    pub(crate) fn new(window: usize, batching: bool) -> Self {
        let now = drywire_sim::origin();
        let provider = drywire::default_provider();
        let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
        let certificate = CertifiedKey::self_signed(&*provider, &options).expect("a certificate");
        let clock = WallClock::new(now, Duration::from_secs(1_750_000_000));
        let mut config = Config::new(provider, Arc::new(certificate), clock);
        config.data.sctp.send_buffer = window;
        let config = Arc::new(config);

        let path = Path::udp(([192, 0, 2, 1], 1000).into(), ([192, 0, 2, 2], 2000).into());
        let side = |path: Path, seed| {
            let mut peer = PeerConnection::new(config.clone(), now, [seed; 32]);
            peer.add_local_candidate(now, Candidate::host(path.local, 65_535)).expect("a host candidate");
            Side { peer, channel: None, received: 0 }
        };
        let mut sides = [side(path, 1), side(path.reversed(), 2)];
        sides[0].peer.create_data_channel(now, ChannelOptions::new("bench")).expect("a channel");
        let offer = sides[0].peer.create_offer(now).expect("an offer");
        sides[0].peer.set_local_description(now, DescriptionType::Offer, &offer).expect("our offer");
        let answer = sides[1].peer.accept_offer(now, &offer).expect("an answer");
        sides[0].peer.set_remote_description(now, DescriptionType::Answer, &answer).expect("its answer");
        let message = Bytes::from(vec![0x5a; usize::try_from(MESSAGE).expect("a size")]);
        let mut pair = Self {
            sides,
            now,
            queue: VecDeque::new(),
            pool: BytesMut::new(),
            out: Vec::with_capacity(1 << 16),
            message,
            batching,
            datagrams: 0,
        };
        while pair.sides.iter().any(|side| side.channel.is_none()) {
            pair.step();
        }
        pair
    }

    /// Sends `count` messages one way, and waits for them.
    pub(crate) fn transfer(&mut self, count: u32) {
        let all = self.sides[1].received + self.message.len() * usize::try_from(count).expect("a count");
        let mut left = count;
        while self.sides[1].received < all {
            while left > 0 && self.write() {
                left -= 1;
            }
            self.drain(0);
            self.step();
        }
    }

    fn write(&mut self) -> bool {
        let side = &mut self.sides[0];
        let Some(mut channel) = side.channel.and_then(|id| side.peer.channel(id)) else { return false };
        match channel.write(self.now, Message::binary(self.message.clone())) {
            Ok(()) => true,
            Err(SendError::Full) => false,
            Err(error) => panic!("the channel is not open: {error}"),
        }
    }

    /// Delivers what is on the way; if nothing is, lets time pass to the next timeout.
    fn step(&mut self) {
        if self.queue.is_empty() {
            let next = self.sides.iter().filter_map(|side| side.peer.poll_timeout()).min();
            self.now = next.unwrap_or(self.now).max(self.now) + Duration::from_micros(1);
            for side in [0, 1] {
                self.sides[side].peer.handle_timeout(self.now);
                self.drain(side);
            }
        }
        while let Some((to, path, datagram)) = self.queue.pop_front() {
            self.sides[to].peer.handle_input(self.now, path, datagram);
            let more = self.batching && self.queue.front().is_some_and(|(next, _, _)| *next == to);
            if !more {
                self.drain(to);
            }
        }
    }

    fn drain(&mut self, side: usize) {
        loop {
            self.out.clear();
            let Some(transmit) = self.sides[side].peer.poll_transmit(self.now, &mut self.out) else { break };
            for segment in self.out.chunks(transmit.segment_size.unwrap_or(transmit.len)) {
                self.datagrams += 1;
                if self.pool.capacity() < segment.len() {
                    self.pool.reserve(POOL);
                }
                self.pool.extend_from_slice(segment);
                self.queue.push_back((1 - side, transmit.path.reversed(), self.pool.split()));
            }
        }
        while let Some(event) = self.sides[side].peer.poll_event() {
            match event {
                Event::DataChannelOpened(id) | Event::DataChannelAnnounced(id) => {
                    self.sides[side].channel = Some(id)
                }
                Event::DataChannelReadable(id) => {
                    let Side { peer, received, .. } = &mut self.sides[side];
                    let Some(mut channel) = peer.channel(id) else { continue };
                    while let Some(message) = channel.read() {
                        *received += message.data().len();
                    }
                }
                Event::Closed { reason } => panic!("closed: {reason:?}"),
                _ => {}
            }
        }
    }
}
