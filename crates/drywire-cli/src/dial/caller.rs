use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use drywire::datachannel::{ChannelId, ChannelOptions, Message, SendError};
use drywire::jsep::{DescriptionType, MediaKind, TransceiverError, TransceiverId, TransceiverInit};
use drywire::rtp::{PayloadType, SequenceNumber};
use drywire::sdp::SessionDescription;
use drywire::{
    CloseReason, Config, ConnectionState, Endpoint, Event, Extensions, Instant, NegotiationError,
    PeerConnection, PeerId, RtpPacket,
};
use drywire_tokio::Application;
use thiserror::Error;
use tokio::sync::oneshot;

/// The sizes of the binary messages, in bytes: none, a datagram's worth and its neighbours, and the most that browsers
/// take.
const SIZES: [usize; 9] = [0, 1, 1_150, 1_200, 1_201, 16_384, 65_535, 65_536, 262_144];
/// How many packets of audio are sent: one second of them.
pub(super) const PACKETS: u16 = 50;

#[derive(Debug, Error)]
pub(crate) enum CallError {
    #[error("no peer connection could be made: {0}")]
    Peer(#[from] drywire::TooManyPeers),
    #[error("no data channel could be made: {0}")]
    Channel(#[from] drywire::datachannel::OpenError),
    #[error("no audio could be offered: {0}")]
    Transceiver(#[from] TransceiverError),
    #[error("no offer could be made: {0}")]
    Offer(NegotiationError),
    #[error("the answer cannot be used: {0}")]
    Answer(NegotiationError),
    #[error("no way to the server's UDP port was found, or it was lost")]
    NoPath,
    #[error("the connection was closed before everything was back: {0:?}")]
    Closed(CloseReason),
    #[error("the data channel was closed before everything was back")]
    ChannelClosed,
    #[error("message {number} came back changed: sent was {sent}, back came {received}")]
    Changed { number: usize, sent: String, received: String },
    #[error("more came back than was sent: {0}")]
    Surplus(String),
}

/// One end of a call, as an application of the driver: sends its messages, and compares what comes back.
pub(crate) struct Caller {
    peer: Option<PeerId>,
    channel: Option<ChannelId>,
    transceiver: Option<TransceiverId>,
    to_send: VecDeque<Message>,
    to_come: VecDeque<Message>,
    /// The payloads sent and not seen again yet.
    payloads_out: Vec<Bytes>,
    pub(crate) progress: Progress,
    finished: Option<oneshot::Sender<Result<(), CallError>>>,
}

/// How far a call has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) connected: Option<Instant>,
    pub(crate) opened: Option<Instant>,
    pub(crate) echoed: Option<Instant>,
    pub(crate) messages: usize,
    pub(crate) messages_echoed: usize,
    pub(crate) bytes_echoed: usize,
    pub(crate) packets: usize,
    pub(crate) packets_echoed: usize,
}

impl Caller {
    /// A caller, and what tells that all messages are back or that they will not be.
    pub(crate) fn new() -> (Self, oneshot::Receiver<Result<(), CallError>>) {
        let (finished, end) = oneshot::channel();
        let messages = messages();
        let caller = Self {
            peer: None,
            channel: None,
            transceiver: None,
            progress: Progress { messages: messages.len(), ..Progress::default() },
            to_come: messages.clone(),
            to_send: messages,
            payloads_out: Vec::new(),
            finished: Some(finished),
        };
        (caller, end)
    }

    /// Makes the peer connection and its offer, with all candidates inside.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        config: Arc<Config>,
        audio: bool,
    ) -> Result<SessionDescription, CallError> {
        let id = endpoint.create_peer(now, config)?;
        self.peer = Some(id);
        let Some(mut peer) = endpoint.peer_mut(id) else { return Err(CallError::Closed(CloseReason::Local)) };
        if audio {
            self.transceiver =
                Some(peer.add_transceiver(now, MediaKind::Audio, TransceiverInit::default())?);
        }
        let options = ChannelOptions::new("drywire dial");
        self.channel = Some(peer.create_data_channel(now, options)?);
        let offer = peer.create_offer(now).map_err(CallError::Offer)?;
        peer.set_local_description(now, DescriptionType::Offer, &offer).map_err(CallError::Offer)?;
        Ok(offer)
    }

    /// Takes the server's answer.
    pub(crate) fn take_answer(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        answer: &SessionDescription,
    ) -> Result<(), CallError> {
        let Some(mut peer) = self.peer.and_then(|id| endpoint.peer_mut(id)) else {
            return Err(CallError::Closed(CloseReason::Local));
        };
        peer.set_remote_description(now, DescriptionType::Answer, answer).map_err(CallError::Answer)
    }

    /// Sends the next packet of audio, if the server takes audio and is connected.
    pub(crate) fn send_packet(&mut self, now: Instant, endpoint: &mut Endpoint, number: u16) {
        let Some(mut peer) = self.peer.and_then(|id| endpoint.peer_mut(id)) else { return };
        let Some(id) = self.transceiver else { return };
        let codec = peer.transceiver(id).and_then(|transceiver| transceiver.negotiated()?.codecs.first());
        let Some(payload_type) = codec.and_then(|codec| PayloadType::new(codec.send_payload_type.value()))
        else {
            return;
        };
        let payload = Bytes::from(pattern(160, usize::from(number)));
        let packet = RtpPacket {
            payload_type,
            marker: number == 0,
            sequence_number: SequenceNumber(number),
            timestamp: u32::from(number) * 960,
            extensions: Extensions::default(),
            payload: payload.clone(),
        };
        match peer.write_rtp(now, id, packet) {
            Ok(()) => {
                self.progress.packets += 1;
                self.payloads_out.push(payload);
            }
            Err(error) => tracing::debug!(%error, "no audio is sent"),
        }
    }

    /// The peer connection, for its figures and to close it.
    pub(crate) fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    fn finish(&mut self, result: Result<(), CallError>) {
        if let Some(finished) = self.finished.take() {
            // Whoever waited may have run out of time.
            let _ = finished.send(result);
        }
    }

    fn send_messages(&mut self, now: Instant, peer: &mut PeerConnection) {
        let Some(mut channel) = self.channel.and_then(|id| peer.channel(id)) else { return };
        while let Some(message) = self.to_send.pop_front() {
            match channel.write(now, message.clone()) {
                Ok(()) => {}
                Err(SendError::Full) => {
                    self.to_send.push_front(message);
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "a message was not sent");
                    return self.finish(Err(CallError::ChannelClosed));
                }
            }
        }
    }

