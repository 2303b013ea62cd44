use drywire_core::Reader;

use super::{
    FullIntraRequest, Goodbye, Nack, PictureLossIndication, ReceiverReport, SenderReport, SourceDescription,
    UnknownPacket, packet_type,
};
use crate::{ParseError, ParseErrorKind};

/// One packet out of a compound.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// SR, type 200.
    SenderReport(SenderReport<'a>),
    /// RR, type 201.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES, type 202.
    SourceDescription(SourceDescription<'a>),
    /// BYE, type 203.
    Goodbye(Goodbye<'a>),
    /// Generic NACK, type 205 format 1.
    Nack(Nack<'a>),
    /// PLI, type 206 format 1.
    PictureLossIndication(PictureLossIndication),
    /// FIR, type 206 format 4.
    FullIntraRequest(FullIntraRequest<'a>),
    /// Anything else, as it came.
    Unknown(UnknownPacket<'a>),
}

/// The packets of one RTCP datagram, in order.
///
/// Total: a packet whose content is malformed is yielded as an error, and the walk goes on behind it, because its
/// header told where it ends. A header that cannot be trusted is an error and ends the walk. What order and what kinds
/// of packets there are is not judged (RFC 5506).
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    reader: Reader<'a>,
}

impl<'a> Compound<'a> {
    /// Begins at the first packet of a datagram in plaintext.
    #[must_use]
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self { reader: Reader::new(datagram) }
    }

    fn take(&mut self) -> Result<(u8, u8, Reader<'a>), ParseError> {
        let offset = self.reader.offset();
        let [first, packet_type, words @ ..] = self.reader.array::<4>()?;
        if first >> 6 != 2 {
            return Err(ParseError::new(ParseErrorKind::Version, offset));
        }
        let len = 4 * usize::from(u16::from_be_bytes(words));
        let mut body = self.reader.sub(len)?;
        if first & 0x20 != 0 {
            // Padding, in its last byte counted with itself, in whole words (RFC 3550, section 6.4.1).
            let count = usize::from(body.peek().last().copied().unwrap_or(0));
            let invalid = ParseError::new(ParseErrorKind::Padding, body.offset() + len);
            if count == 0 || count % 4 != 0 {
                return Err(invalid);
            }
            body = body.sub(len.checked_sub(count).ok_or(invalid)?)?;
        }
        Ok((first & 0x1F, packet_type, body))
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Packet<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        match self.take() {
            Ok((count, packet_type, body)) => Some(Packet::parse(count, packet_type, body)),
            Err(error) => {
                self.reader.rest();
                Some(Err(error))
            }
        }
    }
}

impl std::iter::FusedIterator for Compound<'_> {}

impl<'a> Packet<'a> {
    /// Reads the body of a packet. `count` is the 5-bit field of the header: a count or a format.
    fn parse(count: u8, packet_type: u8, body: Reader<'a>) -> Result<Self, ParseError> {
        Ok(match (packet_type, count) {
            (packet_type::SENDER_REPORT, _) => Self::SenderReport(SenderReport::parse(count, body)?),
            (packet_type::RECEIVER_REPORT, _) => Self::ReceiverReport(ReceiverReport::parse(count, body)?),
            (packet_type::SOURCE_DESCRIPTION, _) => {
                Self::SourceDescription(SourceDescription::parse(count, body)?)
            }
            (packet_type::GOODBYE, _) => Self::Goodbye(Goodbye::parse(count, body)?),
            (packet_type::TRANSPORT_FEEDBACK, Nack::FORMAT) => Self::Nack(Nack::parse(body)?),
            (packet_type::PAYLOAD_FEEDBACK, PictureLossIndication::FORMAT) => {
                Self::PictureLossIndication(PictureLossIndication::parse(body)?)
            }
            (packet_type::PAYLOAD_FEEDBACK, FullIntraRequest::FORMAT) => {
                Self::FullIntraRequest(FullIntraRequest::parse(body)?)
            }
            _ => Self::Unknown(UnknownPacket { packet_type, count, body: body.peek() }),
        })
    }
}
