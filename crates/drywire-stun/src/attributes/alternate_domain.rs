use drywire_core::Writer;

use super::{Attribute, AttributeType, text};
use crate::TransactionId;

/// ALTERNATE-DOMAIN: the name in the certificate of the alternate server (RFC 8489, section 14.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AlternateDomain<'a>(pub &'a str);

impl AlternateDomain<'_> {
    /// The most bytes that a domain name has.
    pub const MAX_LEN: usize = 255;
}

impl<'a> Attribute<'a> for AlternateDomain<'a> {
    const TYPE: AttributeType = AttributeType::ALTERNATE_DOMAIN;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        text(value, Self::MAX_LEN).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(self.0.as_bytes());
    }
}
