//! When reports are due, and how they are written.
//!
//! Sender and receiver reports go out together for all streams of the transport, in as few datagrams as hold them. The
//! interval is a fixed one, shorter when there is video, times a random factor from 0.5 to 1.5, so that peers do not
//! fall into step (RFC 3550, section 6.3.1). It is what libwebrtc does in place of the computation of section 6.2: with
//! two participants the rule that RTCP may take 5 % of the session's bandwidth gives intervals below a second, and the
//! receiver reports of a transport with many streams take 24 bytes a second for each.

use std::collections::{BTreeMap, VecDeque};

use drywire_core::{Duration, Instant, Rng};
use drywire_rtp::rtcp::{MAX_COUNT, ReceiverReport, SenderInfo, SenderReport, SourceDescription};
use drywire_rtp::{NtpTime, Ssrc};

use crate::Config;
use crate::receive::ReceiveStream;
use crate::send::SendStream;

/// The length of a sender report without blocks, with its header.
const SENDER_REPORT_LEN: usize = 28;
/// The length of a receiver report without blocks, with its header.
const RECEIVER_REPORT_LEN: usize = 8;
/// The length of a report block.
const BLOCK_LEN: usize = 24;
/// The length of the header of a packet.
const HEADER_LEN: usize = 4;

/// `interval` times a random factor from 0.5 to 1.5.
pub(crate) fn randomized(interval: Duration, rng: &mut Rng) -> Duration {
    interval / 2 + interval.saturating_mul(rng.below(1001)) / 1000
}

/// The reports that are due and not yet written.
#[derive(Debug, Default)]
pub(crate) struct ReportQueue {
    senders: VecDeque<Ssrc>,
    receivers: VecDeque<Ssrc>,
    /// Whose reports are in the datagram that is being written.
    reporters: Vec<Ssrc>,
}

impl ReportQueue {
    /// Makes reports due on everything that was sent or heard lately. Returns whether there is anything.
    pub(crate) fn fill(
        &mut self,
        senders: &mut BTreeMap<Ssrc, SendStream>,
        receivers: &BTreeMap<Ssrc, ReceiveStream>,
    ) -> bool {
        self.clear();
        for (ssrc, sender) in senders {
            if sender.is_sending() {
                self.senders.push_back(*ssrc);
                sender.quiet_reports += 1;
            }
        }
        self.receivers.extend(receivers.iter().filter(|(_, stream)| stream.heard).map(|(ssrc, _)| *ssrc));
        !(self.senders.is_empty() && self.receivers.is_empty())
    }

    pub(crate) fn clear(&mut self) {
        self.senders.clear();
        self.receivers.clear();
    }

    /// Appends one datagram: sender reports, or else a receiver report from `reporter`; with blocks on what is
    /// received; and a description of all that report.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        config: &Config,
        reporter: Ssrc,
        senders: &BTreeMap<Ssrc, SendStream>,
        receivers: &mut BTreeMap<Ssrc, ReceiveStream>,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let start = out.len();
        let budget = config.max_datagram_len;
        let chunk_len = chunk_len(&config.cname);
        let sender = self.next_sender(now, config, senders);
        while self.receivers.front().is_some_and(|ssrc| !receivers.contains_key(ssrc)) {
            self.receivers.pop_front();
        }
        if sender.is_none() && self.receivers.is_empty() {
            return None;
        }
        let report_len = if sender.is_some() { SENDER_REPORT_LEN } else { RECEIVER_REPORT_LEN };
        let room = budget.saturating_sub(report_len + HEADER_LEN + chunk_len);
        let queue = &mut self.receivers;
        let blocks = std::iter::from_fn(|| {
            // Streams that have gone in the meantime are skipped.
            std::iter::from_fn(|| queue.pop_front())
                .find_map(|ssrc| receivers.get_mut(&ssrc).map(|stream| stream.report(now, ssrc)))
        });
        let blocks = blocks.take((room / BLOCK_LEN).clamp(1, MAX_COUNT));
        self.reporters.clear();
        match sender {
            Some(info) => {
                SenderReport::write(out, &info, blocks);
                self.reporters.push(info.ssrc);
            }
            None => {
                ReceiverReport::write(out, reporter, blocks);
                self.reporters.push(reporter);
            }
        }
        while self.reporters.len() < MAX_COUNT
            && out.len() - start + SENDER_REPORT_LEN + HEADER_LEN + chunk_len * (self.reporters.len() + 1)
                <= budget
            && let Some(info) = self.next_sender(now, config, senders)
        {
            SenderReport::write(out, &info, []);
            self.reporters.push(info.ssrc);
        }
        write_names(out, &self.reporters, config);
        Some(out.len() - start)
    }

    fn next_sender(
        &mut self,
        now: Instant,
        config: &Config,
        senders: &BTreeMap<Ssrc, SendStream>,
    ) -> Option<SenderInfo> {
        let ntp_time = NtpTime::from_unix(config.wall_clock.since_1970(now));
        std::iter::from_fn(|| self.senders.pop_front())
            .find_map(|ssrc| senders.get(&ssrc)?.report(now, ntp_time, ssrc))
    }
}

/// Appends a source description that gives all `sources` our canonical name.
pub(crate) fn write_names(out: &mut Vec<u8>, sources: &[Ssrc], config: &Config) {
    SourceDescription::write_cnames(out, sources.iter().map(|ssrc| (*ssrc, config.cname.as_str())));
}

/// The length of the description of one source: SSRC, item header, name, one to four zeros.
fn chunk_len(cname: &str) -> usize {
    4 + (2 + cname.len().min(255) + 1).next_multiple_of(4)
}
