use std::net::SocketAddr;

use drywire_core::Writer;

use super::{Attribute, AttributeType, address};
use crate::TransactionId;

/// RESPONSE-ORIGIN: the address that the server answers from (RFC 5780, section 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResponseOrigin(pub SocketAddr);

impl Attribute<'_> for ResponseOrigin {
    const TYPE: AttributeType = AttributeType::RESPONSE_ORIGIN;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        address::read(value).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        address::write(self.0, value);
    }
}
