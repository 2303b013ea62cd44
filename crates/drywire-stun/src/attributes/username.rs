use drywire_core::Writer;

use super::{Attribute, AttributeType, text};
use crate::TransactionId;

/// USERNAME: who sends the message, and with which credential (RFC 8489, section 14.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Username<'a>(pub &'a str);

impl Username<'_> {
    /// The most bytes that are read: two ICE user name fragments of 256 and a colon. RFC 8489 asks for fewer than
    /// 509 of senders.
    pub const MAX_LEN: usize = 513;
}

impl<'a> Attribute<'a> for Username<'a> {
    const TYPE: AttributeType = AttributeType::USERNAME;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        text(value, Self::MAX_LEN).map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(self.0.as_bytes());
    }
}
