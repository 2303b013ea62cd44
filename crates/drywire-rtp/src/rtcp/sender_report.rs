use drywire_core::Reader;

use super::{ReportBlock, ReportBlocks, packet_type, write_packet};
use crate::{NtpTime, ParseError, Ssrc};

/// What the sender of an RTP stream says about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// The stream.
    pub ssrc: Ssrc,
    /// When the report was sent.
    pub ntp_time: NtpTime,
    /// The same moment in the clock of the stream's timestamps.
    pub rtp_timestamp: u32,
    /// The packets sent since the beginning, modulo 2^32.
    pub packet_count: u32,
    /// The payload bytes sent since the beginning, without headers and padding, modulo 2^32.
    pub octet_count: u32,
}

/// SR: a sender's report about its stream, and about what it receives (RFC 3550, section 6.4.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|    RC   |   PT=SR=200   |             length            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         SSRC of sender                        |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |              NTP timestamp, most significant word             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             NTP timestamp, least significant word             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         RTP timestamp                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     sender's packet count                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                      sender's octet count                     |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |                        report blocks                          |
/// |                             ....                              |
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SenderReport<'a> {
    /// About the sender's own stream.
    pub info: SenderInfo,
    /// About the streams that it receives.
    pub reports: ReportBlocks<'a>,
}

impl<'a> SenderReport<'a> {
    /// Profile-specific extensions after the report blocks are ignored.
    pub(super) fn parse(count: u8, mut reader: Reader<'a>) -> Result<Self, ParseError> {
        let info = SenderInfo {
            ssrc: Ssrc(reader.u32()?),
            ntp_time: NtpTime(reader.u64()?),
            rtp_timestamp: reader.u32()?,
            packet_count: reader.u32()?,
            octet_count: reader.u32()?,
        };
        Ok(Self { info, reports: ReportBlocks::parse(count, &mut reader)? })
    }
}

impl SenderReport<'_> {
    /// Appends a report with at most 31 blocks and returns its length in bytes; further blocks are left where they
    /// are, for a receiver report behind it.
    pub fn write(
        out: &mut Vec<u8>,
        info: &SenderInfo,
        reports: impl IntoIterator<Item = ReportBlock>,
    ) -> usize {
        write_packet(out, packet_type::SENDER_REPORT, |writer| {
            writer
                .u32(info.ssrc.0)
                .u64(info.ntp_time.0)
                .u32(info.rtp_timestamp)
                .u32(info.packet_count)
                .u32(info.octet_count);
            ReportBlock::write_all(writer, reports)
        })
    }
}
