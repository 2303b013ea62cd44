use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// ICE-CONTROLLING: the sender is the controlling agent; its tie-breaker (RFC 8445, section 7.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IceControlling(pub u64);

impl Attribute<'_> for IceControlling {
    const TYPE: AttributeType = AttributeType::ICE_CONTROLLING;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let number = reader.u64().ok()?;
        reader.is_empty().then_some(Self(number))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u64(self.0);
    }
}
