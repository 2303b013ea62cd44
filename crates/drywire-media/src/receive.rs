//! One RTP stream that is received.

use drywire_core::{Duration, Instant};
use drywire_rtp::rtcp::{ReportBlock, SenderInfo};
use drywire_rtp::{RtpHeader, Ssrc};

use crate::keyframe::Throttle;
use crate::{Format, KeyframeRequest, Kind};

mod jitter;
mod sequence;

use jitter::Jitter;
use sequence::SequenceTracker;

/// The state of a stream that is received.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveStream {
    sequence: SequenceTracker,
    jitter: Jitter,
    format: Format,
    packets: u64,
    payload_bytes: u64,
    header_bytes: u64,
    last_packet_at: Instant,
    sender_report: Option<SenderReportArrival>,
    /// Whether packets came since the last report.
    pub(crate) heard: bool,
    /// Our requests for key frames.
    pub(crate) throttle: Throttle,
    /// The request that is queued to be sent.
    pub(crate) queued_request: Option<KeyframeRequest>,
    /// The number of the last full intra request (RFC 5104, section 4.3.1.2).
    pub(crate) intra_command: u8,
}

/// The last sender report on a stream, and when it came.
#[derive(Clone, Copy, Debug)]
pub struct SenderReportArrival {
    /// When it came.
    pub at: Instant,
    /// What it said.
    pub info: SenderInfo,
}

/// The statistics of a stream that is received.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReceiveStats {
    /// The stream.
    pub ssrc: Ssrc,
    /// Audio or video.
    pub kind: Kind,
    /// The packets received, with late and repeated ones.
    pub packets: u64,
    /// The bytes of payload received, without padding.
    pub payload_bytes: u64,
    /// The bytes of RTP headers and padding received.
    pub header_bytes: u64,
    /// The packets lost since the beginning, or since the sequence numbers started anew; negative when packets came
    /// more often than once.
    pub lost: i64,
    /// The interarrival jitter (RFC 3550, section 6.4.1).
    pub jitter: Duration,
    /// When the last packet came.
    pub last_packet_at: Instant,
    /// The last report of the sender.
    pub sender_report: Option<SenderReportArrival>,
}

impl ReceiveStream {
    /// Starts with the stream's first packet.
    pub(crate) fn new(now: Instant, header: &RtpHeader, format: Format) -> Self {
        let mut stream = Self {
            sequence: SequenceTracker::new(header.sequence_number()),
            jitter: Jitter::new(now, format.clock_rate),
            format,
            packets: 0,
            payload_bytes: 0,
            header_bytes: 0,
            last_packet_at: now,
            sender_report: None,
            heard: false,
            throttle: Throttle::default(),
            queued_request: None,
            intra_command: 0,
        };
        stream.handle_rtp(now, header, format);
        stream
    }

    pub(crate) fn handle_rtp(&mut self, now: Instant, header: &RtpHeader, format: Format) {
        if format != self.format {
            // Another payload type may have another clock (RFC 7160).
            self.jitter.set_clock_rate(format.clock_rate);
            self.format = format;
        }
        if self.sequence.handle(header.sequence_number()) {
            self.jitter.handle(now, header.timestamp());
        }
        self.packets += 1;
        let (payload, rest) = byte_counts(header);
        self.payload_bytes += payload;
        self.header_bytes += rest;
        self.last_packet_at = now;
        self.heard = true;
    }

    pub(crate) fn handle_sender_report(&mut self, now: Instant, info: SenderInfo) {
        self.sender_report = Some(SenderReportArrival { at: now, info });
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.format.kind
    }

    pub(crate) const fn last_packet_at(&self) -> Instant {
        self.last_packet_at
    }

    /// The report on this stream, and the beginning of the next interval (RFC 3550, section 6.4.1).
    pub(crate) fn report(&mut self, now: Instant, ssrc: Ssrc) -> ReportBlock {
        self.heard = false;
        let (last_sender_report, delay_since_last_sender_report) = match &self.sender_report {
            Some(report) => {
                let delay = now.saturating_duration_since(report.at);
                (report.info.ntp_time.middle(), units_of_65536th(delay))
            }
            None => (0, 0),
        };
        ReportBlock {
            ssrc,
            fraction_lost: self.sequence.take_fraction_lost(),
            // What does not fit into the 24 bits on the wire is clamped when it is written.
            cumulative_lost: i32::try_from(self.sequence.lost().clamp(i32::MIN.into(), i32::MAX.into()))
                .unwrap_or(i32::MAX),
            highest_sequence_number: self.sequence.highest(),
            jitter: self.jitter.in_clock_units(),
            last_sender_report,
            delay_since_last_sender_report,
        }
    }

    pub(crate) fn stats(&self, ssrc: Ssrc) -> ReceiveStats {
        ReceiveStats {
            ssrc,
            kind: self.format.kind,
            packets: self.packets,
            payload_bytes: self.payload_bytes,
            header_bytes: self.header_bytes,
            lost: self.sequence.lost(),
            jitter: self.jitter.duration(),
            last_packet_at: self.last_packet_at,
            sender_report: self.sender_report,
        }
    }
}

/// The bytes of a packet: of its payload, and of its header and padding.
pub(crate) fn byte_counts(header: &RtpHeader) -> (u64, u64) {
    let payload = header.payload_len();
    let rest = header.packet_len().saturating_sub(payload);
    (u64::try_from(payload).unwrap_or(0), u64::try_from(rest).unwrap_or(0))
}

/// A duration in units of 1/65536 seconds, as reports carry it; at most 18 hours.
fn units_of_65536th(duration: Duration) -> u32 {
    u32::try_from((duration.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
}
