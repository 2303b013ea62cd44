use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use drywire::crypto::{CertificateOptions, CertifiedKey};
use drywire::datachannel::ChannelOptions;
use drywire::jsep::{MediaKind, TransceiverInit};
use drywire::rtp::{PayloadType, SequenceNumber};
use drywire::{EndpointConfig, Extensions, KeyframeRequest, Path, RtpPacket, Transmit, WallClock, ice};
use drywire_sim::{Link, Network, Node, NodeId, Outcome};

use super::*;

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 5000))
}

fn config() -> Arc<Config> {
    let provider = drywire::default_provider();
    let since_epoch = Duration::from_secs(1_760_000_000);
    let certificate = CertifiedKey::self_signed(&*provider, &CertificateOptions::new(since_epoch)).unwrap();
    let wall_clock = WallClock::new(drywire_sim::origin(), since_epoch);
    Arc::new(Config::new(provider, Arc::new(certificate), wall_clock))
}

/// The echo behind its endpoint, or somebody who talks to it.
enum Machine {
    Server(Box<(Endpoint, Echo)>),
    Client(Box<Client>),
}

struct Client {
    peer: PeerConnection,
    /// Does not read while it is false.
    reads: bool,
    received: Vec<(ChannelId, Message)>,
    packets: Vec<RtpPacket>,
    events: Vec<Event>,
}

impl Client {
    fn new(now: Instant, host: u8) -> Self {
        let mut peer = PeerConnection::new(config(), now, [host; 32]);
        peer.add_local_candidate(now, ice::Candidate::host(address(host), u16::MAX)).unwrap();
        peer.local_candidates_ended();
        Self { peer, reads: true, received: Vec::new(), packets: Vec::new(), events: Vec::new() }
    }

    fn open(&mut self, now: Instant, options: ChannelOptions) -> ChannelId {
        self.peer.create_data_channel(now, options).unwrap()
    }

    fn write(&mut self, now: Instant, id: ChannelId, message: Message) -> Result<(), SendError> {
        self.peer.channel(id).unwrap().write(now, message)
    }

    fn read(&mut self) {
        let ids: Vec<_> = self.peer.channels().map(|(id, _)| id).collect();
        for id in ids {
            while let Some(message) = self.peer.channel(id).and_then(|mut channel| channel.read()) {
                self.received.push((id, message));
            }
        }
    }
}

impl Node for Machine {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        match self {
            Self::Server(server) => server.0.handle_input(now, path, datagram),
            Self::Client(client) => client.peer.handle_input(now, path, datagram),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Server(server) => server.0.handle_timeout(now),
            Self::Client(client) => client.peer.handle_timeout(now),
        }
    }

    fn react(&mut self, now: Instant) {
        match self {
            Self::Server(server) => {
                let (endpoint, echo) = &mut **server;
                while let Some((id, event)) = endpoint.poll_event() {
                    echo.handle_event(now, endpoint, id, event);
                }
            }
            Self::Client(client) => {
                while let Some(event) = client.peer.poll_event() {
                    match event {
                        Event::RtpReceived { packet, .. } => client.packets.push(packet),
                        event => client.events.push(event),
                    }
                }
                if client.reads {
                    client.read();
                }
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Server(server) => server.0.poll_transmit(now, out),
            Self::Client(client) => client.peer.poll_transmit(now, out),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Server(server) => server.0.poll_timeout(),
            Self::Client(client) => client.peer.poll_timeout(),
        }
    }
}

/// A network with an echo at host 1.
struct World {
    network: Network<Machine>,
    server: NodeId,
}

impl World {
    fn new() -> Self {
        let now = drywire_sim::origin();
        let mut endpoint = Endpoint::new(EndpointConfig::default(), now, [1; 32]);
        endpoint.add_local_address(now, address(1));
        let mut network = Network::new(now, [9; 32]);
        network.set_default_link(Link::new().delay(Duration::from_millis(10)));
        let echo = Echo::new(config(), None);
        let server = network.add(Machine::Server(Box::new((endpoint, echo))), &[address(1)]);
        Self { network, server }
    }

    /// Connects a client that `prepare` has set up.
    fn call<T>(&mut self, host: u8, prepare: impl FnOnce(&mut Client, Instant) -> T) -> (NodeId, T) {
        let now = self.network.now();
        let mut client = Client::new(now, host);
        let prepared = prepare(&mut client, now);
        let offer = client.peer.create_offer(now).unwrap();
        client.peer.set_local_description(now, DescriptionType::Offer, &offer).unwrap();
        let (_, answer) = self.with_echo(|now, endpoint, echo| echo.answer(now, endpoint, &offer)).unwrap();
        assert!(answer.to_string().contains("a=end-of-candidates"));
        client.peer.set_remote_description(now, DescriptionType::Answer, &answer).unwrap();
        let id = self.network.add(Machine::Client(Box::new(client)), &[address(host)]);
        self.until(|world| world.client(id).peer.connection_state() == ConnectionState::Connected);
        (id, prepared)
    }