    fn compare_messages(&mut self, now: Instant, peer: &mut PeerConnection) {
        let Some(mut channel) = self.channel.and_then(|id| peer.channel(id)) else { return };
        let mut result = None;
        while let Some(received) = channel.read() {
            let Some(sent) = self.to_come.pop_front() else {
                result = Some(Err(CallError::Surplus(describe(&received))));
                break;
            };
            if received != sent {
                let number = self.progress.messages_echoed + 1;
                let (sent, received) = (describe(&sent), describe(&received));
                result = Some(Err(CallError::Changed { number, sent, received }));
                break;
            }
            self.progress.messages_echoed += 1;
            self.progress.bytes_echoed += received.data().len();
            if self.to_come.is_empty() {
                self.progress.echoed.get_or_insert(now);
                result = Some(Ok(()));
            }
        }
        if let Some(result) = result {
            self.finish(result);
        }
    }
}

impl Application for Caller {
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, peer: PeerId, event: Event) {
        let Some(mut peer) = endpoint.peer_mut(peer) else { return };
        match event {
            Event::ConnectionStateChanged(ConnectionState::Connected) => {
                self.progress.connected.get_or_insert(now);
            }
            Event::ConnectionStateChanged(ConnectionState::Failed) => self.finish(Err(CallError::NoPath)),
            Event::Closed { reason } => self.finish(Err(CallError::Closed(reason))),
            Event::DataChannelOpened(id) if Some(id) == self.channel => {
                self.progress.opened.get_or_insert(now);
                self.send_messages(now, &mut peer);
            }
            Event::DataChannelBufferedAmountLow(_) => self.send_messages(now, &mut peer),
            Event::DataChannelReadable(_) => self.compare_messages(now, &mut peer),
            Event::DataChannelClosed(id) if Some(id) == self.channel => {
                self.finish(Err(CallError::ChannelClosed));
            }
            Event::RtpReceived { packet, .. } => {
                if let Some(index) = self.payloads_out.iter().position(|sent| *sent == packet.payload) {
                    self.payloads_out.swap_remove(index);
                    self.progress.packets_echoed += 1;
                }
            }
            _ => {}
        }
    }
}

/// What is sent: text, then binary of several sizes, then text again.
fn messages() -> VecDeque<Message> {
    let text = |text: &str| Message::text(text);
    let mut messages = VecDeque::from([text("Hello, echo! Grüße, 世界"), text("")]);
    messages
        .extend(SIZES.iter().enumerate().map(|(i, size)| Message::binary(Bytes::from(pattern(*size, i)))));
    messages.push_back(text("good bye"));
    messages
}

/// `len` bytes that differ from those of any other `salt`.
fn pattern(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|i| (i.wrapping_mul(31).wrapping_add(salt * 7) % 251).to_le_bytes()[0]).collect()
}

fn describe(message: &Message) -> String {
    format!("{:?} of {} bytes", message.kind(), message.data().len())
}
