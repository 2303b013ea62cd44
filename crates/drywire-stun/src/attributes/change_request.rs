use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// CHANGE-REQUEST: asks the server to answer from its other address, its other port, or both (RFC 5780,
/// section 7.2). It shows what a NAT lets in.
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 A B 0|
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChangeRequest {
    /// Flag A: answer from another IP address than the one asked.
    pub ip: bool,
    /// Flag B: answer from another port than the one asked.
    pub port: bool,
}

impl Attribute<'_> for ChangeRequest {
    const TYPE: AttributeType = AttributeType::CHANGE_REQUEST;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let flags = reader.u32().ok()?;
        reader.is_empty().then_some(Self { ip: flags & 4 != 0, port: flags & 2 != 0 })
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u32(u32::from(self.ip) << 2 | u32::from(self.port) << 1);
    }
}
