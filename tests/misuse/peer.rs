//! The whole stack: peer connections, negotiated with each other or not at all.

use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::{Bytes, BytesMut};
use drywire::crypto::{CertificateOptions, CertifiedKey};
use drywire::datachannel::{ChannelId, ChannelOptions, Message};
use drywire::ice::Candidate;
use drywire::jsep::{DescriptionType, Direction, MediaKind, TransceiverId, TransceiverInit};
use drywire::rtp::{PayloadType, SequenceNumber};
use drywire::sdp::SessionDescription;
use drywire::{
    Config, ConnectionState, Event, Extensions, KeyframeRequest, PeerConnection, RtpPacket, WallClock,
};
use drywire_core::{Duration, Instant, Path, Rng};

use crate::drive::{Drive, path};
use crate::machine::Machine;

/// What the signalling carries: who sent it, what it is, and the text.
pub(crate) type Signalled = Arc<Mutex<Vec<(usize, DescriptionType, String)>>>;

pub(crate) struct Peer {
    pub(crate) peer: PeerConnection,
    side: usize,
    signalled: Signalled,
    channels: Vec<ChannelId>,
    transceivers: Vec<TransceiverId>,
    connected: bool,
    arrived: bool,
}

/// One configuration for all, with DTLS inside STUN and without: the certificate costs most.
pub(crate) fn config(start: Instant, sped: bool) -> Arc<Config> {
    static CONFIG: OnceLock<[Arc<Config>; 2]> = OnceLock::new();
    let configs = CONFIG.get_or_init(|| {
        let provider = drywire::default_provider();
        let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
        let certificate = Arc::new(CertifiedKey::self_signed(&*provider, &options).unwrap());
        let clock = WallClock::new(start, Duration::from_secs(1_750_000_000));
        [false, true].map(|sped| {
            let mut config = Config::new(provider.clone(), certificate.clone(), clock);
            config.sped = sped;
            Arc::new(config)
        })
    });
    configs[usize::from(sped)].clone()
}

impl Peer {
    fn own_address(&self) -> std::net::SocketAddr {
        if self.side == 0 { path(0).local } else { path(0).remote }
    }

    fn offer(&mut self, now: Instant) {
        let Ok(offer) = self.peer.create_offer(now) else { return };
        if self.peer.set_local_description(now, DescriptionType::Offer, &offer).is_ok() {
            self.signalled.lock().unwrap().push((self.side, DescriptionType::Offer, offer.to_string()));
        }
    }

    fn answer(&mut self, now: Instant) {
        let Ok(answer) = self.peer.create_answer(now) else { return };
        if self.peer.set_local_description(now, DescriptionType::Answer, &answer).is_ok() {
            self.signalled.lock().unwrap().push((self.side, DescriptionType::Answer, answer.to_string()));
        }
    }

    /// Takes the open offer back, whoever made it.
    fn roll_back(&mut self, now: Instant, rng: &mut Rng) {
        let nothing =
            SessionDescription::from_str("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n").unwrap();
        let _ = match rng.below(2) {
            0 => self.peer.set_local_description(now, DescriptionType::Rollback, &nothing),
            _ => self.peer.set_remote_description(now, DescriptionType::Rollback, &nothing),
        };
    }

    /// Takes the newest description of the other side, or any one.
    fn receive(&mut self, now: Instant, rng: &mut Rng) {
        let signalled = self.signalled.lock().unwrap().clone();
        let newest = signalled.iter().rev().find(|(side, _, _)| *side != self.side);
        let any = signalled.get(usize::try_from(rng.below(20)).unwrap());
        let Some((_, kind, text)) = (if rng.below(4) == 0 { any } else { newest }) else { return };
        let description = SessionDescription::from_str(text).unwrap();
        let _ = self.peer.set_remote_description(now, *kind, &description);
    }

    fn write(&mut self, now: Instant, rng: &mut Rng) {
        let Some(id) = self.channels.last().copied() else { return };
        let Some(mut channel) = self.peer.channel(id) else { return };
        let message = match rng.below(3) {
            0 => Message::text("text"),
            1 => Message::text(""),
            _ => Message::binary(vec![0x5a; usize::try_from(rng.below(20_000)).unwrap()]),
        };
        let _ = channel.write(now, message);
        if rng.below(20) == 0 {
            channel.close(now);
        }
    }
}

impl Peer {
    fn rtp(&mut self, now: Instant, rng: &mut Rng) {
        let Some(id) = self.transceivers.first().copied() else { return };
        let payload_type = [96, 0, 111, 127][usize::try_from(rng.below(4)).unwrap()];
        let packet = RtpPacket {
            payload_type: PayloadType::new(payload_type).unwrap(),
            marker: true,
            sequence_number: SequenceNumber(u16::try_from(rng.below(65_536)).unwrap()),
            timestamp: rng.u32(),
            extensions: Extensions::default(),
            payload: Bytes::from(vec![0x5a; usize::try_from(rng.below(1_100)).unwrap()]),
        };
        let _ = self.peer.write_rtp(now, id, packet);
        let _ = self.peer.request_keyframe(now, id, KeyframeRequest::Pli);
    }
}

impl Machine for Peer {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        self.peer.handle_input(now, path, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.peer.handle_timeout(now);
    }