    fn with_echo<T>(&mut self, act: impl FnOnce(Instant, &mut Endpoint, &mut Echo) -> T) -> T {
        let now = self.network.now();
        let Machine::Server(server) = &mut self.network[self.server] else { panic!("not the server") };
        let (endpoint, echo) = &mut **server;
        act(now, endpoint, echo)
    }

    fn sessions(&self) -> Vec<&Session> {
        let Machine::Server(server) = &self.network[self.server] else { panic!("not the server") };
        server.1.sessions.values().collect()
    }

    fn client(&self, id: NodeId) -> &Client {
        let Machine::Client(client) = &self.network[id] else { panic!("not a client") };
        client
    }

    fn with_client<T>(&mut self, id: NodeId, act: impl FnOnce(Instant, &mut Client) -> T) -> T {
        let now = self.network.now();
        let Machine::Client(client) = &mut self.network[id] else { panic!("not a client") };
        act(now, client)
    }

    fn until(&mut self, reached: impl Fn(&Self) -> bool) {
        for _ in 0..6_000 {
            if reached(self) {
                return;
            }
            self.run(Duration::from_millis(20));
        }
        panic!("not within two minutes");
    }

    fn run(&mut self, duration: Duration) {
        assert_ne!(self.network.run_for(duration), Outcome::Reached);
    }
}

#[test]
fn messages_come_back_as_they_were_sent() {
    let mut world = World::new();
    let (client, channels) = world.call(2, |client, now| {
        let unordered = ChannelOptions { ordered: false, ..ChannelOptions::new("unordered") };
        [client.open(now, ChannelOptions::new("ordered")), client.open(now, unordered)]
    });
    let messages = [
        Message::text("Grüße"),
        Message::text(""),
        Message::binary(Bytes::new()),
        Message::binary(vec![0]),
        Message::binary(vec![7; 262_144]),
        Message::text("end"),
    ];
    for message in &messages {
        for id in channels {
            world.with_client(client, |now, client| client.write(now, id, message.clone())).unwrap();
        }
        // One at a time, because the second channel keeps no order.
        let wanted = world.client(client).received.len() + channels.len();
        world.until(|world| world.client(client).received.len() >= wanted);
    }
    for id in channels {
        let received: Vec<_> = world
            .client(client)
            .received
            .iter()
            .filter(|(on, _)| *on == id)
            .map(|(_, message)| message)
            .collect();
        assert_eq!(received, messages.iter().collect::<Vec<_>>());
    }
    assert_eq!(world.sessions()[0].messages_echoed, 12);
}

#[test]
fn a_channel_opened_later_is_echoed_and_a_closed_one_forgotten() {
    let mut world = World::new();
    let (client, first) = world.call(2, |client, now| client.open(now, ChannelOptions::new("first")));
    let later = world.with_client(client, |now, client| client.open(now, ChannelOptions::new("later")));
    world.with_client(client, |now, client| client.write(now, later, Message::text("hello"))).unwrap();
    world.until(|world| world.client(client).received == [(later, Message::text("hello"))]);
    assert_eq!(world.sessions()[0].open_channels(), 2);
    world.with_client(client, |now, client| client.peer.channel(first).unwrap().close(now));
    world.until(|world| world.sessions()[0].open_channels() == 1);
}

#[test]
fn a_peer_that_does_not_read_stops_the_echo_and_nothing_piles_up() {
    let mut world = World::new();
    let (client, id) = world.call(2, |client, now| client.open(now, ChannelOptions::new("greedy")));
    world.with_client(client, |_, client| client.reads = false);
    let message = Message::binary(vec![1; 60_000]);
    let (mut sent, mut idle) = (0, 0);
    while idle < 50 {
        idle += 1;
        while world.with_client(client, |now, client| client.write(now, id, message.clone())).is_ok() {
            sent += 1;
            idle = 0;
            assert!(sent < 2_000, "120 MB were taken for nobody");
        }
        world.run(Duration::from_millis(100));
    }
    world.with_client(client, |_, client| {
        client.reads = true;
        client.read();
    });
    world.until(|world| world.client(client).received.len() == sent);
    assert!(world.client(client).received.iter().all(|received| *received == (id, message.clone())));
}

