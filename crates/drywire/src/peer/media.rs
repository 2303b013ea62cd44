use std::collections::VecDeque;

use bytes::BytesMut;
use drywire_core::{Instant, Path};
use drywire_jsep::{
    Direction, HeaderExtension, MediaKind, Transceiver, TransceiverError, TransceiverId, TransceiverInit,
};
use drywire_media::{Demux, Format, KeyframeRequest, Kind, Streams};
use drywire_rtp::extension::{AudioLevel, CorruptionDetection, VideoOrientation};
use drywire_rtp::{HeaderFields, PayloadType, RtpHeader, RtpPacket as RtpView, Ssrc};

use super::{MAX_EVENTS, PeerConnection};
use crate::transport::Transport;
use crate::{Config, Event, Extensions, KeyframeError, RtpPacket, WriteError};

/// What an RTP packet has beside its payload, at most: the header, the extensions that are sent, the tag of SRTP.
const MAX_OVERHEAD: usize = 12 + 4 + 56 + 16;

/// The RTP streams of a peer connection, and the queues between them and the application.
pub(super) struct Media {
    streams: Streams,
    demux: Demux<usize>,
    sections: Vec<Section>,
    received: VecDeque<Event>,
    outgoing: VecDeque<(usize, RtpPacket)>,
    max_queue: usize,
    /// The longest payload that is sent, in bytes.
    max_payload: usize,
    pub(super) dropped: u64,
}

/// What was negotiated for a transceiver, as the packets need it.
struct Section {
    id: TransceiverId,
    mid: String,
    ssrc: Ssrc,
    sends: bool,
    receives: bool,
    kind: Kind,
    /// Payload types with the rates of their clocks, by direction.
    receive_formats: Vec<(PayloadType, u32)>,
    send_formats: Vec<(PayloadType, u32)>,
    /// The identifiers of the header extensions.
    mid_extension: Option<u8>,
    audio_level: Option<u8>,
    video_orientation: Option<u8>,
    corruption_detection: Option<u8>,
    /// The stream that was received last: keyframes are asked of it.
    received: Option<Ssrc>,
}

impl Section {
    fn new(transceiver: &Transceiver) -> Option<Self> {
        let negotiated = transceiver.negotiated()?;
        let direction = transceiver.current_direction().unwrap_or(Direction::Inactive);
        let extension = |uri: &str| {
            negotiated.extensions.iter().find(|extension| extension.uri == uri).map(|extension| extension.id)
        };
        let formats = |sends: bool| {
            let codecs = negotiated.codecs.iter();
            let format = codecs.filter_map(move |codec| {
                let number = if sends { codec.send_payload_type } else { codec.payload_type };
                Some((PayloadType::new(number.value())?, codec.clock_rate))
            });
            format.collect()
        };
        Some(Self {
            id: transceiver.id(),
            mid: transceiver.mid()?.as_str().to_owned(),
            ssrc: Ssrc(transceiver.ssrc()),
            sends: direction.sends(),
            receives: direction.receives(),
            kind: match transceiver.kind() {
                MediaKind::Audio => Kind::Audio,
                MediaKind::Video => Kind::Video,
            },
            receive_formats: formats(false),
            send_formats: formats(true),
            mid_extension: extension(HeaderExtension::MID),
            audio_level: extension(HeaderExtension::AUDIO_LEVEL),
            video_orientation: extension(HeaderExtension::VIDEO_ORIENTATION),
            corruption_detection: extension(HeaderExtension::CORRUPTION_DETECTION),
            received: None,
        })
    }

    fn format(&self, formats: &[(PayloadType, u32)], payload_type: PayloadType) -> Option<Format> {
        let (_, clock_rate) = formats.iter().find(|(number, _)| *number == payload_type)?;
        Some(Format { kind: self.kind, clock_rate: *clock_rate })
    }

    fn extensions(&self, packet: &RtpView<'_>) -> Extensions {
        let value = |id: Option<u8>| id.and_then(|id| packet.extension(id));
        Extensions {
            audio_level: value(self.audio_level).and_then(AudioLevel::parse),
            video_orientation: value(self.video_orientation).and_then(VideoOrientation::parse),
            corruption_detection: value(self.corruption_detection).and_then(CorruptionDetection::parse),
        }
    }

