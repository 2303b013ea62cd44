use std::net::SocketAddr;

use drywire_core::Writer;

use super::{Attribute, AttributeType, address};
use crate::TransactionId;

/// XOR-PEER-ADDRESS: the peer behind the relay, as the TURN server sees it, masked (RFC 8656, section 18.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct XorPeerAddress(pub SocketAddr);

impl Attribute<'_> for XorPeerAddress {
    const TYPE: AttributeType = AttributeType::XOR_PEER_ADDRESS;

    fn parse(value: &[u8], id: TransactionId) -> Option<Self> {
        address::read(value).map(|address| Self(address::xor(address, id)))
    }

    fn write(&self, id: TransactionId, value: &mut Writer<'_>) {
        address::write(address::xor(self.0, id), value);
    }
}
