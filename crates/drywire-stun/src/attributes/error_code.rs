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
    /// 300: another server shall be asked (RFC 8489, section 10).
    pub const TRY_ALTERNATE: Self = Self { code: 300, reason: "Try Alternate" };
    /// 400: the request is malformed.
    pub const BAD_REQUEST: Self = Self { code: 400, reason: "Bad Request" };
    /// 401: the request lacks the right credentials.
    pub const UNAUTHENTICATED: Self = Self { code: 401, reason: "Unauthenticated" };
    /// 403: the policy of the server does not allow it (RFC 8656, section 19).
    pub const FORBIDDEN: Self = Self { code: 403, reason: "Forbidden" };
    /// 405: the server does not let allocations move to another address (RFC 8016, section 3.1.2).
    pub const MOBILITY_FORBIDDEN: Self = Self { code: 405, reason: "Mobility Forbidden" };
    /// 420: the request has a comprehension-required attribute that is not known here.
    pub const UNKNOWN_ATTRIBUTE: Self = Self { code: 420, reason: "Unknown Attribute" };
    /// 437: there is no allocation, or there is one where there should be none (RFC 8656, section 19).
    pub const ALLOCATION_MISMATCH: Self = Self { code: 437, reason: "Allocation Mismatch" };
    /// 438: the nonce is no longer valid.
    pub const STALE_NONCE: Self = Self { code: 438, reason: "Stale Nonce" };
    /// 440: the server has no addresses of this IP version (RFC 8656, section 19).
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: Self = Self { code: 440, reason: "Address Family not Supported" };
    /// 441: not the credentials of who made the allocation (RFC 8656, section 19).
    pub const WRONG_CREDENTIALS: Self = Self { code: 441, reason: "Wrong Credentials" };
    /// 442: the server does not relay by this protocol (RFC 8656, section 19).
    pub const UNSUPPORTED_TRANSPORT_PROTOCOL: Self =
        Self { code: 442, reason: "Unsupported Transport Protocol" };
    /// 443: the peer's IP version is not that of the relayed address (RFC 8656, section 19).
    pub const PEER_ADDRESS_FAMILY_MISMATCH: Self = Self { code: 443, reason: "Peer Address Family Mismatch" };
    /// 446: there is a TCP connection to this peer already (RFC 6062, section 6.3).
    pub const CONNECTION_ALREADY_EXISTS: Self = Self { code: 446, reason: "Connection Already Exists" };
    /// 447: the peer does not take the TCP connection (RFC 6062, section 6.3).
    pub const CONNECTION_TIMEOUT_OR_FAILURE: Self =
        Self { code: 447, reason: "Connection Timeout or Failure" };
    /// 486: the user has as many allocations as allowed (RFC 8656, section 19).
    pub const ALLOCATION_QUOTA_REACHED: Self = Self { code: 486, reason: "Allocation Quota Reached" };
    /// 487: both ICE agents believe to have the same role (RFC 8445, section 7.3.1.1).
    pub const ROLE_CONFLICT: Self = Self { code: 487, reason: "Role Conflict" };
    /// 500: the server failed for the moment.
    pub const SERVER_ERROR: Self = Self { code: 500, reason: "Server Error" };
    /// 508: the server has no address, port or bandwidth left (RFC 8656, section 19).
    pub const INSUFFICIENT_CAPACITY: Self = Self { code: 508, reason: "Insufficient Capacity" };
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
