use drywire_core::Writer;

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// MOBILITY-TICKET: what moves an allocation to another address of the client (RFC 8016, section 5). Empty in the
/// request that asks for mobility.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MobilityTicket<'a>(pub &'a [u8]);

impl<'a> Attribute<'a> for MobilityTicket<'a> {
    const TYPE: AttributeType = AttributeType::MOBILITY_TICKET;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        Some(Self(value))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(self.0);
    }
}
