use std::net::SocketAddr;

use drywire_core::Writer;

use super::{Attribute, AttributeType, address};
use crate::TransactionId;

/// ALTERNATE-SERVER: where the client should ask instead (RFC 8489, section 14.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AlternateServer(pub SocketAddr);

impl Attribute<'_> for AlternateServer {
    const TYPE: AttributeType = AttributeType::ALTERNATE_SERVER;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        address::read(value).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        address::write(self.0, value);
    }
}
