//! str0m, in process and in virtual time: as offerer and as answerer, with DTLS 1.2 and 1.3. Whoever offers sends data
//! and media; whoever answers sends them back.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use ::str0m::config::DtlsVersion;
use ::str0m::crypto::dtls::ProtocolVersion;
use ::str0m::media::{Direction as TheirDirection, MediaKind as TheirKind, MediaTime, Mid};
use ::str0m::net::{Protocol as TheirProtocol, Receive};
use ::str0m::{Candidate, Event as TheirEvent, Input, Output, Rtc};
use bytes::{Bytes, BytesMut};
use drywire::datachannel::{ChannelId, ChannelOptions, Message, MessageKind, SendError};
use drywire::dtls::Version;
use drywire::jsep::{DescriptionType, Direction, MediaKind, Transceiver, TransceiverId, TransceiverInit};
use drywire::rtp::{PayloadType, SequenceNumber};
use drywire::{
    Config, ConnectionState, Event, Extensions, Path, PeerConnection, RtpPacket, Transmit, WallClock, crypto,
    ice,
};
use drywire_sim::{Link, Network, Node, NodeId, Outcome};

/// Packets of audio that are sent, one each 20 ms.
const PACKETS: u8 = 50;

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 5000))
}

/// What is sent: text is `false`. No empty messages: str0m loses them.
fn messages() -> Vec<(bool, Vec<u8>)> {
    let binary = |size: usize| (true, (0..size).map(|i| (i % 251).to_le_bytes()[0]).collect());
    let mut messages = vec![(false, "Grüße, 世界".as_bytes().to_vec()), (true, b"\0".to_vec())];
    messages.extend([1, 1_150, 1_200, 1_201, 16_384, 65_535, 65_536, 100_000].map(binary));
    messages.extend((0..100).map(|i| (false, format!("message {i}").into_bytes())));
    messages
}

fn payload(number: u8) -> Vec<u8> {
    vec![number; 80]
}

/// What both stacks do as applications.
#[derive(Default)]
struct Application {
    /// Sends back what comes; otherwise keeps it.
    echoes: bool,
    unsent: VecDeque<(bool, Vec<u8>)>,
    messages: Vec<(bool, Vec<u8>)>,
    payloads: Vec<Vec<u8>>,
}

impl Application {
    fn received(&mut self, message: (bool, Vec<u8>)) {
        if self.echoes {
            self.unsent.push_back(message);
        } else {
            self.messages.push(message);
        }
    }
}

enum Peer {
    Ours(Box<Ours>),
    Theirs(Box<Theirs>),
}

struct Ours {
    connection: PeerConnection,
    application: Application,
    channel: Option<ChannelId>,
    transceiver: Option<TransceiverId>,
}

struct Theirs {
    rtc: Rtc,
    application: Application,
    channel: Option<::str0m::channel::ChannelId>,
    mid: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    outgoing: VecDeque<::str0m::net::Transmit>,
    timeout: Option<Instant>,
    start: Instant,
}

impl Ours {
    fn new(now: Instant) -> Self {
        let provider = drywire::default_provider();
        let since_epoch = Duration::from_secs(1_760_000_000);
        let options = crypto::CertificateOptions::new(since_epoch);
        let certificate = crypto::CertifiedKey::self_signed(&*provider, &options).unwrap();
        let wall_clock = WallClock::new(now, since_epoch);
        let config = Arc::new(Config::new(provider, Arc::new(certificate), wall_clock));
        let mut connection = PeerConnection::new(config, now, [3; 32]);
        connection.add_local_candidate(now, ice::Candidate::host(address(1), u16::MAX)).unwrap();
        connection.local_candidates_ended();
        Self { connection, application: Application::default(), channel: None, transceiver: None }
    }

    fn offer(&mut self, now: Instant) -> String {
        self.application.unsent = messages().into();
        self.transceiver =
            Some(self.connection.add_transceiver(now, MediaKind::Audio, TransceiverInit::default()).unwrap());
        let options = ChannelOptions::new("ours");
        self.channel = Some(self.connection.create_data_channel(now, options).unwrap());
        let offer = self.connection.create_offer(now).unwrap();
        self.connection.set_local_description(now, DescriptionType::Offer, &offer).unwrap();
        offer.to_string()
    }

    fn answer(&mut self, now: Instant, offer: &str) -> String {
        self.application.echoes = true;
        let offer = offer.parse().unwrap();
        self.connection.set_remote_description(now, DescriptionType::Offer, &offer).unwrap();
        let transceivers: Vec<_> = self.connection.transceivers().map(Transceiver::id).collect();
        for id in transceivers {
            self.connection.set_direction(id, Direction::SendRecv).unwrap();
        }
        let answer = self.connection.create_answer(now).unwrap();
        self.connection.set_local_description(now, DescriptionType::Answer, &answer).unwrap();
        answer.to_string()
    }

