use std::net::SocketAddr;

use drywire_core::Writer;

use super::{Attribute, AttributeType, address};
use crate::TransactionId;

/// XOR-MAPPED-ADDRESS: the address that the request came from, masked (RFC 8489, section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct XorMappedAddress(pub SocketAddr);

impl Attribute<'_> for XorMappedAddress {
    const TYPE: AttributeType = AttributeType::XOR_MAPPED_ADDRESS;

    fn parse(value: &[u8], id: TransactionId) -> Option<Self> {
        address::read(value).map(|address| Self(address::xor(address, id)))
    }

    fn write(&self, id: TransactionId, value: &mut Writer<'_>) {
        address::write(address::xor(self.0, id), value);
    }
}
