use drywire_core::Writer;

use super::{AddressFamily, Attribute, AttributeType};
use crate::TransactionId;

/// ADDITIONAL-ADDRESS-FAMILY: a second relayed address is wanted besides the one of IPv4 (RFC 8656, section 18.11). Only IPv6
/// is allowed, which the server checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdditionalAddressFamily(pub AddressFamily);

impl Attribute<'_> for AdditionalAddressFamily {
    const TYPE: AttributeType = AttributeType::ADDITIONAL_ADDRESS_FAMILY;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        AddressFamily::read(value).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        self.0.write(value);
    }
}
