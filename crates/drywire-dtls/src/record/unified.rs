use drywire_core::Reader;

/// The unified header of `DTLSCiphertext` (RFC 9147, section 4):
///
/// ```text
///  0 1 2 3 4 5 6 7
/// +-+-+-+-+-+-+-+-+
/// |0|0|1|C|S|L|E E|
/// +-+-+-+-+-+-+-+-+
/// | Connection ID |   C: connection identifier present
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
    /// Whether there is a connection identifier.
    pub(crate) has_id: bool,
    /// Whether the sequence number has 16 bits.
    pub(crate) long_sequence: bool,
    /// Whether the length is there.
    pub(crate) has_length: bool,
}

impl UnifiedHeader {
    /// The length of the headers that we write, without the connection identifier: 16 bits of sequence number, and the
    /// length.
    pub(crate) const LEN: usize = 5;
    /// Where the connection identifier stands.
    pub(crate) const ID_OFFSET: usize = 1;

    /// Reads a header; gives its length and the length of the body. `id_len` is the length of the connection identifier
    /// in records that have one. `None` when it is not a header.
    pub(crate) fn parse(bytes: &[u8], id_len: usize) -> Option<(Self, usize, usize)> {
        let mut reader = Reader::new(bytes);
        let first = reader.u8().ok()?;
        // A connection identifier that was not negotiated: the record cannot be read (RFC 9147, section 4).
        let has_id = first & 0x10 != 0;
        if first & 0xE0 != 0x20 || (has_id && id_len == 0) {
            return None;
        }
        if has_id {
            reader.skip(id_len).ok()?;
        }
        let (long_sequence, has_length) = (first & 0x08 != 0, first & 0x04 != 0);
        reader.skip(if long_sequence { 2 } else { 1 }).ok()?;
        let len = if has_length { usize::from(reader.u16().ok()?) } else { reader.remaining() };
        let header = Self { epoch_bits: first & 0x03, has_id, long_sequence, has_length };
        Some((header, reader.offset(), len))
    }

    /// Writes our form of the header, with the sequence number in the clear and the connection identifier `id`, which may
    /// be empty, to `head`.
    pub(crate) fn put(head: &mut [u8], epoch: u64, sequence: u64, id: &[u8], len: usize) -> Option<()> {
        let [.., epoch_bits] = (epoch & 3).to_be_bytes();
        let [.., s0, s1] = sequence.to_be_bytes();
        let [l0, l1] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        let has_id = if id.is_empty() { 0 } else { 0x10 };
        let (first, rest) = head.split_first_mut()?;
        *first = 0x2C | has_id | epoch_bits;
        let (to, rest) = rest.split_at_mut_checked(id.len())?;
        to.copy_from_slice(id);
        *rest.first_chunk_mut()? = [s0, s1, l0, l1];
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_all_forms() {
        let long = UnifiedHeader { epoch_bits: 2, has_id: false, long_sequence: true, has_length: true };
        assert_eq!(UnifiedHeader::parse(&[0x2E, 1, 2, 0, 3, 9, 9, 9], 4), Some((long, 5, 3)));
        let short = UnifiedHeader { epoch_bits: 3, has_id: false, long_sequence: false, has_length: false };
        assert_eq!(UnifiedHeader::parse(&[0x23, 1, 9, 9, 9], 0), Some((short, 2, 3)));
        let with_id = UnifiedHeader { has_id: true, ..long };
        assert_eq!(UnifiedHeader::parse(&[0x3E, 7, 7, 1, 2, 0, 3, 9, 9, 9], 2), Some((with_id, 7, 3)));
        assert_eq!(UnifiedHeader::parse(&[0x3E, 1, 2, 0, 3, 9, 9, 9], 0), None);
        assert_eq!(UnifiedHeader::parse(&[0x2E, 1, 2, 0], 0), None);
        assert_eq!(UnifiedHeader::parse(&[0x33, 7], 2), None);
    }

    proptest! {
        #[test]
        fn round_trip(
            epoch in 0_u64..1000,
            sequence in any::<u16>(),
            len in any::<u16>(),
            id in proptest::collection::vec(any::<u8>(), 0..=255),
        ) {
            let mut bytes = vec![0; UnifiedHeader::LEN + id.len()];
            UnifiedHeader::put(&mut bytes, epoch, sequence.into(), &id, len.into()).unwrap();
            let (header, header_len, body_len) = UnifiedHeader::parse(&bytes, id.len()).unwrap();
            prop_assert_eq!((header_len, body_len), (5 + id.len(), usize::from(len)));
            prop_assert_eq!(u64::from(header.epoch_bits), epoch % 4);
            prop_assert_eq!(header.has_id, !id.is_empty());
            prop_assert_eq!(&bytes[1..][..id.len()], &id[..]);
            prop_assert_eq!(&bytes[1 + id.len()..][..2], sequence.to_be_bytes());
        }
    }
}
