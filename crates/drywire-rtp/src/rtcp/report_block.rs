use drywire_core::{Reader, UnexpectedEnd, Writer};

use super::MAX_COUNT;
use crate::Ssrc;

/// How one RTP stream is received, as its receiver reports it (RFC 3550, section 6.4.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                 SSRC_1 (SSRC of first source)                 |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | fraction lost |       cumulative number of packets lost       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           extended highest sequence number received           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      interarrival jitter                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         last SR (LSR)                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                   delay since last SR (DLSR)                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream reported on.
    pub ssrc: Ssrc,
    /// The share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// The packets lost since the beginning; negative when there are more duplicates than losses. Written with 24
    /// bits: what does not fit is clamped (RFC 3550, appendix A.3).
    pub cumulative_lost: i32,
    /// The highest sequence number received, with the count of its cycles in the upper 16 bits.
    pub highest_sequence_number: u32,
    /// The interarrival jitter, in units of the stream's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last SR from the stream's sender, 0 if there was none.
    pub last_sender_report: u32,
    /// The time since that SR came, in units of 1/65536 seconds, 0 if there was none.
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    pub(super) const LEN: usize = 24;
    const MAX_LOST: i32 = (1 << 23) - 1;
    const MIN_LOST: i32 = -(1 << 23);

    fn read(reader: &mut Reader<'_>) -> Result<Self, UnexpectedEnd> {
        Ok(Self {
            ssrc: Ssrc(reader.u32()?),
            fraction_lost: reader.u8()?,
            cumulative_lost: {
                let [a, b, c] = reader.array()?;
                // Shifted down from the top, the sign of the 24-bit number is kept.
                i32::from_be_bytes([a, b, c, 0]) >> 8
            },
            highest_sequence_number: reader.u32()?,
            jitter: reader.u32()?,
            last_sender_report: reader.u32()?,
            delay_since_last_sender_report: reader.u32()?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        let lost = self.cumulative_lost.clamp(Self::MIN_LOST, Self::MAX_LOST);
        writer
            .u32(self.ssrc.0)
            .u8(self.fraction_lost)
            .u24(u32::from_be_bytes(lost.to_be_bytes()))
            .u32(self.highest_sequence_number)
            .u32(self.jitter)
            .u32(self.last_sender_report)
            .u32(self.delay_since_last_sender_report);
    }

    /// Writes at most 31 blocks and returns how many.
    pub(super) fn write_all(writer: &mut Writer<'_>, blocks: impl IntoIterator<Item = Self>) -> u8 {
        let mut count = 0;
        for block in blocks.into_iter().take(MAX_COUNT) {
            block.write(writer);
            count += 1;
        }
        count
    }
}

/// The report blocks of an SR or RR, in order.
#[derive(Clone, Copy, Debug)]
pub struct ReportBlocks<'a>(Reader<'a>);

impl<'a> ReportBlocks<'a> {
    pub(super) fn parse(count: u8, reader: &mut Reader<'a>) -> Result<Self, UnexpectedEnd> {
        reader.sub(usize::from(count) * ReportBlock::LEN).map(Self)
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        ReportBlock::read(&mut self.0).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.0.remaining() / ReportBlock::LEN;
        (count, Some(count))
    }
}

impl ExactSizeIterator for ReportBlocks<'_> {}
