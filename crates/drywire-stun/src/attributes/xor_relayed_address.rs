use std::net::SocketAddr;

use drywire_core::Writer;

use super::{Attribute, AttributeType, address};
use crate::TransactionId;

/// XOR-RELAYED-ADDRESS: the transport address that was allocated on the TURN server, masked (RFC 8656, section 18.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct XorRelayedAddress(pub SocketAddr);

impl Attribute<'_> for XorRelayedAddress {
    const TYPE: AttributeType = AttributeType::XOR_RELAYED_ADDRESS;

    fn parse(value: &[u8], id: TransactionId) -> Option<Self> {
        address::read(value).map(|address| Self(address::xor(address, id)))
    }

    fn write(&self, id: TransactionId, value: &mut Writer<'_>) {
        address::write(address::xor(self.0, id), value);
    }
}
