//! Two applications around peer connections, on the virtual network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use drywire::datachannel::{ChannelId, ChannelOptions, Message, SendError};
use drywire::{Config, ConnectionState, Event, Path, PeerConnection, RtpPacket, Transmit, WallClock};
use drywire::{crypto, ice, jsep};
use drywire_sim::{Network, Node, NodeId, Outcome};

/// The configuration of all peers of a test program: one certificate is enough.
pub static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(config()));

pub fn config() -> Config {
    config_of(drywire::default_provider())
}

/// The configuration of a peer with this backend.
pub fn config_of(provider: Arc<dyn crypto::Provider>) -> Config {
    let since_epoch = Duration::from_secs(1_760_000_000);
    let options = crypto::CertificateOptions::new(since_epoch);
    let certificate = crypto::CertifiedKey::self_signed(&*provider, &options).expect("a certificate");
    Config::new(provider, Arc::new(certificate), WallClock::new(drywire_sim::origin(), since_epoch))
}

pub fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 5000))
}

/// What an application does with what it receives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Sends messages and media back.
    Echo,
    /// Keeps them.
    Keep,
}

/// An application around a peer connection.
pub struct Peer {
    pub connection: PeerConnection,
    manner: Manner,
    reading: bool,
    pub events: Vec<Event>,
    pub messages: BTreeMap<ChannelId, Vec<Message>>,
    pub packets: Vec<(jsep::TransceiverId, RtpPacket)>,
    /// The most datagrams that were sent at once.
    pub longest_train: usize,
    /// Messages that wait for room in their channel.
    unsent: BTreeMap<ChannelId, Vec<Message>>,
}

impl Peer {
    pub fn new(config: &Arc<Config>, manner: Manner, host: u8, seed: [u8; 32], now: Instant) -> Self {
        let mut connection = PeerConnection::new(config.clone(), now, seed);
        let candidate = ice::Candidate::host(address(host), u16::MAX);
        connection.add_local_candidate(now, candidate).expect("a host candidate");
        connection.local_candidates_ended();
        Self {
            connection,
            manner,
            reading: true,
            events: Vec::new(),
            messages: BTreeMap::new(),
            packets: Vec::new(),
            longest_train: 1,
            unsent: BTreeMap::new(),
        }
    }

    /// Makes an offer, and uses it.
    pub fn offer(&mut self, now: Instant) -> jsep::SessionDescription {
        let offer = self.connection.create_offer(now).expect("an offer");
        self.connection
            .set_local_description(now, jsep::DescriptionType::Offer, &offer)
            .expect("our own offer");
        offer
    }

    /// Makes an answer, and uses it.
    pub fn answer(&mut self, now: Instant) -> jsep::SessionDescription {
        let answer = self.connection.create_answer(now).expect("an answer");
        self.connection
            .set_local_description(now, jsep::DescriptionType::Answer, &answer)
            .expect("our own answer");
        answer
    }

    /// Takes a description of the other side.
    pub fn take(
        &mut self,
        now: Instant,
        kind: jsep::DescriptionType,
        description: &jsep::SessionDescription,
    ) {
        self.connection.set_remote_description(now, kind, description).expect("their description");
    }

    pub fn is_connected(&self) -> bool {
        self.connection.connection_state() == ConnectionState::Connected
    }

    pub fn messages(&self, id: ChannelId) -> &[Message] {
        self.messages.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Sends a message as soon as the channel takes it.
    pub fn send(&mut self, now: Instant, id: ChannelId, message: Message) {
        self.unsent.entry(id).or_default().push(message);
        self.send_waiting(now, id);
    }

    fn send_waiting(&mut self, now: Instant, id: ChannelId) {
        let Some(waiting) = self.unsent.get_mut(&id) else { return };
        let Some(mut channel) = self.connection.channel(id) else { return };
        while let Some(message) = waiting.first() {
            match channel.write(now, message.clone()) {
                Ok(()) => drop(waiting.remove(0)),
                Err(SendError::Full) => return,
                Err(error) => panic!("a message was refused: {error}"),
            }
        }
    }

    /// Whether messages are read as they come.
    pub fn set_reading(&mut self, reading: bool) {
        self.reading = reading;
    }

    fn read(&mut self, now: Instant, id: ChannelId) {
        // An echo that cannot send does not read: so the sender is slowed, and nothing piles up.
        while self.reading && self.unsent.get(&id).is_none_or(Vec::is_empty) {
            let Some(message) = self.connection.channel(id).and_then(|mut channel| channel.read()) else {
                return;
            };
            match self.manner {
                Manner::Echo => self.send(now, id, message),
                Manner::Keep => self.messages.entry(id).or_default().push(message),
            }
        }
    }
}

impl Node for Peer {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        self.connection.handle_input(now, path, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }

