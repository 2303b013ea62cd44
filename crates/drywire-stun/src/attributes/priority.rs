use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// PRIORITY: the priority of the peer-reflexive candidate that the check would give (RFC 8445, section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Priority(pub u32);

impl Attribute<'_> for Priority {
    const TYPE: AttributeType = AttributeType::PRIORITY;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let number = reader.u32().ok()?;
        reader.is_empty().then_some(Self(number))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u32(self.0);
    }
}
