use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// NETWORK-COST: the number of the sender's network interface, and what it costs to use it, as libwebrtc has it: 16 bits
/// each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkCost(pub u32);

impl NetworkCost {
    /// The number and the cost of an interface, 0 to 999.
    #[must_use]
    pub const fn new(id: u16, cost: u16) -> Self {
        let ([a, b], [c, d]) = (id.to_be_bytes(), cost.to_be_bytes());
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// The number of the interface.
    #[must_use]
    pub const fn id(self) -> u16 {
        let [a, b, ..] = self.0.to_be_bytes();
        u16::from_be_bytes([a, b])
    }

    /// What it costs.
    #[must_use]
    pub const fn cost(self) -> u16 {
        let [.., c, d] = self.0.to_be_bytes();
        u16::from_be_bytes([c, d])
    }
}

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
