use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// DTLS-IN-STUN-ACK: the CRC-32 of each of the latest datagrams that came in [`DtlsInStunData`](super::DtlsInStunData)
/// or beside it (draft-hancke-webrtc-sped-00), the oldest first. The number is that of Chromium's, which calls it
/// META-DTLS-IN-STUN-ACKNOWLEDGEMENT.
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |                     CRC-32 of a datagram                  ....
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// Holds the four that the draft recommends at most: of a longer list the last four count, which are the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DtlsInStunAck {
    checksums: [u32; Self::MAX],
    len: usize,
}

impl DtlsInStunAck {
    /// The most checksums in one attribute.
    pub const MAX: usize = 4;

    /// No checksum.
    #[must_use]
    pub const fn new() -> Self {
        Self { checksums: [0; Self::MAX], len: 0 }
    }

    /// The checksum of a datagram.
    #[must_use]
    pub fn checksum(datagram: &[u8]) -> u32 {
        crc32fast::hash(datagram)
    }

    /// Adds a checksum, for which the oldest makes room. One that is there already stays where it is.
    pub fn push(&mut self, checksum: u32) {
        if self.contains(checksum) {
            return;
        }
        if self.len == Self::MAX {
            self.checksums.rotate_left(1);
            self.len -= 1;
        }
        if let Some(slot) = self.checksums.get_mut(self.len) {
            *slot = checksum;
            self.len += 1;
        }
    }

    /// Whether a checksum is in the list.
    #[must_use]
    pub fn contains(&self, checksum: u32) -> bool {
        self.iter().any(|known| known == checksum)
    }

    /// The checksums, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.checksums.iter().take(self.len).copied()
    }
}

impl FromIterator<u32> for DtlsInStunAck {
    fn from_iter<T: IntoIterator<Item = u32>>(checksums: T) -> Self {
        let mut list = Self::default();
        for checksum in checksums {
            list.push(checksum);
        }
        list
    }
}

impl Attribute<'_> for DtlsInStunAck {
    const TYPE: AttributeType = AttributeType::DTLS_IN_STUN_ACK;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        if !value.len().is_multiple_of(4) {
            return None;
        }
        let mut reader = Reader::new(value);
        Some(std::iter::from_fn(|| reader.u32().ok()).collect())
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        for checksum in self.iter() {
            value.u32(checksum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_each_once() {
        let list: DtlsInStunAck = [1, 2, 2, 3, 1, 4, 5].into_iter().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert!(list.contains(2) && !list.contains(1));
        assert!(!DtlsInStunAck::default().contains(0));
    }

    #[test]
    fn the_checksum_is_that_of_the_draft() {
        // The check value of CRC-32/ISO-HDLC, the one of zlib and of RFC 8489, without the turn of FINGERPRINT.
        assert_eq!(DtlsInStunAck::checksum(b"123456789"), 0xCBF4_3926);
    }
}
