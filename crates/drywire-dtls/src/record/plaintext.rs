use drywire_core::Reader;

use super::number::MAX_SEQUENCE;
use super::{ContentType, RecordNumber};

/// The version that stands in all our records (RFC 9147, section 4.1).
pub(crate) const RECORD_VERSION: u16 = 0xFEFD;

/// The header of `DTLSPlaintext` and of every record of DTLS 1.2 (RFC 6347, section 4.1):
///
/// ```text
/// struct {
///     ContentType type;
///     ProtocolVersion version;
///     uint16 epoch;
///     uint48 sequence_number;
///     uint16 length;
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaintextHeader {
    pub(crate) content: ContentType,
    pub(crate) epoch: u16,
    pub(crate) sequence: u64,
}

impl PlaintextHeader {
    pub(crate) const LEN: usize = 13;

    /// Reads a header and the length of the body. `None` when it is not one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut reader = Reader::new(bytes);
        let content = ContentType::from_code(reader.u8().ok()?)?;
        // The version of a ClientHello may be DTLS 1.0; what is not protected is not judged by its version (RFC 9147,
        // section 4.1), but it is DTLS in any case.
        let version = reader.u16().ok()?;
        let epoch = reader.u16().ok()?;
        if version >> 8 != 0xFE || (epoch > 0 && version != RECORD_VERSION) {
            return None;
        }
        let sequence = reader.u48().ok()?;
        let len = usize::from(reader.u16().ok()?);
        Some((Self { content, epoch, sequence }, len))
    }

    /// The header's bytes, for a body of `len` bytes.
    pub(crate) fn bytes(content: ContentType, number: RecordNumber, len: usize) -> [u8; Self::LEN] {
        let [_, _, _, _, _, _, e0, e1] = number.epoch.to_be_bytes();
        let [_, _, s0, s1, s2, s3, s4, s5] = (number.sequence & MAX_SEQUENCE).to_be_bytes();
        let [v0, v1] = RECORD_VERSION.to_be_bytes();
        let [l0, l1] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        [content.code(), v0, v1, e0, e1, s0, s1, s2, s3, s4, s5, l0, l1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_header_of_a_browsers_hello() {
        let bytes = [0x16, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x04, 0xA3];
        let header = PlaintextHeader { content: ContentType::Handshake, epoch: 0, sequence: 1 };
        assert_eq!(PlaintextHeader::parse(&bytes), Some((header, 0x4A3)));
        assert_eq!(PlaintextHeader::parse(&bytes[..12]), None);
    }

    proptest! {
        #[test]
        fn round_trip(epoch in any::<u16>(), sequence in 0..=MAX_SEQUENCE, len in any::<u16>()) {
            let number = RecordNumber { epoch: epoch.into(), sequence };
            let bytes = PlaintextHeader::bytes(ContentType::Alert, number, len.into());
            let header = PlaintextHeader { content: ContentType::Alert, epoch, sequence };
            prop_assert_eq!(PlaintextHeader::parse(&bytes), Some((header, usize::from(len))));
        }
    }
}
