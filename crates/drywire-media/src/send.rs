//! One RTP stream that is sent.

use drywire_core::{Duration, Instant};
use drywire_rtp::rtcp::{FullIntraRequestEntry, ReportBlock, SenderInfo};
use drywire_rtp::{NtpTime, RtpHeader, Ssrc};

use crate::keyframe::Throttle;
use crate::receive::byte_counts;
use crate::{Format, Kind};

/// The state of a stream that is sent.
#[derive(Clone, Debug)]
pub(crate) struct SendStream {
    kind: Kind,
    packets: u64,
    payload_bytes: u64,
    header_bytes: u64,
    last: Option<Sent>,
    /// How many times a report was due since the last packet.
    pub(crate) quiet_reports: u8,
    remote: Option<RemoteReport>,
    plis: u64,
    firs: u64,
    nacks: u64,
    /// Who asked for a full intra picture last, and the number of that command.
    last_intra: Option<(Ssrc, u8)>,
    /// The peer's requests for key frames.
    pub(crate) throttle: Throttle,
    /// Whether an event with a request waits to be polled.
    pub(crate) request_pending: bool,
}

/// The last packet that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    timestamp: u32,
    clock_rate: u32,
}

/// What the peer reported last about a stream that we send.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RemoteReport {
    /// When the report came.
    pub at: Instant,
    /// The share of packets lost between the last two reports, 0 to 1.
    pub fraction_lost: f64,
    /// The packets lost since the beginning.
    pub lost: i32,
    /// The jitter at the peer.
    pub jitter: Duration,
    /// The round-trip time, if it could be measured: the peer quotes a report of ours (RFC 3550, section 6.4.1).
    pub round_trip_time: Option<Duration>,
}

/// The statistics of a stream that is sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SendStats {
    /// The stream.
    pub ssrc: Ssrc,
    /// Audio or video.
    pub kind: Kind,
    /// The packets sent.
    pub packets: u64,
    /// The bytes of payload sent, without padding.
    pub payload_bytes: u64,
    /// The bytes of RTP headers and padding sent.
    pub header_bytes: u64,
    /// The last report of the peer.
    pub remote: Option<RemoteReport>,
    /// The picture loss indications received.
    pub plis: u64,
    /// The full intra requests received, without repetitions.
    pub firs: u64,
    /// The NACK packets received.
    pub nacks: u64,
}

impl SendStream {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            packets: 0,
            payload_bytes: 0,
            header_bytes: 0,
            last: None,
            quiet_reports: 0,
            remote: None,
            plis: 0,
            firs: 0,
            nacks: 0,
            last_intra: None,
            throttle: Throttle::default(),
            request_pending: false,
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether this counts as a sender: it sent since the report before the last one (RFC 3550, section 6.3.8).
    pub(crate) const fn is_sending(&self) -> bool {
        self.last.is_some() && self.quiet_reports < 2
    }

    pub(crate) fn sent(&mut self, now: Instant, header: &RtpHeader, format: Format) {
        self.packets += 1;
        let (payload, rest) = byte_counts(header);
        self.payload_bytes += payload;
        self.header_bytes += rest;
        self.last = Some(Sent { at: now, timestamp: header.timestamp(), clock_rate: format.clock_rate });
        self.quiet_reports = 0;
    }

    /// The report on this stream at `now`, if anything was sent yet.
    pub(crate) fn report(&self, now: Instant, ntp_time: NtpTime, ssrc: Ssrc) -> Option<SenderInfo> {
        let last = self.last?;
        // The same moment as the NTP time: the timestamp of the last packet, and what its clock counted since.
        let elapsed = now.saturating_duration_since(last.at).as_nanos();
        let since = elapsed * u128::from(last.clock_rate) / 1_000_000_000;
        Some(SenderInfo {
            ssrc,
            ntp_time,
            rtp_timestamp: last.timestamp.wrapping_add(low_bits(since)),
            packet_count: low_bits(self.packets.into()),
            octet_count: low_bits(self.payload_bytes.into()),
        })
    }

    /// Takes in the peer's report on this stream, which came at `now`, in NTP `ntp_time`.
    pub(crate) fn handle_report(&mut self, now: Instant, ntp_time: NtpTime, block: &ReportBlock) {
        let clock_rate = self.last.map_or(0, |last| last.clock_rate);
        let jitter = (u64::from(block.jitter) * 1_000_000_000).checked_div(u64::from(clock_rate));
        let round_trip_time = (block.last_sender_report != 0)
            .then(|| {
                ntp_time
                    .middle()
                    .wrapping_sub(block.last_sender_report)
                    .wrapping_sub(block.delay_since_last_sender_report)
            })
            // A report from the future has a wrong clock or is forged: half of the circle counts as negative.
            .filter(|units| *units < 1 << 31)
            .map(|units| Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16));
        self.remote = Some(RemoteReport {
            at: now,
            fraction_lost: f64::from(block.fraction_lost) / 256.0,
            lost: block.cumulative_lost,
            jitter: Duration::from_nanos(jitter.unwrap_or(0)),
            round_trip_time,
        });
    }

    pub(crate) fn handle_pli(&mut self) {
        self.plis += 1;
    }

    pub(crate) fn handle_nack(&mut self) {
        self.nacks += 1;
    }

    /// Takes in a full intra request and returns whether it is a new command, not a repetition of the last one
    /// (RFC 5104, section 4.3.1.2).
    pub(crate) fn handle_fir(&mut self, sender: Ssrc, entry: FullIntraRequestEntry) -> bool {
        let command = Some((sender, entry.command));
        if self.last_intra == command {
            return false;
        }
        self.last_intra = command;
        self.firs += 1;
        true
    }

    pub(crate) fn stats(&self, ssrc: Ssrc) -> SendStats {
        SendStats {
            ssrc,
            kind: self.kind,
            packets: self.packets,
            payload_bytes: self.payload_bytes,
            header_bytes: self.header_bytes,
            remote: self.remote,
            plis: self.plis,
            firs: self.firs,
            nacks: self.nacks,
        }
    }
}

/// The lowest 32 bits.
fn low_bits(value: u128) -> u32 {
    let [.., a, b, c, d] = value.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