    fn take_answer(&mut self, now: Instant, answer: &str) {
        let answer = answer.parse().unwrap();
        self.connection.set_remote_description(now, DescriptionType::Answer, &answer).unwrap();
    }

    fn send_audio(&mut self, now: Instant, number: u8) {
        let id = self.transceiver.unwrap();
        let negotiated = self.connection.transceiver(id).unwrap().negotiated().unwrap();
        let payload_type = PayloadType::new(negotiated.codecs[0].send_payload_type.value()).unwrap();
        let packet = RtpPacket {
            payload_type,
            marker: false,
            sequence_number: SequenceNumber(65_500).add(number.into()),
            timestamp: u32::from(number) * 960,
            extensions: Extensions::default(),
            payload: Bytes::from(payload(number)),
        };
        self.connection.write_rtp(now, id, packet).unwrap();
    }

    fn send_waiting(&mut self, now: Instant) {
        let Some(mut channel) = self.channel.and_then(|id| self.connection.channel(id)) else { return };
        while let Some((binary, data)) = self.application.unsent.front() {
            let message = match *binary {
                true => Message::binary(data.clone()),
                false => Message::text(String::from_utf8(data.clone()).unwrap()),
            };
            match channel.write(now, message) {
                Ok(()) => drop(self.application.unsent.pop_front()),
                Err(SendError::Full) => return,
                Err(error) => panic!("a message was refused: {error}"),
            }
        }
    }

    fn react(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::DataChannelAnnounced(id) => self.channel = Some(id),
                Event::DataChannelReadable(id) => {
                    while let Some(message) =
                        self.connection.channel(id).and_then(|mut channel| channel.read())
                    {
                        let binary = message.kind() == MessageKind::Binary;
                        self.application.received((binary, message.data().to_vec()));
                    }
                }
                Event::RtpReceived { transceiver, packet, .. } if self.application.echoes => {
                    self.connection.write_rtp(now, transceiver, packet).unwrap();
                }
                Event::RtpReceived { packet, .. } => self.application.payloads.push(packet.payload.to_vec()),
                Event::Closed { reason } => panic!("closed: {reason:?}"),
                _ => {}
            }
        }
        self.send_waiting(now);
    }
}

impl Theirs {
    fn new(now: Instant, version: DtlsVersion) -> Self {
        ::str0m::crypto::from_feature_flags().install_process_default();
        let mut rtc = Rtc::builder().set_dtls_version(version).build(now);
        rtc.add_local_candidate(Candidate::host(address(2), "udp").unwrap()).unwrap();
        Self {
            rtc,
            application: Application::default(),
            channel: None,
            mid: None,
            pending: None,
            outgoing: VecDeque::new(),
            timeout: Some(now),
            start: now,
        }
    }

    fn offer(&mut self) -> String {
        self.application.unsent = messages().into();
        let mut change = self.rtc.sdp_api();
        self.mid = Some(change.add_media(TheirKind::Audio, TheirDirection::SendRecv, None, None, None));
        self.channel = Some(change.add_channel("theirs".into()));
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    fn answer(&mut self, offer: &str) -> String {
        self.application.echoes = true;
        let offer = SdpOffer::from_sdp_string(offer).unwrap();
        self.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string()
    }

    fn take_answer(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
    }

    fn send_audio(&mut self, now: Instant, number: u8) {
        let writer = self.rtc.writer(self.mid.unwrap()).unwrap();
        let pt = writer.payload_params().next().unwrap().pt();
        let time = MediaTime::from(now - self.start);
        writer.write(pt, now, time, payload(number)).unwrap();
        self.timeout = Some(now);
    }

    /// str0m wants its outputs taken until it has none, before it is touched again.
    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.timeout = Some(at);
                    return;
                }
                Output::Transmit(transmit) => self.outgoing.push_back(transmit),
                Output::Event(event) => self.handle_event(event),
            }
        }
    }

    fn handle_event(&mut self, event: TheirEvent) {
        match event {
            TheirEvent::ChannelOpen(id, _) => self.channel = Some(id),
            TheirEvent::ChannelData(data) => self.application.received((data.binary, data.data)),
            TheirEvent::MediaData(media) if self.application.echoes => {
                let writer = self.rtc.writer(media.mid).unwrap();
                writer.write(media.pt, media.network_time, media.time, media.data).unwrap();
            }
            TheirEvent::MediaData(media) => self.application.payloads.push(media.data.to_vec()),
            _ => {}
        }
    }

    fn react(&mut self, now: Instant) {
        self.drain();
        while let Some((binary, data)) = self.application.unsent.front() {
            let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) else { return };
            if !channel.write(*binary, data).unwrap() {
                // There is no room: the next thing that happens is the next chance.
                return;
            }
            self.application.unsent.pop_front();
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.drain();
        }
    }
}

