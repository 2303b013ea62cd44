use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// NOMINATION: the controlling agent nominates the pair of this check; of several nominations the one with the highest
/// number counts (draft-thatcher-ice-renomination-01, section 4), by libwebrtc's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nomination(pub u32);

impl Attribute<'_> for Nomination {
    const TYPE: AttributeType = AttributeType::NOMINATION;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let number = reader.u32().ok()?;
        reader.is_empty().then_some(Self(number))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u32(self.0);
    }
}
