/// The number of a record: its epoch, and its sequence number within the epoch (RFC 9147, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordNumber {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
}

/// The largest sequence number: 48 bits, in both versions.
pub(crate) const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// The sequence number whose lowest `bits` (8 or 16) are `low`, closest to `expected`, the highest number received
/// plus one (RFC 9147, section 4.2.2).
pub(crate) fn reconstruct(expected: u64, low: u16, bits: u32) -> u64 {
    let space = 1_u64 << bits;
    let candidate = (expected & !(space - 1)) | u64::from(low);
    let half = space / 2;
    if candidate + half < expected && candidate + space <= MAX_SEQUENCE {
        candidate + space
    } else if candidate > expected + half && candidate >= space {
        candidate - space
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_closest_number_is_taken() {
        assert_eq!(reconstruct(0, 0, 16), 0);
        assert_eq!(reconstruct(0, 0xFFFF, 16), 0xFFFF);
        assert_eq!(reconstruct(0x1_0000, 0xFFFF, 16), 0xFFFF);
        assert_eq!(reconstruct(0xFFFF, 0x0001, 16), 0x1_0001);
        assert_eq!(reconstruct(0x1_00FE, 0x02, 8), 0x1_0102);
        assert_eq!(reconstruct(MAX_SEQUENCE, 0, 16), MAX_SEQUENCE - 0xFFFF);
    }

    proptest! {
        #[test]
        fn numbers_within_half_the_space_come_back(expected in 0x2_0000..MAX_SEQUENCE - 0x2_0000, off in -0x7FFF_i64..0x7FFF) {
            let sequence = expected.checked_add_signed(off).unwrap();
            let low = u16::try_from(sequence & 0xFFFF).unwrap();
            prop_assert_eq!(reconstruct(expected, low, 16), sequence);
        }
    }
}
