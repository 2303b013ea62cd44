use drywire_core::Writer;

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// DONT-FRAGMENT: what the server sends to peers shall have the DF bit (RFC 8656, section 18.9). A flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DontFragment;

impl Attribute<'_> for DontFragment {
    const TYPE: AttributeType = AttributeType::DONT_FRAGMENT;

    fn parse(_: &[u8], _: TransactionId) -> Option<Self> {
        Some(Self)
    }

    fn write(&self, _: TransactionId, _: &mut Writer<'_>) {}
}
