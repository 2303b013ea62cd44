use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// REQUESTED-TRANSPORT: by which protocol the server shall reach the peers, an IP protocol number
/// (RFC 8656, section 18.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestedTransport(pub u8);

impl RequestedTransport {
    /// TCP (RFC 6062).
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
}

impl Attribute<'_> for RequestedTransport {
    const TYPE: AttributeType = AttributeType::REQUESTED_TRANSPORT;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let (protocol, _) = (reader.u8().ok()?, reader.u24().ok()?);
        reader.is_empty().then_some(Self(protocol))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u8(self.0).u24(0);
    }
}
