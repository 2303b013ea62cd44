use std::net::SocketAddr;

use drywire_core::Writer;

use super::{Attribute, AttributeType, address};
use crate::TransactionId;

/// OTHER-ADDRESS: the address and port that the server would answer from with both flags of
/// CHANGE-REQUEST set (RFC 5780, section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OtherAddress(pub SocketAddr);

impl Attribute<'_> for OtherAddress {
    const TYPE: AttributeType = AttributeType::OTHER_ADDRESS;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        address::read(value).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        address::write(self.0, value);
    }
}
