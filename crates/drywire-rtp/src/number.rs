use std::fmt;

use drywire_core::Serial;

/// A synchronization source: who sent an RTP stream, within one session (RFC 3550, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Ssrc {
    fn from(value: u32) -> Self {
        Self(value)
    }
}

/// The format of an RTP payload: 7 bits whose meaning is negotiated (RFC 3550, section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// A payload type, or `None` above 127.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value < 0x80 { Some(Self(value)) } else { None }
    }

    /// The lowest seven bits of `value`.
    #[must_use]
    pub const fn from_bits(value: u8) -> Self {
        Self(value & 0x7F)
    }

    /// The number, 0 to 127.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The sequence number of an RTP packet; it wraps around (RFC 3550, section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SequenceNumber(pub u16);

impl SequenceNumber {
    /// The number `n` steps ahead.
    #[must_use]
    pub const fn add(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        self.add(1)
    }

    /// How many steps `self` is ahead of `earlier`, modulo 2^16.
    #[must_use]
    pub const fn distance_from(self, earlier: Self) -> u16 {
        self.0.wrapping_sub(earlier.0)
    }

    /// The number for comparison by serial-number arithmetic.
    #[must_use]
    pub const fn serial(self) -> Serial<u16> {
        Serial(self.0)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u16> for SequenceNumber {
    fn from(value: u16) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_have_seven_bits() {
        assert_eq!(PayloadType::new(127).map(PayloadType::value), Some(127));
        assert_eq!(PayloadType::new(128), None);
        assert_eq!(PayloadType::from_bits(0xE0).value(), 96);
    }

    #[test]
    fn sequence_numbers_wrap_around() {
        assert_eq!(SequenceNumber(65_535).next(), SequenceNumber(0));
        assert_eq!(SequenceNumber(1).distance_from(SequenceNumber(65_534)), 3);
        assert!(SequenceNumber(65_535).serial() < SequenceNumber(2).serial());
    }
}
