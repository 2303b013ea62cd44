use drywire_core::Writer;

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// DTLS-IN-STUN-DATA: one datagram of a DTLS handshake that rides on an ICE check or its response; empty when the
/// sender could carry one and has none (draft-hancke-webrtc-sped-00). The number is that of Chromium's, which calls
/// it META-DTLS-IN-STUN.
///
/// To STUN the value is opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DtlsInStunData<'a>(pub &'a [u8]);

impl<'a> Attribute<'a> for DtlsInStunData<'a> {
    const TYPE: AttributeType = AttributeType::DTLS_IN_STUN_DATA;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        Some(Self(value))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(self.0);
    }
}
