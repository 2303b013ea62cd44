use drywire_core::{Reader, Writer};

/// An IP version, as TURN asks for it (RFC 8656, section 18.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressFamily {
    /// IPv4: 1.
    V4,
    /// IPv6: 2.
    V6,
}

impl AddressFamily {
    /// The version of an address.
    #[must_use]
    pub const fn of(address: std::net::SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    pub(super) const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::V4),
            2 => Some(Self::V6),
            _ => None,
        }
    }

    /// Reads the family in the first of four bytes; the others are reserved and ignored.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let (number, _) = (reader.u8().ok()?, reader.u24().ok()?);
        if reader.is_empty() { Self::from_number(number) } else { None }
    }

    /// The inverse of [`read`](Self::read).
    pub(super) fn write(self, value: &mut Writer<'_>) {
        value.u8(self.number()).u24(0);
    }
}
