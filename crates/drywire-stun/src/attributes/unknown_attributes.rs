use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// UNKNOWN-ATTRIBUTES: what a refused request had that the receiver does not know (RFC 8489, section 14.13).
///
/// Holds up to 16 types without allocation; more are left out, which only makes the peer's diagnosis poorer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnknownAttributes {
    types: [u16; 16],
    len: usize,
}

impl UnknownAttributes {
    /// The types in their order.
    pub fn iter(&self) -> impl Iterator<Item = AttributeType> {
        self.types.iter().take(self.len).copied().map(AttributeType::new)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl FromIterator<AttributeType> for UnknownAttributes {
    fn from_iter<T: IntoIterator<Item = AttributeType>>(types: T) -> Self {
        let mut list = Self::default();
        for attribute in types {
            let Some(slot) = list.types.get_mut(list.len) else { break };
            *slot = attribute.number();
            list.len += 1;
        }
        list
    }
}

impl Attribute<'_> for UnknownAttributes {
    const TYPE: AttributeType = AttributeType::UNKNOWN_ATTRIBUTES;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        if !value.len().is_multiple_of(2) {
            return None;
        }
        let mut reader = Reader::new(value);
        Some(std::iter::from_fn(|| reader.u16().ok()).map(AttributeType::new).collect())
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        for attribute in self.iter() {
            value.u16(attribute.number());
        }
    }
}