#[test]
fn packets_and_keyframe_requests_go_back() {
    let mut world = World::new();
    let (client, video) = world.call(2, |client, now| {
        client.peer.add_transceiver(now, MediaKind::Video, TransceiverInit::default()).unwrap()
    });
    let negotiated = world.client(client).peer.transceiver(video).unwrap().negotiated().unwrap();
    let payload_type = PayloadType::new(negotiated.codecs[0].send_payload_type.value()).unwrap();
    // As long as browsers' are, and longer than the datagrams of data channels.
    for (number, len) in (0..).zip([1, 100, 1_130, 1_200, 1_300]) {
        let packet = RtpPacket {
            payload_type,
            marker: number % 2 == 1,
            sequence_number: SequenceNumber(65_534).add(number),
            timestamp: u32::from(number) * 3_000,
            extensions: Extensions::default(),
            payload: Bytes::from(vec![number.to_le_bytes()[0]; len]),
        };
        let sent = packet.clone();
        world.with_client(client, |now, client| client.peer.write_rtp(now, video, sent)).unwrap();
        world.until(|world| world.client(client).packets.last() == Some(&packet));
    }
    let request = KeyframeRequest::Pli;
    world.with_client(client, |now, client| client.peer.request_keyframe(now, video, request)).unwrap();
    let asked = Event::KeyframeRequested { transceiver: video, request };
    world.until(|world| world.client(client).events.contains(&asked));
}

#[test]
fn sessions_that_close_or_vanish_are_freed() {
    let mut world = World::new();
    let open = |client: &mut Client, now| client.open(now, ChannelOptions::new("x"));
    let (closing, _) = world.call(2, open);
    let (vanishing, _) = world.call(3, open);
    let (staying, id) = world.call(4, open);
    assert_eq!(world.sessions().len(), 3);
    world.with_client(closing, |now, client| client.peer.close(now));
    world.until(|world| world.sessions().len() == 2);
    world.network.remove_address(address(3));
    assert_eq!(world.client(vanishing).peer.connection_state(), ConnectionState::Connected);
    // RFC 7675, section 5.1: consent expires after 30 seconds.
    world.run(Duration::from_secs(60));
    assert_eq!(world.sessions().len(), 1);
    assert_eq!(world.with_echo(|_, endpoint, _| endpoint.len()), 1);
    world.with_client(staying, |now, client| client.write(now, id, Message::text("still here"))).unwrap();
    world.until(|world| world.client(staying).received.len() == 1);
}

#[test]
fn an_offer_that_cannot_be_answered_leaves_nothing_behind() {
    let mut world = World::new();
    let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
                 m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
        .parse()
        .unwrap();
    let refused = world.with_echo(|now, endpoint, echo| echo.answer(now, endpoint, &offer));
    assert!(matches!(refused, Err(AnswerError::Refused(_))), "{refused:?}");
    assert!(world.sessions().is_empty());
    assert_eq!(world.with_echo(|_, endpoint, _| endpoint.len()), 0);
}

#[test]
fn a_peer_that_never_connects_is_freed() {
    let mut world = World::new();
    let now = world.network.now();
    let mut client = Client::new(now, 2);
    client.open(now, ChannelOptions::new("never"));
    let offer = client.peer.create_offer(now).unwrap();
    world.with_echo(|now, endpoint, echo| echo.answer(now, endpoint, &offer)).unwrap();
    assert_eq!(world.sessions().len(), 1);
    world.until(|world| world.sessions().is_empty());
    assert_eq!(world.with_echo(|_, endpoint, _| endpoint.len()), 0);
}

#[test]
fn either_side_restarts_ice_by_the_name_of_the_session() {
    let mut world = World::new();
    let (client, channel) = world.call(2, |client, now| client.open(now, ChannelOptions::new("kept")));
    let token = world.sessions()[0].token.clone();
    let first = world.sessions()[0].ufrag.clone();

    let offer = world.with_client(client, |now, client| {
        client.peer.restart_ice(now);
        let offer = client.peer.create_offer(now).unwrap();
        client.peer.set_local_description(now, DescriptionType::Offer, &offer).unwrap();
        offer
    });
    let stranger =
        world.with_echo(|now, endpoint, echo| echo.renegotiate(now, endpoint, &"x".into(), &offer));
    assert!(matches!(stranger, Err(AnswerError::NoSession)));
    let answer =
        world.with_echo(|now, endpoint, echo| echo.renegotiate(now, endpoint, &token, &offer)).unwrap();
    world.with_client(client, |now, client| {
        client.peer.set_remote_description(now, DescriptionType::Answer, &answer).unwrap();
    });
    world.run(Duration::from_secs(2));
    let second = world.sessions()[0].ufrag.clone();
    assert_ne!(first, second);

    let offer = world.with_echo(|now, endpoint, echo| echo.restart(now, endpoint, &token)).unwrap();
    let answer = world.with_client(client, |now, client| client.peer.accept_offer(now, &offer).unwrap());
    world.with_echo(|now, endpoint, echo| echo.accept(now, endpoint, &token, &answer)).unwrap();
    world.run(Duration::from_secs(2));
    assert_ne!(world.sessions()[0].ufrag, second);
    assert_eq!(world.sessions().len(), 1);

    world.with_client(client, |now, client| client.write(now, channel, Message::text("here"))).unwrap();
    world.until(|world| world.client(client).received == [(channel, Message::text("here"))]);
}
