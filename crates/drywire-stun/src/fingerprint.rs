/// The value of FINGERPRINT over the bytes before it: CRC-32 of ITU V.42, turned so that protocols with a CRC-32 of
/// their own do not collide (RFC 8489, section 14.7).
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |         Type (0x8028)         |          Length (4)           |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |                     CRC-32 XOR 0x5354554e                     |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
pub(crate) fn checksum(before: &[u8]) -> u32 {
    crc32fast::hash(before) ^ 0x5354_554E
}
