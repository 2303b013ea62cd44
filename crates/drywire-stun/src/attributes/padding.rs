use drywire_core::Writer;

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// PADDING: makes a message longer than the path's MTU, to see whether fragments get through (RFC 5780,
/// section 7.6). What the bytes are does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Padding {
    /// How many bytes; at most 65,000 make a message that can be sent.
    pub len: usize,
}

impl Attribute<'_> for Padding {
    const TYPE: AttributeType = AttributeType::PADDING;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        Some(Self { len: value.len() })
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        // More than a length field can say is refused by the builder; there is no need to write all of it.
        value.zeros(self.len.min(0x1_0000));
    }
}
