use drywire_core::Reader;

/// The unified header of `DTLSCiphertext` (RFC 9147, section 4):
///
/// ```text
///  0 1 2 3 4 5 6 7
/// +-+-+-+-+-+-+-+-+
/// |0|0|1|C|S|L|E E|
/// +-+-+-+-+-+-+-+-+
/// | Connection ID |   C: connection identifier present; none is negotiated here
/// | (if any)      |
/// +-+-+-+-+-+-+-+-+
/// |  8 or 16 bit  |   S: 0 for 8 bits, 1 for 16 bits
/// |Sequence Number|
/// +-+-+-+-+-+-+-+-+
/// | 16 bit Length |   L: present
/// | (if present)  |
/// +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnifiedHeader {
    /// The two lowest bits of the epoch.
    pub(crate) epoch_bits: u8,
    /// Whether the sequence number has 16 bits.
    pub(crate) long_sequence: bool,
    /// Whether the length is there.
    pub(crate) has_length: bool,
}

impl UnifiedHeader {
    /// The length of the headers that we write: 16 bits of sequence number, and the length.
    pub(crate) const LEN: usize = 5;

    /// Reads a header; gives its length and the length of the body. `None` when it is not one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, usize, usize)> {
        let mut reader = Reader::new(bytes);
        let first = reader.u8().ok()?;
        // A connection identifier that was not negotiated: the record cannot be read (RFC 9147, section 4).
        if first & 0xE0 != 0x20 || first & 0x10 != 0 {
            return None;
        }
        let (long_sequence, has_length) = (first & 0x08 != 0, first & 0x04 != 0);
        reader.skip(if long_sequence { 2 } else { 1 }).ok()?;
        let len = if has_length { usize::from(reader.u16().ok()?) } else { reader.remaining() };
        let header = Self { epoch_bits: first & 0x03, long_sequence, has_length };
        Some((header, reader.offset(), len))
    }

    /// The header that we write, with the sequence number in the clear.
    pub(crate) fn bytes(epoch: u64, sequence: u64, len: usize) -> [u8; Self::LEN] {
        let [.., epoch_bits] = (epoch & 3).to_be_bytes();
        let [.., s0, s1] = sequence.to_be_bytes();
        let [l0, l1] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        [0x2C | epoch_bits, s0, s1, l0, l1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_all_forms_without_connection_identifier() {
        let long = UnifiedHeader { epoch_bits: 2, long_sequence: true, has_length: true };
        assert_eq!(UnifiedHeader::parse(&[0x2E, 1, 2, 0, 3, 9, 9, 9]), Some((long, 5, 3)));
        let short = UnifiedHeader { epoch_bits: 3, long_sequence: false, has_length: false };
        assert_eq!(UnifiedHeader::parse(&[0x23, 1, 9, 9, 9]), Some((short, 2, 3)));
        assert_eq!(UnifiedHeader::parse(&[0x3E, 1, 2, 0, 3, 9, 9, 9]), None);
        assert_eq!(UnifiedHeader::parse(&[0x2E, 1, 2, 0]), None);
    }

    proptest! {
        #[test]
        fn round_trip(epoch in 0_u64..1000, sequence in any::<u16>(), len in any::<u16>()) {
            let bytes = UnifiedHeader::bytes(epoch, sequence.into(), len.into());
            let (header, header_len, body_len) = UnifiedHeader::parse(&bytes).unwrap();
            prop_assert_eq!((header_len, body_len), (5, usize::from(len)));
            prop_assert_eq!(u64::from(header.epoch_bits), epoch % 4);
            prop_assert_eq!(&bytes[1..3], sequence.to_be_bytes());
        }
    }
}
