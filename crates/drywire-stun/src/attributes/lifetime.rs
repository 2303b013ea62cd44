use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// LIFETIME: how long an allocation lasts without a refresh, in seconds (RFC 8656, section 18.2). 0 deletes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lifetime(pub u32);

impl Attribute<'_> for Lifetime {
    const TYPE: AttributeType = AttributeType::LIFETIME;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let seconds = reader.u32().ok()?;
        reader.is_empty().then_some(Self(seconds))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u32(self.0);
    }
}
