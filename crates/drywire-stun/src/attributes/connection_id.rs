use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// CONNECTION-ID: names a connection to a peer of a TCP allocation (RFC 6062, section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u32);

impl Attribute<'_> for ConnectionId {
    const TYPE: AttributeType = AttributeType::CONNECTION_ID;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let id = reader.u32().ok()?;
        reader.is_empty().then_some(Self(id))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u32(self.0);
    }
}