    /// Appends a packet in plaintext to `out`.
    fn write(&self, packet: &RtpPacket, out: &mut Vec<u8>) -> Option<RtpHeader> {
        let start = out.len();
        let fields = HeaderFields {
            payload_type: packet.payload_type,
            marker: packet.marker,
            sequence_number: packet.sequence_number,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
            ..HeaderFields::default()
        };
        let level = packet.extensions.audio_level.map(AudioLevel::value).unwrap_or_default();
        let orientation =
            packet.extensions.video_orientation.map(VideoOrientation::value).unwrap_or_default();
        let empty: (u8, &[u8]) = (0, &[]);
        let corruption = packet.extensions.corruption_detection;
        let mut elements = [empty; 4];
        let candidates = [
            (self.mid_extension, self.mid.as_bytes()),
            (self.audio_level.filter(|_| packet.extensions.audio_level.is_some()), &level[..]),
            (
                self.video_orientation.filter(|_| packet.extensions.video_orientation.is_some()),
                &orientation[..],
            ),
            (
                self.corruption_detection.filter(|_| corruption.is_some()),
                corruption.as_ref().map(CorruptionDetection::value).unwrap_or_default(),
            ),
        ];
        let present = candidates.into_iter().filter_map(|(id, value)| Some((id?, value)));
        let count = elements.iter_mut().zip(present).map(|(slot, element)| *slot = element).count();
        let written = fields.write(out, elements.get(..count).unwrap_or_default());
        if let Err(error) = written {
            tracing::debug!(%error, "an RTP header could not be written");
            out.truncate(start);
            return None;
        }
        out.extend_from_slice(&packet.payload);
        RtpHeader::parse(out.get(start..)?).ok()
    }
}

impl Media {
    /// Begins without streams. `cname` is the name that the session description announces.
    pub(super) fn new(config: &Config, cname: &str, now: Instant, seed: [u8; 32]) -> Self {
        Self {
            streams: Streams::new(drywire_media::Config::new(cname, config.wall_clock), now, seed),
            demux: Demux::new(),
            sections: Vec::new(),
            received: VecDeque::new(),
            outgoing: VecDeque::new(),
            max_queue: config.max_rtp_queue,
            max_payload: 0,
            dropped: 0,
        }
    }

    /// Takes over what was negotiated.
    pub(super) fn apply<'a>(
        &mut self,
        now: Instant,
        transceivers: impl Iterator<Item = &'a Transceiver>,
        max_datagram_size: usize,
    ) {
        let before = std::mem::take(&mut self.sections);
        let announced: Vec<(Section, Vec<Ssrc>)> = transceivers
            .filter_map(|transceiver| {
                let ssrcs = transceiver.remote().ssrcs.iter().map(|ssrc| Ssrc(*ssrc)).collect();
                Some((Section::new(transceiver)?, ssrcs))
            })
            .collect();
        self.demux.set_sections(
            announced.iter().enumerate().filter(|(_, (section, _))| section.receives).map(
                |(key, (section, ssrcs))| drywire_media::Section {
                    key,
                    mid: section.mid.clone(),
                    mid_extension: section.mid_extension,
                    ssrcs: ssrcs.clone(),
                    payload_types: section.receive_formats.iter().map(|(number, _)| *number).collect(),
                },
            ),
        );
        self.sections = announced.into_iter().map(|(section, _)| section).collect();
        for section in &mut self.sections {
            let earlier = before.iter().find(|earlier| earlier.id == section.id);
            section.received = earlier.and_then(|earlier| earlier.received);
            if section.sends
                && !earlier.is_some_and(|earlier| earlier.sends)
                && let Err(error) = self.streams.add_sender(now, section.ssrc, section.kind)
            {
                tracing::debug!(%error, "a stream cannot be sent");
            }
        }
        for earlier in before.iter().filter(|earlier| earlier.sends) {
            let still = self.sections.iter().any(|section| section.sends && section.ssrc == earlier.ssrc);
            if !still && let Err(error) = self.streams.remove_sender(now, earlier.ssrc) {
                tracing::debug!(%error, "a stream was not sent");
            }
        }
        // The sections may have moved: what waits is of the time before.
        self.outgoing.clear();
        self.max_payload = max_datagram_size.saturating_sub(MAX_OVERHEAD);
    }

    /// Takes an RTP packet in plaintext.
    fn handle_rtp(&mut self, now: Instant, header: &RtpHeader, packet: BytesMut) {
        let Some(key) = self.demux.route(header, &packet) else {
            self.dropped += 1;
            return;
        };
        let Some(section) = self.sections.get_mut(key) else { return };
        let Some(format) = section.format(&section.receive_formats, header.payload_type()) else {
            self.dropped += 1;
            return;
        };
        self.streams.handle_rtp(now, header, format);
        section.received = Some(header.ssrc());
        let Ok(view) = RtpView::parse(&packet) else { return };
        let extensions = section.extensions(&view);
        let transceiver = section.id;
        if self.received.len() >= self.max_queue {
            self.received.pop_front();
            self.dropped += 1;
        }
        let range = header.payload_range();
        let packet = packet.freeze();
        let payload = if range.end <= packet.len() { packet.slice(range) } else { packet };
        self.received.push_back(Event::RtpReceived {
            transceiver,
            ssrc: header.ssrc(),
            packet: RtpPacket {
                payload_type: header.payload_type(),
                marker: header.marker(),
                sequence_number: header.sequence_number(),
                timestamp: header.timestamp(),
                extensions,
                payload,
            },
        });
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.streams.handle_timeout(now);
    }

    /// Appends one SRTCP or SRTP packet to `out`: reports and feedback first, then the packets that wait.
    pub(super) fn poll_transmit(
        &mut self,
        now: Instant,
        transport: &mut Transport,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        if !transport.has_srtp() {
            return None;
        }
        let start = out.len();
        if self.streams.poll_transmit(now, out).is_some() {
            return transport.protect_rtcp(out, start);
        }
        while let Some((key, packet)) = self.outgoing.pop_front() {
            let Some(section) = self.sections.get(key) else { continue };
            let Some(format) = section.format(&section.send_formats, packet.payload_type) else { continue };
            let Some(header) = section.write(&packet, out) else { continue };
            let Some(len) = transport.protect_rtp(out, start) else {
                self.dropped += 1;
                continue;
            };
            if let Err(error) = self.streams.handle_sent(now, &header, format) {
                tracing::debug!(%error, "a packet of an unknown stream was sent");
            }
            return Some(len);
        }
        None
    }

    /// The next packet for the application.
    pub(super) fn poll_received(&mut self) -> Option<Event> {
        self.received.pop_front()
    }

    pub(super) fn has_received(&self) -> bool {
        !self.received.is_empty()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.streams.poll_timeout()
    }

    pub(super) const fn streams(&self) -> &Streams {
        &self.streams
    }

    fn section(&self, id: TransceiverId) -> Option<(usize, &Section)> {
        self.sections.iter().enumerate().find(|(_, section)| section.id == id)
    }
}

