use drywire_core::Reader;

/// The number of a packet among all packets of its transport, on which transport-wide congestion control reports
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01). It wraps around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransportSequenceNumber(pub u16);

impl TransportSequenceNumber {
    /// The name in `a=extmap`.
    pub const URI: &'static str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

    /// Reads the value of an element.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        Reader::new(value).u16().ok().map(Self)
    }

    /// The value of the element.
    #[must_use]
    pub const fn value(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_sixteen_bits() {
        assert_eq!(TransportSequenceNumber::parse(&[0x12, 0x34]), Some(TransportSequenceNumber(0x1234)));
        assert_eq!(TransportSequenceNumber(0x1234).value(), [0x12, 0x34]);
        assert_eq!(TransportSequenceNumber::parse(&[1]), None);
    }
}