impl Node for Peer {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        match self {
            Self::Ours(ours) => ours.connection.handle_input(now, path, datagram),
            Self::Theirs(theirs) => {
                let received = Receive::new(TheirProtocol::Udp, path.remote, path.local, &datagram).unwrap();
                theirs.rtc.handle_input(Input::Receive(now, received)).unwrap();
                theirs.drain();
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Ours(ours) => ours.connection.handle_timeout(now),
            Self::Theirs(theirs) => {
                theirs.rtc.handle_input(Input::Timeout(now)).unwrap();
                theirs.drain();
            }
        }
    }

    fn react(&mut self, now: Instant) {
        match self {
            Self::Ours(ours) => ours.react(now),
            Self::Theirs(theirs) => theirs.react(now),
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Ours(ours) => ours.connection.poll_transmit(now, out),
            Self::Theirs(theirs) => {
                let transmit = theirs.outgoing.pop_front()?;
                out.extend_from_slice(&transmit.contents);
                let path = Path::udp(transmit.source, transmit.destination);
                Some(Transmit::datagram(path, transmit.contents.len()))
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Ours(ours) => ours.connection.poll_timeout(),
            Self::Theirs(theirs) => theirs.timeout,
        }
    }
}

impl Peer {
    fn is_connected(&self) -> bool {
        match self {
            Self::Ours(ours) => ours.connection.connection_state() == ConnectionState::Connected,
            Self::Theirs(theirs) => theirs.rtc.is_connected(),
        }
    }

    fn application(&self) -> &Application {
        match self {
            Self::Ours(ours) => &ours.application,
            Self::Theirs(theirs) => &theirs.application,
        }
    }

    fn send_audio(&mut self, now: Instant, number: u8) {
        match self {
            Self::Ours(ours) => ours.send_audio(now, number),
            Self::Theirs(theirs) => theirs.send_audio(now, number),
        }
    }
}

/// A call between the two, from the offer to the last message.
fn call(version: DtlsVersion, we_offer: bool) {
    let now = drywire_sim::origin();
    let mut ours = Ours::new(now);
    let mut theirs = Theirs::new(now, version);
    if we_offer {
        let answer = theirs.answer(&ours.offer(now));
        ours.take_answer(now, &answer);
    } else {
        let answer = ours.answer(now, &theirs.offer());
        theirs.take_answer(&answer);
    }
    let mut network = Network::new(now, [5; 32]);
    network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let ours = network.add(Peer::Ours(Box::new(ours)), &[address(1)]);
    let theirs = network.add(Peer::Theirs(Box::new(theirs)), &[address(2)]);
    let offerer = if we_offer { ours } else { theirs };

    let both = |network: &Network<Peer>| network[ours].is_connected() && network[theirs].is_connected();
    assert_eq!(network.run_until(both, Duration::from_secs(10)), Outcome::Reached, "not connected");
    check_version(&mut network, ours, theirs, version);

    for number in 0..PACKETS {
        let now = network.now();
        network[offerer].send_audio(now, number);
        let _ = network.run_for(Duration::from_millis(20));
    }
    let _ = network.run_for(Duration::from_millis(500));
    let came = &network[offerer].application().payloads;
    assert_eq!(*came, (0..PACKETS).map(payload).collect::<Vec<_>>());

    let sent = messages();
    let all = |network: &Network<Peer>| network[offerer].application().messages.len() >= sent.len();
    let outcome = network.run_until(all, Duration::from_secs(60));
    let came = &network[offerer].application().messages;
    assert_eq!(outcome, Outcome::Reached, "{} of {} messages came back", came.len(), sent.len());
    assert!(*came == sent, "the messages came back changed, or in another order");
}

/// Asks both for the version, so that neither can be wrong alone.
fn check_version(network: &mut Network<Peer>, ours: NodeId, theirs: NodeId, version: DtlsVersion) {
    let (wanted, wanted_theirs) = match version {
        DtlsVersion::Dtls13 => (Version::Dtls13, ProtocolVersion::DTLS1_3),
        _ => (Version::Dtls12, ProtocolVersion::DTLS1_2),
    };
    if let Peer::Theirs(theirs) = &mut network[theirs] {
        assert_eq!(theirs.rtc.direct_api().dtls_protocol_version(), Some(wanted_theirs));
    }
    if let Peer::Ours(ours) = &network[ours] {
        assert_eq!(ours.connection.stats().dtls.map(|info| info.version), Some(wanted));
    }
}

#[test]
fn dtls_1_2_str0m_offers() {
    call(DtlsVersion::Dtls12, false);
}

#[test]
fn dtls_1_2_we_offer() {
    call(DtlsVersion::Dtls12, true);
}

#[test]
fn dtls_1_3_str0m_offers() {
    call(DtlsVersion::Dtls13, false);
}

#[test]
fn dtls_1_3_we_offer() {
    call(DtlsVersion::Dtls13, true);
}