impl PeerConnection {
    /// Adds a transceiver: an m-section of the next offer.
    pub fn add_transceiver(
        &mut self,
        now: Instant,
        kind: MediaKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        let now = self.clock.observe(now);
        let id = self.negotiation.add_transceiver(kind, init)?;
        self.tell_negotiation_needed();
        self.settle(now);
        Ok(id)
    }

    /// The transceivers, in the order in which they were added.
    pub fn transceivers(&self) -> impl Iterator<Item = &Transceiver> {
        self.negotiation.transceivers()
    }

    /// A transceiver.
    #[must_use]
    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.negotiation.transceiver(id)
    }

    /// Changes the direction that the next offer or answer asks for.
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<(), TransceiverError> {
        self.negotiation.set_direction(id, direction)?;
        self.tell_negotiation_needed();
        Ok(())
    }

    /// Stops a transceiver: the next offer rejects its m-section.
    pub fn stop_transceiver(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        self.negotiation.stop_transceiver(id)?;
        self.tell_negotiation_needed();
        Ok(())
    }

    /// Queues an RTP packet. Its SSRC is the transceiver's.
    pub fn write_rtp(
        &mut self,
        now: Instant,
        id: TransceiverId,
        packet: RtpPacket,
    ) -> Result<(), WriteError> {
        self.clock.observe(now);
        let media = &mut self.media;
        let Some((key, section)) = media.section(id) else {
            let known = self.negotiation.transceiver(id).is_some();
            return Err(if known { WriteError::NotConnected } else { WriteError::UnknownTransceiver });
        };
        if !section.sends {
            return Err(WriteError::NotSending);
        }
        if self.closed.is_some() || !self.transport.has_srtp() {
            return Err(WriteError::NotConnected);
        }
        if section.format(&section.send_formats, packet.payload_type).is_none() {
            return Err(WriteError::PayloadType);
        }
        if packet.payload.len() > media.max_payload {
            return Err(WriteError::TooLarge);
        }
        if media.outgoing.len() >= media.max_queue {
            return Err(WriteError::Full);
        }
        media.outgoing.push_back((key, packet));
        Ok(())
    }

    /// Asks the peer for a keyframe of what it sends on a transceiver. Requests are rate-limited.
    pub fn request_keyframe(
        &mut self,
        now: Instant,
        id: TransceiverId,
        request: KeyframeRequest,
    ) -> Result<(), KeyframeError> {
        let now = self.clock.observe(now);
        let (_, section) = self.media.section(id).ok_or(KeyframeError::UnknownTransceiver)?;
        let ssrc = section.received.ok_or(KeyframeError::NothingReceived)?;
        self.media.streams.request_keyframe(now, ssrc, request).map_err(|_| KeyframeError::NothingReceived)
    }

    pub(super) fn handle_rtp(&mut self, now: Instant, path: Path, mut packet: BytesMut) {
        if let Some(header) = self.transport.unprotect_rtp(path, &mut packet) {
            self.media.handle_rtp(now, &header, packet);
        }
    }

    pub(super) fn handle_rtcp(&mut self, now: Instant, path: Path, mut packet: BytesMut) {
        if self.transport.unprotect_rtcp(path, &mut packet) {
            self.media.streams.handle_rtcp(now, &packet);
        }
    }

    pub(super) fn settle_media(&mut self) {
        while self.events.len() < MAX_EVENTS
            && let Some(event) = self.media.streams.poll_event()
        {
            match event {
                drywire_media::Event::KeyframeRequested { ssrc, request } => {
                    let section = self.media.sections.iter().find(|section| section.ssrc == ssrc);
                    if let Some(section) = section {
                        self.tell(Event::KeyframeRequested { transceiver: section.id, request });
                    }
                }
                drywire_media::Event::Goodbye { ssrc } => self.media.demux.forget(ssrc),
                other => tracing::trace!(event = ?other, "media"),
            }
        }
    }
}
