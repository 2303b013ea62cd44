use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// RESPONSE-PORT: asks the server to answer to another port of the client, to see how long a NAT keeps a binding
/// (RFC 5780, section 7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResponsePort(pub u16);

impl Attribute<'_> for ResponsePort {
    const TYPE: AttributeType = AttributeType::RESPONSE_PORT;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let port = reader.u16().ok()?;
        // The RFC shows two bytes of padding; some count them in the length.
        (reader.is_empty() || reader.remaining() == 2).then_some(Self(port))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u16(self.0);
    }
}
