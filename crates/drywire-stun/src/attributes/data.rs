use drywire_core::Writer;

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// DATA: the datagram that a Send or Data indication carries, without its UDP header (RFC 8656, section 18.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Data<'a>(pub &'a [u8]);

impl<'a> Attribute<'a> for Data<'a> {
    const TYPE: AttributeType = AttributeType::DATA;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        Some(Self(value))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(self.0);
    }
}
