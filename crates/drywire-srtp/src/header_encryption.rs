use std::fmt;

/// Which parts of the header of RTP packets are encrypted, besides the payload.
///
/// It is agreed in the session descriptions, so it can change with each offer and answer while the keys stay; see
/// [`Outbound::set_header_encryption`](crate::Outbound::set_header_encryption) and
/// [`Inbound::set_header_encryption`](crate::Inbound::set_header_encryption). RTCP is not concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderEncryption {
    /// Headers are in the clear.
    #[default]
    None,
    /// Cryptex (RFC 9335, `a=cryptex`): the contributing sources and the whole header extension, with the identifiers
    /// and lengths of its elements.
    ///
    /// Outbound, all packets that have sources or a header extension are encrypted so. A packet with sources and
    /// without a header extension gets an empty one, 4 bytes, that marks it. Inbound, packets in the clear are accepted
    /// as well: the sender decides for each packet (section 4).
    Cryptex,
    /// The values of the header extension elements with these identifiers (RFC 6904,
    /// `urn:ietf:params:rtp-hdrext:encrypt`). Identifiers and lengths stay in the clear.
    Extensions(ExtensionIds),
    /// Both were agreed on. Outbound it is [`Cryptex`](Self::Cryptex); inbound either is accepted, because a packet has
    /// one of the two and says which (RFC 9335, section 4).
    CryptexOrExtensions(ExtensionIds),
}

impl HeaderEncryption {
    /// Whether packets with Cryptex are sent or understood.
    #[must_use]
    pub const fn cryptex(self) -> bool {
        matches!(self, Self::Cryptex | Self::CryptexOrExtensions(_))
    }

    /// The elements whose values are encrypted in packets without Cryptex.
    #[must_use]
    pub const fn extensions(self) -> ExtensionIds {
        match self {
            Self::Extensions(ids) | Self::CryptexOrExtensions(ids) => ids,
            Self::None | Self::Cryptex => ExtensionIds::NONE,
        }
    }
}

/// A set of identifiers of header extension elements, 1 to 255 (RFC 8285).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    low: u128,
    high: u128,
}

impl ExtensionIds {
    /// The empty set.
    pub const NONE: Self = Self { low: 0, high: 0 };

    /// Adds an identifier. 0 is padding, not an element, and is never in a set.
    pub const fn insert(&mut self, id: u8) {
        let bit = 1 << (id & 0x7F);
        match id {
            0 => {}
            1..=0x7F => self.low |= bit,
            0x80.. => self.high |= bit,
        }
    }

    /// Whether the identifier is in the set.
    #[must_use]
    pub const fn contains(self, id: u8) -> bool {
        let half = if id < 0x80 { self.low } else { self.high };
        half >> (id & 0x7F) & 1 == 1
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.low == 0 && self.high == 0
    }

    /// The identifiers, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (1..=u8::MAX).filter(move |id| self.contains(*id))
    }
}

impl FromIterator<u8> for ExtensionIds {
    fn from_iter<I: IntoIterator<Item = u8>>(ids: I) -> Self {
        let mut set = Self::NONE;
        set.extend(ids);
        set
    }
}

impl Extend<u8> for ExtensionIds {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, ids: I) {
        for id in ids {
            self.insert(id);
        }
    }
}

impl fmt::Debug for ExtensionIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let ids: ExtensionIds = [1, 14, 0, 127, 128, 255, 14].into_iter().collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), [1, 14, 127, 128, 255]);
        assert!(!ids.contains(0) && !ids.contains(2) && !ids.is_empty());
        assert!(ExtensionIds::NONE.is_empty() && ExtensionIds::from_iter([0]).is_empty());
        assert_eq!(format!("{ids:?}"), "{1, 14, 127, 128, 255}");
    }

    #[test]
    fn what_was_agreed_says_what_is_encrypted() {
        let ids: ExtensionIds = [3].into_iter().collect();
        let both = HeaderEncryption::CryptexOrExtensions(ids);
        assert!(both.cryptex() && both.extensions().contains(3));
        assert!(HeaderEncryption::Cryptex.cryptex() && HeaderEncryption::Cryptex.extensions().is_empty());
        assert!(!HeaderEncryption::Extensions(ids).cryptex());
        assert_eq!(HeaderEncryption::default().extensions(), ExtensionIds::NONE);
    }
}
