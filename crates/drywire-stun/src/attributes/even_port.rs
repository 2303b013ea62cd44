use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// EVEN-PORT: the relayed port shall be even (RFC 8656, section 18.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvenPort {
    /// Whether the next port shall be kept for a later allocation, the `R` bit.
    pub reserve_next: bool,
}

impl Attribute<'_> for EvenPort {
    const TYPE: AttributeType = AttributeType::EVEN_PORT;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let bits = reader.u8().ok()?;
        reader.is_empty().then_some(Self { reserve_next: bits & 0x80 != 0 })
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u8(if self.reserve_next { 0x80 } else { 0 });
    }
}
