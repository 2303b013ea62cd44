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
    /// The length of a header without a connection identifier.
    pub(crate) const LEN: usize = 13;
    /// Where the connection identifier stands.
    pub(crate) const ID_OFFSET: usize = 11;

    /// Reads a header; gives its length and the length of the body. `id_len` is the length of the connection identifier
    /// in records that have one. `None` when it is not a header.
    pub(crate) fn parse(bytes: &[u8], id_len: usize) -> Option<(Self, usize, usize)> {
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
        if content == ContentType::WithConnectionId {
            if epoch == 0 || id_len == 0 {
                return None;
            }
            reader.skip(id_len).ok()?;
        }
        let len = usize::from(reader.u16().ok()?);
        Some((Self { content, epoch, sequence }, reader.offset(), len))
    }

    /// The header's bytes, for a body of `len` bytes, without a connection identifier.
    pub(crate) fn bytes(content: ContentType, number: RecordNumber, len: usize) -> [u8; Self::LEN] {
        let [_, _, _, _, _, _, e0, e1] = number.epoch.to_be_bytes();
        let [_, _, s0, s1, s2, s3, s4, s5] = (number.sequence & MAX_SEQUENCE).to_be_bytes();
        let [v0, v1] = RECORD_VERSION.to_be_bytes();
        let [l0, l1] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        [content.code(), v0, v1, e0, e1, s0, s1, s2, s3, s4, s5, l0, l1]
    }

    /// Writes the header with the connection identifier `id`, which may be empty, to the start of `record`.
    pub(crate) fn put(
        record: &mut [u8],
        content: ContentType,
        number: RecordNumber,
        id: &[u8],
    ) -> Option<()> {
        let len = record.len().checked_sub(Self::LEN + id.len())?;
        let bytes = Self::bytes(content, number, len);
        let (fixed, length) = bytes.split_at(Self::ID_OFFSET);
        let (to, rest) = record.split_at_mut_checked(fixed.len())?;
        to.copy_from_slice(fixed);
        let (to, rest) = rest.split_at_mut_checked(id.len())?;
        to.copy_from_slice(id);
        rest.get_mut(..length.len())?.copy_from_slice(length);
        Some(())
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
        assert_eq!(PlaintextHeader::parse(&bytes, 0), Some((header, 13, 0x4A3)));
        assert_eq!(PlaintextHeader::parse(&bytes[..12], 0), None);
    }

    proptest! {
        #[test]
        fn round_trip(epoch in any::<u16>(), sequence in 0..=MAX_SEQUENCE, len in any::<u16>()) {
            let number = RecordNumber { epoch: epoch.into(), sequence };
            let bytes = PlaintextHeader::bytes(ContentType::Alert, number, len.into());
            let header = PlaintextHeader { content: ContentType::Alert, epoch, sequence };
            prop_assert_eq!(PlaintextHeader::parse(&bytes, 5), Some((header, 13, usize::from(len))));
        }

        #[test]
        fn round_trip_with_an_identifier(
            epoch in 1..=u16::MAX,
            sequence in 0..=MAX_SEQUENCE,
            id in proptest::collection::vec(any::<u8>(), 1..=255),
            len in 0_usize..300,
        ) {
            let number = RecordNumber { epoch: epoch.into(), sequence };
            let content = ContentType::WithConnectionId;
            let mut record = vec![0; PlaintextHeader::LEN + id.len() + len];
            PlaintextHeader::put(&mut record, content, number, &id).unwrap();
            let header = PlaintextHeader { content, epoch, sequence };
            let header_len = PlaintextHeader::LEN + id.len();
            prop_assert_eq!(PlaintextHeader::parse(&record, id.len()), Some((header, header_len, len)));
            prop_assert_eq!(&record[PlaintextHeader::ID_OFFSET..][..id.len()], &id[..]);
            prop_assert_eq!(PlaintextHeader::parse(&record, 0), None);
        }
    }
}
