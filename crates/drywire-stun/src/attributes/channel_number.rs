use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// CHANNEL-NUMBER: the channel to bind to a peer (RFC 8656, section 18.1). Which numbers are channels is for the reader
/// to know: those from 0x4000 to 0x4FFF.
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |        Channel Number         |         Reserved, 0           |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelNumber(pub u16);

impl Attribute<'_> for ChannelNumber {
    const TYPE: AttributeType = AttributeType::CHANNEL_NUMBER;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        // The reserved half is ignored on reception.
        let (number, _) = (reader.u16().ok()?, reader.u16().ok()?);
        reader.is_empty().then_some(Self(number))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u16(self.0).u16(0);
    }
}
