use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// ERROR-CODE: why a request was refused (RFC 8489, section 14.8).
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |           Reserved, should be 0         |Class|     Number    |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |      Reason Phrase (variable)                                ..
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode<'a> {
    /// 300 to 699.
    pub code: u16,
    /// For people; not compared.
    pub reason: &'a str,
}

impl ErrorCode<'static> {
    /// 300: another server serves this request.
    pub const TRY_ALTERNATE: Self = Self { code: 300, reason: "Try Alternate" };
    /// 400: the request is malformed.
    pub const BAD_REQUEST: Self = Self { code: 400, reason: "Bad Request" };
    /// 401: the request lacks the right credentials.
    pub const UNAUTHENTICATED: Self = Self { code: 401, reason: "Unauthenticated" };
    /// 420: the request has a comprehension-required attribute that is not known here.
    pub const UNKNOWN_ATTRIBUTE: Self = Self { code: 420, reason: "Unknown Attribute" };
    /// 438: the nonce is no longer valid.
    pub const STALE_NONCE: Self = Self { code: 438, reason: "Stale Nonce" };
    /// 487: both ICE agents believe to have the same role (RFC 8445, section 7.3.1.1).
    pub const ROLE_CONFLICT: Self = Self { code: 487, reason: "Role Conflict" };
    /// 500: the server failed for the moment.
    pub const SERVER_ERROR: Self = Self { code: 500, reason: "Server Error" };
}

impl<'a> Attribute<'a> for ErrorCode<'a> {
    const TYPE: AttributeType = AttributeType::ERROR_CODE;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let _reserved = reader.u16().ok()?;
        let (class, number) = (u16::from(reader.u8().ok()? & 7), u16::from(reader.u8().ok()?));
        if !(3..=6).contains(&class) || number > 99 {
            return None;
        }
        // A reason that is not UTF-8 does not make the code less true.
        let reason = str::from_utf8(reader.rest()).unwrap_or_default();
        Some(Self { code: class * 100 + number, reason })
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u16(0).u16(((self.code / 100) << 8) | (self.code % 100)).bytes(self.reason.as_bytes());
    }
}
