use drywire_core::Reader;

use super::{ReportBlock, ReportBlocks, packet_type, write_packet};
use crate::{ParseError, Ssrc};

/// RR: a report about what is received, from one that sends nothing (RFC 3550, section 6.4.2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|    RC   |   PT=RR=201   |             length            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     SSRC of packet sender                     |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |                        report blocks                          |
/// |                             ....                              |
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub sender: Ssrc,
    /// About the streams that it receives.
    pub reports: ReportBlocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    /// Profile-specific extensions after the report blocks are ignored.
    pub(super) fn parse(count: u8, mut reader: Reader<'a>) -> Result<Self, ParseError> {
        Ok(Self { sender: Ssrc(reader.u32()?), reports: ReportBlocks::parse(count, &mut reader)? })
    }
}

impl ReceiverReport<'_> {
    /// Appends a report with at most 31 blocks and returns its length in bytes.
    pub fn write(out: &mut Vec<u8>, sender: Ssrc, reports: impl IntoIterator<Item = ReportBlock>) -> usize {
        write_packet(out, packet_type::RECEIVER_REPORT, |writer| {
            writer.u32(sender.0);
            ReportBlock::write_all(writer, reports)
        })
    }
}
