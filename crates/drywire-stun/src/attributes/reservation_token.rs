use drywire_core::Writer;

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// RESERVATION-TOKEN: names a port that was kept by [`EvenPort`](super::EvenPort) (RFC 8656, section 18.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReservationToken(pub [u8; 8]);

impl Attribute<'_> for ReservationToken {
    const TYPE: AttributeType = AttributeType::RESERVATION_TOKEN;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        value.try_into().ok().map(Self)
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(&self.0);
    }
}
