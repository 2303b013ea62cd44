use drywire_core::{Reader, Writer};

use super::{AddressFamily, Attribute, AttributeType};
use crate::TransactionId;

/// ADDRESS-ERROR-CODE: why one of two address families was not allocated, in the success response that brings the other
/// (RFC 8656, section 18.12).
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |  Family       |  Reserved, 0            |Class|     Number    |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |      Reason Phrase (variable)                                ..
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressErrorCode<'a> {
    /// Which family was not allocated.
    pub family: AddressFamily,
    /// 300 to 699.
    pub code: u16,
    /// For people; not compared.
    pub reason: &'a str,
}

impl<'a> Attribute<'a> for AddressErrorCode<'a> {
    const TYPE: AttributeType = AttributeType::ADDRESS_ERROR_CODE;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let family = AddressFamily::from_number(reader.u8().ok()?)?;
        let _reserved = reader.u8().ok()?;
        let (class, number) = (u16::from(reader.u8().ok()? & 7), u16::from(reader.u8().ok()?));
        if !(3..=6).contains(&class) || number > 99 {
            return None;
        }
        // A reason that is not UTF-8 does not make the code less true.
        let reason = str::from_utf8(reader.rest()).unwrap_or_default();
        Some(Self { family, code: class * 100 + number, reason })
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u8(self.family.number()).u8(0);
        value.u16(((self.code / 100) << 8) | (self.code % 100)).bytes(self.reason.as_bytes());
    }
}
