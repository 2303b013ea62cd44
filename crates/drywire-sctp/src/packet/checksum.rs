/// The CRC32c of `parts`, one after the other (RFC 9260, appendix A).
pub(crate) fn of_parts(parts: &[&[u8]]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    for part in parts {
        digest.update(part);
    }
    u32::try_from(digest.finalize()).unwrap_or(0)
}

/// The CRC32c of `bytes` (RFC 9260, appendix A), as a number. On the wire its lowest byte comes first.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // RFC 3720, section B.4, the values that RFC 9260 inherits.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(of_parts(&[b"1234", b"", b"56789"]), 0xe306_9283);
    }
}
