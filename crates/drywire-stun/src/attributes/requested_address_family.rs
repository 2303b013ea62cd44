use drywire_core::Writer;

use super::{AddressFamily, Attribute, AttributeType};
use crate::TransactionId;

/// REQUESTED-ADDRESS-FAMILY: which IP version the relayed address shall have (RFC 8656, section 18.6). A server that does
/// not know the value answers 440: a value that is not known here is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestedAddressFamily(pub AddressFamily);

impl Attribute<'_> for RequestedAddressFamily {
    const TYPE: AttributeType = AttributeType::REQUESTED_ADDRESS_FAMILY;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        AddressFamily::read(value).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        self.0.write(value);
    }
}
