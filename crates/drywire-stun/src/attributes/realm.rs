use drywire_core::Writer;

use super::{Attribute, AttributeType, text};
use crate::TransactionId;

/// REALM: the domain that long-term credentials are for (RFC 8489, section 14.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Realm<'a>(pub &'a str);

impl Realm<'_> {
    /// The most bytes that the RFC allows. Longer values are read as malformed.
    pub const MAX_LEN: usize = 763;
}

impl<'a> Attribute<'a> for Realm<'a> {
    const TYPE: AttributeType = AttributeType::REALM;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        text(value, Self::MAX_LEN).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(self.0.as_bytes());
    }
}
