use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// ICE-CONTROLLED: the sender is the controlled agent; its tie-breaker (RFC 8445, section 7.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IceControlled(pub u64);

impl Attribute<'_> for IceControlled {
    const TYPE: AttributeType = AttributeType::ICE_CONTROLLED;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let number = reader.u64().ok()?;
        reader.is_empty().then_some(Self(number))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u64(self.0);
    }
}