    fn react(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match &event {
                Event::DataChannelReadable(id) => self.read(now, *id),
                Event::DataChannelBufferedAmountLow(id) => {
                    self.send_waiting(now, *id);
                    self.read(now, *id);
                }
                Event::RtpReceived { transceiver, packet, .. } => {
                    if self.manner == Manner::Echo {
                        self.connection
                            .write_rtp(now, *transceiver, packet.clone())
                            .expect("room for a packet");
                    }
                    self.packets.push((*transceiver, packet.clone()));
                    continue;
                }
                _ => {}
            }
            self.events.push(event);
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let transmit = self.connection.poll_transmit(now, out)?;
        let train = transmit.segment_size.map_or(1, |size| transmit.len.div_ceil(size));
        self.longest_train = self.longest_train.max(train);
        Some(transmit)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }
}

/// A network with an offerer, set up by `prepare`, and an echo that answered it.
pub fn call<T>(
    seed: u8,
    prepare: impl FnOnce(&mut Peer, Instant) -> T,
) -> (Network<Peer>, NodeId, NodeId, T) {
    call_with(&CONFIG, &CONFIG, [seed; 32], prepare)
}

/// As [`call`], with the configurations of the offerer and of the echo.
pub fn call_with<T>(
    offerer: &Arc<Config>,
    answerer: &Arc<Config>,
    seed: [u8; 32],
    prepare: impl FnOnce(&mut Peer, Instant) -> T,
) -> (Network<Peer>, NodeId, NodeId, T) {
    let now = drywire_sim::origin();
    let mut offering = Peer::new(offerer, Manner::Keep, 1, seed, now);
    let answering = Peer::new(answerer, Manner::Echo, 2, seed.map(|byte| !byte), now);
    let prepared = prepare(&mut offering, now);
    let mut network = Network::new(now, seed);
    let offering = network.add(offering, &[address(1)]);
    let answering = network.add(answering, &[address(2)]);
    negotiate(&mut network, offering, answering);
    (network, offering, answering, prepared)
}

/// One round of offer and answer. The echo sends on whatever the offerer sends on.
pub fn negotiate(network: &mut Network<Peer>, offering: NodeId, answering: NodeId) {
    let now = network.now();
    let offer = network[offering].offer(now);
    let echo = &mut network[answering];
    echo.take(now, jsep::DescriptionType::Offer, &offer);
    let transceivers: Vec<_> = echo.connection.transceivers().map(jsep::Transceiver::id).collect();
    for id in transceivers {
        echo.connection.set_direction(id, jsep::Direction::SendRecv).expect("a direction");
    }
    let answer = echo.answer(now);
    network[offering].take(now, jsep::DescriptionType::Answer, &answer);
}

/// The description of somebody with another certificate.
pub fn with_another_fingerprint(description: &jsep::SessionDescription) -> jsep::SessionDescription {
    let text = description.to_string();
    let at = text.find("a=fingerprint:sha-256 ").expect("a fingerprint") + "a=fingerprint:sha-256 ".len();
    let forged = format!("{}{}{}", &text[..at], ["00"; 32].join(":"), &text[at + 95..]);
    forged.parse().expect("a description")
}

/// Lets virtual time pass until a peer is connected.
pub fn connected(network: &mut Network<Peer>, id: NodeId) {
    let outcome = network.run_until(|network| network[id].is_connected(), Duration::from_secs(10));
    assert_eq!(outcome, Outcome::Reached);
}

/// Lets virtual time pass. A node that spins or floods fails the test.
pub fn pass<N: Node>(network: &mut Network<N>, duration: Duration) {
    let outcome = network.run_for(duration);
    assert!(matches!(outcome, Outcome::Limit | Outcome::Idle), "{outcome:?}");
}

pub fn open(peer: &mut Peer, now: Instant, label: &str, ordered: bool) -> ChannelId {
    let options = ChannelOptions { label: label.into(), ordered, ..ChannelOptions::default() };
    peer.connection.create_data_channel(now, options).expect("a channel")
}

pub fn text(text: impl Into<String>) -> Message {
    Message::text(text)
}

pub fn binary(len: usize) -> Message {
    Message::binary(Bytes::from(
        (0_usize..len).map(|at| (at * 7 + at / 251).to_le_bytes()[0]).collect::<Vec<u8>>(),
    ))
}
