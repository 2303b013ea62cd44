//! Which protocol a datagram belongs to, by its first byte (RFC 7983, RFC 9443).

use drywire_rtp::is_rtcp;

/// The protocol of a datagram on the one transport of a peer connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// The shortest RTP packet and the shortest SRTCP packet have 12 bytes: a header, and in SRTCP a header of 8 bytes and
/// the index.
const SHORTEST_RTP: usize = 12;
/// A STUN header (RFC 8489, section 5).
const SHORTEST_STUN: usize = 20;

impl Kind {
    /// The protocol of `datagram`; `None` for what no protocol of WebRTC sends.
    pub(crate) fn of(datagram: &[u8]) -> Option<Self> {
        match datagram.first()? {
            0..=3 if datagram.len() >= SHORTEST_STUN => Some(Self::Stun),
            // RFC 9443, section 3: DTLS 1.3 uses up to 63.
            20..=63 => Some(Self::Dtls),
            128..=191 if datagram.len() >= SHORTEST_RTP => {
                Some(if is_rtcp(datagram) { Self::Rtcp } else { Self::Rtp })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a18_every_first_byte_and_length_is_one_class_or_none() {
        for first in 0..=u8::MAX {
            for len in 0..=32 {
                let mut datagram = vec![0; len];
                if let Some(byte) = datagram.first_mut() {
                    *byte = first;
                }
                let expected = match (first, len) {
                    (_, 0) => None,
                    (0..=3, 20..) => Some(Kind::Stun),
                    (20..=63, _) => Some(Kind::Dtls),
                    (128..=191, 12..) => Some(Kind::Rtp),
                    _ => None,
                };
                assert_eq!(Kind::of(&datagram), expected, "{first} {len}");
            }
        }
        for second in 0..=u8::MAX {
            let mut datagram = [0; 12];
            datagram[0] = 0x80;
            datagram[1] = second;
            let expected = if (192..=223).contains(&second) { Kind::Rtcp } else { Kind::Rtp };
            assert_eq!(Kind::of(&datagram), Some(expected), "{second}");
        }
    }
}
