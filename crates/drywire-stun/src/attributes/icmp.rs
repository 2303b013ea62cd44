use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// ICMP: the ICMP error that the server received for what it sent to a peer (RFC 8656, section 18.13).
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |  Reserved, 0                  |  ICMP Type  |  ICMP Code      |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |                          Error Data                           |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// The type has 7 bits, the code 9: all types of errors are below 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Icmp {
    /// The ICMP type, 0 to 127.
    pub icmp_type: u8,
    /// The ICMP code.
    pub code: u8,
    /// The MTU of the next hop for "packet too big" and "fragmentation needed", else 0.
    pub error_data: u32,
}

impl Attribute<'_> for Icmp {
    const TYPE: AttributeType = AttributeType::ICMP;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let (_, bits, error_data) = (reader.u16().ok()?, reader.u16().ok()?, reader.u32().ok()?);
        let (icmp_type, code) = (u8::try_from(bits >> 9).ok()?, u8::try_from(bits & 0x1FF).ok()?);
        reader.is_empty().then_some(Self { icmp_type, code, error_data })
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        let bits = (u16::from(self.icmp_type & 0x7F) << 9) | u16::from(self.code);
        value.u16(0).u16(bits).u32(self.error_data);
    }
}
