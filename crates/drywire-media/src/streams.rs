use std::collections::{BTreeMap, BTreeSet, VecDeque};

use drywire_core::{Duration, Instant, Monotonic, Rng};
use drywire_rtp::rtcp::{Compound, Goodbye, Packet, ReceiverReport, ReportBlock};
use drywire_rtp::{NtpTime, RtpHeader, Ssrc};

use crate::receive::{ReceiveStats, ReceiveStream};
use crate::report::{ReportQueue, randomized, write_names};
use crate::send::{SendStats, SendStream};
use crate::{Config, Event, Format, KeyframeRequest, Kind, StreamError, UnknownStream};

mod keyframes;
#[cfg(test)]
mod tests;

use keyframes::Direction;

/// How RTCP was handled, and what did not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// RTCP datagrams taken in.
    pub rtcp_datagrams_received: u64,
    /// RTCP packets that could not be read.
    pub malformed: u64,
    /// Reports and feedback about streams that are not ours, or from streams that are not received; ignored.
    pub foreign: u64,
    /// RTCP datagrams written.
    pub rtcp_datagrams_sent: u64,
    /// Received streams that were forgotten for new ones, because there were too many.
    pub displaced_receivers: u64,
}

/// The RTP streams of one transport, in both directions: statistics, reports, requests for key frames.
///
/// Its inputs are authentic: SRTP comes before it. It follows the contract of every machine, see [`drywire_core`].
///
/// Received streams begin with their first packet and are bounded. Streams to be sent are announced with
/// [`add_sender`](Self::add_sender), and only feedback about them is listened to.
#[derive(Debug)]
pub struct Streams {
    config: Config,
    clock: Monotonic,
    rng: Rng,
    /// Who reports while nothing is sent.
    reporter: Ssrc,
    receivers: BTreeMap<Ssrc, ReceiveStream>,
    senders: BTreeMap<Ssrc, SendStream>,
    report_at: Option<Instant>,
    reports: ReportQueue,
    /// Requests for key frames that wait until their interval is over.
    deferred: BTreeSet<(Instant, Direction, Ssrc)>,
    /// Received streams for which a request is to be sent, each at most once.
    requests: VecDeque<Ssrc>,
    /// Our streams that ended and were not said goodbye to yet.
    leaving: VecDeque<Ssrc>,
    events: VecDeque<Event>,
    closed: bool,
    stats: Stats,
}

