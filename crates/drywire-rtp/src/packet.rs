use crate::extension::Elements;
use crate::{ParseError, RtpHeader, Ssrc};

/// An RTP packet in plaintext: its header together with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct RtpPacket<'a> {
    header: RtpHeader,
    bytes: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a packet that is not encrypted.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Ok(Self { header: RtpHeader::parse(bytes)?, bytes })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &RtpHeader {
        &self.header
    }

    /// The whole packet.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The payload, without padding.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.header.payload(self.bytes)
    }

    /// The contributing sources.
    pub fn csrcs(&self) -> impl Iterator<Item = Ssrc> + use<'a> {
        self.header.csrcs(self.bytes)
    }

    /// The elements of the header extension, in order.
    #[must_use]
    pub fn extensions(&self) -> Elements<'a> {
        self.header.extensions(self.bytes)
    }

    /// The first header extension element with this identifier.
    #[must_use]
    pub fn extension(&self, id: u8) -> Option<&'a [u8]> {
        self.header.extension(self.bytes, id)
    }
}
