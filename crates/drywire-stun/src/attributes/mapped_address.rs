use std::net::SocketAddr;

use drywire_core::Writer;

use super::{Attribute, AttributeType, address};
use crate::TransactionId;

/// MAPPED-ADDRESS: the address in clear, from servers of the time before RFC 5389 (RFC 8489, section 14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MappedAddress(pub SocketAddr);

impl Attribute<'_> for MappedAddress {
    const TYPE: AttributeType = AttributeType::MAPPED_ADDRESS;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        address::read(value).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        address::write(self.0, value);
    }
}