    fn command(&mut self, now: Instant, rng: &mut Rng) {
        match rng.below(20) {
            0 => {
                if let Ok(id) = self.peer.create_data_channel(now, ChannelOptions::new("misused")) {
                    self.channels.push(id);
                }
            }
            1 => {
                let kind = if rng.below(2) == 0 { MediaKind::Audio } else { MediaKind::Video };
                if let Ok(id) = self.peer.add_transceiver(now, kind, TransceiverInit::default()) {
                    self.transceivers.push(id);
                }
            }
            2 => self.offer(now),
            3 | 4 => self.answer(now),
            5..=7 => self.receive(now, rng),
            8 => {
                let own = self.own_address();
                let _ = self.peer.add_local_candidate(now, Candidate::host(own, 65_535));
            }
            9 => {
                let other = if self.side == 0 { path(0).remote } else { path(0).local };
                let text = format!("candidate:1 1 udp 2113937151 {} {} typ host", other.ip(), other.port());
                let _ = self.peer.add_remote_candidate(now, None, &text);
                let _ = self.peer.add_remote_candidate(now, Some("no such mid"), "candidate:nonsense");
            }
            10..=14 => self.write(now, rng),
            15 => match rng.below(10) {
                0 => self.peer.restart_ice(now),
                1 => self.roll_back(now, rng),
                _ => {}
            },
            16 if rng.below(60) == 0 => self.peer.close(now),
            17 => {
                if let Some(id) = self.transceivers.first() {
                    let _ = self.peer.set_direction(*id, Direction::SendRecv);
                }
            }
            18 => self.rtp(now, rng),
            _ => {
                let _ = (self.peer.stats(), self.peer.path(), self.peer.signaling_state());
                let _ = (self.peer.connection_state(), self.peer.channels().count());
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        let before = out.len();
        let transmit = self.peer.poll_transmit(now, out)?;
        assert_eq!(transmit.path.local, self.own_address(), "sent from an address that is not ours");
        match transmit.segment_size {
            None => {
                assert!(transmit.len <= 1_500, "a datagram of {} bytes", transmit.len);
                Some((Some(transmit.path), transmit.len))
            }
            Some(size) => {
                // The driver takes datagrams: the first of the train goes on, the others are lost.
                assert!(size > 0 && size <= 1_500 && size <= transmit.len);
                assert_eq!(out.len() - before, transmit.len);
                out.truncate(before + size);
                Some((Some(transmit.path), size))
            }
        }
    }

    fn poll_event(&mut self, _now: Instant) -> bool {
        match self.peer.poll_event() {
            None => return false,
            Some(Event::ConnectionStateChanged(state)) => {
                self.connected |= state == ConnectionState::Connected
            }
            Some(Event::DataChannelOpened(id) | Event::DataChannelAnnounced(id)) => {
                // A path that was lost meanwhile still carries in what completes the handshake.
                let lost = matches!(
                    self.peer.connection_state(),
                    ConnectionState::Disconnected | ConnectionState::Failed | ConnectionState::Closed
                );
                assert!(self.connected || lost, "a channel before the connection");
                self.channels.push(id);
                self.arrived = true;
            }
            Some(Event::DataChannelReadable(id)) => {
                if let Some(mut channel) = self.peer.channel(id) {
                    while let Some(message) = channel.read() {
                        let data = message.into_data();
                        let known =
                            data == Bytes::from_static(b"text") || data.iter().all(|byte| *byte == 0x5a);
                        assert!(known, "a message that nobody sent");
                    }
                }
            }
            Some(Event::TransceiverAdded(id)) => self.transceivers.push(id),
            Some(_) => {}
        }
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.peer.poll_timeout()
    }

    fn arrived(&self) -> bool {
        self.arrived
    }
}

pub(crate) fn pair(seed: u64) -> Drive<Peer> {
    // The wall clock of the shared configuration needs one origin.
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(drywire_sim::origin);
    let signalled = Signalled::default();
    let side = |side: usize| {
        // Both, one side or none of them knows DTLS inside STUN.
        let config = config(start, (seed >> (side + 2)) & 1 == 1);
        let mut bytes = [u8::try_from(side).unwrap(); 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Peer {
            peer: PeerConnection::new(config.clone(), start, bytes),
            side,
            signalled: signalled.clone(),
            channels: Vec::new(),
            transceivers: Vec::new(),
            connected: false,
            arrived: false,
        }
    };
    let mut sides = [side(0), side(1)];
    if seed % 4 != 3 {
        for side in &mut sides {
            let own = side.own_address();
            side.peer.add_local_candidate(start, Candidate::host(own, 65_535)).unwrap();
        }
        let [offerer, answerer] = &mut sides;
        let id = offerer.peer.create_data_channel(start, ChannelOptions::new("first")).unwrap();
        offerer.channels.push(id);
        let video =
            offerer.peer.add_transceiver(start, MediaKind::Video, TransceiverInit::default()).unwrap();
        offerer.transceivers.push(video);
        let offer = offerer.peer.create_offer(start).unwrap();
        offerer.peer.set_local_description(start, DescriptionType::Offer, &offer).unwrap();
        let answer = answerer.peer.accept_offer(start, &offer).unwrap();
        offerer.peer.set_remote_description(start, DescriptionType::Answer, &answer).unwrap();
    }
    Drive::new(sides, start, seed)
}

#[test]
fn any_order_of_calls() {
    crate::drive::run_all(crate::seeds(60), 600, pair);
}

#[test]
fn a_flood_does_not_fill_the_memory() {
    for seed in 0..4 {
        let mut drive = pair(seed);
        drive.run(300);
        let grown = drive.flood(0, 20_000) + drive.flood(1, 20_000);
        assert!(grown < 16_000_000, "grew by {grown} bytes");
    }
}
