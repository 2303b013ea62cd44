use drywire_core::Writer;

use super::{Attribute, AttributeType, text};
use crate::TransactionId;

/// NONCE: what the server wants back with the next request (RFC 8489, section 14.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce<'a>(pub &'a str);

impl Nonce<'_> {
    /// The most bytes that the RFC allows. Longer values are read as malformed.
    pub const MAX_LEN: usize = 763;
}

impl<'a> Attribute<'a> for Nonce<'a> {
    const TYPE: AttributeType = AttributeType::NONCE;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        text(value, Self::MAX_LEN).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(self.0.as_bytes());
    }
}

/// The alphabet of base64 (RFC 4648, section 4).
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a server says about itself within its nonce, so that nobody can take it out of the message
/// (RFC 8489, section 9.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SecurityFeatures(u32);

impl SecurityFeatures {
    /// The features of a server.
    #[must_use]
    pub const fn new(password_algorithms: bool, username_anonymity: bool) -> Self {
        let bits = if password_algorithms { 0x80_0000 } else { 0 };
        Self(if username_anonymity { bits | 0x40_0000 } else { bits })
    }

    /// What a nonce that carries these features begins with: the nonce cookie and 24 bits in four characters of
    /// base64 (RFC 8489, section 9.2).
    #[must_use]
    pub fn nonce_prefix(self) -> [u8; 13] {
        let mut prefix = *b"obMatJos2AAAA";
        let sextets = [18, 12, 6, 0].map(|shift| usize::try_from(self.0 >> shift & 63).unwrap_or(0));
        for (to, sextet) in prefix.iter_mut().skip(9).zip(sextets) {
            *to = BASE64.get(sextet).copied().unwrap_or(b'A');
        }
        prefix
    }

    /// Whether the server sends PASSWORD-ALGORITHMS: a challenge without them was tampered with.
    #[must_use]
    pub const fn password_algorithms(self) -> bool {
        self.0 & 0x80_0000 != 0
    }

    /// Whether the server takes USERHASH in place of USERNAME.
    #[must_use]
    pub const fn username_anonymity(self) -> bool {
        self.0 & 0x40_0000 != 0
    }
}

impl Nonce<'_> {
    /// The features behind the nonce cookie: `obMatJos2` and 24 bits in four characters of base64. `None` when the
    /// server is of the time before RFC 8489.
    #[must_use]
    pub fn security_features(&self) -> Option<SecurityFeatures> {
        let characters = self.0.strip_prefix("obMatJos2")?.as_bytes().first_chunk::<4>()?;
        characters
            .iter()
            .try_fold(0, |bits, character| {
                let six = match character {
                    b'A'..=b'Z' => character - b'A',
                    b'a'..=b'z' => character - b'a' + 26,
                    b'0'..=b'9' => character - b'0' + 52,
                    b'+' => 62,
                    b'/' => 63,
                    _ => return None,
                };
                Some(bits << 6 | u32::from(six))
            })
            .map(SecurityFeatures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_read_as_written() {
        for bits in [0, 1, 2, 3] {
            let features = SecurityFeatures::new(bits & 1 != 0, bits & 2 != 0);
            let prefix = features.nonce_prefix();
            assert_eq!(Nonce(str::from_utf8(&prefix).unwrap()).security_features(), Some(features));
        }
        assert_eq!(&SecurityFeatures::new(true, true).nonce_prefix(), b"obMatJos2wAAA");
    }

    #[test]
    fn the_cookie_carries_bits() {
        assert_eq!(Nonce("f//499k954d6OL34oL9FSTvy64sA").security_features(), None);
        let none = Nonce("obMatJos2AAAA").security_features().unwrap();
        assert!(!none.password_algorithms() && !none.username_anonymity());
        // Bit 0 is the most significant of the 24.
        let both = Nonce("obMatJos2wAAAf//499k").security_features().unwrap();
        assert!(both.password_algorithms() && both.username_anonymity());
        assert_eq!(Nonce("obMatJos2A?AA").security_features(), None);
        assert_eq!(Nonce("obMatJos2AA").security_features(), None);
    }
}
