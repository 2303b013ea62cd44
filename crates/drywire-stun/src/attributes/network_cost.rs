use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// NETWORK-COST: Chromium's number and cost of the sender's network interface. Opaque here; ICE does not need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkCost(pub u32);

impl Attribute<'_> for NetworkCost {
    const TYPE: AttributeType = AttributeType::NETWORK_COST;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let number = reader.u32().ok()?;
        reader.is_empty().then_some(Self(number))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u32(self.0);
    }
}