impl Streams {
    /// Begins without streams.
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            config,
            clock: Monotonic::new(now),
            reporter: Ssrc(rng.u32()),
            rng,
            receivers: BTreeMap::new(),
            senders: BTreeMap::new(),
            report_at: None,
            reports: ReportQueue::default(),
            deferred: BTreeSet::new(),
            requests: VecDeque::new(),
            leaving: VecDeque::new(),
            events: VecDeque::new(),
            closed: false,
            stats: Stats::default(),
        }
    }

    /// Takes in that an RTP packet was received, with what its payload type stands for. The first packet of a stream
    /// begins it.
    pub fn handle_rtp(&mut self, now: Instant, header: &RtpHeader, format: Format) {
        let now = self.clock.observe(now);
        if self.closed {
            return;
        }
        if let Some(stream) = self.receivers.get_mut(&header.ssrc()) {
            stream.handle_rtp(now, header, format);
            if self.report_at.is_some() {
                return;
            }
        } else {
            self.make_room_for_receiver();
            self.receivers.insert(header.ssrc(), ReceiveStream::new(now, header, format));
        }
        self.schedule_report(now, format.kind);
    }

    /// Takes in an RTCP datagram in plaintext.
    pub fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let now = self.clock.observe(now);
        if self.closed {
            return;
        }
        self.stats.rtcp_datagrams_received += 1;
        for packet in Compound::new(datagram) {
            match packet {
                Ok(packet) => self.handle_packet(now, packet),
                Err(error) => {
                    tracing::trace!(%error, "malformed RTCP packet");
                    self.stats.malformed += 1;
                }
            }
        }
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.release_keyframe_requests(now);
        if self.report_at.is_some_and(|at| at <= now) {
            let kind = self.kind_of_active_streams();
            self.report_at = None;
            if self.reports.fill(&mut self.senders, &self.receivers) {
                let interval = randomized(self.report_interval(kind), &mut self.rng);
                self.report_at = now.checked_add(interval);
            }
        }
    }

    /// Announces a stream that is going to be sent.
    pub fn add_sender(&mut self, now: Instant, ssrc: Ssrc, kind: Kind) -> Result<(), StreamError> {
        self.clock.observe(now);
        if self.closed {
            return Err(StreamError::Closed);
        }
        if self.senders.contains_key(&ssrc) {
            return Err(StreamError::InUse);
        }
        if self.senders.len() >= self.config.max_senders {
            return Err(StreamError::TooMany);
        }
        self.leaving.retain(|leaving| *leaving != ssrc);
        self.senders.insert(ssrc, SendStream::new(kind));
        Ok(())
    }

    /// Ends a stream that was sent: says goodbye to it, if the peer knows it.
    pub fn remove_sender(&mut self, now: Instant, ssrc: Ssrc) -> Result<(), UnknownStream> {
        self.clock.observe(now);
        let stream = self.senders.remove(&ssrc).ok_or(UnknownStream)?;
        self.forget_waiting(stream.throttle.deadline(), Direction::FromPeer, ssrc);
        self.events
            .retain(|event| !matches!(event, Event::KeyframeRequested { ssrc: of, .. } if *of == ssrc));
        if stream.stats(ssrc).packets > 0 {
            // A goodbye is a courtesy; when nothing is ever sent, the oldest ones are left out.
            if self.leaving.len() >= self.config.max_senders.max(1) {
                self.leaving.pop_front();
            }
            self.leaving.push_back(ssrc);
        }
        Ok(())
    }

    /// Takes in that an RTP packet was sent, with what its payload type stands for.
    pub fn handle_sent(
        &mut self,
        now: Instant,
        header: &RtpHeader,
        format: Format,
    ) -> Result<(), UnknownStream> {
        let now = self.clock.observe(now);
        let stream = self.senders.get_mut(&header.ssrc()).ok_or(UnknownStream)?;
        let first = !stream.is_sending();
        stream.sent(now, header, format);
        if first || self.report_at.is_none() {
            self.schedule_report(now, format.kind);
        }
        Ok(())
    }

    /// Asks the peer for a key frame of a stream that we receive. A request that comes within the configured interval
    /// after another one waits until it is over; several become one.
    pub fn request_keyframe(
        &mut self,
        now: Instant,
        media: Ssrc,
        request: KeyframeRequest,
    ) -> Result<(), UnknownStream> {
        let now = self.clock.observe(now);
        self.ask_peer(now, media, request)
    }

    /// Says whether feedback may be sent without a report before it, as was negotiated.
    pub fn set_reduced_size(&mut self, reduced_size: bool) {
        self.config.reduced_size = reduced_size;
    }

    /// Ends all streams and says goodbye. Nothing is taken in any more.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        while let Some((ssrc, _)) = self.senders.first_key_value() {
            let ssrc = *ssrc;
            // It was found just now.
            let _ = self.remove_sender(now, ssrc);
        }
        self.closed = true;
        self.receivers.clear();
        self.requests.clear();
        self.deferred.clear();
        self.reports.clear();
        self.report_at = None;
    }

    /// Handling of RTCP, and what did not fit.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The statistics of all streams that are received.
    pub fn receivers(&self) -> impl Iterator<Item = ReceiveStats> {
        self.receivers.iter().map(|(ssrc, stream)| stream.stats(*ssrc))
    }

    /// The statistics of a stream that is received.
    #[must_use]
    pub fn receiver(&self, ssrc: Ssrc) -> Option<ReceiveStats> {
        self.receivers.get(&ssrc).map(|stream| stream.stats(ssrc))
    }

    /// The statistics of all streams that are sent.
    pub fn senders(&self) -> impl Iterator<Item = SendStats> {
        self.senders.iter().map(|(ssrc, stream)| stream.stats(*ssrc))
    }

    /// The statistics of a stream that is sent.
    #[must_use]
    pub fn sender(&self, ssrc: Ssrc) -> Option<SendStats> {
        self.senders.get(&ssrc).map(|stream| stream.stats(ssrc))
    }

    /// Appends one RTCP datagram in plaintext to `out`, if one is due, and returns its length: goodbyes first, then
    /// requests for key frames, then reports.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let now = self.clock.observe(now);
        let len = self.write_goodbye(out).or_else(|| self.write_keyframe_requests(out)).or_else(|| {
            let Self { config, reports, senders, receivers, .. } = self;
            reports.write(now, config, self.reporter, senders, receivers, out)
        })?;
        self.stats.rtcp_datagrams_sent += 1;
        Some(len)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::KeyframeRequested { ssrc, .. } = event
            && let Some(stream) = self.senders.get_mut(&ssrc)
        {
            stream.request_pending = false;
        }
        Some(event)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deferred = self.deferred.first().map(|(at, ..)| *at);
        match (self.report_at, deferred) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: Packet<'_>) {
        match packet {
            Packet::SenderReport(report) => {
                match self.receivers.get_mut(&report.info.ssrc) {
                    Some(stream) => stream.handle_sender_report(now, report.info),
                    None => self.stats.foreign += 1,
                }
                self.handle_blocks(now, report.reports);
            }
            Packet::ReceiverReport(report) => self.handle_blocks(now, report.reports),
            Packet::Goodbye(goodbye) => {
                for ssrc in goodbye.sources() {
                    self.handle_goodbye(ssrc);
                }
            }
            Packet::PictureLossIndication(pli) => match self.senders.get_mut(&pli.media) {
                Some(stream) => {
                    stream.handle_pli();
                    self.peer_asks(now, pli.media, KeyframeRequest::Pli);
                }
                None => self.stats.foreign += 1,
            },
            Packet::FullIntraRequest(fir) => {
                for entry in fir.entries() {
                    match self
                        .senders
                        .get_mut(&entry.media)
                        .map(|stream| stream.handle_fir(fir.sender, entry))
                    {
                        Some(true) => self.peer_asks(now, entry.media, KeyframeRequest::Fir),
                        Some(false) => {}
                        None => self.stats.foreign += 1,
                    }
                }
            }
            Packet::Nack(nack) => match self.senders.get_mut(&nack.media) {
                Some(stream) => stream.handle_nack(),
                None => self.stats.foreign += 1,
            },
            // Descriptions say nothing that the session description does not say; what is unknown is ignored.
            _ => {}
        }
    }

    fn handle_blocks(&mut self, now: Instant, blocks: impl Iterator<Item = ReportBlock>) {
        let ntp_time = NtpTime::from_unix(self.config.wall_clock.since_1970(now));
        for block in blocks {
            match self.senders.get_mut(&block.ssrc) {
                Some(stream) => stream.handle_report(now, ntp_time, &block),
                None => self.stats.foreign += 1,
            }
        }
    }

    fn handle_goodbye(&mut self, ssrc: Ssrc) {
        if !self.remove_receiver(ssrc) {
            self.stats.foreign += 1;
            return;
        }
        // A peer that comes and goes while nobody polls must not fill the memory.
        if self.events.len() < self.config.max_receivers + self.config.max_senders {
            self.events.push_back(Event::Goodbye { ssrc });
        }
    }

    fn remove_receiver(&mut self, ssrc: Ssrc) -> bool {
        let Some(stream) = self.receivers.remove(&ssrc) else { return false };
        self.forget_waiting(stream.throttle.deadline(), Direction::ToPeer, ssrc);
        if stream.queued_request.is_some() {
            self.requests.retain(|queued| *queued != ssrc);
        }
        true
    }

    /// Forgets the stream that was quiet for longest, if there are as many as allowed.
    fn make_room_for_receiver(&mut self) {
        if self.receivers.len() < self.config.max_receivers.max(1) {
            return;
        }
        let oldest = self.receivers.iter().min_by_key(|(_, stream)| stream.last_packet_at());
        if let Some(ssrc) = oldest.map(|(ssrc, _)| *ssrc) {
            self.remove_receiver(ssrc);
            self.stats.displaced_receivers += 1;
        }
    }

    /// Sees to it that a report comes within half an interval, on average (RFC 3550, section 6.2: the first one).
    fn schedule_report(&mut self, now: Instant, kind: Kind) {
        let delay = randomized(self.report_interval(kind) / 2, &mut self.rng);
        let at = now.checked_add(delay);
        self.report_at = match (self.report_at, at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    const fn report_interval(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Video => self.config.video_report_interval,
            Kind::Audio => self.config.audio_report_interval,
        }
    }

    fn kind_of_active_streams(&self) -> Kind {
        let received = self.receivers.values().filter(|stream| stream.heard).map(ReceiveStream::kind);
        let sent = self.senders.values().filter(|stream| stream.is_sending()).map(SendStream::kind);
        if received.chain(sent).any(|kind| kind == Kind::Video) { Kind::Video } else { Kind::Audio }
    }

    /// Appends a datagram that says goodbye to our streams that ended. It begins with a report, empty as it is
    /// (RFC 3550, section 6.1), because it is not feedback of the kind that may go alone (RFC 5506, section 3.4.2).
    fn write_goodbye(&mut self, out: &mut Vec<u8>) -> Option<usize> {
        let first = *self.leaving.front()?;
        let start = out.len();
        self.write_empty_report(first, out);
        let room = self.config.max_datagram_len.saturating_sub(out.len() - start + 4) / 4;
        let count = room.clamp(1, drywire_rtp::rtcp::MAX_COUNT).min(self.leaving.len());
        Goodbye::write(out, self.leaving.drain(..count));
        Some(out.len() - start)
    }

    /// Appends a report without content and the sender's name: what a datagram begins with that is not a report.
    fn write_empty_report(&self, sender: Ssrc, out: &mut Vec<u8>) {
        ReceiverReport::write(out, sender, []);
        write_names(out, &[sender], &self.config);
    }
}
