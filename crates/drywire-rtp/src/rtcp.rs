//! RTCP packets (RFC 3550, section 6; RFC 4585, section 6).
//!
//! [`Compound`] walks a datagram and yields typed [`Packet`]s that borrow from it; each type has a `write` that appends
//! one packet. A datagram need not begin with a report: reduced-size RTCP (RFC 5506) is what WebRTC uses.

mod compound;
mod fir;
mod goodbye;
mod nack;
mod pli;
mod receiver_report;
mod report_block;
mod sender_report;
mod source_description;
#[cfg(test)]
mod tests;
mod unknown;

pub use compound::{Compound, Packet};
pub use fir::{FullIntraRequest, FullIntraRequestEntry};
pub use goodbye::Goodbye;
pub use nack::Nack;
pub use pli::PictureLossIndication;
pub use receiver_report::ReceiverReport;
pub use report_block::{ReportBlock, ReportBlocks};
pub use sender_report::{SenderInfo, SenderReport};
pub use source_description::{Chunk, ItemType, SourceDescription};
pub use unknown::UnknownPacket;

use drywire_core::Writer;

/// The most entries that the 5-bit count of a header can tell: report blocks, sources, chunks.
pub const MAX_COUNT: usize = 31;

/// Whether a packet that came where RTP and RTCP share a port is RTCP: its second byte is 192 to 223
/// (RFC 5761, section 4). Says nothing about whether the packet is valid.
#[must_use]
pub fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [first, 192..=223, ..] if first >> 6 == 2)
}

/// Packet types (RFC 3550, section 12.1; RFC 4585, section 6.1).
mod packet_type {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const SOURCE_DESCRIPTION: u8 = 202;
    pub(super) const GOODBYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Appends one packet: the header, then what `body` writes. `body` returns the count or format of the header.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|   RC    |      PT       |             length            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
fn write_packet(out: &mut Vec<u8>, packet_type: u8, body: impl FnOnce(&mut Writer<'_>) -> u8) -> usize {
    let mut writer = Writer::new(out);
    writer.u8(0x80).u8(packet_type).u16(0);
    let count = body(&mut writer);
    writer.zeros(writer.len().next_multiple_of(4) - writer.len());
    let len = writer.len();
    // The length counts 32-bit words without the first. The bodies are bounded far below 2^18 bytes.
    let words = u16::try_from(len / 4).unwrap_or(u16::MAX).saturating_sub(1).to_be_bytes();
    if let Some(header) = writer.written_mut().first_chunk_mut::<4>() {
        *header = [0x80 | (count & 0x1F), packet_type, words[0], words[1]];
    }
    len
}
